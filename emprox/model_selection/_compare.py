"""Paired differences between predictors."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from ..metrics._scorers import METRICS

_KEYS = ("predictor", "split", "train_size")
_TIMES = ("fit_time", "score_time")


def is_gain(score: str) -> bool:
    """Say whether more of a column of trials is better: of all but errors, regrets and times."""
    return score not in _TIMES and METRICS.get(score, (None, True))[1]


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
    if lacking := [name for name in (*_KEYS, *scores) if name not in trials]:
        raise ValueError(f"trials have no column {lacking[0]!r}, only {', '.join(trials)}")
    if baseline not in set(trials["predictor"]):
        names = ", ".join(map(repr, trials["predictor"].unique()))
        raise ValueError(f"there is no predictor {baseline!r}, only {names}")
    # Splits of one draw are told apart by their rank, since sizes of folds may differ by one.
    rank = trials.groupby(["predictor", "split"])["train_size"].rank("dense")
    trials = trials.assign(rank=rank)
    sizes = trials.groupby("rank")["train_size"].mean().round().astype(int)
    rows = []
    for score in scores:
        values = trials.pivot(index=["rank", "split"], columns="predictor", values=score)
        sign = 1 if is_gain(score) else -1
        for number, of_size in values.groupby(level="rank"):
            for predictor in trials["predictor"].unique():
                if predictor == baseline:
                    continue
                differences = sign * (of_size[predictor] - of_size[baseline]).dropna()
                rows.append(
                    {
                        "score": score,
                        "train_size": sizes[number],
                        "predictor": predictor,
                        "mean_difference": differences.mean(),
                        "standard_error": differences.sem(),
                        "wins": int((differences > 0).sum()),
                        "n_splits": len(differences),
                    }
                )
    return pd.DataFrame(rows)
