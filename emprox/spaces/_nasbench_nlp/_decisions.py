"""Decisions of recurrent cells: how they are put together, which are legal, how many there are."""

from __future__ import annotations

from math import comb, perm, prod

import numpy as np
from numpy.typing import NDArray

from .._sequences import IntArray
from ._cells import BLEND, FIRST_NODE, FIRST_STATE, N_INPUTS, N_STATES, RecurrentCells, X
from ._recipes import N_READ
from ._sampling import LINEAR, max_nodes

MAX_NODES = int(max_nodes(1))
PER_NODE = 1 + N_INPUTS


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


def n_descriptions() -> int:
    """Count the legal decisions."""
    return sum(
        perm(n_nodes, n_states) * prod(_n_nodes(n_states + node) for node in range(n_nodes))
        for n_states in range(1, N_STATES + 1)
        for n_nodes in range(n_states, int(max_nodes(n_states)) + 1)
    )


def _n_nodes(n_wide: int) -> int:
    """Count the legal nodes that can follow so many states and nodes; linear can read x too."""
    unordered = sum(
        comb(n_wide + (name == "linear"), n_inputs)
        for name, (fewest, most) in N_READ.items()
        if name != "blend"
        for n_inputs in range(fewest, most + 1)
    )
    return unordered + perm(n_wide, N_INPUTS)


def broken_rules(cells: RecurrentCells) -> list[tuple[NDArray[np.bool_], str]]:
    """Return each rule of the space with the cells that break it."""
    operations, inputs, states = cells
    present = operations > 0
    n_nodes, n_states = present.sum(axis=1), (states > 0).sum(axis=1)
    n_read = (inputs > 0).sum(axis=2)
    fewest, most = np.array([(0, 0), *N_READ.values()]).T
    later = inputs[:, :, 1:]
    ascends = (later > inputs[:, :, :-1]) | (later == 0) | (operations == BLEND)[:, :, None]
    twice = (inputs[:, :, [0, 0, 1]] == inputs[:, :, [1, 2, 2]]) & (inputs[:, :, [1, 2, 2]] > 0)
    foreign = (inputs > FIRST_STATE - 1 + n_states[:, None, None]) & (inputs < FIRST_NODE)
    same = (states[:, [0, 0, 1]] == states[:, [1, 2, 2]]) & (states[:, [1, 2, 2]] > 0)
    most_nodes = np.asarray(max_nodes(np.maximum(n_states, 1)))
    return [
        ((present[:, 1:] & ~present[:, :-1]).any(axis=1), "a node follows one that is not there"),
        (
            ((states[:, 1:] > 0) & (states[:, :-1] == 0)).any(axis=1) | (n_states == 0),
            "a cell has a new state 0, and may have a new state 1 and then 2",
        ),
        (same.any(axis=1), "two states have the same node as their new value"),
        (
            (states >= (FIRST_NODE + n_nodes)[:, None]).any(axis=1),
            "the new value of a state is a node that is not there",
        ),
        (n_nodes > most_nodes, "with k states a cell has at most 24 - 2k nodes"),
        (
            ((later > 0) & (inputs[:, :, :-1] == 0)).any(axis=(1, 2)),
            "an input follows an empty place",
        ),
        (
            ((n_read < fewest[operations]) | (n_read > most[operations])).any(axis=1),
            "a node has too few or too many inputs for its operation",
        ),
        (twice.any(axis=(1, 2)), "a node reads the same input twice"),
        (
            ~ascends.all(axis=(1, 2)),
            "inputs whose order does not matter have to be in ascending order",
        ),
        (
            ((inputs == X) & (operations != LINEAR)[:, :, None]).any(axis=(1, 2)),
            "only linear can read x, which does not have the width of the states",
        ),
        (foreign.any(axis=(1, 2)), "a node reads a previous state that the cell does not have"),
    ]
