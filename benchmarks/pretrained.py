"""What pretraining and what the targets give to the LSTM embedding, space by space.

The chain of tokenizer, embedder and ten neighbours with inverse distances, on canonical forms in
the sequence that each space has for prediction:

- pretrained: the encoder of the package, which has seen architectures of the space, but no
  accuracy; from scratch: one that trains for ten epochs on the known architectures;
- with targets: a `ProximityMetric` learns on what the encoder says of an architecture; without:
  neighbours are looked for in the embedding.

The recipe "lstm" is "pretrained, with targets". The problems are those of `elsewhere`, and
NAS-Bench-201 with the 121 known and 1,000 predicted cells of `best`.

Most settings were chosen on trials 100 to 115 of NAS-Bench-201. Two were chosen with a look at
other problems of this table, on trials 100 to 107: how the architectures of large spaces are drawn
for pretraining (NAS-Bench-101), and what the targets are learned from where there is no pretrained
encoder (TransNAS-Bench-101, NAS-Bench-Graph, NAS-Bench-101 and DARTS). On those problems the rows
that depend on them are no independent evidence.

Run: OMP_NUM_THREADS=1 python benchmarks/pretrained.py [--data-home FOLDER] [--trials 20]
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import click
import torch
from _protocol import KENDALL, Method, Problem, run, spread
from elsewhere import GROUPS, folder
from rich.console import Console
from rich.table import Table
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from emprox import ArchitectureEmbedder, ArchitectureTokenizer, ProximityMetric
from emprox.datasets import fetch_nasbench201
from emprox.spaces import get_space

FROM_SCRATCH = {"max_epochs": 10, "learning_rate": 2e-3, "batch_size": 128}


def chain(pretrained: bool, with_targets: bool) -> Method:
    """Return the chain with the settings of a row."""

    def make(space, seed):
        sequence = get_space(space).proximity_sequence
        start = {"pretrained": space} if pretrained else FROM_SCRATCH
        if with_targets:
            embedder = ArchitectureEmbedder(output="properties", random_state=seed, **start)
            embed = [embedder, ProximityMetric(random_state=seed)]
        else:
            embed = [ArchitectureEmbedder(random_state=seed, **start)]
        return make_pipeline(
            ArchitectureTokenizer(space, sequence=sequence),
            *embed,
            KNeighborsRegressor(10, weights="distance", algorithm="kd_tree"),
        )

    return make


ROWS = {
    "from scratch": chain(pretrained=False, with_targets=False),
    "from scratch, with targets": chain(pretrained=False, with_targets=True),
    "pretrained": chain(pretrained=True, with_targets=False),
    "pretrained, with targets": chain(pretrained=True, with_targets=True),
}


def problems(data_home: Path | None) -> Iterator[Problem]:
    """Yield all problems."""
    home = folder(data_home, "nasbench201")
    X, y = fetch_nasbench201("cifar10", "validation", data_home=home, return_X_y=True)
    yield Problem("NAS-Bench-201, CIFAR-10", "nasbench201", X, y)
    for group in ("transnasbench101", "nasbench101", "nasbench_graph", "darts"):
        yield from GROUPS[group](data_home)


@click.command()
@click.option("--data-home", type=click.Path(path_type=Path), help="Where the data lies.")
@click.option("--trials", default=20, show_default=True, help="Number of trials.")
@click.option("--first-trial", default=0, show_default=True, help="Seed of the first trial.")
def main(data_home: Path | None, trials: int, first_trial: int) -> None:
    """Measure all rows and print a table."""
    torch.set_num_threads(1)
    # From scratch, of NAS-Bench-101: not every rare operation is among 121 cells.
    warnings.filterwarnings("ignore", ".*hold tokens that did not occur in fit")
    table = Table(title=f"Kendall, {trials} trials: mean ± s.d. (median seconds of a fit)")
    table.add_column("problem")
    for name in ROWS:
        table.add_column(name, justify="right")
    for problem in problems(data_home):
        results = run(problem, ROWS, range(first_trial, first_trial + trials))
        cells = [
            f"{spread(rows[KENDALL])} ({rows['fit_time'].median():.2f})"
            for _, rows in results.groupby("predictor", sort=False)
        ]
        table.add_row(problem.name, *cells)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
