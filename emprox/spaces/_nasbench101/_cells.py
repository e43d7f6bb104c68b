"""NAS-Bench-101 cells, many at once: their graphs, canonical forms and token sequences."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ...graphs import ABSENT, WIRE, Graphs
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
    edges, operations = decisions[:, : len(EDGES)] > 0, decisions[:, len(EDGES) :]
    chosen = dict(zip(EDGES, edges.T, strict=True))
    nodes = np.full((len(decisions), _SUM + 1), WIRE)
    # The nodes that are concatenated share the channels of the output equally, and the others have
    # as many as those that read them.
    widths = np.ones(nodes.shape)
    share = 1 / np.maximum(sum(chosen[node, OUTPUT] for node in INNER), 1)
    joined: list[tuple[int, int]] = []
    for node in INNER:
        nodes[:, 2 * node - 1] = np.where(chosen[0, node], _PROJECTION, ABSENT)
        nodes[:, 2 * node] = np.where(
            operations[:, node - 1] == NO_NODE, ABSENT, operations[:, node - 1]
        )
        widths[:, 2 * node - 1], widths[:, 2 * node] = np.sqrt(share), share
        joined += [(0, 2 * node - 1), (2 * node - 1, 2 * node)]
        joined += [(2 * source, 2 * node) for source in range(1, node)]
    nodes[:, _OUTER_PROJECTION] = np.where(chosen[0, OUTPUT], _PROJECTION, ABSENT)
    joined += [(2 * node, _CONCATENATION) for node in INNER]
    joined += [(0, _OUTER_PROJECTION), (_CONCATENATION, _SUM), (_OUTER_PROJECTION, _SUM)]
    present = np.ones((len(decisions), len(joined)), dtype=bool)
    for place, (source, target) in enumerate(joined):
        # Nodes with even numbers compute; which of them read each other is a decision.
        if source and source % 2 == 0 and target <= _CONCATENATION:
            present[:, place] = chosen[source // 2, (target + 1) // 2]
    return Graphs(
        nodes,
        tuple(joined),
        (*OPERATIONS, "projection"),
        present=present,
        concatenates=frozenset({_CONCATENATION}),
        numbers={"widths": widths},
    )


def least_keys(decisions: IntArray) -> IntArray:
    """Return the least key of each cell without dead nodes, under all orders of its inner nodes.

    Absent nodes may come before others. A key has the operations as its leading digits and the
    edges as bits behind them.
    """
    # With five inner nodes it is quicker to try all orders than to search for a canonical one: a
    # key is linear in the decisions, so that one product of matrices yields all of them.
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
        kept = [*range(size - 1), OUTPUT]
        adjacency = np.zeros((len(rows), size, size), dtype=bool)
        adjacency[:, :, 1:] = (sets[:, None, :] >> np.array(kept)[:, None]) & 1
        decisions[rows] = _decisions(adjacency, tokens[rows, 1 : 2 * size - 3 : 2] - 1)
    return decisions


def _adjacency(decisions: IntArray) -> IntArray:
    adjacency = np.zeros((len(decisions), N_NODES, N_NODES), dtype=np.int64)
    adjacency[:, SOURCES, TARGETS] = decisions[:, : len(EDGES)]
    return adjacency


def _decisions(adjacency: NDArray[np.bool_], operations: IntArray) -> IntArray:
    """Make decisions of cells with the same number of nodes."""
    kept = [*range(adjacency.shape[1] - 1), OUTPUT]
    complete = np.zeros((len(adjacency), N_NODES, N_NODES), dtype=np.int64)
    complete[:, np.array(kept)[:, None], kept] = adjacency
    missing = ((0, 0), (0, len(INNER) - operations.shape[1]))
    operations = np.pad(operations, missing, constant_values=NO_NODE)
    return np.hstack([complete[:, SOURCES, TARGETS], operations])
