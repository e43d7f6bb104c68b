"""The recipes: which sequence to write and how to embed it, under a name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ._embedder import ArchitectureEmbedder
from ._tokenizer import ArchitectureTokenizer
from .spaces import SearchSpace, get_space


@dataclass(frozen=True)
class Recipe:
    """What a recipe sets; everything else keeps its default.

    Parameters
    ----------
    sequence : str or None
        The token sequence; None takes the space's own for prediction.
    canonicalize : bool
        Whether to write canonical forms.
    embedder : dict
        Parameters of `ArchitectureEmbedder`.
    """

    sequence: str | None
    canonicalize: bool
    embedder: dict[str, Any] = field(default_factory=dict)


RECIPES = {
    "paper": Recipe("adjacency", canonicalize=False, embedder={"attention": "encoder"}),
    # Few steps on purpose: learning to reconstruct makes neighbours worse, not better.
    "lstm": Recipe(
        None, canonicalize=True, embedder={"max_epochs": 10, "lr": 2e-3, "batch_size": 128}
    ),
}


def get_recipe(recipe: str) -> Recipe:
    """Look up a recipe by its name.

    Parameters
    ----------
    recipe : {"lstm", "paper"}
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


def make_tokenizer(space: str | SearchSpace, recipe: str) -> ArchitectureTokenizer:
    """Build the tokenizer of a recipe.

    Parameters
    ----------
    space : str or SearchSpace
        The search space.
    recipe : {"lstm", "paper"}
        Name of the recipe.

    Returns
    -------
    ArchitectureTokenizer
        The unfitted tokenizer.
    """
    settings = get_recipe(recipe)
    sequence = settings.sequence or get_space(space).proximity_sequence
    return ArchitectureTokenizer(space, sequence=sequence, canonicalize=settings.canonicalize)


def make_embedder(recipe: str, **parameters: Any) -> ArchitectureEmbedder:
    """Build the embedder of a recipe.

    Parameters
    ----------
    recipe : {"lstm", "paper"}
        Name of the recipe.
    **parameters : dict
        Further parameters of `ArchitectureEmbedder`, which win over the recipe's.

    Returns
    -------
    ArchitectureEmbedder
        The unfitted embedder.
    """
    return ArchitectureEmbedder(**{**get_recipe(recipe).embedder, **parameters})
