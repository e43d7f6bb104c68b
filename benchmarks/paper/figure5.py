"""Figure 5, the embedding as a map: do cells of similar accuracy lie together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from emprox.inspection import EmbeddingDisplay

from .data import Data, load_cifar10
from .experiment import Experiment, among, describe
from .predictors import Predictor

N_NEAREST = 10

FIGURE5 = Experiment(
    "Figure 5: do cells of similar accuracy lie together?",
    load_cifar10,
    among("emprox-k10", "emprox-best"),
    remarks=(
        "Colours: the paper's from red for bad to green for good cannot be told apart by many;"
        " here dark is bad and light is good.",
        "The published embedding is trained on architectures alone, that of emprox-best on known"
        " accuracies too. Neither has seen the accuracies of the cells on the map.",
        "The paper does not say how many cells its figure shows, nor which.",
    ),
    n_trials=1,
)


def embed(predictor: Predictor, data: Data, known: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """Fit a pipeline to known architectures and return where the unseen ones lie."""
    model = predictor.make(data)
    seeds = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
    model.set_params(**dict.fromkeys(seeds, 0)).fit(data.X[known], data.y[known])
    return model.transform(data.X[unseen])


def neighbor_difference(embedding: np.ndarray, y: np.ndarray) -> float:
    """Return by how much accuracies differ from those of the nearest, on average."""
    nearest = (
        NearestNeighbors(n_neighbors=min(N_NEAREST, len(y) - 1)).fit(embedding).kneighbors()[1]
    )
    return float(np.abs(y[nearest] - y[:, np.newaxis]).mean())


def random_difference(y: np.ndarray) -> float:
    """Return by how much the accuracies of two different architectures differ, on average."""
    return float(np.abs(y[:, np.newaxis] - y).sum() / (len(y) * (len(y) - 1)))


def report(
    trials: pd.DataFrame, experiment: Experiment, folder: Path, data: Data
) -> dict[str, pd.DataFrame]:
    """Draw the maps, and return how alike neighbours are."""
    import matplotlib.pyplot as plt

    known, unseen = next(experiment.draws().split(data.X))
    y = data.y[unseen]
    names = list(trials["predictor"].unique())
    differences = {"any two cells": random_difference(y)}
    figure, axes = plt.subplots(1, len(names), figsize=(5.6 * len(names), 4.8), squeeze=False)
    for ax, name in zip(axes[0], names, strict=True):
        embedding = embed(experiment.predictors[name], data, known, unseen)
        differences[f"a cell and its {N_NEAREST} nearest, {name}"] = neighbor_difference(
            embedding, y
        )
        EmbeddingDisplay.from_embedding(embedding, y, random_state=0, ax=ax)
        ax.set_title(name)
    figure.savefig(folder / "embedding.png", bbox_inches="tight")
    plt.close(figure)
    table = pd.Series(differences, name="difference in accuracy (points)").to_frame()
    return {"neighbours": table, "numbers": describe(trials)}
