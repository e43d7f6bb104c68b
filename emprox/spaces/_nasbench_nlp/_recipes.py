"""Reading and writing single recurrent cells: recipes and graphs, from and to decisions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...graphs import Architecture, ArchitectureError
from ...graphs._architecture import load_json
from ...utils._texts import shown
from .._parsing import refuse
from ._cells import (
    BLEND,
    FIRST_NODE,
    FIRST_STATE,
    MAX_NODES,
    N_INPUTS,
    N_READ,
    N_STATES,
    OPERATIONS,
    PER_NODE,
    X,
)

RECIPE = (
    'a recipe such as {"node_0": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op":'
    ' "activation_tanh", "input": ["node_0"]}}'
)
# In a graph the second and third input of a blend pass through nodes of their own, because the
# edges of a graph have no order.
BLENDED = ("blend_first", "blend_second")
NEW_STATES = tuple(f"h_new_{state}" for state in range(N_STATES))

_GIVEN = {"x": X, **{f"h_prev_{state}": FIRST_STATE + state for state in range(N_STATES)}}
_NEW_STATE = re.compile("h_new_[0-9]+")
# Operation and inputs of each node, by number.
Nodes = list[tuple[int, list[int]]]


def take_apart(choices: list[int]) -> tuple[Nodes, list[int]]:
    """Return the nodes of a cell, and the numbers of its new states."""
    rows = [choices[start : start + PER_NODE] for start in range(0, MAX_NODES * PER_NODE, PER_NODE)]
    nodes = [(row[0], [number for number in row[1:] if number]) for row in rows if row[0]]
    states = [node - 1 + FIRST_NODE for node in choices[MAX_NODES * PER_NODE :] if node]
    return nodes, states


def put_together(nodes: Nodes, states: list[int]) -> list[int]:
    """Make decisions of a cell, as far as there is room for it."""
    choices: list[int] = []
    for operation, inputs in nodes[:MAX_NODES]:
        in_order = inputs if operation == BLEND else sorted(inputs)
        choices += [operation, *[*in_order, 0, 0, 0][:N_INPUTS]]
    choices += [0] * (MAX_NODES * PER_NODE - len(choices))
    new = [max(number - FIRST_NODE + 1, 0) for number in states]
    return [*choices, *[*new, 0, 0, 0][:N_STATES]]


def write_recipe(choices: list[int]) -> str:
    """Write a cell as the benchmark does."""
    nodes, states = take_apart(choices)
    names = {number: name for name, number in _GIVEN.items()}
    names |= {FIRST_NODE + node: f"node_{node}" for node in range(len(nodes))}
    names |= dict(zip(states, NEW_STATES, strict=False))
    recipe = {
        names[number]: {"op": OPERATIONS[operation - 1], "input": [names[i] for i in inputs]}
        for number, (operation, inputs) in enumerate(nodes, start=FIRST_NODE)
    }
    return json.dumps(recipe)


def write_graph(choices: list[int], space: str) -> Architecture:
    """Write a cell as a graph."""
    nodes, states = take_apart(choices)
    labels = [name for name, number in _GIVEN.items() if number < FIRST_STATE + len(states)]
    places = {_GIVEN[label]: place for place, label in enumerate(labels)}
    edges: list[tuple[int, int]] = []

    def add(label: str, read: Iterable[int]) -> int:
        edges.extend((source, len(labels)) for source in read)
        labels.append(label)
        return len(labels) - 1

    for number, (operation, inputs) in enumerate(nodes, start=FIRST_NODE):
        read = [places[i] for i in inputs]
        if operation == BLEND:
            read[1:] = [add(part, [i]) for part, i in zip(BLENDED, read[1:], strict=True)]
        places[number] = add(OPERATIONS[operation - 1], read)
    for name, number in zip(NEW_STATES, states, strict=False):
        add(name, [places[number]])
    return Architecture(tuple(labels), tuple(edges), space)


def read_graph(architecture: Architecture) -> list[int]:
    """Read a graph that `write_graph` writes; any other is written differently."""
    sources: list[list[int]] = [[] for _ in architecture.operations]
    for source, target in architecture.edges:
        sources[target].append(source)
    nodes: Nodes = []
    states: list[int] = []
    numbers: list[int] = []
    for label, read in zip(architecture.operations, sources, strict=True):
        # The gate of a blend comes before the nodes that the other two pass through.
        inputs = [numbers[source] for source in sorted(read)]
        if label in N_READ:
            nodes.append((1 + OPERATIONS.index(label), inputs))
            numbers.append(FIRST_NODE + len(nodes) - 1)
        elif label in (*BLENDED, *NEW_STATES) and inputs:
            numbers.append(inputs[0])
            states += [inputs[0]] * (label in NEW_STATES)
        elif label in _GIVEN:
            numbers.append(_GIVEN[label])
        else:
            raise refuse(label, "a node of a recurrent cell's graph")
    return put_together(nodes, states)


def read_text(text: str) -> list[int]:
    """Read a recipe from its JSON text."""
    return read_recipe(load_json(text, RECIPE))


def read_recipe(recipe: Any) -> list[int]:
    """Read a recipe, whose nodes keep their order where edges allow."""
    if not isinstance(recipe, Mapping) or not recipe:
        raise refuse(recipe, RECIPE)
    nodes = {name: _read_node(name, node) for name, node in recipe.items()}
    found = {name for name in nodes if _NEW_STATE.fullmatch(name)}
    states = list(NEW_STATES[: len(found)])
    if not found or found != set(states):
        raise ArchitectureError(
            "a cell has one to three new states: 'h_new_0', 'h_new_1' and 'h_new_2' in this order;"
            f" got {shown(sorted(found))}"
        )
    if len(nodes) > MAX_NODES:
        raise ArchitectureError(f"the cell has {len(nodes)} nodes, allowed are {MAX_NODES}")
    numbers = dict(_GIVEN)
    cell: Nodes = []
    remaining = dict(nodes)
    while remaining:
        ready = (name for name, (_, read) in remaining.items() if numbers.keys() >= {*read})
        if (name := next(ready, None)) is None:
            missing = {i for _, read in nodes.values() for i in read} - {*nodes, *_GIVEN}
            why = f"a node reads {shown(min(missing))}" if missing else "the cell has a cycle"
            raise ArchitectureError(f"{why} among the nodes {shown(list(remaining))}")
        operation, read = remaining.pop(name)
        numbers[name] = FIRST_NODE + len(cell)
        cell.append((operation, [numbers[i] for i in read]))
    return put_together(cell, [numbers[name] for name in states])


def _read_node(name: Any, node: Any) -> tuple[int, list[str]]:
    if not isinstance(name, str) or name in _GIVEN or name.startswith("h_prev_"):
        raise ArchitectureError(
            f"a node is called {shown(name)}, but names have to be texts other than 'x' and"
            " 'h_prev_...', which are given"
        )
    fields = dict(node) if isinstance(node, Mapping) else {}
    operation, inputs = fields.pop("op", None), fields.pop("input", None)
    is_list = isinstance(inputs, (list, tuple)) and all(isinstance(read, str) for read in inputs)
    if not is_list or fields:
        raise ArchitectureError(
            f"node {shown(name)} has to have an 'op' and a list of names as 'input', got"
            f" {shown(node)}"
        )
    if operation not in OPERATIONS:
        raise ArchitectureError(
            f"node {shown(name)}: unknown operation {shown(operation)}; the operations are"
            f" {', '.join(OPERATIONS)}"
        )
    fewest, most = N_READ[operation]
    if not fewest <= len(inputs) <= most or len(set(inputs)) < len(inputs):
        raise ArchitectureError(
            f"node {shown(name)}: {operation} reads {fewest} to {most} different inputs, got"
            f" {shown(inputs)}"
        )
    return 1 + OPERATIONS.index(operation), list(inputs)
