"""Reading the user's CSV files, with messages that say where in the file something is wrong."""

from __future__ import annotations

import csv
import io
import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, BinaryIO

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
        position = _find_column(self.name, self.header, column, option, self.lines[0])
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


class CsvStream:
    """A CSV file with a header that is read row by row, because it may be larger than memory.

    Parameters
    ----------
    name : str
        What messages call the file.
    stream : binary file
        The file, which can be read more than once.

    Attributes
    ----------
    header : list of str
        Names of the columns.
    header_line : int
        The line that they stand in.
    """

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name = name
        self._stream = stream
        self._start = stream.tell()
        self.header_line, self.header = next(self._records())

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Read the file once more from its beginning.

        Yields
        ------
        line : int
            The line that a row begins in.
        fields : list of str
            Its fields, as many as there are columns.
        """
        records = self._records()
        next(records)
        return records

    def column(self, name: str, option: str) -> int:
        """Find a column; if it is missing, the message names the option that chooses it."""
        return _find_column(self.name, self.header, name, option, self.header_line)

    def error(self, line: int, column: str, message: str) -> click.ClickException:
        """Return the exception that says what is wrong with a field."""
        return _error(self.name, message, line, column)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        self._stream.seek(self._start)
        return _checked_records(self.name, self._stream)


@contextmanager
def open_csv(source: str) -> Iterator[CsvStream]:
    """Open a CSV file in UTF-8 with a header.

    Parameters
    ----------
    source : str
        Path of the file; ``-`` is standard input.

    Yields
    ------
    CsvStream
        The file. Going through its rows raises what `read_csv` does.
    """
    name = _name(source)
    with ExitStack() as stack:
        try:
            stream: Any = stack.enter_context(click.open_file(source, "rb"))
            if not stream.seekable():
                # A pipe can be read only once.
                copy = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(stream, copy)
                copy.seek(0)
                stream = copy
        except OSError as error:
            raise _unreadable(name, error) from error
        yield CsvStream(name, stream)


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
    name = _name(source)
    try:
        with click.open_file(source, "rb") as stream:
            records = list(_checked_records(name, stream))
    except OSError as error:
        raise _unreadable(name, error) from error
    lines, (header, *rows) = [line for line, _ in records], [fields for _, fields in records]
    return CsvFile(name, header, rows, lines)


def _checked_records(name: str, stream: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Yield the header and then the rows, each with the line that it begins in."""
    records = _records(name, _texts(name, stream))
    header_line, header = next(records, (0, []))
    if not header:
        raise _error(name, "the file is empty; a header with the names of the columns is needed")
    for position, column in enumerate(header):
        if column in header[:position]:
            raise _error(name, "this column is there twice", header_line, column)
    yield header_line, header
    line = None
    for line, row in records:
        if len(row) != len(header):
            raise _error(
                name,
                f"{len(row)} field(s), but the header has {len(header)}"
                ' (a field with a comma in it has to be in quotes: "a,b")',
                line,
            )
        yield line, row
    if line is None:
        raise _error(name, "no rows below the header", header_line)


def _texts(name: str, stream: Iterable[bytes]) -> Iterator[str]:
    """Decode line by line, which may end as on any system."""
    try:
        for line, data in enumerate(stream, start=1):
            try:
                text = data.decode("utf-8-sig" if line == 1 else "utf-8")
            except UnicodeDecodeError as error:
                message = "not in UTF-8; save the file in that encoding"
                raise _error(name, message, line) from error
            yield from io.StringIO(text, newline="") if "\r" in text else (text,)
    except OSError as error:
        raise _unreadable(name, error) from error


def _records(name: str, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not empty, each with the line that it begins in."""
    reader = csv.reader(lines, strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise _error(name, f"not well-formed CSV: {error}", line) from error


def _name(source: str) -> str:
    return "standard input" if source == "-" else source


def _find_column(name: str, header: list[str], column: str, option: str, line: int) -> int:
    if column in header:
        return header.index(column)
    close = get_close_matches(column, header, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise _error(
        name,
        f"no column {column!r}; there are {', '.join(map(repr, header))}.{hint}"
        f" Choose one with {option}.",
        line,
    )


def _unreadable(name: str, error: OSError) -> click.ClickException:
    return _error(name, f"cannot be read: {error.strerror or error}")


def _error(
    name: str, message: str, line: int | None = None, column: str | None = None
) -> click.ClickException:
    place = [name]
    if line is not None:
        place.append(f"line {line}")
    if column is not None:
        place.append(f"column {column!r}")
    return click.ClickException(f"{', '.join(place)}: {message}")
