"""What the commands write: tables on the screen, files that are never half written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console, JustifyMethod
from rich.status import Status
from rich.table import Table

from ..utils import _files as files
from ..utils._optional_imports import import_optional


def print_table(columns: Mapping[str, JustifyMethod], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard output; in a file or a pipe it is as wide as it needs to be."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading, justify in columns.items():
        table.add_column(heading, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 10_000
    with _checked_stdout(), console.capture() as capture:
        console.print(table)
    echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


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
            raise
        raise OSError(error.errno, error.strerror, "standard output") from error


def status(message: str) -> Status:
    """Return a spinner on standard error, to be used in a with statement; nothing in a pipe."""
    return Console(stderr=True).status(message)


def check_output(output: str, *inputs: str) -> None:
    """Refuse an output that cannot be written or is an input, before time is spent on it."""
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


def write_csv(
    output: str, header: Sequence[str], rows: Sequence[Sequence[str]], columns: Mapping[str, Any]
) -> None:
    """Write rows and columns of numbers beside them as CSV in UTF-8; a dash is standard output."""
    import pandas as pd

    table = pd.DataFrame(rows, columns=header, dtype=object).assign(**columns)
    data = table.to_csv(index=False, lineterminator="\n").encode()
    if output == "-":
        echo(data, nl=False)
    else:
        with files.replacing(Path(output)) as temporary:
            temporary.write_bytes(data)


def can_draw() -> bool:
    """Say whether matplotlib is there; if it is not, which is no error, tell the user."""
    try:
        import_optional("matplotlib", extra="plot", purpose="drawing the pictures")
    except ImportError as error:
        click.echo(f"There will be no pictures: {error}", err=True)
        return False
    return True
