"""Accuracy and speed of the recipes, beside a plain PyTorch loop of the paper's method.

Known and predicted cells are those of ``numpy.random.default_rng(trial).choice(15625, 1121,
replace=False)``: the first 121 are known, the other 1,000 are predicted. The target is the
CIFAR-10 validation accuracy of NAS-Bench-201 that `emprox.datasets.fetch_nasbench201` fetches.
Trials 0 to 19 are reported; everything that could be chosen was chosen on trials 100 to 115.

All rows are measured in turn within each trial, in one process on one thread, so that ratios of
times hold on a noisy machine where the times themselves do not.

Run: OMP_NUM_THREADS=1 python benchmarks/recipes.py [--data-home FOLDER] [--trials 20]
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np
import torch
from plain_loop import PlainLoop
from rich.console import Console
from rich.table import Table

from emprox import make_emprox_pipeline
from emprox.datasets import fetch_nasbench201, load_nasbench201
from emprox.metrics import kendall_tau, regression_report
from emprox.spaces import get_space

N_KNOWN, N_CANDIDATES = 121, 1000
METRICS = {
    "kendall_tau": "Kendall",
    "spearman_rho": "Spearman",
    "mean_absolute_error": "MAE",
}


def measure(model, X, y, known, candidates):
    """Fit and predict once; return the metrics, and fit and query time in seconds."""
    start = time.perf_counter()
    model.fit(X[known], y[known])
    fitted = time.perf_counter()
    predictions = model.predict(X[candidates])
    predicted = time.perf_counter()
    report = regression_report(y[candidates], predictions)
    return {**report, "fit": fitted - start, "query": predicted - fitted}


def another_training(X, y):
    """Return Kendall's tau between two independent trainings of all cells."""
    cells, accuracies = load_nasbench201(return_X_y=True)
    by_cell = dict(zip(cells, accuracies, strict=True))
    return kendall_tau(y, [by_cell[cell] for cell in X])


@click.command()
@click.option("--data-home", type=click.Path(path_type=Path), help="Where the data lies.")
@click.option("--trials", default=20, show_default=True, help="Number of trials.")
@click.option("--first-trial", default=0, show_default=True, help="Seed of the first trial.")
def main(data_home: Path | None, trials: int, first_trial: int) -> None:
    """Measure all rows and print a table."""
    X, y = fetch_nasbench201("cifar10", "validation", data_home=data_home, return_X_y=True)
    torch.set_num_threads(1)
    get_space("nasbench201").canonical(X[0])  # the table of canonical forms is made once
    rows = {
        "plain PyTorch loop (paper)": lambda seed: PlainLoop(seed),
        'recipe="paper"': lambda seed: make_emprox_pipeline(recipe="paper", random_state=seed),
        'recipe="lstm"': lambda seed: make_emprox_pipeline(recipe="lstm", random_state=seed),
        'recipe="lstm", untrained': lambda seed: make_emprox_pipeline(
            recipe="lstm", random_state=seed
        ).set_params(embedder__max_epochs=0),
    }
    results = {name: [] for name in rows}
    for trial in range(first_trial, first_trial + trials):
        drawn = np.random.default_rng(trial).choice(len(X), N_KNOWN + N_CANDIDATES, replace=False)
        for name, make_model in rows.items():
            results[name].append(measure(make_model(trial), X, y, drawn[:N_KNOWN], drawn[N_KNOWN:]))

    table = Table(title=f"{N_KNOWN} known, {N_CANDIDATES} predicted, {trials} trials: mean ± s.d.")
    table.add_column("method")
    for heading in (*METRICS.values(), "fit (s)", "fit / loop", "query (ms)"):
        table.add_column(heading, justify="right")
    loop_times = np.array([trial["fit"] for trial in results["plain PyTorch loop (paper)"]])
    for name, row in results.items():
        cells = []
        for metric in METRICS:
            values = np.array([trial[metric] for trial in row])
            cells.append(f"{values.mean():.3f} ± {values.std(ddof=1):.3f}")
        times = np.array([trial["fit"] for trial in row])
        ratio = np.median(times / loop_times)
        query = 1000 * np.median([trial["query"] for trial in row])
        table.add_row(name, *cells, f"{np.median(times):.2f}", f"{ratio:.3f}", f"{query:.0f}")
    console = Console(width=120)
    console.print(table)
    console.print("Times and their ratios are medians over the trials.")
    console.print(
        "Ceiling, another training of the same cells (load_nasbench201) as the prediction:"
        f" Kendall {another_training(X, y):.3f}"
    )

    torch.set_num_threads(2)
    for recipe in ("paper", "lstm"):
        model = make_emprox_pipeline(recipe=recipe, random_state=0)
        drawn = np.random.default_rng(first_trial).choice(len(X), N_KNOWN, replace=False)
        model.fit(X[drawn], y[drawn])
        times = []
        for _ in range(5):
            start = time.perf_counter()
            model.predict(X)
            times.append(time.perf_counter() - start)
        console.print(
            f"All {len(X):,} cells predicted by recipe={recipe!r} on two threads: median"
            f" {np.median(times):.2f} s of 5 (largest {max(times):.2f} s)"
        )


if __name__ == "__main__":
    main()
