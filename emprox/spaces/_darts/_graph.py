"""A DARTS genotype as one labelled graph: the form of the EmProx paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .._architecture import Architecture
from .._errors import ArchitectureError
from .._sequences import IntArray, flatten_graphs, unflatten_graphs
from ._genotypes import N_INPUTS, N_NODES

# A cell: two inputs, the same at the width of the cell, then for each inner node its two
# operations and their sum, then the output.
CELL_SIZE = 2 * N_INPUTS + 3 * N_NODES + 1
GRAPH_SIZE = 1 + 2 * CELL_SIZE
SEQUENCE_LENGTH = (GRAPH_SIZE - 1) * (GRAPH_SIZE + 2) // 2


class GenotypeGraph:
    """Turn decisions into a graph of 35 nodes and back.

    Node 0 is the input of the network; the normal cell has the next 17 nodes, the reduction cell
    the last 17.

    Parameters
    ----------
    operations : sequence of str
        Names of the operations.
    """

    def __init__(self, operations: Sequence[str]) -> None:
        self.operations = tuple(operations)
        self.vocabulary = (*("padding", "no edge", "edge"), *operations, "input", "sum", "output")
        self._numbers = {name: number for number, name in enumerate(operations)}
        labels = ["input"]
        # The normal cell reads the output of an earlier cell (1), and that of a cell after it (2).
        edges = [(0, 1), (1, 2)]
        operation_nodes: list[int] = []
        sources: list[list[int]] = []
        for start in (1, 1 + CELL_SIZE):
            first, output = start + 2 * N_INPUTS, start + CELL_SIZE - 1
            states = [start + N_INPUTS, start + N_INPUTS + 1]
            edges += [(start, states[0]), (start + 1, states[1])]
            labels += ["input"] * (2 * N_INPUTS)
            for pair in range(first, output, 3):
                known = states + [-1] * (N_INPUTS + N_NODES - len(states))
                sources += [known, known]
                operation_nodes += [pair, pair + 1]
                edges += [(pair, pair + 2), (pair + 1, pair + 2), (pair + 2, output)]
                labels += [operations[0], operations[0], "sum"]
                states.append(pair + 2)
            labels.append("output")
        # The reduction cell follows the normal cell.
        edges += [(2, 1 + CELL_SIZE), (CELL_SIZE, 2 + CELL_SIZE)]
        self._labels = np.array(labels, dtype=object)
        self._label_tokens = np.array([self.vocabulary.index(label) for label in labels])
        self._fixed_edges = frozenset(edges)
        self._fixed = np.zeros((GRAPH_SIZE, GRAPH_SIZE), dtype=bool)
        self._fixed[tuple(np.transpose(edges))] = True
        self._operation_nodes = np.array(operation_nodes)
        # Row for row the nodes that an operation may read, padded with -1.
        self._sources = np.array(sources)

    def architecture(self, decisions: IntArray, space: str) -> Architecture:
        """Build the graph of one genotype.

        Parameters
        ----------
        decisions : ndarray of shape (32,)
            Its decisions.
        space : str
            Name of the search space.

        Returns
        -------
        Architecture
            The graph.
        """
        labels = self._labels.copy()
        labels[self._operation_nodes] = [self.operations[number] for number in decisions[1::2]]
        read = self._sources[np.arange(len(self._sources)), decisions[::2]]
        chosen = zip(read.tolist(), self._operation_nodes.tolist(), strict=True)
        return Architecture(tuple(labels), (*self._fixed_edges, *chosen), space)

    def read(self, architecture: Architecture) -> list[int]:
        """Read the decisions from a graph.

        Parameters
        ----------
        architecture : Architecture
            The graph, its nodes in the order in which `architecture` puts them.

        Returns
        -------
        list of int
            The 32 decisions.

        Raises
        ------
        ArchitectureError
            If it is not the graph of a genotype.
        """
        labels = architecture.operations
        if len(labels) != GRAPH_SIZE or not self._fixed_edges <= set(architecture.edges):
            raise ArchitectureError(
                f"the graph is not that of a DARTS genotype: it has to have {GRAPH_SIZE} nodes, and"
                " the edges that all these graphs have"
            )
        adjacency = architecture.adjacency != 0
        tokens = [
            self._token(node, label, expected)
            for node, (label, expected) in enumerate(zip(labels, self._labels, strict=True))
        ]
        return self._decisions(adjacency[None], np.array([tokens]))[0].tolist()

    def tokens(self, decisions: IntArray) -> IntArray:
        """Write the graphs as token sequences.

        Parameters
        ----------
        decisions : ndarray of shape (n_genotypes, 32)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_genotypes, 629)
            Token matrix.
        """
        adjacency = np.tile(self._fixed, (len(decisions), 1, 1))
        read = self._sources[np.arange(len(self._sources)), decisions[:, ::2]]
        adjacency[np.arange(len(decisions))[:, None], read, self._operation_nodes] = True
        labels = np.tile(self._label_tokens, (len(decisions), 1))
        labels[:, self._operation_nodes] += decisions[:, 1::2]
        return flatten_graphs(adjacency, labels)

    def from_tokens(self, tokens: IntArray) -> IntArray:
        """Read decisions from token sequences.

        Parameters
        ----------
        tokens : ndarray of shape (n_genotypes, 629)
            Token matrix.

        Returns
        -------
        ndarray of shape (n_genotypes, 32)
            Decision matrix.

        Raises
        ------
        ArchitectureError
            If a row is not the sequence of a genotype.
        """
        adjacency, labels = unflatten_graphs(tokens, GRAPH_SIZE)
        # The label of the first node is not part of the sequence.
        labels[:, 0] = self._label_tokens[0]
        return self._decisions(adjacency, labels)

    def _token(self, node: int, label: str, expected: str) -> int:
        if label != expected and not (expected in self._numbers and label in self._numbers):
            allowed = "one of the operations" if expected in self._numbers else repr(expected)
            raise ArchitectureError(f"node {node} is {label!r}, but has to be {allowed}")
        return self.vocabulary.index(label)

    def _decisions(self, adjacency: NDArray[np.bool_], labels: IntArray) -> IntArray:
        """Read the decisions from adjacency and label tokens, and check everything else."""
        rows = np.arange(len(labels))[:, None]
        operations = labels[:, self._operation_nodes] - self._label_tokens[self._operation_nodes]
        possible = adjacency[:, self._sources, self._operation_nodes[:, None]]
        decisions = np.empty((len(labels), 2 * len(self._sources)), dtype=np.int64)
        decisions[:, ::2] = (possible & (self._sources >= 0)).argmax(axis=2)
        decisions[:, 1::2] = operations
        # Whatever is left after the graphs of these decisions has been taken away is wrong.
        left = adjacency ^ self._fixed
        read = self._sources[np.arange(len(self._sources)), decisions[:, ::2]]
        left[rows, read, self._operation_nodes] ^= True
        fixed = np.delete(np.arange(GRAPH_SIZE), self._operation_nodes)
        wrong = left.any(axis=(1, 2)) | (labels[:, fixed] != self._label_tokens[fixed]).any(axis=1)
        wrong |= ((operations < 0) | (operations >= len(self.operations))).any(axis=1)
        if wrong.any():
            raise ArchitectureError(
                "the graph is not that of a DARTS genotype: every operation reads one input or"
                " earlier inner node of its cell, and all else is the same in all graphs",
                index=int(wrong.argmax()),
            )
        return decisions
