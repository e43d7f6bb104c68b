"""Cross-validators that keep architectures that compute the same function on one side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseShuffleSplit
from sklearn.utils import check_random_state

from ..spaces import SearchSpace, get_space
from ..utils._sklearn import Interval

Indices = NDArray[np.intp]
Split = tuple[Indices, Indices]

_POSITIVE = Interval(Integral, 1, None, closed="left")
_SIZE = [_POSITIVE, Interval(Real, 0, 1, closed="neither")]


def isomorphism_groups(X: Any, space: str | SearchSpace) -> Indices:
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
        A number from 0 to n_classes - 1 for each architecture.

    Raises
    ------
    ArchitectureError
        If a sample is not an architecture of the space; says which and why.

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
    return _read(X, space)[1]


def _read(X: Any, space: str | SearchSpace) -> tuple[NDArray[np.int64], Indices]:
    """Return the decisions of architectures, and the numbers of their classes."""
    resolved = get_space(space)
    X = resolved.prepare(X)
    resolved = resolved.learn(X)
    decisions = resolved.encode(X)
    classes = np.unique(resolved.canonicalize(decisions), axis=0, return_inverse=True)[1]
    return decisions, classes.reshape(-1)  # numpy 2.0 returns a column


def _generators(random_state: Any, n_splits: int) -> Iterator[np.random.Generator]:
    """Yield the generator of each split: its seed is one more than that of the split before."""
    if not isinstance(random_state, Integral):
        random_state = check_random_state(random_state).randint(2**31 - 1)
    for split in range(n_splits):
        yield np.random.default_rng(int(random_state) + split)


def _count(size: int | float | None, n_left: int, n_samples: int) -> int:
    """Return a whole number of samples, of those that are left; None stands for all of them."""
    if size is None or isinstance(size, Integral):
        n = n_left if size is None else int(size)
    else:
        n = int(size * n_samples)
    if not 0 < n <= n_left:
        raise ValueError(
            f"train and test set cannot be drawn from {n_samples} architectures: one of size {size}"
            f" from the {n_left} that are left for it. Give more, or take smaller sets"
        )
    return n


# BaseEstimator gives what splitters of scikit-learn do without: set_params, and checks.
class ArchitectureShuffleSplit(BaseEstimator, BaseShuffleSplit):
    """Random draws of known architectures and of others to predict: the paper's protocol [1]_.

    With several training sizes, each training set is the beginning of the largest, and all are
    tested on the same architectures: a curve over the sizes shows what more architectures give,
    not what other ones give.

    Parameters
    ----------
    n_splits : int, default=20
        How many times architectures are drawn.
    train_sizes : int, float or sequence of them, default=121
        Numbers of known architectures, or shares of all, in ascending order. Every draw gives a
        split for each.
    test_size : int, float or None, default=1000
        Number of architectures to predict, or their share of all; None takes all that are left.
    space : str, SearchSpace or None, default=None
        With a search space, no test architecture is isomorphic to one of the largest training
        set. ``split(X, groups=…)`` does the same with groups of any kind.
    random_state : int, RandomState instance or None, default=None
        Seed; with an int every call of ``split`` gives the same splits.

    See Also
    --------
    isomorphism_groups : Groups for scikit-learn's splitters.
    MutationSplit : Test architectures close to the best known ones.

    Notes
    -----
    Draw t is made by ``rng = numpy.random.default_rng(random_state + t)``: the positions are
    ``rng.choice(n_samples, n_train + n_test, replace=False)``, the known ones first. With a space
    or groups they are ``rng.permutation(n_samples)``: the known ones are its beginning, and the
    others the next that are in none of their groups.

    References
    ----------
    .. [1] G. Franken, P. Singh and J. Vanschoren, "Faster Performance Estimation for NAS with
       Embedding Proximity Score", 2022, section 4.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.model_selection import ArchitectureShuffleSplit
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> cv = ArchitectureShuffleSplit(2, train_sizes=(20, 121), space="nasbench201")
    >>> [(len(train), len(test)) for train, test in cv.split(X)]
    [(20, 1000), (121, 1000), (20, 1000), (121, 1000)]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_splits": [_POSITIVE],
        "train_sizes": [*_SIZE, "array-like"],
        "test_size": [*_SIZE, None],
        "space": [str, SearchSpace, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_splits: int = 20,
        *,
        train_sizes: int | float | Sequence[int | float] = 121,
        test_size: int | float | None = 1000,
        space: str | SearchSpace | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.train_sizes = train_sizes
        self.test_size = test_size
        self.space = space
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        int
            The number of draws times the number of training sizes.
        """
        return self.n_splits * np.size(self.train_sizes)

    def _iter_indices(
        self, X: Any, y: Any = None, groups: ArrayLike | None = None
    ) -> Iterator[Split]:
        self._validate_params()
        if self.space is not None:
            groups = isomorphism_groups(X, self.space)
        n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
        shares = np.ravel(self.train_sizes).tolist()
        sizes = [_count(size, n_samples, n_samples) for size in shares]
        if not sizes or np.any(np.diff(sizes) <= 0):
            raise ValueError(f"train_sizes have to ascend, got {self.train_sizes!r}")
        n_known = sizes[-1]
        for rng in _generators(self.random_state, self.n_splits):
            if groups is None:
                n_test = _count(self.test_size, n_samples - n_known, n_samples)
                drawn = rng.choice(n_samples, n_known + n_test, replace=False)
                known, others = drawn[:n_known], drawn[n_known:]
            else:
                drawn = rng.permutation(n_samples)
                known, others = drawn[:n_known], drawn[n_known:]
                others = others[~np.isin(np.asarray(groups)[others], np.asarray(groups)[known])]
                n_test = _count(self.test_size, len(others), n_samples)
            for size in sizes:
                yield known[:size], others[:n_test]


class MutationSplit(BaseEstimator, BaseShuffleSplit):
    """Test architectures that are mutations of the best training architectures.

    Searches by evolution or local search ask a predictor about architectures close to the best
    known ones. There it has to tell apart what is alike, which is harder than ranking a random
    sample; see [1]_.

    The `n_parents` training architectures of highest target are the parents. A test architecture
    is drawn by choosing a parent and a number of mutations from 1 to `max_mutations` uniformly,
    and then, uniformly among the given architectures, one that differs from the parent in exactly
    that number of decisions. What was drawn before or is isomorphic to a training architecture
    is not taken.

    Parameters
    ----------
    n_splits : int, default=20
        Number of splits.
    space : str or SearchSpace
        The search space: a registered name or an object.
    train_size : int or float, default=121
        Number of training architectures, or their share of all.
    test_size : int, float or None, default=200
        Number of test architectures, or their share of all; None takes all that are close enough
        to a parent.
    n_parents : int or None, default=5
        How many of the training architectures are mutated, those with the highest target, which
        then has to be given as ``y``. None mutates all, and ``y`` is not looked at.
    max_mutations : int, default=3
        Most decisions in which a test architecture differs from a parent.
    random_state : int, RandomState instance or None, default=None
        Seed; with an int every call of ``split`` gives the same splits.

    See Also
    --------
    ArchitectureShuffleSplit : Test architectures from the whole space.

    References
    ----------
    .. [1] C. White, A. Zela, B. Ru, Y. Liu and F. Hutter, "How Powerful are Performance
       Predictors in Neural Architecture Search?", NeurIPS 2021.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.model_selection import MutationSplit
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> cv = MutationSplit(n_splits=1, space="nasbench201", random_state=0)
    >>> train, test = next(cv.split(X, y))
    >>> len(train), len(test), bool(y[test].mean() > y[train].mean())
    (121, 200, True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_splits": [_POSITIVE],
        "space": [str, SearchSpace],
        "train_size": _SIZE,
        "test_size": [*_SIZE, None],
        "n_parents": [_POSITIVE, None],
        "max_mutations": [_POSITIVE],
        "random_state": ["random_state"],
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
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.space = space
        self.train_size = train_size
        self.test_size = test_size
        self.n_parents = n_parents
        self.max_mutations = max_mutations
        self.random_state = random_state

    def _iter_indices(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        self._validate_params()
        if get_space(self.space).is_catalogue:
            raise ValueError(
                f"the space {get_space(self.space).name!r} does not say what a mutation is"
            )
        decisions, classes = _read(X, self.space)
        n_samples = len(classes)
        n_train = _count(self.train_size, n_samples, n_samples)
        for rng in _generators(self.random_state, self.n_splits):
            train = rng.permutation(n_samples)[:n_train]
            parents = train if self.n_parents is None else self._best(train, y)
            others = np.flatnonzero(~np.isin(classes, classes[train]))
            weights = self._weights(decisions[others], decisions[parents])
            close = weights > 0
            # Sorting by these times is drawing one after the other with probabilities by weight.
            times = rng.exponential(size=int(close.sum())) / weights[close]
            others = others[close][np.argsort(times)]
            yield train, others[: _count(self.test_size, len(others), n_samples)]

    def _best(self, train: Indices, y: Any) -> Indices:
        target = np.asarray(y, dtype=float)
        if target.ndim != 1 or np.isnan(target).any():
            raise ValueError("the best are those of highest y: give it, in one column without NaN")
        return train[np.argsort(-target[train], kind="stable")[: self.n_parents]]

    def _weights(
        self, candidates: NDArray[np.int64], parents: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the probability, up to a factor, that a candidate is drawn first."""
        weights = np.zeros(len(candidates))
        for parent in parents:
            distances = (candidates != parent).sum(axis=1)
            n_at = np.bincount(distances, minlength=self.max_mutations + 1).astype(float)
            n_at[0], n_at[self.max_mutations + 1 :] = np.inf, np.inf
            weights += 1 / n_at[distances]
        return weights
