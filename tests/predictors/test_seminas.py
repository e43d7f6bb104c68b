import pickle

import numpy as np
import pytest
from sklearn.base import clone

from emprox.predictors import NAORegressor, SemiNASRegressor
from emprox.spaces import get_space

SPACE = get_space("nasbench201")
DECISIONS = SPACE.sample_decisions(120, random_state=0)
CELLS = np.array([SPACE.format(cell) for cell in SPACE.decode(DECISIONS)], dtype=object)
ACCURACIES = 70 + (np.array([1, -2, 4, 3, 0])[DECISIONS]).sum(axis=1).astype(float)
TOKENS = SPACE.tokenize(DECISIONS, "operations")
IS_KNOWN = np.random.default_rng(0).random(120) < 0.4
PARTLY = np.where(IS_KNOWN, ACCURACIES, np.nan)
PARAMETERS = {"embedding_dim": 8, "max_epochs": 4, "lr": 5e-3, "random_state": 0}


def small(**parameters):
    return SemiNASRegressor(**{**PARAMETERS, **parameters})


@pytest.fixture(scope="module")
def model():
    return small().fit(TOKENS, PARTLY)


def n_trained_with(model):
    """Count the samples of an epoch of the last training."""
    return sum(batch["train_batch_size"] for batch in model.net_.history[-1]["batches"])


def test_the_known_keep_their_accuracies(model):
    np.testing.assert_array_equal(model.transduction_[IS_KNOWN], ACCURACIES[IS_KNOWN])


def test_the_labels_are_those_of_nao(model):
    nao = NAORegressor(**PARAMETERS).fit(TOKENS[IS_KNOWN], ACCURACIES[IS_KNOWN])
    assert nao.vocabulary_.tolist() == model.vocabulary_.tolist()
    np.testing.assert_array_equal(model.transduction_[~IS_KNOWN], nao.predict(TOKENS[~IS_KNOWN]))
    # Training goes on after that.
    assert not np.array_equal(model.predict(TOKENS), nao.predict(TOKENS))


@pytest.mark.parametrize("n_repeats", [1, 10])
def test_the_known_are_repeated(n_repeats):
    model = small(n_repeats=n_repeats).fit(TOKENS, PARTLY)
    assert n_trained_with(model) == n_repeats * IS_KNOWN.sum() + (~IS_KNOWN).sum()
    assert len(model.net_.history) == 4


def test_tokens_of_the_unlabelled_are_known():
    # The highest token is in unlabelled samples only.
    y = np.where((TOKENS == 5).any(axis=1), np.nan, ACCURACIES)
    model = small().fit(TOKENS, y)
    assert model.vocabulary_.tolist() == [1, 2, 3, 4, 5]
    model.predict(TOKENS)  # warns of no unknown tokens


def test_learns_what_makes_cells_good():
    parameters = {"embedding_dim": 16, "max_epochs": 25}
    semi = small(**parameters).fit(TOKENS, PARTLY)
    error = np.abs(semi.predict(TOKENS) - ACCURACIES)[~IS_KNOWN].mean()
    assert error < ACCURACIES.std() / 2
    # It has seen much more than the first part alone.
    nao = NAORegressor(**{**PARAMETERS, **parameters}).fit(TOKENS[IS_KNOWN], ACCURACIES[IS_KNOWN])
    assert error < np.abs(nao.predict(TOKENS) - ACCURACIES)[~IS_KNOWN].mean()


class TestNothingUnlabelled:
    def test_without_a_space_it_is_nao(self):
        semi = small().fit(TOKENS, ACCURACIES)
        nao = NAORegressor(**PARAMETERS).fit(TOKENS, ACCURACIES)
        np.testing.assert_array_equal(semi.predict(TOKENS), nao.predict(TOKENS))
        np.testing.assert_array_equal(semi.transduction_, ACCURACIES)

    def test_as_many_as_are_known_are_drawn_from_the_space(self):
        model = small(space="nasbench201", sequence="operations").fit(CELLS, ACCURACIES)
        assert n_trained_with(model) == 11 * 120
        assert model.transduction_.shape == (120,)

    def test_the_drawn_are_others(self):
        model = small(space="nasbench201", sequence="operations").fit(CELLS[:3], ACCURACIES[:3])
        # Nearly the whole space is known: what is left is drawn, and no more.
        everything = SPACE.tokenize(
            SPACE.sample_decisions(SPACE.size, random_state=1), "operations"
        )
        left = everything[-5:]
        drawn = model._draw_others(everything[:-5], seed=0)
        assert sorted(drawn.tolist()) == sorted(left.tolist())
        assert len(model._draw_others(everything, seed=0)) == 0

    def test_a_space_of_which_everything_is_known(self):
        space = get_space("sequence")
        rows = [("a", "b"), ("a", "a"), ("b", "b"), ("b", "a")]
        assert space.is_open
        model = small(space="sequence", sequence=None).fit(rows, [1.0, 2.0, 3.0, 4.0])
        assert n_trained_with(model) == 4


def test_unlabelled_architectures_of_a_space():
    model = small(space="nasbench201").fit(CELLS, PARTLY)
    assert n_trained_with(model) == 10 * IS_KNOWN.sum() + (~IS_KNOWN).sum()
    improved = model.improve(CELLS)
    assert SPACE.encode(improved).shape == (120, 6)
    assert (model.predict(improved) >= model.predict(CELLS)).all()


def test_pickle_and_clone(model):
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(TOKENS), model.predict(TOKENS))
    again = clone(model).fit(TOKENS, PARTLY)
    np.testing.assert_array_equal(again.predict(TOKENS), model.predict(TOKENS))


def test_a_column_of_accuracies_is_flattened(model):
    with pytest.warns(UserWarning, match="column-vector"):
        other = small().fit(TOKENS, PARTLY[:, None])
    np.testing.assert_array_equal(other.predict(TOKENS), model.predict(TOKENS))


class TestBadInput:
    def test_nothing_known(self):
        message = "y is NaN for all 120 samples.*give the accuracy of at least one architecture"
        with pytest.raises(ValueError, match=message):
            small().fit(TOKENS, np.full(120, np.nan))

    def test_infinite(self):
        y = np.where(np.arange(120) == 3, -np.inf, PARTLY)
        with pytest.raises(ValueError, match="Input y contains infinity"):
            small().fit(TOKENS, y)

    def test_repeats(self):
        with pytest.raises(ValueError, match="n_repeats"):
            small(n_repeats=0).fit(TOKENS, PARTLY)
