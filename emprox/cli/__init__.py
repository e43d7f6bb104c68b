"""The ``emprox`` command.

Each command imports what it works with when it runs, so that ``emprox --help`` is instant.
"""

from __future__ import annotations

import warnings
from typing import Any, TextIO

import click

from .._version import __version__
from ..utils._texts import one_line
from ._demo import demo
from ._imagenet import imagenet
from ._predict import predict
from ._rank import rank
from ._spaces import spaces

__all__ = ["main"]

_EXAMPLE = """\b
Example: see it at work on real accuracies, then predict your own.
  emprox demo
  emprox imagenet my_models:MyNet
  emprox predict --space nasbench201 --known known.csv \\
      --candidates candidates.csv --output predictions.csv
"""


class _Commands(click.Group):
    """The commands, and what all of them do about warnings, errors and Ctrl-C."""

    def invoke(self, ctx: click.Context) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:
                # The empty line ends the one with ^C. 130 is what shells report for SIGINT.
                click.echo("\nInterrupted.", err=True)
                ctx.exit(130)
            except BrokenPipeError:
                raise  # The reader has seen enough; click exits without a word.
            except OSError as error:
                place = "" if error.filename is None else f"{error.filename}: "
                raise click.ClickException(f"{place}{error.strerror or error}") from error
            except (ValueError, ArithmeticError, MemoryError, RecursionError, ImportError) as error:
                raise click.ClickException(one_line(str(error) or repr(error))) from error


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning to somebody who has no use for the line of code that it comes from."""
    if not issubclass(category, UserWarning):
        return
    text = one_line(str(message)).replace("chance_level", "--chance-level")
    click.echo(f"Warning: {text}", err=True)


@click.group(
    cls=_Commands, epilog=_EXAMPLE, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="emprox")
def main() -> None:
    """Predict the accuracy of neural architectures before training them."""


for _command in (demo, imagenet, predict, rank, spaces):
    main.add_command(_command)
