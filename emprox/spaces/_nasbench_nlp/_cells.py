"""Work on many recurrent cells at once: dead nodes, canonical order.

What a node can read has a number: 1 is the input x, 2 to 4 are the previous states, and the nodes
of the cell follow from 5 on, in an order in which every node reads earlier ones. 0 is nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._sequences import IntArray

N_STATES = 3
N_INPUTS = 3
X, FIRST_STATE = 1, 2
FIRST_NODE = FIRST_STATE + N_STATES
# The operation whose inputs play different parts; for all others their order does not matter.
BLEND = 2

Colors = NDArray[np.uint64]

_LARGE = np.iinfo(np.int64).max
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# What is mixed into a color together with another one, to tell apart how the two are related:
# read (as part 0 of any operation, or as part 1 to 3 of a blend), read by (likewise), and so on.
_SALTS = np.arange(1, 13, dtype=np.uint64) * _MULTIPLIER
_READ, _READ_BY, _BECOMES, _BECAME, _SELF, _MARKED = 0, 4, 8, 9, 10, 11


class RecurrentCells(NamedTuple):
    """A batch of recurrent cells."""

    operations: IntArray
    """Operation of each node, 0 after the last one; shape (n_cells, n_nodes)."""
    inputs: IntArray
    """What each node reads, 0 after its last input; shape (n_cells, n_nodes, 3)."""
    states: IntArray
    """Which node is the new value of each state, its number, 0 if the cell has fewer states; shape
    (n_cells, 3)."""

    def take(self, rows: NDArray[np.int64]) -> RecurrentCells:
        """Return some of the cells."""
        return RecurrentCells(self.operations[rows], self.inputs[rows], self.states[rows])


def live_nodes(cells: RecurrentCells) -> NDArray[np.bool_]:
    """Say what has an influence on the output, at this time step or a later one.

    The output is the new value of state 0. What a live node reads is live, and so is the new value
    of a state whose previous value is.

    Parameters
    ----------
    cells : RecurrentCells
        The cells.

    Returns
    -------
    ndarray of shape (n_cells, 5 + n_nodes)
        True where live, by number.
    """
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


def rearrange(cells: RecurrentCells, order: IntArray, state_order: IntArray) -> RecurrentCells:
    """Renumber nodes and states.

    Parameters
    ----------
    cells : RecurrentCells
        The cells.
    order : ndarray of shape (n_cells, n_nodes)
        Which node (0 is the first) comes to each place.
    state_order : ndarray of shape (n_cells, 3)
        Which state comes to each place.

    Returns
    -------
    RecurrentCells
        The same cells in other words. Inputs whose order does not matter are in ascending order.
    """
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
    states = numbers[rows, cells.states[rows, state_order]]
    return RecurrentCells(operations, inputs, states)


def drop_nodes(
    cells: RecurrentCells, kept: NDArray[np.bool_], kept_states: NDArray[np.bool_]
) -> RecurrentCells:
    """Remove nodes and states that nothing else needs, and close the gaps.

    Parameters
    ----------
    cells : RecurrentCells
        The cells.
    kept : ndarray of shape (n_cells, n_nodes)
        Which nodes stay.
    kept_states : ndarray of shape (n_cells, 3)
        Which states stay.

    Returns
    -------
    RecurrentCells
        The smaller cells.
    """
    kept = kept & (cells.operations > 0)
    kept_states = kept_states & (cells.states > 0)
    order = np.argsort(~kept, axis=1, kind="stable")
    state_order = np.argsort(~kept_states, axis=1, kind="stable")
    moved = rearrange(cells, order, state_order)
    here = np.take_along_axis(kept, order, axis=1)
    here_states = np.take_along_axis(kept_states, state_order, axis=1)
    return RecurrentCells(
        moved.operations * here, moved.inputs * here[:, :, None], moved.states * here_states
    )


def canonical_cells(cells: RecurrentCells) -> RecurrentCells:
    """Drop what has no influence, and bring isomorphic cells into the same order.

    Nodes are told apart by color refinement: their color is mixed with those of the nodes that
    they read and are read by, until no more can be told apart. Where equal colors are left, one of
    them is marked and refinement goes on, and of all orders that this can lead to the least is
    taken (individualisation and refinement; McKay and Piperno, 2014). Equal results are always
    isomorphic, because a result is the cell itself. Colors are numbers of 64 bits, made by hashing;
    that two are equal by accident, and make isomorphic cells differ, is not to be expected.

    Parameters
    ----------
    cells : RecurrentCells
        The cells.

    Returns
    -------
    RecurrentCells
        The canonical cells, of the same shape.
    """
    # No cell is likely to have all the nodes that there is room for; two are needed to compare.
    n_nodes = int((cells.operations > 0).sum(axis=1).max(initial=2))
    short = RecurrentCells(cells.operations[:, :n_nodes], cells.inputs[:, :n_nodes], cells.states)
    live = live_nodes(short)
    short = drop_nodes(short, live[:, FIRST_NODE:], live[:, FIRST_STATE:FIRST_NODE])
    levels = _levels(short)
    colors = _refine(short, _first_colors(short, levels))
    tied = np.flatnonzero(_tied(short, levels, colors).any(axis=1))
    if len(tied):
        colors[tied] = _break_ties(short.take(tied), levels[tied], colors[tied])
    ordered = _sort(short, levels, colors)
    operations, inputs = np.zeros_like(cells.operations), np.zeros_like(cells.inputs)
    operations[:, :n_nodes], inputs[:, :n_nodes] = ordered.operations, ordered.inputs
    return RecurrentCells(operations, inputs, ordered.states)


def _levels(cells: RecurrentCells) -> IntArray:
    """Return the length of the longest chain of nodes that ends at each node."""
    n_cells, n_nodes = cells.operations.shape
    rows = np.arange(n_cells)[:, None]
    levels = np.zeros((n_cells, FIRST_NODE + n_nodes), dtype=np.int64)
    for node in range(n_nodes):
        levels[:, FIRST_NODE + node] = 1 + levels[rows, cells.inputs[:, node]].max(axis=1)
    return levels[:, FIRST_NODE:]


def _mix(colors: Colors, salt: Colors | np.uint64) -> Colors:
    mixed = (colors ^ salt) * _MULTIPLIER
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    mixed ^= mixed >> np.uint64(29)
    return mixed


def _first_colors(cells: RecurrentCells, levels: IntArray) -> Colors:
    """Color everything by what it is: operation, level, and whether it is a state."""
    n_cells, n_nodes = cells.operations.shape
    rows = np.arange(n_cells)
    colors = np.zeros((n_cells, FIRST_NODE + n_nodes), dtype=np.int64)
    # State 0 is the output; the others have no order.
    colors[:, X], colors[:, FIRST_STATE], colors[:, FIRST_STATE + 1 : FIRST_NODE] = 1, 2, 3
    colors[:, FIRST_NODE:] = (levels * 8 + cells.operations) * 4
    for state in range(N_STATES):
        colors[rows, cells.states[:, state]] += min(state, 1) + 1
    return _without_absent(cells, _mix(colors.astype(np.uint64), _SALTS[_SELF]))


def _without_absent(cells: RecurrentCells, colors: Colors) -> Colors:
    """Give what is not there one color, so that a cell's colors do not depend on the batch."""
    colors[:, 0] = 0
    colors[:, FIRST_NODE:] *= cells.operations > 0
    return colors


