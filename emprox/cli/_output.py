"""What the commands write: tables on the screen, files that are never half written."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich import box
from rich.console import Console, JustifyMethod
from rich.measure import Measurement
from rich.status import Status
from rich.table import Table


def terminal_width() -> int | None:
    """Return the number of columns of the terminal; None if standard output is none."""
    console = Console()
    return console.width if console.is_terminal else None


def print_table(columns: Mapping[str, JustifyMethod], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard output; in a file or a pipe it is as wide as it needs to be.

    Columns are two blanks apart, or one if the terminal is narrow.

    Parameters
    ----------
    columns : dict of str to {"left", "right"}
        Headings, and on which side the texts below them are lined up.
    rows : sequence of sequence of str
        The texts.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading, justify in columns.items():
        table.add_column(heading, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    unlimited = console.options.update(max_width=10_000)
    wanted = Measurement.get(console, unlimited, table).maximum
    if not console.is_terminal:
        console.width = wanted
    elif console.width < wanted:
        table.padding = (0, 0, 0, 0)
    with _checked_stdout():
        with console.capture() as capture:
            console.print(table)
        click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def echo(message: str | bytes, nl: bool = True) -> None:
    """Write to standard output, like `click.echo`, and say in one line if that fails."""
    with _checked_stdout():
        click.echo(message, nl=nl)


@contextmanager
def _checked_stdout() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Python flushes what is left in the buffer when it exits; that must not fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise  # The reader has seen enough; click exits without a word.
        raise output_error("standard output", error) from error


def status(message: str) -> Status:
    """Return a spinner on standard error, to be used in a with statement; nothing in a pipe."""
    return Console(stderr=True).status(message)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, and move the file to its own path if all went well.

    Parameters
    ----------
    path : pathlib.Path
        Where the file is to be. A file of that name is replaced, and keeps its permissions.

    Yields
    ------
    pathlib.Path
        Where to write. It is in the same folder, so that moving the file is atomic.

    Raises
    ------
    click.ClickException
        If the file cannot be written; nothing is left behind then.
    """
    target = path.resolve()  # a link stays a link
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".emprox-") as folder:
            temporary = Path(folder) / target.name
            yield temporary
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
    except OSError as error:
        raise output_error(str(path), error) from error


def output_error(name: str, error: OSError) -> click.ClickException:
    """Return the exception that says why something cannot be written."""
    return click.ClickException(f"{name} cannot be written: {error.strerror or error}")
