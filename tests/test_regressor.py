import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from sklearn import config_context
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from emprox import (
    ArchitectureEmbedder,
    EmProxRegressor,
    ProximityMetric,
    StructuralProperties,
    add_chance_anchor,
    make_emprox_pipeline,
)
from emprox._metric._target import TargetTransform
from emprox._recipes import RECIPES
from emprox.datasets import load_nasbench201, make_architectures
from emprox.metrics import kendall_tau
from emprox.spaces import get_space

SPACE = get_space("nasbench201")
# Small: what is tested does not depend on how long it is trained.
LSTM = ArchitectureEmbedder(4, max_epochs=1, random_state=0)
# One of each way to embed and to predict.
VARIANTS = {
    "best": {},
    "kriging": {"weights": "kriging"},
    "auto": {"n_neighbors": "auto"},
    "uniform": {"weights": "uniform"},
    "callable": {"weights": lambda distances: np.exp(-distances)},
    "anchor": {"chance_level": 10},
    "kriging with anchor": {"weights": "kriging", "chance_level": 10},
    "lstm": {"recipe": "lstm", "embedder": LSTM},
    "kriging of an LSTM embedding": {"recipe": "lstm", "embedder": LSTM, "weights": "kriging"},
    "principal components": {"embedder": PCA(5)},
}


def make(variant="best", **parameters):
    return EmProxRegressor(
        **{"space": "nasbench201", "random_state": 0, **VARIANTS[variant], **parameters}
    )


@pytest.fixture(scope="module")
def table():
    return load_nasbench201(return_X_y=True)


@pytest.fixture(scope="module")
def data(table):
    X, y = table
    return X[:100], y[:100]


@pytest.fixture(scope="module")
def model(data):
    X, y = data
    return make(n_neighbors=5).fit(X[:60], y[:60])


@pytest.fixture(scope="module")
def fitted(data):
    """Each variant, fitted to the same 60 cells."""
    X, y = data
    return {name: make(name).fit(X[:60], y[:60]) for name in VARIANTS}


def splits(table, n_splits=6):
    """Split cells into known and new ones that are not the same network."""
    X, y = table
    for start in range(0, 600 * n_splits, 600):
        yield (
            X[start : start + 60],
            y[start : start + 60],
            *(Z[start + 60 : start + 600] for Z in table),
        )


def classes_of(X):
    """Number the classes of isomorphic cells."""
    canonical = SPACE.canonicalize(SPACE.encode(X))
    return np.unique(canonical, axis=0, return_inverse=True)[1].ravel()


class TestNeighbors:
    def test_prediction_is_the_inverse_distance_weighted_mean(self, model, data):
        X, y = data
        distances, indices = model.kneighbors(X[60:])
        assert (distances > 0).any()
        predictions = model.predict(X[60:])
        for distance, index, prediction in zip(distances, indices, predictions, strict=True):
            if distance[0] == 0:
                expected = y[index[distance == 0]].mean()
            else:
                expected = (y[index] / distance).sum() / (1 / distance).sum()
            assert prediction == pytest.approx(expected)

    def test_distances_are_euclidean_in_the_embedding(self, model, data):
        X = data[0]
        embedding = model.embedder_.transform(model.features_.transform(X[60:]))
        distances, indices = model.kneighbors(X[60:], n_neighbors=3)
        every = np.linalg.norm(embedding[:, None] - model.embedding_[None], axis=2)
        np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :3], atol=1e-7)
        np.testing.assert_allclose(np.take_along_axis(every, indices, axis=1), distances, atol=1e-7)

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_known_embeddings_are_those_that_transform_gives(self, fitted, data, variant):
        model = fitted[variant]
        features = model.features_.transform(data[0][:60])
        np.testing.assert_array_equal(model.embedder_.transform(features), model.embedding_[:60])

    @pytest.mark.parametrize("recipe", ["best", "lstm"])
    @pytest.mark.parametrize("n_neighbors", [1, 5, 30])
    def test_a_known_architecture_gets_its_own_accuracy(self, data, recipe, n_neighbors):
        X, y = data
        embedder = LSTM if recipe == "lstm" else None
        model = make(recipe=recipe, embedder=embedder, n_neighbors=n_neighbors).fit(X, y)
        predictions = model.predict(X)
        classes = classes_of(X)
        for number, class_number in enumerate(classes):
            members = y[classes == class_number]
            if len(members) <= n_neighbors:
                assert predictions[number] == pytest.approx(members.mean(), abs=1e-9)

    @pytest.mark.parametrize("chain", [make, make_emprox_pipeline])
    def test_so_does_another_description_of_it(self, table, chain):
        X, y = table
        model = chain(random_state=0).fit(X[:100], y[:100])
        classes = classes_of(X)
        known, counts = np.unique(classes[:100], return_counts=True)
        unambiguous = known[counts == 1]
        others = 100 + np.flatnonzero(np.isin(classes[100:], unambiguous))
        assert len(others) > 200
        accuracy = dict(zip(classes[:100], y[:100], strict=True))
        expected = [accuracy[number] for number in classes[others]]
        np.testing.assert_allclose(model.predict(X[others]), expected, rtol=0, atol=1e-9)
        # Nor does it matter what else is predicted at the same time.
        one_by_one = [model.predict(X[[other]])[0] for other in others[:20]]
        np.testing.assert_allclose(one_by_one, expected[:20], rtol=0, atol=1e-9)

    @pytest.mark.parametrize("variant", ["uniform", "best", "callable"])
    def test_weights(self, fitted, data, variant):
        model = fitted[variant]
        features = model.features_.transform(data[0][60:])
        expected = model.knn_.predict(model.embedder_.transform(features))
        np.testing.assert_array_equal(model.predict(data[0][60:]), expected)

    def test_uniform_weights_by_hand(self, fitted, data):
        X, y = data
        indices = fitted["uniform"].kneighbors(X[60:], return_distance=False)
        np.testing.assert_allclose(fitted["uniform"].predict(X[60:]), y[indices].mean(axis=1))

    def test_neighbors_of_the_known_leave_themselves_out(self, model):
        indices = model.kneighbors(return_distance=False)
        assert indices.shape == (60, 5)
        assert not (indices == np.arange(60)[:, None]).any()

    def test_default_number(self, data):
        X, y = data
        for recipe in ("best", "lstm"):
            model = make(recipe=recipe, embedder=LSTM if recipe == "lstm" else None)
            assert model.fit(X[:30], y[:30]).n_neighbors_ == RECIPES[recipe].n_neighbors
        few = make().fit(X[:3], y[:3])
        assert few.n_neighbors_ == 3
        assert np.isfinite(few.predict(X)).all()


