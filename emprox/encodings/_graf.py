"""GRAF: counts, path lengths and degrees, each restricted to some of the operations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations
from typing import Any

import numpy as np

from ..graphs import WIRE, Graphs
from ..spaces import SearchSpace
from ..spaces._sequences import IntArray
from ._base import ArchitectureEncoding, Array, blocked_by, operation_graphs, prefix_of

# With more operations than this, not all subsets of them are taken.
_MOST_FOR_ALL_SUBSETS = 5
# Numbers that are worked on at once.
_AT_ONCE = 2**22


class GRAFEncoding(ArchitectureEncoding):
    """Encode architectures by graph features: the strongest known input for models of trees.

    An architecture is described by counts, by lengths of paths and by degrees of nodes, each
    restricted to a subset of the operations, for every subset.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.
    canonicalize : bool, default=True
        Whether to encode canonical forms, so that architectures that compute the same function
        are encoded alike. The paper does not, and it makes models stronger.

    Attributes
    ----------
    space_ : SearchSpace
        The search space.
    n_features_out_ : int
        Number of columns.

    See Also
    --------
    emprox.StructuralProperties : Numbers that also heed what the operations do to a signal.

    Notes
    -----
    The features are those of the *operation graph*, whose nodes are the operations; an edge leads
    from one to another that reads its output. So one definition serves cells with operations on
    the edges and on the nodes. "none", and whatever else hands no signal on, is no operation. For
    each subset of the operations the columns are

    shortest path, longest path
        the number of operations on the shortest and on the longest path from the input to the
        output through operations of the subset alone,
    fewest on a path, most on a path
        the least and the largest number of operations of the subset on any path,
    reading the input, read by the output
        how many operations of the subset read the input, and how many the output reads,
    number
        how many operations of the subset there are.

    If there is no such path, the number of nodes of the largest operation graph of the space
    stands for the shortest and for the fewest, and -1 for the longest and for the most. A space
    with several inputs has all columns about paths, and the number of readers, for each of them;
    a space with several kinds of cells has all columns for each kind.

    It differs from the paper in this: operations on no path from the input to the output are left
    out first; the fewest and the most operations on a path are not in the paper; of more than five
    operations the single ones, the pairs, all but one, and all are taken instead of all subsets.

    The columns of a subset stand together, the paths first, small subsets before large ones. That
    matters to boosted trees, which take the first of several columns that split the known
    architectures alike.

    References
    ----------
    Gabriela Kadlecová, Jovita Lukasik, Martin Pilát, Petra Vidnerová, Mahmoud Safari, Roman
    Neruda and Frank Hutter. Surprisingly Strong Performance Prediction with Neural Graph Features.
    ICML 2024. Section 3.

    Examples
    --------
    >>> from emprox.encodings import GRAFEncoding
    >>> cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|avg_pool_3x3~1|none~2|"
    >>> encoding = GRAFEncoding("nasbench201").set_output(transform="pandas")
    >>> table = encoding.fit_transform([cell])
    >>> table.shape
    (1, 105)
    >>> table["nor_conv_3x3 + avg_pool_3x3: shortest path"].item()
    2.0
    """

    def _learn(self, decisions: IntArray, y: Any) -> list[str]:
        kinds, blocked = (
            operation_graphs(self.space_, self._reference(decisions)),
            blocked_by(self.space_),
        )
        self._operations = [[n for n in graphs.names if n not in blocked] for graphs in kinds]
        if not any(self._operations):
            raise ValueError(
                f"{type(self).__name__} describes operations, but the space {self.space_.name!r}"
                " has none besides its inputs and outputs"
            )
        self._most_nodes = [
            graphs.n_inputs + int((graphs.operations != WIRE).any(axis=0).sum()) + 1
            for graphs in kinds
        ]
        n_subsets = max(len(_subsets(len(names))) for names in self._operations)
        self._at_once = max(1, _AT_ONCE // (4 * n_subsets * max(self._most_nodes)))
        return list(chain.from_iterable(map(_column_names, kinds, self._operations)))

    def _describe(self, space: SearchSpace, decisions: IntArray) -> Array:
        kinds = operation_graphs(space, self._canonical(space, decisions))
        return np.hstack(list(map(_columns, kinds, self._operations, self._most_nodes)))


def _subsets(n_operations: int) -> list[tuple[int, ...]]:
    """List all subsets, or of more than five operations the singles, pairs, all but one and all."""
    if n_operations <= _MOST_FOR_ALL_SUBSETS:
        sizes = tuple(range(1, n_operations + 1))
    else:
        sizes = (1, 2, n_operations - 1, n_operations)
    return [subset for size in sizes for subset in combinations(range(n_operations), size)]


def _column_names(graphs: Graphs, operations: Sequence[str]) -> list[str]:
    measures = []
    for name in graphs.inputs if graphs.n_inputs > 1 else ("",):
        origin = f" from {name}" if name else ""
        measures += [
            f"shortest path{origin}",
            f"fewest on a path{origin}",
            f"longest path{origin}",
            f"most on a path{origin}",
            f"reading {name or 'the input'}",
        ]
    measures += ["read by the output", "number"]
    n_operations = len(operations)
    names = []
    for subset in _subsets(n_operations):
        described = " + ".join(operations[operation] for operation in subset)
        if len(subset) == n_operations:
            described = "any operation"
        elif len(subset) == n_operations - 1 >= _MOST_FOR_ALL_SUBSETS:
            (missing,) = set(range(n_operations)) - set(subset)
            described = f"all but {operations[missing]}"
        names += [f"{prefix_of(graphs)}{described}: {measure}" for measure in measures]
    return names


def _columns(graphs: Graphs, operations: Sequence[str], most_nodes: int) -> Array:
    """Compute the columns for the operations that fit knew; see the notes of `GRAFEncoding`."""
    graphs = graphs.live()
    chosen = _subsets(len(operations))
    # Whether an operation is of a subset. Those that fit did not know are of the largest ones,
    # which have no names of operations.
    member = np.zeros((len(chosen), len(graphs.names)), dtype=bool)
    for row, subset in enumerate(chosen):
        names = {operations[operation] for operation in subset}
        if (
            len(names) == len(operations)
            or len(names) == len(operations) - 1 >= _MOST_FOR_ALL_SUBSETS
        ):
            names |= set(graphs.names) - set(operations)
        member[row] = [name in names for name in graphs.names]
    inside = graphs.lookup(member) > 0
    one = inside.astype(np.float32)
    # Where a path of operations of the subset alone ends.
    outside = np.where(inside | (graphs.by_node < 0)[:, None], 0, np.float32(-np.inf))
    lengths = np.concatenate([outside - one, -one, outside + one, one], axis=1)
    columns = []
    for start in range(graphs.n_inputs):
        paths = graphs.longest_paths(lengths, start)[-1].reshape(4, len(chosen), -1)
        columns += [*np.where(np.isinf(paths[:2]), most_nodes, 0 - paths[:2])]
        columns += [*np.maximum(paths[2:], -1)]
        columns.append((inside & graphs.reading_inputs(start)[:, None]).sum(axis=0))
    columns += [(inside & graphs.read_by_output()[:, None]).sum(axis=0), inside.sum(axis=0)]
    return np.stack(columns, axis=1).reshape(-1, graphs.n_graphs).T.astype(np.float64)
