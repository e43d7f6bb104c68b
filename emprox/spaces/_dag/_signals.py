"""Labelled graphs with their operations moved from the nodes to edges."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from .._sequences import IntArray
from .._signals import ABSENT, WIRE, CellGraphs
from ._order import BoolArray


def cell_graphs(labels: IntArray, adjacency: BoolArray, passing: Collection[int]) -> CellGraphs:
    """Write graphs with operations on the nodes as graphs with operations on the edges.

    Parameters
    ----------
    labels : ndarray of shape (n_graphs, n_nodes)
        Operation of each node, counted from 1; 0 where there is no node.
    adjacency : ndarray of shape (n_graphs, n_nodes, n_nodes)
        Strictly upper triangular adjacency.
    passing : collection of int
        Labels that are no operations but stand for an input or output.

    Returns
    -------
    CellGraphs
        The graphs. Node v becomes two, 2 v + 1 and 2 v + 2, with its operation between them; node
        0 leads to nodes without predecessor, and those without successor lead to the last node.
        Edges that no graph of the batch has are left out.
    """
    present = labels > 0
    used = max(1, int(present.sum(axis=1).max(initial=1)))
    has_edge: BoolArray = np.asarray(adjacency.any(axis=0))
    is_source = present & ~adjacency.any(axis=1)
    is_sink = present & ~adjacency.any(axis=2)
    operations = np.where(present, labels - 1, ABSENT)
    operations[np.isin(labels, list(passing))] = WIRE
    edges: list[tuple[int, int]] = []
    columns: list[IntArray] = []
    for node in range(used):
        target = 2 * node + 1
        if is_source[:, node].any():
            edges.append((0, target))
            columns.append(np.where(is_source[:, node], WIRE, ABSENT))
        for source in np.flatnonzero(has_edge[:, node]).tolist():
            edges.append((2 * source + 2, target))
            columns.append(np.where(adjacency[:, source, node], WIRE, ABSENT))
        edges.append((target, target + 1))
        columns.append(operations[:, node])
    for node in range(used):
        if is_sink[:, node].any() or node == used - 1:
            edges.append((2 * node + 2, 2 * used + 1))
            columns.append(np.where(is_sink[:, node], WIRE, ABSENT))
    return CellGraphs(tuple(edges), np.stack(columns, axis=1).astype(np.int32))
