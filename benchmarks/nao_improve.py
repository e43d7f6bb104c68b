"""Whether NAO's `improve` raises the true accuracy of random cells, more than chance would.

A `NAORegressor` is fitted to 121 random cells of NAS-Bench-201 with the accuracies that ship with
the package. Then it improves 100 other random cells, in their canonical forms, and the gain is the
difference of the accuracies in the table. A mutation changes as many decisions of the same cell at
random, cell by cell; where `improve` leaves a cell as it is, so does the mutation. How many
different cells `improve` has found says whether it knows more than one good cell.

The intervals of a fit are those of the mean over the cells, from Student's t. The cells of a fit
share what it has learned, so that the last row of each table counts each fit once.

Fits are numbered by their seeds, which also draw the cells. The settings were chosen on seeds 100
and 101.

Run: OMP_NUM_THREADS=1 python benchmarks/nao_improve.py [--fits 5] [--starts 100]
"""

from __future__ import annotations

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import t as student

from emprox.datasets import load_nasbench201
from emprox.predictors import NAORegressor
from emprox.spaces import get_space

N_KNOWN = 121
DESCRIPTION = ("start (%)", "changed (%)", "decisions changed", "different cells found")
SETTINGS = {
    "as in the EmProx paper (35 tokens as written, 50 epochs)": {},
    "6 tokens of canonical forms, 200 epochs": {
        "sequence": "operations",
        "canonicalize": True,
        "max_epochs": 200,
    },
}


class AccuracyTable:
    """The bundled accuracies of all cells, by their decisions."""

    def __init__(self):
        self.space = get_space("nasbench201")
        X, self.y = load_nasbench201(return_X_y=True)
        self.decisions = self.space.encode(X)
        self.rows = np.empty(self.space.size, dtype=int)
        self.rows[self._numbers(self.decisions)] = np.arange(len(X))

    def __getitem__(self, decisions):
        return self.y[self.rows[self._numbers(decisions)]]

    def _numbers(self, decisions):
        return np.ravel_multi_index(tuple(decisions.T), self.space.n_choices)


def compare(table, settings, seed, n_starts):
    """Fit and improve; return what describes the fit, and the gains of both, cell by cell."""
    space, rng = table.space, np.random.default_rng(seed)
    drawn = table.decisions[rng.choice(len(table.y), N_KNOWN + n_starts, replace=False)]
    known, starts = drawn[:N_KNOWN], space.canonicalize(drawn[N_KNOWN:])
    model = NAORegressor(space="nasbench201", random_state=seed, **settings)
    model.fit(known, table[known])
    improved = space.encode(model.improve(starts))
    n_changes = (improved != starts).sum(axis=1)
    mutated = space.encode(
        [
            space.mutate(start[None], int(n), random_state=rng)[0] if n else start
            for start, n in zip(starts, n_changes, strict=True)
        ]
    )
    before = table[starts]
    changed = n_changes > 0
    description = (
        before.mean(),
        100 * changed.mean(),
        n_changes[changed].mean() if changed.any() else 0,
        len(np.unique(improved[changed], axis=0)),
    )
    gains = table[improved] - before, table[mutated] - before
    return description, (*gains, gains[0] - gains[1])


def number(value):
    """Write a number."""
    return f"{value:.1f}"


def interval(values):
    """Write a mean with half the width of its 95 % confidence interval."""
    n = len(values)
    if n < 2:
        return f"{np.mean(values):+.2f}"
    half = student.ppf(0.975, n - 1) * np.std(values, ddof=1) / n**0.5
    return f"{np.mean(values):+.2f} ± {half:.2f}"


@click.command()
@click.option("--fits", default=5, show_default=True, help="Number of fits of each setting.")
@click.option("--first-seed", default=0, show_default=True, help="Seed of the first fit.")
@click.option("--starts", default=100, show_default=True, help="Cells to improve for each fit.")
def main(fits: int, first_seed: int, starts: int):
    """Measure all fits and print a table for each setting."""
    accuracies, console = AccuracyTable(), Console(width=120)
    for name, settings in SETTINGS.items():
        table = Table(title=f"{name}: true gain in percentage points, {starts} cells a fit")
        table.add_column("seed of fit")
        for heading in (*DESCRIPTION, "improve", "mutation", "difference"):
            table.add_column(heading, justify="right")
        descriptions, means = [], []
        for seed in range(first_seed, first_seed + fits):
            description, gains = compare(accuracies, settings, seed, starts)
            table.add_row(str(seed), *map(number, description), *map(interval, gains))
            descriptions.append(description)
            means.append([gain.mean() for gain in gains])
        table.add_section()
        columns = np.mean(descriptions, axis=0), np.transpose(means)
        table.add_row("mean of fits", *map(number, columns[0]), *map(interval, columns[1]))
        console.print(table)


if __name__ == "__main__":
    main()
