"""The recipes: how architectures become features, and features an embedding, under a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.neighbors import KNeighborsRegressor

from ._metric import ProximityMetric
from ._tokenizer import ArchitectureTokenizer
from .properties import StructuralProperties
from .spaces import SearchSpace, get_space

Weights = str | Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Recipe:
    """What a recipe sets; everything else keeps its default.

    Parameters
    ----------
    n_neighbors : int
        Number of neighbours.
    reads_tokens : bool, default=True
        Whether an LSTM embeds token sequences, or a learned metric structural properties.
    sequence : str or None, default=None
        The token sequence; None takes the space's own for prediction.
    canonicalize : bool, default=True
        Whether to write canonical forms.
    pretrained : bool, default=False
        Whether to start from the space's pretrained encoder, which is not trained further, where
        there is one.
    embedder : dict
        Parameters of the embedder.
    """

    n_neighbors: int
    reads_tokens: bool = True
    sequence: str | None = None
    canonicalize: bool = True
    pretrained: bool = False
    embedder: dict[str, Any] = field(default_factory=dict)


RECIPES = {
    "best": Recipe(n_neighbors=8, reads_tokens=False, embedder={"n_components": 4}),
    # If there is no pretrained encoder, few steps on purpose: learning to reconstruct makes
    # neighbours worse, not better.
    "lstm": Recipe(
        n_neighbors=10,
        pretrained=True,
        embedder={"target_weight": 1, "max_epochs": 10, "lr": 2e-3, "batch_size": 128},
    ),
    "paper": Recipe(
        n_neighbors=10,
        sequence="adjacency",
        canonicalize=False,
        embedder={"attention": "encoder", "max_epochs": 50},
    ),
}


def get_recipe(recipe: str) -> Recipe:
    """Look up a recipe by its name.

    Parameters
    ----------
    recipe : {"best", "lstm", "paper"}
        Its name.

    Returns
    -------
    Recipe
        The recipe.

    Raises
    ------
    ValueError
        If there is no such recipe.
    """
    if recipe not in RECIPES:
        raise ValueError(f"unknown recipe {recipe!r}; there are {', '.join(map(repr, RECIPES))}")
    return RECIPES[recipe]


def make_features(
    space: str | SearchSpace, recipe: str
) -> ArchitectureTokenizer | StructuralProperties:
    """Build the step of a recipe that takes architectures.

    Parameters
    ----------
    space : str or SearchSpace
        The search space.
    recipe : {"best", "lstm", "paper"}
        Name of the recipe.

    Returns
    -------
    ArchitectureTokenizer or StructuralProperties
        The unfitted transformer.
    """
    settings = get_recipe(recipe)
    sequence = settings.sequence or get_space(space).proximity_sequence
    if not settings.reads_tokens:
        return StructuralProperties(space, standardize=True)
    return ArchitectureTokenizer(space, sequence=sequence, canonicalize=settings.canonicalize)


def make_embedder(
    recipe: str, space: str | SearchSpace | None = None, **parameters: Any
) -> TransformerMixin:
    """Build the step of a recipe that embeds features.

    Parameters
    ----------
    recipe : {"best", "lstm", "paper"}
        Name of the recipe.
    space : str or SearchSpace, default=None
        The search space; with None there is no pretrained encoder.
    **parameters : dict
        Further parameters of the embedder, which win over the recipe's.

    Returns
    -------
    ProximityMetric or ArchitectureEmbedder
        The unfitted transformer.
    """
    settings = get_recipe(recipe)
    if not settings.reads_tokens:
        return ProximityMetric(**{**settings.embedder, **parameters})
    # Only now: torch takes seconds to import, and the default recipe does without.
    from ._embedder import ArchitectureEmbedder
    from ._pretrained import find_pretrained

    defaults = dict(settings.embedder)
    if settings.pretrained and space is not None:
        space = get_space(space)
        sequence = settings.sequence or space.proximity_sequence
        defaults["pretrained"] = find_pretrained(space, sequence, settings.canonicalize)
        if defaults["pretrained"] is not None:
            defaults["max_epochs"] = None
    return ArchitectureEmbedder(**{**defaults, **parameters})


def make_neighbors(
    n_neighbors: int, weights: Weights = "distance", n_jobs: int | None = None
) -> KNeighborsRegressor:
    """Build the neighbours step of EmProx.

    Parameters
    ----------
    n_neighbors : int
        Number of neighbours, k.
    weights : {"distance", "uniform"} or callable, default="distance"
        Weights of the neighbours.
    n_jobs : int, default=None
        Number of parallel jobs.

    Returns
    -------
    sklearn.neighbors.KNeighborsRegressor
        The unfitted regressor.
    """
    # The tree subtracts coordinates, so that equal embeddings are at distance zero exactly; brute
    # force expands the square and leaves about 1e-8, which lets the other neighbours in.
    return KNeighborsRegressor(n_neighbors, weights=weights, algorithm="kd_tree", n_jobs=n_jobs)
