"""Reading what people write: containers, lists of numbers, choices by name or number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..graphs import Architecture, ArchitectureError
from ..utils._texts import one_line, shown

# More digits than any choice has, few enough to be read as a number without harm.
_LIST = re.compile(r"\s*[(\[]?\s*([0-9]{1,9}(?:\s*,\s*[0-9]{1,9})+)\s*,?\s*[)\]]?\s*")


def split(architectures: Any) -> list[Any] | NDArray[Any]:
    """Take a container apart: a list of architectures, or the matrix if rows hold numbers."""
    if isinstance(architectures, (str, bytes, Architecture)):
        raise TypeError(
            f"expected several architectures, got one {type(architectures).__name__}:"
            " put it into a list"
        )
    if isinstance(architectures, (list, tuple)):
        return list(architectures)
    array = np.asarray(architectures)
    if array.ndim == 2 and np.issubdtype(array.dtype, np.number):
        return array
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 1:
        return array.tolist()
    if array.ndim == 2:
        return [tuple(row) for row in array]
    raise ArchitectureError(
        "expected architectures in one dimension, or as rows of a decision matrix,"
        f" got {shown(architectures)}"
    )


def refuse(item: Any, accepted: str) -> ArchitectureError:
    """Make the error for something that cannot be read."""
    return ArchitectureError(
        f"expected {accepted}, got {shown(item)} of type {type(item).__name__}"
    )


def read_matrix(values: ArrayLike, n_choices: Sequence[int], what: str) -> NDArray[np.int64]:
    """Read a matrix of whole numbers, each column with so many choices."""
    try:
        matrix: NDArray[Any] = np.asarray(values)
    except (ValueError, OverflowError) as error:
        raise ArchitectureError(f"not a {what} matrix: {error}") from error
    is_number = matrix.dtype.kind in "biuf" or not matrix.size
    if not is_number or matrix.ndim != 2 or matrix.shape[1] != len(n_choices):
        raise ArchitectureError(
            f"a {what} matrix of this space holds whole numbers in {len(n_choices)} columns, got an"
            f" array of shape {matrix.shape} and type {matrix.dtype}"
        )
    known = (matrix >= 0) & (matrix < n_choices) & (matrix == np.floor(matrix))
    for row, column in np.argwhere(~known).tolist():
        raise ArchitectureError(
            f"{what} {column} is {matrix[row, column]}, but has to be a whole number from 0 to"
            f" {n_choices[column] - 1}",
            index=row,
        )
    return matrix.astype(np.int64)


def numbers_in(text: str) -> list[int] | None:
    """Read a list of whole numbers such as ``"(4, 0, 3)"`` or ``"4,0,3"``; None if it is none."""
    match = _LIST.fullmatch(text)
    return None if match is None else [int(number) for number in match.group(1).split(",")]


def read_choice(item: Any, name: str, choices: Sequence[Any]) -> int:
    """Read one choice, by name or by number."""
    # Neither True nor 1.0 is a number of a choice, and what cannot be compared is none either.
    if isinstance(item, (int, np.integer)) and not isinstance(item, bool):
        if 0 <= item < len(choices):
            return int(item)
    else:
        try:
            return choices.index(item)
        except (ValueError, TypeError):
            pass
    allowed = one_line(", ".join(f"{n} {choice}" for n, choice in enumerate(choices)), 300)
    raise ArchitectureError(f"unknown choice {shown(item)} of {name}; the choices are {allowed}")


def read_choices(items: Sequence[Any], choices: Mapping[str, Sequence[Any]]) -> list[int]:
    """Read a choice for each decision."""
    if len(items) != len(choices):
        raise ArchitectureError(
            f"there are {len(choices)} decisions ({one_line(', '.join(choices), 200)}), got"
            f" {len(items)}: {shown(items)}"
        )
    return [
        read_choice(item, name, choices[name]) for item, name in zip(items, choices, strict=True)
    ]
