"""Support vector regression on learning curves."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import loguniform, uniform
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import KFold, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import NuSVR
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..utils._sklearn import Interval, fit_context
from ._targets import Floats, TargetScale, check_accuracies

# What a random search draws from, as in the paper; nu must not be zero.
_SEARCHED = {
    "nusvr__C": loguniform(1e-5, 10),
    "nusvr__nu": uniform(0.01, 0.99),
    "nusvr__gamma": loguniform(1e-5, 10),
}


@dataclass(eq=False, repr=False)
class LcSVR(RegressorMixin, BaseEstimator):
    """Predict final accuracies from learning curves by support vector regression.

    A nu-SVR with a Gaussian (RBF) kernel on the validation accuracies of the epochs seen, their
    first and second differences, and if there are any, further numbers that describe the
    architecture or how it is trained, such as its number of parameters or the learning rate. All
    of these, and the target, are standardised. A random search chooses C and gamma from 1e-5 to 10,
    and nu from 0.01 to 1, with the smallest mean squared error in cross-validation.

    Parameters
    ----------
    other_columns : int, default=0
        How many of the last columns of X are no part of the curve. Those before are the validation
        accuracies of the epochs seen, in order.
    n_iter : int, default=100
        How many settings of C, nu and gamma the search compares; the paper's number is 1,000.
    cv : int, default=3
        Number of folds of the search, shuffled; at most one for each known architecture.
    n_jobs : int, default=None
        Number of parallel jobs of the search.
    random_state : int, RandomState instance or None, default=None
        Seed of the settings and folds.

    Attributes
    ----------
    search_ : sklearn.model_selection.RandomizedSearchCV
        The search with what it has compared. Its best estimator is the scaler and the `NuSVR`,
        from curves with differences to the standardised target.
    n_features_in_ : int
        Number of columns of X.

    References
    ----------
    Bowen Baker, Otkrist Gupta, Ramesh Raskar and Nikhil Naik. Accelerating Neural Architecture
    Search using Performance Prediction. 2017 (arXiv:1705.10823). Section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.predictors import LcSVR
    >>> rng = np.random.default_rng(0)
    >>> speed = rng.uniform(0.1, 1, size=(60, 1))
    >>> curves = 90 * (1 - np.exp(-speed * np.arange(1, 13)))
    >>> model = LcSVR(n_iter=20, random_state=0)
    >>> model.fit(curves[:40, :4], curves[:40, -1]).predict(curves[40:, :4]).shape
    (20,)
    """

    _: KW_ONLY
    other_columns: int = 0
    n_iter: int = 100
    cv: int = 3
    n_jobs: int | None = None
    random_state: int | np.random.RandomState | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "other_columns": [Interval(Integral, 0, None, closed="left")],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike) -> LcSVR:
        """Learn from architectures that were trained to the end.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Validation accuracies of the epochs seen, one column each, and the other columns.
        y : array-like of shape (n_samples,)
            Final accuracies, in percent or any other unit.

        Returns
        -------
        LcSVR
            The regressor itself.

        Raises
        ------
        ValueError
            If X or y are not finite or of different lengths, no column is left for the curve, or
            there is a single architecture and hence nothing to cross-validate the search with.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        if self.other_columns >= X.shape[1]:
            raise ValueError(
                f"other_columns={self.other_columns} leaves no column for the curve,"
                f" n_features={X.shape[1]}"
            )
        targets = check_accuracies(X, y)
        self._scale = TargetScale(targets)
        seeds = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=2)
        self.search_ = RandomizedSearchCV(
            make_pipeline(StandardScaler(), NuSVR()),
            _SEARCHED,
            n_iter=self.n_iter,
            scoring="neg_mean_squared_error",
            n_jobs=self.n_jobs,
            cv=KFold(min(self.cv, len(X)), shuffle=True, random_state=seeds[0]),
            random_state=seeds[1],
            error_score="raise",
        ).fit(self._describe(X), self._scale.forward(targets))
        return self

    def predict(self, X: Any) -> Floats:
        """Predict final accuracies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted accuracies, in the unit of y.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return self._scale.inverse(self.search_.predict(self._describe(X)))

    def _describe(self, X: Floats) -> Floats:
        curves, others = np.split(X, [X.shape[1] - self.other_columns], axis=1)
        return np.hstack([curves, np.diff(curves), np.diff(curves, n=2), others])
