"""The architecture: a labelled directed acyclic graph that can be a dictionary key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._errors import ArchitectureError


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
        operations = tuple(self.operations)
        if not all(isinstance(operation, str) for operation in operations):
            raise ArchitectureError(f"operations have to be strings, got {operations!r}")
        try:
            edges = tuple(sorted((int(source), int(target)) for source, target in self.edges))
        except (TypeError, ValueError) as error:
            raise ArchitectureError(
                f"edges have to be pairs (source, target) of node numbers, got {self.edges!r}"
            ) from error
        for source, target in edges:
            if not 0 <= source < target < len(operations):
                raise ArchitectureError(
                    f"edge {source} -> {target} is not allowed: edges lead from a lower to a higher"
                    f" node, and there are {len(operations)} nodes (0 to {len(operations) - 1})"
                )
        if len(set(edges)) < len(edges):
            raise ArchitectureError(f"an edge stands twice in {edges}")
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
        if self.edges:
            matrix[tuple(zip(*self.edges, strict=True))] = 1
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
        matrix = np.asarray(adjacency) != 0
        n_nodes = len(operations)
        if matrix.shape != (n_nodes, n_nodes):
            raise ArchitectureError(
                f"the adjacency matrix of {n_nodes} operations has to have the shape"
                f" ({n_nodes}, {n_nodes}), got {matrix.shape}"
            )
        order = _topological_order(matrix)
        matrix = matrix[np.ix_(order, order)]
        edges = ((int(source), int(target)) for source, target in np.argwhere(matrix))
        return cls(tuple(operations[node] for node in order), tuple(edges), space)

    def to_string(self) -> str:
        """Write the architecture as one line of JSON.

        Returns
        -------
        str
            The text that `from_string` reads.
        """
        fields = {"operations": self.operations, "edges": self.edges}
        if self.space is not None:
            fields = {"space": self.space, **fields}  # type: ignore[dict-item]
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
        try:
            fields = json.loads(text)
        except json.JSONDecodeError as error:
            raise ArchitectureError(f"not the JSON form of an architecture: {error}") from error
        if not isinstance(fields, dict) or not {"operations", "edges"} <= fields.keys():
            raise ArchitectureError(
                "the JSON form of an architecture needs the fields 'operations' and 'edges',"
                f" got {text!r}"
            )
        operations, edges = fields["operations"], fields["edges"]
        if not isinstance(operations, list) or not isinstance(edges, list):
            raise ArchitectureError(f"'operations' and 'edges' have to be lists, got {text!r}")
        return cls(tuple(operations), tuple(edges), fields.get("space"))

    def __str__(self) -> str:
        return self.to_string()


def _topological_order(matrix: NDArray[np.bool_]) -> list[int]:
    """Sort the nodes so that every edge leads forward, keeping the given order where possible."""
    remaining: Iterable[int] = range(len(matrix))
    order: list[int] = []
    while remaining := [node for node in remaining if node not in order]:
        free = [node for node in remaining if not matrix[remaining, node].any()]
        if not free:
            raise ArchitectureError(f"the graph has a cycle through some of the nodes {remaining}")
        order.append(free[0])
    return order