class TestAutomaticNumber:
    def test_has_the_smallest_leave_one_out_error(self, fitted, data):
        y = data[1][:60]
        model = fitted["auto"]
        transform = TargetTransform(y)
        errors = {}
        for k in (3, 5, 10, 20, 30):
            predictions = np.empty(60)
            for row in range(60):
                difference = model.embedding_ - model.embedder_.loo_embedding_[row]
                distances = np.sqrt((difference**2).sum(axis=1))
                nearest = [i for i in np.argsort(distances, kind="stable") if i != row][:k]
                weights = 1 / distances[nearest]
                predictions[row] = weights @ y[nearest] / weights.sum()
            errors[k] = np.mean((transform.forward(predictions) - transform.forward(y)) ** 2)
        assert model.n_neighbors_ == min(errors, key=errors.get)

    def test_takes_more_where_accuracies_are_noisy(self):
        X = np.random.default_rng(0).uniform(size=(150, 2))
        y = 10 * X[:, 0]
        embedder = StandardScaler()
        clean = EmProxRegressor("auto", embedder=embedder).fit(X, y).n_neighbors_
        noisy = y + np.random.default_rng(1).normal(scale=5, size=150)
        assert clean < 10 < EmProxRegressor("auto", embedder=embedder).fit(X, noisy).n_neighbors_

    @pytest.mark.parametrize("n_known", [1, 2, 4, 7])
    def test_few_known(self, data, n_known):
        X, y = data
        model = make("auto").fit(X[:n_known], y[:n_known])
        assert 1 <= model.n_neighbors_ <= max(1, n_known - 1)
        assert np.isfinite(model.predict(X)).all()


class TestTheSameAsThePipeline:
    @pytest.mark.parametrize("recipe", RECIPES)
    def test_recipes(self, data, recipe):
        X, y = data
        pipeline = make_emprox_pipeline("nasbench201", recipe, random_state=3)
        embedder = None
        if recipe != "best":
            pipeline.set_params(embedder__max_epochs=1)
            embedder = pipeline.named_steps["embedder"]
        regressor = EmProxRegressor(
            space="nasbench201", recipe=recipe, embedder=embedder, random_state=3
        )
        predictions = [m.fit(X[:60], y[:60]).predict(X[60:]) for m in (pipeline, regressor)]
        np.testing.assert_array_equal(*predictions)

    def test_chance_level(self, data):
        X, y = data
        anchored = make_emprox_pipeline("nasbench201", chance_level=10, random_state=0)
        by_hand = make_emprox_pipeline("nasbench201", random_state=0)
        by_hand.fit(*add_chance_anchor(X[:60], y[:60], "nasbench201", 10))
        regressor = make("anchor").fit(X[:60], y[:60])
        expected = by_hand.predict(X[60:])
        np.testing.assert_array_equal(anchored.fit(X[:60], y[:60]).predict(X[60:]), expected)
        np.testing.assert_array_equal(regressor.predict(X[60:]), expected)


