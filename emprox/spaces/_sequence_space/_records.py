"""Read rows of named choices from whatever holds them: data frames, mappings, tuples, texts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._architecture import Architecture
from .._errors import ArchitectureError

Choice = str | int | float | bool | None


def read_columns(
    architectures: Any, names: Sequence[str] | None
) -> tuple[dict[str, list[Any]], int]:
    """Read rows into columns.

    Parameters
    ----------
    architectures : DataFrame, array, Series or sequence
        A data frame with a column for each name, or anything with one item a row: mappings,
        sequences of values, texts, `Architecture` objects.
    names : sequence of str or None
        The names that there are, in the order of values without names. If None, all names that
        occur are taken, and those of values without names are made up.

    Returns
    -------
    columns : dict of {str: list}
        The values of each name; None where one is missing.
    n_rows : int
        Number of rows.

    Raises
    ------
    ArchitectureError
        If an item cannot be read, or holds a name that there is not; ``index`` says which.
    TypeError
        If a single item is given instead of several.
    """
    if isinstance(architectures, (str, bytes, Mapping, Architecture)):
        raise TypeError(
            f"expected several architectures, got one {type(architectures).__name__}:"
            " put it into a list"
        )
    if hasattr(architectures, "columns"):
        labels = list(architectures.columns)
        columns = {
            str(label): np.asarray(architectures[label], dtype=object).tolist() for label in labels
        }
        if len(columns) < len(labels):
            raise ArchitectureError(f"a column stands twice among {labels}")
        only: list[Any] = next(iter(columns.values()), [])
        if len(columns) != 1 or (next(iter(columns)) in (names or ()) or not _are_items(only)):
            if unknown := [label for label in columns if label not in (names or columns)]:
                raise ArchitectureError(_unknown(unknown[0], names))
            return columns, len(architectures)
        items = only
    elif isinstance(architectures, (list, tuple)):
        items = list(architectures)
    else:
        array = np.asarray(architectures)
        items = array.tolist() if array.ndim else []
        if array.ndim == 2 and array.shape[1] == 1 and _are_items(array[:, 0].tolist()):
            items = array[:, 0].tolist()
        if array.ndim not in (1, 2):
            raise ArchitectureError(
                f"expected one architecture a row, got an array of shape {array.shape}"
            )
    records = []
    for index, item in enumerate(items):
        try:
            record = _read_record(item, names)
            if names is not None and (unknown := [name for name in record if name not in names]):
                raise ArchitectureError(_unknown(unknown[0], names))
        except ArchitectureError as error:
            raise ArchitectureError(error.message, index) from error
        records.append(record)
    found = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in found}, len(records)


def as_choice(value: Any) -> Choice:
    """Turn a value into a plain text, number or boolean, or None if it is missing.

    Parameters
    ----------
    value : object
        The value, possibly a numpy scalar.

    Returns
    -------
    str, int, float, bool or None
        The same value.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if is_missing(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (str, int, float)) or value in (math.inf, -math.inf):
        raise ValueError(f"a choice has to be a text, a finite number or a boolean, got {value!r}")
    return value


def is_missing(value: Any) -> bool:
    """Return whether a value stands for a missing one: None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def label(name: str, choice: Choice) -> str:
    """Write a choice with the name of its decision, as a node of an `Architecture`."""
    return f"{name}={json.dumps(choice)}"


def _read_record(item: Any, names: Sequence[str] | None) -> dict[str, Any]:
    if isinstance(item, str):
        try:
            item = json.loads(item)
        except (ValueError, RecursionError) as error:
            raise ArchitectureError(
                f"not the JSON text of an architecture, such as"
                f' {{"depth": 2, "kernel": 3}}: {item!r} ({error})'
            ) from error
        graph = {"operations", "edges"}
        if isinstance(item, dict) and graph <= item.keys() and not graph <= set(names or ()):
            item = Architecture.from_string(json.dumps(item))
    if isinstance(item, Architecture):
        return _read_chain(item)
    if isinstance(item, Mapping) or (hasattr(item, "keys") and hasattr(item, "__getitem__")):
        # An object with keys() need not be one to iterate over.
        keys = item.keys()
        return {str(key): item[key] for key in keys}
    if isinstance(item, (list, tuple)) or (isinstance(item, np.ndarray) and item.ndim == 1):
        values = list(item)
        if names is None:
            names = [f"decision{position}" for position in range(len(values))]
        if len(values) != len(names):
            raise ArchitectureError(
                f"an architecture has {len(names)} decisions ({', '.join(names)}),"
                f" got {len(values)} values: {item!r}"
            )
        return dict(zip(names, values, strict=True))
    raise ArchitectureError(
        f"expected a mapping, a sequence of values, a JSON text or an Architecture, got {item!r}"
        f" of type {type(item).__name__}"
    )


def _read_chain(architecture: Architecture) -> dict[str, Any]:
    nodes = architecture.operations
    chain = tuple((node, node + 1) for node in range(len(nodes) - 1))
    if architecture.edges != chain or nodes[0] != "input" or nodes[-1] != "output":
        raise ArchitectureError("the graph is not a chain of decisions from an input to an output")
    record = {}
    for node in nodes[1:-1]:
        name, _, text = node.partition("=")
        try:
            record[name] = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ArchitectureError(
                f"the node {node!r} is not the name of a decision, '=', and its choice as JSON"
            ) from error
    return record


def _are_items(values: list[Any]) -> bool:
    """Return whether the values of a single column are whole architectures."""
    first = next((value for value in values if not is_missing(value)), None)
    if isinstance(first, str):
        return first.lstrip().startswith(("{", "["))
    return not isinstance(first, (int, float, np.generic))


def _unknown(name: str, names: Sequence[str] | None) -> str:
    return f"there is no decision {name!r}; the decisions are {', '.join(map(repr, names or ()))}"
