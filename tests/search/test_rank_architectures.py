import io
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from emprox import EmProxRegressor, make_emprox_pipeline
from emprox.datasets import load_nasbench201
from emprox.search import rank_architectures
from emprox.spaces import ArchitectureError, SequenceSpace, get_space

SPACE = get_space("nasbench201")
CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"


@pytest.fixture(scope="module")
def data():
    return load_nasbench201(return_X_y=True)


@pytest.fixture(scope="module")
def model(data):
    X, y = data
    return EmProxRegressor("nasbench201", chance_level=10, random_state=0).fit(X[:60], y[:60])


@pytest.fixture(scope="module")
def candidates(data):
    """2,000 cells, of which 400 stand there once more and 200 in another description."""
    X, _ = data
    again = SPACE.format(SPACE.canonicalize(SPACE.encode(X[100:300])))
    texts = [*X[60:1460], *X[60:460], *again]
    return np.random.default_rng(0).permutation(texts).tolist()


@pytest.fixture(scope="module")
def records():
    """A space of 24 networks, all of them in a data frame, and a model of it."""
    choices = {"width": [8, 16, 32], "activation": ["relu", "tanh"], "depth": [1, 2, 3, 4]}
    space = SequenceSpace(choices)
    columns = [
        np.array(values, dtype=object)[column]
        for values, column in zip(choices.values(), space.sample(24, random_state=0).T, strict=True)
    ]
    frame = pd.DataFrame(dict(zip(choices, columns, strict=True)))
    y = (frame["width"] * frame["depth"]).astype(float) + (frame["activation"] == "relu")
    return space, frame, EmProxRegressor(space=space, random_state=0).fit(frame, y)


@pytest.fixture(scope="module")
def ranking(model, candidates):
    return rank_architectures(model, candidates, top=30)


class Shape(RegressorMixin, BaseEstimator):
    """Score a cell by a table of what each operation is worth, with many ties."""

    def __init__(self, worth=(0, 0, 2, 1, 0)):
        self.worth = worth

    def predict(self, X):
        return np.array(self.worth, dtype=float)[SPACE.encode(X)].sum(axis=1)


def keys_of(X, space=SPACE):
    """Return what is the same for all descriptions of a network."""
    return [row.tobytes() for row in space.canonicalize(space.encode(X))] if len(X) else []


def reference(scores, X, top, exclude=(), space=SPACE):
    """Rank by sorting everything at once: the best description of each network, the first of
    equal ones.
    """
    keys = keys_of(X, space)
    seen, found = set(keys_of(exclude, space)), []
    order = sorted(range(len(keys)), key=lambda index: (-round(scores[index], 9), index))
    for index in order:
        if keys[index] not in seen:
            seen.add(keys[index])
            found.append(index)
    return found[:top]


def assert_same_ranking(left, right):
    """Check that two rankings are equal; the last digits of a score depend on the batch."""
    assert left.keys() == right.keys()
    for name in left:
        if name in ("scores", "predictions"):
            np.testing.assert_allclose(left[name], right[name], rtol=1e-10)
        else:
            np.testing.assert_array_equal(left[name], right[name], err_msg=name)


class TestResult:
    @pytest.mark.parametrize("n_excluded", [0, 60, 500])
    def test_is_that_of_sorting_everything(self, model, candidates, data, n_excluded):
        exclude = [*data[0][:60], *candidates][:n_excluded]
        ranking = rank_architectures(
            model, candidates, top=50, exclude=exclude or None, batch_size=300
        )
        expected = reference(model.score_samples(candidates), candidates, 50, exclude)
        assert ranking.indices.tolist() == expected
        assert ranking.architectures.tolist() == [candidates[index] for index in expected]
        assert (ranking.n_candidates, ranking.n_skipped) == (2000, 0)

    def test_ties_are_broken_by_order(self):
        texts = SPACE.format(SPACE.sample(300, random_state=0))
        scores = Shape().predict(texts)
        assert len(np.unique(scores)) < 20
        for direction in (1, -1):
            ranking = rank_architectures(
                Shape(), texts[::direction], space=SPACE, top=40, batch_size=7
            )
            expected = reference(scores[::direction], texts[::direction], 40)
            assert ranking.indices.tolist() == expected

    def test_best_description_stands_for_a_network(self):
        # Both are a convolution from the input to the output; a model may not know.
        direct, detour = (1, 1, 2, 1, 1, 1), (0, 1, 1, 1, 2, 1)
        assert len(set(keys_of([direct, detour]))) == 1
        prefers_skips = Shape((1, 0, 2, 1, 0))
        for pair in ([direct, detour], [detour, direct]):
            for batch_size in (1, 2):
                ranking = rank_architectures(
                    prefers_skips, pair, space=SPACE, batch_size=batch_size
                )
                assert ranking.indices.tolist() == [pair.index(detour)]
                assert ranking.scores.tolist() == [3]


