"""How methods are compared: the same architectures for all, in turn, and paired differences.

A *method* is a factory: called with a search space and a seed it returns an unfitted model, with
``fit(X, y)`` and ``predict(X)`` on architectures. A *problem* is a set of architectures with a
target. In trial t ``numpy.random.default_rng(t).choice(n, n_known + n_candidates, replace=False)``
are drawn: the first are known, the others predicted. All methods run in turn within each trial, in
one process, so that ratios of times hold on a noisy machine where the times themselves do not.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from emprox.model_selection import compare_predictors, evaluate_predictors
from emprox.spaces import SearchSpace

# Rows without the anchor do without it on purpose.
warnings.filterwarnings("ignore", "the space .* has architectures without a path")

Method = Callable[[str | SearchSpace, int], Any]

# The scores that are reported, as columns of the trials.
KENDALL, SPEARMAN, ERROR = SCORES = ("kendall_tau", "spearman_rho", "mean_absolute_error")


@dataclass(frozen=True)
class Problem:
    """Architectures with a target, and how many of them are known and predicted.

    Parameters
    ----------
    name : str
        What it is called in tables.
    space : str
        The search space.
    X : ndarray of shape (n_architectures,) of str
        The architectures.
    y : ndarray of shape (n_architectures,)
        The target.
    n_known : int, default=121
        Number of known architectures.
    n_candidates : int or None, default=1000
        Number of predicted architectures; None takes all that are left.
    n_used : int or None, default=None
        How many of the known ones are given to the methods, the first of them; None gives all. So
        problems that differ in this alone predict the same architectures.
    """

    name: str
    space: str
    X: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    n_known: int = 121
    n_candidates: int | None = 1000
    n_used: int | None = None

    def draw(self, trial: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions of the known and of the predicted architectures of a trial."""
        n_all = len(self.X)
        n_drawn = n_all if self.n_candidates is None else self.n_known + self.n_candidates
        drawn = np.random.default_rng(trial).choice(n_all, n_drawn, replace=False)
        return drawn[: self.n_known][: self.n_used], drawn[self.n_known :]


def run(
    problem: Problem,
    methods: Mapping[str, Method],
    trials: range,
    n_trials: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Measure all methods in turn in each trial.

    Parameters
    ----------
    problem : Problem
        The problem.
    methods : mapping of str to callable
        The methods by name.
    trials : range
        The trials.
    n_trials : mapping of str to int, default=None
        For methods that are too slow for all, how many of the trials they run in.

    Returns
    -------
    DataFrame
        What `emprox.model_selection.evaluate_predictors` returns, where ``split`` is the trial,
        and ``query_time``, the seconds to predict 1,000 architectures from texts.
    """
    tables = []
    for number, trial in enumerate(trials):
        known, candidates = problem.draw(trial)
        models = {
            name: make_model(problem.space, trial)
            for name, make_model in methods.items()
            if n_trials is None or number < n_trials.get(name, len(trials))
        }
        table = evaluate_predictors(
            models,
            problem.X,
            problem.y,
            cv=[(known, candidates)],
            scoring=SCORES,
            random_state=None,
            error_score="raise",
        )
        query_time = table["score_time"] * 1000 / len(candidates)
        tables.append(table.assign(problem=problem.name, split=trial, query_time=query_time))
    return pd.concat(tables, ignore_index=True)


def ahead(trials: pd.DataFrame, ours: str, rival: str, score: str) -> tuple[float, float]:
    """Return by how much a method is ahead of another, and the standard error of that.

    The differences are paired, over the trials that both ran in; positive is for `ours`.
    """
    table = compare_predictors(trials, rival, score).set_index("predictor")
    return table.loc[ours, "mean_difference"], table.loc[ours, "standard_error"]


def spread(values: Any) -> str:
    """Write mean and standard deviation."""
    values = pd.Series(values, dtype=float)
    return f"{values.mean():.3f} ± {values.std():.3f}"


def difference(mean: float, error: float) -> str:
    """Write a paired difference, its standard error, and the first in units of the second."""
    units = f" ({mean / error:+.1f})" if error > 0 else ""
    return f"{mean:+.4f} ± {error:.4f}{units}"
