"""Graphs from the forms in which people have them, and from matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graphs import Architecture, ArchitectureError, Graphs
from ..graphs._graphs import BoolArray, IntArray
from ._parsing import refuse

# Every pair of nodes is a decision; more would not fit into memory.
MAX_NODES = 4096
GRAPH_FORMS = (
    "an Architecture, its JSON form, a dict with 'operations' and 'edges' or 'adjacency', a pair"
    " (operations, adjacency) or a networkx.DiGraph"
)


def graphs_of(
    operations: IntArray, adjacency: BoolArray, names: Sequence[str], **more: Any
) -> Graphs:
    """Make a batch of graphs of their adjacency matrices."""
    targets, sources = np.nonzero(adjacency.any(axis=0).T)
    edges = list(zip(sources.tolist(), targets.tolist(), strict=True))
    return Graphs(operations, edges, names, present=adjacency[:, sources, targets], **more)


def is_networkx(item: Any) -> bool:
    """Say whether something is a graph of networkx, without importing it."""
    return hasattr(item, "is_directed") and hasattr(item, "is_multigraph")


def is_module(item: Any) -> bool:
    """Say whether something is a PyTorch module, without importing torch."""
    is_like_one = hasattr(item, "forward") and hasattr(item, "named_modules")
    return is_like_one and not isinstance(item, type)


def refuse_module(item: Any) -> None:
    """Name the space for PyTorch modules."""
    if is_module(item):
        raise ArchitectureError(
            f"got a PyTorch module of type {type(item).__name__}, which is no graph: take the"
            " space 'network'"
        )


def read_graph(item: Any) -> Architecture:
    """Read a labelled graph in any of the forms that people have."""
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
    refuse_module(item)
    raise refuse(item, GRAPH_FORMS)


def survey(items: list[Any] | NDArray[Any]) -> tuple[list[str], int, int]:
    """Find the operations of graphs, and their largest numbers of nodes and of `n_links`."""
    if isinstance(items, np.ndarray):
        raise ArchitectureError(
            "operations cannot be learned from a decision matrix: give graphs, or a space with"
            " operations and max_nodes"
        )
    if not items:
        raise ValueError("found 0 architectures (0 samples): at least 1 is required")
    names: set[str] = set()
    max_nodes, max_links = 1, 0
    for index, item in enumerate(items):
        try:
            graph = read_graph(item)
        except ArchitectureError as error:
            raise ArchitectureError(error.message, index) from error
        if graph.n_nodes > MAX_NODES:
            raise ArchitectureError(
                f"{graph.n_nodes} nodes, at most {MAX_NODES} are allowed", index
            )
        names.update(graph.operations)
        max_nodes = max(max_nodes, graph.n_nodes)
        n_read = len({target for _, target in graph.edges})
        max_links = max(max_links, len(graph.edges) + graph.n_nodes - n_read - 1)
    return sorted(names), max_nodes, max_links


def with_last(graph: Architecture, operation: str) -> Architecture:
    """Move the nodes with an operation to the end, as far as the edges allow it."""
    if operation not in graph.operations[:-1]:
        return graph
    order = sorted(range(graph.n_nodes), key=lambda node: graph.operations[node] == operation)
    return Architecture.from_adjacency(
        [graph.operations[node] for node in order], graph.adjacency[np.ix_(order, order)]
    )
