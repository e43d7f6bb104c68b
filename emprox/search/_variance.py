"""The points that say most about all others, by the variance that is left once they are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from ..proximity._kernels import euclidean_distances, matern32
from ._pool import Floats

# Of the kernel before anything is known: its length in median distances, and the noise of a
# training in units of the variance over the space.
_LENGTH, _NOISE = 2.0, 0.05
# The variance is summed over so many candidates at most, at least, and with so many kernel values.
_MOST_REFERENCES, _FEWEST_REFERENCES, _VALUES = 2048, 256, 2**26
_N_FOR_MEDIAN = 1000


def reduce_variance(
    points: Floats,
    n: int,
    known: Floats | None,
    *,
    weights: Floats,
    costs: Floats | None,
    taken: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Take n points, each the one that most reduces the weighted sum of posterior variances."""
    length = _LENGTH * _median_distance(points, rng)
    points = points / length
    places, weights = _choose_references(weights, rng)
    # Single precision halves the largest part, and is exact enough for sums of squares.
    kernel = _kernel(points, points[places]).astype(np.float32)
    # Rows of a Cholesky factor of what is trained, continued to all points.
    rows = np.empty((n_known := 0 if known is None else len(known), len(points)))
    if known is not None:
        known = known / length
        factor = cholesky(_kernel(known, known) + _NOISE * np.eye(n_known), lower=True)
        rows = solve_triangular(factor, _kernel(known, points), lower=True)
    variances = 1 - np.square(rows).sum(axis=0)
    sums = np.square(kernel - rows.T @ rows[:, places]) @ weights
    rows = np.concatenate([rows, np.empty((n, len(points)))])
    chosen, taken = np.empty(n, dtype=np.int64), taken.copy()
    for number in range(n):
        gains = sums / (variances + _NOISE)
        gains = np.where(taken, -np.inf, gains if costs is None else gains / costs)
        best = chosen[number] = int(gains.argmax())
        before, row = rows[: n_known + number], rows[n_known + number]
        row[:] = _kernel(points[[best]], points)[0] - before[:, best] @ before
        row /= np.sqrt(variances[best] + _NOISE)
        weighted = row[places] * weights
        covariances = kernel @ weighted.astype(np.float32)
        covariances -= (before[:, places] @ weighted) @ before
        sums += row * (row * (weighted @ row[places]) - 2 * covariances)
        variances -= np.square(row)
        taken[best] = True
    return chosen


def _kernel(A: Floats, B: Floats) -> Floats:
    return matern32(euclidean_distances(A, B))


def _median_distance(points: Floats, rng: np.random.Generator) -> float:
    """Return that between different points; 1 if there are none."""
    some = points[rng.permutation(len(points))[:_N_FOR_MEDIAN]]
    distances = euclidean_distances(some, some)[np.triu_indices(len(some), 1)]
    return float(np.median(distances)) or 1.0 if len(distances) else 1.0


def _choose_references(
    weights: Floats, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Return which candidates the variance is summed over, and their weights."""
    n_most = int(np.clip(_VALUES // len(weights), _FEWEST_REFERENCES, _MOST_REFERENCES))
    if len(weights) <= n_most:
        return np.arange(len(weights)), weights
    drawn = rng.choice(len(weights), n_most, p=weights / weights.sum())
    places, counts = np.unique(drawn, return_counts=True)
    return places, counts.astype(np.float64)
