"""Random recurrent cells, drawn as the benchmark does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._sequences import IntArray
from ._cells import (
    BLEND,
    FIRST_NODE,
    FIRST_STATE,
    MAX_NODES,
    N_INPUTS,
    N_STATES,
    OPERATIONS,
    RecurrentCells,
    X,
    live_numbers,
    max_nodes,
    without_dead,
)

LINEAR, PRODUCT, SUM, FIRST_ACTIVATION = (
    1 + OPERATIONS.index(name)
    for name in ("linear", "elementwise_prod", "elementwise_sum", "activation_tanh")
)
_N_ACTIVATIONS = 3
_MIN_NODES = 7


def random_cells(n_cells: int, rng: np.random.Generator) -> RecurrentCells:
    """Draw cells, of which some are thrown away, so that about a third are left."""
    n_states = rng.integers(1, N_STATES + 1, size=n_cells)
    sizes = rng.integers(_MIN_NODES + n_states, np.asarray(max_nodes(n_states)) + 1)
    operations = np.zeros((n_cells, MAX_NODES), dtype=np.int64)
    inputs = np.zeros((n_cells, MAX_NODES, N_INPUTS), dtype=np.int64)
    # What can be read so far: by linear operations, and by the others, which need the hidden width.
    for_linear = np.zeros((n_cells, FIRST_NODE + MAX_NODES), dtype=bool)
    for_linear[:, X] = True
    for_linear[:, FIRST_STATE:FIRST_NODE] = np.arange(N_STATES) < n_states[:, None]
    for_others = for_linear.copy()
    for_others[:, X] = False
    for node in range(MAX_NODES):
        chosen = rng.choice([LINEAR, BLEND, PRODUCT, SUM], size=n_cells, p=[1 / 2, *[1 / 6] * 3])
        chosen[for_others.sum(axis=1) < np.where(chosen == BLEND, 3, 2)] = LINEAR
        if node:
            after_linear = operations[:, node - 1] == LINEAR
            chosen[after_linear] = rng.integers(_N_ACTIVATIONS, size=after_linear.sum())
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
    return _useful(RecurrentCells(operations, inputs, states))


def _choose(allowed: NDArray[np.bool_], n_chosen: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw up to three different columns for each row, and write 0 where there are fewer."""
    keys = np.where(allowed, rng.random(allowed.shape), 2)
    columns = np.argsort(keys, axis=1)[:, :N_INPUTS]
    return columns * (np.arange(N_INPUTS) < n_chosen[:, None])


def _useful(cells: RecurrentCells) -> RecurrentCells:
    """Remove nodes without influence, and cells that ignore an input or copy a state."""
    live = live_numbers(cells)
    n_states = (cells.states > 0).sum(axis=1)
    used = live[:, X] & (live[:, FIRST_STATE:FIRST_NODE].sum(axis=1) == n_states)
    nodes = np.maximum(cells.states - FIRST_NODE, 0)
    read = np.take_along_axis(cells.inputs, nodes[:, :, None], axis=1)
    copies = (read >= FIRST_STATE) & (read < FIRST_NODE) & (cells.states > 0)[:, :, None]
    kept = used & ~copies.any(axis=(1, 2))
    return without_dead(RecurrentCells(*(part[kept] for part in cells)))
