"""What is drawn of an architecture: its cells as graphs of feature maps and operations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..spaces import (
    ABSENT,
    WIRE,
    Architecture,
    ArchitectureError,
    CellGraphs,
    DARTSSpace,
    EdgeCellSpace,
    NASBenchNLPSpace,
    SearchSpace,
    get_space,
    list_spaces,
)

# What the inputs of a blend are: gate * first + (1 - gate) * second.
_BLEND_NOTES = {"blend_first": "1", "blend_second": "2"}
# Names of nodes that are no operations, in the architectures of the spaces.
INPUTS, OUTPUTS, SUM = ("input",), ("output",), "sum"
_KIND_NAMES = {"normal": "normal cell", "reduce": "reduction cell"}


@dataclass(frozen=True)
class Node:
    """A node of a drawn graph.

    Parameters
    ----------
    label : str
        What is written on it.
    kind : {"operation", "input", "output", "sum", "state"}
        What it stands for; a state is a feature map between operations.
    live : bool, default=True
        Whether it is on a path from an input to an output.
    """

    label: str
    kind: str
    live: bool = True


@dataclass(frozen=True)
class Edge:
    """An edge of a drawn graph.

    Parameters
    ----------
    source, target : int
        The nodes that it joins.
    operation : str or None, default=None
        What it computes; None if it only hands on.
    live : bool, default=True
        Whether it is on a path from an input to an output.
    note : str, default=""
        What is written at its end.
    """

    source: int
    target: int
    operation: str | None = None
    live: bool = True
    note: str = ""


@dataclass(frozen=True)
class Graph:
    """A graph to be drawn.

    Parameters
    ----------
    nodes : tuple of Node
        The nodes.
    edges : tuple of Edge
        The edges, each from an earlier to a later node.
    title : str, default=""
        What is written above it.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    title: str = ""

    @property
    def operations(self) -> list[str]:
        """The names of all operations, each once, in the order in which they stand."""
        on_nodes = [node.label for node in self.nodes if node.kind == "operation"]
        on_edges = [edge.operation for edge in self.edges if edge.operation is not None]
        return list(dict.fromkeys(on_nodes + on_edges))

    def without_dead(self) -> Graph:
        """Return the graph without what is on no path, but with all inputs and outputs."""
        kept = [
            number
            for number, node in enumerate(self.nodes)
            if node.live or node.kind in ("input", "output")
        ]
        numbers = {old: new for new, old in enumerate(kept)}
        edges = (
            replace(edge, source=numbers[edge.source], target=numbers[edge.target])
            for edge in self.edges
            if edge.live
        )
        return Graph(tuple(self.nodes[number] for number in kept), tuple(edges), self.title)


def to_graphs(
    space: SearchSpace | None, architecture: Any, canonicalize: bool = False
) -> tuple[Graph, ...]:
    """Write an architecture as graphs to be drawn, one for each cell.

    Parameters
    ----------
    space : SearchSpace or None
        Its space; None if it is a graph of no known space.
    architecture : Architecture, str or sequence
        The architecture in any form that the space reads; an `Architecture` without one.
    canonicalize : bool, default=False
        Whether to draw the canonical form.

    Returns
    -------
    tuple of Graph
        The graphs.

    Raises
    ------
    ArchitectureError
        If it is not an architecture of the space, or has no nodes.
    ValueError
        If the canonical form of an architecture of no known space is wanted.
    """
    if space is None:
        if canonicalize:
            raise ValueError(
                "a graph of no known space has no canonical form; give a space, such as 'dag'"
            )
        return (_from_nodes(architecture),)
    space = space.learn([architecture])
    parsed = space.canonical(architecture) if canonicalize else space.parse(architecture)
    if isinstance(space, EdgeCellSpace):
        return (_from_edge_cell(space, parsed),)
    if isinstance(space, DARTSSpace):
        cells = space.cell_graphs(space.encode([parsed]))
        return tuple(_from_cell_graph(space, graphs) for graphs in cells)
    if isinstance(space, NASBenchNLPSpace):
        return (_from_recurrent(parsed),)
    blocking = {signal.name for signal in space.signal_operations if signal.effect == "block"}
    # Only some spaces have names of their own for these.
    input_name, output_name = getattr(space, "input", None), getattr(space, "output", None)
    inputs = INPUTS if input_name is None else (input_name,)
    outputs = OUTPUTS if output_name is None else (output_name,)
    return (_from_nodes(parsed, inputs, outputs, blocking),)