class TestBatches:
    @pytest.mark.parametrize("batch_size", [13, 999, 2000])
    def test_size_does_not_matter(self, model, candidates, ranking, batch_size):
        assert_same_ranking(
            rank_architectures(model, candidates, top=30, batch_size=batch_size), ranking
        )

    def test_number_of_processes_does_not_matter(self, data, candidates, ranking):
        """Nor that workers have not imported the script that the model's class is from."""
        X, y = data
        local = type("Local", (EmProxRegressor,), {"__module__": "__main__"})
        model = local("nasbench201", chance_level=10, random_state=0).fit(X[:60], y[:60])
        with pytest.raises(pickle.PicklingError):
            pickle.dumps(model)
        assert_same_ranking(
            rank_architectures(model, candidates, top=30, batch_size=150, n_jobs=2), ranking
        )

    def test_memory_is_bounded(self, model):
        """No more than a batch is taken from an iterator before it is ranked."""
        taken, scored = 0, 0

        class Counting(Shape):
            def predict(self, X):
                nonlocal scored
                scored += len(X)
                assert taken - scored <= 2 * 50
                return super().predict(X)

        def endless():
            nonlocal taken
            for decisions in np.ndindex(SPACE.n_choices):
                taken += 1
                yield decisions
                if taken == 1000:
                    return

        ranking = rank_architectures(Counting(), endless(), space=SPACE, batch_size=50)
        assert ranking.n_candidates == taken == 1000


FORMS = {
    "iterator": iter,
    "array": np.array,
    "column": lambda texts: np.array(texts)[:, None],
    "Series": pd.Series,
    "DataFrame": lambda texts: pd.DataFrame({"architecture": texts}),
    "filtered Series": lambda texts: pd.Series(texts, index=range(7, 7 + len(texts))),
    "text file": lambda texts: io.StringIO("\n".join(texts)),
    "text file of Windows": lambda texts: io.StringIO("".join(f"{t}\r\n" for t in texts)),
}


class TestCandidates:
    @pytest.mark.parametrize("form", FORMS)
    def test_texts_in_any_container(self, model, candidates, ranking, form):
        given = FORMS[form](candidates)
        assert_same_ranking(rank_architectures(model, given, top=30, batch_size=700), ranking)

    @pytest.mark.parametrize(
        "form",
        [
            SPACE.encode,
            lambda X: SPACE.decode(SPACE.encode(X)),
            lambda X: SPACE.encode(X).tolist(),
            lambda X: np.array(SPACE.encode(X), dtype=object),
        ],
        ids=["decisions", "architectures", "lists", "objects"],
    )
    def test_other_forms(self, model, candidates, ranking, form):
        """Decision matrix, Architecture objects, lists that cannot be hashed."""
        found = rank_architectures(model, form(candidates), top=30, batch_size=700)
        texts = found.pop("architectures")
        expected = dict(ranking)
        assert SPACE.encode(texts).tolist() == SPACE.encode(expected.pop("architectures")).tolist()
        assert_same_ranking(found, expected)
        assert texts.tolist() == SPACE.format(SPACE.encode(texts))

    def test_records(self, records):
        space, frame, model = records
        ranking = rank_architectures(model, frame, top=24, batch_size=5)
        assert ranking.indices.tolist() == reference(
            model.score_samples(frame), frame, 24, (), space
        )
        np.testing.assert_array_equal(
            space.encode(ranking.architectures.tolist()), space.encode(frame)[ranking.indices]
        )

    @pytest.mark.parametrize(
        ("candidates", "error", "message"),
        [
            (CELL, TypeError, "got one str: put it into a list; if it is the path of a file"),
            (SPACE.decode(SPACE.encode([CELL]))[0], TypeError, "got one Architecture"),
            (3, TypeError, "int"),
            (np.zeros((2, 2, 2)), TypeError, r"got an array of shape \(2, 2, 2\)"),
            ([], ValueError, "found no candidates"),
            (iter([]), ValueError, "found no candidates"),
            (np.zeros((2, 4), dtype=int), ArchitectureError, "6 columns"),
        ],
    )
    def test_what_is_no_list_of_architectures(self, model, candidates, error, message):
        with pytest.raises(error, match=message):
            rank_architectures(model, candidates)

    def test_errors_of_an_iterator_come_through(self, model):
        def failing():
            yield from [CELL] * 25
            raise OSError("the disk is gone")

        for n_jobs in (1, 2):
            with pytest.raises(OSError, match="the disk is gone"):
                rank_architectures(model, failing(), batch_size=5, n_jobs=n_jobs)


