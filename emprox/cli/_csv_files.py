"""Reading the user's CSV files, with messages that say where in the file something is wrong."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

import click


@dataclass(frozen=True)
class CsvFile:
    """A CSV file with a header: all fields as texts, and the line that each row begins in.

    Parameters
    ----------
    name : str
        What messages call the file.
    header : list of str
        Names of the columns.
    rows : list of list of str
        The fields of each row.
    lines : list of int
        Line number of the header, then of each row.
    """

    name: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def texts(self, column: str, option: str) -> list[str]:
        """Return a column; if it is missing, the message names the option that chooses it."""
        if column not in self.header:
            close = get_close_matches(column, self.header, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise _error(
                self.name,
                f"no column {column!r}; there are {', '.join(map(repr, self.header))}.{hint}"
                f" Choose one with {option}.",
                self.lines[0],
            )
        position = self.header.index(column)
        return [row[position] for row in self.rows]

    def numbers(self, column: str, option: str) -> list[float]:
        """Return a column of finite numbers."""
        numbers = []
        for row, text in enumerate(self.texts(column, option)):
            try:
                number = math.nan if "_" in text else float(text)
            except ValueError:
                number = math.nan
            if not math.isfinite(number):
                what = f"{text!r} is not a finite number" if text.strip() else "is empty"
                raise self.error(row, column, what)
            numbers.append(number)
        return numbers

    def error(self, row: int, column: str, message: str) -> click.ClickException:
        """Return the exception that says what is wrong with a field."""
        return _error(self.name, message, self.lines[row + 1], column)


def read_csv(source: str) -> CsvFile:
    """Read a CSV file in UTF-8 with a header.

    Parameters
    ----------
    source : str
        Path of the file; ``-`` is standard input.

    Returns
    -------
    CsvFile
        The file; it has at least one row, and as many fields in each as there are columns.

    Raises
    ------
    click.ClickException
        If the file cannot be read or is malformed; says in which line.
    """
    name = "standard input" if source == "-" else source
    try:
        with click.open_file(source, "rb") as stream:
            data: bytes = stream.read()
    except OSError as error:
        raise _error(name, f"cannot be read: {error.strerror or error}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _error(name, "not in UTF-8; save the file in that encoding", line) from error

    records = list(_records(name, text))
    if not records:
        raise _error(name, "the file is empty; a header with the names of the columns is needed")
    lines, (header, *rows) = [line for line, _ in records], [fields for _, fields in records]
    for position, column in enumerate(header):
        if column in header[:position]:
            raise _error(name, "this column is there twice", lines[0], column)
    for line, row in zip(lines[1:], rows, strict=True):
        if len(row) != len(header):
            raise _error(
                name,
                f"{len(row)} field(s), but the header has {len(header)}"
                ' (a field with a comma in it has to be in quotes: "a,b")',
                line,
            )
    if not rows:
        raise _error(name, "no rows below the header", lines[0])
    return CsvFile(name, header, rows, lines)


def _records(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not empty, each with the line that it begins in."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise _error(name, f"not well-formed CSV: {error}", line) from error


def _error(
    name: str, message: str, line: int | None = None, column: str | None = None
) -> click.ClickException:
    place = [name]
    if line is not None:
        place.append(f"line {line}")
    if column is not None:
        place.append(f"column {column!r}")
    return click.ClickException(f"{', '.join(place)}: {message}")
