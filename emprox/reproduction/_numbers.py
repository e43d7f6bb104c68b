"""Numbers out of an evaluation, and how they are written: means, differences, ratios of times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..model_selection import Comparison, Evaluation

MISSING = "-"


@dataclass(frozen=True)
class Metric:
    """A column of an evaluation.

    Parameters
    ----------
    key : str
        Its name there.
    title : str
        Its name in tables.
    decimals : int
        How many are written.
    scale : float, default=1
        What the numbers are multiplied by.
    """

    key: str
    title: str
    decimals: int
    scale: float = 1


PEARSON = Metric("pearson_r", "Pearson", 3)
SPEARMAN = Metric("spearman_rho", "Spearman", 3)
KENDALL = Metric("kendall_tau", "Kendall", 3)
ERROR = Metric("mean_absolute_error", "MAE (%)", 2)
FIT = Metric("fit_seconds", "fit (s)", 2)
ERRORS = (ERROR, Metric("root_mean_squared_error", "RMSE (%)", 2))
CORRELATIONS = (PEARSON, SPEARMAN, KENDALL)
METRICS = (
    *ERRORS,
    *CORRELATIONS,
    Metric("precision_at_10", "precision at 10", 2),
    FIT,
    # Evaluations have it for 1,000 architectures.
    Metric("query_milliseconds", "query (ms)", 3, 1e-3),
)


def measured(
    evaluation: Evaluation, metric: Metric, predictor: str, train_size: int
) -> dict[int, float]:
    """Return a metric of a predictor, by trial, without the trials that failed."""
    if predictor not in evaluation.predictors:
        return {}
    values = evaluation.values(metric.key, predictor, train_size)
    return {trial: value for trial, value in values.items() if math.isfinite(value)}


def paired(
    evaluation: Evaluation, metric: Metric, predictor: str, reference: str, train_size: int
) -> Comparison | None:
    """Return how a predictor compares with another in the trials of both; None if there is none."""
    if {predictor, reference} - set(evaluation.predictors):
        return None
    found = {
        comparison.predictor: comparison
        for comparison in evaluation.compare(reference, metric.key, train_size)
    }[predictor]
    return found if found.n_trials and math.isfinite(found.mean_difference) else None


def is_noise(found: Comparison) -> bool:
    """Say whether a difference is within two standard errors of nothing, or one cannot tell."""
    return not abs(found.mean_difference) > 2 * found.standard_error


def fit_time_ratio(
    evaluation: Evaluation, predictor: str, reference: str, train_size: int
) -> float:
    """Return how many times longer a predictor takes to fit than another, the median over trials.

    NaN if there is no trial of both.
    """
    left = measured(evaluation, FIT, predictor, train_size)
    right = measured(evaluation, FIT, reference, train_size)
    ratios = [left[trial] / right[trial] for trial in left if trial in right]
    return float(np.median(ratios)) if ratios else math.nan


def write_spread(evaluation: Evaluation, metric: Metric, predictor: str, train_size: int) -> str:
    """Write the mean of a metric and its standard deviation over trials."""
    values = [
        value * metric.scale
        for value in measured(evaluation, metric, predictor, train_size).values()
    ]
    if not values:
        return MISSING
    mean = f"{np.mean(values):.{metric.decimals}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.{metric.decimals}f}"


def write_difference(found: Comparison | None, decimals: int) -> str:
    """Write a paired difference and its standard error."""
    if found is None:
        return MISSING
    mean = f"{found.mean_difference:+.{decimals}f}"
    return mean if found.n_trials == 1 else f"{mean} ± {found.standard_error:.{decimals}f}"


def write_p_value(found: Comparison | None) -> str:
    """Write the p-value after Holm's correction."""
    if found is None or not math.isfinite(found.adjusted_p_value):
        return MISSING
    return "< 0.001" if found.adjusted_p_value < 0.001 else f"{found.adjusted_p_value:.3f}"


def write_ratio(ratio: float) -> str:
    """Write a ratio, with as many decimals as mean something."""
    if not math.isfinite(ratio):
        return MISSING
    return f"{ratio:.{0 if ratio >= 100 else 1 if ratio >= 10 else 2 if ratio >= 0.1 else 3}f}"