def find_space(space: str | SearchSpace | None, architecture: Any) -> SearchSpace | None:
    """Find the space that an architecture is of.

    Parameters
    ----------
    space : str, SearchSpace or None
        The space, or None for the one that the architecture names.
    architecture : Architecture, str or sequence
        The architecture.

    Returns
    -------
    SearchSpace or None
        The space; None if it is an `Architecture` of no registered space.

    Raises
    ------
    TypeError
        If there is no space and it is not an `Architecture`.
    """
    if space is not None:
        return get_space(space)
    if not isinstance(architecture, Architecture):
        raise TypeError(
            f"without a space only an Architecture can be drawn, got {architecture!r:.80}; give"
            " the name of its space"
        )
    return get_space(architecture.space) if architecture.space in list_spaces() else None


def known_operations(space: SearchSpace | None) -> tuple[list[str], set[str]]:
    """Return the operations of a space.

    Parameters
    ----------
    space : SearchSpace or None
        The space; None if there is none.

    Returns
    -------
    names : list of str
        All operations.
    plain : set of str
        Those that compute nothing: they hand a signal on as it is, or none.
    """
    if space is None or space.is_open:
        return [], set()
    effects = {signal.name: signal.effect for signal in space.signal_operations}
    plain = {name for name, effect in effects.items() if effect in ("copy", "block")}
    return list(dict.fromkeys([*space.operations, *effects])), plain


def _from_edge_cell(space: EdgeCellSpace, cell: Architecture) -> Graph:
    """Draw a cell with an operation on every edge, of which some let no signal pass."""
    operations = dict(zip(space.edges, cell.operations[1:-1], strict=True))
    names = ("input", *map(str, range(1, space.n_nodes - 1)), "output")
    return _from_edges([(*edge, operations[edge]) for edge in space.edges], names, 1, space.none)


def _from_cell_graph(space: DARTSSpace, graphs: CellGraphs) -> Graph:
    """Draw a cell with operations on some edges, and wires to the output."""
    # As in the DARTS paper: the cell's inputs are the outputs of the two cells before it.
    names = ("$c_{k-2}$", "$c_{k-1}$", *map(str, range(graphs.n_nodes - 3)), "$c_k$")
    numbers = graphs.operations[0].tolist()
    edges = [
        (source, target, None if number == WIRE else space.signal_operations[number].name)
        for (source, target), number in zip(graphs.edges, numbers, strict=True)
        if number != ABSENT
    ]
    return _from_edges(edges, names, graphs.n_inputs, title=_KIND_NAMES[graphs.name])


def _from_edges(
    edges: Sequence[tuple[int, int, str | None]],
    names: Sequence[str],
    n_inputs: int,
    blocking: str | None = None,
    title: str = "",
) -> Graph:
    """Draw operations on edges; the last node is the output."""
    passing = [
        (source, target) for source, target, name in edges if name is None or name != blocking
    ]
    live = _live(range(n_inputs), [len(names) - 1], passing)
    kinds = ["input"] * n_inputs + ["state"] * (len(names) - n_inputs - 1) + ["output"]
    return Graph(
        tuple(
            Node(name, kind, number in live)
            for number, (name, kind) in enumerate(zip(names, kinds, strict=True))
        ),
        tuple(
            Edge(source, target, name, {source, target} <= live and (source, target) in passing)
            for source, target, name in edges
        ),
        title,
    )


