"""Correlations, and metrics of the top of the ranking."""

import warnings
from collections.abc import Callable
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_array, check_consistent_length, check_scalar

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
MultiOutput = Literal["uniform_average", "raw_values"]


def _check_targets(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return both as finite arrays of one shape (n_samples, n_outputs)."""
    true, pred = (
        check_array(y, ensure_2d=False, dtype=np.float64, input_name=name)
        for y, name in ((y_true, "y_true"), (y_pred, "y_pred"))
    )
    check_consistent_length(true, pred)
    true, pred = (y.reshape(len(y), -1) for y in (true, pred))
    if true.shape != pred.shape:
        raise ValueError(f"y_true has {true.shape[1]} outputs, but y_pred {pred.shape[1]}.")
    return true, pred


def _combine(scores: list[float], multioutput: MultiOutput) -> float | FloatArray:
    """Return the score of each output, or their mean."""
    if not isinstance(multioutput, str) or multioutput not in ("uniform_average", "raw_values"):
        raise ValueError(
            f"multioutput must be 'uniform_average' or 'raw_values', got {multioutput!r}."
        )
    return np.asarray(scores) if multioutput == "raw_values" else float(np.mean(scores))


def _correlation(
    statistic: Callable[[FloatArray, FloatArray], Any],
    y_true: ArrayLike,
    y_pred: ArrayLike,
    multioutput: MultiOutput,
    *,
    name: str,
    is_constant: Callable[[FloatArray], bool] = lambda y: bool(y.min() == y.max()),
) -> float | FloatArray:
    """Return a correlation from scipy.stats, 0 with a warning where it is undefined."""
    scores = []
    for true, pred in zip(*(y.T for y in _check_targets(y_true, y_pred)), strict=True):
        if len(true) < 2:
            reason = "fewer than two samples"
        elif is_constant(true):
            reason = "constant y_true"
        elif is_constant(pred):
            reason = "constant y_pred"
        else:
            scores.append(float(statistic(true, pred).statistic))
            continue
        warnings.warn(
            f"{name} is undefined for {reason}; it is set to 0.0.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        scores.append(0.0)
    return _combine(scores, multioutput)


def kendall_tau(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: MultiOutput = "uniform_average"
) -> float | FloatArray:
    """Compute Kendall's rank correlation, tau-b.

    Of all pairs of architectures, the share that the predictions put in the right order minus
    the share in the wrong order, corrected for ties [1]_: the usual measure of an accuracy
    predictor [2]_.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True accuracies, and predictions or any score that should rank as they do.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Return the mean over the outputs, or the value of each.

    Returns
    -------
    tau : float or ndarray of shape (n_outputs,)
        From -1, the reversed order, to 1, the same order; 0.0 where it is undefined.

    Warns
    -----
    UndefinedMetricWarning
        If there are fewer than two samples, or all values of an input are equal.

    References
    ----------
    .. [1] M. G. Kendall, "The treatment of ties in ranking problems", Biometrika 33(3), 1945.
    .. [2] C. White, A. Zela, B. Ru, Y. Liu and F. Hutter, "How Powerful are Performance
       Predictors in Neural Architecture Search?", NeurIPS 2021.

    Examples
    --------
    One of the six pairs is in the wrong order.

    >>> from emprox.metrics import kendall_tau
    >>> round(kendall_tau([70, 80, 90, 94], [72, 71, 91, 93]), 3)
    0.667
    """
    return _correlation(stats.kendalltau, y_true, y_pred, multioutput, name="kendall_tau")


def spearman_rho(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: MultiOutput = "uniform_average"
) -> float | FloatArray:
    """Compute Spearman's rank correlation.

    The Pearson correlation of the ranks [1]_, where tied values share their mean rank.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True accuracies, and predictions or any score that should rank as they do.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Return the mean over the outputs, or the value of each.

    Returns
    -------
    rho : float or ndarray of shape (n_outputs,)
        From -1, the reversed order, to 1, the same order; 0.0 where it is undefined.

    Warns
    -----
    UndefinedMetricWarning
        If there are fewer than two samples, or all values of an input are equal.

    References
    ----------
    .. [1] C. Spearman, "The Proof and Measurement of Association between Two Things", American
       Journal of Psychology 15(1), 1904.

    Examples
    --------
    >>> from emprox.metrics import spearman_rho
    >>> round(spearman_rho([70, 80, 90, 94], [72, 71, 91, 93]), 3)
    0.8
    """
    return _correlation(stats.spearmanr, y_true, y_pred, multioutput, name="spearman_rho")


def _unit(y: FloatArray) -> FloatArray:
    return y / (np.abs(y).max() or 1.0)


def _is_constant_to_rounding(y: FloatArray) -> bool:
    # A spread this small is rounding error, and so would be its correlation. The bound lies
    # above the one at which scipy.stats.pearsonr warns.
    return bool(np.ptp(_unit(y)) < 1e-10)


def pearson_r(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: MultiOutput = "uniform_average"
) -> float | FloatArray:
    """Compute Pearson's linear correlation.

    It asks how close the predictions come to a straight line over the true accuracies. A few
    architectures that fail to train can dominate it: read it beside the rank correlations.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True accuracies, and predictions or any score that should grow linearly with them.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Return the mean over the outputs, or the value of each.

    Returns
    -------
    r : float or ndarray of shape (n_outputs,)
        From -1, a falling line, to 1, a rising line; 0.0 where it is undefined.

    Raises
    ------
    ValueError
        If the inputs are empty, hold NaN or infinity, or differ in shape.

    Warns
    -----
    UndefinedMetricWarning
        If there are fewer than two samples, or all values of ``y_true`` or ``y_pred`` are equal
        up to rounding (their range is below 1e-10 of the largest magnitude).

    Examples
    --------
    >>> from emprox.metrics import pearson_r
    >>> round(pearson_r([70, 80, 90, 94], [72, 71, 91, 93]), 3)
    0.907
    """
    return _correlation(
        # Rescaled, since sums of huge values would overflow.
        lambda true, pred: stats.pearsonr(_unit(true), _unit(pred)),
        y_true,
        y_pred,
        multioutput,
        name="pearson_r",
        is_constant=_is_constant_to_rounding,
    )


def _k_best(y_pred: FloatArray, k: int) -> tuple[BoolArray, BoolArray, int]:
    """Return which samples are surely among the k best, which tie for the rest, and the rest."""
    kth_best = np.partition(y_pred, -k)[-k]
    chosen = y_pred > kth_best
    return chosen, y_pred == kth_best, k - int(np.count_nonzero(chosen))


def _precision(y_true: FloatArray, y_pred: FloatArray, k: int) -> float:
    is_best = y_true >= np.partition(y_true, -k)[-k]
    chosen, tied, places = _k_best(y_pred, k)
    hits = np.count_nonzero(is_best[chosen]) + places * is_best[tied].mean()
    return float(hits / k)


def _regret(y_true: FloatArray, y_pred: FloatArray, k: int) -> float:
    chosen, tied, places = _k_best(y_pred, k)
    loss = y_true.max() - y_true
    # Best first; none can be worse than the best that is chosen anyway.
    tied_loss = np.minimum(np.sort(loss[tied]), loss[chosen].min(initial=np.inf))
    # The i-th best of the tied decides if it gets a place and the i better ones did not.
    remaining = len(tied_loss) - np.arange(len(tied_loss))
    all_better_missed = np.cumprod(np.append(1.0, 1.0 - places / remaining[:-1]))
    return float((all_better_missed * places / remaining) @ tied_loss)


def _at_k(
    metric: Callable[[FloatArray, FloatArray, int], float],
    y_true: ArrayLike,
    y_pred: ArrayLike,
    k: int,
    multioutput: MultiOutput,
) -> float | FloatArray:
    true, pred = _check_targets(y_true, y_pred)
    check_scalar(k, "k", Integral, min_val=1, max_val=len(true))
    return _combine([metric(t, p, k) for t, p in zip(true.T, pred.T, strict=True)], multioutput)


def precision_at_k(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    k: int = 10,
    multioutput: MultiOutput = "uniform_average",
) -> float | FloatArray:
    """Compute the share of the k best predicted that are among the k best true ones.

    A search trains the architectures that are predicted best. This is the share of that
    training which goes into architectures at the true top; compare [1]_.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True accuracies, and predictions or any score that should rank as they do.
    k : int, default=10
        How many architectures make the top, from 1 to ``n_samples``.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Return the mean over the outputs, or the value of each.

    Returns
    -------
    precision : float or ndarray of shape (n_outputs,)
        From 0 to 1, the best. A random order has ``k / n_samples`` on average.

    Raises
    ------
    TypeError
        If ``k`` is not an integer.
    ValueError
        If ``k`` is out of range, or the inputs are empty, not finite or differ in shape.

    Notes
    -----
    With ties at the k-th best true accuracy more than k architectures are among the true best.
    Architectures that tie for the last places among the k best predicted get equal shares of
    these places. So the order of the samples never matters.

    References
    ----------
    .. [1] X. Ning et al., "Evaluating Efficient Performance Estimators of Neural Architectures",
       NeurIPS 2021.

    Examples
    --------
    Of the two best predicted, the first and the fourth, one is among the two best.

    >>> from emprox.metrics import precision_at_k
    >>> precision_at_k([94, 91, 90, 85], [93, 80, 70, 90], k=2)
    0.5
    """
    return _at_k(_precision, y_true, y_pred, k, multioutput)


def regret_at_k(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    k: int = 10,
    multioutput: MultiOutput = "uniform_average",
) -> float | FloatArray:
    """Compute the accuracy lost by training only the k best predicted.

    The best true accuracy of all, minus the best true accuracy among the k architectures that
    are predicted best: the regret [1]_ of a search that trains these k and keeps the best.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True accuracies, and predictions or any score that should rank as they do.
    k : int, default=10
        How many architectures are trained, from 1 to ``n_samples``.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Return the mean over the outputs, or the value of each.

    Returns
    -------
    regret : float or ndarray of shape (n_outputs,)
        In the unit of ``y_true``; 0, the best, or above.

    Raises
    ------
    TypeError
        If ``k`` is not an integer.
    ValueError
        If ``k`` is out of range, or the inputs are empty, not finite or differ in shape.

    Notes
    -----
    Where architectures tie for the last places among the k best predicted, it is the expectation
    over giving them these places at random. So the order of the samples never matters.

    References
    ----------
    .. [1] C. Ying, A. Klein, E. Real, E. Christiansen, K. Murphy and F. Hutter, "NAS-Bench-101:
       Towards Reproducible Neural Architecture Search", ICML 2019, section 4.

    Examples
    --------
    The best predicted one has 91 percent; the best of the two best predicted has 94.

    >>> from emprox.metrics import regret_at_k
    >>> regret_at_k([94, 91, 90, 85], [92, 93, 70, 90], k=1)
    3.0
    >>> regret_at_k([94, 91, 90, 85], [92, 93, 70, 90], k=2)
    0.0
    """
    return _at_k(_regret, y_true, y_pred, k, multioutput)
