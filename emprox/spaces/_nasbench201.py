"""The NAS-Bench-201 search space (Dong and Yang, 2020), also the topology space of NATS-Bench."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._architecture import Architecture
from ._base import SearchSpace
from ._cells import contract_skips, drop_dead_edges, paths, relabel
from ._errors import ArchitectureError
from ._random import RandomState, as_generator
from ._sequences import (
    PADDING,
    IntArray,
    TokenSequence,
    flatten_graphs,
    sorted_words,
    unflatten_graphs,
)

SKIP, NONE = 0, 1
N_NODES = 4
# The order of the decisions; the text form lists the same edges by their target.
EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
BY_TARGET = tuple(sorted(range(len(EDGES)), key=lambda edge: EDGES[edge][::-1]))
PATHS = [[EDGES.index(edge) for edge in path] for path in paths(N_NODES)]
# Eight edges on four paths, each path followed by an end token.
PATHS_LENGTH = sum(map(len, PATHS)) + len(PATHS)

_NUMBERS = re.compile(r"\s*\(?\s*(\d+(?:\s*,\s*\d+)*)\s*,?\s*\)?\s*")
_EXAMPLE = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|"


class NASBench201Space(SearchSpace):
    """Cells of four nodes and six edges, each edge with one of five operations: 15,625 cells.

    The decisions are the operations of the edges 0->1, 0->2, 0->3, 1->2, 1->3, 2->3 in NASLib's
    numbering: 0 skip_connect, 1 none, 2 nor_conv_3x3, 3 nor_conv_1x1, 4 avg_pool_3x3.

    `parse` reads the official text
    (``|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|``), six
    operation names or numbers in the order of the decisions, the text of such a tuple
    (``"(4, 0, 3, 1, 1, 2)"``), an `Architecture` and its JSON form. `format` writes the official
    text. As an `Architecture` a cell is its line graph: the six operations are nodes, between an
    input and an output.

    Notes
    -----
    The canonical form is the same for cells that can be turned into each other by these steps:

    1. Edges on no path from the input to the output are set to none. For edges that do not lead
       to the output this is exact: they are never used. For edges that the input does not reach
       it is exact after skip_connect and avg_pool_3x3, which turn zeros into zeros, but not
       after a convolution: its batch normalisation still adds a learned constant per channel.
    2. A node whose only incoming edge is a skip connection is the same tensor as that edge's
       source, and a node whose only outgoing edge is a skip connection is a plain summand of
       that edge's target. Both are merged. This is exact.
    3. The two inner nodes are exchanged where no edge joins them. This is exact up to the order
       in which floating-point numbers are added.

    Two kinds of equality are left alone on purpose, because the graphs differ: average pooling is
    linear, so that pooling a sum is summing what was pooled; and a cell in which two paths share
    a convolution has fewer parameters than one with a convolution for each, though both have the
    same paths. Of the members of a class the representative is the one with the fewest operations
    other than none; among these the one whose operations come on the earliest edges. There
    are 5,425 classes.

    References
    ----------
    Xuanyi Dong and Yi Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural
    Architecture Search. ICLR 2020.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("nasbench201")
    >>> cell = space.parse((0, 1, 1, 1, 2, 1))
    >>> space.format(cell)
    '|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|'
    >>> space.format(space.canonical(cell))
    '|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|'
    """

    name = "nasbench201"
    title = "NAS-Bench-201 / NATS-Bench topology: cells of 6 edges with 5 operations each"
    operations = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
    n_choices = (len(operations),) * len(EDGES)
    default_sequence = "operations"
    proximity_sequence = "paths"

    def __init__(self) -> None:
        graph = ("no edge", "edge")
        self.sequences = {
            "operations": TokenSequence(
                len(EDGES), ("padding", *self.operations), "the operation of each edge"
            ),
            "paths": TokenSequence(
                len(EDGES) + PATHS_LENGTH,
                ("padding", *self.operations, "end of path"),
                "the operation of each edge, then the operations along each path in sorted order,"
                " skip connections left out",
            ),
            "adjacency": TokenSequence(
                35,
                ("padding", *graph, *self.operations, "output"),
                "adjacency and operations of the line graph, column by column (EmProx paper)",
            ),
        }
        # Line graph: the input, an operation for each edge, the output.
        self._line_graph = np.zeros((len(EDGES) + 2,) * 2, dtype=bool)
        for number, (source, target) in enumerate(EDGES, start=1):
            self._line_graph[0, number] = source == 0
            self._line_graph[number, -1] = target == N_NODES - 1
            for later, (next_source, _) in enumerate(EDGES, start=1):
                self._line_graph[number, later] = target == next_source
        self._line_graph_edges = tuple(
            (int(source), int(target)) for source, target in np.argwhere(self._line_graph)
        )
        self._numbers: dict[Any, int] = {
            key: number for number, name in enumerate(self.operations) for key in (name, number)
        }

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        matrix = self._check_decisions(decisions)
        names = np.array(self.operations, dtype=object)[matrix].tolist()
        return [
            Architecture(("input", *row, "output"), self._line_graph_edges, self.name)
            for row in names
        ]

    def format(self, architecture: Any) -> str:
        names = [self.operations[choice] for choice in self._read(architecture)]
        nodes = []
        for target in range(1, N_NODES):
            edges = [edge for edge in BY_TARGET if EDGES[edge][1] == target]
            nodes.append("".join(f"{names[edge]}~{EDGES[edge][0]}|" for edge in edges))
        return "|" + "+|".join(nodes)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Replace each cell by its canonical form; see the class's notes.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 6)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, 6)
            Decision matrix of the canonical forms.
        """
        matrix = self._check_decisions(decisions)
        return self._canonical_cells[np.ravel_multi_index(tuple(matrix.T), self.n_choices)]

    def relabel(self, decisions: ArrayLike, random_state: RandomState = None) -> IntArray:
        """Exchange the two inner nodes of some cells, where no edge joins them.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 6)
            Decision matrix.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, 6)
            Decision matrix.
        """
        matrix = self._check_decisions(decisions)
        exchange = as_generator(random_state).random(len(matrix)) < 0.5
        exchange &= matrix[:, EDGES.index((1, 2))] == NONE
        inner = {1: 2, 2: 1}
        order = [
            EDGES.index((inner.get(i, i), inner.get(j, j))) for i, j in EDGES if (i, j) != (1, 2)
        ]
        order.insert(EDGES.index((1, 2)), EDGES.index((1, 2)))
        return np.where(exchange[:, None], matrix[:, order], matrix)

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_decisions(decisions)
        if spec is self.sequences["operations"]:
            return matrix + 1
        if spec is self.sequences["paths"]:
            return np.hstack([matrix + 1, self._path_tokens(matrix)])
        first, last = spec.vocabulary.index(self.operations[0]), spec.vocabulary_size - 1
        node_tokens = np.pad(matrix + first, ((0, 0), (1, 1)), constant_values=last)
        return flatten_graphs(self._line_graph, node_tokens)

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_tokens(tokens, sequence)
        first = spec.vocabulary.index(self.operations[0])
        if spec is self.sequences["adjacency"]:
            adjacency, node_tokens = unflatten_graphs(matrix, len(self._line_graph))
            foreign = np.flatnonzero((adjacency != self._line_graph).any(axis=(1, 2)))
            if len(foreign):
                raise ArchitectureError(
                    "the edges are not those of a NAS-Bench-201 cell", int(foreign[0])
                )
            matrix = node_tokens[:, 1:]
        operations = matrix[:, : len(EDGES)] - first
        wrong = np.argwhere((operations < 0) | (operations >= len(self.operations)))
        if len(wrong):
            row, edge = (int(position) for position in wrong[0])
            token = int(operations[row, edge]) + first
            raise ArchitectureError(
                f"token {token} ({spec.vocabulary[token]}) stands where the operation of edge"
                f" {EDGES[edge][0]}->{EDGES[edge][1]} has to be",
                index=row,
            )
        return operations

    def _read(self, architecture: Any) -> Sequence[int]:
        if isinstance(architecture, Architecture):
            return self._read_line_graph(architecture)
        if isinstance(architecture, str):
            return self._read_text(architecture)
        if isinstance(architecture, (tuple, list, np.ndarray)):
            return self._read_tuple(list(architecture))
        raise ArchitectureError(
            f"expected a text such as {_EXAMPLE!r}, six operations or an Architecture,"
            f" got {architecture!r} of type {type(architecture).__name__}"
        )

    def _read_line_graph(self, architecture: Architecture) -> Sequence[int]:
        if architecture.edges != self._line_graph_edges:
            raise ArchitectureError("the graph is not the line graph of a NAS-Bench-201 cell")
        return self._read_tuple(list(architecture.operations[1:-1]))

    def _read_text(self, text: str) -> Sequence[int]:
        stripped = text.strip()
        if stripped.startswith("{"):
            return self._read_line_graph(Architecture.from_string(stripped))
        if numbers := _NUMBERS.fullmatch(text):
            return self._read_tuple([int(number) for number in numbers.group(1).split(",")])
        nodes = stripped.split("+")
        if len(nodes) != N_NODES - 1:
            raise ArchitectureError(
                f"{text!r} has {len(nodes)} nodes separated by '+', expected {N_NODES - 1},"
                f" as in {_EXAMPLE!r}"
            )
        names: list[str] = [""] * len(EDGES)
        for target, node in enumerate(nodes, start=1):
            entries = node.split("|")
            if len(entries) != target + 2 or entries[0] or entries[-1]:
                raise ArchitectureError(
                    f"node {target} is {node!r}, expected {target} operation(s) between '|', as in"
                    f" {_EXAMPLE!r}"
                )
            for source, entry in enumerate(entries[1:-1]):
                name, _, origin = entry.partition("~")
                if origin != str(source):
                    raise ArchitectureError(
                        f"{entry!r} in node {target} has to end with '~{source}', the node that it"
                        " comes from"
                    )
                names[EDGES.index((source, target))] = name
        return self._read_tuple(names)

    def _read_tuple(self, operations: Sequence[Any]) -> Sequence[int]:
        if len(operations) != len(EDGES):
            raise ArchitectureError(
                f"a cell has {len(EDGES)} operations, got {len(operations)}: {operations!r}"
            )
        numbers = []
        for (source, target), operation in zip(EDGES, operations, strict=True):
            try:
                numbers.append(self._numbers[operation])
            # What cannot be hashed is no operation either.
            except (KeyError, TypeError) as error:
                allowed = ", ".join(f"{i} {name}" for i, name in enumerate(self.operations))
                raise ArchitectureError(
                    f"unknown operation {operation!r} on edge {source}->{target};"
                    f" the operations are {allowed}"
                ) from error
        return numbers

    def _path_tokens(self, decisions: IntArray) -> IntArray:
        """Write the operations along the live paths, longest path first."""
        padded = np.column_stack([decisions, np.full(len(decisions), SKIP)])
        longest = max(map(len, PATHS))
        along = padded[:, [path + [len(EDGES)] * (longest - len(path)) for path in PATHS]]
        alive = (along != NONE).all(axis=2)
        words = np.where(along == SKIP, PADDING, along + 1)
        return sorted_words(words, alive, end=len(self.operations) + 1, length=PATHS_LENGTH)

    @cached_property
    def _canonical_cells(self) -> IntArray:
        """Canonical form of every cell of the space, by its number."""
        cells = self._from_numbers(np.arange(self.size))
        # The counts leave none out: an edge without an operation is not there.
        counted = [number for number in range(len(self.operations)) if number != NONE]
        counts = np.zeros((len(cells), N_NODES, N_NODES, len(counted)), dtype=np.int8)
        for edge, (source, target) in enumerate(EDGES):
            counts[:, source, target] = cells[:, edge, None] == counted
        live = drop_dead_edges(counts)
        sources, targets = np.array(EDGES).T
        kept = live.sum(axis=3)[:, sources, targets] > 0
        classes = relabel(contract_skips(live, counted.index(SKIP)))
        # At most one edge a path joins two nodes with the same operation, so that the counts are
        # the digits of one number, which is quicker to sort than rows are.
        digits = classes[:, sources, targets].reshape(len(cells), -1).astype(np.int64)
        numbers = digits @ (len(PATHS) + 1) ** np.arange(digits.shape[1])
        pruned = np.where(kept, cells, NONE)
        # Fewest operations first, then operations on early edges, then in their own order.
        places = np.where(pruned == NONE, len(self.operations), pruned)
        order = np.lexsort((*places.T[::-1], (pruned != NONE).sum(axis=1), numbers))
        _, first, members = np.unique(numbers[order], return_index=True, return_inverse=True)
        canonical = np.empty_like(cells)
        canonical[order] = pruned[order[first]][members]
        return canonical
