"""Options that several commands have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..spaces import SearchSpace

# The keys of emprox._recipes.RECIPES, which cannot be asked without importing torch.
RECIPES = ("lstm", "paper")

recipe_option = click.option(
    "--recipe",
    type=click.Choice(RECIPES),
    default="lstm",
    show_default=True,
    help="How architectures are embedded: 'paper' is the method as published.",
)
n_neighbors_option = click.option(
    "--n-neighbors",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many known architectures a prediction is made from.",
)
random_state_option = click.option(
    "--random-state",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed: the same one gives the same result.",
)


def to_space(ctx: click.Context, param: click.Parameter, name: str | None) -> SearchSpace | None:
    """Look up the space that an option or argument names."""
    from ..spaces import get_space

    try:
        return None if name is None else get_space(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
