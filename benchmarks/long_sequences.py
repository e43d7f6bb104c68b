"""Fit times on DARTS, whose adjacency sequence has 629 tokens: the recipes and the plain loop.

121 random genotypes are known; their accuracies play no part in the time and are random numbers.
All rows run in turn in one process on one thread, so that the ratios hold where the times do not.
The first fit of the recipe "best" in a process also describes the 1,000 random genotypes that
columns are standardised on, and stands in a row of its own.

Run: OMP_NUM_THREADS=1 python benchmarks/long_sequences.py [--repetitions 3]
"""

from __future__ import annotations

import time

import click
import numpy as np
import torch
from plain_loop import PlainLoop
from rich.console import Console
from rich.table import Table

from emprox import make_emprox_pipeline
from emprox.spaces import get_space

N_KNOWN = 121
LOOP = "plain PyTorch loop (paper), 629 tokens"


def seconds(model, X, y):
    """Return how long a fit takes."""
    start = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - start


@click.command()
@click.option("--repetitions", default=3, show_default=True, help="Fits of each row.")
def main(repetitions: int) -> None:
    """Measure all rows and print a table."""
    torch.set_num_threads(1)
    space = get_space("darts")
    X = np.array(space.format(space.sample(N_KNOWN, random_state=0)), dtype=object)
    y = np.random.default_rng(0).normal(94, 1, N_KNOWN)
    times: dict[str, list[float]] = {
        'recipe="best", first fit': [seconds(make_emprox_pipeline("darts", random_state=0), X, y)]
    }
    for seed in range(repetitions):
        models = {
            LOOP: PlainLoop(seed, "darts"),
            'recipe="lstm"': make_emprox_pipeline("darts", "lstm", random_state=seed),
            'recipe="best"': make_emprox_pipeline("darts", random_state=seed),
        }
        for name, model in models.items():
            times.setdefault(name, []).append(seconds(model, X, y))
    table = Table(title=f"DARTS, {N_KNOWN} known: median of {repetitions} fits")
    table.add_column("method")
    table.add_column("fit (s)", justify="right")
    table.add_column("times faster than the loop", justify="right")
    loop = np.median(times[LOOP])
    for name, row in times.items():
        table.add_row(name, f"{np.median(row):.3f}", f"{loop / np.median(row):.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
