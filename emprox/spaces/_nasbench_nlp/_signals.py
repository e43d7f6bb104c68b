"""Recurrent cells as graphs of one time step, with their operations on edges."""

from __future__ import annotations

import numpy as np

from .._sequences import IntArray
from .._signals import ABSENT, WIRE, CellGraphs
from ._cells import FIRST_NODE, FIRST_STATE, N_INPUTS, N_STATES, RecurrentCells, X, live_nodes
from ._recipes import OPERATIONS

# Behind the operations: what the cell reads.
SIGNAL_NAMES = (*OPERATIONS, "x", "previous state")


def cell_graphs(cells: RecurrentCells) -> CellGraphs:
    """Write recurrent cells as graphs of one time step.

    Parameters
    ----------
    cells : RecurrentCells
        The cells.

    Returns
    -------
    CellGraphs
        The graphs. What a node can read is the node with its number, and node 0 their common input.
        Every node of a cell stands behind one that collects what it reads. The output adds up all
        new states from which something leads to the output at this time step or a later one.
    """
    n_cells = len(cells.operations)
    rows = np.arange(n_cells)
    # Two nodes for each node of the cell, for the largest cell of the batch.
    n_nodes = int((cells.operations > 0).sum(axis=1).max(initial=1))
    numbers = [0, *range(1, FIRST_NODE), *range(FIRST_NODE + 1, FIRST_NODE + 2 * n_nodes, 2)]
    output = FIRST_NODE + 2 * n_nodes
    edges: list[tuple[int, int]] = []
    columns: list[IntArray] = []

    def add(source: int, target: int, operation: IntArray) -> None:
        edges.append((source, target))
        columns.append(operation)

    add(0, X, np.full(n_cells, SIGNAL_NAMES.index("x")))
    for state in range(N_STATES):
        present = cells.states[:, state] > 0
        add(0, FIRST_STATE + state, np.where(present, SIGNAL_NAMES.index("previous state"), ABSENT))
    for node in range(n_nodes):
        reads = np.zeros((n_cells, FIRST_NODE + node), dtype=bool)
        for position in range(N_INPUTS):
            reads[rows, cells.inputs[:, node, position]] = True
        target = FIRST_NODE + 2 * node
        for number in range(X, FIRST_NODE + node):
            add(numbers[number], target, np.where(reads[:, number], WIRE, ABSENT))
        add(target, target + 1, cells.operations[:, node] - 1)
    live = live_nodes(cells)[:, FIRST_STATE:FIRST_NODE]
    leads_out = np.zeros((n_cells, FIRST_NODE + cells.operations.shape[1]), dtype=bool)
    for state in range(N_STATES):
        leads_out[rows, cells.states[:, state]] |= live[:, state]
    for node in range(n_nodes):
        number = FIRST_NODE + node
        add(numbers[number], output, np.where(leads_out[:, number], WIRE, ABSENT))
    return CellGraphs(tuple(edges), np.stack(columns, axis=1).astype(np.int8))
