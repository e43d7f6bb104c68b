"""The results of an evaluation: a tidy table, means, and paired tests."""

from __future__ import annotations

import csv
import html
import math
import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from ..utils._files import replacing
from ..utils._optional_imports import import_optional
from ..utils._texts import one_line
from ._comparison import Comparison, compare_pairs
from ._journal import key_of, read_contents
from ._trial import Row

# Each metric with its heading, and whether more is better.
METRICS = {
    "mean_absolute_error": ("MAE", False),
    "root_mean_squared_error": ("RMSE", False),
    "pearson_r": ("Pearson", True),
    "spearman_rho": ("Spearman", True),
    "kendall_tau": ("Kendall", True),
    "precision_at_10": ("Precision at 10", True),
    "fit_seconds": ("Fit (s)", False),
    "query_milliseconds": ("Query of 1,000 (ms)", False),
}
_COLUMNS = ["predictor", "train_size", "trial", *METRICS, "error"]


class Evaluation:
    """Results of predictors in repeated trials: what `evaluate_predictors` returns.

    Metrics are `mean_absolute_error` and `root_mean_squared_error`, in the unit of y,
    `pearson_r`, `spearman_rho`, `kendall_tau` and `precision_at_10`, `fit_seconds`, and
    `query_milliseconds`, the time to predict 1,000 architectures.

    Parameters
    ----------
    rows : iterable of dict
        One row for each predictor, train size and trial, with the keys `predictor`, `train_size`,
        `trial`, those of the metrics, and `error`: the text of the exception if there was one, in
        which case the metrics are NaN.

    Attributes
    ----------
    rows : list of dict
        The rows.

    Raises
    ------
    ValueError
        If a row has not these keys, or there are two for one predictor, train size and trial.

    See Also
    --------
    evaluate_predictors : Runs the trials.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.datasets import make_regression
    >>> from emprox.model_selection import evaluate_predictors
    >>> X, y = make_regression(n_samples=100, n_features=5, noise=20, random_state=0)
    >>> evaluation = evaluate_predictors(
    ...     {"linear": LinearRegression(), "mean": DummyRegressor()},
    ...     X,
    ...     y,
    ...     train_sizes=(10, 50),
    ...     n_trials=3,
    ...     test_size=50,
    ... )
    >>> evaluation
    <Evaluation: 2 predictors, train sizes 10 and 50, 3 trials, 0 failures>
    >>> sorted(evaluation.values("kendall_tau", "linear", train_size=50))
    [0, 1, 2]
    >>> (comparison,) = evaluation.compare("mean", "mean_absolute_error", train_size=50)
    >>> comparison.predictor, comparison.mean_difference > 0
    ('linear', True)
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)
        seen = set()
        for number, row in enumerate(self.rows):
            missing = [name for name in _COLUMNS if name not in row]
            if missing:
                raise ValueError(f"row {number} of the evaluation lacks {', '.join(missing)}")
            if key_of(row) in seen:
                raise ValueError(
                    f"the evaluation has two rows of {row['predictor']!r} for train size"
                    f" {row['train_size']} in trial {row['trial']}"
                )
            seen.add(key_of(row))

    @classmethod
    def from_file(cls, results_file: str | os.PathLike[str]) -> Evaluation:
        """Read what is finished from a results file, also while it is being written.

        Parameters
        ----------
        results_file : str or path-like
            The file that `evaluate_predictors` was given.

        Returns
        -------
        Evaluation
            All rows of the file, by predictor in the order in which they were added, train size
            and trial.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is not a results file, or a line in it is damaged.
        """
        path = Path(results_file)
        contents = read_contents(path, path.read_bytes())
        order = {name: position for position, name in enumerate(contents.estimators)}
        keys = sorted(contents.rows, key=lambda key: (order[key[0]], *key[1:]))
        return cls(contents.rows[key] for key in keys)

    def __repr__(self) -> str:
        sizes = " and ".join(map(str, self.train_sizes))
        n_trials = len({row["trial"] for row in self.rows})
        return (
            f"<Evaluation: {len(self.predictors)} predictors, train sizes {sizes or 'none'},"
            f" {n_trials} trials, {len(self.failures)} failures>"
        )

    def _repr_html_(self) -> str:
        cells, notes = self._table(None, None, None)
        head, *body = cells
        lines = ["<table>", _html_row("th", head), *(_html_row("td", row) for row in body)]
        return "\n".join([*lines, "</table>", *(f"<p>{html.escape(note)}</p>" for note in notes)])

    @property
    def predictors(self) -> list[str]:
        """Names of the predictors.

        Returns
        -------
        list of str
            In the order of the rows.
        """
        return list(dict.fromkeys(row["predictor"] for row in self.rows))

    @property
    def train_sizes(self) -> list[int]:
        """Numbers of known architectures.

        Returns
        -------
        list of int
            In ascending order.
        """
        return sorted({row["train_size"] for row in self.rows})

    @property
    def failures(self) -> list[Row]:
        """Rows of tasks in which something was raised.

        Returns
        -------
        list of dict
            The rows; ``error`` says what.
        """
        return [row for row in self.rows if row["error"]]

    def values(
        self, metric: str, predictor: str, train_size: int | None = None
    ) -> dict[int, float]:
        """Return one metric of one predictor in each trial.

        Parameters
        ----------
        metric : str
            Name of the metric.
        predictor : str
            Name of the predictor.
        train_size : int, default=None
            Number of known architectures; can be left out if there is only one.

        Returns
        -------
        dict of int to float
            The value by trial, without trials that failed.

        Raises
        ------
        ValueError
            If there is no such metric, predictor or train size.
        """
        _check_known("metric", metric, METRICS)
        _check_known("predictor", predictor, self.predictors)
        size = self._check_train_size(train_size)
        return {
            row["trial"]: row[metric]
            for row in self.rows
            if (row["predictor"], row["train_size"]) == (predictor, size) and not row["error"]
        }

    def mean(self, metric: str, predictor: str, train_size: int | None = None) -> float:
        """Return the mean of a metric over the trials.

        Parameters
        ----------
        metric : str
            Name of the metric.
        predictor : str
            Name of the predictor.
        train_size : int, default=None
            Number of known architectures; can be left out if there is only one.

        Returns
        -------
        float
            The mean without trials that failed, NaN if there are no others.
        """
        return _mean_and_std(self.values(metric, predictor, train_size))[0]

    def std(self, metric: str, predictor: str, train_size: int | None = None) -> float:
        """Return the standard deviation of a metric over the trials.

        Parameters
        ----------
        metric : str
            Name of the metric.
        predictor : str
            Name of the predictor.
        train_size : int, default=None
            Number of known architectures; can be left out if there is only one.

        Returns
        -------
        float
            The standard deviation, of the sample: NaN for fewer than two trials.
        """
        return _mean_and_std(self.values(metric, predictor, train_size))[1]

    def summary(
        self, metrics: Sequence[str] | None = None, train_size: int | None = None
    ) -> list[Row]:
        """Summarise the trials of each predictor and train size.

        Parameters
        ----------
        metrics : sequence of str, default=None
            Names of metrics; None takes all.
        train_size : int, default=None
            Number of known architectures; None takes all.

        Returns
        -------
        list of dict
            For each predictor and train size a dict with the keys `predictor`, `train_size`,
            `n_trials` (without those that failed), `n_failures`, and for each metric its mean and
            standard deviation over the trials, as ``kendall_tau_mean`` and ``kendall_tau_std``.

        Raises
        ------
        ValueError
            If there is no such metric or train size.
        """
        metrics = self._check_metrics(metrics)
        sizes = self.train_sizes if train_size is None else [self._check_train_size(train_size)]
        summary = []
        for size in sizes:
            for predictor in self.predictors:
                rows = [
                    row
                    for row in self.rows
                    if (row["predictor"], row["train_size"]) == (predictor, size)
                ]
                if not rows:
                    continue
                n_failures = sum(bool(row["error"]) for row in rows)
                entry: Row = {
                    "predictor": predictor,
                    "train_size": size,
                    "n_trials": len(rows) - n_failures,
                    "n_failures": n_failures,
                }
                for metric in metrics:
                    mean, std = _mean_and_std(self.values(metric, predictor, size))
                    entry |= {f"{metric}_mean": mean, f"{metric}_std": std}
                summary.append(entry)
        return summary

    def compare(
        self, reference: str, metric: str = "kendall_tau", train_size: int | None = None
    ) -> list[Comparison]:
        """Compare all predictors with one of them, trial by trial.

        Parameters
        ----------
        reference : str
            Name of the predictor that the others are compared with.
        metric : str, default="kendall_tau"
            Name of the metric.
        train_size : int, default=None
            Number of known architectures; can be left out if there is only one.

        Returns
        -------
        list of Comparison
            Paired differences and tests for each other predictor, over the trials that succeeded
            for both. Positive differences are in favour of the predictor, whether more or less
            of the metric is better. What the tests assume stands at `Comparison`.

        Raises
        ------
        ValueError
            If there is no such predictor, metric or train size.
        """
        size = self._check_train_size(train_size)
        base = self.values(metric, reference, size)
        sign = 1 if METRICS[metric][1] else -1
        differences = {}
        for predictor in self.predictors:
            if predictor != reference:
                values = self.values(metric, predictor, size)
                differences[predictor] = [
                    sign * (values[trial] - base[trial]) for trial in values if trial in base
                ]
        return compare_pairs(differences, reference=reference, metric=metric, train_size=size)

    def to_frame(self) -> Any:
        """Return the rows as a data frame.

        Returns
        -------
        pandas.DataFrame
            One row for each predictor, train size and trial.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", extra="data", purpose="Evaluation.to_frame")
        return pandas.DataFrame(self.rows, columns=_COLUMNS)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the rows to a CSV file, which is never half written.

        Parameters
        ----------
        path : str or path-like
            The file. One that is there is replaced in one step once all is written; a pipe or a
            device is written to.

        Raises
        ------
        OSError
            If it cannot be written. What was there before is left as it was.
        """
        with (
            replacing(Path(path)) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as stream,
        ):
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(_COLUMNS)
            for row in self.rows:
                writer.writerow(["" if row[name] != row[name] else row[name] for name in _COLUMNS])

    def to_markdown(
        self,
        metrics: Sequence[str] | None = None,
        train_size: int | None = None,
        reference: str | None = None,
    ) -> str:
        """Write a table of means and standard deviations over the trials in Markdown.

        Parameters
        ----------
        metrics : sequence of str, default=None
            Names of the metrics that get a column; None takes all.
        train_size : int, default=None
            Number of known architectures; None takes all.
        reference : str, default=None
            Name of a predictor that the others are compared with in one more column, by the
            first of the metrics: the mean of the paired differences, positive if the predictor is
            better, its standard error, and the p-value of a paired t-test after Holm's
            correction.

        Returns
        -------
        str
            The table, the best mean of each column in bold type. Trials that failed are counted
            below it.

        Raises
        ------
        ValueError
            If there is no such metric, train size or predictor.
        """
        cells, notes = self._table(metrics, train_size, reference)
        head, *body = [[one_line(cell).replace("|", "\\|") for cell in row] for row in cells]
        rule = ["---"] * len(head)
        lines = [f"| {' | '.join(row)} |" for row in [head, rule, *body]]
        return "\n".join([*lines, *(f"\n{note}" for note in notes)])

    def _table(
        self, metrics: Sequence[str] | None, train_size: int | None, reference: str | None
    ) -> tuple[list[list[str]], list[str]]:
        """Return the cells of the table, the best in double asterisks, and notes below it."""
        metrics = self._check_metrics(metrics)
        summary = self.summary(metrics, train_size)
        several_sizes = len({entry["train_size"] for entry in summary}) > 1
        several_trials = len({entry["n_trials"] for entry in summary}) > 1
        head = ["Predictor", *["Known"] * several_sizes, *["Trials"] * several_trials]
        columns = [[entry["predictor"] for entry in summary]]
        columns += [[str(entry["train_size"]) for entry in summary]] * several_sizes
        columns += [[str(entry["n_trials"]) for entry in summary]] * several_trials
        for metric in metrics:
            head.append(METRICS[metric][0])
            columns.append(_metric_column(metric, summary))
        if reference is not None:
            _check_known("predictor", reference, self.predictors)
            head.append(f"{METRICS[metrics[0]][0]} better than {reference} by")
            columns.append(self._reference_column(metrics[0], summary, reference))
        notes = [
            f"{entry['n_failures']} of {entry['n_trials'] + entry['n_failures']} trials of"
            f" {entry['predictor']} with {entry['train_size']} known architectures failed and are"
            " left out."
            for entry in summary
            if entry["n_failures"]
        ]
        return [head, *map(list, zip(*columns, strict=True))], notes

    def _reference_column(self, metric: str, summary: list[Row], reference: str) -> list[str]:
        comparisons = {
            (size, comparison.predictor): comparison
            for size in {entry["train_size"] for entry in summary}
            for comparison in self.compare(reference, metric, size)
        }
        column = []
        for entry in summary:
            found = comparisons.get((entry["train_size"], entry["predictor"]))
            if found is None:
                column.append("")
                continue
            n_decimals = max(_n_decimals(found.standard_error) - 1, 0)
            column.append(
                f"{found.mean_difference:+.{n_decimals}f} ± {found.standard_error:.{n_decimals}f}"
                f" (p = {found.adjusted_p_value:.2g})"
            )
        return column

    def _check_train_size(self, train_size: int | None) -> int:
        sizes = self.train_sizes
        if train_size is None and len(sizes) == 1:
            return sizes[0]
        if train_size not in sizes:
            raise ValueError(f"train_size has to be one of {sizes}, got {train_size!r}")
        return int(train_size)

    def _check_metrics(self, metrics: Sequence[str] | None) -> list[str]:
        if metrics is None:
            return list(METRICS)
        if isinstance(metrics, str) or not metrics:
            raise ValueError(f"metrics has to be a list of names of metrics, got {metrics!r}")
        for metric in metrics:
            _check_known("metric", metric, METRICS)
        return list(metrics)


def _check_known(what: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        close = get_close_matches(str(name), names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"there is no {what} {name!r}, only {', '.join(map(repr, names))}.{hint}")


def _mean_and_std(values: dict[int, float]) -> tuple[float, float]:
    numbers = list(values.values())
    mean = float(np.mean(numbers)) if numbers else math.nan
    return mean, float(np.std(numbers, ddof=1)) if len(numbers) > 1 else math.nan


def _metric_column(metric: str, summary: list[Row]) -> list[str]:
    """Write the means and standard deviations of one metric, the best of each size in bold."""
    means = [entry[f"{metric}_mean"] for entry in summary]
    sizes = [entry["train_size"] for entry in summary]
    column = []
    for entry, mean, size in zip(summary, means, sizes, strict=True):
        rivals = [
            other
            for other, its_size in zip(means, sizes, strict=True)
            if its_size == size and not math.isnan(other)
        ]
        if math.isnan(mean):
            column.append("")
            continue
        n_decimals = _n_decimals(mean)
        if not metric.startswith(("fit", "query")):
            # Times range over orders of magnitude; other columns are easier to read in line.
            n_decimals = max(2, _n_decimals(max(map(abs, rivals))))
        text = f"{mean:.{n_decimals}f}"
        std = entry[f"{metric}_std"]
        if not math.isnan(std):
            text += f" ± {std:.{n_decimals}f}"
        best = max(rivals) if METRICS[metric][1] else min(rivals)
        column.append(f"**{text}**" if mean == best and len(rivals) > 1 else text)
    return column


def _n_decimals(number: float) -> int:
    """Return how many decimals show three digits of a number."""
    if number == 0 or not math.isfinite(number):
        return 2
    return min(max(2 - math.floor(math.log10(abs(number))), 0), 9)


def _html_row(tag: str, cells: list[str]) -> str:
    parts = []
    for cell in cells:
        text = html.escape(cell)
        if cell.startswith("**") and cell.endswith("**"):
            text = f"<b>{text[2:-2]}</b>"
        parts.append(f"<{tag}>{text}</{tag}>")
    return f"<tr>{''.join(parts)}</tr>"
