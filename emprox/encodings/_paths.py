"""Path encoding: a bit for every path of operations from the input to the output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from itertools import chain, islice, product
from math import log10
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from ..graphs import ABSENT, Graphs
from ..spaces import SearchSpace
from ..spaces._sequences import IntArray
from ..utils._sklearn import Interval
from ._base import ArchitectureEncoding, Array, draw_reference, operation_graphs, prefix_of

# Without n_paths a space may have so many paths.
MOST_PATHS = 20_000
# So many beginnings of paths may be met when looking for those of the random architectures.
_MOST_PREFIXES = 200_000
# An architecture and the beginning of a path are kept in one number.
_STRIDE = 2**32

Path = tuple[int, ...]
Step = Callable[[IntArray, IntArray], IntArray]


class PathEncoding(ArchitectureEncoding):
    """Encode architectures by the paths of operations from the input to the output.

    A column for each possible path, which is 1 in architectures that have it and 0 in others.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.
    canonicalize : bool, default=True
        Whether to encode canonical forms, so that architectures that compute the same function
        have the same paths. The paper does not.
    n_paths : int, default=None
        Number of paths to keep, the most probable ones; None keeps all, of which there may be at
        most 20,000.

    Attributes
    ----------
    space_ : SearchSpace
        The search space.
    n_features_out_ : int
        Number of columns.

    See Also
    --------
    AdjacencyEncoding : Says which operations are where.

    Notes
    -----
    "none", and whatever else hands no signal on, is no operation: there is no path through it. A
    skip connection is an operation as any other. What is no choice, such as a sum, is left out of
    the paths. So NAS-Bench-201 has 4 + 16 + 64 paths, and NAS-Bench-101, where the input can be
    joined directly to the output, 1 + 3 + 9 + 27 + 81 + 243. DARTS has paths from each of the two
    inputs in each of the two kinds of cells. In graphs that do not say what their inputs and
    outputs are, these are the nodes without predecessors and successors.

    All sequences of operations are possible that are as long as the paths of 1,000 random
    architectures, which are always the same. In a `DAGSpace` the architectures given to `fit` take
    their place. Most probable are the paths that most of these architectures have, and of paths
    that are equally frequent the shorter; in the paper the shorter ones are kept, which are the
    more frequent there.

    References
    ----------
    Colin White, Willie Neiswanger and Yash Savani. BANANAS: Bayesian Optimization with Neural
    Architectures for Neural Architecture Search. AAAI 2021. Section 3.

    Examples
    --------
    >>> from emprox.encodings import PathEncoding
    >>> cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|avg_pool_3x3~1|none~2|"
    >>> encoding = PathEncoding("nasbench201", canonicalize=False)
    >>> row = encoding.fit_transform([cell])
    >>> row.shape
    (1, 84)
    >>> encoding.get_feature_names_out()[row[0] == 1].tolist()
    ['nor_conv_1x1', 'nor_conv_3x3 > avg_pool_3x3']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ArchitectureEncoding._parameter_constraints,
        "n_paths": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        canonicalize: bool = True,
        n_paths: int | None = None,
    ) -> None:
        super().__init__(space, canonicalize=canonicalize)
        self.n_paths = n_paths

    def _learn(self, decisions: IntArray, y: Any) -> list[str]:
        space = self.space_
        if self._is_typical():
            families = _usual_families(space, self.canonicalize)
        else:
            families = _find_families(space, self._canonical(space, decisions))
        n_possible = sum(family.n_possible for family in families)
        if self.n_paths is None:
            if n_possible > MOST_PATHS:
                raise ValueError(
                    f"architectures of the space {space.name!r} can have"
                    f" {_write_number(n_possible)} different paths, and at most {MOST_PATHS:,} are"
                    " encoded: set n_paths, for example to 1000, to keep the most probable ones"
                )
            kept = [list(family.possible()) for family in families]
        else:
            kept = _most_probable(families, min(self.n_paths, n_possible))
        names: list[str] = []
        self._tries = []
        for family, paths in zip(families, kept, strict=True):
            ordered = sorted(paths, key=lambda path: (len(path), path))
            self._tries.append(_Trie.of(ordered, family.names, first_column=len(names)))
            names += map(family.name_of, ordered)
        return names

    def _describe(self, space: SearchSpace, decisions: IntArray) -> Array:
        columns = np.zeros((len(decisions), self.n_features_out_))
        tries = iter(self._tries)
        for graphs in operation_graphs(space, self._canonical(space, decisions)):
            for start in range(graphs.n_inputs):
                trie = next(tries)
                rows, ends = _follow(graphs, start, trie.step_of(graphs.names))
                found = trie.columns[ends]
                columns[rows[found >= 0], found[found >= 0]] = 1
        return columns


