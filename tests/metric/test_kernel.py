"""The parts of kernel ridge regression, against slower ways to compute the same."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from sklearn.gaussian_process.kernels import Matern

from emprox._metric._kernel import (
    RIDGES,
    choose_ridge,
    euclidean_distances,
    leave_one_out,
    matern32,
    mean_squared_gradients,
    root_mean_squared_distance,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_euclidean_distances(rng):
    A, B = rng.normal(size=(3, 7, 4)), rng.normal(size=(3, 5, 4))
    distances = euclidean_distances(A, B)
    assert distances.shape == (3, 7, 5)
    for member in range(3):
        np.testing.assert_allclose(distances[member], cdist(A[member], B[member]), atol=1e-12)


def test_distances_of_equal_points_are_numbers(rng):
    points = np.repeat(rng.normal(size=(4, 3)) * 1e3, 2, axis=0)
    distances = euclidean_distances(points, points)
    assert np.isfinite(distances).all()
    np.testing.assert_allclose(distances, cdist(points, points), atol=1e-4)


def test_matern32_by_hand():
    np.testing.assert_allclose(matern32(np.array([0.0, 1 / np.sqrt(3)])), [1, 2 / np.e])


def test_matern32_of_scikit_learn(rng):
    X = rng.normal(size=(6, 2))
    expected = Matern(length_scale=0.7, nu=1.5)(X)
    np.testing.assert_allclose(matern32(cdist(X, X) / 0.7), expected, atol=1e-14)


def test_matern32_leaves_its_argument_alone():
    distances = np.ones((2, 2))
    matern32(distances)
    assert (distances == 1).all()


@pytest.mark.parametrize("n_samples", [2, 3, 20])
def test_root_mean_squared_distance(rng, n_samples):
    points = rng.normal(size=(2, n_samples, 3)) + 5
    expected = [np.sqrt(np.mean(pdist(member) ** 2)) for member in points]
    result = root_mean_squared_distance(points)
    assert result.shape == (2, 1, 1)
    np.testing.assert_allclose(result.ravel(), expected)


@pytest.mark.parametrize("n_samples", [1, 4])
def test_root_mean_squared_distance_of_equal_points_is_one(n_samples):
    assert root_mean_squared_distance(np.zeros((n_samples, 3))).item() == 1


def test_leave_one_out_is_leaving_one_out(rng):
    X, z = rng.normal(size=(12, 3)), rng.normal(size=12)
    kernel, ridges = matern32(cdist(X, X)), np.array([1e-3, 0.1, 2.0])
    result = leave_one_out(kernel, z, ridges)
    assert result.dual.shape == result.residuals.shape == (3, 12)
    for ridge, dual, residuals in zip(ridges, *result, strict=True):
        np.testing.assert_allclose(dual, np.linalg.solve(kernel + ridge * np.eye(12), z))
        for i in range(12):
            others = np.arange(12) != i
            system = kernel[np.ix_(others, others)] + ridge * np.eye(11)
            predicted = kernel[i, others] @ np.linalg.solve(system, z[others])
            assert residuals[i] == pytest.approx(z[i] - predicted)


class TestChooseRidge:
    def test_least_error_without_a_usual_ridge(self, rng):
        X = rng.normal(size=(40, 2))
        kernel = matern32(cdist(X, X))
        z = np.sin(X[:, 0]) + rng.normal(0, 0.3, 40)
        errors = [np.mean(leave_one_out(kernel, z, RIDGES[[i]]).residuals ** 2) for i in range(21)]
        assert choose_ridge(kernel, z, usual=None) == RIDGES[np.argmin(errors)]

    def test_noise_asks_for_more(self, rng):
        X = rng.normal(size=(80, 2))
        kernel = matern32(cdist(X, X))
        signal, noise = np.sin(X[:, 0]), rng.normal(size=80)
        chosen = [choose_ridge(kernel, signal + level * noise) for level in (0.01, 0.1, 1)]
        assert chosen == sorted(set(chosen))

    def test_what_is_usual_matters_for_few_samples(self, rng):
        X, z = rng.normal(size=(3, 2)), rng.normal(size=3)
        kernel = matern32(cdist(X, X))
        candidates = np.array([1e-4, 0.1])
        for usual in candidates:
            assert choose_ridge(kernel, z, candidates, usual=usual) == usual

    def test_equal_values_get_the_usual_ridge(self):
        assert choose_ridge(np.eye(5), np.zeros(5), np.array([0.001, 0.01, 1]), usual=0.01) == 0.01


def test_mean_squared_gradients_are_slopes(rng):
    X, dual, step = rng.normal(size=(15, 3)), rng.normal(size=15), 1e-5
    expected = np.empty(3)
    for j in range(3):
        shift = step * np.eye(3)[j]
        above, below = (matern32(cdist(X + s, X)) @ dual for s in (shift, -shift))
        expected[j] = np.mean(((above - below) / (2 * step)) ** 2)
    result = mean_squared_gradients(X, euclidean_distances(X, X), dual)
    np.testing.assert_allclose(result, expected, rtol=1e-4)


def test_leading_axes_are_separate_problems(rng):
    X, z, dual = rng.normal(size=(2, 8, 3)), rng.normal(size=8), rng.normal(size=(2, 8))
    distances = euclidean_distances(X, X)
    together = leave_one_out(matern32(distances), z, RIDGES)
    gradients = mean_squared_gradients(X, distances, dual)
    for member in range(2):
        apart = leave_one_out(matern32(distances[member]), z, RIDGES)
        np.testing.assert_allclose(together.residuals[member], apart.residuals)
        np.testing.assert_allclose(
            gradients[member], mean_squared_gradients(X[member], distances[member], dual[member])
        )
