"""Trees of operations, many at once: the graphs of NAS-Bench-Graph.

A batch of trees is two matrices with a column for each of the four nodes: the node that it reads
(1 to 4, or 0 for the input) and its operation. What no other node reads is a leaf.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from ...graphs import WIRE, Graphs
from .._graph_forms import graphs_of
from .._sequences import PADDING, IntArray, sorted_words

N_NODES = 4
OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
SKIP = OPERATIONS.index("skip")
# Three leaves below the first node: 3 x 2 operations, and three ends.
PATHS_LENGTH = 9
# As many trees have nodes with the same places at most.
N_NUMBERINGS = 7

_NODES = range(1, N_NODES + 1)
_ALL_SOURCES = np.array(list(product(*map(range, _NODES))))
_ORDERS = np.array(list(permutations(range(N_NODES))))


def find_leaves(sources: IntArray) -> NDArray[np.bool_]:
    """Return which nodes no other node follows, of shape (n_architectures, 4)."""
    return ~(sources[:, :, None] == np.array(_NODES)).any(axis=1)


def tree_graphs(sources: IntArray, operations: IntArray) -> Graphs:
    """Write trees as graphs of an input, the nodes and an output that concatenates the leaves."""
    adjacency = np.zeros((len(sources), N_NODES + 2, N_NODES + 2), dtype=bool)
    adjacency[np.arange(len(sources))[:, None], sources, _NODES] = True
    adjacency[:, 1:-1, -1] = find_leaves(sources)
    nodes = np.pad(operations, ((0, 0), (1, 1)), constant_values=WIRE)
    return graphs_of(nodes, adjacency, OPERATIONS, concatenates=frozenset({N_NODES + 1}))


def contract_skips(sources: IntArray, operations: IntArray) -> tuple[IntArray, IntArray]:
    """Move the skip connections that change nothing into a chain behind the input."""
    is_skip = operations == SKIP
    # The node whose output each node reads, skip connections followed back; 0 for the input.
    reads = np.zeros_like(sources)
    holder = np.zeros((len(sources), N_NODES + 1), dtype=np.int64)
    for node in range(N_NODES):
        reads[:, node] = np.take_along_axis(holder, sources[:, node, None], axis=1)[:, 0]
        holder[:, node + 1] = np.where(is_skip[:, node], reads[:, node], node + 1)
    # A leaf that repeats another node's output stays if something else reads that output too.
    candidate = ~is_skip | (find_leaves(sources) & (reads > 0))
    n_readers = ((reads[:, :, None] == reads[:, None, :]) & candidate[:, None, :]).sum(axis=2)
    kept = ~is_skip | (candidate & (n_readers > 1))
    n_dropped = N_NODES - kept.sum(axis=1)
    order = np.argsort(kept, axis=1, kind="stable")
    number = n_dropped[:, None] + np.pad(kept.cumsum(axis=1), ((0, 0), (1, 0)))
    new_sources = np.take_along_axis(np.take_along_axis(number, reads, axis=1), order, axis=1)
    positions = np.arange(N_NODES)
    new_sources = np.where(positions < n_dropped[:, None], positions, new_sources)
    return new_sources, np.take_along_axis(operations, order, axis=1)


def canonical_trees(sources: IntArray, operations: IntArray) -> IntArray:
    """Return the least sources and operations of each contracted tree under all orders."""
    sources, operations = contract_skips(sources, operations)
    smallest = np.full(len(sources), np.iinfo(np.int64).max)
    place_values = 10 ** np.arange(2 * N_NODES - 1, -1, -1)
    for order in _ORDERS:
        numbers = np.concatenate([[0], np.argsort(order) + 1])
        moved = numbers[sources[:, order]]
        number = np.hstack([moved, operations[:, order]]) @ place_values
        forward = (moved <= np.arange(N_NODES)).all(axis=1)
        np.minimum(smallest, number, out=smallest, where=forward)
    return smallest[:, None] // place_values % 10


def node_places(sources: IntArray, is_skip: NDArray[np.bool_]) -> IntArray:
    """Return twice the depth of each node, skip connections not counted, plus 1 for a leaf."""
    depth = np.zeros((len(sources), N_NODES + 1), dtype=np.int64)
    rows = np.arange(len(sources))
    for node in range(N_NODES):
        depth[:, node + 1] = depth[rows, sources[:, node]] + ~is_skip[:, node]
    return 2 * depth[:, 1:] + find_leaves(sources)


def numberings(sources: IntArray, is_skip: NDArray[np.bool_]) -> IntArray:
    """Tell trees apart whose nodes have the same places; 0 for the first of them."""
    return _numbering_table()[_shape_numbers(sources, is_skip)]


def path_tokens(sources: IntArray, operations: IntArray, end: int) -> IntArray:
    """Write the operations on the way to each leaf of the contracted tree, longest first."""
    # The tokens of the operations stand before `end`, those that end a path of 1, 2 … from there.
    sources, operations = contract_skips(sources, operations)
    tokens = np.where(operations == SKIP, PADDING, operations + end - SKIP)
    # What was applied up to each node; nothing up to the input, which is node 0.
    words = np.zeros((len(sources), N_NODES + 1, N_NODES), dtype=np.int64)
    for node in range(N_NODES):
        words[:, node + 1] = words[np.arange(len(sources)), sources[:, node]]
        words[:, node + 1, node] = tokens[:, node]
    written = sorted_words(words[:, 1:], find_leaves(sources), end, PATHS_LENGTH)
    length = np.zeros(len(written), dtype=np.int64)
    for column in written.T:
        ends = column == end
        column[ends] += length[ends] - 1
        length = np.where(ends, 0, length + 1)
    return written


def find_sources(is_skip: NDArray[np.bool_], places: IntArray, numbering: IntArray) -> IntArray:
    """Find the trees whose nodes have these places and this numbering; -1 if there is none."""
    sources = np.full(is_skip.shape, -1)
    for candidate in _ALL_SOURCES:
        tree = np.broadcast_to(candidate, sources.shape)
        fits = (node_places(tree, is_skip) == places).all(axis=1)
        sources[fits & (numberings(tree, is_skip) == numbering)] = candidate
    return sources


def _shape_numbers(sources: IntArray, is_skip: NDArray[np.bool_]) -> IntArray:
    return sources @ [0, 12, 4, 1] * 2**N_NODES + is_skip @ 2 ** np.arange(N_NODES)


@cache
def _numbering_table() -> IntArray:
    masks = np.array(list(product([False, True], repeat=N_NODES)))
    sources = np.repeat(_ALL_SOURCES, len(masks), axis=0)
    is_skip = np.tile(masks, (len(_ALL_SOURCES), 1))
    # Contracted trees first, so that the numbering of a canonical form says nothing.
    changed = (contract_skips(sources, np.where(is_skip, SKIP, 0))[0] != sources).any(axis=1)
    first = np.argsort(changed, kind="stable")
    sources, is_skip = sources[first], is_skip[first]
    places = np.hstack([is_skip, node_places(sources, is_skip)]).tolist()
    table = np.empty(len(places), dtype=np.int64)
    table[_shape_numbers(sources, is_skip)] = [
        places[:row].count(place) for row, place in enumerate(places)
    ]
    return table
