"""The search space of NAS-Bench-NLP (Klyuchnikov et al., 2022): recurrent cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb, perm, prod
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...graphs import Architecture, Graphs
from .._base import SearchSpace
from .._sequences import IntArray
from .._signals import SignalOperation
from ._cells import (
    BLEND,
    FIRST_NODE,
    FIRST_STATE,
    MAX_NODES,
    N_READ,
    N_STATES,
    OPERATIONS,
    PER_NODE,
    SIGNAL_NAMES,
    X,
    canonical_cells,
    cell_graphs,
    max_nodes,
    signal_graphs,
    to_cells,
    to_decisions,
)
from ._recipes import RECIPE, read_graph, read_recipe, read_text, write_graph, write_recipe
from ._sampling import LINEAR, random_cells
from ._tokens import SEQUENCES

_NODES = tuple(f"node {node}" for node in range(MAX_NODES))
_READ = ("nothing", "x", *(f"previous state {state}" for state in range(N_STATES)), *_NODES)


class NASBenchNLPSpace(SearchSpace):
    """Recurrent cells of up to 22 nodes and three states: the space of NAS-Bench-NLP.

    At each time step a cell reads the input ``x`` and its previous states ``h_prev_0`` and so on,
    and computes new states ``h_new_0`` and so on, the first of which is its output. Each node is
    one of these operations on what stands before it:

    =====================  ======  ==============================================
    operation              inputs  result
    =====================  ======  ==============================================
    linear                 1 to 3  sum of a matrix times each input, and a bias
    blend                  3       gate * first + (1 - gate) * second
    elementwise_prod       2       product
    elementwise_sum        2       sum
    activation_tanh        1       hyperbolic tangent
    activation_sigm        1       logistic function
    activation_leaky_relu  1       leaky rectifier
    =====================  ======  ==============================================

    The inputs of a node differ, only linear operations read ``x`` (the others need the width of the
    states), and the new states are different nodes. With k states there are at most 24 - 2k nodes,
    so that the graph has at most 25; the 345 recipes trained on WikiText-2 have at most 15.

    `encode` reads a recipe as the benchmark writes it, ``{"node_0": {"op": "linear", "input": ["x",
    "h_prev_0"]}, "h_new_0": {"op": "activation_tanh", "input": ["node_0"]}}``, as a dictionary or
    as its JSON text, the nodes in any order and under any names; the decisions; an `Architecture`
    and its JSON form. `format` writes the JSON text, with names of its own. As an `Architecture` a
    cell is a graph of ``x``, the previous states, the nodes and the new states; the second and the
    third input of a blend pass through nodes ``blend_first`` and ``blend_second``, because edges
    have no order.

    The decisions are, for each of 22 nodes, its operation (0 if there is no such node, else 1 and
    more in the order above) and its three inputs (0 nothing, 1 ``x``, 2 to 4 the previous states, 5
    and more the nodes), then for each of three states its new value (0 if there is no such state,
    else 1 and more for the nodes): 91 numbers. Where the order of inputs does not matter they are
    in ascending order.

    Notes
    -----
    The canonical form is the same for cells that can be turned into each other by these steps, all
    of them exact:

    1. Nodes and states from which nothing leads to the output, at this time step or at a later one,
       are removed.
    2. The inputs of ``linear``, ``elementwise_sum`` and ``elementwise_prod`` change places.
    3. Nodes are put into another order, and states other than the first are exchanged. Isomorphism
       is decided by colour refinement and a search where colours are equal.

    Left apart are cells whose equality depends on the values of weights (a gate whose weights
    change their sign blends the other way round; two linear operations in a row are one), and
    algebra (a sum of sums, the product of a product).

    `sample` draws in the way of the benchmark's own generator, not uniformly: one to three states;
    between 7 and all of the nodes that are allowed, each with probability 1/2 a linear operation of
    two inputs, or with probability 1/5 three, which an activation follows, and with 1/6 each a
    blend, a product or a sum; random nodes as new states. What has no influence on the output is
    removed, and cells that ignore ``x`` or a state, or in which a new state reads a previous one
    directly, are drawn again. `mutate` and `neighbors` change an operation, an input or the node of
    a state, and never the number of nodes; but what a change leaves without influence no longer
    counts, and a later change can bring it back.

    References
    ----------
    Nikita Klyuchnikov, Ilya Trofimov, Ekaterina Artemova, Mikhail Salnikov, Maxim Fedorov,
    Alexander Filippov and Evgeny Burnaev. NAS-Bench-NLP: Neural Architecture Search Benchmark for
    Natural Language Processing. IEEE Access, 2022. Section 3.

    Examples
    --------
    >>> from emprox.spaces import NASBenchNLPSpace
    >>> space = NASBenchNLPSpace()
    >>> cells = space.encode([{
    ...     "h_new_0": {"op": "activation_tanh", "input": ["mixed"]},
    ...     "mixed": {"op": "linear", "input": ["h_prev_0", "x"]},
    ... }])
    >>> space.format(cells)[0]  # doctest: +NORMALIZE_WHITESPACE
    '{"node_0": {"op": "linear", "input": ["x", "h_prev_0"]},
      "h_new_0": {"op": "activation_tanh", "input": ["node_0"]}}'
    >>> space.decode(cells)[0].operations
    ('x', 'h_prev_0', 'linear', 'activation_tanh', 'h_new_0')
    """

    name = "nasbench_nlp"
    title = "NAS-Bench-NLP: recurrent cells of up to 22 nodes and three states"
    operations = OPERATIONS
    choices = MappingProxyType(
        {
            f"{what} of node {node}": (
                ("nothing", *OPERATIONS) if what == "operation" else _READ[: FIRST_NODE + node]
            )
            for node in range(MAX_NODES)
            for what in ("operation", "first input", "second input", "third input")
        }
        | {f"new state {state}": ("nothing", *_NODES) for state in range(N_STATES)}
    )
    default_sequence = "recipe"
    sequences = MappingProxyType(SEQUENCES)
    # Products and gates are beyond what can be said here about operations.
    signal_operations = tuple(map(SignalOperation, SIGNAL_NAMES))
    accepted = RECIPE

    @property
    def size(self) -> int:
        """Number of cells, different descriptions of the same network counted apart."""
        return sum(
            perm(n_nodes, n_states) * prod(_n_nodes(n_states + node) for node in range(n_nodes))
            for n_states in range(1, N_STATES + 1)
            for n_nodes in range(n_states, int(max_nodes(n_states)) + 1)
        )

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        return [write_graph(row, self.name) for row in self._check(decisions).tolist()]

    def graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        return (cell_graphs(to_cells(self._check(decisions))),)

    def signal_graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        # The order of the nodes makes no difference, and it takes time to find the canonical one.
        return (signal_graphs(to_cells(self._check(decisions))),)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        return to_decisions(canonical_cells(to_cells(self._check(decisions))))

    def _write_text(self, choices: list[int]) -> str:
        return write_recipe(choices)

    def _read_text(self, text: str) -> Sequence[int]:
        return read_text(text)

    def _read_graph(self, architecture: Architecture) -> Sequence[int]:
        return read_graph(architecture)

    def _read_other(self, item: Any) -> Sequence[int]:
        return read_recipe(item) if isinstance(item, Mapping) else super()._read_other(item)

    def _draw(self, n_architectures: int, rng: np.random.Generator) -> IntArray:
        n_drawn = min(max(4 * n_architectures, 20), 20_000)
        return to_decisions(random_cells(n_drawn, rng))

    def _changeable(self, decisions: IntArray) -> NDArray[np.bool_]:
        # One decision is not enough to add a node, so what is not there stays as it is.
        nodes = np.repeat(to_cells(decisions).operations > 0, PER_NODE, axis=1)
        return np.pad(nodes, ((0, 0), (0, N_STATES)), constant_values=True)

    def _faults(self, decisions: IntArray) -> dict[str, NDArray[np.bool_]]:
        operations, inputs, states = to_cells(decisions)
        present = operations > 0
        n_nodes, n_states = present.sum(axis=1), (states > 0).sum(axis=1)
        n_read = (inputs > 0).sum(axis=2)
        fewest, most = np.array([(0, 0), *N_READ.values()]).T
        before, later = inputs[:, :, :-1], inputs[:, :, 1:]
        descends = (later <= before) & (later > 0) & (operations != BLEND)[:, :, None]
        twice = (inputs[:, :, [0, 0, 1]] == inputs[:, :, [1, 2, 2]]) & (inputs[:, :, [1, 2, 2]] > 0)
        foreign = (inputs >= FIRST_STATE + n_states[:, None, None]) & (inputs < FIRST_NODE)
        same = (states[:, [0, 0, 1]] == states[:, [1, 2, 2]]) & (states[:, [1, 2, 2]] > 0)
        wrong_number = (n_read < fewest[operations]) | (n_read > most[operations])
        # In the order in which they are looked for.
        return {
            "a node follows one that is not there": (present[:, 1:] & ~present[:, :-1]).any(axis=1),
            "a cell has a new state 0, and may have a new state 1 and then 2": (
                ((states[:, 1:] > 0) & (states[:, :-1] == 0)).any(axis=1) | (n_states == 0)
            ),
            "two states have the same node as their new value": same.any(axis=1),
            "the new value of a state is a node that is not there": (
                states >= (FIRST_NODE + n_nodes)[:, None]
            ).any(axis=1),
            "with k states a cell has at most 24 - 2k nodes": n_nodes > max_nodes(n_states),
            "an input follows an empty place": ((later > 0) & (before == 0)).any(axis=(1, 2)),
            "a node has too few or too many inputs for its operation": wrong_number.any(axis=1),
            "a node reads the same input twice": twice.any(axis=(1, 2)),
            "inputs whose order does not matter have to be in ascending order": descends.any(
                axis=(1, 2)
            ),
            "only linear can read x, which does not have the width of the states": (
                (inputs == X) & (operations != LINEAR)[:, :, None]
            ).any(axis=(1, 2)),
            "a node reads a previous state that the cell does not have": foreign.any(axis=(1, 2)),
        }


def _n_nodes(n_wide: int) -> int:
    """Count the legal nodes that can follow so many states and nodes; linear can read x too."""
    unordered = sum(
        comb(n_wide + (name == "linear"), n_inputs)
        for name, (fewest, most) in N_READ.items()
        if name != "blend"
        for n_inputs in range(fewest, most + 1)
    )
    return unordered + perm(n_wide, 3)
