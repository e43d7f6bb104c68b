"""The NAS-Bench-ASR search space (Mehrotra et al., 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..graphs import ABSENT, WIRE, Graphs
from ..graphs._architecture import load_json
from ..graphs._graphs import IntArray
from ._edge_cells import line_graphs
from ._parsing import numbers_in, refuse
from ._sequences import TokenSequence, adjacency_sequence, decision_sequence, path_sequence
from ._signals import SignalOperation, Skeleton
from ._tables import TabulatedSpace

_OPERATIONS = ("linear", "conv5", "conv5d2", "conv7", "conv7d2", "zero")
ZERO = _OPERATIONS.index("zero")
# The decisions, node by node: its operation, then a skip connection from each node before it.
OPERATIONS, SKIPS = [0, 2, 5], [1, 3, 4, 6, 7, 8]
# What they lead from and to.
_EDGES = [(0, 1), (0, 1), (1, 2), (0, 2), (1, 2), (2, 3), (0, 3), (1, 3), (2, 3)]
# As a graph: the input, then for each node its operation and its sum, the last being the output.
_CHAIN = [(node, node + 1) for node in range(6)]
_SKIP_EDGES = [(2 * source, 2 * target) for source, target in (_EDGES[place] for place in SKIPS)]
# There are at most thirteen paths, with fourteen operations in all, and an end after each path.
PATHS_LENGTH = 27

_AS_JSON = str.maketrans("()'", '[]"')
_EXAMPLE = "linear:1|conv5:01|zero:101"


class NASBenchASRSpace(TabulatedSpace):
    """Cells of three nodes in a row, for speech recognition: 13,824 cells.

    Each node adds up the result of its operation on the output of the node before, and skip
    connections from the nodes before it, the input of the cell among them. The output of the cell
    is that of the third node. The operations are linear, conv5, conv5d2, conv7, conv7d2
    (convolutions over time with 5 or 7 taps, d2 if dilated by 2) and zero.

    The nine decisions are the benchmark's: for each node its operation (0 linear, 1 conv5,
    2 conv5d2, 3 conv7, 4 conv7d2, 5 zero), then for the input and each earlier node whether there
    is a skip connection from it (0 or 1).

    `encode` reads the text that `format` writes, which has the operation of each node and its skip
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
    >>> cells = space.encode([[["linear", 1], ["conv5", 0, 1], ["zero", 0, 0, 1]]])
    >>> space.format(cells)
    ['linear:1|conv5:01|zero:001']
    >>> space.format(space.canonicalize(cells))
    ['linear:0|zero:11|conv5:001']
    """

    name = "nasbench_asr"
    title = "NAS-Bench-ASR: cells of 3 operations in a row with skip connections, for speech"
    operations = _OPERATIONS
    choices: Mapping[str, tuple[str, ...]] = {
        f"skip {source} -> {target}" if place in SKIPS else f"operation of node {target}": (
            ("no skip", "skip") if place in SKIPS else _OPERATIONS
        )
        for place, (source, target) in enumerate(_EDGES)
    }
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
    # A convolution stands before each block. The last two halve the number of time steps, of which
    # the resolution is the square root.
    skeleton = Skeleton.of_stages(
        (600, 800, 1000, 1200), (32, 32, 23, 16), n_cells=(3, 4, 5, 6), entry="renew", first=True
    )
    accepted = f"a text such as {_EXAMPLE!r}, three lists such as ['conv5', 0, 1], nine decisions"

    @cached_property
    def sequences(self) -> Mapping[str, TokenSequence]:
        """The ways to write a cell as tokens."""
        decisions = decision_sequence(
            self.choices, "for each node its operation and whether there are skip connections to it"
        )
        return {
            "decisions": decisions,
            "paths": path_sequence(
                decisions,
                self._computing,
                PATHS_LENGTH,
                "the sequence 'decisions', then the operations along each path in sorted order",
            ),
            "adjacency": adjacency_sequence(
                self,
                "adjacency and operations of the graph, column by column (EmProx paper)",
                wires=("sum", "output"),
            ),
        }

    @property
    def pathless(self) -> IntArray:
        """Decisions of the cell with nothing but zeros, so that no signal passes it."""
        return self.encode(["zero:0|zero:00|zero:000"])[0]

    def graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        """Write cells as graphs of operations and sums.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 9)
            Decision matrix.

        Returns
        -------
        tuple of Graphs
            The cells, as the only kind that there is. Skip connections are edges between sums.
        """
        matrix = self._check(decisions)
        nodes = np.full((len(matrix), len(_CHAIN) + 1), WIRE)
        nodes[:, 1::2] = matrix[:, OPERATIONS]
        present = np.pad(matrix[:, SKIPS] == 1, ((0, 0), (len(_CHAIN), 0)), constant_values=True)
        return (Graphs(nodes, [*_CHAIN, *_SKIP_EDGES], self.operations, present),)

    def signal_graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        """Write the canonical forms of cells as graphs in which skips are operations, too.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 9)
            Decision matrix.

        Returns
        -------
        tuple of Graphs
            The cells, as the only kind that there is.
        """
        matrix = self.canonicalize(decisions)
        absent = matrix == self.pathless
        matrix[:, SKIPS] = len(self.operations)
        names = [operation.name for operation in self.signal_operations]
        return (line_graphs(np.where(absent, ABSENT, matrix), _EDGES, names),)

    def _computing(self, decisions: IntArray) -> Graphs:
        return self.graphs(decisions)[0].without([ZERO])

    def _candidates(self, decisions: IntArray) -> tuple[IntArray, IntArray]:
        # Fewest operations first, then fewest skip connections.
        n_operations = (decisions[:, OPERATIONS] != ZERO).sum(axis=1)
        n_skips = decisions[:, SKIPS].sum(axis=1)
        return decisions, np.column_stack([n_operations, n_skips, decisions])

    def _write_text(self, choices: Sequence[int]) -> str:
        return "|".join(
            f"{self.operations[choices[place]]}:"
            + "".join(map(str, choices[place + 1 : place + 1 + node]))
            for node, place in enumerate(OPERATIONS, start=1)
        )

    def _read_text(self, text: str) -> Sequence[int]:
        if (numbers := numbers_in(text.replace("_", ","))) is not None:
            return self._read_items(numbers)
        if text.startswith(("[", "(")):
            return self._read_items(load_json(text.translate(_AS_JSON), self.accepted))
        nodes = [node.partition(":") for node in text.split("|")]
        return self._read_items(
            [[name, *(int(s) if s in ("0", "1") else s for s in skips)] for name, _, skips in nodes]
        )

    def _read_items(self, items: list[Any]) -> Sequence[int]:
        if len(items) == len(OPERATIONS):
            nodes = [node if isinstance(node, (tuple, list)) else [] for node in items]
            if [len(node) for node in nodes] != [2, 3, 4]:
                raise refuse(
                    items,
                    "three nodes with an operation each and one, two and three skip connections"
                    f" (0 or 1), as in {_EXAMPLE!r}",
                )
            items = [choice for node in nodes for choice in node]
        return super()._read_items(items)
