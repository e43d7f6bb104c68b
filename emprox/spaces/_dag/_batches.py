"""Many connected graphs at once: their decisions, what is on the way, how many there are.

A batch of graphs is a matrix of labels, which count from 1 and are 0 after a graph's last node, and
a tensor of adjacency matrices whose edges lead from lower to higher nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import comb

import numpy as np

from ...graphs import ABSENT, WIRE, Graphs
from ...graphs._graphs import BoolArray
from .._graph_forms import graphs_of
from .._sequences import IntArray


@lru_cache(maxsize=32)
def pairs(n_nodes: int) -> tuple[IntArray, IntArray]:
    """Return sources and targets of all pairs of nodes that an edge can join, by target."""
    targets, sources = np.tril_indices(n_nodes, -1)
    return sources, targets


def take_apart(decisions: IntArray, n_nodes: int) -> tuple[IntArray, BoolArray]:
    """Return the labels of the nodes and the adjacency matrices."""
    adjacency = np.zeros((len(decisions), n_nodes, n_nodes), dtype=bool)
    sources, targets = pairs(n_nodes)
    adjacency[:, sources, targets] = decisions[:, n_nodes:] > 0
    return decisions[:, :n_nodes], adjacency


def join(labels: IntArray, adjacency: BoolArray) -> IntArray:
    """Make decisions of labels and adjacency matrices."""
    sources, targets = pairs(labels.shape[1])
    return np.hstack([labels, adjacency[:, sources, targets]])


def reached(adjacency: BoolArray, sources: BoolArray) -> BoolArray:
    """Mark the nodes that lie on a way from some nodes, these included."""
    marked = sources.copy()
    for node in range(1, adjacency.shape[1]):
        marked[:, node] |= (adjacency[:, :node, node] & marked[:, :node]).any(axis=1)
    return marked


def leading_to(adjacency: BoolArray, targets: BoolArray) -> BoolArray:
    """Mark the nodes that lie on a way to some nodes, these included."""
    return reached(adjacency[:, ::-1, ::-1].swapaxes(1, 2), targets[:, ::-1])[:, ::-1]


def connected_with_first(adjacency: BoolArray) -> BoolArray:
    """Mark the nodes that edges in any direction connect with the first node."""
    marked = np.zeros(adjacency.shape[:2], dtype=bool)
    marked[:, 0] = True
    n_marked = 0
    while n_marked < (n_marked := int(marked.sum())):
        marked = leading_to(adjacency, reached(adjacency, marked))
    return marked


def with_ends(
    operations: IntArray, adjacency: BoolArray, live: BoolArray, names: Sequence[str]
) -> Graphs:
    """Add an input that all live nodes without live predecessor read, and an output likewise."""
    lively = adjacency & live[:, :, None] & live[:, None, :]
    # Other nodes are there, but without any use.
    starts, ends = live & ~lively.any(axis=1), live & ~lively.any(axis=2)
    n_nodes = max(1, int((operations != ABSENT).sum(axis=1).max(initial=1)))
    adjacency = np.pad(adjacency[:, :n_nodes, :n_nodes], ((0, 0), (1, 1), (1, 1)))
    adjacency[:, 0, 1:-1], adjacency[:, 1:-1, -1] = starts[:, :n_nodes], ends[:, :n_nodes]
    nodes = np.pad(operations[:, :n_nodes], ((0, 0), (1, 1)), constant_values=WIRE)
    return graphs_of(nodes, adjacency, names)


def n_links(adjacency: BoolArray, n_nodes: IntArray | int) -> IntArray:
    """Count edges, and nodes without predecessor other than the first."""
    n_predecessors = adjacency.sum(axis=1)
    n_without = n_nodes - (n_predecessors > 0).sum(axis=1)
    return np.asarray(n_predecessors.sum(axis=1) + n_without - 1)


def n_connected_graphs(n_nodes: int, max_links: int | None = None) -> list[int]:
    """Count connected graphs with 1, 2 and so on nodes and at most so many links."""
    # Graphs are counted by their links with polynomials in x, a graph with m links counting as
    # x^m. Node j, with j nodes before it, has d > 0 predecessors in (j choose d) ways, so that all
    # graphs of n nodes together are the product of (1 + x)^j - 1 + x over j = 1 … n - 1. Taking
    # away those in which the first node is connected with k < n nodes leaves the connected ones. A
    # polynomial is kept as its value at a power of two that is larger than every coefficient: one
    # whole number, which Python multiplies quickly.
    bits = n_nodes * (n_nodes - 1) // 2 + 1
    # With x = 1 all links count alike, and nothing has to be cut off.
    x, modulus = (1, 1 << bits) if max_links is None else (1 << bits, 1 << bits * (max_links + 1))
    total = [1, 1]
    for node in range(1, n_nodes):
        total.append(total[-1] * (pow(1 + x, node, modulus) - 1 + x) % modulus)
    connected = [0]
    for n in range(1, n_nodes + 1):
        split = sum(comb(n - 1, k - 1) * connected[k] * total[n - k] for k in range(1, n))
        connected.append((total[n] - x * split) % modulus)
    digit = (1 << bits) - 1
    length = 1 if max_links is None else max_links + 1
    return [sum(number >> bits * m & digit for m in range(length)) for number in connected[1:]]


def draw_connected(n_graphs: int, n_nodes: int, rng: np.random.Generator) -> BoolArray:
    """Draw connected graphs: a random tree, and a geometric number of further edges."""
    adjacency = np.zeros((n_graphs, n_nodes, n_nodes), dtype=bool)
    rows = np.arange(n_graphs)[:, None]
    # In a random order each node but the first is joined to one of those before it.
    order = np.argsort(rng.random((n_graphs, n_nodes)), axis=1)
    places = (rng.random((n_graphs, n_nodes)) * np.arange(n_nodes)).astype(np.int64)
    partners = np.take_along_axis(order, places, axis=1)[:, 1:]
    joined = order[:, 1:]
    adjacency[rows, np.minimum(joined, partners), np.maximum(joined, partners)] = True
    sources, targets = pairs(n_nodes)
    priority = np.where(adjacency[:, sources, targets], 2, rng.random((n_graphs, len(targets))))
    # On average half as many further edges as there are nodes; every graph has a chance.
    n_more = rng.geometric(1 / (1 + n_nodes / 2), (n_graphs, 1)) - 1
    adjacency[:, sources, targets] |= np.argsort(np.argsort(priority, axis=1), axis=1) < n_more
    return adjacency
