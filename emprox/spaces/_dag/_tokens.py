"""Labelled graphs as token sequences, and back."""

from __future__ import annotations

import numpy as np

from ...graphs._graphs import BoolArray
from .._sequences import EDGE, NO_EDGE, PADDING, UNKNOWN, IntArray, TokenSequence, shift_left
from ._batches import join, take_apart


def dag_sequences(
    operations: tuple[str, ...], n_nodes: int, max_edges: int | None
) -> dict[str, TokenSequence]:
    """Return the sequences of a space with these operations and sizes."""
    n_pairs, n_operations = n_nodes * (n_nodes - 1) // 2, len(operations)
    length = n_nodes + (n_pairs if max_edges is None else min(max_edges, n_pairs))
    back = (f"{distance} back" for distance in range(1, n_nodes))
    # For each token of the sequence "adjacency" its node, and whether it is its operation.
    nodes = np.repeat(np.arange(n_nodes), np.arange(1, n_nodes + 1))
    is_label = np.diff(nodes, append=n_nodes) > 0

    def write(decisions: IntArray) -> IntArray:
        tokens = np.empty((len(decisions), n_nodes + n_pairs), dtype=np.int64)
        # Pairs are in the same order in both. Labels begin with 1, operations with token 3.
        tokens[:, is_label] = decisions[:, :n_nodes] + EDGE
        tokens[:, ~is_label] = decisions[:, n_nodes:] + NO_EDGE
        return np.where(decisions[:, nodes] > 0, tokens, PADDING)

    def read(tokens: IntArray) -> IntArray:
        labels = np.maximum(tokens[:, is_label] - EDGE, 0)
        return np.hstack([labels, tokens[:, ~is_label] == EDGE])

    return {
        "nodes": TokenSequence(
            length,
            ("padding", *operations, "no predecessor", *back, UNKNOWN),
            "for each node its operation and how far back its predecessors are, if it is not just"
            " the node before",
            lambda decisions: write_nodes(*take_apart(decisions, n_nodes), n_operations, length),
            lambda tokens: join(*read_nodes(tokens, n_nodes, n_operations)),
        ),
        "adjacency": TokenSequence(
            n_nodes + n_pairs,
            ("padding", "no edge", "edge", *operations, UNKNOWN),
            "adjacency and operations, column by column (EmProx paper)",
            write,
            read,
        ),
    }


# The short token sequence of a graph: each node with its label and its predecessors, nearest first.
# The tokens are 0 for padding, the labels from 1 on, one for "no predecessor", and then one for
# each distance that a predecessor can be back. Nothing follows the first node's label, and nothing
# follows one whose only predecessor is the node before.


def write_nodes(labels: IntArray, adjacency: BoolArray, n_labels: int, length: int) -> IntArray:
    """Write graphs as node sequences."""
    n_graphs, n_nodes = labels.shape
    no_predecessor = n_labels + 1
    # Column 0 holds the label of a node, column d the token for a predecessor d places back.
    tokens = np.zeros((n_graphs, n_nodes, n_nodes + 1), dtype=np.int64)
    tokens[:, :, 0] = labels
    for distance in range(1, n_nodes):
        back = np.diagonal(adjacency, distance, axis1=1, axis2=2)
        tokens[:, distance:, distance] = back * (no_predecessor + distance)
    n_predecessors = adjacency.sum(axis=1)
    tokens[:, 1:, 1][(n_predecessors[:, 1:] == 1) & (tokens[:, 1:, 1] > 0)] = PADDING
    alone = (n_predecessors == 0) & (labels > 0)
    tokens[:, 1:, 1][alone[:, 1:]] = no_predecessor
    return shift_left(tokens.reshape(n_graphs, n_nodes * (n_nodes + 1)), length)


def read_nodes(tokens: IntArray, n_nodes: int, n_labels: int) -> tuple[IntArray, BoolArray]:
    """Read graphs from node sequences; what is none gives some graph, written differently."""
    labels = np.zeros((len(tokens), n_nodes), dtype=np.int64)
    adjacency = np.zeros((len(tokens), n_nodes, n_nodes), dtype=bool)
    is_label = (tokens > PADDING) & (tokens <= n_labels)
    nodes = is_label.cumsum(axis=1) - 1
    rows, places = np.nonzero(is_label & (nodes < n_nodes))
    labels[rows, nodes[rows, places]] = tokens[rows, places]
    distances = tokens - n_labels - 1
    sources = nodes - distances
    rows, places = np.nonzero((distances > 0) & (sources >= 0) & (nodes < n_nodes))
    adjacency[rows, sources[rows, places], nodes[rows, places]] = True
    chained = labels[:, 1:] > 0
    rows, places = np.nonzero((distances >= 0) & (nodes > 0) & (nodes < n_nodes))
    chained[rows, nodes[rows, places] - 1] = False
    rows, places = np.nonzero(chained)
    adjacency[rows, places, places + 1] = True
    return labels, adjacency