class TestChanceLevel:
    # An architecture without a path: nothing reads what its only convolution makes.
    PATHLESS = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"

    @pytest.fixture
    def passing(self, data):
        """Cells with a path."""
        X, y = data
        passing = y > 15
        return X[passing][:60], y[passing][:60]

    def test_an_architecture_without_a_path_is_a_guess(self, passing):
        for variant, is_known in (("anchor", True), ("best", False)):
            for weights in ("distance", "kriging"):
                model = make(variant, weights=weights).fit(*passing)
                assert (model.predict([self.PATHLESS]) < 13) == is_known

    def test_is_one_more_neighbor_behind_the_known_ones(self, passing):
        model = make("anchor").fit(*passing)
        distances, indices = model.kneighbors([self.PATHLESS], n_neighbors=1)
        assert (distances[0, 0], indices[0, 0]) == (0, 60)
        assert model.embedding_.shape[0] == 61
        assert model.predict([self.PATHLESS]) == 10

    def test_has_no_effect_without_a_space(self):
        X, y = np.random.default_rng(0).normal(size=(2, 20, 3))
        predictions = [
            EmProxRegressor(chance_level=level, random_state=0).fit(X, y[:, 0]).predict(X + 0.1)
            for level in (None, -100)
        ]
        np.testing.assert_array_equal(*predictions)

    def test_has_no_effect_where_all_have_a_path(self):
        space = get_space("nasbench_macro")
        assert space.pathless is None
        X, y = make_architectures("nasbench_macro", 40, random_state=0, return_X_y=True)
        plain, anchored = (
            EmProxRegressor(space=space, chance_level=level, random_state=0).fit(X[:30], y[:30])
            for level in (None, 10)
        )
        np.testing.assert_array_equal(plain.predict(X), anchored.predict(X))
        np.testing.assert_array_equal(plain.predict_interval(X), anchored.predict_interval(X))

    def test_says_nothing_about_how_well_others_are_predicted(self, data):
        X, y = data
        # A level that nothing else suggests: its own residual is huge.
        model = make("anchor", chance_level=-1000).fit(X[:40], y[:40])
        assert np.isinf(model.predict_interval(X[60:], 0.99)).all()
        rows = model._get_calibration()._ratios
        assert len(rows) == 40


class TestKriging:
    def test_predicts_with_the_metric(self, fitted, data):
        X = data[0][60:]
        for variant in ("kriging", "kriging with anchor"):
            model = fitted[variant]
            assert model.metric_ is model.embedder_
            expected = model.metric_.predict(model.features_.transform(X))
            np.testing.assert_array_equal(model.predict(X), expected)

    def test_is_the_metric_on_standardised_properties(self, fitted, data):
        X, y = data
        by_hand = make_pipeline(
            StructuralProperties("nasbench201", standardize=True),
            ProximityMetric(random_state=0, **RECIPES["best"].embedder),
        )
        expected = by_hand.fit(X[:60], y[:60]).predict(X[60:])
        np.testing.assert_allclose(fitted["kriging"].predict(X[60:]), expected, rtol=1e-9)

    def test_of_another_embedding(self, fitted, data):
        X, y = data
        model = fitted["kriging of an LSTM embedding"]
        assert isinstance(model.embedder_, ArchitectureEmbedder)
        embedding = model.embedder_.transform(model.features_.transform(X))
        metric = ProximityMetric(random_state=0).fit(embedding[:60], y[:60])
        np.testing.assert_allclose(model.predict(X[60:]), metric.predict(embedding[60:]))

    def test_does_not_depend_on_the_number_of_neighbors(self, fitted, data):
        X, y = data
        model = make("kriging", n_neighbors=1).fit(X[:60], y[:60])
        np.testing.assert_array_equal(model.predict(X[60:]), fitted["kriging"].predict(X[60:]))
        # But it still shows neighbours.
        assert model.kneighbors(X[60:], return_distance=False).shape == (40, 1)

    def test_ranks_well(self, fitted, table):
        X, y = table[0][60:1060], table[1][60:1060]
        for variant in ("kriging", "best"):
            assert kendall_tau(y, fitted[variant].predict(X)) > 0.7


