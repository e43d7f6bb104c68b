"""Read rows of named choices from whatever holds them: data frames, mappings, tuples, texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...graphs import Architecture, ArchitectureError
from ...graphs._architecture import load_json
from ...utils._texts import one_line, shown
from .._parsing import refuse, split

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
    if not isinstance(architectures, pd.DataFrame):
        return list(split(architectures))
    frame = architectures.set_axis(map(str, architectures.columns), axis=1)
    if not frame.columns.is_unique:
        raise ArchitectureError(f"a column stands twice among {shown(list(frame.columns))}")
    if len(frame.columns) == 1 and frame.columns[0] not in (names or ()):
        # The column may hold whole architectures.
        values = frame.iloc[:, 0].tolist()
        if next((str(value) for value in values), "").lstrip().startswith(("{", "[", "(")):
            return values
    return frame.to_dict("records")


def _read_record(item: Any, names: Sequence[str] | None, space: str | None) -> Record:
    if isinstance(item, str):
        text, item = item, load_json(item, _ACCEPTED)
        graph = {"operations", "edges"}
        if isinstance(item, dict) and graph <= item.keys() and not graph <= set(names or ()):
            item = Architecture.from_string(text)
    if isinstance(item, Architecture):
        return _read_chain(item, space)
    if hasattr(item, "keys") and hasattr(item, "__getitem__"):
        return {str(key): value for key, value in dict(item).items()}
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
