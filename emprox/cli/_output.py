"""What the commands write: tables on the screen, files that are never half written."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich import box
from rich.console import Console, JustifyMethod
from rich.measure import Measurement
from rich.status import Status
from rich.table import Table

from ..utils import _files as files
from ..utils._optional_imports import import_optional


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
        Where the file is to be; see `emprox.utils._files.replacing`.

    Yields
    ------
    pathlib.Path
        Where to write.

    Raises
    ------
    click.ClickException
        If the file cannot be written; nothing is left behind then.
    """
    try:
        with files.replacing(path) as temporary:
            yield temporary
    except OSError as error:
        raise output_error(str(path), error) from error


def check_output(output: str, *inputs: str) -> None:
    """Refuse an output that cannot be written, before time is spent on it.

    Parameters
    ----------
    output : str
        Where a command is to write; ``-`` is standard output.
    *inputs : str
        What it reads.

    Raises
    ------
    click.ClickException
        If the output is a folder, in a folder that is not there, or one of the inputs.
    """
    path = Path(output)
    if path.is_dir():
        raise click.ClickException(f"{output} is a folder, not a file")
    if output == "-" or files.is_device(path):
        return
    if not os.access(path.resolve().parent, os.W_OK):
        raise click.ClickException(
            f"{output} cannot be written: its folder does not exist or is not writable"
        )
    for source in inputs:
        try:
            same = path.is_file() and path.samefile("/dev/stdin" if source == "-" else source)
        except OSError:
            continue  # Reading the input will say what is wrong with it.
        if same:
            raise click.ClickException(f"{output} is an input too; write to another file")


def write_csv(output: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file in UTF-8.

    Parameters
    ----------
    output : str
        Where to write; ``-`` is standard output.
    header : sequence of str
        Names of the columns.
    rows : iterable of sequence
        The rows.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    data = text.getvalue().encode()

    if output == "-":
        echo(data, nl=False)
    else:
        with replacing(Path(output)) as temporary:
            temporary.write_bytes(data)


def make_folder(folder: Path) -> None:
    """Make the folder for what a command writes.

    Parameters
    ----------
    folder : pathlib.Path
        The folder, which may be there already.

    Raises
    ------
    click.ClickException
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(str(folder), error) from error


def can_draw() -> bool:
    """Say whether matplotlib is there; if it is not, which is no error, tell the user."""
    try:
        import_optional("matplotlib", extra="plot", purpose="drawing the pictures")
    except ImportError as error:
        click.echo(f"There will be no pictures: {error}", err=True)
        return False
    return True


def output_error(name: str, error: OSError) -> click.ClickException:
    """Return the exception that says why something cannot be written."""
    return click.ClickException(f"{name} cannot be written: {error.strerror or error}")
