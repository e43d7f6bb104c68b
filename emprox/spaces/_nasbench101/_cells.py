"""NAS-Bench-101 cells, many at once: their graphs, canonical forms and token sequences."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ...graphs import ABSENT, WIRE, Graphs
from .._graph_forms import graphs_of
from .._sequences import PADDING, IntArray, shift_left

N_NODES = 7
OUTPUT = N_NODES - 1
INNER = range(1, OUTPUT)
# By target, in the order of the paper's sequence.
EDGES = tuple((source, target) for target in range(1, N_NODES) for source in range(target))
SOURCES, TARGETS = np.array(EDGES).T
OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
# The choice of an operation that says that there is no such node.
NO_NODE = len(OPERATIONS)

# The tokens of the sets of nodes come behind those of the operations.
_FIRST_SET = len(OPERATIONS) + 1
_PROJECTION = len(OPERATIONS)
_CONCATENATION, _OUTER_PROJECTION, _SUM = 2 * OUTPUT - 1, 2 * OUTPUT, 2 * OUTPUT + 1
_BITS = 2 ** np.arange(len(EDGES))
# The key of an edge that leads backward: more than all others together.
_BACKWARD = 2.0**40


def cell_graphs(decisions: IntArray) -> Graphs:
    """Write cells as graphs, whether they are valid or not."""
    inner = np.where(decisions[:, len(EDGES) :] == NO_NODE, ABSENT, decisions[:, len(EDGES) :])
    return Graphs(
        np.pad(inner, ((0, 0), (1, 1)), constant_values=WIRE),
        EDGES,
        OPERATIONS,
        present=decisions[:, : len(EDGES)] > 0,
        concatenates=frozenset({OUTPUT}),
    )


def signal_graphs(decisions: IntArray) -> Graphs:
    """Write cells without dead nodes with the projections through which they read their input."""
    edges, inner = _adjacency(decisions) > 0, cell_graphs(decisions).operations[:, 1:-1]
    first, second = 2 * np.array(INNER) - 1, 2 * np.array(INNER)
    nodes = np.full((len(decisions), _SUM + 1), WIRE)
    nodes[:, first] = np.where(edges[:, 0, INNER], _PROJECTION, ABSENT)
    nodes[:, second] = inner
    nodes[:, _OUTER_PROJECTION] = np.where(edges[:, 0, OUTPUT], _PROJECTION, ABSENT)
    adjacency = np.zeros((*nodes.shape, nodes.shape[1]), dtype=bool)
    adjacency[:, 0, first] = adjacency[:, first, second] = True
    adjacency[:, second[:, None], second] = edges[:, 1:OUTPUT, 1:OUTPUT]
    adjacency[:, second, _CONCATENATION] = edges[:, 1:OUTPUT, OUTPUT]
    adjacency[:, 0, _OUTER_PROJECTION] = True
    adjacency[:, [_CONCATENATION, _OUTER_PROJECTION], _SUM] = True
    # The nodes that are concatenated share the channels of the output equally, and the others have
    # as many as those that read them.
    widths = np.ones(nodes.shape)
    share = 1 / np.maximum(edges[:, 1:OUTPUT, OUTPUT].sum(axis=1, keepdims=True), 1)
    widths[:, first], widths[:, second] = np.sqrt(share), share
    return graphs_of(
        nodes,
        adjacency,
        (*OPERATIONS, "projection"),
        concatenates=frozenset({_CONCATENATION}),
        numbers={"widths": widths},
    )


def least_keys(decisions: IntArray) -> IntArray:
    """Return the least key of each cell without dead nodes, under all orders of its inner nodes."""
    # A key has the operations as its leading digits and the edges as bits behind them. With five
    # inner nodes it is quicker to try all orders than to search for a canonical one: a key is
    # linear in the decisions, so that one product of matrices yields all of them.
    weights = _key_weights()
    chunks = range(0, len(decisions), 4096)
    keys = [
        (decisions[start : start + 4096].astype(float) @ weights).min(axis=1) for start in chunks
    ]
    return np.concatenate([np.empty(0), *keys]).astype(np.int64)


def from_keys(keys: IntArray) -> IntArray:
    """Read decisions from keys."""
    places = (NO_NODE + 1) ** np.arange(len(INNER) - 1, -1, -1)
    operations = (keys[:, None] >> len(EDGES)) // places % (NO_NODE + 1)
    return np.hstack([(keys[:, None] & _BITS > 0).astype(np.int64), operations])


@cache
def _key_weights() -> NDArray[np.float64]:
    """Return the weight of each decision in the keys of all orders of the inner nodes."""
    orders = np.array(list(permutations(INNER)))
    moved = np.pad(orders, ((0, 0), (1, 1)), constant_values=((0, 0), (0, OUTPUT)))
    first, second = moved[:, SOURCES], moved[:, TARGETS]
    edges = np.where(first < second, 2.0 ** (second * (second - 1) // 2 + first), _BACKWARD)
    # Absent nodes have the largest number, so that the least key has them at the end.
    operations = 2.0 ** len(EDGES) * float(NO_NODE + 1) ** (len(INNER) - orders)
    return np.hstack([edges, operations]).T


def write_nodes(decisions: IntArray) -> IntArray:
    """Write for each node the set of nodes that lead to it, and its operation."""
    operations = decisions[:, len(EDGES) :]
    there = np.pad(operations != NO_NODE, ((0, 0), (0, 1)), constant_values=True)
    sets = _FIRST_SET + np.einsum("nij,i->nj", _adjacency(decisions), 2 ** np.arange(N_NODES))
    columns = np.stack([sets[:, 1:], np.pad(operations + 1, ((0, 0), (0, 1)))], axis=2)
    tokens = np.where(there[:, :, None], columns, PADDING).reshape(len(decisions), 2 * OUTPUT)
    return shift_left(tokens[:, :-1])


def read_nodes(tokens: IntArray) -> IntArray:
    """Read what `write_nodes` writes, from its first eleven tokens."""
    tokens = tokens[:, : 2 * OUTPUT - 1]
    decisions = np.full((len(tokens), len(EDGES) + len(INNER)), -1)
    lengths = (tokens != PADDING).sum(axis=1)
    for size in range(2, N_NODES + 1):
        rows = np.flatnonzero(lengths == 2 * size - 3)
        sets = np.maximum(tokens[rows, : 2 * size - 3 : 2] - _FIRST_SET, 0)
        kept = np.array([*range(size - 1), OUTPUT])
        adjacency = np.zeros((len(rows), N_NODES, N_NODES), dtype=np.int64)
        adjacency[:, kept[:, None], kept[1:]] = (sets[:, None, :] >> kept[:, None]) & 1
        decisions[rows, : len(EDGES)] = adjacency[:, SOURCES, TARGETS]
        decisions[rows, len(EDGES) :] = NO_NODE
        decisions[rows, len(EDGES) : len(EDGES) + size - 2] = tokens[rows, 1 : 2 * size - 3 : 2] - 1
    return decisions


def _adjacency(decisions: IntArray) -> IntArray:
    adjacency = np.zeros((len(decisions), N_NODES, N_NODES), dtype=np.int64)
    adjacency[:, SOURCES, TARGETS] = decisions[:, : len(EDGES)]
    return adjacency
