"""The forms in which people have graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._architecture import Architecture
from ._errors import ArchitectureError


def is_networkx(item: Any) -> bool:
    """Say whether something is a graph of networkx, without importing it.

    Parameters
    ----------
    item : object
        Anything.

    Returns
    -------
    bool
        True if it is.
    """
    return hasattr(item, "is_directed") and hasattr(item, "is_multigraph")


def read_graph(item: Any) -> Architecture:
    """Read a labelled graph in any of the forms that people have.

    Parameters
    ----------
    item : Architecture, str, dict, pair or networkx.DiGraph
        An architecture of any space; its JSON form; a dict with "operations" and with "edges" or
        "adjacency"; a pair (operations, adjacency); or a graph with the node attribute
        "operation".

    Returns
    -------
    Architecture
        The graph.

    Raises
    ------
    ArchitectureError
        If it is none of these.
    """
    if isinstance(item, Architecture):
        return item
    if isinstance(item, str):
        return Architecture.from_string(item)
    if is_networkx(item):
        return Architecture.from_networkx(item)
    if isinstance(item, Mapping):
        if item.keys() >= {"operations", "edges"}:
            return Architecture(item["operations"], item["edges"])
        if item.keys() >= {"operations", "adjacency"}:
            return Architecture.from_adjacency(item["operations"], item["adjacency"])
    elif isinstance(item, (tuple, list)) and len(item) == 2:
        return Architecture.from_adjacency(*item)
    raise ArchitectureError(
        "expected an Architecture, its JSON form, a dict with 'operations' and 'edges' or"
        " 'adjacency', a pair (operations, adjacency) or a networkx.DiGraph,"
        f" got {item!r} of type {type(item).__name__}"
    )
