"""Cross-validators that keep architectures that compute the same function on one side."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseShuffleSplit

from ..spaces import SearchSpace, get_space
from ..spaces._random import RandomState, as_generator
from ..utils._sklearn import Interval

Indices = NDArray[np.intp]
Split = tuple[Indices, Indices]

_SIZE = [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 1, closed="neither")]


def isomorphism_groups(X: Any, space: str | SearchSpace) -> NDArray[np.intp]:
    """Give architectures that have the same canonical form the same number.

    The numbers are what scikit-learn calls groups: ``GroupKFold`` and its like keep each class
    on one side of every split.

    Parameters
    ----------
    X : array-like of shape (n_samples,)
        Architectures in any form that the space reads, or a decision matrix.
    space : str or SearchSpace
        The search space: a registered name or an object.

    Returns
    -------
    ndarray of shape (n_samples,)
        A number from 0 to n_classes - 1 for each architecture, equal where
        `SearchSpace.isomorphism_key` is.

    Raises
    ------
    ArchitectureError
        If a sample is not an architecture of the space; says which and why.

    See Also
    --------
    IsomorphismShuffleSplit : Random splits that keep classes on one side.

    Examples
    --------
    >>> from sklearn.model_selection import GroupKFold
    >>> from emprox.model_selection import isomorphism_groups
    >>> cells = [(0, 1, 1, 1, 2, 1), (1, 1, 2, 1, 1, 1), (1, 1, 3, 1, 1, 1)]
    >>> groups = isomorphism_groups(cells, "nasbench201")
    >>> groups.tolist()
    [0, 0, 1]
    >>> [test.tolist() for _, test in GroupKFold(2).split(cells, groups=groups)]
    [[0, 1], [2]]
    """
    return _label_classes(*_read(X, space))


def _read(X: Any, space: str | SearchSpace) -> tuple[SearchSpace, NDArray[np.int64]]:
    resolved = get_space(space).learn(X)
    return resolved, resolved.encode(X)


def _label_classes(space: SearchSpace, decisions: NDArray[np.int64]) -> NDArray[np.intp]:
    canonical = space.canonicalize(decisions)
    labels = np.unique(canonical, axis=0, return_inverse=True)[1]
    return labels.reshape(-1)  # numpy 2.0 returns a column


def first_of_each_class(order: Indices, classes: NDArray[np.intp]) -> Indices:
    """Leave out what is isomorphic to something earlier in the order."""
    first = np.unique(classes[order], return_index=True)[1]
    return order[np.sort(first)]


# BaseEstimator gives what splitters of scikit-learn do without: set_params, and checks.
class ArchitectureSplit(BaseEstimator, BaseShuffleSplit):
    """What the splitters share: reading architectures, drawing without isomorphic ones."""

    space: str | SearchSpace
    test_size: int | float | None
    unique: bool
    random_state: RandomState

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "space": [str, SearchSpace],
        "train_size": _SIZE,
        "test_size": [*_SIZE, None],
        "unique": ["boolean"],
        "random_state": ["random_state"],
    }

    def _iter_indices(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        self._validate_params()
        space, decisions = _read(X, self.space)
        classes = _label_classes(space, decisions)
        rng = as_generator(self.random_state)
        n_available = int(classes.max(initial=-1)) + 1 if self.unique else len(classes)
        for _ in range(self._n_trials):
            yield from self._trial(rng, decisions, classes, n_available, y)

    @property
    def _n_trials(self) -> int:
        return self.n_splits

    @abstractmethod
    def _trial(
        self,
        rng: np.random.Generator,
        decisions: NDArray[np.int64],
        classes: NDArray[np.intp],
        n_available: int,
        y: Any,
    ) -> Iterator[Split]:
        """Yield the splits of one trial, given the number of architectures that can be drawn."""

    def _draw(
        self,
        rng: np.random.Generator,
        classes: NDArray[np.intp],
        n_available: int,
        train_size: int | float,
    ) -> Split:
        """Draw a training set, and return it with everything that is not isomorphic to it."""
        order = rng.permutation(len(classes))
        if self.unique:
            order = first_of_each_class(order, classes)
        n_train = _n_drawn(train_size, n_available)
        train, others = order[:n_train], order[n_train:]
        if not self.unique:
            others = others[~np.isin(classes[others], classes[train])]
        if not 0 < n_train <= len(train):
            raise ValueError(self._too_few("train", train_size, len(train), len(classes)))
        return train, others

    def _cut(self, others: Indices, n_available: int, n_samples: int) -> Indices:
        """Take the test set from the front of what it may hold."""
        n_test = len(others) if self.test_size is None else _n_drawn(self.test_size, n_available)
        if not 0 < n_test <= len(others):
            raise ValueError(self._too_few("test", self.test_size, len(others), n_samples))
        return others[:n_test]

    def _too_few(self, side: str, size: Any, n_left: int, n_samples: int) -> str:
        advice = "take smaller sets or unique=False" if self.unique else "take smaller sets"
        counted = "no two of them isomorphic, " if self.unique else ""
        return (
            f"the {n_samples} architectures given leave {n_left} for the {side} set, {counted}"
            f"which is not enough for {side}_size={size}: give more architectures, or {advice}"
        )


def _n_drawn(size: int | float, n_available: int) -> int:
    return int(size) if isinstance(size, Integral) else int(size * n_available)
