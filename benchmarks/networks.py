"""Real networks: ImageNet accuracies and digits CNNs from few known ones, against rivals, in pairs.

ImageNet
    The 421 networks of `emprox.datasets.load_imagenet_networks`, trained from scratch on
    ImageNet-1k. In trial t ``numpy.random.default_rng(t).permutation(421)`` are shuffled: the first
    20, 50 or 121 are known, the others predicted. A row of its own has only networks of families of
    which none is known: families are shuffled, and known as long as they have no more than 150
    networks together ("150, other families"); or all families are dealt out to five parts, each
    predicted from the other four ("four fifths of the families", scores over all 421).
Digits CNNs
    The 300 networks of ``examples/data/digits_cnns.csv``, 50 or 150 known.

Rivals: Gaussian process and XGBoost on the logarithms of weights, multiply-adds and the side of the
input; Gaussian process, XGBoost and extra trees on the same columns as ours. Their settings are
those of `_rivals`. Trials 200 to 219 are reported. What could be chosen, such as the weights of
groups of columns, was chosen on trials 0 to 11 of the same networks, and where whole families were
left out on other fifths of them.

The second table has the paired differences, trial by trial.

Needs: pip install "emprox[torch,rivals]", torch only for the digits CNNs
Run: OMP_NUM_THREADS=1 python benchmarks/networks.py [--trials 20] [--output results.csv]
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from _protocol import ERROR, KENDALL, Method, ahead, difference, spread
from _rivals import extra_trees, gaussian_process, on, xgboost
from rich.console import Console
from rich.table import Table
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emprox import EmProxRegressor, NetworkProperties
from emprox.datasets import load_imagenet_networks
from emprox.metrics import kendall_tau
from emprox.networks import capture

EXAMPLES = Path(__file__).parents[1] / "examples"
# Known and predicted positions of the parts of a trial, whose predictions are scored together.
Parts = list[tuple[np.ndarray, np.ndarray]]


class Sizes(TransformerMixin, BaseEstimator):
    """Describe networks by logarithms of weights, multiply-adds and the side of the input."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        numbers = [(n.n_weights, n.multiply_adds, n.input_shapes[0][-1]) for n in X]
        return np.log(np.array(numbers, dtype=float))


def properties(space):
    """Return our columns as they are."""
    return NetworkProperties(space)


def standardised(space):
    """Return our columns, standardised and weighted as the recipe has it."""
    return NetworkProperties(space, standardize=True)


def sizes(space):
    """Return sizes alone, standardised."""
    return make_pipeline(Sizes(), StandardScaler())


OURS: dict[str, Method] = {
    "emprox, kriging": lambda space, seed: EmProxRegressor(
        space, weights="kriging", random_state=seed
    ),
    "emprox": lambda space, seed: EmProxRegressor(space, random_state=seed),
}
RIVALS: dict[str, Method] = {
    "Gaussian process, sizes": on(sizes, gaussian_process),
    "XGBoost, sizes": on(sizes, xgboost),
    "Gaussian process, our columns": on(standardised, gaussian_process),
    "XGBoost, our columns": on(properties, xgboost),
    "extra trees, our columns": on(properties, extra_trees(1 / 3)),
}


def shuffled(n_networks: int, n_known: int) -> Callable[[int], Parts]:
    """Return what splits networks at random."""

    def split(trial: int) -> Parts:
        order = np.random.default_rng(trial).permutation(n_networks)
        return [(order[:n_known], order[n_known:])]

    return split


def other_families(families: np.ndarray, n_known: int) -> Callable[[int], Parts]:
    """Return what knows whole families with at most so many networks together."""

    def split(trial: int) -> Parts:
        is_known = np.zeros(len(families), dtype=bool)
        for family in np.random.default_rng(trial).permutation(np.unique(families)):
            members = families == family
            if is_known.sum() + members.sum() <= n_known:
                is_known |= members
        return [(np.flatnonzero(is_known), np.flatnonzero(~is_known))]

    return split


def fifths_of_families(families: np.ndarray) -> Callable[[int], Parts]:
    """Return what predicts each fifth of the families from the others."""

    def split(trial: int) -> Parts:
        order = np.random.default_rng(trial).permutation(np.unique(families))
        fifths = [np.isin(families, part) for part in np.array_split(order, 5)]
        return [(np.flatnonzero(~part), np.flatnonzero(part)) for part in fifths]

    return split


