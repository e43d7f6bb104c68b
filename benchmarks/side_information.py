"""What accuracies on other tasks of the same space are worth: with and without, in pairs.

On each data set, every task is the target once, and the other tasks are side information:
TransNAS-Bench-101 micro, one cell for each class of cells that compute the same function (1,376
cells, seven tasks, each the mean over the class), and NAS-Bench-Graph, the architectures that all
nine data sets share (2,021). Known and predicted architectures are those of
``numpy.random.default_rng(trial).choice(n, 1121, replace=False)``: the first 121 (or 20 of them)
are known, the last 1,000 predicted. Of the target nothing else is used. Trials 0 to 19 are
reported; everything that could be chosen was chosen on trials 100 to 115 of the targets
class_scene and autoencoder, cora and proteins, and NAS-Bench-201.

Columns of the table, all with Kendall's tau of the predictions, and all but the first as the paired
difference to the first, with its standard error:

- without side information;
- with the other tasks' accuracies of all architectures;
- with those of 200 architectures that are neither known nor predicted;
- with three side tasks that are nothing but noise, for all architectures.

Needs: pip install nas-bench-graph
Run: OMP_NUM_THREADS=1 python benchmarks/side_information.py [--data-home FOLDER] [--trials 20]
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from emprox import EmProxRegressor
from emprox.datasets import fetch_transnasbench101, load_nasbench_graph
from emprox.metrics import kendall_tau
from emprox.spaces import get_space

N_KNOWN, N_CANDIDATES, N_ELSEWHERE = 121, 1000, 200
TRANSNAS_TASKS = (
    *("class_scene", "class_object", "jigsaw", "segmentsemantic"),
    *("normal", "autoencoder", "room_layout"),
)
GRAPH_TASKS = (
    *("cora", "citeseer", "pubmed", "cs", "physics"),
    *("photo", "computers", "arxiv", "proteins"),
)
CONDITIONS = ("without", "other tasks", "of 200 elsewhere", "noise")


def load_transnas(data_home):
    """Return one cell for each class, and the mean accuracies of the class on all tasks."""
    X, y = fetch_transnasbench101(
        list(TRANSNAS_TASKS), cells="all", data_home=data_home, return_X_y=True
    )
    space = get_space("transnasbench101_micro")
    cells, class_of = np.unique(space.canonicalize(space.encode(X)), axis=0, return_inverse=True)
    counts = np.bincount(class_of.ravel())
    means = [np.bincount(class_of.ravel(), weights=column) / counts for column in y.T]
    return cells, np.column_stack(means)


def load_graph():
    """Return the architectures that all data sets share, and their test performance on each."""
    space = get_space("nasbench_graph")
    tables = []
    for dataset in GRAPH_TASKS:
        X, y = load_nasbench_graph(dataset, return_X_y=True)
        tables.append(dict(zip(map(tuple, space.encode(X).tolist()), y, strict=True)))
    shared = sorted(set.intersection(*map(set, tables)))
    return np.array(shared), np.array([[table[row] for table in tables] for row in shared])


def side_of(condition, X, y, target, drawn, trial):
    """Return the side information of one condition, or None."""
    others = np.delete(y, target, axis=1)
    rng = np.random.default_rng(10_000 + trial)
    if condition == "other tasks":
        return X, others
    if condition == "of 200 elsewhere":
        elsewhere = np.setdiff1d(np.arange(len(X)), drawn)
        chosen = rng.choice(elsewhere, min(N_ELSEWHERE, len(elsewhere)), replace=False)
        return X[chosen], others[chosen]
    if condition == "noise":
        return X, rng.normal(size=(len(X), 3))
    return None


@click.command()
@click.option("--data-home", type=click.Path(path_type=Path), help="Where the data lies.")
@click.option("--weights", default="distance", show_default=True, help='Or "kriging".')
@click.option("--known", "sizes", multiple=True, default=(N_KNOWN, 20), help="May be repeated.")
@click.option("--trials", type=click.IntRange(2), default=20, show_default=True)
@click.option("--first-trial", default=0, show_default=True, help="Seed of the first trial.")
def main(
    data_home: Path | None, weights: str, sizes: tuple[int, ...], trials: int, first_trial: int
) -> None:
    """Measure all targets and print a table for each number of known architectures."""
    problems = {
        "transnasbench101_micro": (TRANSNAS_TASKS, *load_transnas(data_home)),
        "nasbench_graph": (GRAPH_TASKS, *load_graph()),
    }
    console = Console(width=150)
    for n_known in sizes:
        table = Table(title=f"{n_known} known, weights={weights!r}, {trials} trials: Kendall's tau")
        for heading in ("space", "target"):
            table.add_column(heading)
        for heading in CONDITIONS:
            table.add_column(heading, justify="right", no_wrap=True)
        seconds = defaultdict(list)
        for space, (tasks, X, y) in problems.items():
            for target, task in enumerate(tasks):
                scores = defaultdict(list)
                for trial in range(first_trial, first_trial + trials):
                    rng = np.random.default_rng(trial)
                    drawn = rng.choice(len(X), N_KNOWN + N_CANDIDATES, replace=False)
                    known, candidates = drawn[:n_known], drawn[N_KNOWN:]
                    for condition in CONDITIONS:
                        side = side_of(condition, X, y, target, drawn, trial)
                        model = EmProxRegressor(space=space, weights=weights, random_state=trial)
                        start = time.perf_counter()
                        model.fit(X[known], y[known, target], side=side)
                        seconds[condition].append(time.perf_counter() - start)
                        predictions = model.predict(X[candidates])
                        scores[condition].append(kendall_tau(y[candidates, target], predictions))
                table.add_row(space, task, *cells_of(scores))
            table.add_section()
        times = [f"{1000 * np.median(seconds[condition]):.0f} ms" for condition in CONDITIONS]
        table.add_row("fit time", "median", *times)
        console.print(table)


def cells_of(scores):
    """Write the mean of the first condition, and the differences of the others to it."""
    first, *others = (np.array(scores[condition]) for condition in CONDITIONS)
    cells = [f"{first.mean():.3f}"]
    for values in others:
        difference = values - first
        error = difference.std(ddof=1) / len(difference) ** 0.5
        cells.append(f"{values.mean():.3f} ({difference.mean():+.4f} ± {error:.4f})")
    return cells


if __name__ == "__main__":
    main()
