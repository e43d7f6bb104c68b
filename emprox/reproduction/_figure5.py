"""Figure 5 of the paper: the embedding as a map."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..model_selection._trial import draw_trial, seeded
from . import _rows
from ._cells_data import OnCifar10
from ._experiment import Data, Predictor, Run
from ._numbers import ERROR, FIT, KENDALL, write_spread
from ._report import Block, Bullets, Picture, Section, Table, Text

# How many of the nearest cells should be alike.
_N_NEAREST = 10


class Figure5(OnCifar10):
    """t-SNE maps of the embeddings of unseen cells, as published and of the recipe "best"."""

    name = "figure5"
    title = "Figure 5 of the paper: do cells of similar accuracy lie together?"
    n_trials: ClassVar = 1

    def predictors(self) -> dict[str, Predictor]:
        """Return the embeddings, each with its neighbours.

        Returns
        -------
        dict of str to Predictor
            The predictors by name.
        """
        return {"emprox-k10": _rows.emprox(10), "emprox-best": _rows.emprox_best()}

    def sections(self, run: Run, plots: bool) -> list[Section]:
        """Write how alike neighbours are, and draw the maps.

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
        trial, size = run.trials[0], run.main_size
        known, unseen = draw_trial(len(run.data.X), max(run.train_sizes), run.test_size, trial)
        y = run.data.y[unseen]
        embeddings = {
            name: embed(row, run.data, known[:size], unseen, trial)
            for name, row in run.predictors.items()
        }
        rows = [
            [
                row.title,
                f"{neighbor_difference(embeddings[name], y):.2f}",
                *(
                    write_spread(run.evaluation, metric, name, size)
                    for metric in (KENDALL, ERROR, FIT)
                ),
            ]
            for name, row in run.predictors.items()
        ]
        blocks: list[Block] = [
            Text(
                "If cells of similar accuracy lie together, a cell and its"
                f" {_N_NEAREST} nearest differ little in accuracy. Two cells at random differ by"
                f" {random_difference(y):.2f} points on average; in the embeddings of"
                f" {len(unseen):,} unseen cells, trial {trial}, a cell and its nearest differ by:"
            ),
            Table(["embedding", "difference (points)", "Kendall", "MAE (%)", "fit (s)"], rows),
        ]
        if plots:
            blocks.append(_draw(run, embeddings, y, trial))
        remarks = [
            "The paper colours from red for bad to green for good, which many readers cannot tell"
            " apart; here dark is bad and light is good. Accuracies far below the others, such as"
            " those of guessing, have the colour at the end of the scale.",
            "The published embedding is trained on architectures alone; that of the recipe “best”"
            " learns from the known accuracies which properties count. Neither has seen the"
            " accuracies of the cells on the map.",
            "t-SNE keeps neighbours together; how far apart groups lie means nothing.",
            "The paper does not say how many cells its figure shows, nor which.",
        ]
        return [
            Section("Cells that lie together", blocks, is_summary=True),
            Section("How to read it, and what differs from the paper", [Bullets(remarks)]),
        ]


def embed(
    predictor: Predictor,
    data: Data,
    known: NDArray[np.intp],
    unseen: NDArray[np.intp],
    trial: int,
) -> NDArray[np.float64]:
    """Fit a pipeline to known architectures and return where the unseen ones lie."""
    model = seeded(predictor.make(data), trial)
    model.fit(data.X[known], data.y[known])
    embedding: NDArray[np.float64] = model[:-1].transform(data.X[unseen])
    return embedding


def neighbor_difference(embedding: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return by how much accuracies differ from those of the nearest, on average."""
    from sklearn.neighbors import NearestNeighbors

    n_nearest = min(_N_NEAREST, len(y) - 1)
    nearest = NearestNeighbors(n_neighbors=n_nearest).fit(embedding).kneighbors()[1]
    return float(np.abs(y[nearest] - y[:, np.newaxis]).mean())


def random_difference(y: NDArray[np.float64]) -> float:
    """Return by how much the accuracies of two different architectures differ, on average."""
    total = np.abs(y[:, np.newaxis] - y).sum()
    return float(total / (len(y) * (len(y) - 1)))


def _draw(run: Run, embeddings: dict[str, Any], y: NDArray[np.float64], trial: int) -> Picture:
    from ..inspection import EmbeddingDisplay
    from ._pictures import make_figure, to_png

    figure = make_figure(5.6 * len(embeddings), 4.8)
    axes = np.atleast_1d(figure.subplots(1, len(embeddings)))
    for ax, (name, embedding) in zip(axes, embeddings.items(), strict=True):
        EmbeddingDisplay.from_embedding(embedding, y, random_state=trial, ax=ax)
        ax.set_title(run.predictors[name].title)
    return Picture(
        "embedding.png",
        f"Maps (t-SNE) of the embeddings of {len(y):,} unseen cells, coloured by accuracy."
        f" {run.data.name}, {run.main_size:,} known architectures, trial {trial}.",
        to_png(figure),
    )