class TestStandardDeviation:
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_goes_with_the_same_predictions(self, fitted, data, variant):
        X = data[0][60:]
        mean, std = fitted[variant].predict(X, return_std=True)
        np.testing.assert_array_equal(mean, fitted[variant].predict(X))
        assert std.shape == mean.shape
        assert (std > 0).all()
        assert np.isfinite(std).all()

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_is_the_width_of_the_interval(self, fitted, data, variant):
        X = data[0][60:]
        _, std = fitted[variant].predict(X, return_std=True)
        lower, upper = fitted[variant].predict_interval(X, 0.9).T
        np.testing.assert_allclose(std, (upper - lower) / 3.2897, rtol=1e-4)

    @pytest.mark.parametrize("variant", ["best", "kriging", "anchor", "lstm"])
    def test_is_honest(self, table, variant):
        shares = []
        for X, y, new, true in splits(table):
            mean, std = make(variant).fit(X, y).predict(new, return_std=True)
            errors = np.abs(true - mean)
            shares.append(np.mean(errors <= 1.645 * std))
            # It tells which predictions are good.
            certain = std <= np.median(std)
            assert errors[certain].mean() < 0.7 * errors[~certain].mean()
        # One split has a standard deviation of .04.
        assert np.mean(shares) == pytest.approx(0.9, abs=0.04)

    def test_does_not_change_with_the_unit(self, fitted, data):
        X, y = data
        _, std = fitted["kriging"].predict(X[60:], return_std=True)
        other = make("kriging").fit(X[:60], y[:60] / 100 - 3)
        _, other_std = other.predict(X[60:], return_std=True)
        np.testing.assert_allclose(100 * other_std, std, rtol=1e-6)

    def test_of_equal_accuracies_is_zero(self, data):
        X = data[0]
        for variant in ("best", "kriging", "principal components"):
            model = make(variant).fit(X[:20], np.full(20, 90.0))
            mean, std = model.predict(X[60:], return_std=True)
            np.testing.assert_allclose(mean, 90)
            np.testing.assert_allclose(std, 0, atol=1e-6)

    def test_with_one_known_architecture_nothing_is_known_about_errors(self, data):
        X, y = data
        for variant in ("best", "kriging", "principal components"):
            parameters = {"embedder": StandardScaler()} if "components" in variant else {}
            model = make(variant, **parameters).fit(X[:1], y[:1])
            mean, std = model.predict(X[60:], return_std=True)
            np.testing.assert_allclose(mean, y[0])
            assert np.isinf(std).all()


class CountingPCA(PCA):
    """Principal components that count how often they are learned."""

    n_fits = 0

    def fit(self, X, y=None):
        CountingPCA.n_fits += 1
        return super().fit(X)


class TestCrossValidation:
    """What intervals rest on: predictions of known architectures from the others."""

    @pytest.mark.parametrize("weights", ["distance", "kriging"])
    def test_embedding_that_has_seen_the_accuracies_is_not_trusted(self, weights):
        # Nothing can be predicted here, but five components fit sixty known ones very well.
        X, y = np.split(np.random.default_rng(0).normal(size=(1060, 51)), [50], axis=1)
        y = y.ravel()
        model = EmProxRegressor(5, embedder=PLSRegression(5), weights=weights, random_state=0)
        lower, upper = model.fit(X[:60], y[:60]).predict_interval(X[60:], 0.8).T
        assert np.mean((lower <= y[60:]) & (y[60:] <= upper)) > 0.75

    def test_embedding_that_has_not_is_learned_once(self, data):
        X, y = data
        CountingPCA.n_fits = 0
        for weights in ("distance", "kriging"):
            model = make(embedder=CountingPCA(3), weights=weights).fit(X[:60], y[:60])
            model.predict(X[60:], return_std=True)
        assert CountingPCA.n_fits == 2

    def test_leaves_the_model_as_it_is(self, fitted, data):
        X, y = data
        state = np.random.RandomState(3)
        model = make("anchor", random_state=state).fit(X[:60], y[:60])
        before, drawn = model.predict(X), state.get_state()[2]
        _, std = model.predict(X, return_std=True)
        np.testing.assert_array_equal(model.predict(X), before)
        assert state.get_state()[2] == drawn
        np.testing.assert_array_equal(model.predict(X, return_std=True)[1], std)

    @pytest.mark.parametrize("variant", ["best", "kriging", "anchor", "principal components"])
    def test_holds_for_architectures_that_are_added(self, table, variant):
        X, y = table
        model = make(variant).fit(X[:60], y[:60])
        first = model.predict_interval(X[200:1200], 0.8)
        model.partial_fit(X[60:120], y[60:120], refit=False)
        lower, upper = model.predict_interval(X[200:1200], 0.8).T
        assert 0.68 < np.mean((lower <= y[200:1200]) & (y[200:1200] <= upper)) < 0.94
        assert np.median(upper - lower) < 1.3 * np.median(np.ptp(first, axis=1))
        # What was learned from more is compared anew.
        fresh = make(variant).fit(X[:121], y[:121])
        model.partial_fit(X[120:121], y[120:121], refit=True)
        np.testing.assert_allclose(
            model.predict_interval(X[200:1200]), fresh.predict_interval(X[200:1200]), rtol=1e-6
        )


