"""Predictors that read one number off a learning curve."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.isotonic import isotonic_regression
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from ..utils._sklearn import Interval, fit_context
from ._targets import Floats, check_accuracies

# Beyond the known scores accuracies rise at least by so many standard deviations for a standard
# deviation of the score, so that order is kept where the known ones show no trend.
_LEAST_SLOPE = 0.01


class MonotoneCalibration:
    """A strictly increasing function from scores to accuracies.

    Isotonic regression, but without its steps, which would make ties: the accuracies of its blocks
    are taken at the mean score of each, and between them interpolated linearly (Oron and Flournoy.
    Centered Isotonic Regression. 2017). Beyond the first and last block the function goes on with
    the slope of the least-squares line, and levels off: it never gets further from there than the
    range of the known accuracies.
    """

    def __init__(self, scores: Floats, targets: Floats) -> None:
        distinct, of_sample, counts = np.unique(scores, return_inverse=True, return_counts=True)
        means = np.bincount(of_sample, targets) / counts
        fitted = isotonic_regression(means, sample_weight=counts.astype(np.float64))
        blocks = np.concatenate([[0], np.cumsum(np.diff(fitted) > 0)])
        self._scores = np.bincount(blocks, counts * distinct) / np.bincount(blocks, counts)
        self._targets = np.unique(fitted)
        self._slope = _slope(scores, targets)
        self._range = np.ptp(targets) or 1.0

    def __call__(self, scores: Floats) -> Floats:
        """Return the accuracies that belong to scores."""
        inside = np.interp(scores, self._scores, self._targets)
        above = self._level_off(scores - self._scores[-1])
        return inside + above - self._level_off(self._scores[0] - scores)

    def _level_off(self, distance: Floats) -> Floats:
        rise = self._slope * np.maximum(distance, 0)
        return rise / (1 + rise / self._range)


def _slope(scores: Floats, targets: Floats) -> float:
    """Return the slope of the least-squares line, but not less than a little."""
    spread = scores.std() or 1.0
    standardized = (scores - scores.mean()) / spread
    slope = (standardized * (targets - targets.mean())).mean()
    return max(slope, _LEAST_SLOPE * (targets.std() or 1.0)) / spread


@dataclass(eq=False, repr=False)
class CurveScoreRegressor(RegressorMixin, BaseEstimator):
    """Base of regressors that rank architectures by one number of their learning curve."""

    _: KW_ONLY
    calibrate: bool = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "calibrate": ["boolean"],
    }

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike | None = None) -> CurveScoreRegressor:
        """Learn which accuracies belong to which scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_epochs)
            Learning curves of known architectures: one column for each epoch seen, in order.
        y : array-like of shape (n_samples,), default=None
            Their final accuracies, in percent or any other unit; needed if `calibrate` is true,
            and else of no effect.

        Returns
        -------
        CurveScoreRegressor
            The regressor itself.

        Raises
        ------
        ValueError
            If X has fewer epochs than the parameters ask for, or holds NaN or infinity, or y is
            missing, not finite, or of another length.
        """
        curves = validate_data(self, X, dtype=np.float64)
        scores = self._read_off(curves)
        targets = check_accuracies(curves, scores if y is None and not self.calibrate else y)
        self._calibration = MonotoneCalibration(scores, targets) if self.calibrate else None
        return self

    def predict(self, X: Any) -> Floats:
        """Predict final accuracies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_epochs)
            Learning curves of as many epochs as those given to `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted accuracies, in the unit of y; or the scores if `calibrate` is false.
        """
        scores = self.score_samples(X)
        return scores if self._calibration is None else self._calibration(scores)

    def score_samples(self, X: Any) -> Floats:
        """Rank architectures by the score alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_epochs)
            Learning curves of as many epochs as those given to `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores; the larger, the better.
        """
        check_is_fitted(self)
        return self._read_off(validate_data(self, X, reset=False, dtype=np.float64))

    @abstractmethod
    def _read_off(self, curves: Floats) -> Floats:
        """Return the score of each curve; the larger, the better."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.calibrate
        # A rising function of a single number, which does not fit a target that depends on others.
        tags.regressor_tags.poor_score = True
        return tags


