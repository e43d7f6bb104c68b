"""The learned metric, against scikit-learn's Gaussian process and against itself."""

import pickle

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from emprox._metric import ProximityMetric
from emprox.metrics import kendall_tau


@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input")
@parametrize_with_checks(
    [
        ProximityMetric(random_state=0),
        ProximityMetric(3, random_state=0),
        ProximityMetric(n_members=1, n_rounds=2, exponent=0.25, rank_share=0, random_state=0),
        ProximityMetric(n_members=2, background=0, n_rounds=0, rank_share=1, random_state=0),
    ]
)
def test_estimator(estimator, check):
    check(estimator)


def make_data(n_samples=60, n_features=8, seed=0, noise=0.3):
    """Draw features of which the first two decide about accuracies of 60 to 95 percent."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    y = 92 - 4 * (X[:, 0] - 1) ** 2 + 2 * np.sin(2 * X[:, 1]) + rng.normal(0, noise, n_samples)
    return X, y


@pytest.fixture
def data():
    X, y = make_data(100)
    return X[:60], y[:60], X[60:], y[60:]


def gaussian_process(metric, X, y):
    """Return scikit-learn's with the kernel, the weights and the ridge of a metric.

    The metric has one member and no update behind it, if X and y are what it was fitted on.
    """
    weights = np.sqrt(metric.feature_weights_)
    length = metric.length_scale * np.sqrt(np.mean(pdist(X * weights) ** 2))
    kernel = ConstantKernel(10) + Matern(length, nu=1.5)
    process = GaussianProcessRegressor(kernel, alpha=metric.ridges_[0], optimizer=None)
    transform = metric.target_transforms_[0]

    def fit(X, y):
        return clone(process).fit(X * weights, transform.forward(y))

    def predict(process, X, **parameters):
        return process.predict(X * weights, **parameters)

    return fit, predict


class TestAgainstGaussianProcess:
    @pytest.mark.parametrize("n_rounds", [0, 1, 3])
    def test_score(self, data, n_rounds):
        X, y, new, _ = data
        metric = ProximityMetric(n_members=1, n_rounds=n_rounds).fit(X, y)
        fit, predict = gaussian_process(metric, X, y)
        expected, expected_std = predict(fit(X, y), new, return_std=True)
        score, std = metric.score_samples(new, return_std=True)
        np.testing.assert_allclose(score, expected, atol=1e-8)
        np.testing.assert_allclose(metric.transform(new)[:, 0], expected, atol=1e-8)
        # scikit-learn leaves out the noise, and sets the variance of the process to 1.
        expected_std = np.sqrt(expected_std**2 + metric.ridges_[0])
        np.testing.assert_allclose(std / expected_std, std[0] / expected_std[0], rtol=1e-6)

    def test_leave_one_out(self, data):
        X, y, *_ = data
        metric = ProximityMetric(n_members=1).fit(X, y)
        fit, predict = gaussian_process(metric, X, y)
        scores, stds = np.empty(60), np.empty(60)
        for i in range(60):
            others = np.arange(60) != i
            scores[i], stds[i] = np.ravel(
                predict(fit(X[others], y[others]), X[[i]], return_std=True)
            )
        np.testing.assert_allclose(metric.loo_scores_, scores, atol=1e-8)
        np.testing.assert_allclose(metric.loo_embedding_[:, 0], scores, atol=1e-8)
        ratios = metric.loo_scores_std_ / np.sqrt(stds**2 + metric.ridges_[0])
        np.testing.assert_allclose(ratios, ratios[0], rtol=1e-6)

    @pytest.mark.parametrize("batches", [[40], [1] * 40, [3, 1, 36]])
    def test_update(self, data, batches):
        X, y, more, y_more = data
        metric = ProximityMetric(n_members=1).fit(X, y)
        fit, predict = gaussian_process(metric, X, y)
        for rows in np.split(np.arange(40), np.cumsum(batches)[:-1]):
            assert metric.update(more[rows], y_more[rows]) is metric
        expected = fit(np.vstack([X, more]), np.append(y, y_more))
        new, _ = make_data(30, seed=1)
        score, std = metric.score_samples(new, return_std=True)
        expected, expected_std = predict(expected, new, return_std=True)
        np.testing.assert_allclose(score, expected, atol=1e-8)
        expected_std = np.sqrt(expected_std**2 + metric.ridges_[0])
        np.testing.assert_allclose(std / expected_std, std[0] / expected_std[0], rtol=1e-6)


class TestUpdate:
    def test_equals_solving_anew(self, data):
        X, y, more, y_more = data
        one_by_one = ProximityMetric(2, random_state=0).fit(X, y)
        for i in range(40):
            one_by_one.update(more[i : i + 1], y_more[i : i + 1])
        at_once = ProximityMetric(2, random_state=0).fit(X, y).update(more, y_more)
        # What is known but what follows from it: computed anew from the kernel matrices.
        anew = pickle.loads(pickle.dumps(at_once))
        new, _ = make_data(30, seed=1)
        for name in ("transform", "predict", "score_samples"):
            expected = getattr(at_once, name)(new)
            np.testing.assert_allclose(getattr(one_by_one, name)(new), expected, atol=1e-9)
        _, expected = anew.predict(new, return_std=True)
        np.testing.assert_allclose(one_by_one.predict(new, return_std=True)[1], expected, atol=1e-9)
        for name in ("embedding_", "loo_embedding_", "loo_predictions_", "loo_std_", "y_"):
            assert len(getattr(one_by_one, name)) == 100
            np.testing.assert_allclose(getattr(one_by_one, name), getattr(at_once, name), atol=1e-9)

    def test_leave_one_out(self, data):
        X, y, more, y_more = data
        without_last = ProximityMetric(random_state=0).fit(X, y).update(more[:-1], y_more[:-1])
        expected = without_last.score_samples(more[-1:])
        metric = ProximityMetric(random_state=0).fit(X, y).update(more, y_more)
        np.testing.assert_allclose(metric.loo_scores_[-1:], expected, atol=1e-9)

    def test_accuracies_become_better(self, data):
        X, y, more, y_more = data
        metric = ProximityMetric(random_state=0).fit(X[:15], y[:15])
        before = np.abs(metric.predict(more) - y_more).mean()
        metric.update(X[15:], y[15:])
        assert np.abs(metric.predict(more) - y_more).mean() < 0.8 * before

    def test_the_metric_stays(self, data):
        X, y, more, y_more = data
        metric = ProximityMetric(random_state=0).fit(X, y)
        weights, ridges = metric.feature_weights_, metric.ridges_
        z = metric.target_transforms_[0].forward(y)
        metric.update(more, y_more)
        assert metric.feature_weights_ is weights
        assert metric.ridges_ is ridges
        np.testing.assert_array_equal(metric.target_transforms_[0].forward(y), z)

    def test_beyond_the_best(self, data):
        X, y, more, _ = data
        metric = ProximityMetric(random_state=0).fit(X, y)
        best = metric.predict(more).argmax()
        before = metric.score_samples(more[[best]])
        metric.update(more[[best]], [99.0])
        assert metric.score_samples(more[[best]]) > before
        assert y.max() < metric.predict(more[[best]]) <= 99

    def test_learned_from_a_single_sample(self):
        X, y = make_data(10)
        metric = ProximityMetric(random_state=0).fit(X[:1], y[:1]).update(X[1:], y[1:])
        assert kendall_tau(y, metric.predict(X)) > 0.9

    def test_forgotten_by_fit(self, data):
        X, y, more, y_more = data
        metric = ProximityMetric(random_state=0).fit(X, y)
        expected = metric.predict(more)
        metric.update(more, y_more).fit(X, y)
        np.testing.assert_array_equal(metric.predict(more), expected)

    def test_errors(self, data):
        X, y, more, y_more = data
        with pytest.raises(NotFittedError):
            ProximityMetric().update(X, y)
        metric = ProximityMetric().fit(X, y)
        with pytest.raises(ValueError, match="7 features, but ProximityMetric is expecting 8"):
            metric.update(more[:, :7], y_more)
        with pytest.raises(ValueError, match=r"has the shape \(40, 2\), but in fit it had \(60,\)"):
            metric.update(more, np.stack([y_more, y_more], axis=1))
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            metric.update(more, y_more[:-1])


class TestEmbedding:
    @pytest.mark.parametrize("n_components", [1, 4])
    def test_known_samples_bit_by_bit(self, n_components):
        X, y = make_data(300, 20)
        metric = ProximityMetric(n_components, random_state=0)
        embedding = metric.fit_transform(X[:200], y[:200])
        np.testing.assert_array_equal(metric.embedding_, embedding)
        metric.update(X[200:], y[200:])
        # In other batches, with rounded features, and after the arrays have moved in memory.
        rounded = X + 1e-15 * np.random.default_rng(0).choice([-1, 1], X.shape)
        for fitted in (metric, pickle.loads(pickle.dumps(metric))):
            np.testing.assert_array_equal(fitted.transform(rounded), metric.embedding_)
            for rows in (slice(0, 1), slice(7, 9), slice(150, 299)):
                np.testing.assert_array_equal(fitted.transform(X[rows]), metric.embedding_[rows])

    def test_repeated_samples_are_at_distance_zero(self):
        X, y = make_data(40)
        repeated = np.vstack([X, X + 1e-15, X[::-1]])
        noise = np.random.default_rng(0).normal(size=120)
        metric = ProximityMetric(2, random_state=0).fit(repeated, np.tile(y, 3) + noise)
        embedding = metric.embedding_
        np.testing.assert_array_equal(embedding[40:80], embedding[:40])
        np.testing.assert_array_equal(embedding[80:], embedding[39::-1])
        assert len(np.unique(embedding, axis=0)) == 40

    def test_one_component_is_the_score(self, data):
        X, y, new, _ = data
        metric = ProximityMetric(random_state=0).fit(X, y)
        found, expected = metric.transform(new)[:, 0], metric.score_samples(new)
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    @pytest.mark.parametrize(("n_components", "n_members"), [(2, 4), (4, 4), (3, 5), (6, 2)])
    def test_components_are_versions_of_the_score(self, data, n_components, n_members):
        X, y, new, _ = data
        metric = ProximityMetric(n_components, n_members=n_members, random_state=0).fit(X, y)
        embedding, score = metric.transform(new), metric.score_samples(new)
        assert embedding.shape == (40, n_components)
        assert (embedding.min(axis=1) < score).all()
        assert (embedding.max(axis=1) > score).all()
        assert (np.corrcoef(embedding.T) > 0.8).all()

    def test_neighbours_have_like_accuracies(self, data):
        X, y, new, y_new = data
        metric = ProximityMetric(random_state=0).fit(X, y)
        plain = KNeighborsRegressor(5, weights="distance")
        learned = clone(plain).fit(metric.transform(X), y).predict(metric.transform(new))
        plain = plain.fit(X, y).predict(new)
        assert kendall_tau(y_new, learned) > kendall_tau(y_new, plain) + 0.2

    def test_does_not_depend_on_the_batch(self):
        X, y = make_data(3000)
        metric = ProximityMetric(2, random_state=0).fit(X[:50], y[:50])
        together = metric.transform(X)
        for rows in (slice(0, 1), slice(17, 950), slice(2999, 3000)):
            np.testing.assert_allclose(metric.transform(X[rows]), together[rows], atol=1e-10)

    def test_data_frames(self, data):
        pandas = pytest.importorskip("pandas")
        X, y, *_ = data
        frame = pandas.DataFrame(X, index=np.arange(60) + 5)
        frame.columns = [f"column {i}" for i in range(8)]
        metric = ProximityMetric(2, random_state=0).set_output(transform="pandas")
        embedding = metric.fit_transform(frame, y)
        assert list(embedding.columns) == ["proximitymetric0", "proximitymetric1"]
        assert list(embedding.index) == list(frame.index)


class TestWeights:
    def test_features_that_matter(self, data):
        X, y, *_ = data
        weights = ProximityMetric(random_state=0).fit(X, y).feature_weights_
        assert weights.shape == (8,)
        assert weights.sum() == pytest.approx(1)
        assert set(np.argsort(weights)[-2:]) == {0, 1}

    def test_they_help(self):
        X, y = make_data(500, 20)
        errors = [
            np.abs(metric.fit(X[:80], y[:80]).predict(X[80:]) - y[80:]).mean()
            for metric in (
                ProximityMetric(n_rounds=0, random_state=0),
                ProximityMetric(random_state=0),
            )
        ]
        assert errors[1] < 0.9 * errors[0]

    def test_none_without_rounds(self, data):
        X, y, *_ = data
        metric = ProximityMetric(n_members=1, n_rounds=0).fit(X, y)
        np.testing.assert_allclose(metric.feature_weights_, 1 / 8)

    def test_the_more_is_known_the_more_they_differ(self):
        X, y = make_data(400)
        spreads = [
            ProximityMetric(random_state=0).fit(X[:n], y[:n]).feature_weights_.max()
            for n in (10, 50, 400)
        ]
        assert spreads == sorted(spreads)

    def test_scale_is_how_much_a_feature_counts(self, data):
        X, y, *_ = data
        metric = ProximityMetric(n_members=1, exponent=0)
        loud = X * np.where(np.arange(8) == 5, 3, 1)
        assert metric.fit(X, y).feature_weights_[5] == pytest.approx(1 / 8)
        # In units of the scaled feature its weight is that of the others.
        np.testing.assert_allclose(metric.fit(loud, y).feature_weights_, 1 / 8)
        plain = metric.fit(X, y).score_samples(X)
        assert not np.allclose(metric.fit(loud, y).score_samples(loud), plain, atol=0.01)

    def test_members_are_equal_with_full_background(self, data):
        X, y, new, _ = data
        expected = ProximityMetric(n_members=1).fit(X, y).transform(new)
        embedding = ProximityMetric(3, background=1).fit(X, y).transform(new)
        np.testing.assert_allclose(embedding, np.repeat(expected, 3, axis=1), atol=1e-9)

    def test_members_see_only_their_own_without_background(self, data):
        X, y, new, _ = data
        metric = ProximityMetric(8, n_members=8, background=0, random_state=0).fit(X, y)
        changes = [
            np.abs(metric.transform(new + shift) - metric.transform(new)).max(axis=0) > 1e-9
            for shift in 0.5 * np.eye(8)
        ]
        # Each component depends on one feature, and each feature has a component.
        np.testing.assert_array_equal(np.sum(changes, axis=0), 1)
        np.testing.assert_array_equal(np.sum(changes, axis=1), 1)


class TestPredict:
    def test_known_exactly_without_noise(self):
        X, y = make_data(150, 2, noise=0)
        metric = ProximityMetric(random_state=0).fit(X, y)
        assert np.abs(metric.predict(X) - y).mean() < 0.1 * y.std()

    def test_same_order_as_the_score(self, data):
        X, y, new, _ = data
        metric = ProximityMetric(random_state=0).fit(X, y)
        order = np.argsort(metric.score_samples(new))
        assert (np.diff(metric.predict(new)[order]) >= 0).all()

    def test_within_the_known_accuracies(self, data):
        X, y, new, _ = data
        prediction = ProximityMetric(random_state=0).fit(X, y).predict(3 * new)
        assert y.min() <= prediction.min()
        assert prediction.max() <= y.max()

    def test_unit_and_origin_do_not_matter(self, data):
        X, y, new, _ = data
        metric = ProximityMetric(random_state=0)
        mean, std = metric.fit(X, y).predict(new, return_std=True)
        other_mean, other_std = metric.fit(X, y / 100 - 7).predict(new, return_std=True)
        np.testing.assert_allclose(other_mean, mean / 100 - 7)
        np.testing.assert_allclose(other_std, std / 100)

    def test_scale_and_origin_of_all_features_do_not_matter(self, data):
        X, y, new, _ = data
        metric = ProximityMetric(random_state=0)
        expected = metric.fit(X, y).predict(new)
        np.testing.assert_allclose(
            metric.fit(1e-3 * X + 5, y).predict(1e-3 * new + 5), expected, rtol=1e-5
        )

    def test_order_of_samples_does_not_matter(self, data):
        X, y, new, _ = data
        metric = ProximityMetric(random_state=0)
        expected = metric.fit(X, y).predict(new)
        np.testing.assert_allclose(metric.fit(X[::-1], y[::-1]).predict(new), expected, rtol=1e-8)

    def test_constant_features_do_not_matter(self, data):
        X, y, new, _ = data
        metric = ProximityMetric(n_members=1)
        expected = metric.fit(X, y).predict(new)
        # A constant that a mean does not hit exactly.
        X, new = (np.hstack([part, np.full((len(part), 3), 0.1)]) for part in (X, new))
        np.testing.assert_allclose(metric.fit(X, y).predict(new), expected)
        np.testing.assert_array_equal(metric.feature_weights_[8:], 0)

    def test_standard_deviations_are_honest(self):
        coverages = []
        for seed in range(4):
            X, y = make_data(1000, 4, seed, noise=1)
            metric = ProximityMetric(random_state=0).fit(X[:120], y[:120])
            mean, std = metric.predict(X[120:], return_std=True)
            left_out = np.abs(metric.loo_predictions_ - y[:120]) <= 1.645 * metric.loo_std_
            coverages.append((np.mean(np.abs(mean - y[120:]) <= 1.645 * std), left_out.mean()))
        # Of 90 %: the weights know the known samples, so others are a little worse.
        np.testing.assert_allclose(np.mean(coverages, axis=0), [0.88, 0.9], atol=0.03)

    def test_far_away_is_uncertain(self, data):
        X, y, new, _ = data
        metric = ProximityMetric(random_state=0).fit(X, y)
        _, near = metric.score_samples(X, return_std=True)
        _, new_std = metric.score_samples(new, return_std=True)
        _, far = metric.score_samples(new + 100, return_std=True)
        assert near.mean() < new_std.mean() < far.min()

    def test_left_out_predictions(self, data):
        X, y, *_ = data
        metric = ProximityMetric(random_state=0).fit(X, y)
        transform = metric.target_transforms_[0]
        np.testing.assert_array_equal(
            metric.loo_predictions_, transform.inverse(metric.loo_scores_)
        )
        left_out = np.abs(metric.loo_predictions_ - y).mean()
        assert left_out > np.abs(metric.predict(X) - y).mean()

    def test_random_state(self, data):
        X, y, new, _ = data
        first, again, other = (
            ProximityMetric(random_state=seed).fit(X, y).predict(new) for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first, again)
        assert not np.allclose(first, other, rtol=1e-6)

    def test_pickle(self, data):
        X, y, new, _ = data
        metric = ProximityMetric(random_state=0).fit(X, y)
        expected, expected_std = metric.predict(new, return_std=True)
        pickled = pickle.dumps(metric)
        # Known samples for each member, but no matrices between them.
        assert len(pickled) < 8 * 60 * (4 * 8 + 40) + 10_000
        mean, std = pickle.loads(pickled).predict(new, return_std=True)
        np.testing.assert_array_equal(mean, expected)
        np.testing.assert_allclose(std, expected_std)


class TestSeveralOutputs:
    def test_each_is_learned_apart(self, data):
        X, y, new, _ = data
        both = np.stack([y, -(y**2)], axis=1)
        together = ProximityMetric(2, random_state=0).fit(X, both)
        apart = [ProximityMetric(2, random_state=0).fit(X, column) for column in both.T]
        np.testing.assert_array_equal(
            together.transform(new), np.hstack([metric.transform(new) for metric in apart])
        )
        mean, std = together.predict(new, return_std=True)
        for i, metric in enumerate(apart):
            for result, expected in zip(
                (mean, std), metric.predict(new, return_std=True), strict=True
            ):
                np.testing.assert_array_equal(result[:, i], expected)
            np.testing.assert_array_equal(
                together.score_samples(new)[:, i], metric.score_samples(new)
            )
            for name in ("loo_predictions_", "loo_std_", "loo_scores_", "loo_scores_std_"):
                np.testing.assert_array_equal(getattr(together, name)[:, i], getattr(metric, name))
        np.testing.assert_allclose(
            together.feature_weights_, np.mean([m.feature_weights_ for m in apart], axis=0)
        )
        assert len(together.get_feature_names_out()) == 4
        together.update(new, np.zeros((40, 2)))
        assert together.loo_predictions_.shape == (100, 2)

    def test_a_single_column(self, data):
        X, y, new, _ = data
        column = ProximityMetric(random_state=0).fit(X, y[:, None]).predict(new)
        expected = ProximityMetric(random_state=0).fit(X, y).predict(new)
        np.testing.assert_array_equal(column, expected[:, None])


@pytest.mark.parametrize("parameters", [{}, {"background": 0}, {"n_rounds": 0, "rank_share": 0}])
class TestLittleToLearnFrom:
    def check(self, metric, X, y):
        metric.fit(X, y)
        results = [
            metric.transform(X),
            *metric.predict(X, return_std=True),
            metric.loo_predictions_,
            metric.loo_std_,
            metric.update(X, y).predict(X),
        ]
        for result in results:
            assert np.isfinite(result).all()
        assert (metric.loo_std_ >= 0).all()
        return metric

    @pytest.mark.parametrize("n_samples", [1, 2, 3])
    @pytest.mark.parametrize("n_features", [1, 2, 9])
    def test_few_samples(self, parameters, n_samples, n_features):
        X, y = make_data(n_samples, max(n_features, 2))
        metric = ProximityMetric(random_state=0, **parameters)
        self.check(metric, X[:, :n_features], y)

    def test_a_single_sample_says_it_all(self, parameters):
        metric = ProximityMetric(**parameters).fit([[1.0, 2.0]], [90.0])
        np.testing.assert_array_equal(metric.predict([[1.0, 2.0], [7.0, -3.0]]), [90, 90])

    @pytest.mark.parametrize("value", [90.0, 0.1, 0.0])
    def test_equal_accuracies(self, parameters, value):
        X, _ = make_data(15)
        metric = self.check(ProximityMetric(**parameters), X, np.full(15, value))
        np.testing.assert_array_equal(metric.predict(2 * X), value)

    def test_equal_samples(self, parameters):
        _, y = make_data(15)
        metric = self.check(ProximityMetric(**parameters), np.full((15, 3), 0.1), y)
        prediction = metric.predict([[0.1, 0.1, 0.1]])
        assert y.min() < prediction < y.max()

    def test_repeated_samples(self, parameters):
        X, y = make_data(10)
        self.check(ProximityMetric(**parameters), np.tile(X, (4, 1)), np.tile(y, 4))

    def test_scales_far_apart(self, parameters):
        X, y = make_data(30)
        metric = ProximityMetric(random_state=0, **parameters)
        self.check(metric, X * np.logspace(-8, 8, 8), y)


class TestInScikitLearn:
    def test_pipeline_and_grid_search(self):
        X, y = make_data(90)
        model = make_pipeline(
            StandardScaler(),
            ProximityMetric(random_state=0),
            KNeighborsRegressor(weights="distance"),
        )
        grid = {"proximitymetric__n_components": [1, 6], "kneighborsregressor__n_neighbors": [3, 5]}
        search = GridSearchCV(model, grid, cv=3).fit(X * np.arange(1, 9), y)
        assert search.best_score_ > 0.5

    def test_cross_validation(self):
        X, y = make_data(90)
        prediction = cross_val_predict(ProximityMetric(random_state=0), X, y, cv=3)
        assert kendall_tau(y, prediction) > 0.6

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_components", 0),
            ("n_members", 0),
            ("background", 1.5),
            ("n_rounds", -1),
            ("length_scale", 0),
            ("exponent", "none"),
            ("rank_share", 1.1),
        ],
    )
    def test_parameters_are_checked(self, name, value):
        with pytest.raises(ValueError, match=f"'{name}' parameter of ProximityMetric must be"):
            ProximityMetric(**{name: value}).fit([[0.0], [1.0]], [0.0, 1.0])

    def test_accuracies_are_needed(self):
        with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
            ProximityMetric().fit([[0.0], [1.0]], None)

    def test_nothing_before_fit(self):
        for name in ("transform", "predict", "score_samples"):
            with pytest.raises(NotFittedError):
                getattr(ProximityMetric(), name)([[0.0]])