class TestInterval:
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_larger_coverage_is_wider_and_holds_the_prediction(self, fitted, data, variant):
        X = data[0][60:]
        mean = fitted[variant].predict(X)
        intervals = [fitted[variant].predict_interval(X, coverage) for coverage in (0.5, 0.8, 0.95)]
        for inner, outer in itertools.pairwise(intervals):
            assert (outer[:, 0] <= inner[:, 0]).all()
            assert (outer[:, 1] >= inner[:, 1]).all()
        assert (intervals[0][:, 0] <= mean + 1e-6).all()
        assert (intervals[0][:, 1] >= mean - 1e-6).all()

    @pytest.mark.parametrize("variant", ["best", "kriging", "anchor", "lstm"])
    def test_covers(self, table, variant):
        coverages = (0.5, 0.8, 0.9)
        shares = []
        for X, y, new, true in splits(table):
            model = make(variant).fit(X, y)
            ends = [model.predict_interval(new, coverage).T for coverage in coverages]
            shares.append([np.mean((lower <= true) & (true <= upper)) for lower, upper in ends])
        # One split has standard deviations of .06, .05 and .04; and models that know four fifths
        # have larger errors than the one that knows all.
        np.testing.assert_allclose(np.mean(shares, axis=0), coverages, atol=0.08)

    def test_covers_accuracies_worse_than_any_known(self, fitted, table):
        X, y = table
        model = make("kriging").fit(X[:60][y[:60] > 80], y[:60][y[:60] > 80])
        lower = model.predict_interval(X[60:1060], 0.9)[:, 0]
        assert lower.min() < 70 < y[:60][y[:60] > 80].min()

    def test_is_wider_below_than_above_the_best(self, fitted, data):
        X, y = data
        best = int(np.argmax(y[:60]))
        (prediction,) = fitted["kriging"].predict(X[[best]])
        ((lower, upper),) = fitted["kriging"].predict_interval(X[[best]], 0.9)
        assert 0 < upper - prediction < prediction - lower

    def test_default_coverage(self, fitted, data):
        X = data[0][60:]
        interval = fitted["best"].predict_interval(X)
        np.testing.assert_array_equal(interval, fitted["best"].predict_interval(X, 0.9))

    @pytest.mark.parametrize(("n_known", "is_finite"), [(8, False), (9, True)])
    def test_too_few_known(self, data, n_known, is_finite):
        X, y = data
        model = make("kriging").fit(X[:n_known], y[:n_known])
        interval = model.predict_interval(X[60:], 0.9)
        assert np.isfinite(interval).all() == is_finite
        assert (interval[:, 0] < interval[:, 1]).all()

    @pytest.mark.parametrize("coverage", [0, 1, -0.1, 90, np.nan])
    def test_wrong_coverage(self, model, data, coverage):
        with pytest.raises(ValueError, match="coverage has to be between 0 and 1"):
            model.predict_interval(data[0], coverage)


class TestScores:
    def test_no_ties_where_predictions_end(self, table):
        X, y = table
        # The best known cell is a poor one, so that very many are predicted as good as it.
        known = np.flatnonzero(y < 90)[:60]
        model = make("kriging").fit(X[known], y[known])
        unknown = np.setdiff1d(np.arange(3000), known)
        predictions, scores = model.predict(X[unknown]), model.score_samples(X[unknown])
        at_the_end = predictions == y[known].max()
        assert at_the_end.sum() > 100
        assert len(np.unique(scores[at_the_end])) > 50
        assert kendall_tau(y[unknown][at_the_end], scores[at_the_end]) > 0.3
        np.testing.assert_array_equal(
            rankdata(predictions[~at_the_end]).argsort(), scores[~at_the_end].argsort()
        )

    @pytest.mark.parametrize("variant", ["best", "anchor"])
    def test_of_neighbors_in_the_metric_are_those_of_the_metric(self, fitted, data, variant):
        X = data[0][60:]
        model = fitted[variant]
        expected = model.metric_.score_samples(model.features_.transform(X))
        np.testing.assert_array_equal(model.score_samples(X), expected)

    @pytest.mark.parametrize("variant", ["lstm", "principal components"])
    def test_without_a_metric_they_are_the_predictions(self, fitted, data, variant):
        model = fitted[variant]
        assert model.metric_ is None
        np.testing.assert_array_equal(model.score_samples(data[0]), model.predict(data[0]))


class TestNovelty:
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_of_known_architectures_is_zero(self, fitted, data, variant):
        np.testing.assert_allclose(fitted[variant].novelty(data[0][:60]), 0, atol=1e-6)
        assert not fitted[variant].is_novel(data[0][:60]).any()

    def test_of_another_description_is_zero(self, fitted, table):
        X = table[0]
        classes = classes_of(X)
        same = np.isin(classes, classes[:60])
        np.testing.assert_allclose(fitted["best"].novelty(X[same]), 0, atol=1e-6)

    @pytest.mark.parametrize("variant", ["best", "kriging"])
    def test_flags_what_is_unlike_all_known_ones(self, table, variant):
        X, y = table
        decisions = SPACE.encode(X)
        convolution = SPACE.operations.index("nor_conv_3x3")
        without = np.flatnonzero((decisions != convolution).all(axis=1))
        model = make(variant).fit(X[without[:60]], y[without[:60]])
        assert model.is_novel([("nor_conv_3x3",) * 6]).all()
        alike = model.is_novel(X[without[60:260]])
        assert alike.mean() < 0.4
        with_two = np.flatnonzero((decisions == convolution).sum(axis=1) > 2)[:200]
        assert model.is_novel(X[with_two]).mean() > alike.mean() + 0.4

    def test_is_rare_among_the_like_of_the_known(self, fitted, table):
        novel = fitted["best"].is_novel(table[0][60:1060])
        assert novel.dtype == bool
        assert 0 < novel.mean() < 0.15

    def test_is_a_ratio_of_distances(self):
        X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
        model = EmProxRegressor(2, embedder=PCA(1)).fit(X, X[:, 0])
        np.testing.assert_allclose(model.novelty([[4.5], [7.0], [-3.0]]), [0.5, 3, 3])
        assert model.is_novel([[4.5], [7.0]]).tolist() == [False, True]

    def test_with_nothing_to_compare(self, data):
        X, y = data
        one = make().fit(X[:1], y[:1])
        assert one.novelty(X[:2]).tolist() == [0, np.inf]
        assert one.is_novel(X[:2]).tolist() == [False, True]
        same = make().fit([X[0]] * 3, y[:3])
        assert same.novelty(X[:2]).tolist() == [0, np.inf]


