"""Which architectures to train first: those that say most about all others."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from sklearn.utils import check_scalar

from .._pipeline import make_emprox_pipeline
from ..proximity._kernels import euclidean_distances, matern32
from ..spaces import ArchitectureError, SearchSpace
from ..utils._random import RandomState, as_generator
from ..utils._threads import one_blas_thread
from ._pool import Floats, read_pool
from ._selection import to_keys

# Of the kernel before anything is known: its length in median distances, and the noise of a
# training in units of the variance over the space.
_LENGTH, _NOISE = 2.0, 0.05
# The variance is summed over so many candidates at most, at least, and with so many kernel values.
_MOST_REFERENCES, _FEWEST_REFERENCES, _VALUES = 2048, 256, 2**26
_N_FOR_MEDIAN = 1000


def choose_architectures(
    candidates: Any,
    n: int,
    known: Any = None,
    *,
    space: str | SearchSpace | None = None,
    weights: Any = None,
    costs: Any = None,
    random_state: RandomState = None,
    return_indices: bool = False,
) -> NDArray[Any] | tuple[NDArray[Any], NDArray[np.int64]]:
    """Choose which architectures to train first, or next, without looking at accuracies.

    One after the other it takes the network that most reduces what is not known about all
    candidates: the sum of their posterior variances. Ten networks that are chosen so are worth
    about twenty random ones.

    Parameters
    ----------
    candidates : str, SearchSpace or iterable of architectures
        A search space or its name, all of whose networks are candidates, or 10,000 random ones of
        a space of more than a million architectures. Or architectures in any form that `space`
        reads: a list, array, Series or DataFrame, a decision matrix, or an iterator over any
        number of them, of which 10,000 random different networks are kept.
    n : int
        How many to choose.
    known : array-like of shape (n_known,), default=None
        Architectures that are trained already, or are being trained, in whatever description: the
        choice goes on from there, and holds none of them.
    space : str or SearchSpace, default=None
        The search space of `candidates`, unless these are one.
    weights : array-like of shape (n_candidates,) or callable, default=None
        How much it matters to know about each candidate; or a function that takes an array of
        architectures and returns that. With None all candidates matter equally. Several
        descriptions of a network add up, so that in a space it matters as many times as it has
        descriptions.
    costs : array-like of shape (n_candidates,) or callable, default=None
        What it costs to train each candidate, in any unit; or a function, as for `weights`. What
        is reduced is then divided by that.
    random_state : int, Generator, RandomState or None, default=None
        Seed or generator. It decides what is drawn from large spaces and streams, and what the
        variance is summed over if there are many candidates. With the same seed the result is the
        same, and the first ten of twenty are the ten that are chosen alone.
    return_indices : bool, default=False
        Whether to return where they stand among the candidates as well.

    Returns
    -------
    architectures : ndarray of shape (n,) or (n, n_decisions)
        The chosen networks, the most important first: as they were given, or as texts if the
        candidates are a space.
    indices : ndarray of shape (n,)
        Where each stands first among the candidates, beginning with 0; only with
        `return_indices`.

    Raises
    ------
    ValueError
        If there are fewer than `n` networks to choose from, the space is missing or does not
        exist, or weights or costs are not finite, negative, or of another length.
    ArchitectureError
        If a candidate or something known is no architecture of the space.

    See Also
    --------
    rank_architectures : Choose by what a fitted model predicts.

    Notes
    -----
    Accuracies are taken for a Gaussian process of the standardised properties that the recipe
    "best" of `EmProxRegressor` is made of, with a Matérn kernel of smoothness 3/2, twice the
    median distance between candidates as its length, and noise of 5 % of the variance. A network
    without a path from input to output counts like any other. Over more than some thousand
    candidates the sum is one over a random part of them. Time is proportional to the number of
    candidates.

    References
    ----------
    David MacKay. Information-Based Objective Functions for Active Data Selection. Neural
    Computation 1992. (Expected reduction of the summed variance.)

    Examples
    --------
    >>> from emprox.search import choose_architectures
    >>> first = choose_architectures("nasbench201", 10, random_state=0)
    >>> first.shape
    (10,)
    >>> more = choose_architectures("nasbench201", 10, known=first, random_state=0)
    >>> len({*first, *more})
    20

    Networks that train quickly first:

    >>> from emprox.spaces import get_space
    >>> space = get_space("nasbench201")
    >>> def cost(cells):
    ...     return 1 + (space.encode(cells.tolist()) == 3).sum(axis=1)
    >>> cheap = choose_architectures("nasbench201", 10, costs=cost, random_state=0)
    """
    check_scalar(n, "n", Integral, min_val=1)
    rng = as_generator(random_state)
    pool = read_pool(candidates, space, rng, known, weights, costs)
    taken, known_rows = np.zeros(len(pool), dtype=bool), None
    if known is not None and len(known):
        try:
            known_rows = pool.space.canonicalize(pool.space.encode(known))
        except ArchitectureError as error:
            raise ArchitectureError(f"in known: {error.message}", error.index) from error
        known_keys = set(to_keys(known_rows))
        taken = np.array([key in known_keys for key in to_keys(pool.decisions)])
    if n > (left := int((~taken).sum())):
        raise ValueError(
            f"n={n}, but there are {left} different networks to choose from that are not known"
        )
    if not pool.counts.any():
        raise ValueError("all weights are 0: at least one candidate has to matter")
    features = make_emprox_pipeline(pool.space)[0].set_output(transform="default")
    points = features.fit_transform(pool.decisions)
    known_points = None if known_rows is None else features.transform(known_rows)
    with one_blas_thread():
        places = reduce_variance(
            points, n, known_points, weights=pool.counts, costs=pool.costs, taken=taken, rng=rng
        )
    architectures = pool.architectures(places)
    return (architectures, pool.indices[places]) if return_indices else architectures


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
