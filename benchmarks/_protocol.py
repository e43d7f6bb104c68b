"""How methods are compared: the same architectures for all, in turn, and paired differences.

A *method* is a factory: called with a search space and a seed it returns an unfitted model, with
``fit(X, y)`` and ``predict(X)`` on architectures. A *problem* is a set of architectures with a
target. In trial t ``numpy.random.default_rng(t).choice(n, n_known + n_candidates, replace=False)``
are drawn: the first are known, the others predicted. All methods run in turn within each trial, in
one process, so that ratios of times hold on a noisy machine where the times themselves do not.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emprox.metrics import regression_report
from emprox.spaces import SearchSpace

Method = Callable[[str | SearchSpace, int], Any]

# Metrics of a record, each with whether more is better.
METRICS = {"kendall": True, "spearman": True, "mae": False}


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


@dataclass(frozen=True)
class Record:
    """What one method did in one trial: metrics, and times in seconds.

    Parameters
    ----------
    problem, method : str
        Their names.
    trial : int
        The trial.
    kendall, spearman : float
        Rank correlations of the predictions.
    mae : float
        Mean absolute error, in the unit of the target.
    fit_seconds : float
        Time of ``fit``, from texts.
    query_seconds : float
        Time of ``predict``, from texts, for 1,000 architectures.
    """

    problem: str
    method: str
    trial: int
    kendall: float
    spearman: float
    mae: float
    fit_seconds: float
    query_seconds: float


def measure(name: str, make_model: Method, problem: Problem, trial: int) -> Record:
    """Fit and predict once."""
    known, candidates = problem.draw(trial)
    model = make_model(problem.space, trial)
    start = time.perf_counter()
    model.fit(problem.X[known], problem.y[known])
    fitted = time.perf_counter()
    predictions = model.predict(problem.X[candidates])
    predicted = time.perf_counter()
    report = regression_report(problem.y[candidates], predictions)
    return Record(
        problem=problem.name,
        method=name,
        trial=trial,
        kendall=report["kendall_tau"],
        spearman=report["spearman_rho"],
        mae=report["mean_absolute_error"],
        fit_seconds=fitted - start,
        query_seconds=(predicted - fitted) * 1000 / len(candidates),
    )


class Results:
    """The records of a run, by problem and method.

    Attributes
    ----------
    records : list of Record
        All records, in the order in which they were measured.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []

    def run(
        self,
        problem: Problem,
        methods: Mapping[str, Method],
        trials: range,
        n_trials: Mapping[str, int] | None = None,
    ) -> Results:
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
        Results
            The results themselves.
        """
        for number, trial in enumerate(trials):
            for name, make_model in methods.items():
                if n_trials is None or number < n_trials.get(name, len(trials)):
                    self.records.append(measure(name, make_model, problem, trial))
        return self

    def values(self, problem: str, method: str, quantity: str) -> dict[int, float]:
        """Return one quantity of a method on a problem, by trial."""
        return {
            record.trial: getattr(record, quantity)
            for record in self.records
            if record.problem == problem and record.method == method
        }

    def mean(self, problem: str, method: str, quantity: str) -> float:
        """Return the mean of one quantity over the trials."""
        return float(np.mean(list(self.values(problem, method, quantity).values())))

    def best(self, problem: str, methods: Mapping[str, Any], metric: str) -> str:
        """Return the method with the best mean of a metric."""
        sign = 1 if METRICS[metric] else -1
        return max(methods, key=lambda method: sign * self.mean(problem, method, metric))

    def ahead(self, problem: str, ours: str, rival: str, metric: str) -> tuple[float, float]:
        """Return by how much a method is ahead of another, and the standard error of that.

        The differences are paired, over the trials that both ran in; positive is for `ours`.
        """
        left, right = (self.values(problem, method, metric) for method in (ours, rival))
        sign = 1 if METRICS[metric] else -1
        differences = [sign * (left[trial] - right[trial]) for trial in left if trial in right]
        if len(differences) < 2:
            return float(np.mean(differences)), np.nan
        return float(np.mean(differences)), float(
            np.std(differences, ddof=1) / len(differences) ** 0.5
        )

    def ratio(self, problem: str, method: str, reference: str, quantity: str) -> float:
        """Return the median over the trials of a quantity divided by that of another method."""
        left, right = (self.values(problem, name, quantity) for name in (method, reference))
        ratios = [left[trial] / right[trial] for trial in left if trial in right]
        return float(np.median(ratios)) if ratios else np.nan

    def write_csv(self, path: Path) -> None:
        """Write one row for each trial and method."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(Record.__dataclass_fields__))
            writer.writeheader()
            writer.writerows(asdict(record) for record in self.records)


def spread(values: Mapping[int, float]) -> str:
    """Write mean and standard deviation."""
    numbers = list(values.values())
    deviation = np.std(numbers, ddof=1) if len(numbers) > 1 else np.nan
    return f"{np.mean(numbers):.3f} ± {deviation:.3f}"


def difference(mean: float, error: float) -> str:
    """Write a paired difference, its standard error, and the first in units of the second."""
    units = f" ({mean / error:+.1f})" if error > 0 else ""
    return f"{mean:+.4f} ± {error:.4f}{units}"
