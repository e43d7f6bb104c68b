"""The short token sequence of a labelled graph: each node with its operation and predecessors.

The tokens are 0 for padding, the labels from 1 on, one for "no predecessor", and then one for each
distance that a predecessor can be back. What follows a node's label are its predecessors, nearest
first. Nothing follows the first node's label, and nothing follows one whose only predecessor is the
node before.
"""

from __future__ import annotations

import numpy as np

from .._sequences import PADDING, IntArray, shift_left
from ._order import BoolArray


def write_nodes(labels: IntArray, adjacency: BoolArray, n_labels: int, length: int) -> IntArray:
    """Write graphs as node sequences.

    Parameters
    ----------
    labels : ndarray of shape (n_graphs, n_nodes)
        Label of each node from 1 on, then 0 where a graph has fewer nodes.
    adjacency : ndarray of shape (n_graphs, n_nodes, n_nodes)
        Strictly upper triangular adjacency.
    n_labels : int
        Number of labels.
    length : int
        Number of tokens of a sequence.

    Returns
    -------
    ndarray of shape (n_graphs, length)
        The sequences.
    """
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
    """Read graphs from node sequences, as far as they can be read.

    Parameters
    ----------
    tokens : ndarray of shape (n_graphs, length)
        Token matrix.
    n_nodes : int
        Largest number of nodes.
    n_labels : int
        Number of labels.

    Returns
    -------
    labels : ndarray of shape (n_graphs, n_nodes)
        Labels.
    adjacency : ndarray of shape (n_graphs, n_nodes, n_nodes)
        Adjacency. A row that is no node sequence gives some graph, which is written differently.
    """
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
