"""Kernel ridge regression of several targets with one kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._metric._ensemble import CONSTANT
from .._metric._kernel import (
    euclidean_distances,
    matern32,
    mean_squared_gradients,
    root_mean_squared_distance,
)

Floats = NDArray[np.float64]

LENGTH_SCALE = 2.0
# The ridge where only gradients are wanted, which hardly depend on it.
GRADIENT_RIDGE = 0.02
RIDGES = np.logspace(-4, 0, 9)
# A column's weight follows its gradients the more, the more is known: half as much as it can at
# so many samples.
SAMPLES_FOR_HALF = 100
# So many kernel values are computed at once in predicting.
VALUES_AT_ONCE = 2**20


def gradient_weights(samples: Floats, targets: Floats) -> Floats:
    """Weigh columns by how much the targets change along them.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, n_features)
        Known samples, centred.
    targets : ndarray of shape (n_samples, n_targets)
        Their values, centred.

    Returns
    -------
    ndarray of shape (n_features,)
        Factors of the columns, at most 1: the mean squared gradient of a kernel ridge regression
        over the largest one, averaged over the targets, to a power.
    """
    n_samples = len(samples)
    points = samples / (LENGTH_SCALE * root_mean_squared_distance(samples))
    distances = euclidean_distances(points, points)
    system = matern32(distances) + CONSTANT + GRADIENT_RIDGE * np.eye(n_samples)
    shares = np.zeros(samples.shape[1])
    for dual in np.linalg.solve(system, targets).T:
        gradients = mean_squared_gradients(points, distances, dual)
        shares += gradients / max(gradients.max(), np.finfo(np.float64).tiny)
    if not shares.any():
        return np.ones_like(shares)
    exponent = 0.5 * n_samples / (n_samples + SAMPLES_FOR_HALF)
    return (shares / shares.max()) ** exponent


class SharedKernelRidge:
    """A Matérn-3/2 kernel ridge regression that shares everything but the ridge among targets.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, n_features)
        Known samples.
    targets : ndarray of shape (n_samples, n_targets)
        Their values, standardised.

    Attributes
    ----------
    left_out : ndarray of shape (n_samples, n_targets)
        Prediction of each known sample from all others.
    """

    left_out: Floats

    def __init__(self, samples: Floats, targets: Floats) -> None:
        self._center, self._means = samples.mean(axis=0), targets.mean(axis=0)
        centered, values = samples - self._center, targets - self._means
        self._weights = gradient_weights(centered, values)
        length = LENGTH_SCALE * root_mean_squared_distance(centered * self._weights)
        self._weights = self._weights / length.ravel()
        self._known = centered * self._weights

        eigenvalues, vectors = np.linalg.eigh(_kernel(self._known, self._known))
        inverse = 1 / (np.maximum(eigenvalues, 0) + RIDGES[:, None])
        precision = inverse @ np.square(vectors).T
        self._dual = np.empty_like(values)
        residuals = np.empty_like(values)
        for target, coefficients in enumerate((vectors.T @ values).T):
            dual = (inverse * coefficients) @ vectors.T
            left_out = dual / precision
            best = np.argmin(np.square(left_out).mean(axis=1))
            self._dual[:, target], residuals[:, target] = dual[best], left_out[best]
        self.left_out = targets - residuals

    def predict(self, samples: Floats) -> Floats:
        """Predict the values of samples.

        Parameters
        ----------
        samples : ndarray of shape (n, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n, n_targets)
            Their values, standardised.
        """
        points = (samples - self._center) * self._weights
        size = max(1, VALUES_AT_ONCE // len(self._known))
        parts = [
            _kernel(points[start : start + size], self._known) @ self._dual
            for start in range(0, len(points), size)
        ]
        return self._means + np.concatenate(parts)


def _kernel(A: Floats, B: Floats) -> Floats:
    return matern32(euclidean_distances(A, B)) + CONSTANT