class TestSeveralTargets:
    def test_neighbors(self, data):
        X, y = data
        both = np.column_stack([y, 100 - y])
        model = make().fit(X[:60], both[:60])
        mean, std = model.predict(X[60:], return_std=True)
        assert mean.shape == std.shape == (40, 2)
        np.testing.assert_allclose(mean.sum(axis=1), 100)
        assert model.predict_interval(X[60:]).shape == (40, 2, 2)
        assert model.score_samples(X[60:]).shape == (40, 2)
        assert model.novelty(X[60:]).shape == (40,)
        assert np.isinf(model.predict_interval(X[60:], 0.999)).all()

    @pytest.mark.parametrize("variant", ["kriging", "principal components"])
    def test_each_is_as_if_it_were_alone(self, data, variant):
        X, y = data
        other = np.log(101 - y) + 0.1 * np.sin(y)
        both = make(variant).fit(X[:60], np.column_stack([y, other])[:60])
        for i, target in enumerate((y, other)):
            alone = make(variant).fit(X[:60], target[:60])
            for method in ("predict", "score_samples", "predict_interval"):
                expected = getattr(alone, method)(X[60:])
                np.testing.assert_allclose(getattr(both, method)(X[60:])[:, i], expected, rtol=1e-6)
            expected = alone.predict(X[60:], return_std=True)[1]
            np.testing.assert_allclose(both.predict(X[60:], True)[1][:, i], expected, rtol=1e-6)

    @pytest.mark.parametrize("variant", ["auto", "anchor", "kriging with anchor"])
    def test_other_variants(self, data, variant):
        X, y = data
        both = np.column_stack([y, y / 2])
        model = make(variant).fit(X[:60], both[:60])
        np.testing.assert_allclose(model.predict(X[60:]) @ [1, -2], 0, atol=2)
        lower, upper = np.moveaxis(model.predict_interval(X[60:]), -1, 0)
        assert (lower < upper).all()

    def test_a_column_stays_a_column(self, data):
        X, y = data
        mean, std = make().fit(X[:60], y[:60, None]).predict(X[60:], return_std=True)
        assert mean.shape == std.shape == (40, 1)


