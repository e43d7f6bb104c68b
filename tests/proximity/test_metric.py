"""The learned metric, against scikit-learn's Gaussian process and against itself."""

import pickle

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern
from sklearn.utils.estimator_checks import parametrize_with_checks

from emprox import ProximityMetric


@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input")
@parametrize_with_checks(
    [
        ProximityMetric(random_state=0),
        ProximityMetric(1, n_estimators=1, n_rounds=2, exponent=0.25, rank_share=0),
        ProximityMetric(2, background=0, n_rounds=0, rank_share=1, random_state=0),
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


class SameProcess:
    """scikit-learn's Gaussian process with what a metric of one member has learned."""

    def __init__(self, metric, X):
        self.weights = np.sqrt(metric.feature_weights_)
        length = metric.length_scale * np.sqrt(np.mean(pdist(X * self.weights) ** 2))
        kernel = ConstantKernel(10) + Matern(length, nu=1.5)
        self.ridge = metric.ridges_[0]
        self.process = GaussianProcessRegressor(kernel, alpha=self.ridge, optimizer=None)
        self.transform = metric.target_transforms_

    def fit(self, X, y):
        self.process.fit(X * self.weights, self.transform.forward(y[:, None])[:, 0])
        return self

    def predict(self, X):
        """Return mean and deviation; scikit-learn leaves out the noise."""
        mean, std = self.process.predict(X * self.weights, return_std=True)
        return mean, np.sqrt(std**2 + self.ridge)


def one_member(**parameters):
    return ProximityMetric(1, n_estimators=1, **parameters)


def check_scores(found, expected):
    """Check scores, and deviations up to the variance of the process, which is 1 there."""
    np.testing.assert_allclose(found[0], expected[0], atol=1e-8)
    ratios = found[1] / expected[1]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-6)


class TestAgainstGaussianProcess:
    @pytest.mark.parametrize("n_rounds", [0, 1, 3])
    def test_score(self, data, n_rounds):
        X, y, new, _ = data
        metric = one_member(n_rounds=n_rounds).fit(X, y)
        expected = SameProcess(metric, X).fit(X, y).predict(new)
        check_scores(metric.score_samples(new, return_std=True), expected)
        np.testing.assert_allclose(metric.transform(new)[:, 0], expected[0], atol=1e-8)

    def test_leave_one_out(self, data):
        X, y, *_ = data
        metric = one_member().fit(X, y)
        process, left_out = SameProcess(metric, X), []
        for i in range(60):
            others = np.arange(60) != i
            left_out.append(process.fit(X[others], y[others]).predict(X[[i]]))
        scores = np.array(left_out)[:, 0, 0]
        np.testing.assert_allclose(metric.loo_embedding_[:, 0], scores, atol=1e-8)

    @pytest.mark.parametrize("batches", [[40], [1] * 40, [3, 1, 36]])
    def test_update(self, data, batches):
        X, y, more, y_more = data
        metric = one_member().fit(X, y)
        process = SameProcess(metric, X)
        for rows in np.split(np.arange(40), np.cumsum(batches)[:-1]):
            assert metric.update(more[rows], y_more[rows]) is metric
        process.fit(np.vstack([X, more]), np.append(y, y_more))
        new, _ = make_data(30, seed=1)
        check_scores(metric.score_samples(new, return_std=True), process.predict(new))


class TestUpdate:
    def test_one_by_one_is_at_once(self, data):
        X, y, more, y_more = data
        one_by_one = ProximityMetric(2, random_state=0).fit(X, y)
        weights, ridges = one_by_one.feature_weights_, one_by_one.ridges_
        for i in range(40):
            one_by_one.update(more[i : i + 1], y_more[i : i + 1])
        at_once = ProximityMetric(2, random_state=0).fit(X, y).update(more, y_more)
        # What is known but what follows from it: computed anew from the kernel matrices.
        anew = pickle.loads(pickle.dumps(at_once))
        expected = at_once.predict(more, return_std=True)
        for other in (one_by_one, anew):
            np.testing.assert_allclose(other.predict(more, return_std=True), expected, atol=1e-9)
            for name in ("embedding_", "loo_embedding_"):
                np.testing.assert_allclose(getattr(other, name), getattr(at_once, name), atol=1e-9)
        # The metric stays as it was.
        assert one_by_one.feature_weights_ is weights
        assert one_by_one.ridges_ is ridges

    def test_accuracies_become_better_and_reach_further(self, data):
        X, y, more, y_more = data
        metric = ProximityMetric(random_state=0).fit(X[:15], y[:15])
        before = np.abs(metric.predict(more) - y_more).mean()
        metric.update(X[15:], y[15:])
        assert np.abs(metric.predict(more) - y_more).mean() < 0.8 * before
        best = metric.predict(more).argmax()
        metric.update(more[[best]], [99.0])
        assert y.max() < metric.predict(more[[best]]) <= 99


class TestEmbedding:
    @pytest.mark.parametrize("embedding_dim", [1, 4])
    def test_known_samples_bit_by_bit(self, embedding_dim):
        X, y = make_data(300, 20)
        metric = ProximityMetric(embedding_dim, random_state=0)
        embedding = metric.fit_transform(X[:200], y[:200])
        np.testing.assert_array_equal(metric.embedding_, embedding)
        metric.update(X[200:], y[200:])
        # In other batches, with rounded features, and after the arrays have moved in memory.
        rounded = X + 1e-15 * np.random.default_rng(0).choice([-1, 1], X.shape)
        for fitted in (metric, pickle.loads(pickle.dumps(metric))):
            np.testing.assert_array_equal(fitted.transform(rounded), metric.embedding_)
            for rows in (slice(0, 1), slice(7, 9), slice(150, 299)):
                np.testing.assert_array_equal(fitted.transform(X[rows]), metric.embedding_[rows])

    @pytest.mark.parametrize(("embedding_dim", "n_estimators"), [(2, 4), (4, 4), (3, 5), (6, 2)])
    def test_components_are_versions_of_the_score(self, data, embedding_dim, n_estimators):
        X, y, new, _ = data
        metric = ProximityMetric(embedding_dim, n_estimators=n_estimators, random_state=0)
        embedding, score = metric.fit(X, y).transform(new), metric.score_samples(new)
        assert embedding.shape == (40, embedding_dim)
        assert (embedding.min(axis=1) < score).all()
        assert (embedding.max(axis=1) > score).all()
        assert (np.corrcoef(embedding.T) > 0.8).all()


class TestWeights:
    def test_features_that_matter(self, data):
        X, y, *_ = data
        weights = ProximityMetric(random_state=0).fit(X, y).feature_weights_
        assert weights.sum() == pytest.approx(1)
        assert set(np.argsort(weights)[-2:]) == {0, 1}
        even = one_member(n_rounds=0).fit(X, y).feature_weights_
        np.testing.assert_allclose(even, 1 / 8)

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

    def test_background(self, data):
        X, y, new, _ = data
        # All members are equal if they see everything alike.
        expected = one_member().fit(X, y).transform(new)
        embedding = ProximityMetric(background=1).fit(X, y).transform(new)
        np.testing.assert_allclose(embedding, np.tile(expected, 4), atol=1e-9)
        # Without it, each component depends on one feature, and each feature has a component.
        metric = ProximityMetric(8, background=0, random_state=0).fit(X, y)
        changes = [
            np.abs(metric.transform(new + shift) - metric.transform(new)).max(axis=0) > 1e-9
            for shift in 0.5 * np.eye(8)
        ]
        np.testing.assert_array_equal(np.sum(changes, axis=0), 1)
        np.testing.assert_array_equal(np.sum(changes, axis=1), 1)


class TestPredict:
    def test_units_do_not_matter(self, data):
        X, y, new, _ = data
        metric = ProximityMetric(random_state=0)
        mean, std = metric.fit(X, y).predict(new, return_std=True)
        other_mean, other_std = metric.fit(X, y / 100 - 7).predict(new, return_std=True)
        np.testing.assert_allclose(other_mean, mean / 100 - 7)
        np.testing.assert_allclose(other_std, std / 100)
        scaled = metric.fit(1e-3 * X + 5, y).predict(1e-3 * new + 5)
        np.testing.assert_allclose(scaled, mean, rtol=1e-5)

    def test_standard_deviations_are_honest(self):
        coverages = []
        for seed in range(4):
            X, y = make_data(1000, 4, seed, noise=1)
            metric = ProximityMetric(random_state=0).fit(X[:120], y[:120])
            mean, std = metric.predict(X[120:], return_std=True)
            coverages.append(np.mean(np.abs(mean - y[120:]) <= 1.645 * std))
        # Of 90 %: the weights know the known samples, so others are a little worse.
        assert np.mean(coverages) == pytest.approx(0.88, abs=0.03)


@pytest.mark.parametrize("parameters", [{}, {"background": 0}, {"n_rounds": 0, "rank_share": 0}])
class TestLittleToLearnFrom:
    def check(self, X, y, **parameters):
        metric = ProximityMetric(random_state=0, **parameters).fit(X, y)
        results = [metric.transform(X), *metric.predict(X, return_std=True), metric.loo_embedding_]
        for result in [*results, metric.update(X, y).predict(X)]:
            assert np.isfinite(result).all()
        return metric

    @pytest.mark.parametrize("n_samples", [1, 2, 3])
    @pytest.mark.parametrize("n_features", [1, 2, 9])
    def test_few_samples(self, parameters, n_samples, n_features):
        X, y = make_data(n_samples, max(n_features, 2))
        metric = self.check(X[:, :n_features], y, **parameters)
        if n_samples == 1:
            np.testing.assert_array_equal(metric.predict(7 - X[:, :n_features]), y)

    @pytest.mark.parametrize("value", [90.0, 0.1, 0.0, 1e16, 1e300])
    def test_equal_accuracies(self, parameters, value):
        X, _ = make_data(15)
        metric = self.check(X, np.full(15, value), **parameters)
        mean, std = metric.predict(2 * X, return_std=True)
        np.testing.assert_array_equal(mean, value)
        np.testing.assert_array_equal(std, 0)
