"""Random recurrent cells, and random descriptions of given ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._sequences import IntArray
from ._cells import (
    BLEND,
    FIRST_NODE,
    FIRST_STATE,
    N_INPUTS,
    N_STATES,
    RecurrentCells,
    X,
    drop_nodes,
    live_nodes,
    rearrange,
)

LINEAR, PRODUCT, SUM, FIRST_ACTIVATION = 1, 3, 4, 5
N_ACTIVATIONS = 3
_MIN_NODES = 7


def max_nodes(n_states: IntArray | int) -> IntArray | int:
    """Return how many nodes a cell may have: with states and output 25 make the graph."""
    return 24 - 2 * n_states


def random_cells(n_cells: int, n_nodes: int, rng: np.random.Generator) -> RecurrentCells:
    """Draw cells at random in the way of the benchmark, of which some are thrown away.

    Parameters
    ----------
    n_cells : int
        How many to draw.
    n_nodes : int
        Number of nodes that there is room for.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    RecurrentCells
        At most `n_cells` cells.
    """
    n_states = rng.integers(1, N_STATES + 1, size=n_cells)
    sizes = rng.integers(_MIN_NODES + n_states, np.asarray(max_nodes(n_states)) + 1)
    operations = np.zeros((n_cells, n_nodes), dtype=np.int64)
    inputs = np.zeros((n_cells, n_nodes, N_INPUTS), dtype=np.int64)
    # What can be read so far: by linear operations, and by the others, which need the hidden width.
    for_linear = np.zeros((n_cells, FIRST_NODE + n_nodes), dtype=bool)
    for_linear[:, X] = True
    for_linear[:, FIRST_STATE:FIRST_NODE] = np.arange(N_STATES) < n_states[:, None]
    for_others = for_linear.copy()
    for_others[:, X] = False
    for node in range(n_nodes):
        chosen = rng.choice([LINEAR, BLEND, PRODUCT, SUM], size=n_cells, p=[1 / 2, *[1 / 6] * 3])
        chosen[for_others.sum(axis=1) < np.where(chosen == BLEND, 3, 2)] = LINEAR
        if node:
            after_linear = operations[:, node - 1] == LINEAR
            chosen[after_linear] = rng.integers(N_ACTIVATIONS, size=after_linear.sum())
            chosen[after_linear] += FIRST_ACTIVATION
        linear = chosen == LINEAR
        n_inputs = np.where(chosen == BLEND, 3, 2) + (linear & (rng.random(n_cells) < 1 / 5))
        readable = np.where(linear[:, None], for_linear, for_others)
        read = _choose(readable, np.minimum(n_inputs, readable.sum(axis=1)), rng)
        if node:
            read[after_linear] = [FIRST_NODE + node - 1, 0, 0]
        here = node < sizes
        operations[:, node], inputs[:, node] = chosen * here, read * here[:, None]
        for_linear[:, FIRST_NODE + node] = chosen >= FIRST_ACTIVATION
        for_others[:, FIRST_NODE + node] = True
    states = _choose(operations > 0, n_states, rng)
    states += FIRST_NODE * (np.arange(N_STATES) < n_states[:, None])
    return _without_useless(RecurrentCells(operations, inputs, states))


def _choose(allowed: NDArray[np.bool_], n_chosen: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw up to three different columns for each row, and write 0 where there are fewer."""
    keys = np.where(allowed, rng.random(allowed.shape), 2)
    columns = np.argsort(keys, axis=1)[:, :N_INPUTS]
    return columns * (np.arange(N_INPUTS) < n_chosen[:, None])


def _without_useless(cells: RecurrentCells) -> RecurrentCells:
    """Remove nodes without influence, and cells that ignore an input or copy a state."""
    live = live_nodes(cells)
    n_states = (cells.states > 0).sum(axis=1)
    used = live[:, X] & (live[:, FIRST_STATE:FIRST_NODE].sum(axis=1) == n_states)
    nodes = np.maximum(cells.states - FIRST_NODE, 0)
    read = np.take_along_axis(cells.inputs, nodes[:, :, None], axis=1)
    copies = (read >= FIRST_STATE) & (read < FIRST_NODE) & (cells.states > 0)[:, :, None]
    rows = np.flatnonzero(used & ~copies.any(axis=(1, 2)))
    return drop_nodes(cells.take(rows), live[rows, FIRST_NODE:], live[rows, FIRST_STATE:FIRST_NODE])


def shuffled_cells(cells: RecurrentCells, rng: np.random.Generator) -> RecurrentCells:
    """Give nodes and states, but for the output, another order that edges allow.

    Parameters
    ----------
    cells : RecurrentCells
        The cells.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    RecurrentCells
        The same cells, described in another way.
    """
    n_cells, n_nodes = cells.operations.shape
    rows = np.arange(n_cells)
    present = cells.operations > 0
    placed = np.zeros((n_cells, FIRST_NODE + n_nodes), dtype=bool)
    placed[:, :FIRST_NODE] = True
    order = np.empty((n_cells, n_nodes), dtype=np.int64)
    for place in range(n_nodes):
        ready = placed[rows[:, None, None], cells.inputs].all(axis=2)
        keys = np.where(ready, rng.random(present.shape), -np.inf)
        # What is not there comes last.
        keys = np.where(present, keys, -1 - np.arange(n_nodes))
        keys[placed[:, FIRST_NODE:]] = -np.inf
        order[:, place] = keys.argmax(axis=1)
        placed[rows, FIRST_NODE + order[:, place]] = True
    state_keys = np.where(cells.states > 0, rng.random(cells.states.shape), 2)
    state_keys[:, 0] = -1
    return rearrange(cells, order, np.argsort(state_keys, axis=1, kind="stable"))
