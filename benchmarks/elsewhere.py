"""Every recipe against the rivals on other search spaces and tasks, and with few known cells.

- TransNAS-Bench-101, cell level, seven tasks: of each class of isomorphic cells only the one that
  comes first in the file, 1,376 in all; 121 are known, all others predicted.
- NAS-Bench-Graph, nine data sets: 121 known, 1,000 predicted. The target is the test performance.
- DARTS, three tasks, 199 networks: 121 known, 78 predicted.
- NAS-Bench-101, the 500 cells of NASLib's file: of each class of isomorphic cells the one that
  comes first, 292 in all; 121 known, 171 predicted.
- NAS-Bench-201, CIFAR-10: 20 and 50 known, and the 1,000 that `best` predicts.

Nothing was chosen here: recipes and rivals have the settings that were chosen on the trials 100 to
115 of NAS-Bench-201; see `_rivals`. The one exception is the recipe "lstm", for whose pretraining
accuracies of some of these spaces were looked at; see `pretrained`. No method knows an anchor.
XGBoost and extra trees see one-hot decisions of canonical forms, GRAF's columns of canonical forms,
and our own properties.

Differences are paired over the trials, with their standard error and their mean in units of it;
positive is for us. Trials share architectures, the more the fewer there are, so that the standard
errors for DARTS and NAS-Bench-101 are too small.

Needs: pip install "emprox[rivals]", and a folder with the files, or with the folders
transnasbench101, darts, nasbench101 and nasbench201 that hold them. What is missing is downloaded.
Run: OMP_NUM_THREADS=1 python benchmarks/elsewhere.py [--data-home FOLDER] [--group NAME ...]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
from _ours import OURS, SLOW
from _protocol import ERROR, KENDALL, Method, Problem, ahead, difference, run, spread
from _rivals import GRAF, ONE_HOT, PROPERTIES
from rich.console import Console
from rich.table import Table

from emprox.datasets import (
    fetch_nasbench101,
    fetch_nasbench201,
    fetch_nasbench301,
    fetch_transnasbench101,
    load_nasbench_graph,
)
from emprox.model_selection import isomorphism_groups

TASKS = (
    *("class_scene", "class_object", "room_layout", "jigsaw"),
    *("segmentsemantic", "normal", "autoencoder"),
)
GRAPHS = (
    *("cora", "citeseer", "pubmed", "cs", "physics"),
    *("photo", "computers", "arxiv", "proteins"),
)
DARTS_TASKS = ("svhn", "ninapro", "scifar100")

METHODS: dict[str, Method] = {name: make for name, make in OURS.items() if name not in SLOW}
# Those whose lead is shown.
LEADERS = {"best": 'recipe="best"', "kriging": 'recipe="best", kriging'}
RIVALS: dict[str, Method] = {
    name: make
    for name, make in {**ONE_HOT, **GRAF, **PROPERTIES}.items()
    if name.startswith(("kNN,", "extra trees,", "XGBoost,")) and "as written" not in name
}


def folder(data_home: Path | None, name: str) -> Path | None:
    """Return the folder of a benchmark in the data home, if it has one of its own."""
    if data_home is not None and (data_home / name).is_dir():
        return data_home / name
    return data_home


def transnasbench101(data_home: Path | None) -> Iterator[Problem]:
    """Yield the seven tasks."""
    X, targets = fetch_transnasbench101(
        list(TASKS),
        cells="all",
        data_home=folder(data_home, "transnasbench101"),
        return_X_y=True,
    )
    first = one_of_each_class(X, "transnasbench101_micro")
    for task, y in zip(TASKS, targets[first].T, strict=True):
        yield Problem(task, "transnasbench101_micro", X[first], y, n_candidates=None)


def nasbench_graph(data_home: Path | None) -> Iterator[Problem]:
    """Yield the nine data sets."""
    for dataset in GRAPHS:
        X, y = load_nasbench_graph(dataset, return_X_y=True)
        yield Problem(dataset, "nasbench_graph", X, y)


def darts(data_home: Path | None) -> Iterator[Problem]:
    """Yield the three tasks."""
    X, targets = fetch_nasbench301(
        list(DARTS_TASKS), data_home=folder(data_home, "darts"), return_X_y=True
    )
    for task, y in zip(DARTS_TASKS, targets.T, strict=True):
        yield Problem(f"DARTS, {task}", "darts", X, y, n_candidates=None)


def nasbench101(data_home: Path | None) -> Iterator[Problem]:
    """Yield NASLib's cells."""
    X, y = fetch_nasbench101("naslib", data_home=folder(data_home, "nasbench101"), return_X_y=True)
    first = one_of_each_class(X, "nasbench101")
    yield Problem("NAS-Bench-101", "nasbench101", X[first], y[first], n_candidates=None)


