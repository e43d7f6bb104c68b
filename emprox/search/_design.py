"""Which architectures to train first: those that say most about all others."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_scalar

from ..spaces import ArchitectureError, SearchSpace
from ..utils._random import RandomState, as_generator
from ..utils._threads import one_blas_thread
from ._candidates import Candidates
from ._pool import read_pool, to_keys


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
        number of them, of which 10,000 random different networks are kept. PyTorch modules are
        captured, and returned as `Network` objects.
    n : int
        How many to choose.
    known : array-like of shape (n_known,), default=None
        Architectures that are trained already, or are being trained, in whatever description: the
        choice goes on from there, and holds none of them.
    space : str or SearchSpace, default=None
        The search space of `candidates`, unless these are one, or PyTorch modules or networks.
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
    TypeError
        If a single architecture is given instead of several.

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
    if not pool.counts.any():
        raise ValueError("all weights are 0: at least one candidate has to matter")
    read = Candidates(pool, int(rng.integers(2**32)))
    trained = read.everything.take(slice(0))
    if known is not None and len(known):
        try:
            trained = read.read(known)[1]
        except ArchitectureError as error:
            raise ArchitectureError(f"in known: {error.message}", error.index) from error
    with one_blas_thread():
        places = read.design(n, trained.points, to_keys(trained.decisions))
    if n > len(places):
        raise ValueError(
            f"n={n}, but there are {len(places)} different networks to choose from that are not"
            " known"
        )
    architectures = pool.architectures(places)
    return (architectures, pool.indices[places]) if return_indices else architectures
