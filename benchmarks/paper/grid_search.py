"""The paper's grid search over the size of the embedding and the number of neighbours."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pandas as pd

from emprox.model_selection import compare_predictors

from .data import load_cifar10
from .experiment import Experiment, describe
from .numbers import GRID_EMBEDDING_DIM, GRID_N_NEIGHBORS, TITLES
from .predictors import emprox

EMBEDDING_DIMS = (16, 32, 64, 128)
N_NEIGHBORS = (5, 10, 20, 60)


def point(embedding_dim: int, n_neighbors: int) -> str:
    """Return the name of a point of the grid."""
    return f"h{embedding_dim}-k{n_neighbors}"


GRID_SEARCH = Experiment(
    "The grid search: size of the embedding, number of neighbours",
    load_cifar10,
    {point(dim, k): emprox(k, dim) for dim, k in product(EMBEDDING_DIMS, N_NEIGHBORS)},
    remarks=(
        "The paper does not say which values it tried, nor on which cells. It names 32 as the best"
        " size of the embedding (section 5; section 3 has 128), and k = 10 for errors, k = 60 for"
        " correlations.",
        "Settings are compared on trials from 100 on, which no other experiment reports.",
    ),
    n_trials=10,
    first_trial=100,
)


def report(trials: pd.DataFrame, experiment: Experiment, folder: Path) -> dict[str, pd.DataFrame]:
    """Draw, and return what is best here and in the paper, and all numbers."""
    import matplotlib.pyplot as plt

    means = trials.groupby("predictor", sort=False)[list(GRID_N_NEIGHBORS)].mean()
    rows = []
    for score, n_neighbors in GRID_N_NEIGHBORS.items():
        papers = point(GRID_EMBEDDING_DIM, n_neighbors)
        best = means[score].idxmin() if score.endswith("error") else means[score].idxmax()
        row = {"score": TITLES[score][0], "best here": best, "its value": means.loc[best, score]}
        row |= {"best in the paper": papers, "its value here": means[score].get(papers)}
        if papers in means.index and best != papers:
            found = compare_predictors(trials, papers, score).set_index("predictor").loc[best]
            row["better by"] = f"{found['mean_difference']:.3f} ± {found['standard_error']:.3f}"
        rows.append(row)

    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    dims = means.index.str.extract(r"h(\d+)-k(\d+)").astype(int).to_numpy()
    for ax, score in zip(axes, ("mean_absolute_error", "kendall_tau"), strict=True):
        grid = pd.Series(means[score].to_numpy(), index=[dims[:, 1], dims[:, 0]]).unstack()
        grid.plot(ax=ax, marker="o", logx=True)
        ax.set(xlabel="number of neighbours k", ylabel=TITLES[score][0], xticks=grid.index)
        ax.minorticks_off()
        ax.set_xticklabels(grid.index)
        ax.legend(title="size of the embedding")
    figure.savefig(folder / "grid.png")
    plt.close(figure)
    return {"best": pd.DataFrame(rows), "numbers": describe(trials)}
