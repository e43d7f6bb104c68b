"""The NAS-Bench-101 search space (Ying et al., 2019)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._architecture import Architecture
from .._base import SearchSpace
from .._errors import ArchitectureError
from .._number_lists import read_numbers
from .._random import RandomState, as_generator
from .._sequences import EDGE, NO_EDGE, IntArray, TokenSequence
from .._signals import CellGraphs
from ._cells import (
    ABSENT,
    EDGES,
    INNER,
    N_NODES,
    OUTPUT,
    SOURCES,
    TARGETS,
    THERE,
    are_valid,
    fault,
    from_keys,
    from_patterns,
    least_keys,
    pruned,
    pruned_patterns,
    random_keys,
    sources,
    to_patterns,
)
from ._signals import SIGNAL_OPERATIONS, SKELETON, cell_graphs
from ._tokens import PATHS_LENGTH, adjacency_layout, nodes_layout, path_tokens

# Number of valid edge patterns, by the number of inner nodes.
N_PATTERNS = (1, 5, 47, 840, 27_142, 1_538_083)

_EXAMPLE = "0110000100010000:input,conv3x3-bn-relu,maxpool3x3,output"
_NASLIB = ("input", "output", "maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu")
_KEYS = (("module_adjacency", "module_operations"), ("adjacency", "operations"), ("matrix", "ops"))
_ATTRIBUTES = (("matrix", "ops"), ("original_matrix", "original_ops"))


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

    `parse` reads

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
    where an edge leads backward they are sorted, which a cycle makes impossible. A cell of more
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
    >>> cell = space.parse((matrix, ["input", "maxpool3x3", "conv3x3-bn-relu", "output"]))
    >>> space.format(cell)
    '0110000000010000:input,maxpool3x3,conv3x3-bn-relu,output'
    >>> space.format(space.canonical(cell))
    '010001000:input,conv3x3-bn-relu,output'
    """

    name = "nasbench101"
    title = "NAS-Bench-101: cells of up to 7 nodes and 9 edges with 3 operations on the nodes"
    operations = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
    n_choices = (2,) * len(EDGES) + (len(operations) + 1,) * len(INNER)
    default_sequence = "nodes"
    proximity_sequence = "paths"
    signal_operations = SIGNAL_OPERATIONS
    skeleton = SKELETON

    def __init__(self) -> None:
        sets = []
        for number in range(2**OUTPUT):
            members = [str(node) for node in range(OUTPUT) if number >> node & 1]
            sets.append(f"after {' '.join(members) or 'none'}")
        n_columns = OUTPUT + len(INNER)
        self.sequences = {
            "nodes": TokenSequence(
                n_columns,
                ("padding", *self.operations, *sets),
                "for each node the set of nodes that lead to it, then its operation",
            ),
            "paths": TokenSequence(
                n_columns + PATHS_LENGTH,
                ("padding", *self.operations, *sets, "end of path"),
                "the sequence 'nodes', then the operations along each path in sorted order",
            ),
            "adjacency": TokenSequence(
                27,
                ("padding", "no edge", "edge", *self.operations, "output"),
                "adjacency and operations, column by column (EmProx paper)",
            ),
        }
        self._nodes = nodes_layout(len(self.operations))
        self._adjacency = adjacency_layout(EDGE + 1, EDGE + len(self.operations) + 1)
        self._numbers = {operation: number for number, operation in enumerate(self.operations)}

    @property
    def size(self) -> int:
        """Number of cells; cells with dead nodes or their nodes in another order count apart."""
        return sum(count * len(self.operations) ** k for k, count in enumerate(N_PATTERNS))

    def distinct_cells(self) -> IntArray:
        """Return the canonical forms of all cells, in about two seconds.

        Returns
        -------
        ndarray of shape (423624, 26)
            Decision matrix, with a row for each cell of the benchmark.
        """
        keys = []
        for k in range(len(INNER) + 1):
            edges = from_patterns(pruned_patterns(k))
            for labels in product(range(len(self.operations)), repeat=k):
                operations = np.tile([*labels, *[ABSENT] * (len(INNER) - k)], (len(edges), 1))
                keys.append(np.unique(least_keys(np.hstack([edges, operations]))))
        return from_keys(np.unique(np.concatenate(keys)))

    def is_valid(self, decisions: ArrayLike) -> NDArray[np.bool_]:
        """Say which combinations of choices are cells.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 26)
            Decision matrix with every entry in range.

        Returns
        -------
        ndarray of shape (n_architectures,)
            True where absent nodes are last and without edges, a path leads from the input to the
            output, and there are at most nine edges, those of dead nodes not counted.
        """
        return are_valid(np.asarray(decisions))

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        cells = []
        for row in self._check_decisions(decisions).tolist():
            names = [self.operations[number] for number in row[len(EDGES) :] if number != ABSENT]
            output = len(names) + 1
            edges = [
                (source, min(target, output))
                for (source, target), present in zip(EDGES, row, strict=False)
                if present
            ]
            cells.append(Architecture(("input", *names, "output"), tuple(edges), self.name))
        return cells

    def format(self, architecture: Any) -> str:
        cell = self.parse(architecture)
        bits = "".join(map(str, cell.adjacency.ravel().tolist()))
        return f"{bits}:{','.join(cell.operations)}"

    def cell_graphs(self, decisions: ArrayLike) -> tuple[CellGraphs, ...]:
        """Write cells as graphs with operations on the edges.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 26)
            Decision matrix.

        Returns
        -------
        tuple of CellGraphs
            The cells, as the only kind that there is. Node v of a cell becomes the nodes 2 v - 1
            and 2 v with its operation between them, node 11 concatenates and node 12 is the output.
        """
        return (cell_graphs(self._check_decisions(decisions)),)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Replace each cell by its canonical form; see the class's notes.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 26)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, 26)
            Decision matrix of the canonical forms.
        """
        return from_keys(least_keys(pruned(self._check_decisions(decisions))))

    def relabel(self, decisions: ArrayLike, random_state: RandomState = None) -> IntArray:
        """Put the inner nodes of each cell into another order, drawn from all possible ones.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 26)
            Decision matrix.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, 26)
            Decision matrix.
        """
        matrix = self._check_decisions(decisions)
        return from_keys(random_keys(matrix, as_generator(random_state)))

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_decisions(decisions)
        edges, operations = matrix[:, : len(EDGES)], matrix[:, len(EDGES) :]
        n_inner = (operations != ABSENT).sum(axis=1)
        if spec is self.sequences["adjacency"]:
            output = np.full(len(matrix), spec.vocabulary_size - 1)
            columns = np.column_stack(
                [np.where(edges, EDGE, NO_EDGE), operations + EDGE + 1, output]
            )
            return self._adjacency.write(columns, n_inner)
        patterns = to_patterns(edges)
        sets = [sources(patterns, node) + len(self.operations) + 1 for node in range(1, N_NODES)]
        tokens = self._nodes.write(np.column_stack([*sets, operations + 1]), n_inner)
        if spec is self.sequences["nodes"]:
            return tokens
        return np.hstack([tokens, path_tokens(edges, operations + 1, spec.vocabulary_size - 1)])

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_tokens(tokens, sequence)
        if spec is self.sequences["adjacency"]:
            columns, n_inner = self._adjacency.read(matrix, spec.vocabulary)
            edges = columns[:, : len(EDGES)] == EDGE
            operations = columns[:, len(EDGES) : -1] - EDGE - 1
        else:
            n_columns = self.sequences["nodes"].length
            columns, n_inner = self._nodes.read(matrix[:, :n_columns], spec.vocabulary)
            sets = np.maximum(columns[:, :OUTPUT] - len(self.operations) - 1, 0)
            edges = sets[:, TARGETS - 1] >> SOURCES & 1
            operations = columns[:, OUTPUT:] - 1
        operations = np.where(THERE[n_inner][:, INNER], operations, ABSENT)
        return self._check_decisions(np.hstack([edges, operations]))

    def _read(self, architecture: Any) -> Sequence[int]:
        if isinstance(architecture, str):
            return self._read_text(architecture)
        if isinstance(architecture, Architecture):
            return self._read_graph(architecture.adjacency, architecture.operations)
        if isinstance(architecture, Mapping):
            for matrix, operations in _KEYS:
                if matrix in architecture and operations in architecture:
                    return self._read_graph(architecture[matrix], architecture[operations])
            pairs = ", or ".join(" and ".join(map(repr, pair)) for pair in _KEYS)
            raise ArchitectureError(f"a dict has to have {pairs}, got {list(architecture)!r}")
        if isinstance(architecture, (tuple, list, np.ndarray)):
            if len(architecture) == 2:
                return self._read_graph(*architecture)
            return self._read_numbers(list(architecture))
        for matrix, operations in _ATTRIBUTES:
            # The benchmark's ModelSpec sets both to None if nothing is left of a cell.
            if getattr(architecture, matrix, None) is not None:
                return self._read_graph(
                    getattr(architecture, matrix), getattr(architecture, operations, None)
                )
        raise ArchitectureError(
            f"expected a text such as {_EXAMPLE!r}, a pair (matrix, operations), 26 decisions or"
            f" an Architecture, got {architecture!r} of type {type(architecture).__name__}"
        )

    def _read_text(self, text: str) -> Sequence[int]:
        stripped = text.strip()
        if stripped.startswith("{"):
            return self._read(Architecture.from_string(stripped))
        if (numbers := read_numbers(stripped)) is not None and len(numbers) > 1:
            return self._read_numbers(numbers)
        bits, colon, names = stripped.partition(":")
        n_nodes = math.isqrt(len(bits))
        if not colon or n_nodes**2 != len(bits) or not set(bits) <= {"0", "1"}:
            raise ArchitectureError(
                f"expected the entries (0 or 1) of a square matrix, a colon and operations, as in"
                f" {_EXAMPLE!r}, got {text!r}"
            )
        operations = [name.strip() for name in names.split(",")]
        if (decisions := self._read_usual(bits, operations)) is not None:
            return self._checked(decisions)
        matrix = np.frombuffer(bits.encode(), dtype=np.uint8).reshape(n_nodes, n_nodes) - ord("0")
        return self._read_graph(matrix, operations)

    def _read_usual(self, bits: str, operations: list[str]) -> list[int] | None:
        """Read an upper triangular matrix of up to seven nodes quickly; None if it is not one."""
        n_nodes = len(operations)
        if n_nodes**2 != len(bits) or not 2 <= n_nodes <= N_NODES:
            return None
        forward, backward = _layout(n_nodes)
        numbers = [self._numbers[name] for name in operations[1:-1] if name in self._numbers]
        ends = operations[0], operations[-1]
        if len(numbers) != n_nodes - 2 or "1" in backward(bits) or ends != ("input", "output"):
            return None
        absent = [ABSENT] * (N_NODES - n_nodes)
        return [*map(int, forward(bits + "0")), *numbers, *absent]

    def _read_numbers(self, numbers: list[Any]) -> Sequence[int]:
        """Read the decisions, or NASLib's tuple of the matrix and the codes of the operations."""
        for number in numbers:
            if not isinstance(number, (int, np.integer)):
                raise ArchitectureError(f"expected whole numbers, got {number!r} in {numbers!r}")
        if len(numbers) == self.n_decisions:
            for place, (number, n_choices) in enumerate(zip(numbers, self.n_choices, strict=True)):
                if not 0 <= number < n_choices:
                    raise ArchitectureError(
                        f"decision {place} is {number}, but has to be a whole number from 0 to"
                        f" {n_choices - 1}"
                    )
            return self._checked(numbers)
        n_nodes = math.isqrt(len(numbers))
        if n_nodes * (n_nodes + 1) != len(numbers):
            raise ArchitectureError(
                f"got {len(numbers)} numbers; expected {self.n_decisions} decisions, or the"
                " entries of a square matrix and a code for each node (56 for seven nodes)"
            )
        codes = numbers[n_nodes**2 :]
        for code in codes:
            if not 0 <= code < len(_NASLIB):
                known = ", ".join(f"{number} {name}" for number, name in enumerate(_NASLIB))
                raise ArchitectureError(f"unknown operation code {code}; the codes are {known}")
        matrix = np.reshape(numbers[: n_nodes**2], (n_nodes, n_nodes))
        return self._read_graph(matrix, [_NASLIB[code] for code in codes])

    def _read_graph(self, matrix: Any, operations: Any) -> Sequence[int]:
        adjacency = _read_matrix(matrix)
        names = self._read_operations(operations, len(adjacency))
        if len(names) > N_NODES:
            alive = _alive(adjacency)
            if len(alive) > N_NODES:
                raise ArchitectureError(
                    f"the cell has {len(names)} nodes, {len(alive)} of them on a path from the"
                    f" input to the output; at most {N_NODES} are allowed"
                )
            adjacency = adjacency[np.ix_(alive, alive)]
            names = [names[node] for node in alive]
        if np.tril(adjacency).any():
            cell = Architecture.from_adjacency(names, adjacency)
            adjacency, names = cell.adjacency, list(cell.operations)
            if (names[0], names[-1]) != ("input", "output"):
                raise ArchitectureError("an edge leads into the input or out of the output")
        k = len(names) - 2
        nodes = [*range(k + 1), OUTPUT]
        complete = np.zeros((N_NODES, N_NODES), dtype=np.int64)
        complete[np.ix_(nodes, nodes)] = adjacency
        numbers = [self._numbers[name] for name in names[1:-1]]
        absent = [ABSENT] * (len(INNER) - k)
        return self._checked([*complete[SOURCES, TARGETS].tolist(), *numbers, *absent])

    def _read_operations(self, operations: Any, n_nodes: int) -> list[str]:
        if isinstance(operations, str) or not isinstance(operations, Iterable):
            raise ArchitectureError(f"expected a list of operations, got {operations!r}")
        names = list(operations)
        if len(names) != n_nodes or n_nodes < 2:
            raise ArchitectureError(
                f"got {len(names)} operations for {n_nodes} nodes; each node has one, the first"
                " 'input', the last 'output'"
            )
        for place, name in enumerate(names):
            allowed = {0: ("input",), n_nodes - 1: ("output",)}.get(place, self.operations)
            if not isinstance(name, str) or name not in allowed:
                raise ArchitectureError(
                    f"unknown operation {name!r} on node {place}; allowed there:"
                    f" {', '.join(allowed)}"
                )
        return names

    def _checked(self, decisions: Sequence[int]) -> Sequence[int]:
        if wrong := fault(decisions):
            raise ArchitectureError(wrong)
        return decisions

    def _check_decisions(self, decisions: ArrayLike) -> IntArray:
        matrix = super()._check_decisions(decisions)
        for row in np.flatnonzero(~are_valid(matrix))[:1].tolist():
            raise ArchitectureError(str(fault(matrix[row].tolist())), index=row)
        return matrix


