"""GRAF: counts, path lengths and degrees, each restricted to some of the operations."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..spaces import SearchSpace
from ..spaces._sequences import IntArray
from ._base import ArchitectureEncoding, Array
from ._operation_graphs import (
    NOTHING,
    OperationGraphs,
    check_has_graphs,
    live,
    operation_graphs,
)

# With more operations than this, not all subsets of them are taken.
MOST_FOR_ALL_SUBSETS = 5
# Longer than any path.
_FAR = 10_000
# Numbers that are worked on at once.
_AT_ONCE = 2**22


class GRAFEncoding(ArchitectureEncoding):
    """Encode architectures by graph features: the strongest known input for models of trees.

    An architecture is described by counts, by lengths of paths and by degrees of nodes, each
    restricted to a subset of the operations, for every subset.

    Parameters
    ----------
    space : str or SearchSpace, default="nasbench201"
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

    def _learn(self, space: SearchSpace, reference: IntArray) -> list[str]:
        check_has_graphs(space, reference, type(self).__name__)
        kinds = operation_graphs(space, reference[:1])
        if not any(graphs.names for graphs in kinds):
            raise ValueError(
                f"{type(self).__name__} describes operations, but the space {space.name!r} has none"
                " besides its inputs and outputs"
            )
        n_cells = max(graphs.most_nodes * len(subsets(len(graphs.names))) for graphs in kinds)
        self._at_once = max(1, _AT_ONCE // n_cells)
        return [name for graphs in kinds for name in column_names(graphs)]

    def _encode(self, decisions: IntArray) -> Array:
        kinds = operation_graphs(self.space_, decisions)
        return np.hstack([graf_columns(graphs) for graphs in kinds])


def subsets(n_operations: int) -> list[tuple[int, ...]]:
    """List the subsets of operations: all but the empty one if these are few.

    Parameters
    ----------
    n_operations : int
        Number of operations.

    Returns
    -------
    list of tuple of int
        The subsets; of more than five operations the single ones, the pairs, all but one, and all.
    """
    if n_operations <= MOST_FOR_ALL_SUBSETS:
        sizes = tuple(range(1, n_operations + 1))
    else:
        sizes = (1, 2, n_operations - 1, n_operations)
    return [subset for size in sizes for subset in combinations(range(n_operations), size)]


def column_names(graphs: OperationGraphs) -> list[str]:
    """Name the columns of `graf_columns`.

    Parameters
    ----------
    graphs : OperationGraphs
        Any architectures of the space.

    Returns
    -------
    list of str
        The names.
    """
    measures = []
    for name in graphs.inputs:
        origin = f" from {name}" if name else ""
        measures += [
            f"shortest path{origin}",
            f"fewest on a path{origin}",
            f"longest path{origin}",
            f"most on a path{origin}",
            f"reading {name or 'the input'}",
        ]
    measures += ["read by the output", "number"]
    n_operations = len(graphs.names)
    names = []
    for subset in subsets(n_operations):
        described = " + ".join(graphs.names[operation] for operation in subset)
        if len(subset) == n_operations:
            described = "any operation"
        elif len(subset) == n_operations - 1 > MOST_FOR_ALL_SUBSETS - 1:
            (missing,) = set(range(n_operations)) - set(subset)
            described = f"all but {graphs.names[missing]}"
        names += [f"{graphs.prefix}{described}: {measure}" for measure in measures]
    return names


def graf_columns(graphs: OperationGraphs) -> Array:
    """Compute the columns of a batch of operation graphs.

    Parameters
    ----------
    graphs : OperationGraphs
        The architectures.

    Returns
    -------
    ndarray of shape (n_architectures, n_columns)
        The columns; see the notes of `GRAFEncoding`.
    """
    graphs = live(graphs)
    reads = np.moveaxis(graphs.reads, 0, -1)
    n_nodes, n_architectures = reads.shape[1:]
    chosen = subsets(len(graphs.names))
    # Whether an operation is of a subset; NOTHING, -1, looks up the last entry.
    member = np.zeros((len(chosen), len(graphs.names) + 1), dtype=bool)
    for row, subset in enumerate(chosen):
        member[row, list(subset)] = True
    inside = member[:, graphs.operations.T].swapaxes(0, 1)
    passable = inside | (graphs.operations.T == NOTHING)[:, None]
    columns: list[NDArray[np.integer]] = []
    for start in range(graphs.n_inputs):
        shortest = np.full((n_nodes, len(chosen), n_architectures), _FAR, dtype=np.int16)
        longest, fewest, most = -shortest, shortest.copy(), -shortest
        for lengths in (shortest, longest, fewest, most):
            lengths[start] = 0
        for node in range(graphs.n_inputs, n_nodes):
            for earlier in (start, *range(graphs.n_inputs, node)):
                edge = reads[earlier, node]
                if not edge.any():
                    continue
                step = edge & passable[node]
                np.minimum(shortest[node], shortest[earlier], out=shortest[node], where=step)
                np.maximum(longest[node], longest[earlier], out=longest[node], where=step)
                np.minimum(fewest[node], fewest[earlier], out=fewest[node], where=edge)
                np.maximum(most[node], most[earlier], out=most[node], where=edge)
            for lengths in (shortest, longest, fewest, most):
                lengths[node] += inside[node]
        columns += [np.minimum(lengths[-1], graphs.most_nodes) for lengths in (shortest, fewest)]
        columns += [np.maximum(lengths[-1], -1) for lengths in (longest, most)]
        columns.append((inside & reads[start][:, None]).sum(axis=0))
    columns += [(inside & reads[:, -1][:, None]).sum(axis=0), inside.sum(axis=0)]
    return np.stack(columns, axis=1).reshape(-1, n_architectures).T.astype(np.float64)
