"""The architecture: a labelled directed acyclic graph that can be a dictionary key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..utils._optional_imports import import_optional
from ..utils._texts import shown
from ._errors import ArchitectureError

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True, slots=True)
class Architecture:
    """A neural architecture: operations on the nodes of a directed acyclic graph.

    Instances are immutable and hashable, so that they can be compared, put into sets and used as
    dictionary keys. Nodes are in topological order: every edge leads from a lower to a higher
    node.

    Parameters
    ----------
    operations : sequence of str of length n_nodes
        The operation of each node.
    edges : sequence of (int, int)
        Edges ``(source, target)`` with ``source < target``. They are kept sorted.
    space : str, default=None
        Name of the search space that the architecture comes from, if any.

    Raises
    ------
    ArchitectureError
        If an edge points to a node that does not exist or backwards, or stands twice.

    See Also
    --------
    emprox.spaces.SearchSpace : Parses, samples and changes the architectures of one space.

    Examples
    --------
    >>> from emprox.spaces import Architecture
    >>> cell = Architecture(["input", "conv", "output"], [(0, 1), (1, 2), (0, 2)])
    >>> cell.adjacency
    array([[0, 1, 1],
           [0, 0, 1],
           [0, 0, 0]], dtype=uint8)
    >>> Architecture.from_string(cell.to_string()) == cell
    True
    """

    operations: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    space: str | None = None

    def __post_init__(self) -> None:
        operations = _as_names(self.operations)
        try:
            edges = tuple(sorted((index(source), index(target)) for source, target in self.edges))
        except (TypeError, ValueError) as error:
            raise ArchitectureError(
                f"edges have to be pairs (source, target) of node numbers, got {shown(self.edges)}"
            ) from error
        for source, target in edges:
            if not 0 <= source < target < len(operations):
                raise ArchitectureError(
                    f"edge {source} -> {target} is not allowed: edges lead from a lower to a higher"
                    f" node, and there are {len(operations)} nodes (0 to {len(operations) - 1})"
                )
        if len(set(edges)) < len(edges):
            raise ArchitectureError(f"an edge stands twice in {shown(edges)}")
        if not (self.space is None or isinstance(self.space, str)):
            raise ArchitectureError(
                f"the name of the space has to be a text, got {shown(self.space)}"
            )
        object.__setattr__(self, "operations", operations)
        object.__setattr__(self, "edges", edges)

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.operations)

    @property
    def adjacency(self) -> NDArray[np.uint8]:
        """Adjacency matrix of shape (n_nodes, n_nodes), upper triangular."""
        matrix = np.zeros((self.n_nodes, self.n_nodes), dtype=np.uint8)
        matrix[tuple(np.array(self.edges, dtype=int).reshape(-1, 2).T)] = 1
        return matrix

    @classmethod
    def from_adjacency(
        cls, operations: Sequence[str], adjacency: ArrayLike, space: str | None = None
    ) -> Architecture:
        """Build an architecture from an adjacency matrix, in any node order.

        Parameters
        ----------
        operations : sequence of str of length n_nodes
            The operation of each node.
        adjacency : array-like of shape (n_nodes, n_nodes)
            Entry ``[i, j]`` is nonzero where an edge leads from node i to node j. If the nodes are
            not in topological order they are sorted, and stay in the given order where they can.
        space : str, default=None
            Name of the search space.

        Returns
        -------
        Architecture
            The architecture with its nodes in topological order.

        Raises
        ------
        ArchitectureError
            If the matrix does not fit the operations, or the graph has a cycle.
        """
        operations = _as_names(operations)
        n_nodes = len(operations)
        try:
            matrix = np.asarray(adjacency)
        except ValueError:
            matrix = np.array(None)
        if matrix.shape != (n_nodes, n_nodes) or (matrix.size and matrix.dtype.kind not in "biuf"):
            raise ArchitectureError(
                f"the adjacency matrix of {n_nodes} operations holds numbers in {n_nodes} rows and"
                f" columns, got {shown(adjacency)}"
            )
        return cls._sorted(operations, matrix != 0, range(n_nodes), space)

    @classmethod
    def from_networkx(
        cls, graph: networkx.DiGraph, operation: str = "operation", space: str | None = None
    ) -> Architecture:
        """Build an architecture from a directed graph of networkx.

        Parameters
        ----------
        graph : networkx.DiGraph
            A graph without cycles. The names of its nodes may be anything and are dropped; they
            stay in the order in which they were added where the edges allow it.
        operation : str, default="operation"
            The node attribute that holds the operation, a text.
        space : str, default=None
            Name of the search space.

        Returns
        -------
        Architecture
            The architecture.

        Raises
        ------
        ArchitectureError
            If it is no directed graph, has several edges between the same nodes or a cycle, or a
            node lacks the attribute.

        Examples
        --------
        >>> import networkx
        >>> from emprox.spaces import Architecture
        >>> graph = networkx.DiGraph([("x", "y")])
        >>> graph.add_node("x", operation="input")
        >>> graph.add_node("y", operation="conv")
        >>> Architecture.from_networkx(graph)
        Architecture(operations=('input', 'conv'), edges=((0, 1),), space=None)
        """
        networkx = import_optional("networkx", extra="plot", purpose="from_networkx")
        if not isinstance(graph, networkx.DiGraph) or graph.is_multigraph():
            raise ArchitectureError(
                "expected a networkx.DiGraph, with at most one edge from a node to another, got"
                f" {shown(graph)} of type {type(graph).__name__}"
            )
        names = list(graph.nodes)
        if lacking := [name for name in names if operation not in graph.nodes[name]]:
            raise ArchitectureError(
                f"node {shown(lacking[0])} has no attribute {operation!r} that says its operation;"
                f" it has {shown(list(graph.nodes[lacking[0]]))}"
            )
        operations = _as_names([graph.nodes[name][operation] for name in names])
        matrix = networkx.to_numpy_array(graph, weight=None, dtype=bool)
        return cls._sorted(operations, matrix, names, space)

    def to_networkx(self, operation: str = "operation") -> networkx.DiGraph:
        """Write the architecture as a directed graph of networkx.

        Parameters
        ----------
        operation : str, default="operation"
            The node attribute to keep the operations in.

        Returns
        -------
        networkx.DiGraph
            A graph whose nodes are the numbers from 0 on.

        Raises
        ------
        ImportError
            If networkx is not installed.
        """
        networkx = import_optional("networkx", extra="plot", purpose="to_networkx")
        graph = networkx.DiGraph()
        graph.add_nodes_from((n, {operation: name}) for n, name in enumerate(self.operations))
        graph.add_edges_from(self.edges)
        return graph

    @classmethod
    def _of_sorted(
        cls, operations: tuple[str, ...], edges: tuple[tuple[int, int], ...], space: str | None
    ) -> Architecture:
        """Build an architecture of what is known to be right, without checking it."""
        architecture = object.__new__(cls)
        object.__setattr__(architecture, "operations", operations)
        object.__setattr__(architecture, "edges", edges)
        object.__setattr__(architecture, "space", space)
        return architecture

    @classmethod
    def _sorted(
        cls,
        operations: Sequence[str],
        matrix: NDArray[np.bool_],
        names: Sequence[object],
        space: str | None,
    ) -> Architecture:
        """Build an architecture from a boolean adjacency matrix; the names are for the error."""
        order = topological_order(matrix, names)
        edges = np.argwhere(matrix[np.ix_(order, order)]).tolist()
        return cls(
            tuple(operations[node] for node in order),
            tuple((source, target) for source, target in edges),
            space,
        )

    def to_string(self) -> str:
        """Write the architecture as one line of JSON.

        Returns
        -------
        str
            The text that `from_string` reads.
        """
        fields: dict[str, Any] = {"operations": self.operations, "edges": self.edges}
        if self.space is not None:
            fields = {"space": self.space, **fields}
        return json.dumps(fields)

    @classmethod
    def from_string(cls, text: str) -> Architecture:
        """Read an architecture from the JSON text that `to_string` writes.

        Parameters
        ----------
        text : str
            The JSON text.

        Returns
        -------
        Architecture
            The architecture.

        Raises
        ------
        ArchitectureError
            If the text is not JSON, or a field is missing or wrong.
        """
        fields = load_json(text, "the JSON form of an architecture")
        if not isinstance(fields, dict) or not {"operations", "edges"} <= fields.keys():
            raise ArchitectureError(
                "the JSON form of an architecture needs the fields 'operations' and 'edges',"
                f" got {shown(text)}"
            )
        return cls(fields["operations"], fields["edges"], fields.get("space"))

    def __str__(self) -> str:
        return self.to_string()


def load_json(text: str, expected: str) -> Any:
    """Read JSON in which no key stands twice; the other text is for the error."""
    try:
        return json.loads(text, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ArchitectureError(f"expected {expected}, got {shown(text)}: {reason}") from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(fields := dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _as_names(operations: Iterable[str]) -> tuple[str, ...]:
    several = isinstance(operations, Iterable) and not isinstance(operations, str)
    names: tuple[Any, ...] = tuple(operations) if several else (None,)
    if not all(isinstance(name, str) for name in names):
        raise ArchitectureError(f"operations have to be a list of strings, got {shown(operations)}")
    return names


def topological_order(matrix: NDArray[np.bool_], names: Sequence[object]) -> list[int]:
    """Sort the nodes so that every edge leads forward, keeping the given order where possible."""
    n_open = matrix.sum(axis=0).tolist()
    # Free are the nodes whose predecessors are all in order; a sorted list is a heap.
    free = [node for node, n_predecessors in enumerate(n_open) if not n_predecessors]
    order: list[int] = []
    while free:
        order.append(heappop(free))
        for target in np.flatnonzero(matrix[order[-1]]).tolist():
            n_open[target] -= 1
            if not n_open[target]:
                heappush(free, target)
    if len(order) < len(matrix):
        rest = [name for node, name in enumerate(names) if node not in set(order)]
        raise ArchitectureError(f"the graph has a cycle through some of the nodes {shown(rest)}")
    return order