@dataclass(frozen=True)
class _Family:
    """Paths from one input in one kind of cell, with how many of some architectures have each."""

    prefix: str
    names: tuple[str, ...]
    counts: dict[Path, int]

    @property
    def operations(self) -> list[int]:
        """The operations that occur."""
        return sorted(set(chain.from_iterable(self.counts)))

    @property
    def lengths(self) -> range:
        """The possible lengths; none if there is no path."""
        lengths = [len(path) for path in self.counts]
        return range(min(lengths), max(lengths) + 1) if lengths else range(0)

    @property
    def n_possible(self) -> int:
        """Number of sequences of operations of a possible length."""
        n_operations = len(self.operations)
        return sum(n_operations**length for length in self.lengths)

    def possible(self) -> Iterator[Path]:
        """Go through the possible sequences of operations, short ones first."""
        operations = self.operations
        return chain.from_iterable(product(operations, repeat=length) for length in self.lengths)

    def name_of(self, path: Path) -> str:
        """Name a path."""
        steps = " > ".join(self.names[operation] for operation in path)
        return self.prefix + (steps or "no operation")


@lru_cache(maxsize=64)
def _usual_families(space: SearchSpace, canonicalize: bool) -> list[_Family]:
    """Find the paths of random architectures."""
    reference = draw_reference(space)
    return _find_families(space, space.canonicalize(reference) if canonicalize else reference)


def _find_families(space: SearchSpace, decisions: IntArray) -> list[_Family]:
    """Find the paths of some architectures."""
    families = []
    for graphs in operation_graphs(space, decisions):
        for start in range(graphs.n_inputs):
            prefixes = _Prefixes(len(graphs.names))
            ends = _follow(graphs, start, prefixes.step)[1]
            numbers, counts = np.unique(ends, return_counts=True)
            paths = prefixes.paths()
            found = dict(zip((paths[number] for number in numbers), counts.tolist(), strict=True))
            from_input = f"{graphs.inputs[start]} > " if graphs.n_inputs > 1 else ""
            families.append(_Family(prefix_of(graphs) + from_input, tuple(graphs.names), found))
    return families


def _most_probable(families: Sequence[_Family], n_paths: int) -> list[list[Path]]:
    """Choose the paths that most architectures have, then the shortest; return those of each."""
    found = [
        (-count, len(path), number, path)
        for number, family in enumerate(families)
        for path, count in family.counts.items()
    ]
    chosen = [(number, path) for *_, number, path in sorted(found)[:n_paths]]
    if len(chosen) < n_paths:
        known = set(chosen)
        # A generator function, since a generator expression would see the last number only.
        shortest = merge(*(_numbered(number, family) for number, family in enumerate(families)))
        others = ((number, path) for _, number, path in shortest if (number, path) not in known)
        chosen += islice(others, n_paths - len(chosen))
    kept: list[list[Path]] = [[] for _ in families]
    for number, path in chosen:
        kept[number].append(path)
    return kept