def _refine(cells: RecurrentCells, colors: Colors) -> Colors:
    """Mix colors with those around them until no more nodes of the cell can be told apart."""
    colors = colors.copy()
    n_colors = _count(colors)
    rows = np.arange(len(colors))
    while len(rows):
        mixed = _mix_around(cells.take(rows), colors[rows])
        n_mixed = _count(mixed)
        more = n_mixed > n_colors[rows]
        # How often a cell's colors are mixed may depend on this cell alone.
        rows = rows[more]
        colors[rows], n_colors[rows] = mixed[more], n_mixed[more]
    return colors


def _count(colors: Colors) -> IntArray:
    in_order = np.sort(colors, axis=1)
    return (in_order[:, 1:] != in_order[:, :-1]).sum(axis=1)


def _mix_around(cells: RecurrentCells, colors: Colors) -> Colors:
    n_cells, n_nodes = cells.operations.shape
    rows = np.arange(n_cells)
    read = cells.inputs > 0
    # The parts that the inputs play: 0, or 1 to 3 for those of a blend.
    parts = np.where((cells.operations == BLEND)[:, :, None], np.arange(1, N_INPUTS + 1), 0)
    around = _mix(colors, _SALTS[_SELF])
    inputs = _mix(colors[rows[:, None, None], cells.inputs], _SALTS[_READ + parts])
    around[:, FIRST_NODE:] += (inputs * read).sum(axis=2, dtype=np.uint64)
    outputs = _mix(colors[:, FIRST_NODE:, None], _SALTS[_READ_BY + parts]) * read
    for node in range(n_nodes):
        for position in range(N_INPUTS):
            around[rows, cells.inputs[:, node, position]] += outputs[:, node, position]
    for state in range(N_STATES):
        new = cells.states[:, state]
        previous = FIRST_STATE + state
        became = _mix(colors[:, previous], _SALTS[_BECAME])
        around[:, previous] += _mix(colors[rows, new], _SALTS[_BECOMES]) * (new > 0)
        around[rows, new] += became
    return _without_absent(cells, around)


