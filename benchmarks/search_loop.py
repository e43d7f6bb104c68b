"""A search on NAS-Bench-201 that learns from every cell that it evaluates.

It begins with 20 random cells. In each step the model scores 1,000 random cells that were not
evaluated, the best of them is evaluated, which is looking its accuracy up, and `partial_fit` adds
it to the known ones. The target is the CIFAR-10 validation accuracy that
`emprox.datasets.fetch_nasbench201` fetches. Random search evaluates random cells in the same
number.

First a long search, then shorter ones that compare when the embedding is learned anew, all with
the same seeds. Seconds are processor time of the model alone; evaluating a cell in earnest takes
hours.

Run: OMP_NUM_THREADS=1 python benchmarks/search_loop.py [--data-home FOLDER] [--steps 1000]
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from emprox import EmProxRegressor
from emprox.datasets import fetch_nasbench201
from emprox.spaces import get_space

N_FIRST, N_POOL = 20, 1000
BUDGETS = (20, 50, 100, 200, 500, 1000)


def search(decisions, accuracies, seed, n_steps, weights, refit):
    """Search; return the accuracies in the order of evaluation, and the seconds of each step."""
    rng = np.random.default_rng(seed)
    unseen = rng.permutation(len(decisions))
    seen, unseen = list(unseen[:N_FIRST]), set(unseen[N_FIRST:].tolist())
    model = EmProxRegressor(
        space="nasbench201", weights=weights, chance_level=10, random_state=seed
    )
    model.fit(decisions[seen], accuracies[seen])
    seconds = []
    for _ in range(n_steps):
        pool = rng.choice(sorted(unseen), min(N_POOL, len(unseen)), replace=False)
        start = time.process_time()
        chosen = int(pool[model.score_samples(decisions[pool]).argmax()])
        scored = time.process_time()
        model.partial_fit(decisions[[chosen]], accuracies[[chosen]], refit=refit)
        seconds.append((scored - start, time.process_time() - scored))
        seen.append(chosen)
        unseen.remove(chosen)
    return accuracies[seen], np.array(seconds)


def add_row(table, name, runs, budgets, best):
    """Add the mean best accuracy after each budget, and the mean seconds."""
    found = np.array([np.maximum.accumulate(accuracies) for accuracies, _ in runs])
    numbers = [f"{found[:, budget - 1].mean():.2f}" for budget in budgets]
    n_optimal = int((found[:, -1] == best).sum())
    times = np.mean([seconds.sum(axis=0) for _, seconds in runs], axis=0)
    table.add_row(name, *numbers, f"{n_optimal} of {len(runs)}", *(f"{t:.1f}" for t in times))


@click.command()
@click.option("--data-home", type=click.Path(path_type=Path), help="Where the data lies.")
@click.option("--steps", default=1000, show_default=True, help="Steps of the long search.")
@click.option("--seeds", default=3, show_default=True, help="Number of long searches.")
@click.option("--short-steps", default=80, show_default=True, help="Steps of the others.")
@click.option("--short-seeds", default=5, show_default=True, help="Number of the others.")
def main(data_home: Path | None, steps: int, seeds: int, short_steps: int, short_seeds: int):
    """Measure all searches and print two tables."""
    X, y = fetch_nasbench201("cifar10", "validation", data_home=data_home, return_X_y=True)
    decisions, console = get_space("nasbench201").encode(X), Console(width=120)
    console.print(f"The best of all {len(y):,} cells has {y.max():.2f} %.")

    def compare(title, n_steps, n_seeds, settings):
        budgets = [budget for budget in BUDGETS if budget < N_FIRST + n_steps]
        budgets.append(N_FIRST + n_steps)
        table = Table(title=f"{title}: best accuracy (%) after so many evaluations")
        table.add_column("search")
        for heading in (*map(str, budgets), "found the best", "scoring (s)", "partial_fit (s)"):
            table.add_column(heading, justify="right")
        orders = [np.random.default_rng(seed).permutation(len(y)) for seed in range(n_seeds)]
        rows = [(y[order[: budgets[-1]]], np.zeros((1, 2))) for order in orders]
        add_row(table, "random", rows, budgets, y.max())
        for weights, refit in settings:
            runs = [search(decisions, y, seed, n_steps, weights, refit) for seed in range(n_seeds)]
            add_row(table, f"{weights}, refit={refit}", runs, budgets, y.max())
        console.print(table)

    compare(f"{steps:,} steps, mean of {seeds}", steps, seeds, [("kriging", "auto")])
    every = [
        (weights, refit) for weights in ("kriging", "distance") for refit in (True, "auto", False)
    ]
    compare(f"{short_steps} steps, mean of {short_seeds}", short_steps, short_seeds, every)


if __name__ == "__main__":
    main()
