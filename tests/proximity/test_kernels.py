"""The numerical kernels of the learner, against slower ways to compute the same."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from scipy.stats import multivariate_normal, norm
from sklearn.gaussian_process.kernels import Matern

from emprox.proximity._evidence import side_shares
from emprox.proximity._kernels import (
    CONSTANT,
    euclidean_distances,
    gradient_shares,
    matern32,
    root_mean_squared_distance,
)
from emprox.proximity._machine import RIDGES, SharedKernelRidge, Spectrum
from emprox.proximity._transform import TargetTransform, TargetTransforms
from emprox.proximity._uncertainty import ResidualCalibration

ACCURACIES = np.array([10.0, 60.0, 80.0, 88.0, 90.0])
# Differences of rounding size are no use in a test of strict order.
accuracies = st.lists(
    st.integers(0, 1000).map(lambda tenths: tenths / 10), min_size=1, max_size=30
).map(np.array)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class TestKernels:
    def test_distances(self, rng):
        A, B = rng.normal(size=(3, 7, 4)), rng.normal(size=(3, 5, 4))
        for found, a, b in zip(euclidean_distances(A, B), A, B, strict=True):
            np.testing.assert_allclose(found, cdist(a, b), atol=1e-12)
        equal = np.repeat(1e3 * A[0], 2, axis=0)
        np.testing.assert_allclose(
            euclidean_distances(equal, equal), cdist(equal, equal), atol=1e-4
        )

    def test_matern32(self, rng):
        X = rng.normal(size=(6, 2))
        np.testing.assert_allclose(matern32(np.array([0.0, 1 / np.sqrt(3)])), [1, 2 / np.e])
        np.testing.assert_allclose(
            matern32(cdist(X, X) / 0.7), Matern(length_scale=0.7, nu=1.5)(X), atol=1e-14
        )

    def test_root_mean_squared_distance(self, rng):
        points = rng.normal(size=(20, 3)) + 5
        expected = np.sqrt(np.mean(pdist(points) ** 2))
        assert root_mean_squared_distance(points) == pytest.approx(expected)
        assert root_mean_squared_distance(np.zeros((1, 3))) == 1

    def test_gradients_are_slopes(self, rng):
        X, targets, weights = rng.normal(size=(15, 3)), rng.normal(size=(15, 2)), np.ones(15)
        weights[0] = 4
        system = matern32(cdist(X, X)) + CONSTANT + 0.05 * np.diag(1 / weights)
        shares, step = np.zeros(3), 1e-5
        for dual in np.linalg.solve(system, targets).T:
            slopes = []
            for shift in step * np.eye(3):
                above, below = (matern32(cdist(X + s, X)) @ dual for s in (shift, -shift))
                slopes.append(np.mean(((above - below) / (2 * step)) ** 2))
            shares += np.array(slopes) / max(slopes) / 2
        np.testing.assert_allclose(gradient_shares(X, targets, weights), shares, rtol=1e-3)
        np.testing.assert_array_equal(gradient_shares(X, 0 * targets, weights), 1)


class TestSpectrum:
    @pytest.fixture
    def problem(self, rng):
        X, targets = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
        return matern32(cdist(X, X)), targets, rng.integers(1, 4, 12).astype(float)

    def test_leaving_one_out(self, problem):
        kernel, targets, weights = problem
        duals, residuals = Spectrum(kernel, targets, weights).leave_one_out()
        for number in (0, 7, 20):
            system = kernel + np.diag(RIDGES[number] / weights)
            np.testing.assert_allclose(duals[:, number], np.linalg.solve(system, targets).T)
            for i in range(12):
                others = np.delete(np.arange(12), i)
                dual = np.linalg.solve(system[np.ix_(others, others)], targets[others])
                expected = targets[i] - kernel[i, others] @ dual
                np.testing.assert_allclose(residuals[:, number, i], expected)

    def test_evidence_is_the_largest_likelihood(self, problem):
        kernel, targets, _ = problem
        values, likelihoods = targets[:, 0], []
        for ridge in RIDGES:
            covariance = kernel + ridge * np.eye(12)
            scale = values @ np.linalg.solve(covariance, values) / 12
            likelihoods.append(multivariate_normal(cov=scale * covariance).logpdf(values))
        # The constants that do not depend on the kernel are left out.
        expected = np.log(np.exp(likelihoods).sum()) + 6 * np.log(2 * np.pi) + 6
        assert Spectrum(kernel, values[:, None], np.ones(12)).evidence() == pytest.approx(expected)

    def test_noise_asks_for_a_larger_ridge(self, rng):
        X = rng.normal(size=(80, 2))
        noise = rng.normal(size=(80, 1)) * [0.01, 0.1, 1]
        spectrum = Spectrum(matern32(cdist(X, X)), np.sin(X[:, :1]) + noise, np.ones(80))
        chosen = spectrum.choose()[0].tolist()
        assert chosen == sorted(set(chosen))
        none = Spectrum(np.eye(5), np.zeros((5, 1)), np.ones(5)).choose()[0]
        assert RIDGES[none].item() == pytest.approx(0.005, rel=0.5)


class TestSideInformation:
    def test_shared_ridge_predicts(self, rng):
        samples, new = rng.uniform(-1, 1, size=(2, 200, 5))
        targets, true = (np.column_stack([X[:, 0] ** 2, X[:, 1] * X[:, 0]]) for X in (samples, new))
        ridge = SharedKernelRidge(samples, targets)
        for found, expected in ((ridge.predict(new), true), (ridge.left_out, targets)):
            for column in (0, 1):
                assert np.corrcoef(found[:, column], expected[:, column])[0, 1] > 0.95

    @pytest.mark.parametrize("seed", range(5))
    def test_a_column_that_tells_counts_and_noise_does_not(self, seed):
        rng = np.random.default_rng(seed)
        structure, (tells, noise) = rng.normal(size=(100, 5)), rng.normal(size=(2, 100))
        target = (structure[:, 0] + tells)[:, None]
        both, odds = np.column_stack([tells, noise]), np.ones(2)
        shares = side_shares(structure, both, target, odds)
        assert shares[0] > 0.5
        assert shares[1] < shares[0] / 3
        # The same whichever way it points, and in whatever unit the target is.
        np.testing.assert_allclose(side_shares(structure, -both, 7 * target, odds), shares)

    @pytest.mark.parametrize(
        ("structure", "target"),
        [
            (np.eye(5), np.full((5, 1), 90.0)),
            (np.ones((5, 3)), np.arange(5.0)[:, None]),
            (np.ones((1, 3)), np.array([[90.0]])),
        ],
    )
    def test_nothing_to_find_out(self, structure, target, rng):
        columns = rng.normal(size=(len(target), 4))
        shares = side_shares(structure, columns, target, np.ones(4))
        np.testing.assert_allclose(shares, 0.5**2 / 2 / 4)


class TestTransform:
    def test_by_hand(self):
        # The best is 90 and the median 80, so the logarithm ends at 100.
        logarithms = -np.log([90, 40, 20, 12, 10])
        logarithms = (logarithms - logarithms.mean()) / logarithms.std()
        ranks = np.array([-2, -1, 0, 1, 2]) / np.sqrt(2)
        mixture = 0.4 * ranks + 0.6 * logarithms
        for share, expected in ((0, logarithms), (1, ranks), (0.4, mixture / mixture.std())):
            found = TargetTransform(ACCURACIES, rank_share=share).forward(ACCURACIES)
            np.testing.assert_allclose(found, expected, atol=1e-14)

    @given(accuracies, st.floats(0, 1))
    def test_standardised_and_back(self, y, share):
        transform = TargetTransform(y, rank_share=share)
        z = transform.forward(y)
        assert z.mean() == pytest.approx(0, abs=1e-9)
        assert z.std() == pytest.approx(1 if np.ptp(y) > 0 else 0, abs=1e-9)
        for clip in (True, False):
            np.testing.assert_allclose(transform.inverse(z, clip=clip), y, atol=1e-8)
        within = transform.inverse(np.linspace(-10, 10, 101))
        assert y.min() <= within.min() <= within.max() <= y.max()

    @given(accuracies, st.floats(0, 0.95), st.floats(0.001, 3))
    def test_beyond_the_known_values(self, y, share, distance):
        assume(np.ptp(y) > 0)
        transform = TargetTransform(y, rank_share=share)
        grid = np.linspace(y.min() - 50, y.max() + 50, 1001)
        assert (np.diff(transform.forward(grid)) > 0).all()
        beyond = np.array([y.min(), y.max()]) + np.array([-1, 1]) * distance * np.ptp(y)
        inverted = transform.inverse(transform.forward(beyond), clip=False)
        np.testing.assert_allclose(inverted, beyond, rtol=1e-7, atol=1e-7)


class Doubled:
    """A transformation that everything can be worked out with by hand."""

    def forward(self, y):
        return 2 * y

    def inverse(self, z, clip):
        assert not clip
        return z / 2


def column(*values):
    return np.array(values, dtype=float)[:, None]


class TestCalibration:
    # The last one, 10 over 2, is as large as the fifth; ratios in order: 1 to 5, 5, 6 to 9.
    RESIDUALS = column(1, -2, 3, -4, 5, -6, 7, -8, 9, -10)
    STDS = column(1, 1, 1, 1, 1, 1, 1, 1, 1, 2)

    @pytest.mark.parametrize(
        # The rank is the ceiling of 11 * coverage.
        ("coverage", "ratio"),
        [(0.01, 1), (0.09, 1), (0.1, 2), (0.5, 5), (0.6, 6), (0.73, 8), (0.9, 9), (0.91, np.inf)],
    )
    def test_intervals_by_hand(self, coverage, ratio):
        calibration = ResidualCalibration(Doubled(), self.RESIDUALS, self.STDS)
        intervals = calibration.intervals(column(100, 60), column(1, 4), coverage)
        expected = [[[50 - ratio / 2, 50 + ratio / 2]], [[30 - 2 * ratio, 30 + 2 * ratio]]]
        np.testing.assert_allclose(intervals, expected)

    def test_standard_deviations(self):
        width = 2 * norm.ppf(0.95)
        for n_samples, ratio in ((10, 9), (4, 4), (0, np.inf)):
            some = self.RESIDUALS[:n_samples], self.STDS[:n_samples]
            calibration = ResidualCalibration(Doubled(), *some)
            found = calibration.standard_deviations(column(3, 7), column(1, 2))
            np.testing.assert_allclose(found, column(ratio, 2 * ratio) / width)

    def test_mean_square_is_added(self):
        # Residuals 3 and 4 on the transformed scale: a mean square of 12.5.
        calibration = ResidualCalibration(
            Doubled(), column(3, 4), column(2, 0), add_mean_square=True
        )
        for coverage, ratio in ((1 / 3, 3 / np.sqrt(16.5)), (2 / 3, 4 / np.sqrt(12.5))):
            ((interval,),) = calibration.intervals(column(0), column(1), coverage)
            np.testing.assert_allclose(interval, np.array([-0.5, 0.5]) * ratio * np.sqrt(13.5))

    def test_is_conformal(self, rng):
        """Whatever the distribution: of new accuracies, as many are held as promised."""
        shares = {0.5: [], 0.8: [], 0.95: []}
        for _ in range(400):
            spread = rng.uniform(0.1, 3, size=119)
            y = 90 - rng.standard_exponential(119) * spread
            transform = TargetTransforms(y[:19, None], np.ones(19))
            calibration = ResidualCalibration(
                transform, transform.forward(y[:19, None]), spread[:19, None]
            )
            for coverage, held in shares.items():
                ends = calibration.intervals(np.zeros((100, 1)), spread[19:, None], coverage)[:, 0]
                held.append(np.mean((ends[:, 0] <= y[19:]) & (y[19:] <= ends[:, 1])))
        for coverage, held in shares.items():
            # The transformation knows the known ones, which costs a little.
            assert np.mean(held) == pytest.approx(coverage, abs=0.03)
