"""Every recipe against every rival on NAS-Bench-201: accuracy, speed, and the lead in each trial.

The target is the CIFAR-10 validation accuracy that `emprox.datasets.fetch_nasbench201` fetches.
121 cells are known and 1,000 predicted, as `_protocol` says. Trials 0 to 19 are reported;
everything that could be chosen was chosen on trials 100 to 115, for the rivals as `_rivals` says.

The first row is the paper's method as a plain PyTorch loop. Rows marked "+ anchor" also know that
a cell without any path from its input to its output has an accuracy of 10 %, that of chance.

The second table has the paired differences, trial by trial, of our rows to the best rivals: by the
mean of Kendall's tau and by that of the mean absolute error, over all columns that a rival may see,
also ours. "With our target" is the best if those count as well that have the target transform of
the recipe "best".

A fit is from texts. What is worked out once in a process (the table of canonical forms, the means
of the properties over the space) is part of the first fit that needs it, so of no median; the CSV
file has it.

Needs: pip install "emprox[rivals]"
Run: OMP_NUM_THREADS=1 python benchmarks/best.py [--data-home FOLDER] [--output results.csv]
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
from _ours import OURS, SLOW, anchored
from _protocol import ERROR, KENDALL, SCORES, Method, Problem, ahead, difference, run, spread
from _rivals import BORROWED, GRAF, LOG_ERROR, ONE_HOT, PROPERTIES, with_anchor
from plain_loop import PlainLoop
from rich.console import Console
from rich.table import Table

from emprox.datasets import fetch_nasbench201, load_nasbench201
from emprox.metrics import kendall_tau

LOOP = "plain PyTorch loop (paper)"
CHANCE = 10.0


def with_anchors(methods: Mapping[str, Method]) -> dict[str, Method]:
    """Return the methods, each followed by itself with the anchor."""
    rows = {}
    for name, method in methods.items():
        rows |= {name: method, f"{name} + anchor": with_anchor(method, CHANCE)}
    return rows


ROWS: dict[str, Method] = {**OURS, **anchored(CHANCE)}
RIVALS = {**ONE_HOT, **with_anchors({**GRAF, **PROPERTIES, **LOG_ERROR})}
BORROWERS = with_anchors(BORROWED)


def another_training(X: np.ndarray, y: np.ndarray) -> float:
    """Return Kendall's tau between two independent trainings of all cells."""
    cells, accuracies = load_nasbench201(return_X_y=True)
    by_cell = dict(zip(cells, accuracies, strict=True))
    return kendall_tau(y, [by_cell[cell] for cell in X])


def accuracy_table(title: str, trials: pd.DataFrame) -> Table:
    """Return the table of all methods."""
    table = Table(title=f"{title}: mean ± s.d. over the trials")
    table.add_column("method")
    for heading in ("Kendall", "Spearman", "MAE", "fit (s)", "fit / loop", "query (ms)", "trials"):
        table.add_column(heading, justify="right")
    fit = trials.pivot(index="split", columns="predictor", values="fit_time")
    for name, rows in trials.groupby("predictor", sort=False):
        ratio = (fit[name] / fit[LOOP]).median() if LOOP in fit else np.nan
        table.add_row(
            name,
            *(spread(rows[score]) for score in SCORES),
            f"{fit[name].median():.3f}",
            f"{ratio:.4f}",
            f"{1000 * rows['query_time'].median():.0f}",
            str(len(rows)),
        )
    return table


def best_rivals(trials: pd.DataFrame, kinds: Mapping[str, list[str]]) -> dict[str, str]:
    """Return the best rivals of each kind, with what they are the best in."""
    best: dict[str, str] = {}
    means = trials.groupby("predictor")[list(SCORES)].mean()
    for kind, names in kinds.items():
        of_kind = means.loc[names]
        winners = {"Kendall": of_kind[KENDALL].idxmax(), "MAE": of_kind[ERROR].idxmin()}
        for heading, rival in winners.items():
            best[rival] = f"{best[rival]}, {heading}" if rival in best else f"{kind}: {heading}"
    return best


def lead_table(trials: pd.DataFrame, ours: list[str], best: Mapping[str, str]) -> Table:
    """Return the table of paired differences to the best rivals."""
    table = Table(title="Ahead by: mean ± standard error over the trials (mean / standard error)")
    for heading in ("method", "ahead of", "which is the best"):
        table.add_column(heading)
    for heading in ("Kendall", "MAE"):
        table.add_column(heading, justify="right")
    for name in ours:
        for rival, description in best.items():
            leads = (difference(*ahead(trials, name, rival, score)) for score in (KENDALL, ERROR))
            table.add_row(name, rival, description, *leads)
        table.add_section()
    return table


@click.command()
@click.option("--data-home", type=click.Path(path_type=Path), help="Where the data lies.")
@click.option("--trials", default=20, show_default=True, help="Number of trials.")
@click.option("--first-trial", default=0, show_default=True, help="Seed of the first trial.")
@click.option("--known", default=121, show_default=True, help="Number of known cells.")
@click.option(
    "--slow-trials", type=int, help="Trials of the rows that take seconds; by default all."
)
@click.option("--only", help="Only methods whose name has this in it.")
@click.option("--output", type=click.Path(path_type=Path), help="CSV file, a row for each trial.")
def main(
    data_home: Path | None,
    trials: int,
    first_trial: int,
    known: int,
    slow_trials: int | None,
    only: str | None,
    output: Path | None,
) -> None:
    """Measure all rows and print two tables."""
    X, y = fetch_nasbench201("cifar10", "validation", data_home=data_home, return_X_y=True)
    torch.set_num_threads(1)
    # With few known cells, those predicted stay the same.
    name, n_known = f"NAS-Bench-201, CIFAR-10, {known} known", max(known, 121)
    problem = Problem(name, "nasbench201", X, y, n_known, n_used=known)
    methods = {LOOP: lambda space, seed: PlainLoop(seed), **ROWS, **RIVALS, **BORROWERS}
    if only is not None:
        methods = {name: method for name, method in methods.items() if only in name}
    slow = trials if slow_trials is None else slow_trials
    n_trials = dict.fromkeys((LOOP, *SLOW), slow)
    results = run(problem, methods, range(first_trial, first_trial + trials), n_trials)
    measured = list(results["predictor"].unique())
    console = Console(width=170)
    console.print(accuracy_table(problem.name, results))
    console.print("Times and their ratios are medians over the trials; a query is of 1,000 cells.")
    console.print(
        "For comparison, another training of the same cells (load_nasbench201) as the prediction:"
        f" Kendall {another_training(X, y):.3f}"
    )
    ours, rivals, all_rivals = (
        [name for name in measured if name in group]
        for group in (ROWS, RIVALS, {**RIVALS, **BORROWERS})
    )
    if ours and rivals:
        kinds = {"of the rivals": rivals, "with our target": all_rivals}
        console.print(lead_table(results, ours, best_rivals(results, kinds)))
    if output is not None:
        results.to_csv(output, index=False)


if __name__ == "__main__":
    main()
