"""The NAS-Bench-Graph search space (Qin et al., 2022): cells of graph neural networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...graphs import WIRE, Architecture, ArchitectureError, Graphs
from ...graphs._architecture import load_json
from ...utils._texts import shown
from .._base import SearchSpace
from .._parsing import read_choices, refuse
from .._sequences import IntArray, TokenSequence, adjacency_sequence
from .._signals import CellPosition, SignalOperation, Skeleton
from ._trees import (
    N_NODES,
    N_NUMBERINGS,
    OPERATIONS,
    PATHS_LENGTH,
    SKIP,
    canonical_trees,
    find_sources,
    node_places,
    numberings,
    path_tokens,
    tree_graphs,
)

# The macro structures of the benchmark, in the order of its keys.
LINKS = (
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 1),
    (0, 0, 1, 2),
    (0, 0, 1, 3),
    (0, 1, 1, 1),
    (0, 1, 1, 2),
    (0, 1, 2, 2),
    (0, 1, 2, 3),
)

_SOURCES = ("input", "node 1", "node 2", "node 3")
_PLACES = [f"{kind} of depth {n}" for n in range(N_NODES + 1) for kind in ("inner", "leaf")]
# Tokens of the sequence "paths": the operations, then the places, the numbering and the paths.
_FIRST_PLACE = 1 + len(OPERATIONS)
_FIRST_NUMBERING = _FIRST_PLACE + len(_PLACES)
_FIRST_END = _FIRST_NUMBERING + N_NUMBERINGS + SKIP


def _write_decisions(decisions: IntArray) -> IntArray:
    sources, operations = _split(decisions)
    tokens = np.stack([sources + 1, operations + 1 + N_NODES], axis=2)
    return tokens.reshape(len(tokens), 2 * N_NODES)[:, 1:]


def _read_decisions(tokens: IntArray) -> IntArray:
    return np.hstack([tokens[:, 1::2] - 1, tokens[:, ::2] - 1 - N_NODES])


def _write_paths(decisions: IntArray) -> IntArray:
    sources, operations = _split(decisions)
    is_skip = operations == SKIP
    tokens = np.stack([operations + 1, node_places(sources, is_skip) + _FIRST_PLACE], axis=2)
    return np.column_stack(
        [
            tokens.reshape(len(tokens), 2 * N_NODES),
            numberings(sources, is_skip) + _FIRST_NUMBERING,
            path_tokens(sources, operations, _FIRST_END),
        ]
    )


def _read_paths(tokens: IntArray) -> IntArray:
    nodes, numbering = tokens[:, : 2 * N_NODES], tokens[:, 2 * N_NODES] - _FIRST_NUMBERING
    operations = nodes[:, ::2] - 1
    sources = find_sources(operations == SKIP, nodes[:, 1::2] - _FIRST_PLACE, numbering)
    return np.hstack([sources[:, 1:], operations])


class NASBenchGraphSpace(SearchSpace):
    """Trees of four graph neural network operations: 26,206 different architectures.

    Each of the nodes 1 to 4 applies one of nine operations to the output of one earlier node, or
    of the input, which is 0. The outputs of all leaves are concatenated. The decisions are the
    sources of the nodes 2, 3 and 4, then the operations of the nodes 1 to 4 in the benchmark's
    numbering: 0 gat, 1 gcn, 2 gin, 3 cheb, 4 sage, 5 arma, 6 graph, 7 fc, 8 skip. Four skip
    connections are no architecture of the benchmark, everything else is: 157,440 descriptions.

    `encode` reads the text that `format` writes, ``|gcn~0|gin~1|fc~2|cheb~1|``: for each node its
    operation and its source; the benchmark's own objects, or any that have ``link`` and ``ops``
    (or ``op``); the pair (link, operations), as ``([0, 1, 2, 1], ["gcn", "gin", "fc", "cheb"])``
    or as the JSON text of it; the seven decisions, with operations as names or numbers; an
    `Architecture` and its JSON form. As an `Architecture` the nodes stand between an input and
    an output, to which all leaves lead.

    Notes
    -----
    The canonical form merges exactly what the benchmark merges when it looks an architecture up:

    1. A skip connection that other nodes follow, or that is its source's only successor, is the
       same tensor as its source. It is contracted. This is exact.
    2. A leaf that repeats the input itself, over skip connections alone, is dropped. This is a
       convention of the benchmark, whose input has another width than its hidden layers, and not
       exact.
    3. Nodes are renumbered. This is exact up to the order of concatenation.

    A skip connection that is one of several successors of another operation stays: it repeats
    that operation's output among the leaves. The representative has its contracted skip
    connections in a chain behind the input, so that there are always four nodes, and then the
    smallest sources and operations: it is the description that the benchmark's keys stand for.
    There are 26,206 classes, one for every key of the benchmark.

    References
    ----------
    Yijian Qin, Ziwei Zhang, Xin Wang, Zeyang Zhang and Wenwu Zhu. NAS-Bench-Graph: Benchmarking
    Graph Neural Architecture Search. NeurIPS 2022, Datasets and Benchmarks. Section 2.

    Examples
    --------
    >>> from emprox.spaces import NASBenchGraphSpace
    >>> space = NASBenchGraphSpace()
    >>> networks = space.encode([([0, 1, 2, 1], ["gcn", "skip", "fc", "cheb"])])
    >>> space.format(networks)
    ['|gcn~0|skip~1|fc~2|cheb~1|']
    >>> space.format(space.canonicalize(networks))
    ['|skip~0|gcn~1|cheb~2|fc~2|']
    """

    name = "nasbench_graph"
    title = "NAS-Bench-Graph: trees of 4 graph neural network operations out of 9"
    operations = OPERATIONS
    choices = MappingProxyType(
        {f"source of node {node}": _SOURCES[:node] for node in range(2, N_NODES + 1)}
        | {f"node {node}": OPERATIONS for node in range(1, N_NODES + 1)}
    )
    default_sequence = "decisions"
    proximity_sequence = "paths"
    # All but fc and skip look at a node's neighbours, so that one layer sees three in a row. The
    # numbers of weights are those by which the benchmark's counts of parameters differ.
    signal_operations = (
        SignalOperation("gat", "renew", kernel_size=3, mixing=1, depthwise=3),
        SignalOperation("gcn", "renew", kernel_size=3, mixing=1, depthwise=1),
        SignalOperation("gin", "renew", kernel_size=3, mixing=1, depthwise=1),
        SignalOperation("cheb", "renew", kernel_size=3, mixing=2, depthwise=1),
        SignalOperation("sage", "renew", kernel_size=3, mixing=2, depthwise=1),
        SignalOperation("arma", "renew", kernel_size=3, mixing=3, depthwise=1),
        SignalOperation("graph", "renew", kernel_size=3, mixing=2, depthwise=1),
        SignalOperation("fc", "renew", mixing=1, depthwise=1),
        SignalOperation("skip", "copy"),
    )
    # One cell; the hidden layers are 64 to 256 wide, depending on the data set.
    skeleton = Skeleton((CellPosition(width=256, resolution=1),))
    accepted = (
        "a text such as '|gcn~0|gin~1|fc~2|cheb~1|', a pair (link, operations), the seven decisions"
        " or an object with 'link' and 'ops'"
    )

    @cached_property
    def sequences(self) -> Mapping[str, TokenSequence]:
        """The ways to write an architecture as tokens, by name."""
        sources = (f"from {source}" for source in _SOURCES)
        vocabulary = (
            *("padding", *OPERATIONS, *_PLACES),
            *(f"numbering {number}" for number in range(N_NUMBERINGS)),
            *(f"{operation} on path" for operation in OPERATIONS[:SKIP]),
            *(f"end of path of {length}" for length in range(1, N_NODES + 1)),
        )
        return {
            "decisions": TokenSequence(
                2 * N_NODES - 1,
                ("padding", *sources, *OPERATIONS),
                "the operation of node 1, then source and operation of each node",
                _write_decisions,
                _read_decisions,
            ),
            "paths": TokenSequence(
                2 * N_NODES + 1 + PATHS_LENGTH,
                vocabulary,
                "for each node its operation, and its depth and whether it is a leaf; which of the"
                " trees that do not differ in this it is; then the operations on the way to each"
                " leaf in sorted order, skip connections left out",
                _write_paths,
                _read_paths,
            ),
            "adjacency": adjacency_sequence(self),
        }

    @property
    def size(self) -> int:
        """Number of descriptions, different descriptions of the same network counted apart."""
        return 2 * 3 * 4 * (len(OPERATIONS) ** N_NODES - 1)

    @property
    def positional(self) -> bool:
        """Whether decisions can be compared one by one: those of canonical forms can, in part."""
        return True

    def graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        return (tree_graphs(*_split(self._check(decisions))),)

    def signal_graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        sources, operations = _split(self.canonicalize(decisions))
        in_chain = np.logical_and.accumulate(operations == SKIP, axis=1)
        return (tree_graphs(sources, np.where(in_chain, WIRE, operations)),)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        return canonical_trees(*_split(self._check(decisions)))[:, 1:]

    def benchmark_keys(self, decisions: ArrayLike) -> IntArray:
        """Return the keys under which the benchmark keeps its results.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 7)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures,)
            What ``valid_hash`` of the package nas-bench-graph returns: the number of the macro
            structure, followed by the four operations as decimal digits.
        """
        sources, operations = _split(self.canonicalize(decisions))
        structure = np.array([LINKS.index(tuple(link)) for link in sources.tolist()], dtype=int)
        return np.column_stack([structure, operations]) @ 10 ** np.arange(N_NODES, -1, -1)

    def from_benchmark_keys(self, keys: ArrayLike) -> IntArray:
        """Return the architectures that the benchmark's keys stand for.

        Parameters
        ----------
        keys : array-like of shape (n_architectures,)
            Keys of the benchmark's results.

        Returns
        -------
        ndarray of shape (n_architectures, 7)
            Decision matrix; the architectures are in canonical form.

        Raises
        ------
        ArchitectureError
            If a number is no key of the benchmark; ``index`` says which.
        """
        numbers = np.asarray(keys, dtype=np.int64)
        digits = numbers[:, None] // 10 ** np.arange(N_NODES, -1, -1)
        digits[:, 1:] %= 10
        wrong = ((digits < 0) | (digits >= [len(LINKS), *[len(OPERATIONS)] * N_NODES])).any(axis=1)
        digits[wrong] = 0
        decisions = np.hstack([np.array(LINKS)[digits[:, 0], 1:], digits[:, 1:]])
        wrong |= ~self.is_valid(decisions)
        decisions[wrong] = 0
        wrong |= self.benchmark_keys(decisions) != numbers
        if wrong.any():
            row = int(wrong.argmax())
            raise ArchitectureError(f"{numbers[row]} is not a key of NAS-Bench-Graph", row)
        return decisions

    def _faults(self, decisions: IntArray) -> dict[str, NDArray[np.bool_]]:
        return {
            "all operations are skips, so nothing is computed": (
                decisions[:, N_NODES - 1 :] == SKIP
            ).all(axis=1)
        }

    def _write_text(self, choices: list[int]) -> str:
        nodes = zip(choices[N_NODES - 1 :], [0, *choices], strict=False)
        return "".join(f"|{OPERATIONS[number]}~{source}" for number, source in nodes) + "|"

    def _read_text(self, text: str) -> Sequence[int]:
        if text.startswith("["):
            return self._read_items(load_json(text, self.accepted))
        entries = text.split("|")
        if len(entries) != N_NODES + 2 or entries[0] or entries[-1]:
            raise refuse(text, f"{N_NODES} nodes between '|'")
        nodes = [entry.rpartition("~") for entry in entries[1:-1]]
        sources = [int(s) if s in ("0", "1", "2", "3") else s for *_, s in nodes]
        return self._read_pair(sources, [name for name, *_ in nodes])

    def _read_items(self, items: list[Any]) -> Sequence[int]:
        return self._read_pair(*items) if len(items) == 2 else read_choices(items, self.choices)

    def _read_graph(self, architecture: Architecture) -> Sequence[int]:
        sources = {target: source for source, target in architecture.edges}
        nodes = range(1, N_NODES + 1)
        return self._read_pair(
            [sources.get(node, -1) for node in nodes], architecture.operations[1:-1]
        )

    def _read_other(self, item: Any) -> Sequence[int]:
        operations = getattr(item, "ops", getattr(item, "op", None))
        if operations is None or not hasattr(item, "link"):
            return super()._read_other(item)
        return self._read_pair(item.link, operations)

    def _read_pair(self, link: Any, operations: Any) -> Sequence[int]:
        for what, values in (("link", link), ("operations", operations)):
            if not isinstance(values, (tuple, list, np.ndarray)) or len(values) != N_NODES:
                raise ArchitectureError(
                    f"{what} has to be a list of {N_NODES} items, one a node, got {shown(values)}"
                )
        if isinstance(link[0], (str, bool)) or link[0] != 0:
            raise ArchitectureError(f"the source of node 1 has to be 0, got {shown(link[0])}")
        return read_choices([*link[1:], *operations], self.choices)


def _split(decisions: IntArray) -> tuple[IntArray, IntArray]:
    """Return source and operation of the four nodes, each of shape (n_architectures, 4)."""
    return np.pad(decisions[:, : N_NODES - 1], ((0, 0), (1, 0))), decisions[:, N_NODES - 1 :]
