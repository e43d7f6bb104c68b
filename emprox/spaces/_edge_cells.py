"""Cells that have an operation on every edge of a complete directed acyclic graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..graphs import ABSENT, WIRE, Architecture, Graphs
from ..graphs._graphs import IntArray
from ._sequences import TokenSequence, adjacency_sequence, decision_sequence, path_sequence
from ._tables import TabulatedSpace


class EdgeCellSpace(TabulatedSpace):
    """Cells in which every node is joined to every later one by an edge with an operation.

    A decision is the operation of an edge. As a graph a cell is its line graph: the operations are
    nodes, between an input and an output.

    A subclass sets the attributes below and those of `SearchSpace`, and implements ``_write_text``
    and ``_read_text`` if there is a usual text form.

    The canonical form leaves out edges on no path from the input to the output, takes skips for
    wires, and numbers what is left in one way. The canonical forms of all cells are worked out
    together when the first is asked for, so a space of this kind may hold some 100,000 cells, not
    millions.

    Attributes
    ----------
    operations : tuple of str
        Names of the operations.
    edges : tuple of (int, int)
        Source and target node of each edge, in the order of the decisions. Node 0 is the input,
        the last node the output, and an edge comes after all edges that lead to its source.
    none : str
        The operation that stands for no edge.
    skip : str
        The operation that copies its input.
    skip_copies_input : bool
        Whether it also does so from the input node. If a cell may have to change the shape of
        its input, it cannot.

    See Also
    --------
    emprox.spaces.NASBench201Space : The space of this kind that is used most.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("nasbench201")
    >>> space.edges[1]
    (0, 2)
    >>> space.prune([(2, 1, 3, 1, 1, 1)])
    array([[1, 1, 3, 1, 1, 1]])
    """

    operations: ClassVar[tuple[str, ...]]
    edges: ClassVar[tuple[tuple[int, int], ...]]
    none: ClassVar[str]
    skip: ClassVar[str]
    skip_copies_input: ClassVar[bool] = True
    default_sequence = "operations"
    proximity_sequence = "paths"

    @cached_property
    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """The operations of each edge."""
        return {f"edge {source} -> {target}": self.operations for source, target in self.edges}

    @cached_property
    def sequences(self) -> Mapping[str, TokenSequence]:
        """The ways to write a cell as tokens."""
        operations = decision_sequence(self.choices, "the operation of each edge")
        left_out = "skip connections" if self.skip_copies_input else "skips between inner nodes"
        # A path ends with a token, and is longest if all of its edges compute.
        others = {*range(len(self.operations))} - {self._none, self._skip}
        longest = self._computing(np.full((1, self.n_decisions), min(others))).along_paths()[0]
        return {
            "operations": operations,
            "paths": path_sequence(
                operations,
                self._computing,
                int((longest >= 0).sum()) + longest.shape[1],
                "the operation of each edge, then the operations along each path in sorted order,"
                f" {left_out} left out",
            ),
            "adjacency": adjacency_sequence(
                self,
                "adjacency and operations of the line graph, column by column (EmProx paper)",
            ),
        }

    @property
    def pathless(self) -> IntArray:
        """Decisions of the cell that has no edges, so that no signal passes it."""
        return np.full(self.n_decisions, self._none)

    def graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        """Write cells as their line graphs.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        tuple of Graphs
            The cells, as the only kind that there is. An edge without operation is a node whose
            operation is that.
        """
        return (line_graphs(self._check(decisions), self.edges, self.operations),)

    def prune(self, decisions: ArrayLike) -> IntArray:
        """Set the edges that are on no path from the input to the output to none.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix.
        """
        matrix = self._check(decisions)
        live = self._computing(matrix).live().operations[:, 1:-1]
        return np.where(live == ABSENT, self._none, matrix)

    def _read_graph(self, architecture: Architecture) -> Sequence[int]:
        return self._read_items(list(architecture.operations[1:-1]))

    def _live_edges(self, decisions: IntArray) -> list[tuple[int, int, str]]:
        """List the edges of a cell that are on a path, with the names of their operations."""
        (chosen,) = self.prune(decisions[None])
        return [
            (*edge, self.operations[choice])
            for edge, choice in zip(self.edges, chosen, strict=True)
            if choice != self._none
        ]

    @cached_property
    def _none(self) -> int:
        return self.operations.index(self.none)

    @cached_property
    def _skip(self) -> int:
        return self.operations.index(self.skip)

    def _computing(self, decisions: IntArray) -> Graphs:
        copies = decisions == self._skip
        if not self.skip_copies_input:
            copies &= np.array([source > 0 for source, _ in self.edges])
        edges = np.where(copies, WIRE, np.where(decisions == self._none, ABSENT, decisions))
        return line_graphs(edges, self.edges, self.operations)

    def _candidates(self, decisions: IntArray) -> tuple[IntArray, IntArray]:
        # Fewest operations first, then operations on early edges, then in their own order.
        pruned = self.prune(decisions)
        places = np.where(pruned == self._none, len(self.operations), pruned)
        return pruned, np.column_stack([(pruned != self._none).sum(axis=1), places])


def line_graphs(
    operations: IntArray, edges: Sequence[tuple[int, int]], names: Sequence[str]
) -> Graphs:
    """Write cells with an operation on each edge as graphs with an operation on each node."""
    last = max(target for _, target in edges)
    ends = [(0, 0), *edges, (last, last)]
    joined = [
        (before, after)
        for after, (source, _) in enumerate(ends)
        for before, (_, target) in enumerate(ends[:after])
        if source == target
    ]
    return Graphs(np.pad(operations, ((0, 0), (1, 1)), constant_values=WIRE), joined, names)
