"""What each ingredient of the recipe "best" gives on NAS-Bench-201: one table, a row for each.

Cells, trials and target are those of `best`: 121 known, 1,000 predicted, trials 0 to 19; settings
were chosen on trials 100 to 115. All rows but those that say otherwise know the chance anchor. The
last column is the difference in Kendall's tau to the full recipe with kernel prediction, paired
over the trials, with its standard error.

Run: OMP_NUM_THREADS=1 python benchmarks/ablation.py [--data-home FOLDER] [--output results.csv]
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from _protocol import ERROR, KENDALL, Method, Problem, ahead, difference, run, spread
from rich.console import Console
from rich.table import Table
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline

from emprox import (
    EmProxRegressor,
    ProximityMetric,
    ProximityRegressor,
    StructuralProperties,
    make_emprox_pipeline,
)
from emprox._pipeline import ArchitecturePipeline
from emprox.datasets import fetch_nasbench201

CHANCE = 10.0


class WeightedColumns(TransformerMixin, BaseEstimator):
    """The columns as the metric weights them, without what its kernel machines predict."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        metric = ProximityMetric(random_state=self.random_state).fit(X, y)
        self.scales_ = np.sqrt(metric.feature_weights_)
        return self

    def transform(self, X):
        return X * self.scales_


def properties(**settings):
    """Return the features of the recipe, with some settings changed."""
    return lambda space: StructuralProperties(space, **{"standardize": True, **settings})


def metric(**settings):
    """Return the metric of the recipe, with some settings changed."""
    return lambda seed: ProximityMetric(**{"random_state": seed, **settings})


def chain(*steps, make_features=None, anchor=True) -> Method:
    """Return a method of features and steps that take a seed."""

    def make(space, seed):
        features = (make_features or properties())(space)
        pipeline = make_pipeline(features, *(step(seed) for step in steps))
        if not anchor:
            return pipeline
        return ArchitecturePipeline(pipeline.steps, space=space, chance_level=CHANCE)

    return make


def neighbors(n_neighbors):
    """Return the last step of the recipe, on what is an embedding already."""
    return lambda seed: ProximityRegressor(n_neighbors, metric=None)


def regressor(**settings) -> Method:
    """Return `EmProxRegressor` with the anchor and some settings."""
    return lambda space, seed: EmProxRegressor(
        space=space, chance_level=CHANCE, random_state=seed, **settings
    )


def pipeline(recipe, chance_level=None) -> Method:
    """Return the pipeline of a recipe."""
    return lambda space, seed: make_emprox_pipeline(
        space, recipe, chance_level=chance_level, random_state=seed
    )


FULL = 'recipe "best", kernel prediction'
ROWS: dict[str, Method] = {
    'recipe "paper" (no anchor)': pipeline("paper"),
    'recipe "lstm" (no anchor)': pipeline("lstm"),
    'recipe "lstm"': pipeline("lstm", CHANCE),
    "kNN-10 on the properties, nothing learned": chain(neighbors(10)),
    "kNN-8 on the properties as the metric weights them": chain(
        lambda seed: WeightedColumns(seed), neighbors(8)
    ),
    'recipe "best", neighbours': regressor(),
    FULL: regressor(weights="kriging"),
    "neighbours, k chosen by leave-one-out": regressor(n_neighbors="auto"),
    "neighbours, no anchor": pipeline("best"),
    "kernel, no anchor": chain(metric(), anchor=False),
    "kernel, without signals": chain(
        metric(), make_features=properties(groups=["counts", "paths", "soft paths"])
    ),
    "kernel, without soft path sums": chain(
        metric(), make_features=properties(groups=["counts", "paths", "signals"])
    ),
    "kernel, without counts and paths": chain(
        metric(), make_features=properties(groups=["soft paths", "signals"])
    ),
    "kernel, counts alone": chain(metric(), make_features=properties(groups=["counts"])),
    "kernel, with successions": chain(
        metric(),
        make_features=properties(
            groups=["counts", "paths", "soft paths", "signals", "successions"]
        ),
    ),
    "kernel, one-hot decisions alone": chain(
        metric(), make_features=properties(groups=["decisions"])
    ),
    "kernel, standardised on the known cells": chain(
        metric(), make_features=properties(n_reference=0)
    ),
    "kernel, columns not weighted": chain(metric(n_rounds=0)),
    "kernel, columns weighted twice": chain(metric(n_rounds=2)),
    "kernel, one member that sees all columns": chain(metric(n_estimators=1, embedding_dim=1)),
    "kernel, 16 members": chain(metric(n_estimators=16)),
    "kernel, members see nothing of the others' columns": chain(metric(background=0.0)),
    "kernel, target by rank": chain(metric(rank_share=1.0)),
    "kernel, target by logarithm": chain(metric(rank_share=0.0)),
}
SLOW = ('recipe "paper" (no anchor)',)


@click.command()
@click.option("--data-home", type=click.Path(path_type=Path), help="Where the data lies.")
@click.option("--trials", default=20, show_default=True, help="Number of trials.")
@click.option("--first-trial", default=0, show_default=True, help="Seed of the first trial.")
@click.option("--known", default=121, show_default=True, help="How many cells are known.")
@click.option("--slow-trials", type=int, help="Trials of the recipe 'paper'; by default all.")
@click.option("--output", type=click.Path(path_type=Path), help="CSV file, a row for each trial.")
def main(
    data_home: Path | None,
    trials: int,
    first_trial: int,
    known: int,
    slow_trials: int | None,
    output: Path | None,
) -> None:
    """Measure all rows and print a table."""
    X, y = fetch_nasbench201("cifar10", "validation", data_home=data_home, return_X_y=True)
    problem = Problem("NAS-Bench-201, CIFAR-10", "nasbench201", X, y, n_used=known)
    slow = dict.fromkeys(SLOW, trials if slow_trials is None else slow_trials)
    results = run(problem, ROWS, range(first_trial, first_trial + trials), slow)
    table = Table(title=f"{problem.name}, {known} known: mean ± s.d. over {trials} trials")
    table.add_column("row")
    for heading in ("Kendall", "MAE", "fit (ms)", "Kendall, ahead of the full recipe"):
        table.add_column(heading, justify="right")
    for name, rows in results.groupby("predictor", sort=False):
        table.add_row(
            name,
            *(spread(rows[score]) for score in (KENDALL, ERROR)),
            f"{1000 * rows['fit_time'].median():.0f}",
            "" if name == FULL else difference(*ahead(results, name, FULL, KENDALL)),
        )
    Console(width=130).print(table)
    if output is not None:
        results.to_csv(output, index=False)


if __name__ == "__main__":
    main()
