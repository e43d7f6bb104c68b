"""What a batch of graphs holds, and other views of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._architecture import Architecture

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Floats = NDArray[np.float64]

# In `Graphs.operations`: no such node, and a node that only passes on what it reads.
ABSENT, WIRE = -1, -2


@dataclass(frozen=True)
class GraphBatch:
    """The fields of `Graphs`."""

    operations: NDArray[np.integer[Any]]
    edges: Sequence[tuple[int, int]]
    names: Sequence[str]
    present: BoolArray | None = None
    n_inputs: int = 1
    inputs: Sequence[str] = ()
    concatenates: frozenset[int] = frozenset()
    kind: str = ""
    numbers: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        operations = self.operations
        if operations.ndim != 2 or operations.dtype.kind not in "iu":
            raise ValueError(
                "operations are whole numbers of shape (n_graphs, n_nodes), got an array of shape"
                f" {operations.shape} and type {operations.dtype}"
            )
        last = len(self.names) - 1
        if operations.min(initial=0) < WIRE or operations.max(initial=WIRE) > last:
            raise ValueError(f"there is an operation that is not in {WIRE} to {last}")
        edges = [(int(source), int(target)) for source, target in self.edges]
        if wrong := [
            e for e in edges if not 0 <= e[0] < e[1] < self.n_nodes or e[1] < self.n_inputs
        ]:
            raise ValueError(
                f"an edge leads from a node to a later one that is no input, got {wrong[0]} among"
                f" {self.n_nodes} nodes with {self.n_inputs} inputs"
            )
        if self.present is not None and self.present.shape != (len(operations), len(edges)):
            raise ValueError(
                f"present has to be of shape {(len(operations), len(edges))}, got"
                f" {self.present.shape}"
            )
        order = sorted(range(len(edges)), key=lambda edge: edges[edge][::-1])
        if self.present is not None and order != list(range(len(edges))):
            object.__setattr__(self, "present", self.present[:, order])
        object.__setattr__(self, "edges", tuple(edges[edge] for edge in order))
        object.__setattr__(self, "names", tuple(self.names))

    @property
    def wire_names(self) -> list[str]:
        """How each node is called in an `Architecture` if it only passes on."""
        names = [*(self.inputs or ["input"] * self.n_inputs)]
        return [*names, *["sum"] * (self.n_nodes - len(names) - 1), "output"]

    @property
    def n_graphs(self) -> int:
        """Number of graphs."""
        return len(self.operations)

    @property
    def n_nodes(self) -> int:
        """Number of nodes, the inputs and the output among them."""
        return self.operations.shape[1]

    @property
    def ends(self) -> IntArray:
        """Sources and targets of the edges: shape (2, n_edges)."""
        return np.array(self.edges, dtype=np.int64).reshape(-1, 2).T

    @cached_property
    def there(self) -> BoolArray:
        """Which edges are there, with both their nodes: shape (n_edges, n_graphs)."""
        sources, targets = self.ends
        there = self.nodes[sources] & self.nodes[targets]
        return there if self.present is None else there & self.present.T

    @cached_property
    def by_node(self) -> NDArray[np.integer[Any]]:
        """The operations of each node: shape (n_nodes, n_graphs)."""
        return np.ascontiguousarray(self.operations.T)

    @cached_property
    def nodes(self) -> BoolArray:
        """Which nodes are there: shape (n_nodes, n_graphs)."""
        return self.by_node != ABSENT

    @cached_property
    def reads(self) -> dict[int, list[tuple[int, BoolArray | None]]]:
        """What each node reads in any graph, for all nodes that are no inputs.

        Each source comes with the graphs in which it is read, an array of shape (n_graphs,); None
        stands for all graphs that have both nodes. Edges that no graph has are left out.
        """
        reads: dict[int, list[tuple[int, BoolArray | None]]]
        reads = {node: [] for node in range(self.n_inputs, self.n_nodes)}
        for edge, (source, target) in enumerate(self.edges):
            there = self.there[edge]
            if there.any():
                joined = self.nodes[source] & self.nodes[target]
                everywhere = self.present is None or np.array_equal(there, joined)
                reads[target].append((source, None if everywhere else there))
        return reads

    @property
    def adjacency(self) -> BoolArray:
        """Adjacency matrices of shape (n_graphs, n_nodes, n_nodes), strictly upper triangular."""
        matrices = np.zeros((self.n_graphs, self.n_nodes, self.n_nodes), dtype=bool)
        sources, targets = self.ends
        matrices[:, sources, targets] = self.there.T
        return matrices

    def architectures(self, space: str | None = None) -> list[Architecture]:
        """Write each graph as an `Architecture`.

        Parameters
        ----------
        space : str, default=None
            Name of the search space that they come from.

        Returns
        -------
        list of Architecture
            The graphs without the nodes that are absent. Inputs are labelled "input", or with their
            name, the output "output", and other nodes that only pass on "sum".
        """
        # Labels by node and operation: WIRE and ABSENT are -2 and -1, and count from the end.
        table = np.array([[*self.names, wire, None] for wire in self.wire_names], dtype=object)
        labels = table[np.arange(self.n_nodes), self.operations].tolist()
        sources, targets = self.ends
        joined: dict[bytes, tuple[tuple[int, int], ...]] = {}
        found = []
        for row, (nodes, there) in enumerate(zip(self.nodes.T, self.there.T, strict=True)):
            if (pattern := nodes.tobytes() + there.tobytes()) not in joined:
                places = np.cumsum(nodes) - 1
                ends = places[sources[there]].tolist(), places[targets[there]].tolist()
                joined[pattern] = tuple(sorted(zip(*ends, strict=True)))
            kept = tuple(name for name in labels[row] if name is not None)
            found.append(Architecture._of_sorted(kept, joined[pattern], space))
        return found
