"""Support vector regression on learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import loguniform, uniform
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import KFold, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import NuSVR
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..utils._sklearn import Interval, StrOptions, fit_context
from ._targets import Floats, TargetScale, check_targets

# What a random search draws from, as in the paper; nu must not be zero.
_SEARCHED = {
    "C": loguniform(1e-5, 10),
    "nu": uniform(0.01, 0.99),
    "gamma": loguniform(1e-5, 10),
}


class LcSVR(RegressorMixin, BaseEstimator):
    """Predict final accuracies from learning curves by support vector regression.

    A nu-SVR with a Gaussian (RBF) kernel on the validation accuracies of the epochs seen, their
    first and second differences, and if there are any, further numbers that describe the
    architecture or how it is trained, such as its number of parameters or the learning rate. All
    of these, and the target, are standardised. C, nu and gamma are chosen by a random search with
    cross-validation.

    Parameters
    ----------
    other_columns : int or array-like of shape (n_other_columns,) of int or str, default=0
        Which columns of X are no part of the curve: the last so many, or a list of their positions
        or names. The remaining ones are the validation accuracies of the epochs seen, in order.
    n_iter : int, default=100
        How many settings of C, nu and gamma the random search compares; the paper's number is
        1,000. 0 takes those given below.
    cv : int, default=3
        Number of folds of the search, shuffled; with fewer known architectures than that, one for
        each of them.
    C : float, default=1.0
        Penalty of errors, in standard deviations of the target; used if `n_iter` is 0.
    nu : float, default=0.5
        Upper bound of the share of known architectures that lie outside of the tube, and lower
        bound of the share of support vectors; used if `n_iter` is 0.
    gamma : {"scale", "auto"} or float, default="scale"
        Coefficient of the kernel, as in scikit-learn's `NuSVR`; used if `n_iter` is 0.
    n_jobs : int, default=None
        Number of parallel jobs of the search.
    random_state : int, RandomState instance or None, default=None
        Seed of the settings and folds.

    Attributes
    ----------
    svr_ : sklearn.pipeline.Pipeline
        The scaler and the fitted `NuSVR`, from curves with differences to the standardised target.
    best_params_ : dict
        The C, nu and gamma of the fitted regression.
    search_ : sklearn.model_selection.RandomizedSearchCV or None
        The search with what it has compared; None if `n_iter` is 0.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had any.

    See Also
    --------
    EarlyStoppingRegressor : The last validation accuracy alone.
    SoTLERegressor : Training losses instead of validation accuracies.
    emprox.datasets.load_digits_cells : Architectures with learning curves.

    Notes
    -----
    The search draws C and gamma log-uniformly from 1e-5 to 10, and nu uniformly from 0.01 to 1,
    and takes the setting with the smallest mean squared error.

    Of t epochs, t - 1 first and t - 2 second differences are taken.

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
    >>> sorted(model.best_params_)
    ['C', 'gamma', 'nu']

    With the number of parameters as a further column:

    >>> columns = np.hstack([curves[:, :4], rng.integers(1000, 9000, size=(60, 1))])
    >>> model = LcSVR(other_columns=1, n_iter=20, random_state=0)
    >>> model.fit(columns, curves[:, -1]).n_features_in_
    5
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "other_columns": [Interval(Integral, 0, None, closed="left"), "array-like"],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "C": [Interval(Real, 0, None, closed="neither")],
        "nu": [Interval(Real, 0, 1, closed="right")],
        "gamma": [StrOptions({"scale", "auto"}), Interval(Real, 0, None, closed="neither")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    svr_: Pipeline
    search_: RandomizedSearchCV | None
    _is_curve: NDArray[np.bool_]
    _scale: TargetScale

    def __init__(
        self,
        *,
        other_columns: int | Sequence[int] | Sequence[str] = 0,
        n_iter: int = 100,
        cv: int = 3,
        C: float = 1.0,
        nu: float = 0.5,
        gamma: str | float = "scale",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.other_columns = other_columns
        self.n_iter = n_iter
        self.cv = cv
        self.C = C
        self.nu = nu
        self.gamma = gamma
        self.n_jobs = n_jobs
        self.random_state = random_state

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
            If X or y are not finite or of different lengths, `other_columns` names columns that X
            does not have or leaves none for the curve, or there is a single architecture and hence
            nothing to cross-validate the search with.
        """
        X = validate_data(self, X, dtype=np.float64)
        targets = check_targets(self, X, y)
        self._is_curve = self._find_curve()
        features = self._describe(X)
        self._scale = TargetScale(targets)
        standardized = self._scale.forward(targets)
        svr = make_pipeline(StandardScaler(), NuSVR(C=self.C, nu=self.nu, gamma=self.gamma))
        if self.n_iter == 0:
            self.search_, self.svr_ = None, svr.fit(features, standardized)
        else:
            self.search_ = self._make_search(svr, len(features)).fit(features, standardized)
            self.svr_ = self.search_.best_estimator_
        self.best_params_ = {name: getattr(self.svr_[-1], name) for name in _SEARCHED}
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
        return self._scale.inverse(self.svr_.predict(self._describe(X)))

    def _describe(self, X: Floats) -> Floats:
        curves = X[:, self._is_curve]
        others = X[:, ~self._is_curve]
        return np.hstack([curves, np.diff(curves), np.diff(curves, n=2), others])

    def _find_curve(self) -> NDArray[np.bool_]:
        """Mark the columns that are part of the curve."""
        n_columns, given = self.n_features_in_, self.other_columns
        is_curve = np.ones(n_columns, dtype=bool)
        if isinstance(given, Integral):
            is_curve[max(n_columns - int(given), 0) :] = False
        else:
            names = list(getattr(self, "feature_names_in_", ()))
            for column in np.asarray(given, dtype=object).ravel():
                is_curve[_position(column, names, n_columns)] = False
        if not is_curve.any():
            raise ValueError(
                f"other_columns={given!r} leaves no column of X for the curve, n_features="
                f"{n_columns}; X needs the validation accuracy of at least one epoch"
            )
        return is_curve

    def _make_search(self, svr: Pipeline, n_samples: int) -> RandomizedSearchCV:
        if n_samples < 2:
            raise ValueError(
                f"n_samples={n_samples} is too few to choose C, nu and gamma by cross-validation;"
                " give at least two known architectures, or set n_iter=0"
            )
        random_state = check_random_state(self.random_state)
        seeds = random_state.randint(np.iinfo(np.int32).max, size=2)
        folds = KFold(min(self.cv, n_samples), shuffle=True, random_state=seeds[0])
        return RandomizedSearchCV(
            svr,
            {f"nusvr__{name}": distribution for name, distribution in _SEARCHED.items()},
            n_iter=self.n_iter,
            scoring="neg_mean_squared_error",
            n_jobs=self.n_jobs,
            cv=folds,
            random_state=seeds[1],
            error_score="raise",
        )


def _position(column: Any, names: list[str], n_columns: int) -> int:
    """Return the position of a column that is given by position or name."""
    if isinstance(column, str) and column in names:
        return names.index(column)
    is_number = isinstance(column, Integral) and not isinstance(column, bool)
    if is_number and -n_columns <= int(column) < n_columns:
        return int(column)
    there = f"the columns {names}" if names else f"{n_columns} columns without names"
    raise ValueError(f"other_columns has {column!r}, but X has {there}, n_features={n_columns}")
