"""Matérn kernels of distances, and how steeply what they learn changes along each column."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Prior variance of a constant that is added to the kernel machine, in units of its own: large, so
# that the mean of the values is not shrunk.
CONSTANT = 10.0
# The ridge where only gradients are wanted, which hardly depend on it.
_GRADIENT_RIDGE = 0.05


def euclidean_distances(A: Floats, B: Floats) -> Floats:
    """Compute distances through one product: equal points are 1e-8 times their length apart."""
    # With the squared lengths as two more columns, the product is all there is to do.
    squares_a = np.square(A).sum(axis=-1, keepdims=True)
    squares_b = np.square(B).sum(axis=-1, keepdims=True)
    left = np.concatenate([-2 * A, squares_a, np.ones_like(squares_a)], axis=-1)
    right = np.concatenate([B, np.ones_like(squares_b), squares_b], axis=-1)
    squared = left @ np.swapaxes(right, -1, -2)
    # Rounding can leave what should be zero a little below it.
    return np.sqrt(np.abs(squared, out=squared), out=squared)


def matern32(distances: Floats) -> Floats:
    """Evaluate the kernel (1 + sqrt(3) d) exp(-sqrt(3) d) of distances in length scales."""
    scaled = distances * -math.sqrt(3)
    kernel = np.exp(scaled)
    kernel *= np.subtract(1, scaled, out=scaled)
    return kernel


def kernel_between(A: Floats, B: Floats) -> Floats:
    """Return the kernel of a machine: Matérn and a constant."""
    kernel = matern32(euclidean_distances(A, B))
    kernel += CONSTANT
    return kernel


def root_mean_squared_distance(points: Floats) -> float:
    """Return that between different samples; 1 where all are equal."""
    n_samples = len(points)
    variance = points.var(axis=0).sum()
    return math.sqrt(2 * variance * n_samples / max(n_samples - 1, 1)) or 1.0


def gradient_shares(points: Floats, targets: Floats, weights: Floats) -> Floats:
    """Return the mean squared gradient along each column over the largest, mean of the targets."""
    # Single precision, twice as fast, is more than enough.
    points = points.astype(np.float32)
    distances = euclidean_distances(points, points)
    system = matern32(distances)
    system += np.float32(CONSTANT) + np.diag(_GRADIENT_RIDGE / weights).astype(np.float32)
    slopes = -3 * np.exp(distances * np.float32(-math.sqrt(3)))
    shares = np.zeros(points.shape[1])
    for dual in np.linalg.solve(system, targets.astype(np.float32)).T:
        # d k(x, c) / dx = -3 exp(-sqrt(3) |x - c|) (x - c)
        steep = slopes * dual
        gradients = steep.sum(axis=1, keepdims=True) * points - steep @ points
        squares = np.square(gradients, dtype=np.float64).mean(axis=0)
        # Where nothing varies, no column is better than another.
        shares += squares / squares.max() if squares.any() else 1
    return shares / len(targets.T)