def _order(cells: RecurrentCells, levels: IntArray, colors: Colors) -> IntArray:
    """Sort nodes by level, so that every node stays behind what it reads, operation and color."""
    absent = cells.operations == 0
    return np.lexsort(
        (colors[:, FIRST_NODE:], cells.operations, np.where(absent, _LARGE, levels)), axis=1
    )


def _sort(cells: RecurrentCells, levels: IntArray, colors: Colors) -> RecurrentCells:
    """Bring cells whose nodes all have different colors into the order of their colors."""
    order = _order(cells, levels, colors)
    places = np.argsort(order, axis=1)
    n_nodes = order.shape[1]
    # States other than the output are numbered by the place of their new value.
    keys = np.take_along_axis(places, np.maximum(cells.states - FIRST_NODE, 0), axis=1)
    keys[cells.states == 0] = n_nodes
    keys[:, 0] = -1
    return rearrange(cells, order, np.argsort(keys, axis=1, kind="stable"))


def _tied(cells: RecurrentCells, levels: IntArray, colors: Colors) -> NDArray[np.bool_]:
    """Mark the nodes of the first color, in order, that more than one node of a cell has."""
    order = _order(cells, levels, colors)
    in_order = np.take_along_axis(colors[:, FIRST_NODE:], order, axis=1)
    present = np.take_along_axis(cells.operations, order, axis=1) > 0
    again = (in_order[:, 1:] == in_order[:, :-1]) & present[:, 1:]
    first = np.take_along_axis(in_order, again.argmax(axis=1)[:, None], axis=1)
    return (colors[:, FIRST_NODE:] == first) & again.any(axis=1)[:, None] & (cells.operations > 0)


def _mark(cells: RecurrentCells, colors: Colors, nodes: NDArray[np.int64]) -> Colors:
    """Give one node of each cell a color of its own, and see what else that tells apart."""
    colors = colors.copy()
    place = np.arange(len(colors)), FIRST_NODE + nodes
    colors[place] = _mix(colors[place], _SALTS[_MARKED])
    return _refine(cells, colors)


def _break_ties(cells: RecurrentCells, levels: IntArray, colors: Colors) -> Colors:
    """Tell all nodes apart in the way that makes the sorted cell least."""
    best = colors.copy()
    best_form: dict[int, bytes] = {}
    owners = np.arange(len(colors))
    while len(owners):
        tied = _tied(cells.take(owners), levels[owners], colors)
        parents, nodes = np.nonzero(tied)
        finished = np.flatnonzero(~tied.any(axis=1))
        done = cells.take(owners[finished])
        forms = _forms(_sort(done, levels[owners[finished]], colors[finished]))
        for row, form in zip(finished.tolist(), forms, strict=True):
            owner = int(owners[row])
            if owner not in best_form or form < best_form[owner]:
                best_form[owner], best[owner] = form, colors[row]
        owners = owners[parents]
        colors = _mark(cells.take(owners), colors[parents], nodes)
        # Two branches of which one leaf is the same, colors included, are images of each other, so
        # that one is enough; without this a cell with many like parts would take forever.
        leaves = colors.copy()
        while True:
            tied = _tied(cells.take(owners), levels[owners], leaves)
            rows = np.flatnonzero(tied.any(axis=1))
            if not len(rows):
                break
            leaves[rows] = _mark(cells.take(owners[rows]), leaves[rows], tied[rows].argmax(axis=1))
        forms = _forms(_sort(cells.take(owners), levels[owners], leaves))
        sorted_colors = np.sort(leaves, axis=1)
        first: dict[tuple[int, bytes, bytes], int] = {}
        for row, (parent, form) in enumerate(zip(parents.tolist(), forms, strict=True)):
            first.setdefault((parent, form, sorted_colors[row].tobytes()), row)
        kept = np.array(list(first.values()), dtype=np.int64)
        owners, colors = owners[kept], colors[kept]
    return best


def _forms(cells: RecurrentCells) -> list[bytes]:
    """Write cells as bytes that can be compared."""
    n_cells, n_nodes = cells.operations.shape
    parts = (cells.operations, cells.inputs.reshape(n_cells, n_nodes * N_INPUTS), cells.states)
    return [row.tobytes() for row in np.hstack(parts).astype(np.uint8)]
