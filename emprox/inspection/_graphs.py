"""Architectures as graphs of networkx, whose nodes have a label, a kind, and are live or dead."""

from __future__ import annotations

from collections.abc import Collection
from itertools import product
from typing import TYPE_CHECKING, Any

from ..spaces import Architecture, ArchitectureError, SearchSpace, get_space, list_spaces

if TYPE_CHECKING:
    import networkx


def find_space(space: str | SearchSpace | None, architecture: Any) -> SearchSpace | None:
    """Return the space given, or else the one that an architecture names if it is registered."""
    if space is not None:
        return get_space(space).learn(as_batch(architecture))
    if not isinstance(architecture, Architecture):
        raise TypeError(
            f"without a space only an Architecture can be drawn, got {architecture!r:.80}; give"
            " the name of its space"
        )
    return get_space(architecture.space) if architecture.space in list_spaces() else None


def as_batch(architecture: Any) -> Any:
    """Make a batch of one architecture, which may be a row of a data frame or a frame of one."""
    if not hasattr(architecture, "iloc"):
        return [architecture]
    frame = architecture.to_frame().T.infer_objects() if architecture.ndim == 1 else architecture
    if len(frame) != 1:
        raise ValueError(f"one architecture is wanted, got a data frame of {len(frame)}")
    return frame


def to_graphs(
    space: SearchSpace | None,
    architecture: Any,
    *,
    canonicalize: bool = False,
    show_dead: bool = True,
) -> list[networkx.DiGraph]:
    """Write an architecture as graphs, one for each kind of cell, with nodes 0, 1, and so on."""
    if space is None:
        if canonicalize:
            raise ValueError("a graph of no known space has no canonical form; give its space")
        return [_to_graph(architecture, "", None, show_dead)]
    decisions = space.encode(as_batch(architecture))
    if canonicalize:
        decisions = space.canonicalize(decisions)
    cells = space.graphs(decisions)
    if len(cells) < 2:
        return [_to_graph(space.decode(decisions)[0], "", space, show_dead)]
    return [
        _to_graph(cell.architectures()[0], f"{cell.kind} cell", space, show_dead) for cell in cells
    ]


def name_graph(name: str) -> networkx.DiGraph:
    """Return a name in a box, for what cannot be drawn."""
    return _to_graph(Architecture((name,), ()), "", None, True)


def _to_graph(
    architecture: Architecture, title: str, space: SearchSpace | None, show_dead: bool
) -> networkx.DiGraph:
    import networkx

    names, edges = architecture.operations, architecture.edges
    if not names:
        raise ArchitectureError("an architecture without nodes cannot be drawn")
    nodes = range(len(names))
    kinds = ["sum" if name == "sum" else "operation" for name in names]
    # What a space does not choose, and nothing leads to or from, is an end.
    chosen = set(names if space is None else space.operations)
    ends: dict[str, Collection[int]] = {}
    for kind, side in (("output", 0), ("input", 1)):
        free = set(nodes) - {edge[side] for edge in edges}
        label = getattr(space, kind, None) or kind
        for node, name in enumerate(names):
            if name == label or (node in free and name not in chosen):
                kinds[node] = kind
        ends[kind] = [node for node in nodes if kinds[node] == kind] or free
    effects = () if space is None else space.signal_operations
    blocking = {operation.name for operation in effects if operation.effect == "block"}
    passing = networkx.DiGraph(edges)
    passing.add_edges_from(product(["start"], ends["input"]))
    passing.add_edges_from(product(ends["output"], ["end"]))
    passing.remove_nodes_from([node for node in nodes if names[node] in blocking])
    live = networkx.descendants(passing, "start") & networkx.ancestors(passing, "end")
    graph = networkx.DiGraph(title=title)
    for node, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        if node in live or show_dead or kind in ends:
            label = "+" if kind == "sum" else name
            graph.add_node(node, label=label, kind=kind, live=node in live)
    for edge in edges:
        if live.issuperset(edge) or show_dead:
            graph.add_edge(*edge, live=live.issuperset(edge))
    return networkx.convert_node_labels_to_integers(graph)
