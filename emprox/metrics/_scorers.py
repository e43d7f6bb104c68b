"""The list of all metrics, and what is made of it: scorers and a report."""

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike
from sklearn import metrics
from sklearn.metrics import make_scorer

from ..utils._options import check_option
from ._ranking import kendall_tau, pearson_r, precision_at_k, regret_at_k, spearman_rho

Metric = Callable[..., Any]
Scorer = Callable[..., float]

# Every metric that has a name, with whether more of it is better. A new one gets its line here.
METRICS: dict[str, tuple[Metric, bool]] = {
    "kendall_tau": (kendall_tau, True),
    "spearman_rho": (spearman_rho, True),
    "pearson_r": (pearson_r, True),
    "mean_absolute_error": (metrics.mean_absolute_error, False),
    "root_mean_squared_error": (metrics.root_mean_squared_error, False),
    # k stays 10 on smaller folds, where these fail: were k cut down to the size of the fold, any
    # predictor would look perfect.
    "precision_at_k": (precision_at_k, True),
    "regret_at_k": (regret_at_k, False),
}

_SCORERS: dict[str, Scorer] = {
    name if is_gain else f"neg_{name}": make_scorer(metric, greater_is_better=is_gain)
    for name, (metric, is_gain) in METRICS.items()
}
kendall_tau_scorer = _SCORERS["kendall_tau"]
spearman_rho_scorer = _SCORERS["spearman_rho"]
pearson_r_scorer = _SCORERS["pearson_r"]
precision_at_k_scorer = _SCORERS["precision_at_k"]
neg_regret_at_k_scorer = _SCORERS["neg_regret_at_k"]


def get_scorer_names() -> list[str]:
    """List the names that :func:`get_scorer` knows.

    Returns
    -------
    names : list of str
        The names of emprox's scorers and of scikit-learn's, sorted.

    Examples
    --------
    >>> from emprox.metrics import get_scorer_names
    >>> [name for name in get_scorer_names() if name.endswith("_at_k")]
    ['neg_regret_at_k', 'precision_at_k']
    """
    return sorted({*_SCORERS, *metrics.get_scorer_names()})


def get_scorer(name: str) -> Scorer:
    """Return the scorer of a name, of emprox or of scikit-learn.

    Parameters
    ----------
    name : str
        One of :func:`get_scorer_names`, such as ``"kendall_tau"`` or ``"neg_regret_at_k"``. Those
        at k have k = 10, and fail on folds of fewer samples.

    Returns
    -------
    scorer : callable
        Called as ``scorer(estimator, X, y)``, it returns a float; greater is better.

    Raises
    ------
    ValueError
        If there is no scorer of that name.

    Examples
    --------
    For another k there is :func:`sklearn.metrics.make_scorer`.

    >>> from sklearn.datasets import make_regression
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.metrics import make_scorer
    >>> from sklearn.model_selection import cross_validate
    >>> from emprox.metrics import get_scorer, precision_at_k, regret_at_k
    >>> X, y = make_regression(random_state=0)
    >>> scoring = {
    ...     "tau": get_scorer("kendall_tau"),
    ...     "precision_at_5": make_scorer(precision_at_k, k=5),
    ...     "neg_regret_at_5": make_scorer(regret_at_k, k=5, greater_is_better=False),
    ... }
    >>> scores = cross_validate(LinearRegression(), X, y, scoring=scoring, cv=3)
    >>> scores["test_precision_at_5"].shape
    (3,)
    """
    check_option("scorer", name, get_scorer_names())
    return _SCORERS[name] if name in _SCORERS else metrics.get_scorer(name)


def regression_report(y_true: ArrayLike, y_pred: ArrayLike, *, k: int = 10) -> dict[str, float]:
    """Compute all metrics at once.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True and predicted accuracies, in the same unit.
    k : int, default=10
        How many architectures make the top, from 1 to ``n_samples``, for ``precision_at_k`` and
        ``regret_at_k``.

    Returns
    -------
    report : dict of str to float
        The value of each metric by its name, averaged over the outputs. Errors and regret are
        in the unit of y.

    Raises
    ------
    TypeError
        If ``k`` is not an integer.
    ValueError
        If ``k`` is out of range, or the inputs are empty, not finite or differ in shape.

    Warns
    -----
    UndefinedMetricWarning
        For each correlation that is undefined and set to 0.0.

    Examples
    --------
    >>> from emprox.metrics import regression_report
    >>> report = regression_report([70, 80, 90, 94], [72, 71, 91, 93], k=2)
    >>> for name, value in report.items():
    ...     print(f"{name:<23} {value:.3f}")
    kendall_tau             0.667
    spearman_rho            0.800
    pearson_r               0.907
    mean_absolute_error     3.250
    root_mean_squared_error 4.664
    precision_at_k          1.000
    regret_at_k             0.000
    """
    return {
        name: float(metric(y_true, y_pred, **({"k": k} if name.endswith("_at_k") else {})))
        for name, (metric, _) in METRICS.items()
    }
