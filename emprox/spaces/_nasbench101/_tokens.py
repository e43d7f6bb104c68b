"""Token sequences of NAS-Bench-101 cells, whose length depends on the number of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._cells import paths
from .._errors import ArchitectureError
from .._sequences import EDGE, NO_EDGE, PADDING, IntArray, shift_left, sorted_words
from ._cells import EDGES, INNER, N_NODES, OUTPUT, THERE

# The edges of each path from the input to the output of a complete cell.
PATHS = [[EDGES.index(edge) for edge in path] for path in paths(N_NODES)]
# What a valid cell needs at most for the operations along its paths and an end of each path.
PATHS_LENGTH = 36


@dataclass(frozen=True)
class Column:
    """What a column of a sequence holds.

    Parameters
    ----------
    place : int
        Where it stands when the columns are sorted by kind.
    nodes : tuple of int
        The nodes that have to be there.
    lowest, highest : int
        The tokens that may stand here.
    meaning : str
        What it says.
    """

    place: int
    nodes: tuple[int, ...]
    lowest: int
    highest: int
    meaning: str


class Layout:
    """What stands where in the sequences of cells.

    A smaller cell lacks the columns of the nodes that it does not have; the others move to the
    left, and padding follows.

    Parameters
    ----------
    columns : sequence of Column
        The columns of a cell with all seven nodes, in their order.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self._order = np.array([column.place for column in columns])
        self._lowest = np.array([column.lowest for column in columns])
        self._highest = np.array([column.highest for column in columns])
        # For each number of inner nodes, which columns are there.
        self._there = np.stack([THERE[:, c.nodes].all(axis=1) for c in columns], axis=1)

    def write(self, tokens: IntArray, n_inner: IntArray) -> IntArray:
        """Bring tokens into the order of the sequence.

        Parameters
        ----------
        tokens : ndarray of shape (n_cells, n_columns)
            Tokens, the columns sorted by kind.
        n_inner : ndarray of shape (n_cells,)
            Number of inner nodes.

        Returns
        -------
        ndarray of shape (n_cells, n_columns)
            The sequences.
        """
        return shift_left(np.where(self._there[n_inner], tokens[:, self._order], PADDING))

    def read(self, tokens: IntArray, vocabulary: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Sort the columns of sequences by kind.

        Parameters
        ----------
        tokens : ndarray of shape (n_cells, n_columns)
            The sequences.
        vocabulary : sequence of str
            Meaning of each token, for the error.

        Returns
        -------
        tokens : ndarray of shape (n_cells, n_columns)
            Tokens, the columns sorted by kind; padding where a column is not there.
        n_inner : ndarray of shape (n_cells,)
            Number of inner nodes.

        Raises
        ------
        ArchitectureError
            If the number of tokens is not that of a cell, or one is not allowed where it stands.
        """
        lengths = self._there.sum(axis=1)
        n_tokens = (tokens != PADDING).sum(axis=1)
        n_inner = np.minimum(np.searchsorted(lengths, n_tokens), len(INNER))
        holes = ((tokens[:, :-1] == PADDING) & (tokens[:, 1:] != PADDING)).any(axis=1)
        for row in np.flatnonzero((lengths[n_inner] != n_tokens) | holes)[:1].tolist():
            raise ArchitectureError(
                f"a cell has {', '.join(map(str, lengths))} tokens, for none to five inner nodes,"
                f" and then padding; these are {n_tokens[row]}{', with gaps' * bool(holes[row])}",
                index=row,
            )
        there = self._there[n_inner]
        spread = np.full(tokens.shape, PADDING)
        spread[there] = tokens[tokens != PADDING]
        wrong = there & ((spread < self._lowest) | (spread > self._highest))
        for row, column in np.argwhere(wrong)[:1].tolist():
            token = spread[row, column]
            raise ArchitectureError(
                f"token {token} ({vocabulary[token]}) stands where {self.columns[column].meaning}"
                " has to be",
                index=row,
            )
        return spread[:, np.argsort(self._order)], n_inner


def adjacency_layout(first_operation: int, output: int) -> Layout:
    """Return the layout of the paper's sequence: edges, then operations, the output the last.

    Parameters
    ----------
    first_operation : int
        The token of the first operation.
    output : int
        The token of the output.

    Returns
    -------
    Layout
        Twenty-seven columns: for each node but the input its edges and its operation.
    """
    columns = []
    for node in range(1, N_NODES):
        for source in range(node):
            place, meaning = EDGES.index((source, node)), f"the edge {source}->{node}"
            columns.append(Column(place, (source, node), NO_EDGE, EDGE, meaning))
        place, meaning = len(EDGES) + node - 1, f"the operation of node {node}"
        columns.append(Column(place, (node,), first_operation, output - 1, meaning))
    columns[-1] = Column(place, (OUTPUT,), output, output, "the output")
    return Layout(columns)


def nodes_layout(n_operations: int) -> Layout:
    """Return the layout of the short sequence: sets of nodes, then operations.

    Parameters
    ----------
    n_operations : int
        Number of operations, whose tokens are the first.

    Returns
    -------
    Layout
        Eleven columns: for each node but the input the set of nodes that lead to it, and for each
        inner node its operation.
    """
    columns = []
    for node in range(1, N_NODES):
        highest = n_operations + 2**node
        meaning = f"the set of nodes that lead to node {node}"
        columns.append(Column(node - 1, (node,), n_operations + 1, highest, meaning))
        place, meaning = OUTPUT + node - 1, f"the operation of node {node}"
        columns.append(Column(place, (node,), 1, n_operations, meaning))
    return Layout(columns[:-1])


def path_tokens(edges: IntArray, operations: IntArray, end: int) -> IntArray:
    """Write the operations along all paths of each cell, longest path first.

    Parameters
    ----------
    edges : ndarray of shape (n_cells, 21)
        Whether there is an edge.
    operations : ndarray of shape (n_cells, 5)
        Token of the operation of each inner node.
    end : int
        The token that ends a path, larger than all others.

    Returns
    -------
    ndarray of shape (n_cells, 36)
        Token sequences, the same for cells that differ in the order of their nodes.
    """
    padded = np.pad(operations, ((0, 0), (0, 1)), constant_values=PADDING)
    along = [[EDGES[edge][1] - 1 for edge in path[:-1]] for path in PATHS]
    places = [inner + [len(INNER)] * (len(INNER) - len(inner)) for inner in along]
    alive = np.stack([(edges[:, path] > 0).all(axis=1) for path in PATHS], axis=1)
    return sorted_words(padded[:, places], alive, end=end, length=PATHS_LENGTH)