class TestDraw:
    def test_is_that_of_the_space(self, model):
        """The draw depends on the seed and the number alone."""
        rankings = [
            rank_architectures(
                model, n_architectures=9000, random_state=3, top=40, batch_size=batch_size
            )
            for batch_size in (10_000, 1234)
        ]
        assert_same_ranking(*rankings)
        other = rank_architectures(model, n_architectures=9000, random_state=4, top=40)
        assert other.indices.tolist() != rankings[0].indices.tolist()
        rng = np.random.default_rng(3)
        drawn = [SPACE.sample(n, rng, replace=True) for n in (8192, 808)]
        texts = SPACE.format(np.concatenate(drawn))
        expected = reference(model.score_samples(texts), texts, 40)
        assert rankings[0].indices.tolist() == expected
        assert rankings[0].architectures.tolist() == [texts[index] for index in expected]

    def test_more_than_there_are(self, records):
        _, frame, model = records
        everything = rank_architectures(model, frame)
        drawn = rank_architectures(model, n_architectures=1000, random_state=0, batch_size=99)
        assert drawn.architectures.tolist() == everything.architectures.tolist()
        assert (drawn.n_candidates, len(drawn.indices)) == (1000, 24)

    def test_texts_for_models_without_a_space(self, data):
        X, y = data
        words = CountVectorizer(token_pattern=r"[a-z_]+_\dx\d~\d", lowercase=False)
        model = make_pipeline(words, Ridge()).fit(X[:200], y[:200])
        ranking = rank_architectures(
            model, space="nasbench201", n_architectures=500, random_state=0, top=5, batch_size=90
        )
        np.testing.assert_allclose(ranking.scores, model.predict(ranking.architectures))
        assert (np.diff(ranking.scores) <= 0).all()
        given = rank_architectures(model, X[200:700], space="nasbench201", top=5)
        best = np.argsort(-model.predict(X[200:700]))[:1]
        assert given.indices[:1].tolist() == best.tolist()


