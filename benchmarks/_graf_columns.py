"""Columns that the rivals see: GRAF, the graph features of Kadlecová et al. (2024), and one-hot.

GRAF describes an architecture by counts, lengths of paths and degrees of nodes, each restricted to
subsets of the operations: Gabriela Kadlecová, Jovita Lukasik, Martin Pilát, Petra Vidnerová,
Mahmoud Safari, Roman Neruda and Frank Hutter, "Surprisingly Strong Performance Prediction with
Neural Graph Features", ICML 2024, section 3. Here they are computed on the *operation graph*: its
nodes are the operations, an edge leads from one to another that reads its output. So one
definition serves cells with operations on edges and on nodes. Operations on no path from the input
to the output are left out first, which GRAF does not do and which makes it stronger.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from emprox.spaces import DARTSSpace, EdgeCellSpace, get_space

# Where there is no operation.
NOTHING = -1
# With more operations than this, not all subsets of them are taken.
MOST_FOR_ALL_SUBSETS = 5


@dataclass(frozen=True)
class OperationGraphs:
    """Operations and what they read, for a batch of architectures.

    Parameters
    ----------
    operations : ndarray of shape (n_architectures, n_nodes)
        Operation of each node; NOTHING at the inputs and the output, at nodes that only pass on
        what they read, such as sums, and where no node is.
    reads : ndarray of shape (n_architectures, n_nodes, n_nodes)
        True at [i, u, v] where v reads the output of u, which is only possible for u < v. The
        first `n_inputs` nodes are the inputs, the last is the output.
    n_operations : int
        Number of operations that there are.
    n_inputs : int, default=1
        Number of inputs.
    """

    operations: np.ndarray
    reads: np.ndarray
    n_operations: int
    n_inputs: int = 1


def read(space, X, canonicalize):
    """Return the decisions of architectures."""
    decisions = space.encode(X)
    return space.canonicalize(decisions) if canonicalize else decisions


def edge_cells(space, decisions):
    """Return the operation graphs of cells with an operation on every edge."""
    n_edges, last = len(space.edges), space.n_nodes - 1
    reads = np.zeros((n_edges + 2, n_edges + 2), dtype=bool)
    for number, (source, target) in enumerate(space.edges, start=1):
        reads[0, number] = source == 0
        reads[number, -1] = target == last
        for later, (next_source, _) in enumerate(space.edges, start=1):
            reads[number, later] = target == next_source
    none = space.operations.index(space.none)
    operations = decisions - (decisions > none)
    operations[decisions == none] = NOTHING
    operations = np.pad(operations, ((0, 0), (1, 1)), constant_values=NOTHING)
    there = operations != NOTHING
    there[:, [0, -1]] = True
    reads = reads & there[:, :, None] & there[:, None, :]
    return [OperationGraphs(operations, reads, len(space.operations) - 1)]


def darts_cells(space, decisions):
    """Return the operation graphs of the normal and of the reduction cells of DARTS."""
    cells = []
    for cell in np.split(decisions, 2, axis=1):
        sources, operations = cell[:, ::2], cell[:, 1::2]
        operations = np.pad(operations, ((0, 0), (2, 1)), constant_values=NOTHING)
        # The inner node that each operation is part of, behind the two inputs.
        nodes = np.array([0, 1, 2, 2, 3, 3, 4, 4, 5, 5])
        reads = np.zeros((*operations.shape, operations.shape[1]), dtype=bool)
        reads[:, :-1, 2:-1] = nodes[:, None] == sources[:, None, :]
        reads[:, 2:-1, -1] = True
        cells.append(OperationGraphs(operations, reads, len(space.operations), n_inputs=2))
    return cells


def node_graphs(space, decisions):
    """Return the operation graphs of architectures with one input and operations on the nodes."""
    architectures = space.decode(decisions)
    n_nodes = max(architecture.n_nodes for architecture in architectures)
    numbers = {name: number for number, name in enumerate(space.operations)}
    operations = np.full((len(architectures), n_nodes), NOTHING)
    reads = np.zeros((len(architectures), n_nodes, n_nodes), dtype=bool)
    for row, architecture in enumerate(architectures):
        output = architecture.n_nodes - 1
        operations[row, 1:output] = [
            numbers.get(name, NOTHING) for name in architecture.operations[1:-1]
        ]
        # The output stands last in every row, behind places that are empty.
        sources, targets = np.array(architecture.edges).T
        reads[row, sources, np.where(targets == output, n_nodes - 1, targets)] = True
    return [OperationGraphs(operations, reads, len(space.operations))]


def operation_graphs(space, decisions):
    """Return the operation graphs of the architectures, one batch for each kind of cell."""
    if isinstance(space, EdgeCellSpace):
        return edge_cells(space, decisions)
    if isinstance(space, DARTSSpace):
        return darts_cells(space, decisions)
    return node_graphs(space, decisions)


def live(graphs):
    """Leave out what is on no path from an input to the output."""
    reads, n_nodes = graphs.reads, graphs.reads.shape[1]
    reached = np.zeros(graphs.operations.shape, dtype=bool)
    reached[:, : graphs.n_inputs] = True
    for node in range(graphs.n_inputs, n_nodes):
        reached[:, node] = (reads[:, :node, node] & reached[:, :node]).any(axis=1)
    needed = np.zeros_like(reached)
    needed[:, -1] = True
    for node in range(n_nodes - 2, -1, -1):
        needed[:, node] = (reads[:, node, node + 1 :] & needed[:, node + 1 :]).any(axis=1)
    there = reached & needed
    return OperationGraphs(
        np.where(there, graphs.operations, NOTHING),
        reads & there[:, :, None] & there[:, None, :],
        graphs.n_operations,
        graphs.n_inputs,
    )


def subsets(n_operations):
    """Return the subsets of operations: all but the empty one if these are few.

    Of more operations the single ones, the pairs, all but one, and all are taken.
    """
    if n_operations <= MOST_FOR_ALL_SUBSETS:
        sizes = range(1, n_operations + 1)
    else:
        sizes = (1, 2, n_operations - 1, n_operations)
    return [subset for size in sizes for subset in combinations(range(n_operations), size)]


def graf_columns(graphs):
    """Compute the columns of a batch of operation graphs.

    For each subset of the operations: from each input to the output, the number of operations on
    the shortest and on the longest path through operations of the subset alone, the fewest and the
    most operations of the subset on any path, and how many of the subset the input leads to; then
    how many lead to the output, and how many there are. If there is no such path, the number of
    nodes stands for the shortest and the fewest, and -1 for the longest and the most.

    Parameters
    ----------
    graphs : OperationGraphs
        The architectures.

    Returns
    -------
    ndarray of shape (n_architectures, n_columns)
        The columns, those of a subset together, the paths first: among columns that split the
        known architectures alike, XGBoost takes the first.
    """
    graphs = live(graphs)
    reads = np.moveaxis(graphs.reads, 0, -1)
    n_nodes, n_architectures = reads.shape[1:]
    chosen = subsets(graphs.n_operations)
    # Whether an operation is of a subset; NOTHING, -1, looks up the last entry.
    member = np.zeros((len(chosen), graphs.n_operations + 1), dtype=bool)
    for row, subset in enumerate(chosen):
        member[row, list(subset)] = True
    inside = member[:, graphs.operations.T].swapaxes(0, 1)
    passable = inside | (graphs.operations.T == NOTHING)[:, None]
    columns = []
    for start in range(graphs.n_inputs):
        shortest = np.full((n_nodes, len(chosen), n_architectures), np.inf)
        longest, fewest, most = -shortest, shortest.copy(), -shortest
        for lengths in (shortest, longest, fewest, most):
            lengths[start] = 0
        for node in range(graphs.n_inputs, n_nodes):
            for earlier in (start, *range(graphs.n_inputs, node)):
                edge = reads[earlier, node]
                step = edge & passable[node]
                np.minimum(shortest[node], shortest[earlier], out=shortest[node], where=step)
                np.maximum(longest[node], longest[earlier], out=longest[node], where=step)
                np.minimum(fewest[node], fewest[earlier], out=fewest[node], where=edge)
                np.maximum(most[node], most[earlier], out=most[node], where=edge)
            for lengths in (shortest, longest, fewest, most):
                lengths[node] += inside[node]
        columns += [np.minimum(lengths[-1], n_nodes) for lengths in (shortest, fewest)]
        columns += [np.maximum(lengths[-1], -1) for lengths in (longest, most)]
        columns.append((inside & reads[start][:, None]).sum(axis=0))
    columns += [(inside & reads[:, -1][:, None]).sum(axis=0), inside.sum(axis=0)]
    return np.stack(columns, axis=1).reshape(-1, n_architectures).T.astype(float)


class GRAFColumns(TransformerMixin, BaseEstimator):
    """Turn architectures into GRAF columns.

    Parameters
    ----------
    space : str or SearchSpace
        The search space.
    canonicalize : bool, default=True
        Whether to write canonical forms first.
    """

    def __init__(self, space, canonicalize=True):
        self.space = space
        self.canonicalize = canonicalize

    def fit(self, X, y=None):
        self.space_ = get_space(self.space)
        return self

    def transform(self, X):
        graphs = operation_graphs(self.space_, read(self.space_, X, self.canonicalize))
        return np.hstack([graf_columns(batch) for batch in graphs])


class OneHotDecisions(TransformerMixin, BaseEstimator):
    """Turn architectures into one-hot decisions.

    Parameters
    ----------
    space : str or SearchSpace
        The search space.
    canonicalize : bool, default=True
        Whether to write canonical forms.
    """

    def __init__(self, space, canonicalize=True):
        self.space = space
        self.canonicalize = canonicalize

    def fit(self, X, y=None):
        self.space_ = get_space(self.space)
        return self

    def transform(self, X):
        decisions = read(self.space_, X, self.canonicalize)
        starts = np.cumsum([0, *self.space_.n_choices])
        columns = np.zeros((len(decisions), starts[-1]))
        columns[np.arange(len(decisions))[:, None], decisions + starts[:-1]] = 1
        return columns
