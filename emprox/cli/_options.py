"""Options that several commands have."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..spaces import SearchSpace

# The keys of emprox._pipeline.RECIPES, which cannot be asked without importing scikit-learn.
RECIPES = ("best", "lstm", "paper")


def to_space(ctx: click.Context, param: click.Parameter, name: str | None) -> SearchSpace | None:
    """Look up the space that an option or argument names."""
    from ..spaces import get_space

    try:
        return None if name is None else get_space(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def to_finite(ctx: click.Context, param: click.Parameter, number: float | None) -> float | None:
    """Refuse what Python takes for a number but is none."""
    if number is None or math.isfinite(number):
        return number
    raise click.BadParameter(f"{number} is not a finite number")


space_option = click.option(
    "--space", required=True, callback=to_space, help="Search space; see 'emprox spaces'."
)
known_option = click.option(
    "--known",
    required=True,
    type=click.Path(allow_dash=True),
    help="CSV file of architectures with their accuracies; - is standard input.",
)
output_option = click.option(
    "--output",
    default="-",
    show_default=True,
    type=click.Path(allow_dash=True),
    help="CSV file to write; - is standard output.",
)
architecture_column_option = click.option(
    "--architecture-column",
    default="architecture",
    show_default=True,
    help="Column of both files that holds the architectures.",
)
accuracy_column_option = click.option(
    "--accuracy-column",
    default="accuracy",
    show_default=True,
    help="Column of the known file that holds the accuracies.",
)
recipe_option = click.option(
    "--recipe",
    type=click.Choice(RECIPES),
    default="best",
    show_default=True,
    help="How architectures are embedded: 'best' learns a metric on properties of their structure,"
    " 'lstm' a sequence model of their canonical forms, 'paper' is the method as published.",
)
n_neighbors_option = click.option(
    "--n-neighbors",
    type=click.IntRange(min=1),
    help="How many known architectures a prediction is made from.  [default: the recipe's own]",
)
chance_level_option = click.option(
    "--chance-level",
    type=float,
    callback=to_finite,
    help="Accuracy of guessing, in the unit of the known ones, such as 10 for ten classes in"
    " percent. It is what an architecture without a path from input to output has, which then"
    " counts as known.",
)
random_state_option = click.option(
    "--random-state",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed: the same one gives the same result.",
)
