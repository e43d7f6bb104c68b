"""Trees of operations, many at once: the graphs of NAS-Bench-Graph.

A batch of trees is two matrices with a column for each of the four nodes: the node that it reads
(1 to 4, or 0 for the input) and its operation. What no other node reads is a leaf.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from .._sequences import PADDING, IntArray, sorted_words
from .._signals import ABSENT, WIRE, CellGraphs

N_NODES = 4
SKIP = 8
# Every node may read every earlier one and the input, and may lead to the output, which is node 5.
EDGES = (
    *((source, node) for node in range(1, N_NODES + 1) for source in range(node)),
    *((node, N_NODES + 1) for node in range(1, N_NODES + 1)),
)
# Three leaves below the first node: 3 x 2 operations, and three ends.
PATHS_LENGTH = 9


def find_leaves(sources: IntArray) -> NDArray[np.bool_]:
    """Return which nodes no other node follows, of shape (n_architectures, 4)."""
    return ~(sources[:, :, None] == np.arange(1, N_NODES + 1)).any(axis=1)


def tree_adjacency(sources: IntArray) -> NDArray[np.bool_]:
    """Return the adjacency of input, nodes and output."""
    adjacency = np.zeros((len(sources), N_NODES + 2, N_NODES + 2), dtype=bool)
    for node in range(N_NODES):
        adjacency[np.arange(len(sources)), sources[:, node], node + 1] = True
    adjacency[:, 1:-1, -1] = find_leaves(sources)
    return adjacency


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


def cell_graphs(sources: IntArray, operations: IntArray) -> CellGraphs:
    """Write trees as graphs with operations on the edges, without skips that change nothing."""
    sources, operations = contract_skips(sources, operations)
    in_chain = np.logical_and.accumulate(operations == SKIP, axis=1)
    graphs = np.full((len(sources), len(EDGES)), ABSENT, dtype=np.int8)
    first_edges = np.array([EDGES.index((0, node)) for node in range(1, N_NODES + 1)])
    on_edges = np.where(in_chain, WIRE, operations).astype(np.int8)
    np.put_along_axis(graphs, first_edges + sources, on_edges, axis=1)
    graphs[:, -N_NODES:] = np.where(find_leaves(sources), WIRE, ABSENT)
    return CellGraphs(EDGES, graphs, concatenated=frozenset({N_NODES + 1}))


def renumber(sources: IntArray, operations: IntArray, order: IntArray) -> tuple[IntArray, IntArray]:
    """Put the nodes into another order, common to all or one for each."""
    order = np.broadcast_to(order, sources.shape)
    number = np.pad(np.argsort(order, axis=1) + 1, ((0, 0), (1, 0)))
    new_sources = np.take_along_axis(number, np.take_along_axis(sources, order, axis=1), axis=1)
    return new_sources, np.take_along_axis(operations, order, axis=1)


def node_places(sources: IntArray, is_skip: NDArray[np.bool_]) -> IntArray:
    """Return twice the depth of each node, skip connections not counted, plus 1 for a leaf."""
    depth = np.zeros((len(sources), N_NODES + 1), dtype=np.int64)
    rows = np.arange(len(sources))
    for node in range(N_NODES):
        depth[:, node + 1] = depth[rows, sources[:, node]] + ~is_skip[:, node]
    return 2 * depth[:, 1:] + find_leaves(sources)


def shape_numbers(sources: IntArray, is_skip: NDArray[np.bool_]) -> IntArray:
    """Write the nodes' sources, and which of them are skip connections, as one number."""
    return sources @ [0, 12, 4, 1] * 2**N_NODES + is_skip @ 2 ** np.arange(N_NODES)


def look_numbers(is_skip: NDArray[np.bool_], places: IntArray, numbering: IntArray) -> IntArray:
    """Write as one number which nodes are skip connections, their places and the numbering."""
    digits = np.column_stack([numbering, is_skip, places])
    return digits @ 10 ** np.arange(digits.shape[1])


def number_shapes(all_sources: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Tell trees apart whose nodes have the same places.

    Returns the sources of all shapes, in the order of their sorted looks; for each shape number
    the numbering, which is 0 unless a shape before it has the same places; and the sorted looks.
    """
    masks = np.array(list(product([False, True], repeat=N_NODES)))
    sources = np.repeat(all_sources, len(masks), axis=0)
    is_skip = np.tile(masks, (len(all_sources), 1))
    # Contracted trees first, so that the numbering of a canonical form says nothing.
    changed = (contract_skips(sources, np.where(is_skip, SKIP, 0))[0] != sources).any(axis=1)
    first = np.argsort(changed, kind="stable")
    sources, is_skip = sources[first], is_skip[first]
    places = node_places(sources, is_skip)
    alike = look_numbers(is_skip, places, np.zeros(len(sources), dtype=np.int64)).tolist()
    numbering = np.array([alike[:row].count(look) for row, look in enumerate(alike)])
    numberings = np.empty_like(numbering)
    numberings[shape_numbers(sources, is_skip)] = numbering
    looks = look_numbers(is_skip, places, numbering)
    order = np.argsort(looks)
    return sources[order], numberings, looks[order]


def path_tokens(sources: IntArray, operations: IntArray, end: int) -> IntArray:
    """Write the operations on the way to each leaf of the contracted tree, longest first.

    The tokens of the operations stand before `end`, those that end a path of 1, 2 … from there.
    """
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
