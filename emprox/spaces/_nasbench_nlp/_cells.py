"""Work on many recurrent cells at once: their graphs, dead nodes, canonical order.

What a node can read has a number: 1 is the input x, 2 to 4 are the previous states, and the nodes
of the cell follow from 5 on, in an order in which every node reads earlier ones. 0 is nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...graphs import ABSENT, WIRE, Graphs, canonical_orders, reorder
from .._graph_forms import graphs_of
from .._sequences import IntArray

# Smallest and largest number of inputs.
N_READ = {
    "linear": (1, 3),
    "blend": (3, 3),
    "elementwise_prod": (2, 2),
    "elementwise_sum": (2, 2),
    "activation_tanh": (1, 1),
    "activation_sigm": (1, 1),
    "activation_leaky_relu": (1, 1),
}
OPERATIONS = tuple(N_READ)
# Behind the operations: what the cell reads.
SIGNAL_NAMES = (*OPERATIONS, "x", "previous state")
N_STATES = 3
N_INPUTS = 3
X, FIRST_STATE = 1, 2
FIRST_NODE = FIRST_STATE + N_STATES
MAX_NODES = 22
PER_NODE = 1 + N_INPUTS
# The operation whose inputs play different parts; for all others their order does not matter.
BLEND = 1 + OPERATIONS.index("blend")

_LARGE = np.iinfo(np.int64).max


class RecurrentCells(NamedTuple):
    """A batch of recurrent cells."""

    operations: IntArray
    """Operation of each node, 0 after the last one; shape (n_cells, n_nodes)."""
    inputs: IntArray
    """What each node reads, 0 after its last input; shape (n_cells, n_nodes, 3)."""
    states: IntArray
    """The new value of each state, 0 if the cell has fewer states; shape (n_cells, 3)."""


def max_nodes(n_states: IntArray | int) -> IntArray | int:
    """Return how many nodes a cell may have: with states and output 25 make the graph."""
    return 24 - 2 * n_states


def to_cells(decisions: IntArray) -> RecurrentCells:
    """Take a decision matrix apart."""
    nodes = decisions[:, : MAX_NODES * PER_NODE].reshape(-1, MAX_NODES, PER_NODE)
    states = decisions[:, MAX_NODES * PER_NODE :]
    return RecurrentCells(
        nodes[:, :, 0], nodes[:, :, 1:], np.where(states > 0, states - 1 + FIRST_NODE, 0)
    )


def to_decisions(cells: RecurrentCells) -> IntArray:
    """Put a decision matrix together."""
    nodes = np.concatenate([cells.operations[:, :, None], cells.inputs], axis=2)
    states = np.where(cells.states > 0, cells.states + 1 - FIRST_NODE, 0)
    return np.hstack([nodes.reshape(len(nodes), MAX_NODES * PER_NODE), states])


def live_numbers(cells: RecurrentCells) -> NDArray[np.bool_]:
    """Say what has an influence on the output, at this time step or a later one, by number."""
    # The output is the new value of state 0. What a live node reads is live, and so is the new
    # value of a state whose previous value is.
    n_cells, n_nodes = cells.operations.shape
    rows = np.arange(n_cells)
    live = np.zeros((n_cells, FIRST_NODE + n_nodes), dtype=bool)
    live[:, FIRST_STATE] = True
    # Each round can find that one more state is live.
    for _ in range(N_STATES):
        for state in range(N_STATES):
            live[rows, cells.states[:, state]] |= live[:, FIRST_STATE + state]
        for node in range(n_nodes - 1, -1, -1):
            for position in range(N_INPUTS):
                live[rows, cells.inputs[:, node, position]] |= live[:, FIRST_NODE + node]
    live[:, 0] = False
    return live


def without_dead(cells: RecurrentCells) -> RecurrentCells:
    """Remove nodes and states that have no influence, and close the gaps."""
    live = live_numbers(cells)
    kept = live[:, FIRST_NODE:] & (cells.operations > 0)
    kept_states = live[:, FIRST_STATE:FIRST_NODE] & (cells.states > 0)
    order = np.argsort(~kept, axis=1, kind="stable")
    state_order = np.argsort(~kept_states, axis=1, kind="stable")
    moved = rearrange(cells, order, state_order)
    here = np.take_along_axis(kept, order, axis=1)
    here_states = np.take_along_axis(kept_states, state_order, axis=1)
    return RecurrentCells(
        moved.operations * here, moved.inputs * here[:, :, None], moved.states * here_states
    )


def rearrange(cells: RecurrentCells, order: IntArray, state_order: IntArray) -> RecurrentCells:
    """Renumber nodes and states; inputs whose order does not matter are put in ascending order."""
    n_cells, n_nodes = cells.operations.shape
    rows = np.arange(n_cells)[:, None]
    numbers = np.tile(np.arange(FIRST_NODE + n_nodes), (n_cells, 1))
    numbers[rows, FIRST_NODE + order] = np.arange(FIRST_NODE, FIRST_NODE + n_nodes)
    numbers[rows, FIRST_STATE + state_order] = np.arange(FIRST_STATE, FIRST_NODE)
    operations = cells.operations[rows, order]
    inputs = numbers[rows[:, :, None], cells.inputs[rows, order]]
    ascending = np.sort(np.where(inputs == 0, _LARGE, inputs), axis=2)
    ascending[ascending == _LARGE] = 0
    inputs = np.where((operations == BLEND)[:, :, None], inputs, ascending)
    return RecurrentCells(operations, inputs, numbers[rows, cells.states[rows, state_order]])


def canonical_cells(cells: RecurrentCells) -> RecurrentCells:
    """Drop what has no influence, and bring isomorphic cells into the same order."""
    cells = without_dead(cells)
    n_cells, n_nodes = cells.operations.shape
    rows, first_new = np.arange(n_cells), FIRST_NODE + n_nodes
    # Everything by number, then the new states, each of which reads its value and what it was.
    labels = np.zeros((n_cells, first_new + N_STATES), dtype=np.int64)
    labels[:, X : FIRST_NODE - 1] = [1, 2, 3]
    labels[:, FIRST_NODE - 1] = 3
    labels[:, FIRST_STATE:FIRST_NODE] *= cells.states > 0
    labels[:, FIRST_NODE:first_new] = np.where(cells.operations > 0, cells.operations + 3, 0)
    labels[:, first_new:] = np.where(cells.states > 0, len(OPERATIONS) + 4, 0)
    # The parts that the inputs of a blend play are as many edges.
    edges = np.zeros((n_cells, *labels.shape[1:] * 2), dtype=np.int64)
    parts = np.where((cells.operations == BLEND)[:, :, None], np.arange(1, N_INPUTS + 1), 1)
    for position in range(N_INPUTS):
        nodes = np.arange(FIRST_NODE, first_new)
        edges[rows[:, None], cells.inputs[:, :, position], nodes] = parts[:, :, position]
    for state in range(N_STATES):
        edges[rows, cells.states[:, state], first_new + state] = 1
        edges[:, FIRST_STATE + state, first_new + state] = cells.states[:, state] > 0
    edges[:, 0] = 0
    present = np.argsort(labels == 0, axis=1, kind="stable")
    orders = canonical_orders(*reorder(labels, edges, present))
    places = np.argsort(np.take_along_axis(present, orders, axis=1), axis=1)
    states = places[:, FIRST_STATE:FIRST_NODE]
    # State 0 is the output; the others have no order.
    states[:, 0] = -1
    return rearrange(
        cells, np.argsort(places[:, FIRST_NODE:first_new], axis=1), np.argsort(states, axis=1)
    )


def cell_graphs(cells: RecurrentCells) -> Graphs:
    """Write cells as graphs of one time step that read x and the previous states."""
    operations, adjacency = _one_step(cells, cells.states > 0)
    adjacency[:, FIRST_NODE - 1] = adjacency[:, FIRST_STATE:FIRST_NODE].any(axis=1)
    kept = [X, *range(FIRST_NODE - 1, adjacency.shape[1])]
    nodes = np.pad(operations, ((0, 0), (2, 1)), constant_values=WIRE)
    adjacency = adjacency[:, kept][:, :, kept]
    return graphs_of(nodes, adjacency, OPERATIONS, n_inputs=2, inputs=("x", "previous state"))


def signal_graphs(cells: RecurrentCells) -> Graphs:
    """Write cells as graphs in which x and the previous states are operations on one input."""
    # The output adds up all new states from which something leads to the output at this time step
    # or a later one.
    live = live_numbers(cells)[:, FIRST_STATE:FIRST_NODE] & (cells.states > 0)
    operations, adjacency = _one_step(cells, live)
    read = np.full((len(operations), FIRST_NODE - 1), SIGNAL_NAMES.index("previous state"))
    read[:, 0] = SIGNAL_NAMES.index("x")
    read[:, 1:][cells.states == 0] = ABSENT
    # The number 0, that of nothing, is free for the common input.
    adjacency[:, 0, X:FIRST_NODE] = True
    nodes = np.pad(np.hstack([read, operations]), ((0, 0), (1, 1)), constant_values=WIRE)
    return graphs_of(nodes, adjacency, SIGNAL_NAMES)


def _one_step(
    cells: RecurrentCells, states: NDArray[np.bool_]
) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return the operations, and adjacency matrices of all numbers and an output of the states."""
    rows = np.arange(len(cells.operations))
    # As many nodes as the largest cell of the batch has.
    n_nodes = int((cells.operations > 0).sum(axis=1).max(initial=1))
    size = FIRST_NODE + n_nodes + 1
    adjacency = np.zeros((len(rows), size, size), dtype=bool)
    for position in range(N_INPUTS):
        read = cells.inputs[:, :n_nodes, position]
        adjacency[rows[:, None], read, np.arange(FIRST_NODE, size - 1)] = True
    for state in range(N_STATES):
        adjacency[rows, cells.states[:, state], -1] |= states[:, state]
    adjacency[:, 0] = False
    return cells.operations[:, :n_nodes] - 1, adjacency
