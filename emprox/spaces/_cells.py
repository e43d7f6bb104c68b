"""Work on many cells at once: skip contraction, relabelling.

A batch of cells is a tensor of shape (n_cells, n_nodes, n_nodes, n_operations) that counts, for
every ordered pair of nodes, the edges with each operation. Node 0 is the input, the last node the
output, and edges lead from lower to higher nodes. Counting instead of marking lets two nodes be
joined by several edges, which is what contracting a skip connection leads to.
"""

from __future__ import annotations

from itertools import combinations, pairwise, permutations

import numpy as np
from numpy.typing import NDArray

CellCounts = NDArray[np.int8]


def contract_skips(cells: CellCounts, skip: int, from_input: bool = True) -> CellCounts:
    """Merge nodes that a single skip connection makes equal to another node.

    An inner node whose only incoming edge is a skip holds the same signal as the edge's source,
    so its outgoing edges can start there. An inner node whose only outgoing edge is a skip only
    adds its signal to the edge's target, so its incoming edges can end there.

    Parameters
    ----------
    cells : ndarray of shape (n_cells, n_nodes, n_nodes, n_operations)
        Edge counts without dead edges.
    skip : int
        Index of the skip connection among the operations.
    from_input : bool, default=True
        Whether a skip from the input copies its signal. Where it does not, because it has to
        change the signal's shape, no node is the same as the input.

    Returns
    -------
    ndarray of the same shape
        Edge counts; merged nodes have no edges left.
    """
    cells = cells.copy()
    changed = True
    while changed:
        changed = False
        for node in range(1, cells.shape[1] - 1):
            for forward in (True, False):
                # The edges on the side that has to be a single skip, and those on the other side.
                near = cells[:, :, node] if forward else cells[:, node]
                copying = near[..., skip]
                if forward and not from_input:
                    copying = copying[:, 1:]
                single = (near.sum(axis=(1, 2)) == 1) & copying.any(axis=1)
                rows = np.flatnonzero(single)
                if not len(rows):
                    continue
                changed = True
                other = near[rows, :, skip].argmax(axis=1)
                if forward:
                    cells[rows, other] += cells[rows, node]
                else:
                    cells[rows, :, other] += cells[rows, :, node]
                cells[rows, node] = 0
                cells[rows, :, node] = 0
    return cells


def relabel(cells: CellCounts) -> CellCounts:
    """Renumber the inner nodes so that isomorphic cells become equal.

    Among all numberings that keep edges leading forward, the one is taken whose counts, read as
    a sequence, are largest.

    Parameters
    ----------
    cells : ndarray of shape (n_cells, n_nodes, n_nodes, n_operations)
        Edge counts.

    Returns
    -------
    ndarray of the same shape
        Edge counts with renumbered nodes.
    """
    n_nodes = cells.shape[1]
    backward = np.tri(n_nodes, dtype=bool)
    best = cells.copy()
    for inner in permutations(range(1, n_nodes - 1)):
        order = [0, *inner, n_nodes - 1]
        candidate = cells[:, order][:, :, order]
        forward = ~candidate[:, backward].any(axis=(1, 2))
        better = forward & _greater(candidate, best)
        best[better] = candidate[better]
    return best


def _greater(left: CellCounts, right: CellCounts) -> NDArray[np.bool_]:
    """Compare the counts of each cell as sequences."""
    left, right = left.reshape(len(left), -1), right.reshape(len(right), -1)
    first = (left != right).argmax(axis=1)
    rows = np.arange(len(left))
    return left[rows, first] > right[rows, first]


def paths(n_nodes: int) -> list[tuple[tuple[int, int], ...]]:
    """Return all paths from the first to the last node of a complete cell.

    Parameters
    ----------
    n_nodes : int
        Number of nodes.

    Returns
    -------
    list of tuple of (int, int)
        The edges of each path, short paths first.
    """
    inner = range(1, n_nodes - 1)
    found = []
    for n_stops in range(n_nodes - 1):
        for stops in combinations(inner, n_stops):
            nodes = [0, *stops, n_nodes - 1]
            found.append(tuple(pairwise(nodes)))
    return found
