"""Honest uncertainty from residuals of architectures that were left out."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from ._kernels import Floats
from ._transform import TargetTransforms

# Standard deviations are made so that this share of accuracies lies within as many of them as in
# a normal distribution. That of a normal distribution hardly depends on its tails.
_CALIBRATED_AT = 0.9


class ResidualCalibration:
    """What residuals of known architectures say about the errors of predictions."""

    # Residuals and deviations (up to a common factor) are of transformed accuracies, where errors
    # are about as large for good as for bad architectures. `add_mean_square` is for deviations that
    # say where errors are larger, but may be zero. See Lei, G'Sell, Rinaldo, Tibshirani and
    # Wasserman, Distribution-Free Predictive Inference for Regression, JASA 2018, section 5.2.
    def __init__(
        self,
        transforms: TargetTransforms,
        residuals: Floats,
        stds: Floats,
        add_mean_square: bool = False,
    ) -> None:
        self._transforms = transforms
        self._added = np.zeros(residuals.shape[1])
        if add_mean_square and len(residuals):
            self._added = np.square(residuals).mean(axis=0)
        # Where all known accuracies are equal, residuals and deviations are zero.
        stds = np.maximum(self._widen(stds), np.finfo(np.float64).tiny)
        self._ratios = np.sort(np.abs(residuals) / stds, axis=0)

    def intervals(self, scores: Floats, stds: Floats, coverage: float) -> Floats:
        """Find intervals of shape (n, n_outputs, 2); infinite if too few samples are known."""
        # Rounding, as of .55 * 100, must not take one more.
        return self._between(scores, stds, math.ceil((len(self._ratios) + 1) * coverage - 1e-9))

    def standard_deviations(self, scores: Floats, stds: Floats) -> Floats:
        """Find deviations as wide as intervals with a coverage of 90 %, or of all residuals."""
        rank = math.ceil((len(self._ratios) + 1) * _CALIBRATED_AT)
        ends = self._between(scores, stds, min(rank, max(len(self._ratios), 1)))
        widths = 2 * norm.ppf((1 + _CALIBRATED_AT) / 2)
        return ends[..., 1] / widths - ends[..., 0] / widths

    def _widen(self, stds: Floats) -> Floats:
        return np.sqrt(np.square(stds) + self._added)

    def _between(self, scores: Floats, stds: Floats, rank: int) -> Floats:
        """Transform back what is as close to the scores as residuals up to this rank are."""
        if rank > len(self._ratios):
            return np.broadcast_to([-np.inf, np.inf], (*scores.shape, 2)).copy()
        reach = self._widen(stds) * self._ratios[rank - 1]
        ends = [self._transforms.inverse(scores + far, clip=False) for far in (-reach, reach)]
        return np.stack(ends, axis=-1)
