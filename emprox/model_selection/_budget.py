"""Nested training sets of growing size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..spaces import SearchSpace
from ..utils._sklearn import Interval
from ._base import ArchitectureSplit, Split


class BudgetSplit(ArchitectureSplit):
    """Nested training sets of growing size against the same test set, for budget curves.

    In each trial a training set of the largest budget and a test set are drawn as
    `IsomorphismShuffleSplit` draws them. Each budget's training set is the beginning of the
    largest, so that a curve over the budgets shows what more architectures give, not what other
    architectures give.

    The splits come trial by trial, in each the budgets in their order: an array of scores from
    ``cross_validate`` is reshaped to ``(n_trials, len(budgets))``.

    Parameters
    ----------
    budgets : sequence of int, default=(20, 50, 121, 400)
        Sizes of the training sets, strictly increasing.
    n_trials : int, default=20
        How many times new architectures are drawn.
    space : str or SearchSpace
        The search space: a registered name or an object.
    test_size : int, float or None, default=1000
        Number of test architectures, or their share of those that can be drawn: of the classes
        with ``unique=True``, else of the architectures. None takes all that is left.
    unique : bool, default=True
        Whether no two architectures of a trial may be isomorphic; see `IsomorphismShuffleSplit`.
    random_state : int, RandomState instance or None, default=None
        Seed; with an int every call of ``split`` gives the same splits.

    See Also
    --------
    IsomorphismShuffleSplit : Splits of one size.

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from emprox import ArchitectureTokenizer
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.model_selection import BudgetSplit
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> cv = BudgetSplit((20, 50), n_trials=3, space="nasbench201", random_state=0)
    >>> model = make_pipeline(ArchitectureTokenizer("nasbench201"), KNeighborsRegressor())
    >>> scores = cross_validate(model, X, y, cv=cv)["test_score"]
    >>> scores.reshape(3, 2).mean(axis=0).shape
    (2,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: constraint
            for name, constraint in ArchitectureSplit._parameter_constraints.items()
            if name not in ("n_splits", "train_size")
        },
        "budgets": ["array-like"],
        "n_trials": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        budgets: Sequence[int] = (20, 50, 121, 400),
        n_trials: int = 20,
        *,
        space: str | SearchSpace,
        test_size: int | float | None = 1000,
        unique: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.budgets = budgets
        self.n_trials = n_trials
        self.space = space
        self.test_size = test_size
        self.unique = unique
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X : object, default=None
            Ignored.
        y : object, default=None
            Ignored.
        groups : object, default=None
            Ignored.

        Returns
        -------
        int
            The number of trials times the number of budgets.
        """
        return self.n_trials * len(self.budgets)

    @property
    def _n_trials(self) -> int:
        return self.n_trials

    def _trial(
        self,
        rng: np.random.Generator,
        decisions: NDArray[np.int64],
        classes: NDArray[np.intp],
        n_available: int,
        y: Any,
    ) -> Iterator[Split]:
        budgets = list(self.budgets)
        whole = all(isinstance(budget, Integral) for budget in budgets)
        if not whole or not budgets or np.any(np.diff([0, *budgets]) <= 0):
            raise ValueError(
                f"budgets have to be whole numbers from 1 on, each larger than the one before,"
                f" got {self.budgets!r}"
            )
        train, others = self._draw(rng, classes, n_available, budgets[-1])
        test = self._cut(others, n_available, len(classes))
        for budget in budgets:
            yield train[:budget], test
