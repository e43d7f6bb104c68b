"""Honest uncertainty from cross-validated residuals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ._metric._target import TargetTransform

Array = NDArray[np.float64]

# Standard deviations are made so that this share of accuracies lies within as many of them as in
# a normal distribution. That of a normal distribution hardly depends on its tails.
_CALIBRATED_AT = 0.9


class ResidualCalibration:
    """What residuals of known architectures say about the errors of predictions.

    Errors are measured between transformed accuracies: there they are about as large for good as
    for bad architectures, while in percent those of bad ones are many times larger. An interval
    there, transformed back, is wide below and narrow above, and ends where accuracies do.

    Parameters
    ----------
    transforms : sequence of TargetTransform
        The transformation of each output.
    residuals : ndarray of shape (n_samples, n_outputs)
        What is left of known accuracies after predictions that do not know them, transformed.
    stds : ndarray of shape (n_samples, n_outputs)
        Standard deviations that were predicted for these, up to a common factor.
    add_mean_square : bool, default=False
        Whether to add the mean square of the residuals to the variances, here and for new
        architectures: for deviations that say where errors are larger, but may be zero.

    References
    ----------
    Jing Lei, Max G'Sell, Alessandro Rinaldo, Ryan Tibshirani and Larry Wasserman.
    Distribution-Free Predictive Inference for Regression. JASA 2018. Section 5.2 (scaled
    residuals). Those of a cross-validation take the place of those of a split.
    """

    def __init__(
        self,
        transforms: Sequence[TargetTransform],
        residuals: Array,
        stds: Array,
        add_mean_square: bool = False,
    ) -> None:
        self._transforms = list(transforms)
        self._added = np.zeros(residuals.shape[1])
        if add_mean_square and len(residuals):
            self._added = np.square(residuals).mean(axis=0)
        # Where all known accuracies are equal, residuals and deviations are zero.
        stds = np.maximum(self._widen(stds), np.finfo(np.float64).tiny)
        self._ratios = np.sort(np.abs(residuals) / stds, axis=0)

    def intervals(self, scores: Array, stds: Array, coverage: float) -> Array:
        """Find intervals that hold the accuracies of new architectures.

        Parameters
        ----------
        scores : ndarray of shape (n, n_outputs)
            Transformed accuracies that are predicted.
        stds : ndarray of shape (n, n_outputs)
            Standard deviations that are predicted for them, up to the same factor.
        coverage : float
            Share of new accuracies that are to lie in their interval.

        Returns
        -------
        ndarray of shape (n, n_outputs, 2)
            Lower and upper ends, in the unit of the accuracies. Infinite if there are too few
            samples for the coverage, with the correction for their finite number.
        """
        n_samples = len(self._ratios)
        # Rounding, as of .55 * 100, must not take one more.
        rank = math.ceil((n_samples + 1) * coverage - 1e-9)
        if rank > n_samples:
            return np.broadcast_to([-np.inf, np.inf], (*scores.shape, 2)).copy()
        return self._between(scores, self._widen(stds) * self._ratios[rank - 1])

    def standard_deviations(self, scores: Array, stds: Array) -> Array:
        """Find standard deviations that are as wide as intervals.

        Parameters
        ----------
        scores : ndarray of shape (n, n_outputs)
            Transformed accuracies that are predicted.
        stds : ndarray of shape (n, n_outputs)
            Standard deviations that are predicted for them, up to the same factor.

        Returns
        -------
        ndarray of shape (n, n_outputs)
            The width of the interval with a coverage of 90 % over that of a normal distribution
            with a standard deviation of one, in the unit of the accuracies. With too few samples
            for that coverage, it is that of the interval which holds all residuals; with none,
            infinite.
        """
        n_samples = len(self._ratios)
        if not n_samples:
            return np.full_like(scores, np.inf)
        rank = min(math.ceil((n_samples + 1) * _CALIBRATED_AT), n_samples)
        ends = self._between(scores, self._widen(stds) * self._ratios[rank - 1])
        return np.ptp(ends, axis=-1) / (2 * norm.ppf((1 + _CALIBRATED_AT) / 2))

    def _widen(self, stds: Array) -> Array:
        return np.sqrt(np.square(stds) + self._added)

    def _between(self, scores: Array, reach: Array) -> Array:
        """Transform back what is within reach of scores."""
        ends = [
            [transform.inverse(score + sign * far, clip=False) for sign in (-1, 1)]
            for transform, score, far in zip(self._transforms, scores.T, reach.T, strict=True)
        ]
        return np.transpose(ends, (2, 0, 1))


def transform_columns(transforms: Sequence[TargetTransform], targets: Array) -> Array:
    """Transform accuracies, each output by its own transformation.

    Parameters
    ----------
    transforms : sequence of TargetTransform
        The transformations.
    targets : ndarray of shape (n_samples, n_outputs)
        Accuracies.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs)
        Transformed accuracies.
    """
    columns = [
        transform.forward(column) for transform, column in zip(transforms, targets.T, strict=True)
    ]
    return np.stack(columns, axis=1)
