"""Paired differences between predictors."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pandas as pd

from ..metrics._scorers import METRICS
from ..utils._options import check_option

_LOSSES = {"fit_time", "score_time"} | {
    name for name, (_, is_gain) in METRICS.items() if not is_gain
}


def compare_predictors(
    trials: pd.DataFrame, baseline: str, scoring: str | Iterable[str] = "kendall_tau"
) -> pd.DataFrame:
    """Compare predictors with one of them, draw by draw.

    Draws differ more than predictors do, so that differences have to be paired.

    Parameters
    ----------
    trials : DataFrame
        What `evaluate_predictors` returned, or the same from a CSV file.
    baseline : str
        The predictor that the others are compared with.
    scoring : str or iterable of str, default="kendall_tau"
        Names of columns: scores, ``"fit_time"`` or ``"score_time"``.

    Returns
    -------
    DataFrame
        A row for each score, training size and predictor, with the columns ``score``,
        ``train_size`` (the mean, where those of folds differ), ``predictor``,
        ``mean_difference`` (in the unit of the score, positive where the predictor is better:
        lower for errors, regrets and times), ``standard_error`` of that mean, ``wins``
        and ``n_splits``, the numbers of splits in which it is better and in which neither failed.

    Raises
    ------
    ValueError
        If there is no such predictor or column.

    Notes
    -----
    The standard error takes the splits as independent. Draws from the same architectures have
    some in common, the more the fewer there are, and it is too small then.

    Examples
    --------
    >>> import pandas as pd
    >>> from emprox.model_selection import compare_predictors
    >>> trials = pd.DataFrame(
    ...     {
    ...         "predictor": ["a", "a", "a", "b", "b", "b"],
    ...         "split": [0, 1, 2, 0, 1, 2],
    ...         "train_size": 121,
    ...         "kendall_tau": [0.8, 0.7, 0.9, 0.5, 0.5, 0.5],
    ...     }
    ... )
    >>> compare_predictors(trials, "b")[["predictor", "mean_difference", "wins"]].round(3)
      predictor  mean_difference  wins
    0         a              0.3     3
    """
    scores = [scoring] if isinstance(scoring, str) else list(scoring)
    for name in ("predictor", "split", "train_size", *scores):
        check_option("column of trials", name, trials)
    names = trials["predictor"].unique()
    check_option("predictor", baseline, names)
    # Splits of one draw are told apart by their rank, since sizes of folds may differ by one.
    rank = trials.groupby(["predictor", "split"])["train_size"].rank("dense")
    sizes = trials.groupby(rank)["train_size"].mean().round().astype(int)
    rows = []
    for score, (number, size), predictor in product(scores, sizes.items(), names):
        if predictor == baseline:
            continue
        sign = -1 if score in _LOSSES else 1
        values = trials[rank == number].pivot(index="split", columns="predictor", values=score)
        differences = sign * (values[predictor] - values[baseline]).dropna()
        row = {"score": score, "train_size": size, "predictor": predictor}
        row |= {"mean_difference": differences.mean(), "standard_error": differences.sem()}
        rows.append(row | {"wins": int((differences > 0).sum()), "n_splits": len(differences)})
    return pd.DataFrame(rows)
