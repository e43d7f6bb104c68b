"""Architectures of every space as graphs whose nodes are the operations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from ..spaces import (
    Architecture,
    DAGSpace,
    DARTSSpace,
    EdgeCellSpace,
    NASBenchNLPSpace,
    SearchSpace,
)
from ..spaces._sequences import IntArray

# Where there is no operation.
NOTHING = -1


@dataclass(frozen=True)
class OperationGraphs:
    """Operations and what they read, for a batch of architectures.

    Parameters
    ----------
    operations : ndarray of shape (n_architectures, n_nodes)
        Operation of each node, an index into `names`; NOTHING at the inputs and the output, at
        nodes that only pass on what they read, such as sums, and where no node is.
    reads : ndarray of shape (n_architectures, n_nodes, n_nodes)
        True at [i, u, v] where v reads the output of u, which is only possible for u < v. The
        first nodes are the inputs, the last is the output.
    names : tuple of str
        Names of the operations.
    most_nodes : int
        Number of nodes of the largest graph of the space, inputs and output among them.
    kind : str, default=""
        Name of the kind of cell; empty if there is only one.
    inputs : tuple of str, default=("",)
        Names of the inputs; one that is empty if there is only one.
    """

    operations: IntArray
    reads: NDArray[np.bool_]
    names: tuple[str, ...]
    most_nodes: int
    kind: str = ""
    inputs: tuple[str, ...] = ("",)

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return len(self.inputs)

    @property
    def prefix(self) -> str:
        """What stands before the name of a column about this kind of cell."""
        return f"{self.kind}: " if self.kind else ""


def operation_graphs(space: SearchSpace, decisions: IntArray) -> list[OperationGraphs]:
    """Write architectures as operation graphs.

    An operation that hands nothing on, such as "none", is no node.

    Parameters
    ----------
    space : SearchSpace
        The search space.
    decisions : ndarray of shape (n_architectures, n_decisions)
        Decision matrix.

    Returns
    -------
    list of OperationGraphs
        The graphs, one batch for each kind of cell.
    """
    if isinstance(space, EdgeCellSpace):
        return [_edge_cells(space, decisions)]
    if isinstance(space, DARTSSpace):
        return _darts_cells(space, decisions)
    return [_node_graphs(space, decisions)]


def check_has_graphs(space: SearchSpace, decisions: IntArray, purpose: str) -> None:
    """Refuse a space that knows of no graph behind its decisions.

    Parameters
    ----------
    space : SearchSpace
        The search space.
    decisions : ndarray of shape (n_architectures, n_decisions)
        Some architectures.
    purpose : str
        What needs graphs; the error message begins with it.

    Raises
    ------
    ValueError
        If there are none.
    """
    if not space.cell_graphs(decisions[:1]):
        raise ValueError(
            f"{purpose} describes graphs of operations, but the space {space.name!r} has no graphs;"
            " take OneHotEncoding, or a space with cell_graphs"
        )


def adjacency_size(length: int) -> tuple[int, bool]:
    """Say what a sequence "adjacency" holds.

    Parameters
    ----------
    length : int
        Number of its tokens.

    Returns
    -------
    n_nodes : int
        Number of nodes.
    writes_first : bool
        Whether it begins with the operation of the first node, which most leave out.
    """
    # With all operations it has n (n + 1) / 2 tokens, and without the first one fewer.
    n_nodes = (isqrt(8 * (length + 1) + 1) - 1) // 2
    if n_nodes * (n_nodes + 1) // 2 == length + 1:
        return n_nodes, False
    return (isqrt(8 * length + 1) - 1) // 2, True


def live(graphs: OperationGraphs) -> OperationGraphs:
    """Leave out what is on no path from an input to the output.

    Parameters
    ----------
    graphs : OperationGraphs
        The graphs.

    Returns
    -------
    OperationGraphs
        The graphs with nothing where there was such a node.
    """
    reads, n_nodes = graphs.reads, graphs.reads.shape[1]
    reached = np.zeros(graphs.operations.shape, dtype=bool)
    reached[:, : graphs.n_inputs] = True
    for node in range(graphs.n_inputs, n_nodes):
        reached[:, node] = (reads[:, :node, node] & reached[:, :node]).any(axis=1)
    needed = np.zeros_like(reached)
    needed[:, -1] = True
    for node in range(n_nodes - 2, -1, -1):
        needed[:, node] = (reads[:, node, node + 1 :] & needed[:, node + 1 :]).any(axis=1)
    there = reached & needed
    return replace(
        graphs,
        operations=np.where(there, graphs.operations, NOTHING),
        reads=reads & there[:, :, None] & there[:, None, :],
    )


def _edge_cells(space: EdgeCellSpace, decisions: IntArray) -> OperationGraphs:
    """Turn cells with an operation on every edge into graphs with a node for each edge."""
    n_edges, last = len(space.edges), space.n_nodes - 1
    reads = np.zeros((n_edges + 2, n_edges + 2), dtype=bool)
    for number, (source, target) in enumerate(space.edges, start=1):
        reads[0, number] = source == 0
        reads[number, -1] = target == last
        for later, (next_source, _) in enumerate(space.edges, start=1):
            reads[number, later] = target == next_source
    none = space.operations.index(space.none)
    operations = decisions - (decisions > none)
    operations[decisions == none] = NOTHING
    operations = np.pad(operations, ((0, 0), (1, 1)), constant_values=NOTHING)
    there = operations != NOTHING
    there[:, [0, -1]] = True
    return OperationGraphs(
        operations,
        reads & there[:, :, None] & there[:, None, :],
        tuple(name for name in space.operations if name != space.none),
        most_nodes=n_edges + 2,
    )


def _darts_cells(space: DARTSSpace, decisions: IntArray) -> list[OperationGraphs]:
    """Turn the normal and the reduction cells of DARTS into graphs."""
    cells = []
    for kind, cell in zip(("normal", "reduce"), np.split(decisions, 2, axis=1), strict=True):
        sources, operations = cell[:, ::2], cell[:, 1::2]
        operations = np.pad(operations, ((0, 0), (2, 1)), constant_values=NOTHING)
        # The inner node that each operation is part of, behind the two inputs.
        nodes = np.array([0, 1, 2, 2, 3, 3, 4, 4, 5, 5])
        reads = np.zeros((*operations.shape, operations.shape[1]), dtype=bool)
        reads[:, :-1, 2:-1] = nodes[:, None] == sources[:, None, :]
        reads[:, 2:-1, -1] = True
        inputs = ("c_{k-2}", "c_{k-1}")
        n_nodes = operations.shape[1]
        cells.append(
            OperationGraphs(operations, reads, space.operations, n_nodes, kind=kind, inputs=inputs)
        )
    return cells


def _node_graphs(space: SearchSpace, decisions: IntArray) -> OperationGraphs:
    """Turn architectures with operations on the nodes into graphs."""
    effects = {operation.name: operation.effect for operation in space.signal_operations}
    ends = {space.input, space.output} if isinstance(space, DAGSpace) else set()
    chosen = [name for name in space.operations if name not in ends]
    blocking = {name for name in chosen if effects.get(name) == "block"}
    names = tuple(name for name in chosen if name not in blocking)
    inputs = ("x", "previous state") if isinstance(space, NASBenchNLPSpace) else ("",)
    graphs = [
        _read_graph(architecture, set(names), blocking, inputs)
        for architecture in space.decode(decisions)
    ]
    n_nodes = len(inputs) + max(len(inner) for inner, _ in graphs) + 1
    numbers = {name: number for number, name in enumerate(names)}
    operations = np.full((len(graphs), n_nodes), NOTHING)
    reads = np.zeros((len(graphs), n_nodes, n_nodes), dtype=bool)
    for row, (inner, edges) in enumerate(graphs):
        for node, name in enumerate(inner, start=len(inputs)):
            operations[row, node] = numbers.get(name, NOTHING)
        for source, target in edges:
            reads[row, source, target] = True
    return OperationGraphs(operations, reads, names, _most_nodes(space), inputs=inputs)


def _read_graph(
    architecture: Architecture, names: set[str], blocking: set[str], inputs: tuple[str, ...]
) -> tuple[list[str], list[tuple[int, int]]]:
    """Take an architecture apart: operations of the inner nodes, and edges.

    The inner nodes stand behind the inputs; the output has the number -1. Nodes at an end that are
    no operations are the inputs and the output. If there are none at that end, all nodes there
    read the input, or are read by the output.
    """
    operations, nodes = architecture.operations, range(architecture.n_nodes)
    has_source = {target for _, target in architecture.edges}
    has_target = {source for source, _ in architecture.edges}
    outside = {node for node in nodes if operations[node] not in names | blocking}
    sources, sinks = outside - has_source, outside & has_source - has_target
    inner = [node for node in nodes if node not in sources | sinks]
    places = {node: place for place, node in enumerate(inner, start=len(inputs))}
    places |= dict.fromkeys(sinks, -1)
    # Of several inputs the first has a name, and all else is the second.
    places |= {node: int(len(inputs) > 1 and operations[node] != inputs[0]) for node in sources}
    passing = {node for node in nodes if operations[node] not in blocking}
    edges = [
        (places[source], places[target])
        for source, target in architecture.edges
        if source in passing and target in passing
    ]
    if not sources:
        edges += [(0, places[node]) for node in passing - has_source]
    if not sinks:
        edges += [(places[node], -1) for node in passing - has_target]
    return [operations[node] for node in inner], edges


def _most_nodes(space: SearchSpace) -> int:
    """Return the number of nodes of the largest architecture."""
    if "adjacency" in space.sequences:
        return adjacency_size(space.sequences["adjacency"].length)[0]
    return space.n_decisions + 2
