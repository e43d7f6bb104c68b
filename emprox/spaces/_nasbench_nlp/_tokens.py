"""Recurrent cells as token sequences, and back.

Reading takes what it understands and leaves out the rest; whether that was all can be seen by
writing it again.
"""

from __future__ import annotations

import numpy as np

from .._sequences import PADDING, IntArray, TokenSequence, shift_left
from ._cells import (
    BLEND,
    FIRST_NODE,
    FIRST_STATE,
    MAX_NODES,
    N_INPUTS,
    N_STATES,
    OPERATIONS,
    PER_NODE,
    RecurrentCells,
    X,
    max_nodes,
    to_cells,
    to_decisions,
)

GRAPH_SIZE = 25

# Everything but the last node can be read, and has its number as token.
_READABLE = (
    "x",
    *(f"h_prev_{state}" for state in range(N_STATES)),
    *(f"node_{node}" for node in range(MAX_NODES - 1)),
)
_FIRST_OPERATION = 1 + len(_READABLE)
_FIRST_NEW_STATE = _FIRST_OPERATION + len(OPERATIONS)
_LENGTH = max(PER_NODE * int(max_nodes(k)) + k for k in range(1, N_STATES + 1))
# Tokens of the graph: two more kinds of edges, then the operations.
_NO_EDGE, _EDGE, _FIRST_LABEL = 1, 2, 5
# The graph is written column by column: what comes from earlier nodes, then the node.
_COLUMNS = np.array([(i, j) for j in range(1, GRAPH_SIZE) for i in range(j + 1)]).T


def _write_recipes(decisions: IntArray) -> IntArray:
    cells = to_cells(decisions)
    n_cells = len(cells.states)
    words = np.zeros((n_cells, MAX_NODES, PER_NODE + 1), dtype=np.int64)
    words[:, :, 0] = np.where(cells.operations > 0, cells.operations - 1 + _FIRST_OPERATION, 0)
    words[:, :, 1:-1] = cells.inputs
    row, state = np.nonzero(cells.states)
    words[row, cells.states[row, state] - FIRST_NODE, -1] = _FIRST_NEW_STATE + state
    return shift_left(words.reshape(n_cells, MAX_NODES * (PER_NODE + 1)), _LENGTH)


def _read_recipes(tokens: IntArray) -> IntArray:
    starts = (tokens >= _FIRST_OPERATION) & (tokens < _FIRST_NEW_STATE)
    node = starts.cumsum(axis=1) - 1
    last_start = np.maximum.accumulate(np.where(starts, np.arange(tokens.shape[1]), 0), axis=1)
    position = np.arange(tokens.shape[1]) - last_start
    cells = _no_cells(len(tokens))
    inside = (node >= 0) & (node < MAX_NODES)
    row, column = np.nonzero(starts & inside)
    cells.operations[row, node[row, column]] = tokens[row, column] - _FIRST_OPERATION + 1
    read = inside & (tokens < _FIRST_OPERATION) & (position <= N_INPUTS)
    row, column = np.nonzero(read & (position > 0))
    cells.inputs[row, node[row, column], position[row, column] - 1] = tokens[row, column]
    row, column = np.nonzero(inside & (tokens >= _FIRST_NEW_STATE))
    cells.states[row, tokens[row, column] - _FIRST_NEW_STATE] = FIRST_NODE + node[row, column]
    return to_decisions(cells)


def _write_graphs(decisions: IntArray) -> IntArray:
    cells = to_cells(decisions)
    n_nodes = (cells.operations > 0).sum(axis=1)
    n_states = (cells.states > 0).sum(axis=1)
    graph = np.zeros((len(n_nodes), GRAPH_SIZE, GRAPH_SIZE), dtype=np.int64)
    # Entries above the diagonal are edges, entries on it are operations.
    used = np.arange(GRAPH_SIZE) < (1 + 2 * n_states + n_nodes)[:, None]
    graph[:] = np.where(used[:, None], _NO_EDGE, PADDING)
    graph[:, np.arange(GRAPH_SIZE), np.arange(GRAPH_SIZE)] = PADDING
    places = _places(n_states)
    row, node = np.nonzero(cells.operations)
    column = places[row, FIRST_NODE + node]
    graph[row, column, column] = _FIRST_LABEL - 1 + cells.operations[row, node]
    row, node, position = np.nonzero(cells.inputs)
    kind = np.where(cells.operations[row, node] == BLEND, _EDGE + position, _EDGE)
    source, target = cells.inputs[row, node, position], FIRST_NODE + node
    graph[row, places[row, source], places[row, target]] = kind
    row, state = np.nonzero(cells.states)
    target = 1 + n_states[row] + n_nodes[row] + state
    graph[row, places[row, cells.states[row, state]], target] = _EDGE
    return graph[:, _COLUMNS[0], _COLUMNS[1]]


