"""The NAS-Bench-ASR search space (Mehrotra et al., 2021)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._architecture import Architecture
from ._base import SearchSpace
from ._errors import ArchitectureError
from ._number_lists import read_numbers
from ._random import RandomState, as_generator
from ._sequences import (
    IntArray,
    TokenSequence,
    flatten_graphs,
    sorted_words,
    unflatten_graphs,
)
from ._signals import ABSENT, CellGraphs, CellPosition, SignalOperation, Skeleton

N_NODES = 3
ZERO = 5
# The decisions, node by node: its operation, then a skip connection from each node before it.
OPERATIONS = (0, 2, 5)
SKIPS = {(0, 1): 1, (0, 2): 3, (1, 2): 4, (0, 3): 6, (1, 3): 7, (2, 3): 8}
# As signals pass it: edges by their target, each with the decision that it stands for.
_SIGNAL_EDGES = sorted(
    [
        *((source, node, place) for (source, node), place in SKIPS.items()),
        *((node - 1, node, place) for node, place in enumerate(OPERATIONS, start=1)),
    ],
    key=lambda edge: (edge[1], edge[0], edge[2]),
)
# There are at most thirteen paths, with fourteen operations in all, and an end after each path.
PATHS_LENGTH = 27

# As a graph: the input, then for each node its operation and its sum, the last being the output.
_OUTPUT = 2 * N_NODES
_CHAIN = [(node, node + 1) for node in range(_OUTPUT)]
_SKIP_EDGES = {(2 * source, 2 * target): place for (source, target), place in SKIPS.items()}
_EXAMPLE = "linear:1|conv5:01|zero:101"


class NASBenchASRSpace(SearchSpace):
    """Cells of three nodes in a row, for speech recognition: 13,824 cells.

    Each node adds up the result of its operation on the output of the node before, and skip
    connections from the nodes before it, the input of the cell among them. The output of the cell
    is that of the third node. The operations are linear, conv5, conv5d2, conv7, conv7d2
    (convolutions over time with 5 or 7 taps, d2 if dilated by 2) and zero.

    The nine decisions are the benchmark's: for each node its operation (0 linear, 1 conv5,
    2 conv5d2, 3 conv7, 4 conv7d2, 5 zero), then for the input and each earlier node whether there
    is a skip connection from it (0 or 1).

    `parse` reads the text that `format` writes, which has the operation of each node and its skip
    connections (``linear:1|conv5:01|zero:101``); the nested lists of the benchmark's own code,
    with numbers or names of operations (``[[0, 1], [1, 0, 1], ["zero", 1, 0, 1]]``), or their
    text; the nine decisions, or their text with commas or underscores; an `Architecture` and its
    JSON form. As an `Architecture` a cell is a graph of seven nodes: the input and, for each node
    of the cell, its operation and then the sum, the last of which is the output.

    Notes
    -----
    The canonical form is the same for cells that can be turned into each other by these steps:

    1. An operation zero is left out. This is exact.
    2. Skip connections are followed to where they start, so that each operation, and the output,
       is described by which other operations' results it adds up, and how often. This is exact
       up to the order in which numbers are added.
    3. Operations are left out that do not lead to the output, or that the input does not lead to.
       The former is exact. The latter is not: what an operation makes of zeros is not zero but
       depends on its bias.
    4. The operations that are left are renumbered. This is exact.

    There are 8,865 classes; of the members of each the representative is the one with the fewest
    operations other than zero, among these one with the fewest skip connections, and then the
    least decisions. The layer normalisation after the cell makes twice a signal the same as the
    signal, nearly; this is not used.

    The benchmark itself counts 8,242 different cells, by another rule: it draws a skip connection
    into node j as an edge to the operation of node j + 1, removes each operation zero with all its
    edges, and compares what is left up to isomorphism. That loses skip connections, so that 242 of
    the 8,242 classes hold cells that compute different functions; on the other hand 483 of the
    classes here are spread over several of the benchmark's. The two rules agree on the 8,000
    cells without zero, which are all different. A table of results of the benchmark has the same
    numbers for cells that it cannot tell apart: keep one row of each before you split it.

    References
    ----------
    Abhinav Mehrotra, Alberto Gil C. P. Ramos, Sourav Bhattacharya, Łukasz Dudziak, Ravichander
    Vipperla, Thomas Chau, Mohamed S. Abdelfattah, Samin Ishtiaq and Nicholas D. Lane.
    NAS-Bench-ASR: Reproducible Neural Architecture Search for Speech Recognition. ICLR 2021.

    Examples
    --------
    >>> from emprox.spaces import NASBenchASRSpace
    >>> space = NASBenchASRSpace()
    >>> cell = space.parse([["linear", 1], ["conv5", 0, 1], ["zero", 0, 0, 1]])
    >>> space.format(cell)
    'linear:1|conv5:01|zero:001'
    >>> space.format(space.canonical(cell))
    'linear:0|zero:11|conv5:001'
    """

    name = "nasbench_asr"
    title = "NAS-Bench-ASR: cells of 3 operations in a row with skip connections, for speech"
    operations = ("linear", "conv5", "conv5d2", "conv7", "conv7d2", "zero")
    n_choices = (6, 2, 6, 2, 2, 6, 2, 2, 2)
    default_sequence = "decisions"
    proximity_sequence = "paths"
    # A convolution has 100 groups. It and linear end with ReLU and without a normalisation; a layer
    # normalisation follows the cell (the benchmark's nasbench_asr/model/torch/).
    signal_operations = (
        SignalOperation("linear", "renew", mixing=1, depthwise=1),
        SignalOperation("conv5", "renew", kernel_size=5, mixing=0.05, depthwise=1),
        SignalOperation("conv5d2", "renew", kernel_size=9, mixing=0.05, depthwise=1),
        SignalOperation("conv7", "renew", kernel_size=7, mixing=0.07, depthwise=1),
        SignalOperation("conv7d2", "renew", kernel_size=13, mixing=0.07, depthwise=1),
        SignalOperation("zero", "block"),
        SignalOperation("skip", "copy"),
    )
    # Four blocks of 3, 4, 5 and 6 cells behind a convolution each. The last two halve the number of
    # time steps, of which the resolution is the square root.
    skeleton = Skeleton(
        tuple(
            CellPosition(width=width, resolution=resolution, entry="copy" if number else "renew")
            for width, resolution, n_cells in (
                (600, 32, 3),
                (800, 32, 4),
                (1000, 23, 5),
                (1200, 16, 6),
            )
            for number in range(n_cells)
        )
    )

    def __init__(self) -> None:
        decisions = ("padding", *self.operations, "no skip", "skip")
        self.sequences = {
            "decisions": TokenSequence(
                self.n_decisions,
                decisions,
                "for each node its operation and whether there are skip connections to it",
            ),
            "paths": TokenSequence(
                self.n_decisions + PATHS_LENGTH,
                (*decisions, "end of path"),
                "the sequence 'decisions', then the operations along each path in sorted order",
            ),
            "adjacency": TokenSequence(
                27,
                ("padding", "no edge", "edge", *self.operations, "sum", "output"),
                "adjacency and operations of the graph, column by column (EmProx paper)",
            ),
        }
        # The token of a decision is this plus its choice.
        self._first = np.where(np.isin(np.arange(self.n_decisions), OPERATIONS), 1, 7)
        self._numbers: dict[Any, int] = {
            key: number for number, name in enumerate(self.operations) for key in (name, number)
        }

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        cells = []
        for row in self._check_decisions(decisions).tolist():
            nodes = ["input"]
            for place in OPERATIONS:
                nodes += [self.operations[row[place]], "sum"]
            skips = [edge for edge, place in _SKIP_EDGES.items() if row[place]]
            cells.append(Architecture((*nodes[:-1], "output"), (*_CHAIN, *skips), self.name))
        return cells

    def format(self, architecture: Any) -> str:
        row = [int(choice) for choice in self._read(architecture)]
        nodes = []
        for place in OPERATIONS:
            skips = [
                row[skip] for (_, node), skip in SKIPS.items() if OPERATIONS[node - 1] == place
            ]
            nodes.append(f"{self.operations[row[place]]}:{''.join(map(str, skips))}")
        return "|".join(nodes)

    @property
    def pathless(self) -> IntArray:
        """Decisions of the cell with nothing but zeros, so that no signal passes it."""
        return np.where(np.isin(np.arange(self.n_decisions), OPERATIONS), ZERO, 0)

    def cell_graphs(self, decisions: ArrayLike) -> tuple[CellGraphs, ...]:
        """Write the canonical forms of cells as graphs with operations on the edges.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 9)
            Decision matrix.

        Returns
        -------
        tuple of CellGraphs
            The cells, as the only kind that there is. Node 0 is the input, node 3 the output. A
            node's operation and a skip connection can join the same two nodes.
        """
        matrix = self.canonicalize(decisions)
        skip = len(self.operations)
        meanings = np.full((self.n_decisions, len(self.operations)), ABSENT, dtype=np.int8)
        meanings[list(SKIPS.values()), 1] = skip
        meanings[OPERATIONS, :] = np.where(np.arange(skip) == ZERO, ABSENT, np.arange(skip))
        places = [place for *_, place in _SIGNAL_EDGES]
        edges = tuple((source, target) for source, target, _ in _SIGNAL_EDGES)
        return (CellGraphs(edges, meanings[places, matrix[:, places]]),)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Replace each cell by its canonical form; see the class's notes.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 9)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, 9)
            Decision matrix of the canonical forms.
        """
        matrix = self._check_decisions(decisions)
        return self._canonical_cells[np.ravel_multi_index(tuple(matrix.T), self.n_choices)]

    def relabel(self, decisions: ArrayLike, random_state: RandomState = None) -> IntArray:
        """Change decisions that have no effect.

        Either those about nodes that do not lead to the output, or those about what happens to
        signals that are zero because the input does not lead to them.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 9)
            Decision matrix.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, 9)
            Decision matrix.
        """
        matrix = self._check_decisions(decisions)
        rng = as_generator(random_state)
        reached = np.ones((len(matrix), N_NODES + 1), dtype=bool)
        needed = np.ones_like(reached)
        joined = {edge: matrix[:, place] > 0 for edge, place in SKIPS.items()}
        for node, place in enumerate(OPERATIONS, start=1):
            joined[node - 1, node] = joined[node - 1, node] | (matrix[:, place] != ZERO)
        for node in range(1, N_NODES + 1):
            arriving = [joined[source, node] & reached[:, source] for source in range(node)]
            reached[:, node] = np.any(arriving, axis=0)
        for node in range(N_NODES - 1, -1, -1):
            leaving = [
                joined[node, target] & needed[:, target] for target in range(node + 1, N_NODES + 1)
            ]
            needed[:, node] = np.any(leaving, axis=0)
        # Not both at once: one might make use of what the other has changed.
        by_need = rng.random(len(matrix)) < 0.5
        changed = rng.integers(self.n_choices, size=matrix.shape)
        main = {(node - 1, node): place for node, place in enumerate(OPERATIONS, start=1)}
        for (source, target), place in [*SKIPS.items(), *main.items()]:
            free = np.where(by_need, ~needed[:, target], ~reached[:, source])
            matrix[free, place] = changed[free, place]
        return matrix

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_decisions(decisions)
        if spec is not self.sequences["adjacency"]:
            tokens = matrix + self._first
            if spec is self.sequences["paths"]:
                tokens = np.hstack([tokens, _path_tokens(matrix, spec.vocabulary_size - 1)])
            return tokens
        adjacency = np.zeros((len(matrix), _OUTPUT + 1, _OUTPUT + 1), dtype=bool)
        adjacency[:, range(_OUTPUT), range(1, _OUTPUT + 1)] = True
        for (source, target), place in _SKIP_EDGES.items():
            adjacency[:, source, target] = matrix[:, place]
        nodes = np.full((len(matrix), _OUTPUT + 1), spec.vocabulary.index("sum"))
        nodes[:, 1::2] = matrix[:, OPERATIONS] + spec.vocabulary.index(self.operations[0])
        nodes[:, -1] = spec.vocabulary.index("output")
        return flatten_graphs(adjacency, nodes)

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_tokens(tokens, sequence)
        if spec is not self.sequences["adjacency"]:
            decisions = matrix[:, : self.n_decisions] - self._first
        else:
            adjacency, nodes = unflatten_graphs(matrix, _OUTPUT + 1)
            decisions = np.zeros((len(matrix), self.n_decisions), dtype=np.int64)
            first = spec.vocabulary.index(self.operations[0])
            decisions[:, OPERATIONS] = nodes[:, 1::2] - first
            for (source, target), place in _SKIP_EDGES.items():
                decisions[:, place] = adjacency[:, source, target]
        wrong = (decisions < 0) | (decisions >= self.n_choices)
        for row, place in np.argwhere(wrong)[:1].tolist():
            what = "an operation" if place in OPERATIONS else "a skip connection or none"
            raise ArchitectureError(
                f"{what} has to stand where the tokens have decision {place}", index=row
            )
        if spec is self.sequences["adjacency"]:
            foreign = (self.tokenize(decisions, sequence) != matrix).any(axis=1)
            for row in np.flatnonzero(foreign)[:1].tolist():
                raise ArchitectureError("the graph is not that of a NAS-Bench-ASR cell", index=row)
        return decisions

    def _read(self, architecture: Any) -> Sequence[int]:
        if isinstance(architecture, Architecture):
            return self._read_architecture(architecture)
        if isinstance(architecture, str):
            return self._read_text(architecture)
        if isinstance(architecture, (tuple, list, np.ndarray)):
            nodes = list(architecture)
            if len(nodes) == N_NODES:
                return self._read_nodes(nodes)
            return self._read_choices(nodes)
        raise ArchitectureError(
            f"expected a text such as {_EXAMPLE!r}, three lists such as ['conv5', 0, 1], nine"
            f" decisions or an Architecture, got {architecture!r} of type"
            f" {type(architecture).__name__}"
        )

    def _read_architecture(self, architecture: Architecture) -> Sequence[int]:
        choices: list[Any] = [0] * self.n_decisions
        skips = set(architecture.edges) - set(_CHAIN)
        if architecture.n_nodes == _OUTPUT + 1 and skips <= _SKIP_EDGES.keys():
            for place, operation in zip(OPERATIONS, architecture.operations[1::2], strict=True):
                choices[place] = operation
            for edge in skips:
                choices[_SKIP_EDGES[edge]] = 1
            row = self._read_choices(choices)
            if self.decode([row])[0] == Architecture(
                architecture.operations, architecture.edges, self.name
            ):
                return row
        raise ArchitectureError(
            "the graph is not that of a NAS-Bench-ASR cell, which has an input and, three times,"
            " an operation and a sum, the last sum being the output"
        )

    def _read_text(self, text: str) -> Sequence[int]:
        stripped = text.strip()
        if stripped.startswith("{"):
            return self._read_architecture(Architecture.from_string(stripped))
        if (numbers := read_numbers(stripped.replace("_", ","))) is not None:
            return self._read_choices(numbers)
        if stripped[:1] in ("[", "("):
            lists = stripped.translate(str.maketrans("()'", '[]"'))
            try:
                return self._read(json.loads(lists))
            except (json.JSONDecodeError, RecursionError) as error:
                raise ArchitectureError(f"not the text of nested lists: {text!r}") from error
        nodes: list[list[Any]] = []
        for node in stripped.split("|"):
            name, _, skips = node.partition(":")
            nodes.append([name, *(int(skip) if skip in ("0", "1") else skip for skip in skips)])
        return self._read_nodes(nodes)

    def _read_nodes(self, nodes: list[Any]) -> Sequence[int]:
        choices = []
        for number, node in enumerate(nodes, start=1):
            parts = list(node) if isinstance(node, (tuple, list, np.ndarray)) else []
            if len(nodes) != N_NODES or len(parts) != number + 1:
                raise ArchitectureError(
                    f"a cell has three nodes, with an operation each and one, two and three skip"
                    f" connections (0 or 1), as in {_EXAMPLE!r}; got {nodes!r}"
                )
            choices += parts
        return self._read_choices(choices)

    def _read_choices(self, choices: Sequence[Any]) -> Sequence[int]:
        if len(choices) != self.n_decisions:
            raise ArchitectureError(
                f"a cell has {self.n_decisions} decisions, got {len(choices)}: {choices!r}; an"
                f" example is {_EXAMPLE!r}"
            )
        numbers = []
        for place, choice in enumerate(choices):
            is_operation = place in OPERATIONS
            try:
                numbers.append(self._numbers[choice] if is_operation else {0: 0, 1: 1}[choice])
            # What cannot be hashed is no choice either.
            except (KeyError, TypeError) as error:
                known = ", ".join(f"{i} {name}" for i, name in enumerate(self.operations))
                node = sum(place >= start for start in OPERATIONS)
                raise ArchitectureError(
                    f"unknown operation {choice!r} of node {node}; the operations are {known}"
                    if is_operation
                    else f"a skip connection to node {node} has to be 0 or 1, got {choice!r}"
                ) from error
        return numbers

    @cached_property
    def _canonical_cells(self) -> IntArray:
        """Canonical form of every cell of the space, by its number."""
        cells = self._from_numbers(np.arange(self.size))
        keys = _least_keys(cells)
        n_operations = (cells[:, OPERATIONS] != ZERO).sum(axis=1)
        n_skips = cells[:, list(SKIPS.values())].sum(axis=1)
        order = np.lexsort((*cells.T[::-1], n_skips, n_operations, keys))
        _, first, members = np.unique(keys[order], return_index=True, return_inverse=True)
        canonical = np.empty_like(cells)
        canonical[order] = cells[order[first]][members]
        return canonical


