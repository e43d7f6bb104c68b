"""Architectures as graphs of networkx, whose nodes have a label, a kind, and are live or dead."""

from __future__ import annotations

from collections.abc import Collection
from itertools import product
from typing import TYPE_CHECKING, Any

from ..spaces import Architecture, SearchSpace
from ..spaces._transformer import read_extended

if TYPE_CHECKING:
    import networkx


def as_batch(architecture: Any) -> Any:
    """Make a batch of one architecture, which may be a row of a data frame or a frame of one."""
    if not hasattr(architecture, "iloc"):
        return [architecture]
    frame = architecture.to_frame().T.infer_objects() if architecture.ndim == 1 else architecture
    if len(frame) != 1:
        raise ValueError(f"one architecture is wanted, got a data frame of {len(frame)}")
    return frame


def to_graphs(space: SearchSpace, batch: Any) -> list[networkx.DiGraph]:
    """Write a batch of one as graphs, one for each kind of cell, with nodes 0, 1, and so on."""
    space, decisions = read_extended(space, batch)
    cells = {f"{cell.kind} cell": cell.architectures()[0] for cell in space.graphs(decisions)}
    if len(cells) < 2:
        cells = {"": space.outline(decisions)[0]}
    return [_to_graph(space, cell, title) for title, cell in cells.items()]


def name_graph(name: str) -> networkx.DiGraph:
    """Return a name in a box, for what cannot be drawn."""
    import networkx as nx

    graph = nx.DiGraph(title="")
    graph.add_node(0, label=name, kind="output", live=True)
    return graph


def _to_graph(space: SearchSpace, architecture: Architecture, title: str) -> networkx.DiGraph:
    import networkx as nx

    names, edges = architecture.operations, architecture.edges
    nodes = range(len(names))
    kinds = ["sum" if name == "sum" else "operation" for name in names]
    # What a space does not choose, and nothing leads to or from, is an end.
    ends: dict[str, Collection[int]] = {}
    for kind, side in (("output", 0), ("input", 1)):
        free = set(nodes) - {edge[side] for edge in edges}
        label = getattr(space, kind, None) or kind
        for node, name in enumerate(names):
            if name == label or (node in free and name not in space.operations):
                kinds[node] = kind
        ends[kind] = [node for node in nodes if kinds[node] == kind] or free
    blocking = {item.name for item in space.signal_operations if item.effect == "block"}
    passing = nx.DiGraph(edges)
    passing.add_edges_from(product(["start"], ends["input"]))
    passing.add_edges_from(product(ends["output"], ["end"]))
    passing.remove_nodes_from([node for node in nodes if names[node] in blocking])
    live = nx.descendants(passing, "start") & nx.ancestors(passing, "end")
    graph = nx.DiGraph(title=title)
    for node, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        label = "+" if kind == "sum" else name
        graph.add_node(node, label=label, kind=kind, live=node in live)
    for edge in edges:
        graph.add_edge(*edge, live=live.issuperset(edge))
    return graph
