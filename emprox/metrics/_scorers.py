"""The metrics as scorers, for ``scoring=`` in GridSearchCV and cross_validate."""

from collections.abc import Callable
from difflib import get_close_matches

from sklearn import metrics
from sklearn.metrics import make_scorer

from ._ranking import kendall_tau, pearson_r, precision_at_k, regret_at_k, spearman_rho

Scorer = Callable[..., float]

kendall_tau_scorer: Scorer = make_scorer(kendall_tau)
spearman_rho_scorer: Scorer = make_scorer(spearman_rho)
pearson_r_scorer: Scorer = make_scorer(pearson_r)
# k stays 10 on smaller folds, where these fail as their metrics do: were k cut down to the size
# of the fold, any predictor would look perfect.
precision_at_k_scorer: Scorer = make_scorer(precision_at_k)
neg_regret_at_k_scorer: Scorer = make_scorer(regret_at_k, greater_is_better=False)
neg_mean_absolute_error_scorer: Scorer = metrics.get_scorer("neg_mean_absolute_error")
neg_root_mean_squared_error_scorer: Scorer = metrics.get_scorer("neg_root_mean_squared_error")

_SCORERS: dict[str, Scorer] = {
    "kendall_tau": kendall_tau_scorer,
    "spearman_rho": spearman_rho_scorer,
    "pearson_r": pearson_r_scorer,
    "precision_at_k": precision_at_k_scorer,
    "neg_regret_at_k": neg_regret_at_k_scorer,
    "neg_mean_absolute_error": neg_mean_absolute_error_scorer,
    "neg_root_mean_squared_error": neg_root_mean_squared_error_scorer,
}


def get_scorer_names() -> list[str]:
    """List the names that :func:`get_scorer` knows.

    Returns
    -------
    names : list of str
        The names of emprox's scorers and of scikit-learn's, sorted.

    See Also
    --------
    get_scorer : The scorer of a name.

    Examples
    --------
    >>> from emprox.metrics import get_scorer_names
    >>> [name for name in get_scorer_names() if name.endswith("_at_k")]
    ['neg_regret_at_k', 'precision_at_k']
    """
    return sorted({*_SCORERS, *metrics.get_scorer_names()})


def get_scorer(name: str) -> Scorer:
    """Return the scorer of a name.

    Besides emprox's own names, ``"kendall_tau"``, ``"spearman_rho"``, ``"pearson_r"``,
    ``"precision_at_k"``, ``"neg_regret_at_k"``, ``"neg_mean_absolute_error"`` and
    ``"neg_root_mean_squared_error"``, it knows those of scikit-learn, such as ``"r2"``.

    Parameters
    ----------
    name : str
        One of :func:`get_scorer_names`.

    Returns
    -------
    scorer : callable
        Called as ``scorer(estimator, X, y)``, it returns a float; greater is better.

    Raises
    ------
    TypeError
        If ``name`` is not a string.
    ValueError
        If there is no scorer of that name.

    See Also
    --------
    get_scorer_names : All names.
    sklearn.metrics.make_scorer : Make a scorer of any metric.

    Notes
    -----
    The scorers at k have k = 10, and on a fold of fewer samples they raise, as their metrics do,
    so that ``cross_validate`` warns and records NaN. A scorer with another k is made by
    :func:`sklearn.metrics.make_scorer`, see below.

    Examples
    --------
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
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {name!r} of type {type(name).__name__}.")
    if name in _SCORERS:
        return _SCORERS[name]
    known = get_scorer_names()
    if name in known:
        return metrics.get_scorer(name)
    close = get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    raise ValueError(
        f"There is no scorer named {name!r}. {hint}The scorers of emprox are "
        f"{', '.join(map(repr, _SCORERS))}; get_scorer_names() lists scikit-learn's too."
    )