def _signals(decisions: IntArray) -> IntArray:
    """Count how often the result of each operation arrives in each sum.

    Returns the counts in the form (cell, source, target). Sources are the input and the three
    operations, targets the sums that the three operations read, and the output.
    """
    n_cells = len(decisions)
    sums = np.zeros((n_cells, N_NODES + 1, N_NODES + 1), dtype=np.int64)
    sums[:, 0, 0] = 1
    for node, place in enumerate(OPERATIONS, start=1):
        sums[:, node, node] = decisions[:, place] != ZERO
        for source in range(node):
            sums[:, :, node] += sums[:, :, source] * decisions[:, SKIPS[source, node], None]
    return sums


def _least_keys(decisions: IntArray) -> IntArray:
    """Return numbers that are equal for cells in the same class only."""
    n_nodes = N_NODES + 2
    # Counts of edges between the input, the operations that are not zero, and the output.
    counts = np.zeros((len(decisions), n_nodes, n_nodes), dtype=np.int64)
    counts[:, :-1, 1:] = _signals(decisions)
    labels = decisions[:, OPERATIONS].copy()
    for node in range(1, N_NODES + 1):
        dead = (labels[:, node - 1] == ZERO) | ~(counts[:, :node, node] > 0).any(axis=1)
        counts[dead, :, node] = counts[dead, node, :] = 0
    for node in range(N_NODES, 0, -1):
        dead = ~(counts[:, node, node + 1 :] > 0).any(axis=1)
        counts[dead, :, node] = counts[dead, node, :] = 0
        labels[~(counts[:, :, node] > 0).any(axis=1), node - 1] = ZERO
    # Nothing arrives anywhere more than four times.
    places = 5 ** np.arange(n_nodes * (n_nodes - 1) // 2)
    upper = np.triu_indices(n_nodes, 1)
    backward = np.tri(n_nodes, dtype=bool)
    keys = []
    for inner in permutations(range(1, N_NODES + 1)):
        order = [0, *inner, N_NODES + 1]
        renumbered = counts[:, order][:, :, order]
        names = labels[:, np.array(inner) - 1] @ (ZERO + 1) ** np.arange(N_NODES)
        key = (renumbered[:, upper[0], upper[1]] @ places) * (ZERO + 1) ** N_NODES + names
        keys.append(np.where(renumbered[:, backward].any(axis=1), np.iinfo(np.int64).max, key))
    return np.min(keys, axis=0)


def _path_tokens(decisions: IntArray, end: int) -> IntArray:
    """Write the operations along all paths, longest path first."""
    # Paths to each node, as rows of tokens, together with whether they are there.
    words = [np.zeros((len(decisions), 1, N_NODES), dtype=np.int64)]
    present = [np.ones((len(decisions), 1), dtype=bool)]
    for node, place in enumerate(OPERATIONS, start=1):
        through = words[node - 1].copy()
        through[:, :, node - 1] = decisions[:, place, None] + 1
        arriving = [(through, present[node - 1] & (decisions[:, place, None] != ZERO))]
        for source in range(node):
            skip = decisions[:, SKIPS[source, node], None] > 0
            arriving.append((words[source], present[source] & skip))
        words.append(np.concatenate([word for word, _ in arriving], axis=1))
        present.append(np.concatenate([there for _, there in arriving], axis=1))
    return sorted_words(words[-1], present[-1], end=end, length=PATHS_LENGTH)
