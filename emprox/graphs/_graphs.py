"""A batch of directed acyclic graphs whose nodes are operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._batch import ABSENT, WIRE, BoolArray, Floats, GraphBatch, IntArray


class Graphs(GraphBatch):
    """Many directed acyclic graphs over the same nodes.

    A node adds up what it reads, or concatenates it, and applies its operation. Which operation a
    node has, and which of the edges are there, differs from graph to graph. One object holds a
    hundred thousand cells of seven nodes, or a single network of thousands.

    Parameters
    ----------
    operations : ndarray of shape (n_graphs, n_nodes)
        Operation of each node, an index into `names`; `WIRE` for a node that only passes on what it
        reads, such as an input, a sum or the output, and `ABSENT` where a graph has no such node.
        The first `n_inputs` nodes are the inputs, the last node is the output.
    edges : sequence of (int, int)
        Source and target of every edge that a graph may have, sources before targets. They are
        kept sorted by target.
    names : sequence of str
        Names of the operations.
    present : ndarray of shape (n_graphs, n_edges) or None, default=None
        Which edges are there; None for all of them. An edge of a node that is absent is not there.
    n_inputs : int, default=1
        Number of inputs. In a cell that reads earlier cells, input i is the output of the cell
        ``n_inputs - i`` places before.
    inputs : sequence of str, default=()
        Names of the inputs, if they have any.
    concatenates : frozenset of int, default=frozenset()
        Nodes that concatenate what they read; all others add it up.
    kind : str, default=""
        Name of the kind of cell, for the names of columns; empty if there is only one.
    numbers : mapping of str to ndarray of shape (n_graphs, n_nodes), default={}
        Numbers of the nodes, such as their width or their number of weights.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.graphs import WIRE, Graphs
    >>> graphs = Graphs(
    ...     np.array([[WIRE, 0, 1, WIRE], [WIRE, 0, 0, WIRE]]),
    ...     edges=[(0, 1), (0, 2), (1, 3), (2, 3)],
    ...     names=["conv", "pool"],
    ...     present=np.array([[True, True, True, True], [True, True, True, False]]),
    ... )
    >>> graphs.live().operations
    array([[-2,  0,  1, -2],
           [-2,  0, -1, -2]])
    """

    @classmethod
    def chain(
        cls,
        operations: NDArray[np.integer[Any]],
        names: Sequence[str],
        numbers: Mapping[str, NDArray[Any]] | None = None,
        optional: bool = False,
    ) -> Graphs:
        """Put operations one after the other, between an input and the output.

        Parameters
        ----------
        operations : ndarray of shape (n_graphs, n_operations)
            The operations, `ABSENT` after the last if they are fewer.
        names : sequence of str
            Names of the operations.
        numbers : mapping of str to ndarray of shape (n_graphs, n_operations), default=None
            Numbers of the operations; input and output get those of the nodes beside them.
        optional : bool, default=False
            Whether there may be fewer operations; then any node may lead to the output.

        Returns
        -------
        Graphs
            The chains.
        """
        n_nodes = operations.shape[1] + 2
        nodes = np.pad(operations, ((0, 0), (1, 1)), constant_values=WIRE)
        beside = {
            name: np.pad(values, ((0, 0), (1, 1)), mode="edge")
            for name, values in (numbers or {}).items()
        }
        edges = [(node - 1, node) for node in range(1, n_nodes)]
        if not optional:
            return cls(nodes, edges, names, numbers=beside)
        is_last = (nodes[:, :-2] != ABSENT) & (nodes[:, 1:-1] == ABSENT)
        present = np.hstack([np.ones((len(nodes), len(edges)), dtype=bool), is_last])
        edges += [(node, n_nodes - 1) for node in range(n_nodes - 2)]
        return cls(nodes, edges, names, present, numbers=beside)

    @property
    def connected(self) -> BoolArray:
        """Whether any path leads from an input to the output: shape (n_graphs,)."""
        return self._spread(slice(self.n_inputs))[-1]

    def live(self) -> Graphs:
        """Leave out the nodes and edges that are on no path from an input to the output.

        Returns
        -------
        Graphs
            The same graphs with nothing in their place. Inputs and the output stay.
        """
        alive = self._spread(slice(self.n_inputs)) & self._spread(-1, backward=True)
        alive[: self.n_inputs] = alive[-1] = True
        sources, targets = self.ends
        return replace(
            self,
            operations=np.where(alive.T, self.operations, ABSENT),
            present=(self.there & alive[sources] & alive[targets]).T,
        )

    def without(self, operations: Sequence[int]) -> Graphs:
        """Leave out the nodes with some operations, such as those that hand nothing on.

        Parameters
        ----------
        operations : sequence of int
            Indices into `names`.

        Returns
        -------
        Graphs
            The graphs with nothing in their place.
        """
        gone = np.isin(self.operations, list(operations))
        return replace(self, operations=np.where(gone, ABSENT, self.operations))

    def along_paths(self) -> tuple[IntArray, BoolArray]:
        """Write the operations along every path that leads from an input to the output.

        Returns
        -------
        operations : ndarray of shape (n_graphs, n_paths, n_nodes_between)
            For every path that the edges allow the operations between input and output, `ABSENT`
            after the last.
        present : ndarray of shape (n_graphs, n_paths)
            Which paths are there.
        """
        # Paths that end at each node, as the edges along them.
        ending: list[list[tuple[int, ...]]] = [[()]] * self.n_inputs
        into: dict[int, list[int]] = {node: [] for node in range(self.n_inputs, self.n_nodes)}
        for edge, (_, target) in enumerate(self.edges):
            into[target].append(edge)
        for edges in into.values():
            ending.append([(*p, edge) for edge in edges for p in ending[self.edges[edge][0]]])
        paths, n_between = ending[-1], max(map(len, ending[-1]), default=1) - 1
        between = np.zeros((len(paths), n_between), dtype=np.int64)
        is_there = np.zeros((len(paths), n_between), dtype=bool)
        present = np.empty((self.n_graphs, len(paths)), dtype=bool)
        for number, path in enumerate(paths):
            between[number, : len(path) - 1] = [self.edges[edge][1] for edge in path[:-1]]
            is_there[number, : len(path) - 1] = True
            present[:, number] = self.there[list(path)].all(axis=0)
        return np.where(is_there, self.operations[:, between], ABSENT), present

    def without_wires(self) -> tuple[NDArray[np.integer[Any]], BoolArray]:
        """Leave out inner nodes that only pass on: what reads them reads what they read.

        Returns
        -------
        operations : ndarray of shape (n_graphs, n_kept)
            Operations of the nodes; those that no graph has are left out.
        adjacency : ndarray of shape (n_graphs, n_kept, n_kept)
            True at [i, u, v] where node v reads node u.
        """
        adjacency, operations = self.adjacency, self.operations.copy()
        for node in range(self.n_inputs, self.n_nodes - 1):
            wire = self.by_node[node] == WIRE
            if wire.any():
                joined = adjacency[:, :, node, None] & adjacency[:, None, node]
                adjacency |= joined & wire[:, None, None]
                adjacency[wire, node] = adjacency[wire, :, node] = False
                operations[wire, node] = ABSENT
        kept = (operations != ABSENT).any(axis=0)
        return operations[:, kept], adjacency[:, kept][:, :, kept]

    def lookup(self, values: ArrayLike, wire: float = 0, absent: float = 0) -> Floats:
        """Look up a number of every node's operation, or several.

        Parameters
        ----------
        values : array-like of shape (n_names,) or (n_values, n_names)
            Numbers of each operation.
        wire, absent : float, default=0
            Number of a node that only passes on, and of one that is not there.

        Returns
        -------
        ndarray of shape (n_nodes, n_graphs) or (n_nodes, n_values, n_graphs)
            The numbers.
        """
        values = np.asarray(values, dtype=float)
        # WIRE and ABSENT are -2 and -1, and count from the end.
        table = np.empty((*values.shape[:-1], values.shape[-1] + 2))
        table[..., :-2], table[..., -2], table[..., -1] = values, wire, absent
        numbers = table.take(self.by_node, axis=-1)
        return np.ascontiguousarray(numbers.swapaxes(0, 1)) if values.ndim == 2 else numbers

    def sum_over_paths(self, gains: Floats) -> Floats:
        """Add up, over all paths from an input to the output, the product of the nodes' gains.

        Parameters
        ----------
        gains : ndarray of shape (n_nodes, ..., n_graphs)
            Gain of each node.

        Returns
        -------
        ndarray of shape (..., n_graphs)
            The sums, 0 where there is no path.
        """
        sums = gains.copy()
        for node in self.reads:
            sums[node] *= self._sum_read(sums, node) * self.nodes[node]
        return sums[-1]

    def total_lengths(self, lengths: Floats) -> tuple[Floats, Floats]:
        """Add up the nodes' lengths along each path from an input to the output, over all paths.

        Parameters
        ----------
        lengths : ndarray of shape (n_nodes, ..., n_graphs)
            Length of each node.

        Returns
        -------
        totals : ndarray of shape (..., n_graphs)
            The sums, 0 where there is no path.
        n_paths : ndarray of shape (n_graphs,)
            Number of paths.
        """
        totals, n_paths = lengths.copy(), np.ones((self.n_nodes, self.n_graphs))
        for node in self.reads:
            n_paths[node] = self._sum_read(n_paths, node) * self.nodes[node]
            before = self._sum_read(totals, node) * self.nodes[node]
            totals[node] = before + lengths[node] * n_paths[node]
        return totals[-1], n_paths[-1]

    def longest_paths(self, lengths: Floats, start: int | None = None) -> Floats:
        """Add up the nodes' lengths along the path on which they are most.

        Parameters
        ----------
        lengths : ndarray of shape (n_nodes, ..., n_graphs)
            Length of each node.
        start : int, default=None
            The input that paths begin at; None for all inputs.

        Returns
        -------
        ndarray of shape (n_nodes, ..., n_graphs)
            The most on any path from an input up to and with each node; minus infinity where none
            leads there.
        """
        longest = np.full(lengths.shape, -np.inf, dtype=lengths.dtype)
        starts = slice(self.n_inputs) if start is None else start
        longest[starts] = lengths[starts]
        for node, sources in self.reads.items():
            for source, where in sources:
                far = longest[source]
                if where is not None:
                    far = np.where(where, far, far.dtype.type(-np.inf))
                np.maximum(longest[node], far, out=longest[node])
            longest[node] += lengths[node]
            longest[node, ..., ~self.nodes[node]] = -np.inf
        return longest

    def reading_inputs(self, start: int | None = None) -> BoolArray:
        """Say which nodes read an input, directly or over wires.

        Parameters
        ----------
        start : int, default=None
            Which input; None for any.

        Returns
        -------
        ndarray of shape (n_nodes, n_graphs)
            True for nodes that do.
        """
        starts = slice(self.n_inputs) if start is None else start
        reading = self._spread(starts, through=self.by_node == WIRE)
        reading[starts] = False
        return reading

    def read_by_output(self) -> BoolArray:
        """Say which nodes the output reads, directly or over wires.

        Returns
        -------
        ndarray of shape (n_nodes, n_graphs)
            True for nodes that are read.
        """
        read = self._spread(-1, backward=True, through=self.by_node == WIRE)
        read[-1] = False
        return read

    def _spread(
        self, starts: int | slice, backward: bool = False, through: BoolArray | None = None
    ) -> BoolArray:
        """Say which nodes are led to from the starting ones, or lead to them, through some."""
        found = np.zeros((self.n_nodes, self.n_graphs), dtype=bool)
        found[starts] = True
        for edge in range(len(self.edges))[:: -1 if backward else 1]:
            here, there = self.edges[edge][:: -1 if backward else 1]
            passing = found[here] & self.there[edge]
            found[there] |= passing if through is None else passing & through[here]
        return found

    def _sum_read(self, values: Floats, node: int) -> Floats:
        """Add up the values of what a node reads."""
        total = np.zeros(values.shape[1:])
        for source, where in self.reads[node]:
            total += values[source] if where is None else values[source] * where
        return total
