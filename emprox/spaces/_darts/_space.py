"""The DARTS search space (Liu et al., 2019), of NAS-Bench-301 and of NDS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import permutations
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...graphs import WIRE, Architecture, Graphs
from .._base import SearchSpace
from .._building import NetworkSizes
from .._parsing import read_choices, refuse
from .._sequences import IntArray, TokenSequence, adjacency_sequence, decision_sequence
from .._signals import CellPosition, SignalOperation, Skeleton
from ._genotypes import (
    ACCEPTED,
    INNER_NODES,
    KINDS,
    N_INPUTS,
    N_NODES,
    read_items,
    read_text,
    read_usual,
)

if TYPE_CHECKING:
    from ...networks._benchmarks._blocks import BenchmarkNetwork

# Liu et al. (2019), section 3.1.1. A separable convolution is twice ReLU, depthwise convolution,
# convolution 1x1 and batch normalisation, so that twice 3x3 sees 5x5. A dilated one is the same
# once, with dilation 2, so that 3x3 spans 5x5.
SIGNAL_OPERATIONS = (
    SignalOperation("max_pool_3x3", "blur", kernel_size=3),
    SignalOperation("avg_pool_3x3", "blur", kernel_size=3),
    SignalOperation("skip_connect", "copy"),
    SignalOperation("sep_conv_3x3", "renew", kernel_size=5, n_layers=2, mixing=2, depthwise=22),
    SignalOperation("sep_conv_5x5", "renew", kernel_size=9, n_layers=2, mixing=2, depthwise=54),
    SignalOperation("dil_conv_3x3", "renew", kernel_size=5, mixing=1, depthwise=11),
    SignalOperation("dil_conv_5x5", "renew", kernel_size=9, mixing=1, depthwise=27),
)
OPERATIONS = tuple(operation.name for operation in SIGNAL_OPERATIONS)
SOURCES = ("c_{k-2}", "c_{k-1}", "node 2", "node 3", "node 4")
# NAS-Bench-301: eight cells, 32 channels at first (its data_generation/configs/config_0.json),
# reduction cells at a third and two thirds. Each cell passes both its inputs through ReLU,
# convolution 1x1 and batch normalisation.
SKELETON = Skeleton(
    tuple(
        CellPosition(
            kind=int(place in (2, 5)),
            width=32 * 2**stage,
            resolution=32 // 2**stage,
            strided=place in (2, 5),
            entry="renew",
        )
        for place, stage in enumerate((0, 0, 1, 1, 1, 2, 2, 2))
    )
)

# A cell as a graph: two inputs, for each inner node its two operations and their sum, the output.
_OPERATION_NODES = tuple(N_INPUTS + 3 * (pair // 2) + pair % 2 for pair in range(2 * N_NODES))
_SUMS = tuple(N_INPUTS + 3 * node + 2 for node in range(N_NODES))
_OUTPUT = _SUMS[-1] + 1
_STATES = (0, 1, *_SUMS)
# What each operation can read: the edge, its pair and the number of the input.
_READING = tuple(
    ((_STATES[source], node), pair, source)
    for pair, node in enumerate(_OPERATION_NODES)
    for source in range(INNER_NODES[pair // 2])
)
_FIXED = tuple((node, _SUMS[pair // 2]) for pair, node in enumerate(_OPERATION_NODES)) + tuple(
    (node, _OUTPUT) for node in _SUMS
)
# Both cells as one graph: the input of the network, and in front of each cell its inputs as they
# were before they were brought to its width. The normal cell reads the input and a cell that reads
# it, and the reduction cell follows the normal cell.
_OFFSETS = (3, 3 + _OUTPUT + 3)
_JOINS = ((0, 1), (1, 2), (1, 3), (2, 4), (2, 18), (17, 19), (18, 20), (19, 21))
_ORDERS = np.array(list(permutations(range(N_NODES))))


class DARTSSpace(SearchSpace):
    """A normal and a reduction cell of four inner nodes: the space of DARTS and NAS-Bench-301.

    Node 0 of a cell is the output of the cell before the previous one, node 1 that of the previous
    one. Each of the inner nodes 2 to 5 is the sum of two operations, on two different earlier
    nodes; the output is the concatenation of the inner nodes. The decisions are, for the normal
    and then for the reduction cell, input and operation of the two pairs of node 2, of node 3 and
    so on: 32 numbers. The operations are 0 max_pool_3x3, 1 avg_pool_3x3, 2 skip_connect,
    3 sep_conv_3x3, 4 sep_conv_5x5, 5 dil_conv_3x3, 6 dil_conv_5x5.

    `encode` reads the text ``Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6),
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
    >>> genotypes = space.encode([(cell, cell)])
    >>> space.format(genotypes)[0][:72]
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('skip_connec"
    >>> space.canonicalize(genotypes)[0, :16].reshape(4, 4)
    array([[0, 2, 1, 3],
           [0, 2, 1, 3],
           [0, 3, 1, 3],
           [0, 2, 4, 5]])
    """

    name = "darts"
    title = "DARTS / NAS-Bench-301: a normal and a reduction cell of 4 inner nodes, 7 operations"
    operations = OPERATIONS
    choices = MappingProxyType(
        {
            f"{kind}: {pair} {what} of node {node}": SOURCES[:node]
            if what == "input"
            else OPERATIONS
            for kind in KINDS
            for node in INNER_NODES
            for pair in ("first", "second")
            for what in ("input", "operation")
        }
    )
    default_sequence = "genotype"
    signal_operations = SIGNAL_OPERATIONS
    skeleton = SKELETON
    accepted = ACCEPTED
    _network_sizes = NetworkSizes(n_classes=10, channels=32, n_cells=2)

    @cached_property
    def sequences(self) -> Mapping[str, TokenSequence]:
        """The ways to write an architecture as tokens, by name."""
        return {
            "genotype": decision_sequence(
                self.choices,
                "input and operation of each pair, node by node",
                vocabulary=("padding", *SOURCES, *OPERATIONS),
            ),
            "adjacency": adjacency_sequence(
                self,
                "adjacency and operations of the graph of both cells, column by column"
                " (EmProx paper)",
                wires=(),
            ),
        }

    @property
    def size(self) -> int:
        """Number of genotypes, different descriptions of the same network counted apart."""
        per_cell = prod(node * (node - 1) * len(OPERATIONS) ** 2 for node in INNER_NODES)
        return per_cell ** len(KINDS)

    def graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        found = []
        for kind, cells in zip(KINDS, np.hsplit(self._check(decisions), len(KINDS)), strict=True):
            operations = np.full((len(cells), _OUTPUT + 1), WIRE)
            operations[:, _OPERATION_NODES] = cells[:, 1::2]
            present = np.ones((len(cells), len(_READING) + len(_FIXED)), dtype=bool)
            for place, (_, pair, source) in enumerate(_READING):
                present[:, place] = cells[:, 2 * pair] == source
            found.append(
                Graphs(
                    operations,
                    [*(edge for edge, *_ in _READING), *_FIXED],
                    OPERATIONS,
                    present=present,
                    n_inputs=N_INPUTS,
                    inputs=SOURCES[:N_INPUTS],
                    concatenates=frozenset({_OUTPUT}),
                    kind=kind,
                )
            )
        return tuple(found)

    def signal_graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        # The canonical form only puts nodes into another order, and signals do not care.
        return self.graphs(decisions)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        matrix = self._check(decisions)
        pairs = matrix.reshape(-1, N_NODES, 2, 2)
        sources, operations = pairs[..., 0], pairs[..., 1]
        n_operations = len(OPERATIONS)
        n_codes = INNER_NODES[-1] * n_operations
        # A pair is a digit and a cell the number that its digits make, up to 35^8.
        places = n_codes ** np.arange(2 * N_NODES - 1, -1, -1)
        best = np.full(len(sources), np.iinfo(np.int64).max)
        for order in _ORDERS:
            numbers = np.concatenate([np.arange(N_INPUTS), N_INPUTS + np.argsort(order)])
            moved = numbers[sources[:, order]]
            codes = moved * n_operations + operations[:, order]
            digits = np.stack([codes.min(axis=2), codes.max(axis=2)], axis=2)
            written = digits.reshape(len(digits), -1) @ places
            leads_forward = (moved < np.array(INNER_NODES)[:, None]).all(axis=(1, 2))
            np.minimum(best, written, out=best, where=leads_forward)
        digits = best[:, None] // places % n_codes
        return np.stack(np.divmod(digits, n_operations), axis=2).reshape(matrix.shape)

    def _build(self, decisions: IntArray, **sizes: int) -> BenchmarkNetwork:
        from ...networks._benchmarks._darts import DARTSNetwork

        pairs = [
            (source, OPERATIONS[choice]) for source, choice in decisions.reshape(-1, 2).tolist()
        ]
        return DARTSNetwork(pairs[: 2 * N_NODES], pairs[2 * N_NODES :], **sizes)

    def _whole(self, decisions: ArrayLike) -> Graphs:
        cells = self.graphs(decisions)
        names = (*OPERATIONS, "input", "sum", "output")
        inputs, sums, output = (names.index(name) for name in names[-3:])
        labels = np.full(_OFFSETS[-1] + _OUTPUT + 1, inputs)
        operations = np.tile(labels, (cells[0].n_graphs, 1))
        edges, present = [*_JOINS], [np.ones((len(operations), len(_JOINS)), dtype=bool)]
        for offset, cell in zip(_OFFSETS, cells, strict=True):
            operations[:, [offset + node for node in _SUMS]] = sums
            operations[:, offset + _OUTPUT] = output
            nodes = np.array(_OPERATION_NODES)
            operations[:, offset + nodes] = cell.operations[:, nodes]
            edges += [(offset + source, offset + target) for source, target in cell.edges]
            present.append(cell.there.T)
        return Graphs(operations, edges, names, present=np.hstack(present))

    def _faults(self, decisions: IntArray) -> dict[str, NDArray[np.bool_]]:
        same = (decisions[:, ::4] == decisions[:, 2::4]).T
        nodes = [f"{kind} cell, node {node}" for kind in KINDS for node in INNER_NODES]
        text = "both pairs have the same input; in DARTS they differ"
        return {f"{node}: {text}": wrong for node, wrong in zip(nodes, same, strict=True)}

    def _draw(self, n_architectures: int, rng: np.random.Generator) -> IntArray:
        drawn = super()._draw(n_architectures, rng)
        # The second input is one of the others, each as likely as the next.
        steps = rng.integers(1, self.n_choices[::4], size=drawn[:, ::4].shape)
        drawn[:, 2::4] = (drawn[:, ::4] + steps) % self.n_choices[::4]
        return drawn

    def _write_text(self, choices: list[int]) -> str:
        fields = []
        for kind, cell in zip(KINDS, (choices[:16], choices[16:]), strict=True):
            pairs = zip(cell[::2], cell[1::2], strict=True)
            written = ", ".join(f"({OPERATIONS[number]!r}, {source})" for source, number in pairs)
            fields.append(f"{kind}=[{written}], {kind}_concat=range(2, 6)")
        return f"Genotype({', '.join(fields)})"

    def _read(self, item: Any) -> Sequence[int]:
        # A named tuple is more than a tuple.
        return self._read_other(item) if hasattr(item, "normal") else super()._read(item)

    def _read_text(self, text: str) -> Sequence[int]:
        items = read_usual(text)
        return read_choices(items, self.choices) if items else self._read_other(read_text(text))

    def _read_items(self, items: list[Any]) -> Sequence[int]:
        return self._read_other(items) if len(items) == 2 else read_choices(items, self.choices)

    def _read_other(self, item: Any) -> Sequence[int]:
        return read_choices(read_items(item), self.choices)

    def _read_graph(self, architecture: Architecture) -> Sequence[int]:
        sources = {target: source for source, target in architecture.edges}
        items: list[Any] = []
        for offset in _OFFSETS:
            states = [offset + state for state in _STATES]
            for node in _OPERATION_NODES:
                source = sources.get(offset + node)
                if source not in states or offset + node >= architecture.n_nodes:
                    raise refuse(architecture, "the graph of a DARTS genotype")
                items += [states.index(source), architecture.operations[offset + node]]
        return read_choices(items, self.choices)
