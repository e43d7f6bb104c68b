"""Cells of benchmarks as built networks: what is lost if a model sees PyTorch modules alone.

Each architecture is built by `to_torch` and captured; ``EmProxRegressor("network")`` knows nothing
of the space then, and is compared with the same regressor on the space's own properties. Kernel
prediction, no anchor, the same known and predicted architectures for both: in trial t
``numpy.random.default_rng(t).permutation(n)`` are shuffled, the first are known, the others
predicted.

Of NAS-Bench-201 1,000 cells with a path take part, drawn from seed 0, one of each class of
isomorphic ones; of the other spaces those of `elsewhere`. Trials 0 to 19 are reported; columns of
networks were chosen on trials from 100 on, some of the same targets.

Needs: the files that `elsewhere` needs
Run: OMP_NUM_THREADS=1 python benchmarks/built_cells.py [--data-home FOLDER]
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from _ours import kriging
from _protocol import ERROR, KENDALL, difference, spread
from elsewhere import darts, folder, nasbench101, one_of_each_class, transnasbench101
from networks import measure, shuffled
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from emprox.datasets import fetch_nasbench201
from emprox.networks import Network, capture
from emprox.spaces import get_space

SPACE, BUILT = "space", "networks"
# Known architectures; where there are few, not so many that none is left to be predicted.
SIZES = (20, 50, 121)


def nasbench201(data_home: Path | None) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Yield the cells of NAS-Bench-201."""
    X, y = fetch_nasbench201(
        "cifar10", "validation", data_home=folder(data_home, "nasbench201"), return_X_y=True
    )
    space = get_space("nasbench201")
    canonical = space.canonicalize(space.encode(X))
    X, y = (each[(canonical != space.pathless).any(axis=1)] for each in (X, y))
    first = one_of_each_class(X, "nasbench201")
    drawn = np.random.default_rng(0).choice(first, 1000, replace=False)
    yield "NAS-Bench-201, CIFAR-10", "nasbench201", X[drawn], y[drawn]


def problems(data_home: Path | None) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Yield all problems: name, space, architectures and accuracies."""
    yield from nasbench201(data_home)
    for problem in chain(nasbench101(data_home), darts(data_home), transnasbench101(data_home)):
        yield problem.name, problem.space, problem.X, problem.y


def build(space: str, texts: np.ndarray) -> np.ndarray:
    """Build and capture the networks of architectures."""
    networks = np.empty(len(texts), dtype=object)
    for number, text in enumerate(tqdm(texts, desc=space, leave=False)):
        networks[number] = build_one(space, text)
    return networks


def build_one(space: str, text: str) -> Network:
    """Build and capture one network, without memory for its weights."""
    with torch.device("meta"):
        return capture(get_space(space).to_torch(text))


def compare(space: str, X: Any, networks: Any, y: Any, n_known: int, trials: range) -> list[Any]:
    """Return the cells of a row: both models, and by how much that of networks is ahead."""
    split = shuffled(len(y), n_known)
    make = kriging()
    built = measure({BUILT: make}, networks, y, split, trials)
    own = measure({SPACE: lambda _, seed: make(space, seed)}, X, y, split, trials)
    cells = []
    for score, sign in ((KENDALL, 1), (ERROR, -1)):
        gains = sign * (built[score] - own[score])
        cells += [spread(own[score]), spread(built[score])]
        cells.append(difference(gains.mean(), gains.sem()))
    return cells


@click.command()
@click.option("--data-home", type=click.Path(path_type=Path), help="Where the data lies.")
@click.option("--trials", default=20, show_default=True, help="Number of trials.")
@click.option("--only", default="", help="Only problems whose name has this in it.")
def main(data_home: Path | None, trials: int, only: str) -> None:
    """Measure both models on all problems and print a table."""
    table = Table(title=f"{trials} trials: mean ± s.d.; networks ahead by ± s.e.")
    headings = [f"{score}: {name}" for score in ("Kendall", "MAE") for name in (SPACE, BUILT)]
    headings[2:2], headings[5:5] = ["ahead"], ["ahead"]
    for heading in ("problem", "known", *headings):
        table.add_column(heading, justify="left" if heading == "problem" else "right")
    built: dict[str, np.ndarray] = {}
    for name, space, X, y in problems(data_home):
        if only not in name:
            continue
        # The tasks of a benchmark are on the same architectures.
        if space not in built:
            built = {space: build(space, X)}
        for n_known in SIZES:
            cells = compare(space, X, built[space], y, n_known, range(trials))
            table.add_row(name, str(n_known), *cells)
        table.add_section()
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