def _numbered(number: int, family: _Family) -> Iterator[tuple[int, int, Path]]:
    for path in family.possible():
        yield len(path), number, path


def _follow(graphs: Graphs, start: int, step: Step) -> tuple[IntArray, IntArray]:
    """Follow all paths from an input to the output; return graphs, and a path's number for each."""
    # `step` is called with numbers of beginnings of paths, 0 for the empty one, and the operation
    # that comes next in each; it returns the number of each longer beginning, or -1 if that is of
    # no interest.
    # The beginnings that lead to a node, for each node that any lead to.
    leading = {start: np.arange(graphs.n_graphs) * _STRIDE}
    for node, sources in graphs.reads.items():
        begun = [
            leading[source] if where is None else leading[source][where[leading[source] // _STRIDE]]
            for source, where in sources
            if source in leading
        ]
        rows, numbers = np.divmod(np.concatenate([np.empty(0, np.int64), *begun]), _STRIDE)
        operations = graphs.by_node[node][rows]
        is_operation = operations >= 0
        numbers[is_operation] = step(numbers[is_operation], operations[is_operation])
        leading[node] = np.unique(
            (rows * _STRIDE + numbers)[(numbers >= 0) & (operations != ABSENT)]
        )
    rows, ends = np.divmod(leading[graphs.n_nodes - 1], _STRIDE)
    return rows, ends


class _Prefixes:
    """The beginnings of paths, numbered as they are met."""

    def __init__(self, n_operations: int) -> None:
        self._n_operations = n_operations
        self._numbers: dict[int, int] = {}

    def step(self, numbers: IntArray, operations: IntArray) -> IntArray:
        """Return the numbers of beginnings that are one operation longer."""
        keys, places = np.unique(numbers * self._n_operations + operations, return_inverse=True)
        known = self._numbers
        longer = [known.setdefault(key, len(known) + 1) for key in keys.tolist()]
        if len(known) > _MOST_PREFIXES:
            raise ValueError(
                f"these architectures have more than {_MOST_PREFIXES:,} different paths, too many"
                " to encode; take GRAFEncoding, which describes the paths of an architecture by"
                " their lengths"
            )
        return np.array(longer, dtype=np.int64)[places]

    def paths(self) -> list[Path]:
        """Return all beginnings, by number."""
        paths: list[Path] = [()]
        for key in self._numbers:
            shorter, operation = divmod(key, self._n_operations)
            paths.append((*paths[shorter], operation))
        return paths


@dataclass(frozen=True)
class _Trie:
    """The paths that have a column, as a tree of their beginnings."""

    # Number of the beginning that is one operation longer, -1 if none has a column: an array of
    # shape (n_beginnings, n_operations + 1), where the last stands for any other operation.
    children: IntArray
    # Column of a path, -1 if it is no more than the beginning of some.
    columns: IntArray
    names: tuple[str, ...]

    @classmethod
    def of(cls, paths: Sequence[Path], names: tuple[str, ...], first_column: int) -> _Trie:
        """Make the tree of some paths, which get consecutive columns."""
        numbers: dict[Path, int] = {(): 0}
        for path in paths:
            for length in range(1, len(path) + 1):
                numbers.setdefault(path[:length], len(numbers))
        children = np.full((len(numbers), len(names) + 1), -1)
        for path, number in numbers.items():
            if path:
                children[numbers[path[:-1]], path[-1]] = number
        columns = np.full(len(numbers), -1)
        for column, path in enumerate(paths, start=first_column):
            columns[numbers[path]] = column
        return cls(children, columns, names)

    def step_of(self, names: Sequence[str]) -> Step:
        """Return how beginnings become longer by operations of these names."""
        known = {name: number for number, name in enumerate(self.names)}
        numbers = np.array([known.get(name, len(known)) for name in names])
        return lambda begun, operations: self.children[begun, numbers[operations]]


def _write_number(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"10^{log10(number):.0f}"
