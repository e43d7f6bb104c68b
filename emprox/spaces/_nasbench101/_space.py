"""The NAS-Bench-101 search space (Ying et al., 2019)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...graphs import Architecture, ArchitectureError, Graphs
from ...utils._texts import shown
from .._base import SearchSpace
from .._building import NetworkSizes
from .._parsing import read_choices, refuse
from .._sequences import IntArray, TokenSequence, adjacency_sequence, path_sequence
from .._signals import SignalOperation, Skeleton
from ._cells import (
    EDGES,
    INNER,
    N_NODES,
    NO_NODE,
    OPERATIONS,
    OUTPUT,
    cell_graphs,
    from_keys,
    least_keys,
    read_nodes,
    signal_graphs,
    write_nodes,
)

if TYPE_CHECKING:
    from ...networks._benchmarks._blocks import BenchmarkNetwork

MAX_EDGES = 9
# Number of valid sets of edges, by the number of inner nodes.
_N_EDGE_SETS = (1, 5, 47, 840, 27_142, 1_538_083)
# So many sets of edges are looked at at once.
_AT_ONCE = 2**17
# What a valid cell needs at most for the operations along its paths and an end of each path.
_PATHS_LENGTH = 36
_NASLIB = ("input", "output", "maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu")
_FIELDS = (
    ("module_adjacency", "module_operations"),
    ("adjacency", "operations"),
    ("matrix", "ops"),
    ("original_matrix", "original_ops"),
)
_SETS = [
    f"after {' '.join(str(node) for node in range(OUTPUT) if number >> node & 1) or 'none'}"
    for number in range(2**OUTPUT)
]


class NASBench101Space(SearchSpace):
    """Cells of up to seven nodes and nine edges, with operations on the nodes: 423,624 cells.

    A cell is a directed acyclic graph. Its first node is the input, its last the output, and each
    of the up to five nodes between has one of the operations conv3x3-bn-relu, conv1x1-bn-relu and
    maxpool3x3. As in the benchmark a cell may have nodes that are on no path from the input to
    the output. They and their edges do not count, and what is left must have at most nine edges.
    Dead nodes and the order of the nodes counted, `size` is 375,975,790; `distinct_cells` returns
    the 423,624 cells that are different.

    There are 26 decisions: for every pair of the seven nodes, sorted by the second and then by
    the first, whether an edge joins them (0 or 1), then the operation of each inner node
    (0 conv3x3-bn-relu, 1 conv1x1-bn-relu, 2 maxpool3x3, 3 for no such node). Nodes that are not
    there come after those that are and have no edges; the output is always the seventh node.

    `encode` reads

    - the adjacency matrix, row by row, and the operations as the official file writes them, with
      a colon between (``0110000100010000:input,conv3x3-bn-relu,maxpool3x3,output``); this is
      what `format` writes;
    - NASLib's tuple of the entries of the matrix and a code for each node (0 input, 1 output,
      2 maxpool3x3, 3 conv1x1-bn-relu, 4 conv3x3-bn-relu), or the text of such a tuple;
    - a pair (matrix, operations); a dict with the keys ``module_adjacency`` and
      ``module_operations``, ``adjacency`` and ``operations`` or ``matrix`` and ``ops``; any
      object with the attributes ``matrix`` and ``ops``, such as the benchmark's ``ModelSpec``;
    - the 26 decisions, an `Architecture` and its JSON form.

    The benchmark demands an upper triangular matrix. Here the inner nodes may come in any order:
    where an edge leads backward they are sorted, which a cycle makes impossible. A matrix of more
    than seven nodes is read without its dead nodes, if that leaves at most seven.

    Notes
    -----
    The canonical form is the same for cells that can be turned into each other by these steps:

    1. Nodes that are on no path from the input to the output are removed. This is exact: the
       benchmark builds its networks from what is left.
    2. The inner nodes are renumbered. The benchmark, too, calls the result the same cell. It is
       exact up to the order in which numbers are added and channels concatenated, and up to one
       detail: if the channels of the output cannot be divided equally among the nodes that lead
       to it, those with the lowest numbers get one more.

    Cells that no such steps lead from one to the other have different canonical forms: of all up
    to 120 numberings the one is taken whose decisions are least, operations first. No operation
    does nothing, so there is nothing to contract, and nothing else is merged.

    References
    ----------
    Chris Ying, Aaron Klein, Eric Christiansen, Esteban Real, Kevin Murphy and Frank Hutter.
    NAS-Bench-101: Towards Reproducible Neural Architecture Search. ICML 2019.

    Examples
    --------
    >>> from emprox.spaces import NASBench101Space
    >>> space = NASBench101Space()
    >>> matrix = [[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    >>> cells = space.encode([(matrix, ["input", "maxpool3x3", "conv3x3-bn-relu", "output"])])
    >>> space.format(cells)
    ['0110000000010000:input,maxpool3x3,conv3x3-bn-relu,output']
    >>> space.format(space.canonicalize(cells))
    ['010001000:input,conv3x3-bn-relu,output']
    """

    name = "nasbench101"
    title = "NAS-Bench-101: cells of up to 7 nodes and 9 edges with 3 operations on the nodes"
    operations = OPERATIONS
    choices = {
        f"edge {source} -> {target}": (
            f"no edge {source} -> {target}",
            f"edge {source} -> {target}",
        )
        for source, target in EDGES
    } | {f"node {node}": (*OPERATIONS, "not there") for node in INNER}
    default_sequence = "nodes"
    proximity_sequence = "paths"
    # As the benchmark's nasbench/lib/model_builder.py builds them. A convolution is a convolution,
    # batch normalisation and ReLU; what reads the cell's input does so through a convolution 1x1
    # of its own, a projection.
    signal_operations = (
        SignalOperation("conv3x3-bn-relu", "renew", kernel_size=3, mixing=9, depthwise=2),
        SignalOperation("conv1x1-bn-relu", "renew", mixing=1, depthwise=2),
        SignalOperation("maxpool3x3", "blur", kernel_size=3),
        SignalOperation("projection", "renew", mixing=1, depthwise=2),
    )
    # Between two stacks there is a max-pooling alone, the same for all cells, and the cell after
    # it reads it through projections, which renew it anyhow.
    skeleton = Skeleton.of_stages((128, 256, 512), (32, 16, 8), n_cells=3)
    accepted = (
        "a text such as '0110000100010000:input,conv3x3-bn-relu,maxpool3x3,output', a pair"
        " (matrix, operations) or the 26 decisions"
    )
    _network_sizes = NetworkSizes(n_classes=10, channels=128, n_cells=3)

    @cached_property
    def sequences(self) -> Mapping[str, TokenSequence]:
        """The ways to write an architecture as tokens, by name."""
        nodes = TokenSequence(
            2 * OUTPUT - 1,
            ("padding", *OPERATIONS, *_SETS),
            "for each node the set of nodes that lead to it, then its operation",
            write_nodes,
            read_nodes,
        )
        paths = "the sequence 'nodes', then the operations along each path in sorted order"
        return {
            "nodes": nodes,
            "paths": path_sequence(nodes, cell_graphs, _PATHS_LENGTH, paths),
            "adjacency": adjacency_sequence(self),
        }

    @property
    def size(self) -> int:
        """Number of cells; cells with dead nodes or their nodes in another order count apart."""
        return sum(count * len(OPERATIONS) ** k for k, count in enumerate(_N_EDGE_SETS))

    def distinct_cells(self) -> IntArray:
        """Return the canonical forms of all cells, in about two seconds.

        Returns
        -------
        ndarray of shape (423624, 26)
            Decision matrix, with a row for each cell of the benchmark.
        """
        keys = []
        for k in range(len(INNER) + 1):
            cells = np.concatenate(list(_without_dead_nodes(k)))
            for labels in product(range(len(OPERATIONS)), repeat=k):
                cells[:, len(EDGES) : len(EDGES) + k] = labels
                keys.append(np.unique(least_keys(cells)))
        return from_keys(np.unique(np.concatenate(keys)))

    def graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        return (cell_graphs(self._check(decisions)),)

    def signal_graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        # Signals do not care about the order of the nodes.
        return (signal_graphs(self._live(decisions)),)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        return from_keys(least_keys(self._live(decisions)))

    def _build(self, decisions: IntArray, **sizes: int) -> BenchmarkNetwork:
        from ...networks._benchmarks._nasbench101 import NASBench101Network

        (live,) = self._live(decisions[None])
        joined, chosen = np.split(live, [len(EDGES)])
        edges = [edge for edge, is_there in zip(EDGES, joined, strict=True) if is_there]
        nodes = {n: OPERATIONS[c] for n, c in zip(INNER, chosen, strict=True) if c != NO_NODE}
        return NASBench101Network(edges, nodes, **sizes)

    def _live(self, decisions: ArrayLike) -> IntArray:
        """Leave out what is on no path; absent nodes may then come before others."""
        live = cell_graphs(self._check(decisions)).live()
        operations = np.where(live.operations < 0, NO_NODE, live.operations)[:, 1:-1]
        return np.hstack([live.there.T, operations])

    def _faults(self, decisions: IntArray) -> dict[str, NDArray[np.bool_]]:
        graphs = cell_graphs(decisions)
        n_edges = graphs.live().there.sum(axis=0)
        present = decisions[:, len(EDGES) :] != NO_NODE
        return {
            "a node is absent, but a later one is not": (present[:, 1:] & ~present[:, :-1]).any(1),
            "an edge joins a node that is absent": (
                decisions[:, : len(EDGES)] > graphs.there.T
            ).any(1),
            "no path leads from the input to the output": n_edges == 0,
            f"more than {MAX_EDGES} edges are on paths from the input to the output": (
                n_edges > MAX_EDGES
            ),
        }

    def _write_text(self, choices: list[int]) -> str:
        operations = [number for number in choices[len(EDGES) :] if number != NO_NODE]
        nodes = [*range(len(operations) + 1), OUTPUT]
        chosen = {edge for edge, present in zip(EDGES, choices, strict=False) if present}
        bits = "".join(str(int((s, t) in chosen)) for s in nodes for t in nodes)
        names = ["input", *(OPERATIONS[number] for number in operations), "output"]
        return f"{bits}:{','.join(names)}"

    def _read_text(self, text: str) -> Sequence[int]:
        bits, colon, names = text.partition(":")
        n_nodes = math.isqrt(len(bits))
        if not colon or n_nodes**2 != len(bits) or not set(bits) <= {"0", "1"}:
            raise refuse(text, "a square matrix of zeros and ones, a colon and operations")
        operations = [name.strip() for name in names.split(",")]
        edges = [divmod(place, n_nodes) for place, bit in enumerate(bits) if bit == "1"]
        if len(operations) == n_nodes and all(source < target for source, target in edges):
            # What is sorted already need not be sorted, which takes five times as long.
            return _read_cell(Architecture(tuple(operations), tuple(edges)), operations)
        matrix = np.reshape([bit == "1" for bit in bits], (n_nodes, n_nodes))
        return _read_pair(matrix, operations)

    def _read_items(self, items: list[Any]) -> Sequence[int]:
        if len(items) == 2:
            return _read_pair(*items)
        if len(items) == self.n_decisions:
            return read_choices(items, self.choices)
        n_nodes = math.isqrt(len(items))
        if n_nodes * (n_nodes + 1) != len(items):
            raise ArchitectureError(
                f"got {len(items)} items; expected {self.n_decisions} decisions, or the"
                " entries of a square matrix and a code for each node (56 for seven nodes)"
            )
        codes = dict(enumerate(_NASLIB))
        names = []
        for code in items[n_nodes**2 :]:
            if not isinstance(code, (int, np.integer)) or code not in codes:
                known = ", ".join(f"{number} {name}" for number, name in codes.items())
                raise ArchitectureError(
                    f"unknown operation code {shown(code)}; the codes are {known}"
                )
            names.append(codes[int(code)])
        matrix = [items[node * n_nodes : (node + 1) * n_nodes] for node in range(n_nodes)]
        return _read_pair(matrix, names)

    def _read_graph(self, architecture: Architecture) -> Sequence[int]:
        return _read_cell(architecture, architecture.operations)

    def _read_other(self, item: Any) -> Sequence[int]:
        read = item.get if isinstance(item, Mapping) else lambda name: getattr(item, name, None)
        for matrix, operations in _FIELDS:
            # The benchmark's ModelSpec sets both to None if nothing is left of a cell.
            if read(matrix) is not None:
                return _read_pair(read(matrix), read(operations))
        return super()._read_other(item)


def _without_dead_nodes(n_inner: int) -> Iterator[IntArray]:
    """Make the decisions of all cells with so many inner nodes, none of them dead."""
    possible = [
        place
        for place, (source, target) in enumerate(EDGES)
        if source <= n_inner and (target <= n_inner or target == OUTPUT)
    ]
    for start in range(0, 2 ** len(possible), _AT_ONCE):
        numbers = np.arange(start, min(start + _AT_ONCE, 2 ** len(possible)))
        cells = np.zeros((len(numbers), len(EDGES) + len(INNER)), dtype=np.int64)
        cells[:, possible] = numbers[:, None] >> np.arange(len(possible)) & 1
        cells[:, len(EDGES) + n_inner :] = NO_NODE
        cells = cells[cells[:, possible].sum(axis=1) <= MAX_EDGES]
        live = cell_graphs(cells).live()
        dead = ((cells[:, : len(EDGES)] > 0) != live.there.T).any(axis=1)
        dead |= (live.operations[:, 1 : n_inner + 1] < 0).any(axis=1)
        yield cells[~dead & live.there.any(axis=0)]


def _read_pair(matrix: Any, operations: Any) -> list[int]:
    """Read an adjacency matrix and the operations of the nodes, which may come in any order."""
    cell, entries = Architecture.from_adjacency(operations, matrix), np.asarray(matrix)
    for source, target in np.argwhere((entries != 0) & (entries != 1)).tolist():
        raise ArchitectureError(
            f"the adjacency matrix has to hold zeros and ones, got {entries[source, target]} in row"
            f" {source}, column {target}"
        )
    return _read_cell(cell, operations)


def _read_cell(cell: Architecture, names: Sequence[str]) -> list[int]:
    """Read a cell, whose names are in the order in which they were given."""
    last = cell.n_nodes - 1
    if last < 1:
        raise ArchitectureError(f"a cell has an input and an output, got {last + 1} nodes")
    for node, name in enumerate(names):
        allowed = {0: ("input",), last: ("output",)}.get(node, OPERATIONS)
        if name not in allowed:
            raise ArchitectureError(
                f"unknown operation {shown(name)} on node {node}; allowed there:"
                f" {', '.join(allowed)}"
            )
    if (cell.operations[0], cell.operations[-1]) != ("input", "output"):
        raise ArchitectureError("an edge leads into the input or out of the output")
    kept = list(range(last + 1))
    if last >= N_NODES:
        reached, needed = {0}, {last}
        for source, target in cell.edges:
            reached |= {target} if source in reached else set()
        for source, target in reversed(cell.edges):
            needed |= {source} if target in needed else set()
        kept = sorted({0, last} | reached & needed)
        if len(kept) > N_NODES:
            raise ArchitectureError(
                f"the cell has {last + 1} nodes, {len(kept)} of them on a path from the input to"
                f" the output; at most {N_NODES} are allowed"
            )
    places = {node: place for place, node in enumerate(kept[:-1])} | {last: OUTPUT}
    chosen = {(places.get(source), places.get(target)) for source, target in cell.edges}
    inner = [OPERATIONS.index(cell.operations[node]) for node in kept[1:-1]]
    absent = [NO_NODE] * (len(INNER) - len(inner))
    return [*(int(edge in chosen) for edge in EDGES), *inner, *absent]