def _from_nodes(
    architecture: Architecture,
    inputs: Collection[str] = INPUTS,
    outputs: Collection[str] = OUTPUTS,
    blocking: Collection[str] = (),
) -> Graph:
    """Draw operations on nodes."""
    kinds = {SUM: "sum", **dict.fromkeys(inputs, "input"), **dict.fromkeys(outputs, "output")}
    return _mark_dead(architecture, kinds, blocking)


def _from_recurrent(architecture: Architecture) -> Graph:
    """Draw a recurrent cell; the second and third input of a blend get a note, not a node."""
    labels = architecture.operations
    through = {
        target: source
        for source, target in architecture.edges
        if labels[target] in ("blend_first", "blend_second")
    }
    kept = [node for node in range(len(labels)) if node not in through]
    numbers = {old: new for new, old in enumerate(kept)}
    notes = {}
    edges = []
    for source, target in architecture.edges:
        if target in through:
            continue
        edge = (numbers[through.get(source, source)], numbers[target])
        if labels[target] == "blend":
            notes[edge] = _BLEND_NOTES.get(labels[source], "g")
        edges.append(edge)
    merged = Architecture(tuple(labels[node] for node in kept), tuple(edges), architecture.space)
    kinds = {
        name: "output" if name.startswith("h_new") else "input"
        for name in merged.operations
        if name == "x" or name.startswith(("h_prev", "h_new"))
    }
    # A new state counts if it leads to the output, now or at a later time step.
    places = {name: node for node, name in enumerate(merged.operations) if name in kinds}
    again = [
        (node, places[name.replace("new", "prev")])
        for name, node in places.items()
        if name.startswith("h_new")
    ]
    graph = _mark_dead(merged, kinds, (), {places["h_new_0"]}, again)
    return replace(
        graph,
        edges=tuple(
            replace(edge, note=notes.get((edge.source, edge.target), "")) for edge in graph.edges
        ),
    )


def _mark_dead(
    architecture: Architecture,
    kinds: dict[str, str],
    blocking: Collection[str],
    goals: Collection[int] = (),
    again: Iterable[tuple[int, int]] = (),
) -> Graph:
    """Build a graph in which what is on no path from an input to a goal is marked.

    `again` are edges that lead from this time step to the next. Without inputs, or goals, every
    node without predecessors, or successors, is one.
    """
    names, edges = architecture.operations, architecture.edges
    if not names:
        raise ArchitectureError("an architecture without nodes cannot be drawn")
    node_kinds = [kinds.get(name, "operation") for name in names]
    nodes = range(len(names))
    starts = {node for node in nodes if node_kinds[node] == "input"}
    starts = starts or set(nodes) - {target for _, target in edges}
    ends = set(goals) or {node for node in nodes if node_kinds[node] == "output"}
    ends = ends or set(nodes) - {source for source, _ in edges}
    blocked = {node for node in nodes if names[node] in blocking}
    live = _live(starts, ends, [*edges, *again], blocked)
    return Graph(
        tuple(
            Node(name, kind, node in live)
            for node, (name, kind) in enumerate(zip(names, node_kinds, strict=True))
        ),
        tuple(
            Edge(source, target, live=source in live and target in live) for source, target in edges
        ),
    )


def _live(
    starts: Collection[int],
    ends: Collection[int],
    edges: Sequence[tuple[int, int]],
    blocked: Collection[int] = (),
) -> set[int]:
    """Return all nodes on a path from a start to an end, past none that is blocked."""
    backward = [(target, source) for source, target in edges]
    return _closure(starts, edges, blocked) & _closure(ends, backward, blocked)


def _closure(
    starts: Collection[int], edges: Sequence[tuple[int, int]], blocked: Collection[int]
) -> set[int]:
    """Return all nodes that edges lead to from the first ones, past none that is blocked."""
    found = set(starts) - set(blocked)
    grown = True
    while grown:
        more = {target for source, target in edges if source in found} - found - set(blocked)
        found |= more
        grown = bool(more)
    return found
