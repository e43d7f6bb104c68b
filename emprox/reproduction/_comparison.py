"""Experiments that compare predictors, and how they report."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from ._claims import Claim, claims_table
from ._experiment import Experiment, Run
from ._numbers import (
    ERROR,
    FIT,
    KENDALL,
    METRICS,
    MISSING,
    Metric,
    fit_time_ratio,
    measured,
    paired,
    write_difference,
    write_p_value,
    write_ratio,
    write_spread,
)
from ._paper import PAPER_TRAIN_SIZE, PublishedRow
from ._report import Block, Bullets, Picture, Section, Table, Text

HERE, PAPER = "here", "paper"


class ComparisonExperiment(Experiment):
    """An experiment that compares predictors, next to the paper's numbers.

    Attributes
    ----------
    reference : str
        The predictor that others are compared with.
    published : dict of str to PublishedRow
        The paper's numbers.
    claims : sequence of claim
        The paper's claims.
    pictured : Metric
        The metric that pictures show.
    short : sequence of Metric
        The metrics of the table that comes first.
    """

    reference: ClassVar[str]
    published: ClassVar[Mapping[str, PublishedRow]]
    claims: ClassVar[Sequence[Claim]]
    pictured: ClassVar[Metric] = KENDALL
    short: ClassVar[Sequence[Metric]] = (KENDALL, ERROR, FIT)

    @abstractmethod
    def remarks(self) -> list[str]:
        """Return why numbers differ from the paper's, for all predictors.

        Returns
        -------
        list of str
            The reasons.
        """

    def sections(self, run: Run, plots: bool) -> list[Section]:
        """Write claims, numbers, differences and reasons.

        Parameters
        ----------
        run : Run
            The experiment that was run.
        plots : bool
            Whether to draw pictures.

        Returns
        -------
        list of Section
            The sections of the report.
        """
        sections = [
            Section(
                f"Do the paper's claims hold?{_among_sizes(run, run.main_size)}",
                [claims_table(self.claims, run.evaluation, run.main_size)],
                is_summary=True,
            )
        ]
        for size in run.train_sizes:
            known = _among_sizes(run, size)
            blocks: list[Block] = [self.short_table(run, size)]
            if plots:
                blocks += self._pictures(run, size)
            sections += [
                Section(f"In short{known}", blocks, is_summary=True),
                Section(f"All metrics{known}", [self.full_table(run, size)]),
                Section(
                    f"Compared with {self._title(run, self.reference)}{known}",
                    self._compared(run, size),
                ),
            ]
        if plots and len(run.train_sizes) > 1:
            sections += self._budgets(run)
        remarks = [f"{row.title}: {row.remark}" for row in run.predictors.values() if row.remark]
        sections.append(Section("Why the numbers differ", [Bullets([*self.remarks(), *remarks])]))
        return sections

    def short_table(self, run: Run, train_size: int) -> Table:
        """List the most important metrics, each beside the paper's if that has it.

        Parameters
        ----------
        run : Run
            The experiment that was run.
        train_size : int
            Number of known architectures.

        Returns
        -------
        Table
            A row for each predictor.
        """
        columns = {"method": [row.title for row in run.predictors.values()]}
        for metric in self.short:
            columns[metric.title] = [
                write_spread(run.evaluation, metric, name, train_size) for name in run.predictors
            ]
            published = [self._published(name, metric, train_size) for name in run.predictors]
            if set(published) != {MISSING}:
                columns[f"{metric.title}, paper"] = published
        return Table(list(columns), list(zip(*columns.values(), strict=True)))

    def full_table(self, run: Run, train_size: int) -> Table:
        """List all metrics; below each predictor that the paper has, its numbers.

        Parameters
        ----------
        run : Run
            The experiment that was run.
        train_size : int
            Number of known architectures.

        Returns
        -------
        Table
            One or two rows for each predictor.
        """
        rows, quiet = [], []
        for name, row in run.predictors.items():
            numbers = [write_spread(run.evaluation, metric, name, train_size) for metric in METRICS]
            rows.append([row.title, HERE, *numbers])
            quiet.append(False)
            if self._published_row(name, train_size):
                published = [self._published(name, metric, train_size) for metric in METRICS]
                rows.append(["", PAPER, *published])
                quiet.append(True)
        return Table(
            ["method", "", *(metric.title for metric in METRICS)], rows, n_texts=2, quiet=quiet
        )

    def _published_row(self, name: str, train_size: int) -> PublishedRow:
        return self.published.get(name, {}) if train_size == PAPER_TRAIN_SIZE else {}

    def _published(self, name: str, metric: Metric, train_size: int) -> str:
        number = self._published_row(name, train_size).get(metric.key)
        # The paper gives times of queries for one architecture, with one decimal.
        decimals = 1 if metric.key == "query_milliseconds" else metric.decimals
        return MISSING if number is None else number.format(decimals)

    def _title(self, run: Run, name: str) -> str:
        return self.predictors()[name].title

    def _compared(self, run: Run, train_size: int) -> list[Block]:
        reference = self.reference
        if reference not in run.predictors:
            return [
                Text(
                    f"Left out, because {reference} was not among the predictors of this run"
                    " (option --predictors)."
                )
            ]
        rows = []
        for name, row in run.predictors.items():
            if name == reference:
                continue
            ratio = fit_time_ratio(run.evaluation, name, reference, train_size)
            in_paper = self._published_ratio(name, train_size)
            cells = [row.title, write_ratio(ratio), write_ratio(in_paper)]
            for metric in (KENDALL, ERROR):
                found = paired(run.evaluation, metric, name, reference, train_size)
                cells += [write_difference(found, metric.decimals), write_p_value(found)]
            rows.append(cells)
        columns = [
            "method",
            "fit time, ratio",
            "in the paper",
            "Kendall, better by",
            "p",
            "MAE, better by",
            "p",
        ]
        return [
            Text(
                "Ratios of fit times are medians over the trials, the paper's are those of the"
                " means. Differences are paired over the trials, with their standard errors, and"
                " positive if the method is the better one; p is that of a paired t-test after"
                " Holm's correction for the number of methods."
            ),
            Table(columns, rows),
        ]

    def _published_ratio(self, name: str, train_size: int) -> float:
        times = [
            self._published_row(each, train_size).get(FIT.key) for each in (name, self.reference)
        ]
        if times[0] is None or times[1] is None:
            return math.nan
        return times[0].mean / times[1].mean

    def _pictures(self, run: Run, train_size: int) -> list[Block]:
        import numpy as np

        from ._pictures import Mark, draw_marks, draw_times

        metric = self.pictured
        label = metric.title if metric is not KENDALL else "Kendall's tau"
        here: list[Mark | None] = []
        paper: list[Mark | None] = []
        times_here: dict[str, tuple[float, float]] = {}
        times_paper: dict[str, tuple[float, float]] = {}
        for name, row in run.predictors.items():
            values = list(measured(run.evaluation, metric, name, train_size).values())
            seconds = list(measured(run.evaluation, FIT, name, train_size).values())
            here.append(
                Mark(float(np.mean(values)), float(np.std(values, ddof=min(1, len(values) - 1))))
                if values
                else None
            )
            if values and seconds:
                times_here[row.title] = float(np.median(seconds)), float(np.mean(values))
            published = self._published_row(name, train_size)
            number = published.get(metric.key)
            paper.append(None if number is None else Mark(number.mean, number.std))
            if number is not None and FIT.key in published:
                times_paper[row.title] = published[FIT.key].mean, number.mean
        suffix = f"-{train_size}" if len(run.train_sizes) > 1 else ""
        stem = metric.key.replace("_", "-")
        titles = [row.title for row in run.predictors.values()]
        data = f"{run.data.name}, {train_size:,} known architectures, {len(run.trials)} trials"
        pictures: list[Block] = []
        if any(here):
            pictures.append(
                Picture(
                    f"{stem}{suffix}.png",
                    f"{label} of each predictor beside the paper's. {data}.",
                    draw_marks(titles, here, paper, label=label),
                )
            )
        if times_here:
            pictures.append(
                Picture(
                    f"fit-time{suffix}.png",
                    f"{label} against the time to fit. Up and to the left is better. {data}.",
                    draw_times(times_here, times_paper, label=label),
                )
            )
        return pictures

    def _budgets(self, run: Run) -> list[Section]:
        from ..inspection import BudgetCurveDisplay
        from ..model_selection import Evaluation
        from ._pictures import make_figure, to_png

        if len(run.evaluation.failures) == len(run.evaluation.rows):
            return []
        figure = make_figure(9, 5)
        titled = Evaluation(
            row | {"predictor": run.predictors[row["predictor"]].title}
            for row in run.evaluation.rows
        )
        BudgetCurveDisplay.from_evaluation(titled, self.pictured.key, ax=figure.subplots())
        caption = f"What more known architectures give. {run.data.name}."
        picture = Picture("known-architectures.png", caption, to_png(figure))
        return [Section("Number of known architectures", [picture])]


def _among_sizes(run: Run, train_size: int) -> str:
    """Say in a heading which number of known architectures it is about, if there are several."""
    return f" ({train_size:,} known)" if len(run.train_sizes) > 1 else ""
