"""The paper's grid search over the size of the embedding and the number of neighbours."""

from __future__ import annotations

from typing import ClassVar

from ._cells_data import OnCifar10
from ._experiment import Predictor, Run
from ._numbers import (
    CORRELATIONS,
    ERRORS,
    FIT,
    MISSING,
    Metric,
    measured,
    paired,
    write_difference,
    write_spread,
)
from ._paper import (
    GRID_SEARCH_EMBEDDING_DIM,
    GRID_SEARCH_N_NEIGHBORS_CORRELATIONS,
    GRID_SEARCH_N_NEIGHBORS_ERRORS,
)
from ._report import Block, Bullets, Picture, Section, Table, Text
from ._rows import emprox
from ._table1 import STORED_EMBEDDINGS

EMBEDDING_DIMS = (16, 32, 64, 128)
N_NEIGHBORS = (5, 10, 20, 60)


class GridSearch(OnCifar10):
    """Size of the embedding and number of neighbours, for the method as published.

    Settings are chosen on trials that no other experiment reports, so the first one is 100.
    """

    name = "grid-search"
    title = "The paper's grid search: size of the embedding, number of neighbours"
    n_trials: ClassVar = 10
    first_trial: ClassVar = 100

    def predictors(self) -> dict[str, Predictor]:
        """Return the points of the grid.

        Returns
        -------
        dict of str to Predictor
            The predictors by name, such as "h32-k10".
        """
        return {
            point_name(size, k): emprox(k, embedding_dim=size)
            for size in EMBEDDING_DIMS
            for k in N_NEIGHBORS
        }

    def sections(self, run: Run, plots: bool) -> list[Section]:
        """Write a table for each metric, and what is best here and in the paper.

        Parameters
        ----------
        run : Run
            The experiment that was run.
        plots : bool
            Whether to draw pictures.

        Returns
        -------
        list of Section
            The sections of the report.
        """
        size = run.main_size
        best: list[Block] = [self.best_table(run, size)]
        if plots:
            best.append(_picture(run, size))
        grids = [
            block
            for metric in (*ERRORS, *CORRELATIONS, FIT)
            for block in (Text(f"{metric.title}:"), _grid(run, metric, size))
        ]
        return [
            Section("What is best, here and in the paper", best, is_summary=True),
            Section("The whole grid", grids),
            Section(
                "Why the numbers differ",
                [
                    Bullets(
                        [
                            "The paper does not say which values it tried, nor on which cells. It"
                            f" names {GRID_SEARCH_EMBEDDING_DIM} as the best size of the embedding"
                            " (section 5; section 3 has 128), and k ="
                            f" {GRID_SEARCH_N_NEIGHBORS_ERRORS} for errors and fit time, k ="
                            f" {GRID_SEARCH_N_NEIGHBORS_CORRELATIONS} for correlations.",
                            f"Here settings are compared on trials from {self.first_trial} on,"
                            " which no other experiment reports.",
                            STORED_EMBEDDINGS,
                            "Neighbours are not trained: k has no part in the fit time, and"
                            " differences of fit times along k are noise, in the paper too.",
                        ]
                    )
                ],
            ),
        ]

    def best_table(self, run: Run, train_size: int) -> Table:
        """Compare the best point of the grid with the paper's, metric by metric.

        Parameters
        ----------
        run : Run
            The experiment that was run.
        train_size : int
            Number of known architectures.

        Returns
        -------
        Table
            A row for each metric.
        """
        rows = []
        for metric in (*ERRORS, *CORRELATIONS):
            k = (
                GRID_SEARCH_N_NEIGHBORS_ERRORS
                if metric in ERRORS
                else GRID_SEARCH_N_NEIGHBORS_CORRELATIONS
            )
            papers = point_name(GRID_SEARCH_EMBEDDING_DIM, k)
            best = _best(run, metric, train_size)
            found = None
            if best is not None and best != papers:
                found = paired(run.evaluation, metric, best, papers, train_size)
            rows.append(
                [
                    metric.title,
                    MISSING if best is None else run.predictors[best].title,
                    MISSING
                    if best is None
                    else write_spread(run.evaluation, metric, best, train_size),
                    self.predictors()[papers].title,
                    write_spread(run.evaluation, metric, papers, train_size),
                    "the same" if best == papers else write_difference(found, metric.decimals),
                ]
            )
        return Table(
            [
                "metric",
                "best here",
                "its value",
                "best in the paper",
                "its value here",
                "better by",
            ],
            rows,
        )


def point_name(embedding_dim: int, n_neighbors: int) -> str:
    """Return the name of a point of the grid."""
    return f"h{embedding_dim}-k{n_neighbors}"


def _best(run: Run, metric: Metric, train_size: int) -> str | None:
    """Return the point with the best mean, of those without failures."""
    means = {
        name: run.evaluation.mean(metric.key, name, train_size)
        for name in run.predictors
        if len(measured(run.evaluation, metric, name, train_size)) == len(run.trials)
    }
    if not means:
        return None
    return min(means, key=lambda name: means[name] if metric in ERRORS else -means[name])


def _grid(run: Run, metric: Metric, train_size: int) -> Table:
    rows = [
        [
            str(dim),
            *(
                write_spread(run.evaluation, metric, point_name(dim, k), train_size)
                for k in N_NEIGHBORS
            ),
        ]
        for dim in EMBEDDING_DIMS
        if any(point_name(dim, k) in run.predictors for k in N_NEIGHBORS)
    ]
    return Table(["size of the embedding", *(f"k = {k}" for k in N_NEIGHBORS)], rows)


def _picture(run: Run, train_size: int) -> Picture:
    from ._pictures import draw_lines

    panels = {}
    for metric, label in ((ERRORS[0], ERRORS[0].title), (CORRELATIONS[-1], "Kendall's tau")):
        panels[label] = {
            f"size {dim}": {
                k: run.evaluation.mean(metric.key, point_name(dim, k), train_size)
                for k in N_NEIGHBORS
                if point_name(dim, k) in run.predictors
            }
            for dim in EMBEDDING_DIMS
        }
    return Picture(
        "grid.png",
        f"Means over {len(run.trials)} trials. {run.data.name}, {train_size:,} known"
        " architectures.",
        draw_lines(panels, xlabel="number of neighbours k"),
    )
