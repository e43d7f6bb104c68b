"""Recurrent cells as token sequences, and back.

Reading takes what it understands and leaves out the rest; whether that was all can be seen by
writing it again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._sequences import PADDING, IntArray, TokenSequence, shift_left
from ._cells import (
    BLEND,
    FIRST_NODE,
    FIRST_STATE,
    MAX_NODES,
    N_STATES,
    OPERATIONS,
    PER_NODE,
    X,
    max_nodes,
    to_cells,
)
from ._recipes import Nodes, put_together, take_apart

GRAPH_SIZE = 25

# Everything but the last node can be read, and has its number as token.
_READABLE = (
    "x",
    *(f"h_prev_{state}" for state in range(N_STATES)),
    *(f"node_{node}" for node in range(MAX_NODES - 1)),
)
_FIRST_OPERATION = 1 + len(_READABLE)
_FIRST_NEW_STATE = _FIRST_OPERATION + len(OPERATIONS)
_N_DECISIONS = MAX_NODES * PER_NODE + N_STATES
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


def _read_recipe(tokens: list[int]) -> list[int]:
    nodes: Nodes = []
    states = [0] * N_STATES
    for token in tokens:
        if _FIRST_OPERATION <= token < _FIRST_NEW_STATE:
            nodes.append((token - _FIRST_OPERATION + 1, []))
        elif nodes and token >= _FIRST_NEW_STATE:
            states[token - _FIRST_NEW_STATE] = FIRST_NODE + len(nodes) - 1
        elif nodes and token:
            nodes[-1][1].append(token)
    return put_together(nodes, states)


def _write_graph(choices: list[int]) -> list[int]:
    nodes, states = take_apart(choices)
    first = 1 + len(states)
    places = {X + place: place for place in range(first)}
    places |= {FIRST_NODE + node: first + node for node in range(len(nodes))}
    # Entries above the diagonal are edges, entries on it are operations.
    graph = np.zeros((GRAPH_SIZE, GRAPH_SIZE), dtype=np.int64)
    graph[:, : len(places) + len(states)] = _NO_EDGE
    np.fill_diagonal(graph, PADDING)
    for place, (operation, inputs) in enumerate(nodes, start=first):
        graph[place, place] = _FIRST_LABEL - 1 + operation
        for part, number in enumerate(inputs):
            graph[places[number], place] = _EDGE + part * (operation == BLEND)
    for place, number in enumerate(states, start=len(places)):
        graph[places[number], place] = _EDGE
    return graph[_COLUMNS[0], _COLUMNS[1]].tolist()


def _read_graph(tokens: list[int]) -> list[int]:
    graph = np.zeros((GRAPH_SIZE, GRAPH_SIZE), dtype=np.int64)
    graph[_COLUMNS[0], _COLUMNS[1]] = tokens
    nodes = np.flatnonzero(graph.diagonal() >= _FIRST_LABEL).tolist()
    n_states = min(max(nodes[0] - 1, 0), N_STATES) if nodes else 0
    numbers = dict(enumerate(range(X, FIRST_STATE + n_states)))
    numbers |= {place: number for number, place in enumerate(nodes, start=FIRST_NODE)}

    def read(place: int) -> list[int]:
        edges = graph[:place, place]
        # In the order of the parts that they play, and otherwise of their numbers.
        sources = sorted(np.flatnonzero(edges >= _EDGE).tolist(), key=lambda n: edges[n])
        return [numbers.get(source, 0) for source in sources]

    cell = [(int(graph[place, place]) - _FIRST_LABEL + 1, read(place)) for place in nodes]
    behind = range(1 + n_states + len(nodes), min(1 + 2 * n_states + len(nodes), GRAPH_SIZE))
    return put_together(cell, [sum(read(place)[:1]) for place in behind])


def _each(length: int, turn: Callable[[list[int]], list[int]]) -> Callable[[IntArray], IntArray]:
    """Work on cells one by one."""
    return lambda rows: np.array([turn(row) for row in rows.tolist()], int).reshape(-1, length)


SEQUENCES = {
    "recipe": TokenSequence(
        _LENGTH,
        ("padding", *_READABLE, *OPERATIONS, *(f"h_new_{state}" for state in range(N_STATES))),
        "for each node its operation, its inputs, and the state that it becomes",
        _write_recipes,
        _each(_N_DECISIONS, _read_recipe),
    ),
    "adjacency": TokenSequence(
        _COLUMNS.shape[1],
        ("padding", "no edge", "edge", "first blended", "second blended", *OPERATIONS),
        "adjacency and operations, column by column (EmProx paper); new states follow the nodes,"
        " states have no operation",
        _each(_COLUMNS.shape[1], _write_graph),
        _each(_N_DECISIONS, _read_graph),
    ),
}
