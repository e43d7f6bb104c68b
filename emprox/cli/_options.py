"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from ._networks import NetworkBuilder, to_shape

if TYPE_CHECKING:
    from ..spaces import SearchSpace


def to_space(ctx: click.Context, param: click.Parameter, name: str | None) -> SearchSpace | None:
    """Look up the space that an option or argument names."""
    from ..spaces import get_space

    try:
        return None if name is None else get_space(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


random_state_option = click.option(
    "--random-state",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed: the same one gives the same result.",
)
_FILE_OPTIONS = (
    click.option(
        "--space", callback=to_space, help="Search space; see 'emprox spaces'.  [required]"
    ),
    click.option(
        "--networks",
        metavar="MODULE:FUNCTION",
        help="Instead of a space, for PyTorch networks of your own: the function that is given the"
        " name of each, as it stands in the files, and returns it. The current folder is searched.",
    ),
    click.option(
        "--input-shape",
        callback=to_shape,
        metavar="SIZES",
        help="What these networks are called with, the batch in front, such as 1,3,32,32.",
    ),
    click.option(
        "--known",
        required=True,
        type=click.Path(allow_dash=True),
        help="CSV file of architectures with their accuracies; - is standard input.",
    ),
    click.option(
        "--output",
        default="-",
        show_default=True,
        type=click.Path(allow_dash=True),
        help="CSV file to write; - is standard output.",
    ),
    click.option(
        "--architecture-column",
        default="architecture",
        show_default=True,
        help="Column of both files that holds the architectures. Without it, the other columns are"
        " the decisions of a space that learns them, such as 'sequence'.",
    ),
    click.option(
        "--accuracy-column",
        default="accuracy",
        show_default=True,
        help="Column of the known file that holds the accuracies.",
    ),
    click.option(
        "--recipe",
        # Those of make_emprox_pipeline, which cannot be asked without importing scikit-learn.
        type=click.Choice(("best", "lstm", "paper")),
        default="best",
        show_default=True,
        help="How architectures are embedded: 'best' learns a metric on properties of their"
        " structure, 'lstm' a sequence model of their canonical forms, 'paper' is the method as"
        " published.",
    ),
    click.option(
        "--n-neighbors",
        type=click.IntRange(min=1),
        help="How many known architectures a prediction is made from.  [default: the recipe's own]",
    ),
    click.option(
        "--chance-level",
        type=float,
        help="What an architecture has that can only guess, in the unit of the known accuracies,"
        " such as 10 for ten classes in percent.",
    ),
    random_state_option,
)


def file_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that learns from a file; it is given the file, read."""

    @wraps(command)
    def run(
        *,
        space: SearchSpace | None,
        networks: str | None,
        input_shape: tuple[int, ...] | None,
        known: str,
        candidates: str | None,
        output: str,
        architecture_column: str,
        accuracy_column: str,
        **parameters: Any,
    ) -> None:
        from ._model import Known
        from ._output import check_output

        if known == candidates == "-":
            raise click.UsageError("Only one of --known and --candidates can be standard input.")
        if space is not None and networks is not None:
            raise click.UsageError("Give either --space or --networks.")
        if input_shape is not None and networks is None:
            raise click.UsageError("--input-shape goes with --networks.")
        check_output(output, known, *([] if candidates is None else [candidates]))
        builder = None
        if networks is not None:
            from ..spaces import NetworkSpace

            space = NetworkSpace(input_shape)
            builder = NetworkBuilder(networks, space)
        if space is None:
            raise click.UsageError(
                "Missing option '--space', or '--networks' for networks of your own."
            )
        known_file = Known(known, space, architecture_column, accuracy_column, builder)
        command(known_file, candidates, output, **parameters)

    for option in reversed(_FILE_OPTIONS):
        run = option(run)
    return run
