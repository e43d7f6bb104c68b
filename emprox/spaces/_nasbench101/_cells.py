"""Work on many NAS-Bench-101 cells at once: pruning, what is wrong, renumbering.

The edges of a cell are one whole number, its *edge pattern*: bit i is edge number i of `EDGES`.
Node 0 is the input, node 6 the output; the inner nodes that a cell has come first. The functions
on edge patterns take one as an int as well as an array of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._sequences import IntArray

N_NODES = 7
MAX_EDGES = 9
OUTPUT = N_NODES - 1
INNER = range(1, OUTPUT)
# By target, in the order of the paper's sequence.
EDGES = tuple((source, target) for target in range(1, N_NODES) for source in range(target))
SOURCES, TARGETS = np.array(EDGES).T
# The choice of an operation that says that there is no such node.
ABSENT = 3
# For each number of inner nodes, which of the seven nodes are there.
THERE = np.array([[n <= k or n == OUTPUT for n in range(N_NODES)] for k in range(len(INNER) + 1)])

_BITS = 2 ** np.arange(len(EDGES))
_POSSIBLE = (THERE[:, SOURCES] & THERE[:, TARGETS]) @ _BITS
# The key of an edge that leads backward: more than all others together.
_BACKWARD = 2.0**40


def to_patterns(edges: IntArray) -> IntArray:
    """Write edges as edge patterns.

    Parameters
    ----------
    edges : ndarray of shape (n_cells, 21)
        Whether there is an edge, 0 or 1.

    Returns
    -------
    ndarray of shape (n_cells,)
        Edge patterns.
    """
    return edges @ _BITS


def from_patterns(patterns: IntArray) -> IntArray:
    """Read edges from edge patterns.

    Parameters
    ----------
    patterns : ndarray of shape (n_cells,)
        Edge patterns; higher bits are ignored.

    Returns
    -------
    ndarray of shape (n_cells, 21)
        Whether there is an edge, 0 or 1.
    """
    return (patterns[:, None] & _BITS > 0).astype(np.int64)


def sources(pattern: Any, node: int) -> Any:
    """Return the nodes that lead to a node, as bits.

    Parameters
    ----------
    pattern : int or ndarray of shape (n_cells,)
        Edge pattern.
    node : int
        The node.

    Returns
    -------
    int or ndarray of shape (n_cells,)
        Bit i says whether an edge leads from node i to the node.
    """
    return (pattern >> node * (node - 1) // 2) & ((1 << node) - 1)


def prune(pattern: Any) -> Any:
    """Remove the edges that are on no path from the input to the output.

    Parameters
    ----------
    pattern : int or ndarray of shape (n_cells,)
        Edge pattern.

    Returns
    -------
    int or ndarray of shape (n_cells,)
        Edge pattern.
    """
    reached: Any = 1
    for node in range(1, N_NODES):
        reached = reached | ((sources(pattern, node) & reached) > 0) << node
    needed: Any = 1 << OUTPUT
    for node in range(OUTPUT, 0, -1):
        needed = needed | sources(pattern, node) * (needed >> node & 1)
    alive = reached & needed
    pruned: Any = 0
    for node in range(1, N_NODES):
        kept = (sources(pattern, node) & alive) * (alive >> node & 1)
        pruned = pruned | kept << node * (node - 1) // 2
    return pruned


def count_edges(pattern: Any) -> Any:
    """Count the edges.

    Parameters
    ----------
    pattern : int or ndarray of shape (n_cells,)
        Edge pattern.

    Returns
    -------
    int or ndarray of shape (n_cells,)
        Number of edges.
    """
    return sum(pattern >> bit & 1 for bit in range(len(EDGES)))


def are_valid(decisions: IntArray) -> NDArray[np.bool_]:
    """Say which rows of a decision matrix are cells.

    Parameters
    ----------
    decisions : ndarray of shape (n_cells, 26)
        Decision matrix with every entry in range.

    Returns
    -------
    ndarray of shape (n_cells,)
        True where `fault` finds nothing.
    """
    patterns = to_patterns(decisions[:, : len(EDGES)])
    present = decisions[:, len(EDGES) :] != ABSENT
    in_order = ~(present[:, 1:] & ~present[:, :-1]).any(axis=1)
    impossible = patterns & ~_POSSIBLE[present.sum(axis=1)]
    n_edges = count_edges(prune(patterns))
    return in_order & (impossible == 0) & (n_edges > 0) & (n_edges <= MAX_EDGES)


def fault(decisions: Sequence[int]) -> str | None:
    """Say what is wrong with decisions that are all in range.

    Parameters
    ----------
    decisions : sequence of int of length 26
        Decisions.

    Returns
    -------
    str or None
        What is wrong, or None if this is a cell.
    """
    operations = list(decisions[len(EDGES) :])
    k = sum(operation != ABSENT for operation in operations)
    if ABSENT in operations[:k]:
        return f"node {operations.index(ABSENT) + 1} is absent, but a later one is not"
    pattern = sum(int(edge) << bit for bit, edge in enumerate(decisions[: len(EDGES)]))
    if impossible := pattern & ~int(_POSSIBLE[k]):
        source, target = EDGES[impossible.bit_length() - 1]
        return f"the edge {source}->{target} is one of a node that is absent"
    n_edges = count_edges(prune(pattern))
    if not n_edges:
        return "no path leads from the input to the output"
    if n_edges > MAX_EDGES:
        return f"{n_edges} edges are on paths from the input to the output, allowed are {MAX_EDGES}"
    return None


def pruned(decisions: IntArray) -> IntArray:
    """Take dead nodes and their edges away, which leaves the other nodes where they are.

    Parameters
    ----------
    decisions : ndarray of shape (n_cells, 26)
        Decision matrix.

    Returns
    -------
    ndarray of shape (n_cells, 26)
        Decision matrix in which absent nodes may come before others.
    """
    patterns = prune(to_patterns(decisions[:, : len(EDGES)]))
    # Nothing is dead any more, so that a node is there if an edge leads to it.
    gone = np.stack([sources(patterns, node) == 0 for node in INNER], axis=1)
    operations = np.where(gone, ABSENT, decisions[:, len(EDGES) :])
    return np.hstack([from_patterns(patterns), operations])


def pruned_patterns(n_inner: int) -> IntArray:
    """Return the patterns of all cells with so many inner nodes, none of them dead.

    Parameters
    ----------
    n_inner : int
        Number of inner nodes.

    Returns
    -------
    ndarray of shape (n_patterns,)
        Edge patterns with one to nine edges.
    """
    patterns = np.arange(2 ** len(EDGES))
    patterns = patterns[patterns & ~_POSSIBLE[n_inner] == 0]
    patterns = patterns[(prune(patterns) == patterns) & (patterns > 0)]
    n_used = sum((sources(patterns, node) > 0).astype(int) for node in INNER)
    return patterns[(n_used == n_inner) & (count_edges(patterns) <= MAX_EDGES)]


def least_keys(decisions: IntArray) -> IntArray:
    """Return the least key of each cell under all orders of its inner nodes.

    Parameters
    ----------
    decisions : ndarray of shape (n_cells, 26)
        Decision matrix, in which absent nodes may come before others.

    Returns
    -------
    ndarray of shape (n_cells,)
        Keys, which are equal for cells that differ in the order of their nodes, and for no
        others. `from_keys` makes decisions of them again.
    """
    _, weights = _renumberings()
    chunks = range(0, len(decisions), 4096)
    keys = [
        (decisions[start : start + 4096].astype(float) @ weights).min(axis=1) for start in chunks
    ]
    return np.concatenate([np.empty(0), *keys]).astype(np.int64)


def random_keys(decisions: IntArray, rng: np.random.Generator) -> IntArray:
    """Return the key of each cell under a random order of its inner nodes.

    Parameters
    ----------
    decisions : ndarray of shape (n_cells, 26)
        Decision matrix.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_cells,)
        Keys. The order is drawn from those in which edges lead forward and absent nodes stay last.
    """
    orders, weights = _renumberings()
    keys = decisions.astype(float) @ weights
    absent = (decisions[:, len(EDGES) :] == ABSENT).astype(int)
    allowed = (keys < _BACKWARD) & (absent @ orders == absent @ orders[:, :1])
    drawn = np.where(allowed, rng.random(keys.shape), -1).argmax(axis=1)
    return keys[np.arange(len(keys)), drawn].astype(np.int64)


def from_keys(keys: IntArray) -> IntArray:
    """Read decisions from keys.

    Parameters
    ----------
    keys : ndarray of shape (n_cells,)
        Keys.

    Returns
    -------
    ndarray of shape (n_cells, 26)
        Decision matrix.
    """
    places = (ABSENT + 1) ** np.arange(len(INNER) - 1, -1, -1)
    operations = (keys[:, None] >> len(EDGES)) // places % (ABSENT + 1)
    return np.hstack([from_patterns(keys), operations])


@cache
def _renumberings() -> tuple[IntArray, NDArray[np.float64]]:
    """Return all orders of the inner nodes, the given one first, and the weights of their keys.

    A key has the operations as its leading digits and the edge pattern as the others. It is linear
    in the decisions, so that one product of matrices yields the keys of all cells under all orders;
    floating-point numbers make it quick and hold all keys exactly. Absent nodes have the largest
    number of an operation, so that the least key has them at the end.
    """
    orders = np.array(list(permutations(INNER)))
    moved = np.pad(orders, ((0, 0), (1, 1)), constant_values=((0, 0), (0, OUTPUT)))
    first, second = moved[:, SOURCES], moved[:, TARGETS]
    bits = second * (second - 1) // 2 + first
    edges = np.where(first < second, 2.0**bits, _BACKWARD)
    operations = 2.0 ** len(EDGES) * float(ABSENT + 1) ** (len(INNER) - orders)
    return orders.T, np.hstack([edges, operations]).T
