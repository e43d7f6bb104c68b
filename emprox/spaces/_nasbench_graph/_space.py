"""The NAS-Bench-Graph search space (Qin et al., 2022): cells of graph neural networks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._architecture import Architecture
from .._base import SearchSpace
from .._errors import ArchitectureError
from .._random import RandomState, as_generator
from .._sequences import IntArray, TokenSequence, flatten_graphs, unflatten_graphs
from .._signals import CellGraphs, CellPosition, SignalOperation, Skeleton
from ._trees import (
    N_NODES,
    PATHS_LENGTH,
    SKIP,
    cell_graphs,
    contract_skips,
    look_numbers,
    node_places,
    number_shapes,
    path_tokens,
    renumber,
    shape_numbers,
    tree_adjacency,
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
# Operation and place of each node, then one token for the numbering.
NODES_LENGTH = 2 * N_NODES + 1
ORDERS = np.array(list(permutations(range(N_NODES))))

_EXAMPLE = "|gcn~0|gin~1|fc~2|cheb~1|"


class NASBenchGraphSpace(SearchSpace):
    """Trees of four graph neural network operations: 26,206 different architectures.

    Each of the nodes 1 to 4 applies one of nine operations to the output of one earlier node, or
    of the input, which is 0. The outputs of all leaves are concatenated. The decisions are the
    sources of the nodes 2, 3 and 4, then the operations of the nodes 1 to 4 in the benchmark's
    numbering: 0 gat, 1 gcn, 2 gin, 3 cheb, 4 sage, 5 arma, 6 graph, 7 fc, 8 skip. Four skip
    connections are no architecture of the benchmark, everything else is: 157,440 descriptions.

    `parse` reads the text that `format` writes, ``|gcn~0|gin~1|fc~2|cheb~1|``: for each node its
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
    >>> network = space.parse(([0, 1, 2, 1], ["gcn", "skip", "fc", "cheb"]))
    >>> space.format(network)
    '|gcn~0|skip~1|fc~2|cheb~1|'
    >>> space.format(space.canonical(network))
    '|skip~0|gcn~1|cheb~2|fc~2|'
    """

    name = "nasbench_graph"
    title = "NAS-Bench-Graph: trees of 4 graph neural network operations out of 9"
    operations = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
    n_choices = (2, 3, 4) + (len(operations),) * N_NODES
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

    def __init__(self) -> None:
        sources = ("from input", "from node 1", "from node 2", "from node 3")
        places = [f"{kind} of depth {n}" for n in range(N_NODES + 1) for kind in ("inner", "leaf")]
        all_sources = np.array([(0, *rest) for rest in product(*map(range, self.n_choices[:3]))])
        self._shapes, self._numberings, self._looks = number_shapes(all_sources)
        self.sequences = {
            "decisions": TokenSequence(
                2 * N_NODES - 1,
                ("padding", *sources, *self.operations),
                "the operation of node 1, then source and operation of each node",
            ),
            "paths": TokenSequence(
                NODES_LENGTH + PATHS_LENGTH,
                (
                    "padding",
                    *self.operations,
                    *places,
                    *(f"numbering {number}" for number in range(self._numberings.max() + 1)),
                    *(f"{operation} on path" for operation in self.operations[:SKIP]),
                    *(f"end of path of {length}" for length in range(1, N_NODES + 1)),
                ),
                "for each node its operation, and its depth and whether it is a leaf; which of the"
                " trees that do not differ in this it is; then the operations on the way to each"
                " leaf in sorted order, skip connections left out",
            ),
            "adjacency": TokenSequence(
                20,
                ("padding", "no edge", "edge", *self.operations, "output"),
                "adjacency and operations, column by column (EmProx paper)",
            ),
        }
        self._numbers: dict[Any, int] = {
            key: number for number, name in enumerate(self.operations) for key in (name, number)
        }
        self._edges = {
            tuple(sources.tolist()): tuple(
                (int(source), int(target)) for source, target in np.argwhere(adjacency)
            )
            for sources, adjacency in zip(all_sources, tree_adjacency(all_sources), strict=True)
        }
        self._sources = {edges: sources for sources, edges in self._edges.items()}

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        sources, operations = _split(self._check_decisions(decisions))
        names = np.array(self.operations, dtype=object)[operations].tolist()
        return [
            Architecture(("input", *row, "output"), self._edges[tuple(link)], self.name)
            for link, row in zip(sources.tolist(), names, strict=True)
        ]

    def format(self, architecture: Any) -> str:
        return self.format_decisions(self._encode_one(architecture))[0]

    def format_decisions(self, decisions: ArrayLike) -> list[str]:
        """Write many architectures as text.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 7)
            Decision matrix.

        Returns
        -------
        list of str
            What `format` writes for each.
        """
        sources, operations = _split(self._check_decisions(decisions))
        nodes = np.array(
            [[f"|{name}~{source}" for source in range(N_NODES)] for name in self.operations],
            dtype=object,
        )
        return ["".join(row) + "|" for row in nodes[operations, sources].tolist()]

    def is_valid(self, decisions: ArrayLike) -> NDArray[np.bool_]:
        return (np.asarray(decisions)[:, N_NODES - 1 :] != SKIP).any(axis=1)

    def _check_decisions(self, decisions: ArrayLike) -> IntArray:
        matrix = super()._check_decisions(decisions)
        empty = np.flatnonzero(~self.is_valid(matrix))
        if len(empty):
            raise ArchitectureError(
                "all operations are skips, so nothing is computed", int(empty[0])
            )
        return matrix

    @property
    def size(self) -> int:
        """Number of descriptions, different descriptions of the same network counted apart."""
        return self._n_combinations - len(self._edges)

    @property
    def positional(self) -> bool:
        """Whether decisions can be compared one by one: those of canonical forms can, in part."""
        return True

    def cell_graphs(self, decisions: ArrayLike) -> tuple[CellGraphs, ...]:
        """Write trees as graphs with operations on the edges.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 7)
            Decision matrix.

        Returns
        -------
        tuple of CellGraphs
            The trees, as the only kind of cell. The operation of a node is on the edge that leads
            to it; node 5 is the output, which concatenates the leaves. Skip connections that the
            canonical form contracts are wires behind the input.
        """
        return (cell_graphs(*_split(self._check_decisions(decisions))),)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Replace each architecture by its canonical form; see the class's notes.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 7)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, 7)
            Decision matrix of the canonical forms.
        """
        sources, operations = contract_skips(*_split(self._check_decisions(decisions)))
        smallest = np.full(len(sources), np.iinfo(np.int64).max)
        place_values = 10 ** np.arange(2 * N_NODES - 1, -1, -1)
        for order in ORDERS:
            renumbered = np.hstack(renumber(sources, operations, order))
            forward = (renumbered[:, :N_NODES] <= np.arange(N_NODES)).all(axis=1)
            number = renumbered @ place_values
            np.minimum(smallest, number, out=smallest, where=forward)
        return (smallest[:, None] // place_values % 10)[:, 1:]

    def relabel(self, decisions: ArrayLike, random_state: RandomState = None) -> IntArray:
        """Put the nodes of each architecture into another order that keeps sources first.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 7)
            Decision matrix.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, 7)
            Decision matrix.
        """
        sources, operations = _split(self._check_decisions(decisions))
        rng = as_generator(random_state)
        rows = np.arange(len(sources))
        placed = np.zeros((len(sources), N_NODES + 1), dtype=bool)
        placed[:, 0] = True
        order = np.empty_like(sources)
        for position in range(N_NODES):
            free = np.take_along_axis(placed, sources, axis=1) & ~placed[:, 1:]
            order[:, position] = np.where(free, rng.random(free.shape), -1).argmax(axis=1)
            placed[rows, order[:, position] + 1] = True
        return np.hstack(renumber(sources, operations, order))[:, 1:]

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
        numbers = {link: number for number, link in enumerate(LINKS)}
        structure = np.array([numbers[tuple(link)] for link in sources.tolist()], dtype=np.int64)
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
        wrong = ~(
            (digits >= 0).all(axis=1)
            & (digits[:, 0] < len(LINKS))
            & (digits[:, 1:] < len(self.operations)).all(axis=1)
        )
        digits[wrong] = 0
        decisions = np.hstack([np.array(LINKS)[digits[:, 0], 1:], digits[:, 1:]])
        wrong |= ~self.is_valid(decisions)
        decisions[wrong] = 0
        wrong |= self.benchmark_keys(decisions) != numbers
        if wrong.any():
            row = int(wrong.argmax())
            raise ArchitectureError(f"{numbers[row]} is not a key of NAS-Bench-Graph", row)
        return decisions

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        sources, operations = _split(self._check_decisions(decisions))
        first = spec.vocabulary.index(self.operations[0])
        if spec is self.sequences["adjacency"]:
            outer = spec.vocabulary_size - 1
            node_tokens = np.pad(operations + first, ((0, 0), (1, 1)), constant_values=outer)
            return flatten_graphs(tree_adjacency(sources), node_tokens)
        if spec is self.sequences["decisions"]:
            tokens = np.stack([sources + 1, operations + first], axis=2)
            return tokens.reshape(len(tokens), 2 * N_NODES)[:, 1:]
        is_skip = operations == SKIP
        places = node_places(sources, is_skip) + spec.vocabulary.index("inner of depth 0")
        tokens = np.stack([operations + first, places], axis=2).reshape(len(places), 2 * N_NODES)
        numbering = self._numberings[shape_numbers(sources, is_skip)]
        numbering += spec.vocabulary.index("numbering 0")
        end = spec.vocabulary.index("end of path of 1")
        return np.column_stack([tokens, numbering, path_tokens(sources, operations, end)])

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_tokens(tokens, sequence)
        first = spec.vocabulary.index(self.operations[0])
        if spec is self.sequences["adjacency"]:
            adjacency, node_tokens = unflatten_graphs(matrix, N_NODES + 2)
            sources, operations = adjacency[:, :, 1:-1].argmax(axis=1), node_tokens[:, 1:-1] - first
            wrong = np.any(tree_adjacency(sources) != adjacency, axis=(1, 2))
            wrong |= node_tokens[:, -1] != spec.vocabulary_size - 1
            _refuse(wrong, "the graph is not a tree of four nodes whose leaves lead to an output")
        elif spec is self.sequences["paths"]:
            operations = matrix[:, : NODES_LENGTH - 1 : 2] - first
            places = matrix[:, 1 : NODES_LENGTH - 1 : 2] - spec.vocabulary.index("inner of depth 0")
            numbering = matrix[:, NODES_LENGTH - 1] - spec.vocabulary.index("numbering 0")
            looks = look_numbers(operations == SKIP, places, numbering)
            found = np.searchsorted(self._looks, looks).clip(max=len(self._looks) - 1)
            wrong = (self._looks[found] != looks) | (numbering < 0) | (numbering > 9)
            wrong |= ((places < 0) | (places > 9)).any(axis=1)
            _refuse(wrong, "no tree has nodes of these depths, leaves and numbering")
            sources = self._shapes[found]
        else:
            sources = np.pad(matrix[:, 1::2] - 1, ((0, 0), (1, 0)))
            operations = matrix[:, ::2] - first
        decisions = np.hstack([sources[:, 1:], operations])
        wrong = np.any((decisions < 0) | (decisions >= self.n_choices), axis=1)
        _refuse(wrong, "a token stands where it has no meaning, or a node reads a later one")
        return decisions

    def _read(self, architecture: Any) -> Sequence[int]:
        if isinstance(architecture, Architecture):
            return self._read_graph(architecture)
        if isinstance(architecture, str):
            return self._read_text(architecture)
        if isinstance(architecture, (tuple, list, np.ndarray)):
            if len(architecture) == 2:
                return self._read_pair(*architecture)
            values = list(architecture)
            if len(values) == len(self.n_choices):
                return self._read_pair([0, *values[: N_NODES - 1]], values[N_NODES - 1 :])
            raise ArchitectureError(
                f"expected a pair (link, operations) or {len(self.n_choices)} decisions,"
                f" got {len(values)} items: {architecture!r}"
            )
        operations = getattr(architecture, "ops", getattr(architecture, "op", None))
        if operations is not None and hasattr(architecture, "link"):
            return self._read_pair(architecture.link, operations)
        raise ArchitectureError(
            f"expected a text such as {_EXAMPLE!r}, a pair (link, operations), an Architecture or"
            f" an object with 'link' and 'ops', got {architecture!r} of type"
            f" {type(architecture).__name__}"
        )

    def _read_graph(self, architecture: Architecture) -> Sequence[int]:
        names = architecture.operations
        if architecture.edges not in self._sources or names[0] != "input" or names[-1] != "output":
            raise ArchitectureError(
                "the graph is not an input, a tree of four nodes and an output to which its"
                " leaves lead"
            )
        return self._read_pair(self._sources[architecture.edges], names[1:-1])

    def _read_text(self, text: str) -> Sequence[int]:
        stripped = text.strip()
        if stripped.startswith("{"):
            return self._read_graph(Architecture.from_string(stripped))
        if stripped.startswith("["):
            try:
                pair = json.loads(stripped)
            except (json.JSONDecodeError, RecursionError) as error:
                raise ArchitectureError(f"not a JSON list: {error}") from error
            return self._read(pair)
        entries = stripped.split("|")
        if len(entries) != N_NODES + 2 or entries[0] or entries[-1]:
            raise ArchitectureError(
                f"{text!r} does not have {N_NODES} nodes between '|', as {_EXAMPLE!r} has"
            )
        nodes = [entry.rpartition("~") for entry in entries[1:-1]]
        sources = [
            int(source) if source in ("0", "1", "2", "3") else source for *_, source in nodes
        ]
        return self._read_pair(sources, [name for name, *_ in nodes])

    def _read_pair(self, link: Any, operations: Any) -> Sequence[int]:
        for what, values in (("link", link), ("operations", operations)):
            if not isinstance(values, (tuple, list, np.ndarray)) or len(values) != N_NODES:
                raise ArchitectureError(
                    f"{what} has to be a list of {N_NODES} items, one a node, got {values!r}"
                )
        sources, numbers = [], []
        for node, source in enumerate(link, start=1):
            allowed = list(range(node))
            if isinstance(source, (str, bool)) or source not in allowed:
                raise ArchitectureError(
                    f"node {node} cannot have the source {source!r}; allowed are"
                    f" {', '.join(map(str, allowed))} (0 is the input)"
                )
            sources.append(int(source))
        for node, operation in enumerate(operations, start=1):
            try:
                numbers.append(self._numbers[operation])
            # What cannot be hashed is no operation either.
            except (KeyError, TypeError) as error:
                known = ", ".join(f"{i} {name}" for i, name in enumerate(self.operations))
                raise ArchitectureError(
                    f"unknown operation {operation!r} at node {node}; the operations are {known}"
                ) from error
        if numbers == [SKIP] * N_NODES:
            raise ArchitectureError("four skip connections are no network of NAS-Bench-Graph")
        return [*sources[1:], *numbers]


def _split(decisions: IntArray) -> tuple[IntArray, IntArray]:
    """Return source and operation of the four nodes, each of shape (n_architectures, 4)."""
    return np.pad(decisions[:, : N_NODES - 1], ((0, 0), (1, 0))), decisions[:, N_NODES - 1 :]


def _refuse(wrong: NDArray[np.bool_], message: str) -> None:
    """Raise an error that names the first wrong row, if there is one."""
    if wrong.any():
        raise ArchitectureError(message, int(wrong.argmax()))
