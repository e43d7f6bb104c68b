"""Reachability in many graphs at once, and graphs at random.

A batch of graphs is a tensor of adjacency matrices whose edges lead from lower to higher nodes.
"""

from __future__ import annotations

import numpy as np

from .._sequences import IntArray
from ._order import BoolArray


def reached(adjacency: BoolArray, sources: BoolArray) -> BoolArray:
    """Mark the nodes that lie on a way from some nodes, these included.

    Parameters
    ----------
    adjacency : ndarray of shape (n_graphs, n_nodes, n_nodes)
        Strictly upper triangular adjacency.
    sources : ndarray of shape (n_graphs, n_nodes)
        Where the ways start.

    Returns
    -------
    ndarray of shape (n_graphs, n_nodes)
        True at the nodes that are reached.
    """
    marked = sources.copy()
    for node in range(1, adjacency.shape[1]):
        marked[:, node] |= (adjacency[:, :node, node] & marked[:, :node]).any(axis=1)
    return marked


def leading_to(adjacency: BoolArray, targets: BoolArray) -> BoolArray:
    """Mark the nodes that lie on a way to some nodes, these included.

    Parameters
    ----------
    adjacency : ndarray of shape (n_graphs, n_nodes, n_nodes)
        Strictly upper triangular adjacency.
    targets : ndarray of shape (n_graphs, n_nodes)
        Where the ways end.

    Returns
    -------
    ndarray of shape (n_graphs, n_nodes)
        True at the nodes that lead there.
    """
    marked = targets.copy()
    for node in range(adjacency.shape[1] - 2, -1, -1):
        marked[:, node] |= (adjacency[:, node, node + 1 :] & marked[:, node + 1 :]).any(axis=1)
    return marked


def connected_with_first(adjacency: BoolArray) -> BoolArray:
    """Mark the nodes that edges in any direction connect with the first node.

    Parameters
    ----------
    adjacency : ndarray of shape (n_graphs, n_nodes, n_nodes)
        Strictly upper triangular adjacency.

    Returns
    -------
    ndarray of shape (n_graphs, n_nodes)
        True at the nodes of the first one's component.
    """
    marked = np.zeros(adjacency.shape[:2], dtype=bool)
    marked[:, 0] = True
    n_marked = 0
    while n_marked < (n_marked := int(marked.sum())):
        marked = leading_to(adjacency, reached(adjacency, marked))
    return marked


def draw_connected(n_graphs: int, n_nodes: int, rng: np.random.Generator) -> BoolArray:
    """Draw connected graphs: a random tree, and a geometric number of further edges.

    Parameters
    ----------
    n_graphs : int
        How many.
    n_nodes : int
        Number of nodes of each.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_graphs, n_nodes, n_nodes)
        Strictly upper triangular adjacency. On average there are half as many edges beyond the
        tree as there are nodes. Every graph has a chance.
    """
    adjacency = np.zeros((n_graphs, n_nodes, n_nodes), dtype=bool)
    rows = np.arange(n_graphs)[:, None]
    # In a random order each node but the first is joined to one of those before it.
    order = np.argsort(rng.random((n_graphs, n_nodes)), axis=1)
    places = (rng.random((n_graphs, n_nodes)) * np.arange(n_nodes)).astype(np.int64)
    partners = np.take_along_axis(order, places, axis=1)[:, 1:]
    joined = order[:, 1:]
    adjacency[rows, np.minimum(joined, partners), np.maximum(joined, partners)] = True
    targets, sources = np.tril_indices(n_nodes, -1)
    priority = np.where(adjacency[:, sources, targets], 2, rng.random((n_graphs, len(targets))))
    n_more = rng.geometric(1 / (1 + n_nodes / 2), (n_graphs, 1)) - 1
    adjacency[:, sources, targets] |= np.argsort(np.argsort(priority, axis=1), axis=1) < n_more
    return adjacency


def n_links(adjacency: BoolArray, n_nodes: IntArray | int) -> IntArray:
    """Count edges, and nodes without predecessor other than the first.

    Parameters
    ----------
    adjacency : ndarray of shape (n_graphs, n_nodes, n_nodes)
        Strictly upper triangular adjacency.
    n_nodes : int or ndarray of shape (n_graphs,)
        Number of nodes of each graph; they come first.

    Returns
    -------
    ndarray of shape (n_graphs,)
        The numbers.
    """
    n_predecessors = adjacency.sum(axis=1)
    n_without = n_nodes - (n_predecessors > 0).sum(axis=1)
    return np.asarray(n_predecessors.sum(axis=1) + n_without - 1)