class TestModels:
    def test_pipelines(self, data, candidates):
        X, y = data
        parameters = {"chance_level": 10, "random_state": 0}
        pipeline = make_emprox_pipeline("nasbench201", **parameters).fit(X[:60], y[:60])
        regressor = EmProxRegressor("nasbench201", **parameters).fit(X[:60], y[:60])
        assert_same_ranking(
            rank_architectures(pipeline, candidates, top=20),
            rank_architectures(regressor, candidates, top=20),
        )

    def test_recipe_without_a_metric(self, data, candidates):
        X, y = data
        model = make_emprox_pipeline("nasbench201", "paper", chance_level=10, random_state=0)
        model.set_params(embedder__max_epochs=1).fit(X[:60], y[:60])
        ranking = rank_architectures(model, candidates, top=20, batch_size=900)
        np.testing.assert_allclose(ranking.scores[:5], ranking.predictions[:5])
        expected = reference(model.predict(candidates), candidates, 20)
        # The numbers of a network in single precision depend on the batch.
        np.testing.assert_allclose(ranking.scores, model.predict(candidates)[expected], rtol=1e-6)

    def test_response_method(self, model, candidates):
        ranking = rank_architectures(model, candidates, top=20, response_method="predict")
        assert (np.diff(ranking.scores) <= 1e-7).all()
        found = ranking.architectures
        np.testing.assert_allclose(ranking.scores, model.predict(found), rtol=1e-10)
        with pytest.raises(AttributeError, match="score_samples"):
            rank_architectures(Shape(), candidates, space=SPACE, response_method="score_samples")

    def test_several_targets(self, data, candidates):
        X, y = data
        model = EmProxRegressor("nasbench201", chance_level=10, random_state=0)
        model.fit(X[:60], np.column_stack([y, y])[:60])
        with pytest.raises(ValueError, match=r"\(7, 2\) for 7: fit the model to one target"):
            rank_architectures(model, SPACE.sample(7, 0))

    def test_nan(self):
        worth = (0, 0, np.nan, 0, 0)
        cells = [(0, 0, 0, 0, 0, 0)] * 5 + [(0, 0, 2, 0, 0, 0)]
        with pytest.raises(ValueError, match="no number for architecture 5, but NaN"):
            rank_architectures(Shape(worth), cells, space=SPACE, batch_size=4)

    def test_space(self, model, data, candidates):
        with pytest.raises(ValueError, match="does not say what search space it is for; give spac"):
            rank_architectures(Shape(), candidates)
        with pytest.raises(ValueError, match="space is 'darts', but the model is for 'nasbench201"):
            rank_architectures(model, candidates, space="darts")
        matrix = SPACE.encode(data[0][:60])
        without = EmProxRegressor(random_state=0).fit(matrix, data[1][:60])
        ranking = rank_architectures(without, SPACE.encode(candidates), space=SPACE, top=20)
        assert ranking.architectures.shape == (20,)


class TestBroken:
    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_says_which(self, model, candidates, n_jobs):
        broken = [*candidates[:437], "no cell", *candidates[437:], "|none~0|"]
        with pytest.raises(ArchitectureError, match="architecture 437") as info:
            rank_architectures(model, iter(broken), batch_size=100, n_jobs=n_jobs)
        assert info.value.index == 437

    @pytest.mark.parametrize("batch_size", [6, 50, 1000])
    def test_skip(self, model, candidates, batch_size):
        rng = np.random.default_rng(0)
        broken = list(candidates[:300])
        for place in rng.choice(300, 40, replace=False):
            broken[place] = ["no cell", "|none~0|", "", None, (7,)][place % 5]
        wrong = [index for index, text in enumerate(broken) if text != candidates[index]]
        message = f"40 of 300 candidates are no arch.* 'nasbench201' .* architecture {wrong[0]}: "
        with pytest.warns(UserWarning, match=message):
            ranking = rank_architectures(
                model, broken, top=20, errors="skip", batch_size=batch_size
            )
        good = [index for index in range(300) if index not in wrong]
        expected = reference(
            model.score_samples(candidates[:300])[good], [candidates[index] for index in good], 20
        )
        assert ranking.indices.tolist() == [good[place] for place in expected]
        assert (ranking.n_candidates, ranking.n_skipped) == (300, 40)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"top": 0}, "top"),
        ({"batch_size": 0}, "batch_size"),
        ({"errors": "ignore"}, "'skip'"),
        ({"response_method": "score"}, "'score_samples'"),
        ({"n_architectures": 3}, "n_architectures"),
        ({"candidates": None}, "n_architectures"),
        ({"candidates": None, "n_architectures": 0}, "n_architectures"),
    ],
)
def test_parameters(model, parameters, word):
    with pytest.raises(ValueError, match=word):
        rank_architectures(model, **{"candidates": [CELL], **parameters})


def test_progress_bar(model, candidates, capsys):
    rank_architectures(model, iter(candidates), verbose=1, batch_size=500)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Ranking: 2.00k" in captured.err
    rank_architectures(model, candidates, batch_size=500)
    assert capsys.readouterr().err == ""
