"""The search space of NAS-Bench-NLP (Klyuchnikov et al., 2022): recurrent cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._architecture import Architecture
from .._base import SearchSpace
from .._errors import ArchitectureError
from .._random import RandomState, as_generator
from .._sequences import IntArray
from .._signals import CellGraphs, SignalOperation
from ._cells import FIRST_NODE, N_INPUTS, N_STATES, canonical_cells
from ._decisions import (
    MAX_NODES,
    PER_NODE,
    broken_rules,
    n_descriptions,
    to_cells,
    to_decisions,
)
from ._recipes import OPERATIONS, Cell, read_architecture, read_recipe, read_text
from ._sampling import random_cells, shuffled_cells
from ._signals import SIGNAL_NAMES, cell_graphs
from ._tokens import (
    GRAPH,
    RECIPE,
    from_graph_tokens,
    from_recipe_tokens,
    graph_tokens,
    recipe_tokens,
)


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

    `parse` reads a recipe as the benchmark writes it, ``{"node_0": {"op": "linear", "input": ["x",
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
       is decided exactly, by colour refinement and a search where colours are equal.

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

    Brendan D. McKay and Adolfo Piperno. Practical graph isomorphism, II. Journal of Symbolic
    Computation, 2014.

    Examples
    --------
    >>> from emprox.spaces import NASBenchNLPSpace
    >>> space = NASBenchNLPSpace()
    >>> cell = space.parse({
    ...     "h_new_0": {"op": "activation_tanh", "input": ["mixed"]},
    ...     "mixed": {"op": "linear", "input": ["h_prev_0", "x"]},
    ... })
    >>> space.format(cell)  # doctest: +NORMALIZE_WHITESPACE
    '{"node_0": {"op": "linear", "input": ["x", "h_prev_0"]},
      "h_new_0": {"op": "activation_tanh", "input": ["node_0"]}}'
    >>> cell.operations
    ('x', 'h_prev_0', 'linear', 'activation_tanh', 'h_new_0')
    """

    name = "nasbench_nlp"
    title = "NAS-Bench-NLP: recurrent cells of up to 22 nodes and three states"
    operations = OPERATIONS
    n_choices = (
        *(
            n_choices
            for node in range(MAX_NODES)
            for n_choices in (1 + len(OPERATIONS), *(FIRST_NODE + node,) * N_INPUTS)
        ),
        *(1 + MAX_NODES,) * N_STATES,
    )
    default_sequence = "recipe"
    # Products and gates are beyond what can be said here about operations.
    signal_operations = tuple(map(SignalOperation, SIGNAL_NAMES))

    sequences = MappingProxyType({"recipe": RECIPE, "adjacency": GRAPH})

    @property
    def size(self) -> int:
        """Number of cells, different descriptions of the same network counted apart."""
        return n_descriptions()

    def is_valid(self, decisions: ArrayLike) -> NDArray[np.bool_]:
        """Say which decisions describe a legal cell.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 91)
            Decision matrix with every entry in range.

        Returns
        -------
        ndarray of shape (n_architectures,)
            True where they do.
        """
        matrix = np.asarray(decisions).astype(np.int64).reshape(-1, self.n_decisions)
        return ~np.any([broken for broken, _ in broken_rules(to_cells(matrix))], axis=0)

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        matrix = self._check_decisions(decisions)
        return [cell.architecture(self.name) for cell in self._single_cells(matrix)]

    def format(self, architecture: Any) -> str:
        (cell,) = self._single_cells(self._encode_one(architecture))
        return json.dumps(cell.recipe())

    def cell_graphs(self, decisions: ArrayLike) -> tuple[CellGraphs, ...]:
        """Write cells as graphs of one time step, with operations on the edges.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 91)
            Decision matrix.

        Returns
        -------
        tuple of CellGraphs
            The cells, as the only kind that there is. ``x`` and the previous states are operations
            behind a common input. The output adds up the new states that have an influence on the
            output at this time step or a later one.
        """
        return (cell_graphs(to_cells(self._check_decisions(decisions))),)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Replace each cell by its canonical form; see the class's notes.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 91)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, 91)
            Decision matrix of the canonical forms.
        """
        return to_decisions(canonical_cells(to_cells(self._check_decisions(decisions))))

    def relabel(self, decisions: ArrayLike, random_state: RandomState = None) -> IntArray:
        """Put nodes, where no edge forces their order, and states into a random order.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 91)
            Decision matrix.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, 91)
            Decision matrix.
        """
        cells = to_cells(self._check_decisions(decisions))
        return to_decisions(shuffled_cells(cells, as_generator(random_state)))

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        cells = to_cells(self._check_decisions(decisions))
        return recipe_tokens(cells) if spec is RECIPE else graph_tokens(cells)

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_tokens(tokens, sequence)
        read = from_recipe_tokens if spec is RECIPE else from_graph_tokens
        decisions = to_decisions(read(matrix))
        # Reading takes what it understands; what it did not understand is missing here.
        in_range = (decisions >= 0) & (decisions < np.array(self.n_choices))
        legal = np.asarray(in_range.all(axis=1))
        legal[legal] = self.is_valid(decisions[legal])
        legal[legal] = (self.tokenize(decisions[legal], sequence) == matrix[legal]).all(axis=1)
        if not legal.all():
            raise ArchitectureError(
                f"the tokens are not the sequence {sequence or self.default_sequence!r} of a legal"
                " cell",
                index=int(legal.argmin()),
            )
        return decisions

    def sample_decisions(
        self, n_architectures: int, random_state: RandomState = None, replace: bool = False
    ) -> IntArray:
        """Draw cells at random as the benchmark's generator does, as a decision matrix.

        Parameters
        ----------
        n_architectures : int
            How many.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.
        replace : bool, default=False
            Whether the same description may be drawn twice.

        Returns
        -------
        ndarray of shape (n_architectures, 91)
            Decision matrix.
        """
        if n_architectures < 0:
            raise ValueError(f"n_architectures has to be at least 0, got {n_architectures}")
        rng = as_generator(random_state)
        drawn = np.empty((0, self.n_decisions), dtype=np.int64)
        while (n_missing := n_architectures - len(drawn)) > 0:
            # About a third of what is drawn is kept.
            n_drawn = min(max(4 * n_missing, 20), 20_000)
            batch = to_decisions(random_cells(n_drawn, MAX_NODES, rng))
            drawn = np.concatenate([drawn, batch])
            if not replace:
                first = np.unique(drawn, axis=0, return_index=True)[1]
                drawn = drawn[np.sort(first)]
        return drawn[:n_architectures]

    def sample(
        self, n_architectures: int, random_state: RandomState = None, replace: bool = False
    ) -> list[Architecture]:
        """Draw cells at random as the benchmark's generator does; see the class's notes.

        Parameters
        ----------
        n_architectures : int
            How many.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.
        replace : bool, default=False
            Whether the same description may be drawn twice.

        Returns
        -------
        list of Architecture
            The cells.
        """
        return super().sample(n_architectures, random_state, replace)

    def mutate(
        self, architecture: Any, n_mutations: int = 1, random_state: RandomState = None
    ) -> Architecture:
        """Change some decisions of a cell at random, one after the other.

        Parameters
        ----------
        architecture : Architecture, str or mapping
            A cell in any form that `parse` reads.
        n_mutations : int, default=1
            How many decisions to change, each to another choice that leaves the cell legal.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        Architecture
            A legal cell that differs in exactly `n_mutations` decisions.

        Raises
        ------
        ValueError
            If `n_mutations` is less than 1, or no further decision can be changed.
        """
        parent = self._encode_one(architecture)[0]
        if not 1 <= n_mutations <= self.n_decisions:
            raise ValueError(
                f"n_mutations has to be between 1 and {self.n_decisions}, got {n_mutations}"
            )
        rng = as_generator(random_state)
        child = parent
        for n_changed in range(n_mutations):
            around = self._around(child)
            around = around[(around != parent).sum(axis=1) == n_changed + 1]
            if not len(around):
                raise ValueError(
                    f"n_mutations={n_mutations} is too much for this cell: after {n_changed}"
                    " changes no other decision can be changed alone"
                )
            child = around[rng.integers(len(around))]
        return self.decode(child[None])[0]

    def neighbors(self, architecture: Any) -> list[Architecture]:
        return self.decode(self._around(self._encode_one(architecture)[0]))

    def enumerate(self) -> Iterator[Architecture]:
        """Refuse to go through all cells.

        Yields
        ------
        Architecture
            Nothing.

        Raises
        ------
        ValueError
            Always: there are too many.
        """
        raise ValueError(
            f"the space {self.name!r} has about 10^{len(str(self.size)) - 1} cells, too many to go"
            " through; use sample"
        )

    def _read(self, architecture: Any) -> Sequence[int]:
        if isinstance(architecture, Architecture):
            cell = read_architecture(architecture)
        elif isinstance(architecture, str):
            cell = read_text(architecture)
        elif isinstance(architecture, Mapping):
            cell = read_recipe(architecture)
        elif (
            isinstance(architecture, (list, tuple, np.ndarray))
            and len(architecture) == self.n_decisions
            and all(isinstance(choice, (int, np.integer)) for choice in architecture)
        ):
            return [int(choice) for choice in architecture]
        else:
            raise ArchitectureError(
                "expected a recipe as dictionary or JSON text, an Architecture or"
                f" {self.n_decisions} decisions, got {architecture!r:.80} of type"
                f" {type(architecture).__name__}"
            )
        decisions = np.zeros(self.n_decisions, dtype=np.int64)
        for node, (operation, inputs) in enumerate(cell.nodes):
            start = node * PER_NODE
            decisions[start] = 1 + OPERATIONS.index(operation)
            decisions[start + 1 : start + 1 + len(inputs)] = inputs
        start = MAX_NODES * PER_NODE
        decisions[start : start + len(cell.states)] = np.array(cell.states) + 1
        return decisions.tolist()

    def _check_decisions(self, decisions: ArrayLike) -> IntArray:
        matrix = super()._check_decisions(decisions)
        for broken, message in broken_rules(to_cells(matrix)):
            if broken.any():
                raise ArchitectureError(message, index=int(broken.argmax()))
        return matrix

    def _around(self, center: IntArray) -> IntArray:
        """Return all legal decisions that differ from the given ones in one place."""
        # One decision is not enough to add a node, so what is not there stays as it is.
        n_nodes = np.count_nonzero(center[: MAX_NODES * PER_NODE : PER_NODE])
        decisions = np.r_[: n_nodes * PER_NODE, MAX_NODES * PER_NODE : self.n_decisions]
        choices = [np.delete(np.arange(self.n_choices[i]), center[i]) for i in decisions]
        changed = np.repeat(decisions, [len(others) for others in choices])
        around = np.tile(center, (len(changed), 1))
        around[np.arange(len(changed)), changed] = np.concatenate(choices)
        return around[self.is_valid(around)]

    def _single_cells(self, decisions: IntArray) -> list[Cell]:
        cells = to_cells(decisions)
        return [
            Cell(
                [
                    (OPERATIONS[operation - 1], [number for number in inputs if number])
                    for operation, inputs in zip(operations, read, strict=True)
                    if operation
                ],
                [number - FIRST_NODE for number in states if number],
            )
            for operations, read, states in zip(*(part.tolist() for part in cells), strict=True)
        ]
