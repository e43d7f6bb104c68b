import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from torch import nn

from emprox import EmProxRegressor
from emprox.datasets import load_nasbench201
from emprox.networks import capture
from emprox.search import ArchitectureSearch
from emprox.spaces import ArchitectureError, SequenceSpace, get_space

SPACE = get_space("transnasbench101_micro")
NASBENCH201 = get_space("nasbench201")


def keys_of(architectures, space=SPACE):
    """Return what is the same for all descriptions of a network."""
    return [row.tobytes() for row in space.canonicalize(space.encode(list(architectures)))]


def train(cells):
    """An accuracy that depends on the network alone: convolutions are good, pairs are better."""
    rows = SPACE.canonicalize(SPACE.encode(list(cells)))
    return 50 + (rows == 3).sum(axis=1) * 4 + (rows[:, 0] == 3) * (rows[:, 5] == 2) * 3.0


def run(search, n_steps, n=1, train=train):
    for _ in range(n_steps):
        cells = search.ask(n)
        search.tell(cells, train(cells))
    return search


@pytest.fixture(scope="module")
def searched():
    return run(ArchitectureSearch(SPACE, random_state=0), 30)


class TestFindsTheBest:
    def test_of_a_space(self, searched):
        history = searched.history_
        everything = np.concatenate(list(SPACE.enumerate()))
        assert history["accuracy"].max() == train(SPACE.format(everything)).max()
        assert len(set(keys_of(history["architecture"]))) == 30
        assert (history["source"] == "design").sum() == 5
        np.testing.assert_array_equal(history["best"], history["accuracy"].cummax())
        np.testing.assert_array_equal(history["accuracy"], train(history["architecture"]))
        assert history["expected"].isna().sum() == history["std"].isna().sum() == 5
        assert (history["status"] == "done").all()

    def test_of_trained_networks(self):
        """In 25 trainings one of the best 16 of 15,625 cells."""
        X, y = load_nasbench201(return_X_y=True)
        accuracies = dict(zip(X, y, strict=True))
        search = ArchitectureSearch("nasbench201", chance_level=10, random_state=0)
        run(search, 25, train=lambda cells: [accuracies[cell] for cell in cells])
        assert accuracies[search.best_] >= np.sort(y)[-16]
        # Nobody has to train a network that can only guess.
        pathless = keys_of(NASBENCH201.format(NASBENCH201.pathless[None]), NASBENCH201)
        assert not set(keys_of(search.history_["architecture"], NASBENCH201)) & set(pathless)

    @pytest.mark.parametrize("acquisition", ["expected_improvement", "thompson", "mean"])
    def test_by_other_acquisitions(self, acquisition, searched):
        search = run(ArchitectureSearch(SPACE, acquisition=acquisition, random_state=0), 30)
        assert search.history_["accuracy"].max() >= searched.history_["accuracy"].max() - 3

    def test_beyond_what_can_be_listed(self):
        """In a large space, better networks are found than any that were drawn."""
        space = get_space("darts")

        def count(cells):
            return [cell.count("sep_conv_5x5") for cell in cells]

        search = run(ArchitectureSearch(space, n_initial=5, random_state=0), 4, 4, count)
        drawn = count(space.format(space.sample(10_000, random_state=0)))
        assert search.history_["accuracy"].max() > max(drawn)
        assert len(set(keys_of(search.history_["architecture"], space))) == 16


class TestBatches:
    def test_differ(self):
        """What is pending is not proposed again, and others are unlike it."""
        search = run(ArchitectureSearch(SPACE, random_state=0), 10)
        first, second = search.ask(4), search.ask(4)
        assert len(set(keys_of([*first, *second]))) == 8
        history = search.history_
        assert (history["status"] == "pending").sum() == 8
        assert history["architecture"].tolist()[-8:] == [*first, *second]
        assert history["accuracy"][-8:].isna().all()
        # In any order, and with others in between.
        search.tell([second[1], first[2]], train([second[1], first[2]]))
        assert (search.history_["status"] == "pending").sum() == 6

    def test_pending_makes_surer(self):
        """With a pending network the next one is another than without neighbours of it."""
        one, other = (run(ArchitectureSearch(SPACE, random_state=0), 12) for _ in range(2))
        batch = one.ask(3)
        greedy = [other.ask()[0]]
        other.tell(greedy, train(greedy))
        assert batch[0] == greedy[0]
        assert len(set(keys_of(batch))) == 3

    def test_design_is_the_same_in_parts(self):
        together = ArchitectureSearch(SPACE, random_state=0).ask(10)
        search = ArchitectureSearch(SPACE, random_state=0)
        assert [search.ask()[0] for _ in range(10)] == together.tolist()