@dataclass(eq=False, repr=False)
class EarlyStoppingRegressor(CurveScoreRegressor):
    """Rank architectures by their validation accuracy after a few epochs.

    Parameters
    ----------
    epoch : int, default=-1
        After which epoch to read the accuracy. 1 is the first; negative numbers count from the
        last epoch seen, which is -1.
    calibrate : bool, default=True
        Whether `predict` gives final accuracies, by a strictly increasing function of the score
        that is fitted to the known ones. With False it gives the score, the validation accuracy
        itself, and `fit` needs no final accuracies.

    Attributes
    ----------
    n_features_in_ : int
        Number of epochs seen.

    Notes
    -----
    X has a column for each epoch seen: the validation accuracy after it, in percent or any other
    unit. The function that calibrates is centred isotonic regression, continued beyond the known
    scores along the least-squares line, and levelling off there.

    References
    ----------
    Colin White, Arber Zela, Binxin Ru, Yang Liu and Frank Hutter. How Powerful are Performance
    Predictors in Neural Architecture Search? NeurIPS 2021. Section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.predictors import EarlyStoppingRegressor
    >>> accuracies = np.array([[40.0, 60.0], [55.0, 70.0], [30.0, 40.0]])
    >>> model = EarlyStoppingRegressor(epoch=2).fit(accuracies, [88.0, 93.0, 80.0])
    >>> model.predict([[50.0, 65.0]]).round(2)
    array([90.5])
    >>> model = EarlyStoppingRegressor(epoch=1).fit(accuracies, [88.0, 93.0, 80.0])
    >>> model.score_samples(accuracies)
    array([40., 55., 30.])
    """

    epoch: int = -1

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CurveScoreRegressor._parameter_constraints,
        "epoch": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
        ],
    }

    def _read_off(self, curves: Floats) -> Floats:
        n_epochs = curves.shape[1]
        if abs(self.epoch) > n_epochs:
            raise ValueError(f"epoch={self.epoch} is not among those seen, n_features={n_epochs}")
        return curves[:, self.epoch - 1 if self.epoch > 0 else self.epoch]


@dataclass(eq=False, repr=False)
class SoTLERegressor(CurveScoreRegressor):
    """Rank architectures by the sum of their last training losses.

    What trains fast generalises well: the architecture with the smallest sum of training losses is
    taken for the best. Summed over all epochs seen, this is SoTL; over the last E of them, SoTL-E.

    Parameters
    ----------
    n_summed : int or None, default=1
        How many of the last epochs seen to sum, E in the paper. None sums all of them. Early
        losses tell little once training has settled, so that 1 is mostly the best of them.
    calibrate : bool, default=True
        Whether `predict` gives accuracies, by a strictly increasing function of the score that is
        fitted to the known ones. With False it gives the score, minus the sum of the losses, and
        `fit` needs no accuracies.

    Attributes
    ----------
    n_features_in_ : int
        Number of epochs seen.

    Notes
    -----
    X has a column for each epoch seen: the mean training loss over the batches of that epoch, as
    it comes out while training. The function that calibrates is centred isotonic regression,
    continued beyond the known scores along the least-squares line, and levelling off there.

    References
    ----------
    Robin Ru, Clare Lyle, Lisa Schut, Miroslav Fil, Mark van der Wilk and Yarin Gal. Speedy
    Performance Estimation for Neural Architecture Search. NeurIPS 2021. Section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.predictors import SoTLERegressor
    >>> losses = np.array([[2.0, 1.0, 0.5], [2.1, 1.5, 1.0], [1.9, 1.2, 0.7]])
    >>> model = SoTLERegressor(n_summed=2).fit(losses, [93.0, 88.0, 91.0])
    >>> model.predict([[2.0, 1.2, 0.9]]).round(2)
    array([90.])
    >>> SoTLERegressor(n_summed=2, calibrate=False).fit(losses).predict(losses)
    array([-1.5, -2.5, -1.9])
    """

    n_summed: int | None = 1

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CurveScoreRegressor._parameter_constraints,
        "n_summed": [Interval(Integral, 1, None, closed="left"), None],
    }

    def _read_off(self, curves: Floats) -> Floats:
        n_epochs = curves.shape[1]
        n_summed = n_epochs if self.n_summed is None else self.n_summed
        if n_summed > n_epochs:
            raise ValueError(f"n_summed={n_summed}, but epochs seen are n_features={n_epochs}")
        return -curves[:, n_epochs - n_summed :].sum(axis=1)
