"""The Matérn kernel, its ridge by closed-form leave-one-out, and weights from its gradients.

All functions broadcast over leading axes, so that the members of an ensemble are computed at
once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Ridges that leave-one-out chooses among, and what it leans to where the data say little: a
# normal prior on their logarithm, of width one natural unit.
RIDGES = np.logspace(-4, 1, 21)
USUAL_RIDGE = 0.005


class LeaveOneOut(NamedTuple):
    """What a closed-form leave-one-out gives for every ridge.

    Attributes
    ----------
    dual : ndarray of shape (..., n_ridges, n_samples)
        Coefficients of the kernel expansion.
    residuals : ndarray of shape (..., n_ridges, n_samples)
        True value minus the value predicted from all other samples.
    """

    dual: Floats
    residuals: Floats


def euclidean_distances(A: Floats, B: Floats) -> Floats:
    """Compute distances through one matrix product.

    Parameters
    ----------
    A : ndarray of shape (..., n, n_features)
        Points.
    B : ndarray of shape (..., m, n_features)
        Other points.

    Returns
    -------
    ndarray of shape (..., n, m)
        The error of their squares is about 1e-16 times the squared length of the points, so
        centre them first; equal points may get as much instead of zero.
    """
    # With the squared lengths as two more columns, the product is all there is to do.
    squares_a = np.square(A).sum(axis=-1, keepdims=True)
    squares_b = np.square(B).sum(axis=-1, keepdims=True)
    left = np.concatenate([-2 * A, squares_a, np.ones_like(squares_a)], axis=-1)
    right = np.concatenate([B, np.ones_like(squares_b), squares_b], axis=-1)
    squared = left @ np.swapaxes(right, -1, -2)
    # Rounding can leave what should be zero a little below it.
    return np.sqrt(np.abs(squared, out=squared), out=squared)


def matern32(distances: Floats) -> Floats:
    """Evaluate the Matérn kernel of smoothness 3/2.

    Parameters
    ----------
    distances : ndarray of shape (...)
        Distances in units of the length scale.

    Returns
    -------
    ndarray of shape (...)
        (1 + sqrt(3) d) exp(-sqrt(3) d), from 1 at distance 0 down to 0.

    References
    ----------
    Rasmussen and Williams. Gaussian Processes for Machine Learning. 2006. Equation 4.17.
    """
    scaled = distances * -math.sqrt(3)
    kernel = np.exp(scaled)
    kernel *= np.subtract(1, scaled, out=scaled)
    return kernel


def root_mean_squared_distance(points: Floats) -> Floats:
    """Return the root of the mean squared distance between different samples.

    Parameters
    ----------
    points : ndarray of shape (..., n_samples, n_features)
        Samples.

    Returns
    -------
    ndarray of shape (..., 1, 1)
        From the variances of the columns, without computing distances; 1 where all samples are
        equal.
    """
    n_samples = points.shape[-2]
    variance = points.var(axis=-2, keepdims=True).sum(axis=-1, keepdims=True)
    distance = np.sqrt(2 * variance * n_samples / max(n_samples - 1, 1))
    return np.where(distance > 0, distance, 1.0)


def leave_one_out(kernel: Floats, targets: Floats, ridges: Floats) -> LeaveOneOut:
    """Leave each sample out of kernel ridge regression, for many ridges at once.

    One eigendecomposition serves all ridges.

    Parameters
    ----------
    kernel : ndarray of shape (..., n_samples, n_samples)
        Kernel between the samples.
    targets : ndarray of shape (n_samples,)
        Values to fit.
    ridges : ndarray of shape (n_ridges,)
        Positive numbers added to the diagonal of the kernel.

    Returns
    -------
    LeaveOneOut
        Dual coefficients and residuals.

    References
    ----------
    Rasmussen and Williams. Gaussian Processes for Machine Learning. 2006. Equation 5.12.
    """
    eigenvalues, vectors = np.linalg.eigh(kernel)
    inverse = 1 / (np.maximum(eigenvalues, 0)[..., None, :] + ridges[:, None])
    transposed = np.swapaxes(vectors, -1, -2)
    dual = (inverse * (transposed @ targets)[..., None, :]) @ transposed
    return LeaveOneOut(dual, dual / (inverse @ np.square(transposed)))


def choose_ridge(
    kernel: Floats, targets: Floats, ridges: Floats = RIDGES, usual: float | None = USUAL_RIDGE
) -> float:
    """Choose the ridge of kernel ridge regression by leave-one-out.

    Parameters
    ----------
    kernel : ndarray of shape (n_samples, n_samples)
        Kernel between the samples.
    targets : ndarray of shape (n_samples,)
        Values to fit.
    ridges : ndarray of shape (n_ridges,), default=RIDGES
        Candidates, positive.
    usual : float, default=USUAL_RIDGE
        What to lean to: half the squared natural logarithm of ridge / usual is added to the
        negative log-likelihood of the residuals, n / 2 times the logarithm of their mean square.
        So it matters for few samples. None takes the least residuals as they are.

    Returns
    -------
    float
        The best of the candidates.
    """
    residuals = leave_one_out(kernel, targets, ridges).residuals
    # Values that are all equal leave no residuals.
    mean_squares = np.maximum(np.square(residuals).mean(axis=-1), np.finfo(np.float64).tiny)
    loss = 0.5 * len(targets) * np.log(mean_squares)
    if usual is not None:
        loss = loss + 0.5 * np.square(np.log(ridges / usual))
    return float(ridges[np.argmin(loss)])


def mean_squared_gradients(points: Floats, distances: Floats, dual: Floats) -> Floats:
    """Average the squared gradient of a Matérn-3/2 kernel expansion over its own points.

    Parameters
    ----------
    points : ndarray of shape (..., n_samples, n_features)
        Centres of the expansion, in units of the length scale.
    distances : ndarray of shape (..., n_samples, n_samples)
        Distances between them.
    dual : ndarray of shape (..., n_samples)
        Coefficients of the expansion.

    Returns
    -------
    ndarray of shape (..., n_features)
        Mean over the points of the squared derivative along each coordinate.
    """
    # d k(x, c) / dx = -3 exp(-sqrt(3) |x - c|) (x - c)
    slopes = np.exp(distances * -math.sqrt(3))
    slopes *= -3 * dual[..., None, :]
    gradients = slopes.sum(axis=-1, keepdims=True) * points
    gradients -= slopes @ points
    return np.square(gradients).mean(axis=-2)
