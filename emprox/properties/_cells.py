"""The cells that all columns are computed from: live edges only, one cell per column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..spaces import ABSENT, WIRE, CellGraphs, SignalOperation, live_edges

Array = NDArray[np.float64]
# Columns by name, each of shape (n_architectures,), or (n_settings, n_architectures).
Columns = dict[str, Array]


class LiveCells:
    """A batch of cells without dead edges, laid out so that arithmetic runs over the cells.

    Parameters
    ----------
    graphs : CellGraphs
        The cells.
    operations : sequence of SignalOperation, default=()
        The operations of the space; those that block count as no edge.

    Attributes
    ----------
    edges : tuple of (int, int)
        Source and target of each edge; those into a node come before those out of it.
    operations : ndarray of shape (n_edges, n_cells)
        Operation of each edge, an index into the space's ``signal_operations``; ABSENT for an edge
        that is not there or on no path from an input to the output.
    into : dict of int to list of int
        The edges that may lead to a node, for each node that is not an input.
    connected : ndarray of shape (n_cells,)
        Whether there is any path.
    """

    def __init__(self, graphs: CellGraphs, operations: Sequence[SignalOperation] = ()) -> None:
        blocking = [n for n, operation in enumerate(operations) if operation.effect == "block"]
        if blocking:
            passing = np.where(np.isin(graphs.operations, blocking), ABSENT, graphs.operations)
            graphs = replace(graphs, operations=passing)
        self.name = graphs.name
        self.edges = graphs.edges
        self.n_inputs = graphs.n_inputs
        self.n_nodes = graphs.n_nodes
        self.concatenated = graphs.concatenated
        self.widths = None if graphs.widths is None else graphs.widths.T
        self.resolutions = None if graphs.resolutions is None else graphs.resolutions.T
        self.operations = np.where(live_edges(graphs), graphs.operations.T, ABSENT)
        self.n_cells = self.operations.shape[1]
        self.connected = (self.operations != ABSENT).any(axis=0)
        self.into: dict[int, list[int]] = {}
        for edge, (_, target) in enumerate(self.edges):
            self.into.setdefault(target, []).append(edge)

    def lookup(self, numbers: Sequence[float], wire: float = 0, absent: float = 0) -> Array:
        """Look up a number of every edge's operation.

        Parameters
        ----------
        numbers : sequence of float
            Number of each operation.
        wire, absent : float, default=0
            Number of a wire, and of an edge that is not there.

        Returns
        -------
        ndarray of shape (n_edges, n_cells)
            The numbers.
        """
        # ABSENT and WIRE are -1 and -2, and count from the end.
        return np.array([*numbers, wire, absent], dtype=float)[self.operations]

    def sum_over_paths(self, factors: Array) -> Array:
        """Add up, over all paths from an input to the output, the product of its edges' factors.

        Parameters
        ----------
        factors : ndarray of shape (n_edges, ..., n_cells)
            Factor of each edge, 0 where there is none.

        Returns
        -------
        ndarray of shape (..., n_cells)
            The sums.
        """
        sums = np.zeros((self.n_nodes, *factors.shape[1:]))
        sums[: self.n_inputs] = 1
        for edge, (source, target) in enumerate(self.edges):
            sums[target] += sums[source] * factors[edge]
        return sums[-1]

    def at_input(self) -> NDArray[np.bool_]:
        """Say which edges start at an input, over wires or directly.

        Returns
        -------
        ndarray of shape (n_edges, n_cells)
            True at an input.
        """
        near = np.zeros((self.n_nodes, self.n_cells), dtype=bool)
        near[: self.n_inputs] = True
        for edge, (source, target) in enumerate(self.edges):
            near[target] |= near[source] & (self.operations[edge] == WIRE)
        return near[[source for source, _ in self.edges]]

    def at_output(self) -> NDArray[np.bool_]:
        """Say which edges end at the output, over wires or directly.

        Returns
        -------
        ndarray of shape (n_edges, n_cells)
            True at the output.
        """
        near = np.zeros((self.n_nodes, self.n_cells), dtype=bool)
        near[-1] = True
        for edge in range(len(self.edges) - 1, -1, -1):
            source, target = self.edges[edge]
            near[source] |= near[target] & (self.operations[edge] == WIRE)
        return near[[target for _, target in self.edges]]
