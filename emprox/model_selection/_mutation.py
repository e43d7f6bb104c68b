"""Splits that ask about mutations of the best known architectures."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..spaces import SearchSpace
from ..utils._sklearn import Interval
from ._base import ArchitectureSplit, Indices, Split, first_of_each_class


class MutationSplit(ArchitectureSplit):
    """Test architectures that are mutations of the best training architectures.

    Searches by evolution or local search, and Bayesian optimisation where it mutates the best,
    ask a predictor about architectures close to the best known ones. There it has to tell apart
    what is alike, which is harder than ranking a random sample.

    The training set is drawn as `IsomorphismShuffleSplit` draws it. Its `n_parents` architectures
    of highest target are the parents. A test architecture is drawn by choosing a parent and a
    number of mutations from 1 to `max_mutations` uniformly, and then, uniformly among the given
    architectures, one that differs from the parent in exactly that number of decisions. What was
    drawn before or is isomorphic to a training architecture is not taken.

    Parameters
    ----------
    n_splits : int, default=20
        Number of splits.
    space : str or SearchSpace
        The search space: a registered name or an object.
    train_size : int or float, default=121
        Number of training architectures, or their share of those that can be drawn: of the
        classes with ``unique=True``, else of the architectures.
    test_size : int, float or None, default=200
        Number of test architectures, or their share of those that can be drawn; None takes all
        that are close enough to a parent.
    n_parents : int or None, default=5
        How many of the training architectures are mutated, those with the highest target, which
        then has to be given as ``y``. None mutates all, and ``y`` is not looked at.
    max_mutations : int, default=3
        Most decisions in which a test architecture differs from a parent.
    unique : bool, default=True
        Whether no two architectures of a split may be isomorphic. If False, no architecture of
        the test set is isomorphic to one of the training set, but to others of the test set.
    random_state : int, RandomState instance or None, default=None
        Seed; with an int every call of ``split`` gives the same splits.

    See Also
    --------
    IsomorphismShuffleSplit : Test architectures from the whole space.

    Notes
    -----
    White et al. and NASLib (``PredictorEvaluator.load_mutated_test``) have the same 5 parents and
    up to 3 mutations, chosen in the same way, with these differences: their parents are the best
    of a random pool of their own and belong to the test set, their training architectures are
    single mutations of test architectures, decisions may be mutated back, and only identical
    descriptions count as duplicates, so that isomorphic architectures may be in both sets.

    References
    ----------
    White, Zela, Ru, Liu and Hutter. How Powerful are Performance Predictors in Neural
    Architecture Search? NeurIPS 2021.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.model_selection import MutationSplit
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> cv = MutationSplit(n_splits=1, space="nasbench201", random_state=0)
    >>> train, test = next(cv.split(X, y))
    >>> len(train), len(test)
    (121, 200)
    >>> bool(y[test].mean() > y[train].mean())
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ArchitectureSplit._parameter_constraints,
        "n_parents": [Interval(Integral, 1, None, closed="left"), None],
        "max_mutations": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_splits: int = 20,
        *,
        space: str | SearchSpace,
        train_size: int | float = 121,
        test_size: int | float | None = 200,
        n_parents: int | None = 5,
        max_mutations: int = 3,
        unique: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.space = space
        self.train_size = train_size
        self.test_size = test_size
        self.n_parents = n_parents
        self.max_mutations = max_mutations
        self.unique = unique
        self.random_state = random_state

    def _trial(
        self,
        rng: np.random.Generator,
        decisions: NDArray[np.int64],
        classes: NDArray[np.intp],
        n_available: int,
        y: Any,
    ) -> Iterator[Split]:
        train, _ = self._draw(rng, classes, n_available, self.train_size)
        parents = train if self.n_parents is None else self._best(train, y)
        others = np.flatnonzero(~np.isin(classes, classes[train]))
        weights = self._weights(decisions[others], decisions[parents])
        close = weights > 0
        # Sorting by these times is drawing one after the other with probabilities by weight.
        times = rng.exponential(size=int(close.sum())) / weights[close]
        others = others[close][np.argsort(times)]
        if self.unique:
            others = first_of_each_class(others, classes)
        yield train, self._cut(others, n_available, len(classes))

    def _best(self, train: Indices, y: Any) -> Indices:
        if y is None:
            raise ValueError(
                f"n_parents={self.n_parents} mutates the best training architectures, so their"
                " target is needed: call split(X, y), or set n_parents=None to mutate all"
            )
        target = np.asarray(y, dtype=float)
        if target.ndim != 1 or np.isnan(target).any():
            raise ValueError(
                "y has to be one-dimensional without NaN for the best architectures to be found,"
                f" got an array of shape {target.shape}"
            )
        return train[np.argsort(-target[train], kind="stable")[: self.n_parents]]

    def _weights(
        self, candidates: NDArray[np.int64], parents: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Probability, up to a factor, that a candidate is drawn first."""
        weights = np.zeros(len(candidates))
        for parent in parents:
            distances = (candidates != parent).sum(axis=1)
            n_at = np.bincount(distances, minlength=self.max_mutations + 1).astype(float)
            n_at[0], n_at[self.max_mutations + 1 :] = np.inf, np.inf
            weights += 1 / n_at[distances]
        return weights
