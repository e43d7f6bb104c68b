"""Paired tests of predictors against a reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Comparison:
    """How one predictor compares with a reference, trial by trial.

    Parameters
    ----------
    predictor, reference : str
        Names of the two.
    metric : str
        Name of the metric.
    train_size : int
        Number of known architectures.
    n_trials : int
        Number of trials in which both succeeded.
    mean_difference : float
        Mean of the paired differences, in the unit of the metric: positive if the predictor is
        better than the reference.
    standard_error : float
        Standard error of that mean; NaN for fewer than two trials.
    p_value : float
        Of the two-sided paired t-test; NaN for fewer than two trials.
    adjusted_p_value : float
        The same after the correction of Holm for the number of predictors that are compared with
        the reference.
    wilcoxon_p_value : float
        Of the two-sided signed-rank test of Wilcoxon, not corrected: it does not assume that
        differences are normal.

    See Also
    --------
    Evaluation.compare : Makes these.

    Notes
    -----
    The tests take the trials as independent. They are draws from the same architectures, so that
    two trials have some in common: of 15,625 cells, two draws of 1,121 share about 80. Where a
    trial draws a large part of all architectures, the differences are correlated and p-values too
    small; the same holds for cross-validation, see [1]_, whose correction is for training sets
    that are almost the same and would be far too strict here. And what is tested is whether one
    predictor is better on these architectures, not on others.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning
       52(3), 2003.
    .. [2] S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian
       Journal of Statistics 6(2), 1979.

    Examples
    --------
    >>> from emprox.model_selection import Evaluation
    >>> zeros = ["mean_absolute_error", "root_mean_squared_error", "pearson_r", "spearman_rho"]
    >>> zeros += ["precision_at_10", "fit_seconds", "query_milliseconds"]
    >>> rows = [
    ...     dict.fromkeys(zeros, 0.0)
    ...     | {"predictor": name, "train_size": 121, "trial": trial, "error": ""}
    ...     | {"kendall_tau": tau}
    ...     for name, taus in {"a": [0.8, 0.7, 0.9], "b": [0.5, 0.5, 0.5]}.items()
    ...     for trial, tau in enumerate(taus)
    ... ]
    >>> (comparison,) = Evaluation(rows).compare("b")
    >>> round(comparison.mean_difference, 3), round(comparison.p_value, 3)
    (0.3, 0.035)
    """

    predictor: str
    reference: str
    metric: str
    train_size: int
    n_trials: int
    mean_difference: float
    standard_error: float
    p_value: float
    adjusted_p_value: float
    wilcoxon_p_value: float


def compare_pairs(
    differences: Mapping[str, Sequence[float]], *, reference: str, metric: str, train_size: int
) -> list[Comparison]:
    """Test paired differences.

    Parameters
    ----------
    differences : mapping of str to sequence of float
        Of each predictor, positive if it is better than the reference.
    reference : str
        Name of the reference.
    metric : str
        Name of the metric.
    train_size : int
        Number of known architectures.

    Returns
    -------
    list of Comparison
        One for each predictor.
    """
    tests = [_t_test(values) for values in differences.values()]
    adjusted = _holm([p_value for _, _, p_value in tests])
    return [
        Comparison(
            predictor=predictor,
            reference=reference,
            metric=metric,
            train_size=train_size,
            n_trials=len(values),
            mean_difference=mean,
            standard_error=error,
            p_value=p_value,
            adjusted_p_value=adjusted_p_value,
            wilcoxon_p_value=_wilcoxon(values),
        )
        for (predictor, values), (mean, error, p_value), adjusted_p_value in zip(
            differences.items(), tests, adjusted, strict=True
        )
    ]


def _t_test(differences: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean, its standard error, and the p-value."""
    n = len(differences)
    mean = float(np.mean(differences)) if n else math.nan
    # NaN where a metric is not defined, such as the precision of few predictions.
    if n < 2 or math.isnan(mean):
        return mean, math.nan, math.nan
    error = float(np.std(differences, ddof=1) / math.sqrt(n))
    if error == 0:
        return mean, error, 1.0 if mean == 0 else 0.0
    return mean, error, float(2 * stats.t.sf(abs(mean) / error, n - 1))


def _wilcoxon(differences: Sequence[float]) -> float:
    # scipy does not take differences of zero in all its versions, nor none at all.
    nonzero = [difference for difference in differences if difference]
    if len(differences) < 2 or any(map(math.isnan, nonzero)):
        return math.nan
    return float(stats.wilcoxon(nonzero).pvalue) if nonzero else 1.0


def _holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, those that are NaN not counted."""
    adjusted = [math.nan] * len(p_values)
    tested = [i for i, p_value in enumerate(p_values) if not math.isnan(p_value)]
    largest = 0.0
    for rank, i in enumerate(sorted(tested, key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(tested) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted
