"""Cells that have an operation on every edge of a complete directed acyclic graph."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ._architecture import Architecture
from ._base import SearchSpace
from ._cells import CellCounts, contract_skips, paths, relabel
from ._errors import ArchitectureError
from ._number_lists import read_numbers
from ._random import RandomState, as_generator
from ._sequences import (
    PADDING,
    IntArray,
    TokenSequence,
    flatten_graphs,
    sorted_words,
    unflatten_graphs,
)
from ._signals import ABSENT, CellGraphs, live_edges


class EdgeCellSpace(SearchSpace):
    """Cells in which every node is joined to every later one by an edge with an operation.

    A decision is the operation of an edge. As an `Architecture` a cell is its line graph: the
    operations are nodes, between an input and an output.

    A subclass sets the attributes below and those of `SearchSpace` except `sequences`, and
    implements `format` and ``_read_text``, which reads the usual text form.

    The canonical form leaves out edges on no path from the input to the output, merges nodes that
    a skip makes equal, and numbers the inner nodes in one way. With more than four nodes it leaves
    apart cells that differ in whether several signals are summed before skips pass the sum to
    several nodes, or after. The canonical forms of all cells are worked out together when the first
    is asked for, so a space of this kind may hold some 100,000 cells, not millions.

    Attributes
    ----------
    edges : tuple of (int, int)
        Source and target node of each edge, in the order of the decisions. Node 0 is the input,
        the last node the output, and an edge comes after all edges that lead to its source.
    none : str
        The operation that stands for no edge.
    skip : str
        The operation that copies its input.
    skip_copies_input : bool
        Whether it also does so from the input node. If a cell may have to change the shape of
        its input, it cannot, and then no node that it leads to is merged with the input.
    signal_operations : tuple of SignalOperation
        What each operation does to a signal, in the order of `operations`; by default nothing is
        known.
    skeleton : Skeleton
        How a network stacks its cells; by default it is a single one.

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

    edges: ClassVar[tuple[tuple[int, int], ...]]
    none: ClassVar[str]
    skip: ClassVar[str]
    skip_copies_input: ClassVar[bool] = True
    default_sequence = "operations"
    proximity_sequence = "paths"

    # For error messages: what the cells are called, and what `parse` reads.
    _benchmark: ClassVar[str]
    _accepted: ClassVar[str]

    def __init__(self) -> None:
        self.n_nodes = max(target for _, target in self.edges) + 1
        self._by_target = sorted(range(len(self.edges)), key=lambda edge: self.edges[edge][::-1])
        self._none = self.operations.index(self.none)
        self._skip = self.operations.index(self.skip)
        self._paths = [
            [self.edges.index(edge) for edge in edges_along] for edges_along in paths(self.n_nodes)
        ]
        # The edges on all paths, each path followed by an end token.
        self._paths_length = sum(map(len, self._paths)) + len(self._paths)
        # Line graph: the input, an operation for each edge, the output.
        self._line_graph = np.zeros((len(self.edges) + 2,) * 2, dtype=bool)
        for number, (source, target) in enumerate(self.edges, start=1):
            self._line_graph[0, number] = source == 0
            self._line_graph[number, -1] = target == self.n_nodes - 1
            for later, (next_source, _) in enumerate(self.edges, start=1):
                self._line_graph[number, later] = target == next_source
        self._line_graph_edges = tuple(
            (int(source), int(target)) for source, target in np.argwhere(self._line_graph)
        )
        self._numbers: dict[Any, int] = {
            key: number for number, name in enumerate(self.operations) for key in (name, number)
        }
        left_out = "skip connections" if self.skip_copies_input else "skips between inner nodes"
        n_nodes = len(self._line_graph)
        self.sequences = {
            "operations": TokenSequence(
                len(self.edges), ("padding", *self.operations), "the operation of each edge"
            ),
            "paths": TokenSequence(
                len(self.edges) + self._paths_length,
                ("padding", *self.operations, "end of path"),
                "the operation of each edge, then the operations along each path in sorted order,"
                f" {left_out} left out",
            ),
            "adjacency": TokenSequence(
                (n_nodes - 1) * (n_nodes + 2) // 2,
                ("padding", "no edge", "edge", *self.operations, "output"),
                "adjacency and operations of the line graph, column by column (EmProx paper)",
            ),
        }

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        matrix = self._check_decisions(decisions)
        names = np.array(self.operations, dtype=object)[matrix].tolist()
        return [
            Architecture(("input", *row, "output"), self._line_graph_edges, self.name)
            for row in names
        ]

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
        matrix = self._check_decisions(decisions)
        live = np.empty(matrix.shape, dtype=bool)
        live[:, self._by_target] = live_edges(self._to_graphs(matrix)).T
        return np.where(live, matrix, self._none)

    @property
    def pathless(self) -> IntArray:
        """Decisions of the cell that has no edges, so that no signal passes it."""
        return np.full(len(self.edges), self._none)

    def cell_graphs(self, decisions: ArrayLike) -> tuple[CellGraphs, ...]:
        """Write the canonical forms of cells as graphs with operations on the edges.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        tuple of CellGraphs
            The cells, as the only kind that there is.
        """
        return (self._to_graphs(self.canonicalize(decisions)),)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Replace each cell by its canonical form; see the class's notes.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix of the canonical forms.
        """
        matrix = self._check_decisions(decisions)
        return self._canonical_cells[np.ravel_multi_index(tuple(matrix.T), self.n_choices)]

    def relabel(self, decisions: ArrayLike, random_state: RandomState = None) -> IntArray:
        """Exchange neighbouring inner nodes of some cells, where no edge joins them.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix.
        """
        matrix = self._check_decisions(decisions)
        rng = as_generator(random_state)
        for node in range(1, self.n_nodes - 2):
            exchange = rng.random(len(matrix)) < 0.5
            joint = self.edges.index((node, node + 1))
            exchange &= matrix[:, joint] == self._none
            other = {node: node + 1, node + 1: node}
            order = [
                edge
                if edge == joint
                else self.edges.index((other.get(source, source), other.get(target, target)))
                for edge, (source, target) in enumerate(self.edges)
            ]
            matrix = np.where(exchange[:, None], matrix[:, order], matrix)
        return matrix

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_decisions(decisions)
        if spec is self.sequences["operations"]:
            return matrix + 1
        if spec is self.sequences["paths"]:
            return np.hstack([matrix + 1, self._path_tokens(matrix)])
        first, last = spec.vocabulary.index(self.operations[0]), spec.vocabulary_size - 1
        node_tokens = np.pad(matrix + first, ((0, 0), (1, 1)), constant_values=last)
        return flatten_graphs(self._line_graph, node_tokens)

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_tokens(tokens, sequence)
        first = spec.vocabulary.index(self.operations[0])
        if spec is self.sequences["adjacency"]:
            adjacency, node_tokens = unflatten_graphs(matrix, len(self._line_graph))
            foreign = np.flatnonzero((adjacency != self._line_graph).any(axis=(1, 2)))
            if len(foreign):
                raise ArchitectureError(
                    f"the edges are not those of a {self._benchmark} cell", int(foreign[0])
                )
            matrix = node_tokens[:, 1:]
        operations = matrix[:, : len(self.edges)] - first
        wrong = np.argwhere((operations < 0) | (operations >= len(self.operations)))
        if len(wrong):
            row, edge = (int(position) for position in wrong[0])
            token = int(operations[row, edge]) + first
            raise ArchitectureError(
                f"token {token} ({spec.vocabulary[token]}) stands where the operation of edge"
                f" {self.edges[edge][0]}->{self.edges[edge][1]} has to be",
                index=row,
            )
        return operations

    def _read(self, architecture: Any) -> Sequence[int]:
        if isinstance(architecture, Architecture):
            return self._read_line_graph(architecture)
        if isinstance(architecture, str):
            stripped = architecture.strip()
            if stripped.startswith("{"):
                return self._read_line_graph(Architecture.from_string(stripped))
            if (numbers := read_numbers(stripped)) is not None:
                return self._read_operations(numbers)
            return self._read_text(architecture)
        if isinstance(architecture, (tuple, list, np.ndarray)):
            return self._read_operations(list(architecture))
        raise ArchitectureError(
            f"expected {self._accepted} or an Architecture,"
            f" got {architecture!r} of type {type(architecture).__name__}"
        )

    @abstractmethod
    def _read_text(self, text: str) -> Sequence[int]:
        """Read the usual text form of a cell."""

    def _read_line_graph(self, architecture: Architecture) -> Sequence[int]:
        if architecture.edges != self._line_graph_edges:
            raise ArchitectureError(f"the graph is not the line graph of a {self._benchmark} cell")
        return self._read_operations(list(architecture.operations[1:-1]))

    def _read_operations(self, operations: Sequence[Any]) -> Sequence[int]:
        if len(operations) != len(self.edges):
            raise ArchitectureError(
                f"a cell has {len(self.edges)} operations, got {len(operations)}: {operations!r}"
            )
        with suppress(KeyError, TypeError):
            return [self._numbers[operation] for operation in operations]
        (source, target), operation = next(
            (edge, operation)
            for edge, operation in zip(self.edges, operations, strict=True)
            if not self._is_operation(operation)
        )
        allowed = ", ".join(f"{i} {name}" for i, name in enumerate(self.operations))
        raise ArchitectureError(
            f"unknown operation {operation!r} on edge {source}->{target};"
            f" the operations are {allowed}"
        )

    def _is_operation(self, operation: Any) -> bool:
        # What cannot be hashed is none.
        with suppress(TypeError):
            return operation in self._numbers
        return False

    def _path_tokens(self, decisions: IntArray) -> IntArray:
        """Write the operations along the live paths, longest path first."""
        padded = np.column_stack([decisions, np.full(len(decisions), self._skip)])
        longest = max(map(len, self._paths))
        no_edge = len(self.edges)
        path_edges = np.array([path + [no_edge] * (longest - len(path)) for path in self._paths])
        along = padded[:, path_edges]
        alive = (along != self._none).all(axis=2)
        copies = along == self._skip
        if not self.skip_copies_input:
            from_input = np.array([*(source == 0 for source, _ in self.edges), False])
            copies &= ~from_input[path_edges]
        words = np.where(copies, PADDING, along + 1)
        return sorted_words(words, alive, end=len(self.operations) + 1, length=self._paths_length)

    def _to_graphs(self, cells: IntArray) -> CellGraphs:
        operations = np.where(cells == self._none, ABSENT, cells)[:, self._by_target]
        return CellGraphs(tuple(self.edges[edge] for edge in self._by_target), operations)

    def _count(self, cells: IntArray) -> CellCounts:
        """Count the edges; none is left out: an edge without an operation is not there."""
        counts = np.zeros(
            (len(cells), self.n_nodes, self.n_nodes, len(self._counted)), dtype=np.int8
        )
        for edge, (source, target) in enumerate(self.edges):
            counts[:, source, target] = cells[:, edge, None] == self._counted
        return counts

    @cached_property
    def _counted(self) -> IntArray:
        return np.array([i for i in range(len(self.operations)) if i != self._none])

    @cached_property
    def _canonical_cells(self) -> IntArray:
        """Canonical form of every cell of the space, by its number."""
        cells = self._from_numbers(np.arange(self.size))
        pruned = self.prune(cells)
        skip = self._counted.tolist().index(self._skip)
        merged = contract_skips(self._count(pruned), skip, from_input=self.skip_copies_input)
        sources, targets = np.array(self.edges).T
        counts = np.ascontiguousarray(relabel(merged)[:, sources, targets])
        # Rows taken for one opaque item each are quicker to sort than rows of numbers.
        rows = counts.reshape(len(cells), -1).view(f"V{counts[0].size}").ravel()
        classes = np.unique(rows, return_inverse=True)[1]
        # Fewest operations first, then operations on early edges, then in their own order.
        places = np.where(pruned == self._none, len(self.operations), pruned)
        n_operations = (pruned != self._none).sum(axis=1)
        order = np.lexsort((*places.T[::-1], n_operations, classes))
        _, first, members = np.unique(classes[order], return_index=True, return_inverse=True)
        canonical = np.empty_like(cells)
        canonical[order] = pruned[order[first]][members]
        return canonical
