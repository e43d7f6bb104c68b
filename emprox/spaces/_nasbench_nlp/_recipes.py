"""Reading and writing single recurrent cells: recipes and graphs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._architecture import Architecture
from .._errors import ArchitectureError
from ._cells import FIRST_NODE, FIRST_STATE, N_INPUTS, N_STATES, X
from ._sampling import max_nodes

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

# In a graph the second and third input of a blend pass through nodes of their own, because the
# edges of a graph have no order.
BLENDED = ("blend_first", "blend_second")

_STATE = re.compile(r"h_(prev|new)_([0-9]+)")
_FIXED = {"x": X, **{f"h_prev_{state}": FIRST_STATE + state for state in range(N_STATES)}}
_EXAMPLE = '{"node_0": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op": ...}}'


class Cell:
    """One recurrent cell: what each node does and reads, and which nodes are the new states.

    Parameters
    ----------
    nodes : sequence of (str, sequence of int)
        Operation and inputs of each node; the numbers of the inputs are those of
        `RecurrentCells`.
    states : sequence of int
        For each state the node (0 is the first) that is its new value.
    """

    def __init__(self, nodes: Sequence[tuple[str, Sequence[int]]], states: Sequence[int]) -> None:
        self.nodes = nodes
        self.states = states

    def recipe(self) -> dict[str, dict[str, Any]]:
        """Write the cell as a recipe."""
        names = {number: name for name, number in _FIXED.items()}
        for node in range(len(self.nodes)):
            state = self.states.index(node) if node in self.states else None
            names[FIRST_NODE + node] = f"node_{node}" if state is None else f"h_new_{state}"
        return {
            names[FIRST_NODE + node]: {"op": operation, "input": [names[i] for i in inputs]}
            for node, (operation, inputs) in enumerate(self.nodes)
        }

    def architecture(self, space: str) -> Architecture:
        """Write the cell as a graph."""
        labels = ["x", *(f"h_prev_{state}" for state in range(len(self.states)))]
        places = {_FIXED[label]: place for place, label in enumerate(labels)}
        edges: list[tuple[int, int]] = []
        for node, (operation, inputs) in enumerate(self.nodes):
            read = [places[number] for number in inputs]
            if operation == "blend":
                for position, label in enumerate(BLENDED, start=1):
                    edges.append((read[position], len(labels)))
                    read[position] = len(labels)
                    labels.append(label)
            places[FIRST_NODE + node] = len(labels)
            edges += [(source, len(labels)) for source in read]
            labels.append(operation)
        for state, node in enumerate(self.states):
            edges.append((places[FIRST_NODE + node], len(labels)))
            labels.append(f"h_new_{state}")
        return Architecture(tuple(labels), tuple(edges), space)


def read_text(text: str) -> Cell:
    """Read a recipe, or the JSON form of an `Architecture`, from its text."""
    try:
        fields = json.loads(text, object_pairs_hook=_without_duplicates)
    except ArchitectureError:
        raise
    except (ValueError, RecursionError) as error:
        raise ArchitectureError(f"not a recipe in JSON, such as {_EXAMPLE}: {error}") from error
    if isinstance(fields, dict) and fields.keys() >= {"operations", "edges"}:
        return read_architecture(Architecture.from_string(text))
    return read_recipe(fields)


def _without_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ArchitectureError(f"{name!r} stands twice in the recipe")
        fields[name] = value
    return fields


def read_recipe(recipe: Any) -> Cell:
    """Read a recipe.

    Parameters
    ----------
    recipe : mapping of str to mapping
        For each node, by its name, the operation ``"op"`` and the names of its inputs,
        ``"input"``, in any order.

    Returns
    -------
    Cell
        The cell; its nodes keep their order where edges allow.

    Raises
    ------
    ArchitectureError
        If it is not a legal cell.
    """
    if not isinstance(recipe, Mapping) or not recipe:
        raise ArchitectureError(f"expected a recipe such as {_EXAMPLE}, got {recipe!r:.80}")
    nodes = {name: _read_node(name, node) for name, node in recipe.items()}
    states = _read_states(nodes)
    allowed = int(max_nodes(len(states)))
    if len(nodes) > allowed:
        raise ArchitectureError(
            f"the cell has {len(nodes)} nodes, but with {len(states)} state(s) at most {allowed}"
            " are allowed"
        )
    names = _sorted(nodes)
    numbers = _FIXED | {name: FIRST_NODE + place for place, name in enumerate(names)}
    cell = []
    for name in names:
        operation, inputs = nodes[name]
        for read in inputs:
            if read.startswith("h_prev_") and numbers[read] - FIRST_STATE >= len(states):
                raise ArchitectureError(
                    f"{name!r} reads {read!r}, but the cell has no {read.replace('prev', 'new')!r}"
                )
        numbered = [numbers[read] for read in inputs]
        cell.append((operation, numbered if operation == "blend" else sorted(numbered)))
    return Cell(cell, [numbers[name] - FIRST_NODE for name in states])


def _read_node(name: Any, node: Any) -> tuple[str, list[str]]:
    """Check what can be checked of one node alone."""
    if not isinstance(name, str) or name in _FIXED or name.startswith("h_prev_"):
        raise ArchitectureError(
            f"a node is called {name!r:.80}, but names have to be texts other than 'x' and"
            " 'h_prev_...', which are given"
        )
    if not isinstance(node, Mapping) or node.keys() != {"op", "input"}:
        raise ArchitectureError(
            f"node {name!r} has to have an 'op' and an 'input', as in"
            f" {{'op': 'linear', 'input': ['x', 'h_prev_0']}}, got {node!r:.80}"
        )
    operation, inputs = node["op"], node["input"]
    if not isinstance(operation, str) or operation not in N_READ:
        raise ArchitectureError(
            f"node {name!r}: unknown operation {operation!r:.80}; the operations are"
            f" {', '.join(OPERATIONS)}"
        )
    if not isinstance(inputs, (list, tuple)) or not all(isinstance(read, str) for read in inputs):
        raise ArchitectureError(
            f"node {name!r}: the input has to be a list of names, got {inputs!r:.80}"
        )
    fewest, most = N_READ[operation]
    if not fewest <= len(inputs) <= most:
        number = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        raise ArchitectureError(
            f"node {name!r}: {operation} has {number} input(s), got {len(inputs)}"
        )
    if len(set(inputs)) < len(inputs):
        raise ArchitectureError(f"node {name!r} reads the same input twice: {list(inputs)}")
    if "x" in inputs and operation != "linear":
        raise ArchitectureError(
            f"node {name!r}: {operation} cannot read 'x', which does not have the width of the"
            " states; only linear can"
        )
    return operation, list(inputs)


def _read_states(nodes: Mapping[str, Any]) -> list[str]:
    """Return the names of the new states, in order."""
    found = [name for name in nodes if (match := _STATE.fullmatch(name)) and match[1] == "new"]
    states = [f"h_new_{state}" for state in range(len(found))]
    if not 1 <= len(states) <= N_STATES or set(found) != set(states):
        raise ArchitectureError(
            "a cell has one to three new states: 'h_new_0', 'h_new_1' and 'h_new_2' in this order;"
            f" got {', '.join(map(repr, found[:9])) or 'none'}"
        )
    return states


def _sorted(nodes: Mapping[str, tuple[str, list[str]]]) -> list[str]:
    """Sort the nodes so that each reads earlier ones, keeping their order where possible."""
    remaining = list(nodes)
    done = set(_FIXED)
    names: list[str] = []
    while remaining:
        ready = next((name for name in remaining if done.issuperset(nodes[name][1])), None)
        if ready is None:
            for name in remaining:
                for read in nodes[name][1]:
                    if read not in nodes and read not in _FIXED:
                        raise ArchitectureError(f"node {name!r} reads {read!r}, which is not there")
            raise ArchitectureError(
                f"the cell has a cycle through some of the nodes {', '.join(map(repr, remaining))}"
            )
        remaining.remove(ready)
        done.add(ready)
        names.append(ready)
    return names


def read_architecture(architecture: Architecture) -> Cell:
    """Read a cell from its graph, by way of its recipe.

    Parameters
    ----------
    architecture : Architecture
        A graph such as `Cell.architecture` makes, its nodes in any order.

    Returns
    -------
    Cell
        The cell.

    Raises
    ------
    ArchitectureError
        If it is not the graph of a legal cell.
    """
    labels = architecture.operations
    sources: list[list[int]] = [[] for _ in labels]
    for source, target in architecture.edges:
        sources[target].append(source)
    names: dict[int, str] = {}
    for node, label in enumerate(labels):
        if label in N_READ:
            names.setdefault(node, f"node_{node}")
        elif label in _FIXED and not sources[node] and label not in names.values():
            names[node] = label
        elif len(sources[node]) != 1 or not (label in BLENDED or _STATE.fullmatch(label)):
            raise ArchitectureError(
                f"node {node}, {label!r:.40} with {len(sources[node])} input(s), is not part of the"
                " graph of a recurrent cell, or stands twice"
            )
    for node, label in enumerate(labels):
        if node not in names and label not in BLENDED:
            (value,) = sources[node]
            if not names.get(value, "").startswith("node_") or label in names.values():
                raise ArchitectureError(
                    f"node {node}: {label!r} has to be a node of the cell that is no other state"
                )
            names[value] = label
    recipe: dict[str, dict[str, Any]] = {}
    for node, label in enumerate(labels):
        if label not in N_READ:
            continue
        read = list(sources[node])
        if label == "blend":
            # The gate, then the two that it blends.
            read.sort(key=lambda source: (labels[source] in BLENDED, labels[source]))
            through = [labels[source] for source in read if labels[source] in BLENDED]
            if len(read) != N_INPUTS or through != list(BLENDED):
                raise ArchitectureError(
                    f"node {node}: a blend reads its gate, a 'blend_first' and a 'blend_second'"
                )
            read[1:] = [sources[source][0] for source in read[1:]]
        for source in read:
            if source not in names:
                raise ArchitectureError(
                    f"node {node}: {label!r} cannot read node {source}, {labels[source]!r}"
                )
        recipe[names[node]] = {"op": label, "input": [names[source] for source in read]}
    if labels.count("blend_first") != labels.count("blend") or labels.count(
        "blend_second"
    ) != labels.count("blend"):
        raise ArchitectureError("every 'blend_first' and 'blend_second' belongs to one blend")
    return read_recipe(recipe)