def few_known(data_home: Path | None) -> Iterator[Problem]:
    """Yield NAS-Bench-201 with 20 and 50 known cells."""
    X, y = fetch_nasbench201(
        "cifar10", "validation", data_home=folder(data_home, "nasbench201"), return_X_y=True
    )
    for n_used in (20, 50):
        yield Problem(f"NAS-Bench-201, {n_used} known", "nasbench201", X, y, n_used=n_used)


def one_of_each_class(X: np.ndarray, space: str) -> np.ndarray:
    """Return the positions of the first architecture of each class of isomorphic ones."""
    return np.sort(np.unique(isomorphism_groups(X, space), return_index=True)[1])


GROUPS: dict[str, Callable[[Path | None], Iterator[Problem]]] = {
    "transnasbench101": transnasbench101,
    "nasbench_graph": nasbench_graph,
    "darts": darts,
    "nasbench101": nasbench101,
    "few_known": few_known,
}


def accuracy_table(title: str) -> Table:
    """Return the table that `add_rows` fills."""
    table = Table(title=title)
    for heading in ("problem", "method"):
        table.add_column(heading)
    for metric in ("Kendall", "MAE"):
        for heading in (metric, *(f"{metric}: {name} ahead by" for name in LEADERS)):
            table.add_column(heading, justify="right")
    table.add_column("fit (s)", justify="right")
    return table


def add_rows(table: Table, trials: pd.DataFrame, problem: Problem) -> None:
    """Add a row for each method."""
    for name, rows in trials.groupby("predictor", sort=False):
        cells = []
        for score in (KENDALL, ERROR):
            cells.append(spread(rows[score]))
            for leader in LEADERS.values():
                lead = ahead(trials, leader, name, score) if name in RIVALS else None
                cells.append(difference(*lead) if lead else "")
        table.add_row(problem.name, name, *cells, f"{rows['fit_time'].median():.3f}")
    table.add_section()


def summary_table(results: list[pd.DataFrame]) -> Table:
    """Return the table that counts where we are ahead, given the trials of each problem."""
    table = Table(title="Problems where we are ahead / within a standard error / behind")
    table.add_column("method")
    table.add_column("rival")
    for heading in ("Kendall", "MAE"):
        table.add_column(heading, justify="right")
    for leader in LEADERS.values():
        for rival in RIVALS:
            cells = []
            for score in (KENDALL, ERROR):
                leads = [ahead(trials, leader, rival, score) for trials in results]
                n_ahead = sum(mean > 0 for mean, _ in leads)
                close = sum(-error <= mean <= 0 for mean, error in leads)
                cells.append(f"{n_ahead} / {close} / {len(leads) - n_ahead - close}")
            table.add_row(leader, rival, *cells)
        table.add_section()
    return table


@click.command()
@click.option("--data-home", type=click.Path(path_type=Path), help="Where the data lies.")
@click.option(
    "--group", "groups", multiple=True, type=click.Choice(list(GROUPS)), help="May be repeated."
)
@click.option("--trials", default=20, show_default=True, help="Number of trials.")
@click.option("--first-trial", default=0, show_default=True, help="Seed of the first trial.")
@click.option("--output", type=click.Path(path_type=Path), help="CSV file, a row for each trial.")
def main(
    data_home: Path | None,
    groups: tuple[str, ...],
    trials: int,
    first_trial: int,
    output: Path | None,
) -> None:
    """Measure all rows and print a table for each group, and one of all."""
    torch.set_num_threads(1)
    console = Console(width=200)
    results = []
    for group in groups or GROUPS:
        table = accuracy_table(f"{group}, {trials} trials: mean ± s.d.; differences ± s.e.")
        for problem in GROUPS[group](data_home):
            drawn = range(first_trial, first_trial + trials)
            results.append(run(problem, {**METHODS, **RIVALS}, drawn))
            add_rows(table, results[-1], problem)
        console.print(table)
    console.print(summary_table(results))
    if output is not None:
        pd.concat(results).to_csv(output, index=False)


if __name__ == "__main__":
    main()
