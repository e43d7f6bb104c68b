"""Reading the user's CSV files, with messages that say where in the file something is wrong."""

from __future__ import annotations

import csv
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from typing import Any, BinaryIO

import click


class CsvFile:
    """A CSV file in UTF-8 with a header; its rows can be read any number of times."""

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name = name
        self._stream = stream
        self.header_line, self.header = next(self._records(), (1, []))
        if not self.header:
            raise self.error("the file is empty; a header with the names of the columns is needed")
        for position, column in enumerate(self.header):
            if column in self.header[:position]:
                raise self.error("this column is there twice", self.header_line, column)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line that a row begins in and its fields, as many as there are columns."""
        records = self._records()
        next(records)
        line = None
        for line, fields in records:
            if len(fields) != len(self.header):
                raise self.error(
                    f"{len(fields)} field(s), but the header has {len(self.header)}"
                    ' (a field with a comma in it has to be in quotes: "a,b")',
                    line,
                )
            yield line, fields
        if line is None:
            raise self.error("no rows below the header", self.header_line)

    def position(self, column: str, option: str) -> int:
        """Find a column; if it is missing, the message names the option that chooses it."""
        if column in self.header:
            return self.header.index(column)
        close = get_close_matches(column, self.header, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        columns = ", ".join(map(repr, self.header))
        message = f"no column {column!r}; there are {columns}.{hint} Choose one with {option}."
        raise self.error(message, self.header_line)

    def numbers(self, column: str, option: str) -> list[float]:
        """Return a column of finite numbers."""
        position = self.position(column, option)
        numbers = []
        for line, fields in self.rows():
            number = to_number(fields[position])
            if isinstance(number, str) or not abs(number) <= sys.float_info.max:
                raise self.error(f"{fields[position]!r} is not a finite number", line, column)
            numbers.append(float(number))
        return numbers

    def refuse_columns(self, names: tuple[str, ...]) -> None:
        """Refuse columns that the output gets."""
        for name in set(names) & set(self.header):
            raise self.error("the output gets a column of this name", self.header_line, name)

    def error(
        self, message: str, line: int | None = None, column: str | None = None
    ) -> click.ClickException:
        """Return the exception that says what is wrong where."""
        place = self.name + (f", line {line}" if line else "")
        place += f", column {column!r}" if column else ""
        return click.ClickException(f"{place}: {message}")

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the records that are not empty, each with the line that it begins in."""
        self._stream.seek(0)
        # Bytes that are not UTF-8 are found row by row, so that the message knows the line.
        text = io.TextIOWrapper(
            self._stream, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )
        reader = csv.reader(text, strict=True)
        line = 1
        try:
            for fields in reader:
                if fields:
                    "".join(fields).encode()
                    yield line, fields
                line = reader.line_num + 1
        except UnicodeEncodeError as error:
            raise self.error("not in UTF-8; save the file in that encoding", line) from error
        except csv.Error as error:
            raise self.error(f"not well-formed CSV in UTF-8: {error}", line) from error
        finally:
            if not self._stream.closed:
                text.detach()


@contextmanager
def open_csv(source: str) -> Iterator[CsvFile]:
    """Open a CSV file; a dash is standard input."""
    with ExitStack() as stack:
        stream: Any = stack.enter_context(click.open_file(source, "rb"))
        if source == "-" or not stream.seekable():  # what can be read only once
            copy = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(stream, copy)
            stream = copy
        yield CsvFile("standard input" if source == "-" else source, stream)


def to_number(text: str) -> float | str:
    """Return a whole number or any other, or the text itself if it is none."""
    for kind in (int, float):
        try:
            return text if "_" in text else kind(text)
        except ValueError:
            continue
    return text