def imagenet() -> Iterator[tuple[str, Any, np.ndarray, Callable[[int], Parts]]]:
    """Yield the problems on real networks: name, networks, accuracies, and what splits them."""
    data = load_imagenet_networks()
    X, y, n_networks = data.data, data.target, len(data.target)
    for n_known in (20, 50, 121):
        yield f"ImageNet, {n_known} known", X, y, shuffled(n_networks, n_known)
    yield "ImageNet, 150, other families", X, y, other_families(data.family, 150)
    yield "ImageNet, four fifths of the families", X, y, fifths_of_families(data.family)


def digits() -> Iterator[tuple[str, Any, np.ndarray, Callable[[int], Parts]]]:
    """Yield the problems on digits CNNs."""
    sys.path.insert(0, str(EXAMPLES))
    from digits_cnns import build_network

    table = pd.read_csv(EXAMPLES / "data" / "digits_cnns.csv")
    X = np.empty(len(table), dtype=object)
    X[:] = [capture(build_network(text), (1, 1, 8, 8)) for text in table["network"]]
    for n_known in (50, 150):
        split = shuffled(len(X), n_known)
        yield f"digits CNNs, {n_known} known", X, table["accuracy"].to_numpy(), split


def measure(
    methods: Mapping[str, Method],
    X: Any,
    y: np.ndarray,
    split: Callable[[int], Parts],
    trials: range,
) -> pd.DataFrame:
    """Return the scores of all methods in each trial."""
    rows = []
    for trial in trials:
        parts = split(trial)
        true = np.concatenate([y[new] for _, new in parts])
        for name, make_model in methods.items():
            predicted = np.concatenate(
                [
                    make_model("network", trial).fit(X[known], y[known]).predict(X[new])
                    for known, new in parts
                ]
            )
            error = abs(predicted - true).mean()
            scores = {KENDALL: kendall_tau(true, predicted), ERROR: error, "error": None}
            size = len(parts[0][0])
            rows.append({"predictor": name, "split": trial, "train_size": size, **scores})
    return pd.DataFrame(rows)


def score_table(results: pd.DataFrame) -> Table:
    """Return the table of all methods on all problems."""
    table = Table(title="mean ± s.d. over the trials")
    for heading in ("problem", "method", "Kendall", "MAE (points)"):
        table.add_column(heading, justify="left" if heading[0].islower() else "right")
    for (problem, name), rows in results.groupby(["problem", "predictor"], sort=False):
        table.add_row(problem, name, spread(rows[KENDALL]), spread(rows[ERROR]))
    return table


def lead_table(results: pd.DataFrame) -> Table:
    """Return the table of what we are ahead of each rival, paired by trial."""
    ours = next(iter(OURS))
    table = Table(title=f"{ours} is ahead by: mean ± standard error (mean / standard error)")
    for heading in ("problem", "of", "Kendall", "MAE (points)"):
        table.add_column(heading, justify="left" if heading[0].islower() else "right")
    for problem, rows in results.groupby("problem", sort=False):
        for rival in RIVALS:
            leads = (difference(*ahead(rows, ours, rival, score)) for score in (KENDALL, ERROR))
            table.add_row(problem, rival, *leads)
        table.add_section()
    return table


@click.command()
@click.option("--trials", default=20, show_default=True, help="Number of trials.")
@click.option("--first-trial", default=200, show_default=True, help="Seed of the first trial.")
@click.option("--only", default="", help="Only problems whose name has this in it.")
@click.option("--output", type=click.Path(path_type=Path), help="CSV file, a row for each trial.")
def main(trials: int, first_trial: int, only: str, output: Path | None) -> None:
    """Measure all methods on all problems and print two tables."""
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    tables = []
    numbers = range(first_trial, first_trial + trials)
    for name, X, y, split in chain(imagenet(), digits()):
        if only in name:
            found = measure({**OURS, **RIVALS}, X, y, split, numbers)
            tables.append(found.assign(problem=name))
            if output is not None:
                pd.concat(tables).to_csv(output, index=False)
    if not tables:
        raise click.UsageError(f"no problem has {only!r} in its name")
    results = pd.concat(tables, ignore_index=True)
    console = Console(width=150)
    console.print(score_table(results))
    console.print(lead_table(results))


if __name__ == "__main__":
    main()
