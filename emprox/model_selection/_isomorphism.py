"""Random splits without isomorphic architectures on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..spaces import SearchSpace
from ._base import ArchitectureSplit, Split


class IsomorphismShuffleSplit(ArchitectureSplit):
    """Random splits without networks that stand in both sets under different names.

    Architectures are drawn in random order, first the training set and then the test set, and
    what is isomorphic to an architecture drawn before is left out: the protocol of the EmProx
    paper without the leak that it admits. Isomorphic means having the same canonical form in the
    search space.

    Parameters
    ----------
    n_splits : int, default=20
        Number of splits.
    space : str or SearchSpace
        The search space: a registered name or an object.
    train_size : int or float, default=121
        Number of training architectures, or their share of those that can be drawn: of the
        classes with ``unique=True``, else of the architectures.
    test_size : int, float or None, default=1000
        Number of test architectures, or their share; None takes all that is left.
    unique : bool, default=True
        Whether no two architectures of a split may be isomorphic, so that every network counts
        once. If False, several of a class may be drawn, but all on the same side; what is left
        for the test set then has no class in common with the training set.
    random_state : int, RandomState instance or None, default=None
        Seed; with an int every call of ``split`` gives the same splits.

    See Also
    --------
    isomorphism_groups : Class numbers, for ``GroupKFold`` and its like.
    MutationSplit : Test architectures that are mutations of training architectures.
    BudgetSplit : Nested training sets of growing size.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022. Section 4.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.model_selection import IsomorphismShuffleSplit
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> cv = IsomorphismShuffleSplit(n_splits=2, space="nasbench201", random_state=0)
    >>> [(len(train), len(test)) for train, test in cv.split(X)]
    [(121, 1000), (121, 1000)]
    """

    def __init__(
        self,
        n_splits: int = 20,
        *,
        space: str | SearchSpace,
        train_size: int | float = 121,
        test_size: int | float | None = 1000,
        unique: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.space = space
        self.train_size = train_size
        self.test_size = test_size
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
        train, others = self._draw(rng, classes, n_available, self.train_size)
        yield train, self._cut(others, n_available, len(classes))