class TestMatrices:
    FRAME = pd.DataFrame(
        np.random.default_rng(0).normal(size=(50, 4)) * [1, 10, 100, 1e-3] + [0, 5, 5, 5],
        columns=["depth", "width", "parameters", "rate"],
    )
    TARGET = (FRAME["depth"] + FRAME["width"] / 10 + np.sin(FRAME["parameters"] / 50)).rename("y")

    @pytest.mark.parametrize("variant", ["best", "kriging", "auto"])
    def test_any_features(self, variant):
        model = make(variant, space=None).fit(self.FRAME, self.TARGET)
        assert model.n_features_in_ == 4
        assert model.feature_names_in_.tolist() == self.FRAME.columns.tolist()
        plain = make(variant, space=None).fit(self.FRAME.to_numpy(), self.TARGET.to_numpy())
        predictions = model.predict(self.FRAME + 0.1)
        np.testing.assert_array_equal(plain.predict(self.FRAME.to_numpy() + 0.1), predictions)
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(self.FRAME.rename(columns={"width": "height"}))

    def test_are_standardised(self):
        scaled = self.FRAME * [1000, 1, 0.01, 5] + [3, 2, 1, -1]
        plain, other = (make(space=None).fit(X, self.TARGET) for X in (self.FRAME, scaled))
        assert isinstance(plain.features_, StandardScaler)
        new = self.FRAME.sample(20, random_state=0) * 0.9
        scaled_new = new * [1000, 1, 0.01, 5] + [3, 2, 1, -1]
        np.testing.assert_allclose(plain.predict(new), other.predict(scaled_new), rtol=1e-6)
        by_hand = make_pipeline(
            StandardScaler(), ProximityMetric(random_state=0, **RECIPES["best"].embedder)
        )
        expected = by_hand.fit(self.FRAME, self.TARGET).transform(self.FRAME)
        np.testing.assert_allclose(plain.embedding_, expected, atol=1e-8)

    def test_are_given_to_an_embedder_as_they_are(self):
        model = EmProxRegressor(5, embedder=PCA(4)).fit(self.FRAME, self.TARGET)
        assert model.features_ is None
        expected = PCA(4).fit_transform(self.FRAME.to_numpy())
        np.testing.assert_allclose(np.abs(model.embedding_), np.abs(expected), atol=1e-9)

    def test_predict_better_than_the_mean(self):
        predictions = cross_val_predict(make(space=None), self.FRAME, self.TARGET, cv=5)
        assert kendall_tau(self.TARGET, predictions) > 0.5

    @pytest.mark.parametrize("recipe", ["lstm", "paper"])
    def test_tokens(self, data, recipe):
        X, y = data
        tokens = SPACE.tokenize(SPACE.encode(X), "operations")
        frame = pd.DataFrame(tokens, columns=list("abcdef"))
        parameters = {"recipe": recipe, "embedder": LSTM}
        model = EmProxRegressor(5, **parameters).fit(frame, pd.Series(y))
        assert model.n_features_in_ == 6
        assert model.feature_names_in_.tolist() == list("abcdef")
        expected = EmProxRegressor(5, **parameters).fit(tokens, y).predict(tokens)
        np.testing.assert_array_equal(model.predict(frame), expected)

    def test_features_of_a_pipeline(self, fitted, data):
        """What comes before may also be a step of a pipeline."""
        X, y = data
        chain = make_pipeline(StructuralProperties("nasbench201"), make(space=None))
        assert kendall_tau(y[60:], chain.fit(X[:60], y[:60]).predict(X[60:])) > 0.6
        chain = make_pipeline(
            StructuralProperties("nasbench201", standardize=True),
            make(space=None, embedder=ProximityMetric(random_state=0, **RECIPES["best"].embedder)),
        )
        expected = fitted["best"].predict(X[60:])
        np.testing.assert_allclose(chain.fit(X[:60], y[:60]).predict(X[60:]), expected, rtol=1e-9)


class TestEmbedders:
    @pytest.mark.parametrize("recipe", RECIPES)
    def test_another_embedder_of_what_the_recipe_makes(self, data, recipe):
        X, y = data
        model = make(recipe=recipe, embedder=PCA(3, random_state=0)).fit(X[:60], y[:60])
        assert isinstance(model.embedder_, PCA)
        assert model.embedding_.shape == (60, 3)
        assert model.metric_ is None
        assert np.isfinite(model.predict(X, return_std=True)).all()

    def test_is_cloned(self, data):
        X, y = data
        embedder = PCA(3)
        make(embedder=embedder).fit(X[:60], y[:60])
        assert not hasattr(embedder, "components_")

    def test_a_metric_with_settings_of_its_own(self, data):
        X, y = data
        embedder = ProximityMetric(2, n_members=3, random_state=0)
        model = make(embedder=embedder, weights="kriging").fit(X[:60], y[:60])
        assert model.metric_ is model.embedder_
        assert model.embedding_.shape == (60, 2)

    def test_random_state(self, data):
        X, y = data
        first, again, other = (
            make(random_state=seed).fit(X[:60], y[:60]).predict(X[60:]) for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()


class TestScikitLearn:
    @pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "callable"])
    def test_pickle(self, fitted, data, variant):
        model = fitted[variant]
        again = pickle.loads(pickle.dumps(model))
        for method in ("predict", "score_samples", "predict_interval", "novelty", "kneighbors"):
            expected = getattr(model, method)(data[0])
            # The last bits of matrix products depend on where matrices lie in memory.
            np.testing.assert_allclose(getattr(again, method)(data[0]), expected, rtol=1e-9)

    def test_fitting_again_forgets(self, data):
        X, y = data
        model = make("anchor").fit(X[:40], y[:40])
        model.predict(X, return_std=True)
        model.set_params(chance_level=None).fit(X[40:90], y[40:90])
        fresh = make().fit(X[40:90], y[40:90])
        for method in ("predict", "predict_interval", "novelty"):
            np.testing.assert_array_equal(getattr(model, method)(X), getattr(fresh, method)(X))

    def test_parameters(self):
        model = EmProxRegressor(embedder=ArchitectureEmbedder(), chance_level=10)
        model.set_params(embedder__embedding_dim=7, n_neighbors=3)
        assert model.embedder.embedding_dim == 7
        assert clone(model).get_params()["chance_level"] == 10

    def test_representations(self, fitted):
        assert repr(EmProxRegressor(5, weights="kriging", chance_level=10)) == (
            "EmProxRegressor(chance_level=10, n_neighbors=5, weights='kriging')"
        )
        assert "EmProxRegressor" in fitted["anchor"]._repr_html_()
        assert "EmProxRegressor" in make()._repr_html_()

    def test_grid_search(self, data):
        X, y = data
        grid = {"weights": ["distance", "kriging"], "chance_level": [None, 10]}
        search = GridSearchCV(make(), grid, cv=3).fit(X[:60], y[:60])
        assert len(np.unique(search.cv_results_["mean_test_score"])) == 4
        assert search.predict(X[60:]).shape == (40,)

    def test_metadata_routing(self, data):
        X, y = data
        with config_context(enable_metadata_routing=True):
            regressor = make().set_predict_request(return_std=True)
            chain = Pipeline([("emprox", regressor)]).fit(X[:30], y[:30])
            mean, std = chain.predict(X[30:35], return_std=True)
            assert mean.shape == std.shape == (5,)

    def test_transform_output_of_pandas_changes_nothing(self, data):
        X, y = data
        expected = make("anchor").fit(X[:40], y[:40]).predict(X[40:], return_std=True)
        with config_context(transform_output="pandas"):
            result = make("anchor").fit(X[:40], y[:40]).predict(X[40:], return_std=True)
        np.testing.assert_array_equal(result, expected)

    @pytest.mark.parametrize("space", [None, "nasbench201"])
    def test_series_and_frames_of_architectures(self, data, space):
        X, y = data
        expected = make().fit(X[:40], y[:40]).predict(X[40:])
        frame, target = pd.DataFrame({"architecture": X}), pd.Series(y)
        series = make().fit(frame["architecture"][:40], target[:40])
        np.testing.assert_array_equal(series.predict(frame["architecture"][40:]), expected)
        np.testing.assert_array_equal(series.predict(frame[40:]), expected)


