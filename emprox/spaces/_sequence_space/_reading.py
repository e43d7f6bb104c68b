"""Read rows of named choices from whatever holds them: data frames, mappings, tuples, texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...graphs import Architecture, ArchitectureError
from ...graphs._architecture import load_json
from ...utils._texts import one_line, shown
from .._parsing import refuse, split
from ._choices import is_missing

Record = dict[str, Any]

_ACCEPTED = 'a mapping, a sequence of values, a JSON text such as {"depth": 2, "kernel": 3}'


def read_records(
    architectures: Any, names: Sequence[str] | None, space: str | None = None
) -> list[Record]:
    """Read rows of named choices; without names, all are taken and missing ones made up."""
    records = []
    for index, item in enumerate(_rows(architectures, names)):
        try:
            record = _read_record(item, names, space)
            for name in record:
                if names is not None and name not in names:
                    raise ArchitectureError(
                        f"there is no decision {shown(name)}; the decisions are"
                        f" {one_line(', '.join(names), 300)}"
                    )
        except ArchitectureError as error:
            raise ArchitectureError(error.message, index) from error
        records.append(record)
    return records


def _rows(architectures: Any, names: Sequence[str] | None) -> Sequence[Any]:
    """Return the items of a container, one a row."""
    if isinstance(architectures, Mapping):
        raise TypeError("expected several architectures, got one mapping: put it into a list")
    if hasattr(architectures, "columns"):
        labels = [str(column) for column in architectures.columns]
        if len(set(labels)) < len(labels):
            raise ArchitectureError(f"a column stands twice among {shown(labels)}")
        columns = [
            np.asarray(architectures[column], dtype=object).tolist()
            for column in architectures.columns
        ]
        if len(labels) == 1 and labels[0] not in (names or ()) and _are_items(columns[0]):
            return columns[0]
        return [dict(zip(labels, row, strict=True)) for row in zip(*columns, strict=True)]
    if getattr(architectures, "ndim", 1) == 2 and not _are_items(architectures[:, 0].tolist()):
        return list(architectures.tolist())
    return list(split(architectures))


def _are_items(values: list[Any]) -> bool:
    """Return whether the values of a single column are whole architectures."""
    first = next((value for value in values if not is_missing(value)), None)
    if isinstance(first, str):
        return first.lstrip().startswith(("{", "["))
    return not isinstance(first, (int, float, np.generic))


def _read_record(item: Any, names: Sequence[str] | None, space: str | None) -> Record:
    if isinstance(item, str):
        text, item = item, load_json(item, _ACCEPTED)
        graph = {"operations", "edges"}
        if isinstance(item, dict) and graph <= item.keys() and not graph <= set(names or ()):
            item = Architecture.from_string(text)
    if isinstance(item, Architecture):
        return _read_chain(item, space)
    if isinstance(item, Mapping) or (hasattr(item, "keys") and hasattr(item, "__getitem__")):
        # An object with keys() need not be one to iterate over.
        keys = item.keys()
        return {str(key): item[key] for key in keys}
    if isinstance(item, (list, tuple)) or (isinstance(item, np.ndarray) and item.ndim == 1):
        if names is None:
            names = [f"decision{position}" for position in range(len(item))]
        if len(item) != len(names):
            raise ArchitectureError(
                f"an architecture has {len(names)} decisions ({one_line(', '.join(names), 300)}),"
                f" got {len(item)} values: {shown(item)}"
            )
        return dict(zip(names, item, strict=True))
    raise refuse(item, f"{_ACCEPTED} or an Architecture")


def _read_chain(architecture: Architecture, space: str | None) -> Record:
    nodes = architecture.operations
    chain = tuple((node, node + 1) for node in range(len(nodes) - 1))
    is_chain = architecture.edges == chain and nodes[:1] + nodes[-1:] == ("input", "output")
    if not is_chain or (space and architecture.space not in (None, space)):
        raise refuse(architecture, f"a chain of decisions of the space {space!r}")
    record: Record = {}
    for node in nodes[1:-1]:
        name, _, text = node.partition("=")
        if name in record:
            raise ArchitectureError(f"the decision {shown(name)} stands twice")
        record[name] = load_json(text, "nodes that are the name of a decision, '=', and its choice")
    return record