@cache
def _layout(n_nodes: int) -> tuple[Callable[[str], Any], Callable[[str], Any]]:
    """Return what picks the decisions from the entries of a matrix with a zero behind them.

    The second function picks the entries that have to be zero.
    """
    nodes = [*range(n_nodes - 1), OUTPUT]
    forward = [
        nodes.index(source) * n_nodes + nodes.index(target)
        if source in nodes and target in nodes
        else n_nodes**2
        for source, target in EDGES
    ]
    backward = [row * n_nodes + column for row in range(n_nodes) for column in range(row + 1)]
    return itemgetter(*forward), itemgetter(*backward)


def _read_matrix(matrix: Any) -> NDArray[np.uint8]:
    try:
        array = np.asarray(matrix)
        # Older versions of numpy do not compare text with numbers.
        numeric = array.dtype.kind in "biufO"
        binary = (array == 0) | (array == 1) if numeric else np.zeros(array.shape, dtype=bool)
    except (TypeError, ValueError) as error:
        raise ArchitectureError(f"expected an adjacency matrix, got {matrix!r}") from error
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ArchitectureError(
            f"the adjacency matrix has to be square, got an array of shape {array.shape}"
        )
    if not np.all(binary):
        row, column = (int(place) for place in np.argwhere(~binary)[0])
        raise ArchitectureError(
            f"the adjacency matrix has to hold zeros and ones, got {array[row, column]!r} in row"
            f" {row}, column {column}"
        )
    return array.astype(np.uint8)


def _alive(adjacency: NDArray[np.uint8]) -> list[int]:
    """Return the nodes on a path from the first to the last node, in any order of the nodes."""
    on_paths = np.ones(len(adjacency), dtype=bool)
    for start, edges in ((0, adjacency), (-1, adjacency.T)):
        reached = np.zeros(len(adjacency), dtype=bool)
        new = reached.copy()
        new[start] = True
        while new.any():
            reached |= new
            new = (edges[new] > 0).any(axis=0) & ~reached
        on_paths &= reached
    on_paths[[0, -1]] = True
    return [int(node) for node in np.flatnonzero(on_paths)]