NUMBERS = np.tile(np.arange(1, 7), (20, 1))
NUMBERS[:, 0] = np.arange(20) % 5
ACCURACIES = np.linspace(80, 90, 20)
TOKENS = {"recipe": "lstm", "embedder": LSTM}


def fit(X=NUMBERS, y=ACCURACIES, **parameters):
    return EmProxRegressor(**{"n_neighbors": 3, **parameters}).fit(X, y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": np.empty((0, 6)), "y": []}, "0 sample"),
        ({"X": [], "y": [], "space": "nasbench201"}, "0 sample"),
        ({"X": NUMBERS[:1], "y": [90.0]}, "n_neighbors=3 is more than .* n_samples=1"),
        ({"X": NUMBERS[:2], "y": [90.0, 80.0]}, "set n_neighbors to at most 2"),
        ({"y": np.r_[ACCURACIES[:-1], np.nan]}, "y contains NaN"),
        ({"y": np.r_[ACCURACIES[:-1], np.inf]}, "y contains infinity"),
        ({"y": ACCURACIES[:-1]}, r"inconsistent numbers of samples: \[20, 19\]"),
        ({"y": None}, "requires y to be passed"),
        ({"y": ["good"] * 20}, "could not convert string to float"),
        ({"X": np.where(NUMBERS == 3, np.nan, NUMBERS)}, "Input X contains NaN"),
        ({"X": np.where(NUMBERS == 3, np.inf, NUMBERS)}, "Input X contains infinity"),
        ({"n_neighbors": 0}, "'n_neighbors' parameter"),
        ({"n_neighbors": 2.5}, "'n_neighbors' parameter"),
        ({"n_neighbors": "many"}, "'n_neighbors' parameter"),
        ({"weights": "closeness"}, "'weights' parameter"),
        ({"recipe": "best of all"}, "'recipe' parameter"),
        ({"chance_level": "10 %"}, "'chance_level' parameter"),
        ({"chance_level": np.inf}, "'chance_level' parameter"),
        ({"embedder": "PCA"}, "'embedder' parameter"),
        ({"space": "nasbench202"}, "unknown search space"),
        ({"X": -NUMBERS, **TOKENS}, "Negative values in data"),
        ({"X": NUMBERS + 0.5, **TOKENS}, "whole numbers"),
        ({"X": ["|none~0|"] * 20}, "Expected 2D array|put an ArchitectureTokenizer"),
        ({"X": ["|none~0|"] * 20, "space": "nasbench201"}, "architecture 0: "),
    ],
)
def test_wrong_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit(**arguments)


def test_wrong_input_at_prediction(model):
    with pytest.raises(ValueError, match="architecture 1: unknown operation 'conv'"):
        model.predict(["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", ("conv",) * 6])
    with pytest.raises(ValueError, match="5 features, but EmProxRegressor is expecting 6"):
        fit().predict(NUMBERS[:, :5])


@pytest.mark.parametrize(
    "method",
    ["predict", "predict_interval", "score_samples", "novelty", "is_novel", "kneighbors"],
)
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(EmProxRegressor(), method)(NUMBERS)
    with pytest.raises(NotFittedError):
        getattr(make(), method)(["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"])