class TestWhatIsTold:
    def test_failures(self):
        """Networks with a 3 x 3 convolution at the end cannot be trained; few of them are tried."""

        def fail(cells):
            return np.where(
                SPACE.canonicalize(SPACE.encode(list(cells)))[:, 5] == 3, np.nan, train(cells)
            )

        search = run(ArchitectureSearch(SPACE, random_state=0), 40, train=fail)
        failed = search.history_["status"] == "failed"
        assert failed[-20:].mean() < 0.5
        assert search.history_["best"].iloc[-1] == np.nanmax(search.history_["accuracy"])
        assert len(set(keys_of(search.history_["architecture"]))) == 40

    def test_only_failures(self):
        search = run(ArchitectureSearch(SPACE, random_state=0), 15, train=lambda cells: [None])
        assert len(set(keys_of(search.history_["architecture"]))) == 15
        assert np.isnan(search.expected_gain())
        with pytest.raises(AttributeError, match="no accuracy"):
            search.best_  # noqa: B018

    def test_noise(self):
        """A single lucky training does not make the best network."""
        cells = SPACE.format(SPACE.sample(40, random_state=1))
        search = ArchitectureSearch(SPACE, random_state=0)
        search.tell(cells, train(cells))
        good = search.best_
        bad = cells[int(np.argsort(train(cells))[20])]
        for _ in range(4):
            search.tell([good], train([good]))
            search.tell([bad], train([bad]))
        search.tell([bad], [float(train([good])[0]) + 1])
        assert search.best_ == good
        assert search.best_accuracy_ == pytest.approx(train([good])[0], abs=1)

    def test_warm_start_in_another_description(self):
        cells = SPACE.format(SPACE.sample(30, random_state=1))
        search = ArchitectureSearch(SPACE, random_state=0)
        search.tell(SPACE.decode(SPACE.encode(cells)), train(cells), costs=range(30))
        assert search.history_["cost"].tolist() == list(range(30))
        asked = search.ask(5)
        assert (search.history_["source"] == ["told"] * 30 + ["proposal"] * 5).all()
        assert not set(keys_of(asked)) & set(keys_of(cells))

    @pytest.mark.parametrize(
        ("architectures", "values", "error", "word"),
        [
            (["64-41414-1_02_333"], [1.0, 2.0], ValueError, "accuracies"),
            (["64-41414-1_02_333"], [np.inf], ValueError, "infinite"),
            (["64-41414-1_02_333"], ["good"], ValueError, "numbers"),
            (["64-41414-1_02_333", "?"], [1.0, 2.0], ArchitectureError, "architecture 1"),
            ("64-41414-1_02_333", [1.0], TypeError, "list"),
            ([], [], ValueError, "at least 1"),
        ],
    )
    def test_what_cannot_be(self, architectures, values, error, word):
        search = ArchitectureSearch(SPACE, random_state=0)
        with pytest.raises(error, match=word):
            search.tell(architectures, values)
        assert search.history_.empty


class TestExpectedGain:
    def test_falls(self, searched):
        early = run(ArchitectureSearch(SPACE, random_state=0), 11)
        assert early.expected_gain() > searched.expected_gain() >= 0

    def test_changes_nothing(self):
        searches = [
            ArchitectureSearch(SPACE, acquisition="thompson", random_state=0) for _ in range(2)
        ]
        for search in searches:
            run(search, 12)
        searches[0].expected_gain()
        assert searches[0].ask(3).tolist() == searches[1].ask(3).tolist()


def test_state_goes_on_from_a_pickle():
    search = run(ArchitectureSearch(SPACE, acquisition="thompson", random_state=0), 13)
    search.ask(2)
    again = pickle.loads(pickle.dumps(search))
    for one in (search, again):
        run(one, 3, 2)
    pd.testing.assert_frame_equal(search.history_, again.history_)


def test_candidates_that_come_to_an_end():
    space = SequenceSpace({"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
    search = ArchitectureSearch(space, n_initial=4, random_state=0)
    seen = []
    for n in (5, 5, 5):
        seen += search.ask(n).tolist()
        search.tell(seen[-1:], [float(len(seen))])
        search.tell(seen, [float("16" in text) for text in seen])
    assert len(set(seen)) == len(seen) == 12
    assert search.expected_gain() == 0
    with pytest.raises(ValueError, match="none left"):
        search.ask()
    listed = ArchitectureSearch([(8, 1), (16, 2), (32, 4)], space=space, random_state=0)
    assert sorted(listed.ask(3)) == [(8, 1), (16, 2), (32, 4)]


class Counts(RegressorMixin, BaseEstimator):
    """A regressor that cannot say how sure it is."""

    def fit(self, X, y):
        self.model_ = make_pipeline(CountVectorizer(analyzer="char"), Ridge()).fit(X, y)
        return self

    def predict(self, X):
        return self.model_.predict(X)


@pytest.mark.parametrize(
    "estimator",
    [EmProxRegressor(SPACE, weights="kriging", random_state=0), EmProxRegressor(SPACE), Counts()],
    ids=["kriging", "neighbours", "texts"],
)
def test_other_estimators(estimator):
    search = ArchitectureSearch(SPACE, estimator=estimator, random_state=0)
    run(search, 4, 4)
    assert len(set(keys_of(search.history_["architecture"]))) == 16
    history = search.history_
    assert history["accuracy"][10:].mean() > history["accuracy"][:10].mean()
    assert search.expected_gain() >= 0


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"acquisition": "confident"}, "'confidence'"),
        ({"exploration": -1}, "exploration"),
        ({"n_initial": 1}, "n_initial"),
        ({"candidates": ["64-41414-1_02_333"]}, "space"),
    ],
)
def test_parameters(parameters, word):
    with pytest.raises(ValueError, match=word):
        ArchitectureSearch(**{"candidates": SPACE, **parameters})


def test_networks():
    """Networks of PyTorch, of which some are known that are no candidates."""
    networks = [
        capture(nn.Sequential(nn.Linear(4, width), layer(), nn.Linear(width, 2)), (1, 4))
        for width in range(2, 40, 2)
        for layer in (nn.ReLU, nn.Identity)
    ]

    def measure(some):
        return [network.n_weights + 10 * len(network.operations.name) for network in some]

    search = ArchitectureSearch(networks, n_initial=4, random_state=0)
    outside = [capture(nn.Linear(4, 2), (1, 4)), capture(nn.Linear(4, 3), (1, 4))]
    search.tell(outside, measure(outside))
    run(search, 4, 2, measure)
    search = run(pickle.loads(pickle.dumps(search)), 4, 2, measure)
    history = search.history_
    assert len(set(history["architecture"])) == 18
    assert history["accuracy"].max() == max(measure(networks))
    assert search.best_ in networks