def _read_graphs(tokens: IntArray) -> IntArray:
    graph = np.zeros((len(tokens), GRAPH_SIZE, GRAPH_SIZE), dtype=np.int64)
    graph[:, _COLUMNS[0], _COLUMNS[1]] = tokens
    labels = graph.diagonal(axis1=1, axis2=2)
    is_node = labels >= _FIRST_LABEL
    n_states = np.clip(is_node.argmax(axis=1) - 1, 0, N_STATES)
    numbers = np.full((len(tokens), GRAPH_SIZE), PADDING)
    row, number = np.nonzero(np.ones((len(tokens), FIRST_NODE + MAX_NODES), dtype=bool))
    places = _places(n_states)[row, number]
    present = (number <= FIRST_STATE - 1 + n_states[row]) | (number >= FIRST_NODE)
    present &= (number > 0) & (places < GRAPH_SIZE)
    numbers[row[present], places[present]] = number[present]
    # Sources in the order of their part in a blend, otherwise of their number.
    kinds = np.triu(graph, 1)
    order = np.argsort(np.where(kinds >= _EDGE, kinds, _FIRST_LABEL), axis=1, kind="stable")
    sources = np.take_along_axis(numbers[:, :, None], order[:, :N_INPUTS], axis=1)
    there = np.take_along_axis(kinds, order[:, :N_INPUTS], axis=1) >= _EDGE
    sources = np.where(there, sources, PADDING)
    cells = _no_cells(len(tokens))
    row, column = np.nonzero(is_node & (numbers >= FIRST_NODE))
    node = numbers[row, column] - FIRST_NODE
    cells.operations[row, node] = labels[row, column] - _FIRST_LABEL + 1
    cells.inputs[row, node] = sources[row, :, column]
    first = 1 + n_states + is_node.sum(axis=1)
    for state in range(N_STATES):
        row = np.flatnonzero((state < n_states) & (first + state < GRAPH_SIZE))
        cells.states[row, state] = sources[row, 0, first[row] + state]
    return to_decisions(cells)


def _no_cells(n_cells: int) -> RecurrentCells:
    shape = (n_cells, MAX_NODES)
    return RecurrentCells(
        np.zeros(shape, dtype=np.int64),
        np.zeros((*shape, N_INPUTS), dtype=np.int64),
        np.zeros((n_cells, N_STATES), dtype=np.int64),
    )


def _places(n_states: IntArray) -> IntArray:
    """Return where in the graph each number stands: x, the previous states, the nodes."""
    numbers = np.arange(FIRST_NODE + MAX_NODES)
    after = np.where(numbers < FIRST_NODE, numbers - X, numbers - FIRST_NODE + 1)
    return after + np.where(numbers < FIRST_NODE, 0, n_states[:, None])


SEQUENCES = {
    "recipe": TokenSequence(
        _LENGTH,
        ("padding", *_READABLE, *OPERATIONS, *(f"h_new_{state}" for state in range(N_STATES))),
        "for each node its operation, its inputs, and the state that it becomes",
        _write_recipes,
        _read_recipes,
    ),
    "adjacency": TokenSequence(
        (GRAPH_SIZE - 1) * (GRAPH_SIZE + 2) // 2,
        ("padding", "no edge", "edge", "first blended", "second blended", *OPERATIONS),
        "adjacency and operations, column by column (EmProx paper); new states follow the nodes,"
        " states have no operation",
        _write_graphs,
        _read_graphs,
    ),
}
