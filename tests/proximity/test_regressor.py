"""The last step of the chain, on matrices."""

import itertools
import pickle
import threading
import time

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.neighbors import KNeighborsRegressor
from threadpoolctl import threadpool_info, threadpool_limits

from emprox import ProximityMetric, ProximityRegressor

VARIANTS = {
    "neighbours": {},
    "kriging": {"weights": "kriging"},
    "auto": {"n_neighbors": "auto"},
    "uniform": {"weights": "uniform"},
    "callable": {"weights": lambda distances: np.exp(-distances)},
    "a metric": {"metric": ProximityMetric(2, n_estimators=3, random_state=1)},
    "no metric": {"metric": None},
}
ANCHOR = np.full((1, 6), 3.0)


def make(variant="neighbours", **parameters):
    return ProximityRegressor(**{"random_state": 0, **VARIANTS[variant], **parameters})


def draw(n_samples, seed=0, noise=0.3):
    """Draw features of which the first two decide about accuracies."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 6))
    y = 92 - 2 * (X[:, 0] - 1) ** 2 + 2 * np.sin(2 * X[:, 1]) + rng.normal(0, noise, n_samples)
    return X, y


@pytest.fixture(scope="module")
def data():
    return draw(100)


@pytest.fixture(scope="module")
def fitted(data):
    """Each variant, fitted to the same 60 samples."""
    X, y = data
    return {name: make(name).fit(X[:60], y[:60]) for name in VARIANTS}


def check_same(model, other, X, rtol=1e-9):
    """Check that two models say the same."""
    for method in ("predict", "score_samples", "predict_interval", "novelty", "transform"):
        left, right = getattr(model, method)(X), getattr(other, method)(X)
        np.testing.assert_allclose(left, right, rtol=rtol, atol=rtol, err_msg=method)
    for found, expected in zip(model.kneighbors(X), other.kneighbors(X), strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(model.embedding_, other.embedding_, rtol=rtol, atol=rtol)
    assert model.n_neighbors_ == other.n_neighbors_


class TestNeighbors:
    @pytest.mark.parametrize("weights", ["distance", "uniform", lambda d: np.exp(-d)])
    def test_is_that_of_scikit_learn_in_the_embedding(self, data, weights):
        X, y = data
        model = make(weights=weights, n_neighbors=5).fit(X[:60], y[:60])
        knn = KNeighborsRegressor(5, weights=weights, algorithm="kd_tree")
        knn.fit(model.embedding_, y[:60])
        embedding = model.transform(X)
        np.testing.assert_allclose(model.predict(X), knn.predict(embedding))
        for found, expected in zip(model.kneighbors(X), knn.kneighbors(embedding), strict=True):
            np.testing.assert_array_equal(found, expected)
        for found, expected in zip(model.kneighbors(), knn.kneighbors(), strict=True):
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_allclose(model.neighbor_weights(X) @ y[:60], model.predict(X))

    @pytest.mark.parametrize("variant", ["neighbours", "auto", "callable", "no metric"])
    def test_a_known_sample_gets_its_own_accuracy(self, fitted, data, variant):
        X, y = data
        if variant != "callable":
            np.testing.assert_allclose(fitted[variant].predict(X[:60]), y[:60])
        # One at a time as well.
        one_by_one = [fitted[variant].predict(X[[i]])[0] for i in range(5)]
        np.testing.assert_allclose(one_by_one, fitted[variant].predict(X[:5]))

    def test_number(self, data):
        X, y = data
        assert make().fit(X, y).n_neighbors_ == 8
        assert make("no metric").fit(X, y).n_neighbors_ == 10
        few = make().fit(X[:3], y[:3])
        assert few.n_neighbors_ == 3
        assert few.kneighbors()[1].shape == (3, 2)
        with pytest.raises(ValueError, match="n_neighbors=4"):
            make(n_neighbors=4).fit(X[:4], y[:4], n_anchors=1)

    def test_kriging_is_the_metric(self, fitted, data):
        X, y = data
        expected = ProximityMetric(random_state=0).fit(X[:60], y[:60])
        np.testing.assert_array_equal(fitted["kriging"].predict(X), expected.predict(X))
        np.testing.assert_array_equal(fitted["kriging"].score_samples(X), expected.score_samples(X))
        with pytest.raises(ValueError, match="kriging"):
            fitted["kriging"].neighbor_weights(X)
        with pytest.raises(ValueError, match="metric"):
            make("no metric", weights="kriging").fit(X, y)


class TestAutomaticNumber:
    def test_takes_more_where_accuracies_are_noisy(self):
        rng = np.random.default_rng(0)
        X = rng.uniform(size=(150, 2))
        y = 10 * X[:, 0]
        noisy = y + rng.normal(scale=5, size=150)
        numbers = [make("no metric", n_neighbors="auto").fit(X, z).n_neighbors_ for z in (y, noisy)]
        assert numbers[0] < 10 < numbers[1]

    @pytest.mark.parametrize("n_known", [1, 2, 4, 7])
    def test_few_known(self, data, n_known):
        X, y = data
        model = make("auto").fit(X[:n_known], y[:n_known])
        assert 1 <= model.n_neighbors_ <= max(1, n_known - 1)
        assert np.isfinite(model.predict(X)).all()


class TestRepetitions:
    """Rows of equal features are one architecture."""

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_weights_are_repetitions(self, data, variant):
        X, y = data
        weights = np.random.default_rng(0).integers(0, 4, 60)
        rows = np.repeat(np.arange(60), weights)
        weighted = make(variant).fit(X[:60], y[:60], sample_weight=weights)
        repeated = make(variant).fit(X[rows], y[rows])
        for method in ("predict", "score_samples", "novelty"):
            expected = getattr(repeated, method)(X)
            np.testing.assert_allclose(getattr(weighted, method)(X), expected, rtol=1e-6, atol=1e-9)
        assert not set(weighted.kneighbors(X)[1].ravel()) & set(np.flatnonzero(weights == 0))

    @pytest.mark.parametrize("variant", ["neighbours", "kriging", "no metric"])
    def test_more_contradictions_than_neighbors(self, data, variant):
        X, y = draw(40, noise=0)
        X, y = np.vstack([X, np.repeat(X[:1], 20, axis=0)]), np.append(y, np.tile([0, 100], 10))
        expected, first = np.append(y[0], y[40:]).mean(), None
        for seed in range(3):
            order = np.random.default_rng(seed).permutation(60)
            prediction = make(variant).fit(X[order], y[order]).predict(X[:40])
            if variant != "kriging":
                assert prediction[0] == pytest.approx(expected)
            first = prediction if first is None else first
            np.testing.assert_array_equal(prediction, first)

    @pytest.mark.parametrize("variant", ["neighbours", "kriging", "auto", "no metric"])
    def test_order_does_not_matter(self, fitted, data, variant):
        X, y = data
        order = np.random.default_rng(0).permutation(60)
        model = make(variant).fit(X[order], y[order])
        for method in ("predict", "predict_interval", "score_samples", "novelty"):
            expected = getattr(fitted[variant], method)(X)
            np.testing.assert_array_equal(getattr(model, method)(X), expected)
        np.testing.assert_array_equal(
            order[model.kneighbors(X)[1]], fitted[variant].kneighbors(X)[1]
        )

    def test_a_constant_column_changes_nothing(self, fitted, data):
        X, y = data
        wide = np.insert(X, 2, 0.1, axis=1)
        model = make().fit(wide[:60], y[:60])
        for found, expected in zip(
            model.predict(wide, return_std=True),
            fitted["neighbours"].predict(X, return_std=True),
            strict=True,
        ):
            np.testing.assert_array_equal(found, expected)

    def test_neighbors_of_repeated_samples_are_rows(self, data):
        X, y = data
        model = make(n_neighbors=3).fit(X[[0, 1, 2, 3, 4, 5, 5]], y[[0, 1, 2, 3, 4, 5, 5]])
        distances, indices = model.kneighbors(X[[5]])
        assert set(indices[0, :2]) == {5, 6}
        np.testing.assert_array_equal(distances[0, :2], 0)
        np.testing.assert_allclose(model.neighbor_weights(X[[5]]), [[0, 0, 0, 0, 0, 0.5, 0.5]])


class TestAnchors:
    @pytest.fixture
    def model(self, data):
        X, y = data
        return make().fit(np.vstack([X[:60], ANCHOR]), np.append(y[:60], 10), n_anchors=1)

    def test_teaches_but_is_no_row(self, model, data):
        X, y = data
        assert model.predict(ANCHOR) == 10
        everywhere = np.vstack([X, ANCHOR])
        assert model.kneighbors(everywhere, 60)[1].max() == 59
        assert model.kneighbors()[1].shape == (60, 8)
        assert model.embedding_.shape == (60, 4)
        assert model.novelty(ANCHOR) > 1
        weights = model.neighbor_weights(everywhere)
        assert weights.shape == (101, 60)
        assert weights[-1].sum() == 0
        missing = 1 - weights.sum(axis=1)
        np.testing.assert_allclose(weights @ y[:60] + 10 * missing, model.predict(everywhere))

    def test_says_nothing_about_how_well_others_are_predicted(self, data):
        X, y = data
        # A level that nothing else suggests: its own residual would be huge, and no residual is
        # missing for a coverage that needs 40 of them.
        known, accuracies = np.vstack([X[:40], ANCHOR]), np.append(y[:40], -1000)
        model = make().fit(known, accuracies, n_anchors=1)
        assert np.isfinite(model.predict_interval(X[60:], 40 / 41)).all()
        assert np.isinf(model.predict_interval(X[60:], 0.98)).all()

    @pytest.mark.parametrize("n_anchors", [-1, 60])
    def test_wrong_number(self, data, n_anchors):
        with pytest.raises(ValueError, match="n_anchors"):
            make().fit(data[0][:60], data[1][:60], n_anchors=n_anchors)


def in_parts(model, X, y, refit):
    model.fit(X[:40], y[:40])
    model.partial_fit(X[40:41], y[40:41], refit=refit)
    return model.partial_fit(X[41:60], y[41:60], refit=refit)


class TestPartialFit:
    @pytest.mark.parametrize("refit", [True, np.True_])
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_refit_is_a_fresh_fit(self, fitted, data, variant, refit):
        X, y = data
        check_same(in_parts(make(variant), X, y, refit), fitted[variant], X)

    def test_new_ones_are_neighbors_in_the_frozen_metric(self, data):
        X, y = data
        model = in_parts(make(), X, y, refit=False)
        frozen = make().fit(X[:40], y[:40])
        embedding = frozen.transform(X)
        np.testing.assert_allclose(model.embedding_, embedding[:60], atol=1e-9)
        knn = KNeighborsRegressor(8, weights="distance", algorithm="kd_tree")
        expected = knn.fit(embedding[:60], y[:60]).predict(embedding)
        np.testing.assert_allclose(model.predict(X), expected, atol=1e-5)

    @pytest.mark.parametrize("sizes", [(20,), (1, 19)])
    def test_kriging_updates_the_metric(self, data, sizes):
        X, y = data
        model = make("kriging").fit(X[:40], y[:40])
        for rows in np.split(np.arange(40, 60), np.cumsum(sizes)[:-1]):
            model.partial_fit(X[rows], y[rows], refit=False)
        metric = ProximityMetric(random_state=0).fit(X[:40], y[:40]).update(X[40:60], y[40:60])
        np.testing.assert_allclose(model.score_samples(X), metric.score_samples(X), atol=1e-9)
        np.testing.assert_allclose(model.embedding_, metric.embedding_, atol=1e-9)
        check_same(pickle.loads(pickle.dumps(model)), model, X)

    def test_auto_learns_anew_when_there_are_a_tenth_more(self, data):
        X, y = data
        model = make().fit(X[:51], y[:51])
        learned_from = 51
        for n_known in range(52, 72):
            model.partial_fit(X[n_known - 1 : n_known], y[n_known - 1 : n_known])
            if n_known in (57, 63, 70):  # 1.1 x 51 = 56.1, 1.1 x 57 = 62.7, 1.1 x 63 = 69.3
                learned_from = n_known
            expected = make().fit(X[:learned_from], y[:learned_from]).transform(X)
            np.testing.assert_allclose(model.transform(X), expected, atol=1e-9)
            assert len(model.embedding_) == n_known

    @pytest.mark.parametrize("refit", [1, 0, "always", None, 1.0])
    def test_wrong_refit(self, data, refit):
        X, y = data
        with pytest.raises(ValueError, match="refit"):
            make().fit(X[:40], y[:40]).partial_fit(X[40:], y[40:], refit=refit)

    @pytest.mark.parametrize("variant", ["neighbours", "kriging"])
    def test_errors_change_nothing(self, data, variant):
        X, y = data
        model = make(variant).fit(X[:40], y[:40])
        before = model.predict(X)
        for new, targets in (
            (X[40:42], y[40:41]),
            (X[40:42], np.c_[y[40:42], y[40:42]]),
            (X[40:42], [1.0, np.nan]),
            (X[40:42, :5], y[40:42]),
            (X[:0], y[:0]),
        ):
            with pytest.raises(ValueError, match=r"sample|shape|NaN|features"):
                model.partial_fit(new, targets, refit=False)
        np.testing.assert_array_equal(model.predict(X), before)
        assert len(model.embedding_) == 40


class TestUncertainty:
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_intervals_and_deviations(self, fitted, data, variant):
        X, model = data[0][60:], fitted[variant]
        mean, std = model.predict(X, return_std=True)
        np.testing.assert_array_equal(mean, model.predict(X))
        intervals = [model.predict_interval(X, coverage) for coverage in (0.5, 0.9, 0.95)]
        np.testing.assert_allclose(std, np.ptp(intervals[1], axis=1) / 3.2897, rtol=1e-4)
        for inner, outer in itertools.pairwise(intervals):
            assert (outer[:, 0] <= inner[:, 0]).all()
            assert (outer[:, 1] >= inner[:, 1]).all()
        assert (intervals[0][:, 0] <= mean + 1e-6).all()
        assert (mean - 1e-6 <= intervals[0][:, 1]).all()
        np.testing.assert_array_equal(model.predict_interval(X), intervals[1])

    @pytest.mark.parametrize("n_known", [60, 600])
    @pytest.mark.parametrize("variant", ["neighbours", "kriging", "no metric"])
    def test_cover(self, variant, n_known):
        shares = []
        for seed in range(6 if n_known < 100 else 2):
            X, y = draw(n_known + 500, seed, noise=1)
            model = make(variant).fit(X[:n_known], y[:n_known])
            new, true = X[n_known:], y[n_known:]
            ends = [model.predict_interval(new, coverage).T for coverage in (0.5, 0.9)]
            shares.append([np.mean((lower <= true) & (true <= upper)) for lower, upper in ends])
        np.testing.assert_allclose(np.mean(shares, axis=0), [0.5, 0.9], atol=0.08)

    def test_a_metric_that_has_seen_the_accuracies_is_not_trusted(self):
        # Nothing can be predicted here.
        X, y = np.split(np.random.default_rng(0).normal(size=(1060, 51)), [50], axis=1)
        model = make().fit(X[:60], y[:60, 0])
        lower, upper = model.predict_interval(X[60:], 0.8).T
        assert np.mean((lower <= y[60:, 0]) & (y[60:, 0] <= upper)) > 0.75

    def test_leaves_the_model_as_it_is(self, data):
        X, y = data
        state = np.random.RandomState(3)
        model = make(random_state=state).fit(X[:60], y[:60])
        before, drawn = model.predict(X), state.get_state()[2]
        _, std = model.predict(X, return_std=True)
        np.testing.assert_array_equal(model.predict(X), before)
        assert state.get_state()[2] == drawn
        np.testing.assert_array_equal(model.predict(X, return_std=True)[1], std)

    @pytest.mark.parametrize(("n_known", "is_finite"), [(8, False), (9, True)])
    def test_too_few_known(self, data, n_known, is_finite):
        X, y = data
        model = make("kriging").fit(X[:n_known], y[:n_known])
        assert np.isfinite(model.predict_interval(X[60:], 0.9)).all() == is_finite
        for variant in ("neighbours", "kriging", "no metric"):
            mean, std = make(variant).fit(X[:1], y[:1]).predict(X[60:], return_std=True)
            np.testing.assert_allclose(mean, y[0])
            assert np.isinf(std).all()

    @pytest.mark.parametrize("coverage", [0, 1, -0.1, 90, np.nan])
    def test_wrong_coverage(self, fitted, data, coverage):
        with pytest.raises(ValueError, match="coverage"):
            fitted["neighbours"].predict_interval(data[0], coverage)

    def test_first_deviation_takes_no_longer_than_the_fit(self):
        X, y = draw(1500)
        start = time.perf_counter()
        model = make().fit(X, y)
        fit_seconds = time.perf_counter() - start
        start = time.perf_counter()
        model.predict(X[:5], return_std=True)
        # Five refits, as there once were, would take more than twice as long.
        assert time.perf_counter() - start < 2 * fit_seconds


class TestScores:
    def test_no_ties_where_predictions_end(self):
        X, y = draw(1000, noise=0)
        known = np.flatnonzero(y < np.median(y))[:60]
        model = make("kriging").fit(X[known], y[known])
        predictions, scores = model.predict(X), model.score_samples(X)
        at_the_end = predictions == y[known].max()
        assert at_the_end.sum() > 50
        assert len(np.unique(scores[at_the_end])) == at_the_end.sum()
        assert (np.diff(predictions[scores.argsort()]) >= 0).all()


class TestNovelty:
    def test_is_a_ratio_of_distances(self):
        X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
        model = make("no metric", n_neighbors=2).fit(X, X[:, 0])
        np.testing.assert_allclose(model.novelty([[4.5], [7.0], [-3.0]]), [0.5, 3, 3])
        assert model.is_novel([[4.5], [7.0]]).tolist() == [False, True]

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_of_known_and_unlike_ones(self, fitted, data, variant):
        X = data[0]
        np.testing.assert_array_equal(fitted[variant].novelty(X[:60]), 0)
        assert fitted[variant].is_novel(X + 30).all()
        assert fitted[variant].is_novel(X[60:]).mean() < 0.4

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_similar_ones(self, fitted, data, variant):
        X = data[0]
        distances, indices = fitted[variant].similar(X[60:], 3)
        assert distances.shape == indices.shape == (40, 3)
        np.testing.assert_allclose(distances[:, 0], fitted[variant].novelty(X[60:]))
        assert (np.diff(distances) >= 0).all()
        assert fitted[variant].similar(X[:60], 1)[1].ravel().tolist() == list(range(60))
        assert fitted[variant].similar(X[:1], 100)[1].shape == (1, 60)

    def test_similar_is_about_features_not_predictions(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(80, 2))
        model = make("kriging").fit(X, X.sum(axis=1))
        indices = model.similar(X + 0.01, 1)[1]
        assert (indices.ravel() == np.arange(80)).mean() > 0.8

    def test_with_nothing_to_compare(self, data):
        X, y = data
        for known in ([0], [0, 0, 0]):
            model = make().fit(X[known], y[:3][: len(known)])
            assert model.novelty(X[:2]).tolist() == [0, np.inf]

    def test_of_one_is_quick_where_much_is_known(self):
        X, y = draw(3000)
        model = make("no metric").fit(np.tile(X, 20), y)
        query = np.tile(X[:1], 20)
        model.novelty(query)
        start = time.perf_counter()
        model.novelty(query)
        assert time.perf_counter() - start < 0.1  # 1 s if all distances are computed again


class TestGroups:
    """Families, in each of which all have an error in common, and are near each other."""

    def draw(self, seed=0):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(30), 6)
        centers = rng.normal(size=(30, 3))
        X = centers[groups] + 0.02 * rng.normal(size=(180, 3))
        y = 80 + 2 * X[:, 0] + rng.normal(size=30)[groups] + 0.05 * rng.normal(size=180)
        return X, y, groups

    def test_intervals_hold_for_new_groups(self):
        before, after = [], []
        for seed in range(4):
            X, y, groups = self.draw(seed)
            known = groups < 20
            model = make("kriging").fit(X[known], y[known])
            for covered in (before, after):
                lower, upper = model.predict_interval(X[~known]).T
                covered.append(np.mean((lower <= y[~known]) & (y[~known] <= upper)))
                predicted, std = model.predict(X[~known], return_std=True)
                np.testing.assert_array_equal(predicted, model.predict(X[~known]))
                assert (std > 0).all()
                assert model.calibrate(groups[known]) is model
        assert np.mean(before) < 0.8 < 0.84 < np.mean(after)

    def test_novel_is_what_is_unlike_all_groups(self):
        X, y, groups = self.draw()
        known = groups < 20
        model = make("no metric").fit(X[known], y[known])
        assert model.is_novel(X[~known]).mean() > 0.9
        model.calibrate([f"family {group}" for group in groups[known]])
        assert model.is_novel(X[~known]).mean() < 0.3
        assert model.is_novel(X + 30).all()

    def test_novelty_is_a_ratio_of_distances_between_groups(self):
        X = np.array([[0.0], [1.0], [2.0], [3.0], [9.0]])
        model = make("no metric", n_neighbors=2).fit(X, X[:, 0]).calibrate(list("aabbb"))
        # 1 and 2 are next to each other, 9 is 8 from the nearest of the other group.
        usual = np.quantile([2, 1, 1, 2, 8], 0.95)
        np.testing.assert_allclose(model.novelty([[12.0]]), 3 / usual)

    def test_what_comes_later_is_of_no_known_group(self):
        X, y, groups = self.draw()
        model = make("kriging").fit(X[:120], y[:120]).calibrate(groups[:120])
        interval = model.predict_interval(X[150:])
        for refit in (False, True):
            model.partial_fit(X[120:125], y[120:125], refit=refit)
            width = np.diff(model.predict_interval(X[150:])).mean()
            assert 0.5 < width / np.diff(interval).mean() < 2
        model.fit(X[:120], y[:120])
        assert np.diff(model.predict_interval(X[150:])).mean() < width
        copy = pickle.loads(pickle.dumps(model.calibrate(groups[:120])))
        np.testing.assert_array_equal(copy.predict_interval(X[150:]), interval)

    @pytest.mark.parametrize(("n", "words"), [(9, "9 labels"), (10, "all 7"), (11, "11 labels")])
    def test_wrong_labels(self, data, n, words):
        model = make().fit(data[0][:10], data[1][:10])
        with pytest.raises(ValueError, match=words):
            model.calibrate([7] * n)


class TestSeveralTargets:
    @pytest.mark.parametrize("variant", ["kriging", "no metric"])
    def test_each_is_as_if_it_were_alone(self, data, variant):
        X, y = data
        targets = np.column_stack([y, np.log(101 - y) + 0.1 * np.sin(y)])
        both = make(variant).fit(X[:60], targets[:60])
        for i, target in enumerate(targets.T):
            alone = make(variant).fit(X[:60], target[:60])
            for method in ("predict", "score_samples", "predict_interval"):
                expected = getattr(alone, method)(X[60:])
                np.testing.assert_allclose(getattr(both, method)(X[60:])[:, i], expected, rtol=1e-6)
            if variant == "kriging":
                columns = both.transform(X)[:, 4 * i : 4 * i + 4]
                np.testing.assert_allclose(columns, alone.transform(X), atol=1e-9)

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_shapes(self, data, variant):
        X, y = data
        both = make(variant).fit(X[:60], np.column_stack([y, 100 - y])[:60])
        mean, std = both.predict(X[60:], return_std=True)
        assert mean.shape == std.shape == both.score_samples(X[60:]).shape == (40, 2)
        if variant != "kriging":
            np.testing.assert_allclose(mean.sum(axis=1), 100)
        assert both.predict_interval(X[60:]).shape == (40, 2, 2)
        assert both.novelty(X[60:]).shape == (40,)
        mean, std = make().fit(X[:60], y[:60, None]).predict(X[60:], return_std=True)
        assert mean.shape == std.shape == (40, 1)


EXTREMES = {
    "equal": np.full(40, 5.0),
    "equal and huge": np.full(40, 1e16),
    "range beyond floats": np.linspace(-1, 1, 40) * 1.7e308,
    "subnormal": np.arange(40) * 5e-324,
    "differences of rounding": 1 + np.arange(40) * 2.0**-52,
    "huge offset": 1e12 + np.arange(40),
}


class TestExtremes:
    @pytest.mark.parametrize("variant", ["neighbours", "kriging", "auto", "no metric"])
    @pytest.mark.parametrize("name", EXTREMES)
    def test_accuracies(self, data, variant, name):
        X, y = data[0][:40], EXTREMES[name]
        model = make(variant).fit(X, y)
        mean, std = model.predict(data[0], return_std=True)
        assert y.min() <= mean.min()
        assert mean.max() <= y.max()
        assert np.isfinite([std, *model.predict_interval(data[0], 0.8).T]).all()
        assert (std == 0).all() == name.startswith("equal")

    @pytest.mark.parametrize(
        "y",
        [
            [None] * 60,
            [1.0] * 59 + [None],
            [1.0] * 59 + [np.inf],
            [1.0] * 59 + [10**400],
            ["good"] * 60,
            np.arange(60).astype("datetime64[s]"),
            np.ma.masked_equal(np.arange(60.0), 7),
            np.arange(59.0),
            None,
        ],
    )
    @pytest.mark.parametrize("model", [make(), ProximityMetric()])
    def test_wrong_accuracies(self, data, model, y):
        with pytest.raises(ValueError, match=r"y |float|sample"):
            clone(model).fit(data[0][:60], y)

    @pytest.mark.parametrize("variant", ["neighbours", "no metric"])
    def test_huge_features_are_named(self, fitted, data, variant):
        X = data[0].copy()
        X[17, 3] = 1e160
        with pytest.raises(ValueError, match=r"X\[17\]"):
            fitted[variant].predict(X)
        with pytest.raises(ValueError, match=r"X\[17\]"):
            make(variant).fit(X, data[1])


class TestScikitLearn:
    @pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "callable"])
    def test_pickle(self, fitted, data, variant):
        check_same(pickle.loads(pickle.dumps(fitted[variant])), fitted[variant], data[0])

    def test_fitting_again_forgets(self, fitted, data):
        X, y = data
        model = make().fit(X[40:], y[40:])
        model.predict(X, return_std=True)
        model.novelty(X)
        check_same(model.fit(X[:60], y[:60]), fitted["neighbours"], X)


def test_threads_that_predict_leave_the_linear_algebra_its_threads(data):
    def n_threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    model = make("kriging").fit(*data)
    with threadpool_limits(2, user_api="blas"):
        before = n_threads()
        threads = [
            threading.Thread(target=lambda: [model.predict(data[0]) for _ in range(30)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert n_threads() == before
