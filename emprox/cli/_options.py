"""Options that several commands have."""

from __future__ import annotations

import click

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
