"""Honest uncertainty from leave-one-out residuals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Array = NDArray[np.float64]

# The share of residuals that calibrated standard deviations are made to cover.
_CALIBRATED_AT = 0.9


def calibration_factor(residuals: Array, stds: Array) -> Array:
    """Find the factor that makes standard deviations honest.

    Parameters
    ----------
    residuals : ndarray of shape (n_samples, n_outputs)
        Leave-one-out residuals.
    stds : ndarray of shape (n_samples, n_outputs)
        Standard deviations that were predicted for them.

    Returns
    -------
    ndarray of shape (n_outputs,)
        With it, 90 % of the residuals lie within 1.645 standard deviations.
    """
    scores = np.abs(residuals) / _positive(stds)
    return np.quantile(scores, _CALIBRATED_AT, axis=0) / norm.ppf((1 + _CALIBRATED_AT) / 2)


def conformal_quantile(residuals: Array, stds: Array, coverage: float) -> Array:
    """Find how many standard deviations an interval has to reach to both sides.

    Parameters
    ----------
    residuals : ndarray of shape (n_samples, n_outputs)
        Leave-one-out residuals.
    stds : ndarray of shape (n_samples, n_outputs)
        Standard deviations that were predicted for them.
    coverage : float
        Share of new architectures whose accuracy is to lie in the interval.

    Returns
    -------
    ndarray of shape (n_outputs,)
        The quantile with the finite-sample correction of conformal prediction; infinity if there
        are too few samples for the coverage.

    References
    ----------
    Jing Lei, Max G'Sell, Alessandro Rinaldo, Ryan Tibshirani and Larry Wasserman.
    Distribution-Free Predictive Inference for Regression. JASA 2018. Section 5.2 (scaled
    residuals). Leave-one-out residuals take the place of those of a split.
    """
    n_samples = len(residuals)
    rank = math.ceil((n_samples + 1) * coverage)
    if rank > n_samples:
        return np.full(residuals.shape[1], np.inf)
    return np.sort(np.abs(residuals) / _positive(stds), axis=0)[rank - 1]


def _positive(stds: Array) -> Array:
    return np.maximum(stds, np.finfo(np.float64).tiny)
