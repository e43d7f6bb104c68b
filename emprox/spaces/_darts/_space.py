"""The DARTS search space (Liu et al., 2019), of NAS-Bench-301 and of NDS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations, product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._architecture import Architecture
from .._base import SearchSpace
from .._errors import ArchitectureError
from .._random import RandomState, as_generator
from .._sequences import IntArray, TokenSequence
from .._signals import CellGraphs
from ._genotypes import INNER_NODES, N_INPUTS, N_NODES, read_cells, read_text, read_usual
from ._graph import SEQUENCE_LENGTH, GenotypeGraph
from ._signals import SIGNAL_OPERATIONS, SKELETON, cell_graphs

CELLS = ("normal", "reduce")
OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
ORDERS = np.array(list(permutations(range(N_NODES))))


class DARTSSpace(SearchSpace):
    """A normal and a reduction cell of four inner nodes: the space of DARTS and NAS-Bench-301.

    Node 0 of a cell is the output of the cell before the previous one, node 1 that of the previous
    one. Each of the inner nodes 2 to 5 is the sum of two operations, on two different earlier
    nodes; the output is the concatenation of the inner nodes. The decisions are, for the normal
    and then for the reduction cell, input and operation of the two pairs of node 2, of node 3 and
    so on: 32 numbers. The operations are 0 max_pool_3x3, 1 avg_pool_3x3, 2 skip_connect,
    3 sep_conv_3x3, 4 sep_conv_5x5, 5 dil_conv_3x3, 6 dil_conv_5x5.

    `parse` reads the text ``Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6),
    reduce=[...], reduce_concat=range(2, 6))``, also behind ``NAME =``, with the pairs of a node in
    a list of their own, or without the concat fields; `Genotype` named tuples and anything else
    with the attributes ``normal`` and ``reduce``; dictionaries with these keys; the compact form of
    NASLib, ``(normal, reduce)`` with eight pairs (input, operation number) each, and its text; the
    32 decisions; an `Architecture` and its JSON form. `format` writes the first. Texts are taken
    apart, never evaluated. A concat field has to name the four inner nodes, in any order: other
    outputs are of other spaces.

    As an `Architecture` the network is one graph of 35 nodes, the normal cell before the reduction
    cell: the input of the network; then for each cell its two inputs, both again after they have
    been brought to the width of the cell, for each inner node its two operations and their sum, and
    the output. The previous cell is computed from the one before it, which tells the two inputs
    apart. Two such graphs are isomorphic exactly if the canonical forms are equal.

    Notes
    -----
    The canonical form is the same for genotypes that differ

    1. in the order of the two pairs of a node, which is exact, or
    2. in the order of the inner nodes, in either cell, where no edge forces it. The channels of the
       cell's output are then in another order, so that the function is the same after the weights
       that read these channels are reordered as well; training starts from the same distribution.

    Every inner node is part of the output, so there are no dead nodes, and no skip connection can
    be contracted, because every inner node is a sum of two. Of the members of a class the
    representative is the one whose decisions come first. Left apart are genotypes whose equality
    depends on the values of weights.

    There are 2,880 x 7^8 descriptions of a cell, so 2.8e20 of a genotype. Sampling is uniform over
    them.

    References
    ----------
    Hanxiao Liu, Karen Simonyan and Yiming Yang. DARTS: Differentiable Architecture Search. ICLR
    2019. Section 2.1.

    Arber Zela, Julien Siems, Lucas Zimmer, Jovita Lukasik, Margret Keuper and Frank Hutter.
    Surrogate NAS Benchmarks: Going Beyond the Limited Search Spaces of Tabular NAS Benchmarks. ICLR
    2022.

    Examples
    --------
    >>> from emprox.spaces import DARTSSpace
    >>> space = DARTSSpace()
    >>> cell = [(0, 3), (1, 3), (0, 2), (1, 3), (1, 3), (0, 2), (0, 2), (2, 5)]
    >>> genotype = space.format((cell, cell))
    >>> genotype[:72]
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('skip_connec"
    >>> space.canonicalize([space.encode([genotype])[0]])[0, :16].reshape(4, 4)
    array([[0, 2, 1, 3],
           [0, 2, 1, 3],
           [0, 3, 1, 3],
           [0, 2, 4, 5]])
    """

    name = "darts"
    title = "DARTS / NAS-Bench-301: a normal and a reduction cell of 4 inner nodes, 7 operations"
    operations = OPERATIONS
    n_choices = (2, 7, 2, 7, 3, 7, 3, 7, 4, 7, 4, 7, 5, 7, 5, 7) * len(CELLS)
    default_sequence = "genotype"
    signal_operations = SIGNAL_OPERATIONS
    skeleton = SKELETON

    def __init__(self) -> None:
        self._graph = GenotypeGraph(self.operations)
        self._numbers = {name: number for number, name in enumerate(self.operations)}
        sources = ("c_{k-2}", "c_{k-1}", *(f"node {node}" for node in INNER_NODES[:-1]))
        kinds = (*sources[:N_INPUTS], "an inner node")
        words = tuple(f"{operation} of {kind}" for kind in kinds for operation in self.operations)
        genotype = ("padding", *sources, *self.operations)
        self.sequences = {
            "genotype": TokenSequence(
                self.n_decisions, genotype, "input and operation of each pair, node by node"
            ),
            "neighborhoods": TokenSequence(
                self.n_decisions + self.n_decisions // 2,
                (*genotype, *words),
                "the genotype; then for each cell the two operations of each inner node, with the"
                " kind of node that they read, the inner nodes in sorted order",
            ),
            "adjacency": TokenSequence(
                SEQUENCE_LENGTH,
                self._graph.vocabulary,
                "adjacency and operations of the graph of both cells, column by column"
                " (EmProx paper)",
            ),
        }
        first_tokens = genotype.index(sources[0]), genotype.index(self.operations[0])
        self._first_tokens = np.tile(first_tokens, self.n_decisions // 2)
        self._first_word = len(genotype)

    @property
    def size(self) -> int:
        """Number of genotypes, different descriptions of the same network counted apart."""
        per_cell = prod(node * (node - 1) * len(self.operations) ** 2 for node in INNER_NODES)
        return per_cell ** len(CELLS)

    def is_valid(self, decisions: ArrayLike) -> NDArray[np.bool_]:
        """Say for which genotypes the two inputs of every inner node differ.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 32)
            Decision matrix with every entry in range.

        Returns
        -------
        ndarray of shape (n_architectures,)
            True where they do.
        """
        matrix: NDArray[Any] = np.asarray(decisions)
        return (matrix[:, ::4] != matrix[:, 2::4]).all(axis=1)

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        matrix = self._check_decisions(decisions)
        return [self._graph.architecture(row, self.name) for row in matrix]

    def format(self, architecture: Any) -> str:
        decisions = self._encode_one(architecture).reshape(len(CELLS), -1, 2).tolist()
        fields = []
        for name, cell in zip(CELLS, decisions, strict=True):
            pairs = ", ".join(f"({self.operations[number]!r}, {source})" for source, number in cell)
            fields.append(
                f"{name}=[{pairs}], {name}_concat=range({N_INPUTS}, {N_INPUTS + N_NODES})"
            )
        return f"Genotype({', '.join(fields)})"

    def cell_graphs(self, decisions: ArrayLike) -> tuple[CellGraphs, ...]:
        """Write genotypes as two graphs with operations on the edges.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 32)
            Decision matrix.

        Returns
        -------
        tuple of CellGraphs
            The normal cells and the reduction cells. The two inputs are the nodes 0 and 1; node 6
            is the output, which concatenates the inner nodes 2 to 5.
        """
        sources, operations = _split(self._check_decisions(decisions))
        return tuple(
            cell_graphs(sources[kind :: len(CELLS)], operations[kind :: len(CELLS)], name)
            for kind, name in enumerate(CELLS)
        )

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Replace each genotype by its canonical form; see the class's notes.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 32)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, 32)
            Decision matrix of the canonical forms.
        """
        matrix = self._check_decisions(decisions)
        sources, operations = _split(matrix)
        n_operations = len(self.operations)
        n_codes = INNER_NODES[-1] * n_operations
        # A pair is a digit and a cell the number that its digits make, up to 35^8.
        places = n_codes ** np.arange(2 * N_NODES - 1, -1, -1)
        best = np.full(len(sources), np.iinfo(np.int64).max)
        for order in ORDERS:
            moved = _renumber(sources, order)
            codes = moved * n_operations + operations[:, order]
            digits = np.stack([codes.min(axis=2), codes.max(axis=2)], axis=2)
            numbers = digits.reshape(len(digits), -1) @ places
            np.minimum(best, numbers, out=best, where=_leads_forward(moved))
        digits = best[:, None] // places % n_codes
        return np.stack([digits // n_operations, digits % n_operations], axis=2).reshape(
            matrix.shape
        )

    def relabel(self, decisions: ArrayLike, random_state: RandomState = None) -> IntArray:
        """Put inner nodes, where no edge forces their order, and pairs into a random order.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 32)
            Decision matrix.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, 32)
            Decision matrix.
        """
        rng = as_generator(random_state)
        matrix = self._check_decisions(decisions)
        sources, operations = _split(matrix)
        described = np.stack([sources, operations], axis=3)
        highest = np.full(len(sources), -1.0)
        for order in ORDERS:
            moved = _renumber(sources, order)
            drawn = rng.random(len(sources))
            chosen = _leads_forward(moved) & (drawn > highest)
            highest[chosen] = drawn[chosen]
            described[chosen, ..., 0] = moved[chosen]
            described[chosen, ..., 1] = operations[chosen][:, order]
        exchanged = rng.random(described.shape[:2]) < 0.5
        described[exchanged] = described[exchanged][:, ::-1]
        return described.reshape(matrix.shape)

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_decisions(decisions)
        if spec is self.sequences["adjacency"]:
            return self._graph.tokens(matrix)
        genotype = matrix + self._first_tokens
        if spec is self.sequences["genotype"]:
            return genotype
        return np.hstack([genotype, self._neighborhood_tokens(matrix)])

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_tokens(tokens, sequence)
        if spec is self.sequences["adjacency"]:
            return self._check_decisions(self._graph.from_tokens(matrix))
        decisions = matrix[:, : self.n_decisions] - self._first_tokens
        wrong = np.argwhere((decisions < 0) | (decisions >= self.n_choices))
        if len(wrong):
            row, column = (int(position) for position in wrong[0])
            kind = "an operation" if column % 2 else "an input of this node"
            raise ArchitectureError(
                f"token {int(matrix[row, column])} ({spec.vocabulary[matrix[row, column]]}) at"
                f" position {column} has to be {kind}",
                index=row,
            )
        decisions = self._check_decisions(decisions)
        if spec is self.sequences["neighborhoods"]:
            words = self._neighborhood_tokens(decisions)
            wrong = (matrix[:, self.n_decisions :] != words).any(axis=1)
            if wrong.any():
                raise ArchitectureError(
                    "the tokens of the neighborhoods are not those of the genotype before them",
                    index=int(wrong.argmax()),
                )
        return decisions

    def sample_decisions(
        self, n_architectures: int, random_state: RandomState = None, replace: bool = False
    ) -> IntArray:
        if n_architectures < 0:
            raise ValueError(f"n_architectures has to be at least 0, got {n_architectures}")
        rng = as_generator(random_state)
        drawn = np.empty((0, self.n_decisions), dtype=np.int64)
        # With so many genotypes, that any is drawn twice is possible, but never seen.
        while (n_missing := n_architectures - len(drawn)) > 0:
            batch = rng.integers(self.n_choices, size=(n_missing, self.n_decisions))
            # The second input is one of the others, each as likely as the next.
            steps = rng.integers(1, self.n_choices[::4], size=(n_missing, len(CELLS) * N_NODES))
            batch[:, 2::4] = (batch[:, ::4] + steps) % self.n_choices[::4]
            drawn = np.concatenate([drawn, batch])
            if not replace:
                first = np.unique(drawn, axis=0, return_index=True)[1]
                drawn = drawn[np.sort(first)]
        return drawn

    def enumerate(self) -> Iterator[Architecture]:
        """Go through all genotypes in the order of their decisions, one at a time.

        Yields
        ------
        Architecture
            The next genotype. There are 2.8e20, so stop early.
        """
        numbers = range(len(self.operations))
        nodes = [
            [pairs for pairs in product(range(node), numbers, repeat=2) if pairs[0] != pairs[2]]
            for _ in CELLS
            for node in INNER_NODES
        ]
        for genotype in product(*nodes):
            yield self._graph.architecture(np.concatenate(genotype), self.name)

    def _read(self, architecture: Any) -> Sequence[int]:
        if isinstance(architecture, Architecture):
            return self._graph.read(architecture)
        if isinstance(architecture, str):
            if '"operations"' in architecture:
                return self._graph.read(Architecture.from_string(architecture))
            decisions = read_usual(architecture, self._numbers)
            if decisions is not None:
                return decisions
            architecture = read_text(architecture)
        if isinstance(architecture, (list, tuple, np.ndarray)) and (
            len(architecture) == self.n_decisions
        ):
            return self._read_decisions(architecture)
        return read_cells(architecture, self.operations)

    def _read_decisions(self, decisions: Sequence[Any] | NDArray[Any]) -> Sequence[int]:
        """Read inputs and operations that stand one after the other."""
        pairs = list(zip(decisions[::2], decisions[1::2], strict=True))
        return read_cells((pairs[: 2 * N_NODES], pairs[2 * N_NODES :]), self.operations)

    def _check_decisions(self, decisions: ArrayLike) -> IntArray:
        matrix = super()._check_decisions(decisions)
        wrong = np.argwhere(matrix[:, ::4] == matrix[:, 2::4])
        if len(wrong):
            row, node = (int(position) for position in wrong[0])
            raise ArchitectureError(
                f"{CELLS[node // N_NODES]} cell, node {INNER_NODES[node % N_NODES]}: both pairs"
                f" have the input {matrix[row, 4 * node]}; in DARTS they differ",
                index=row,
            )
        return matrix

    def _neighborhood_tokens(self, decisions: IntArray) -> IntArray:
        """Write what each inner node is made of, in an order that does not depend on numbers."""
        sources, operations = _split(decisions)
        words = np.minimum(sources, N_INPUTS) * len(self.operations) + operations
        words.sort(axis=2)
        base = (N_INPUTS + 1) * len(self.operations)
        numbers = np.sort(words[..., 0] * base + words[..., 1], axis=1)
        words = np.stack([numbers // base, numbers % base], axis=2)
        return words.reshape(len(decisions), -1) + self._first_word


def _split(decisions: IntArray) -> tuple[IntArray, IntArray]:
    """Return inputs and operations of all cells, each of shape (n_cells, 4 nodes, 2 pairs)."""
    pairs = decisions.reshape(-1, N_NODES, 2, 2)
    return pairs[..., 0], pairs[..., 1]


def _renumber(sources: IntArray, order: IntArray) -> IntArray:
    """Put inner nodes into another order, and return the inputs with their new numbers."""
    numbers = np.concatenate([np.arange(N_INPUTS), N_INPUTS + np.argsort(order)])
    return numbers[sources[:, order]]


def _leads_forward(sources: IntArray) -> NDArray[np.bool_]:
    """Say in which cells every inner node has inputs with lower numbers only."""
    forward: NDArray[np.bool_] = sources < np.array(INNER_NODES)[:, None]
    return np.asarray(forward.all(axis=(1, 2)))
