"""NAS-Bench-101 cells with their operations on edges, as signals pass them."""

from __future__ import annotations

import numpy as np

from .._sequences import IntArray
from .._signals import ABSENT, WIRE, CellGraphs, SignalOperation, Skeleton
from ._cells import EDGES, INNER, OUTPUT, pruned

PROJECTION = 3
# As the benchmark's nasbench/lib/model_builder.py builds them. A convolution is a convolution,
# batch normalisation and ReLU; what reads the cell's input does so through a convolution 1x1 of its
# own, a projection.
SIGNAL_OPERATIONS = (
    SignalOperation("conv3x3-bn-relu", "renew", kernel_size=3, mixing=9, depthwise=2),
    SignalOperation("conv1x1-bn-relu", "renew", mixing=1, depthwise=2),
    SignalOperation("maxpool3x3", "blur", kernel_size=3),
    SignalOperation("projection", "renew", mixing=1, depthwise=2),
)
# Between two stacks there is a max-pooling alone, the same for all cells, and the cell after it
# reads it through projections, which renew it anyhow.
SKELETON = Skeleton.of_stages((128, 256, 512), (32, 16, 8), n_cells=3)

# Node v is two nodes, of which the first adds up what leads to it, and its operation is the edge
# between. Node 0 is the cell's input.
_CONCATENATION = 2 * OUTPUT - 1
_WIDE = tuple(EDGES.index((node, OUTPUT)) for node in INNER)


def _possible_edges() -> tuple[list[tuple[int, int]], list[int], list[tuple[int, ...]]]:
    """Return edges, the decision behind each, and the operation that each choice stands for."""
    edges, decisions, operations = [], [], []

    def add(edge: tuple[int, int], decision: int, meaning: tuple[int, ...]) -> None:
        edges.append(edge)
        decisions.append(decision)
        operations.append(meaning + (ABSENT,) * (4 - len(meaning)))

    for node in INNER:
        for source in range(node):
            passes = WIRE if source else PROJECTION
            decision = EDGES.index((source, node))
            add((2 * source, 2 * node - 1), decision, (ABSENT, passes))
        add((2 * node - 1, 2 * node), len(EDGES) + node - 1, (0, 1, 2))
    for node, decision in zip(INNER, _WIDE, strict=True):
        add((2 * node, _CONCATENATION), decision, (ABSENT, WIRE))
    add((0, _CONCATENATION + 1), EDGES.index((0, OUTPUT)), (ABSENT, PROJECTION))
    add((_CONCATENATION, _CONCATENATION + 1), 0, (WIRE, WIRE))
    return edges, decisions, operations


_SIGNAL_EDGES, _DECISIONS, _MEANINGS = _possible_edges()
_OPERATIONS = np.array([meaning[0] == 0 for meaning in _MEANINGS])
_PROJECTIONS = np.array([PROJECTION in meaning for meaning in _MEANINGS])
# That to the output has all its channels.
_PROJECTIONS[_SIGNAL_EDGES.index((0, _CONCATENATION + 1))] = False


def cell_graphs(decisions: IntArray) -> CellGraphs:
    """Write cells as graphs with operations on the edges.

    Parameters
    ----------
    decisions : ndarray of shape (n_cells, 26)
        Decision matrix.

    Returns
    -------
    CellGraphs
        The cells without dead nodes, and the widths of their operations.
    """
    live = pruned(decisions)
    chosen = live[:, _DECISIONS]
    operations = np.array(_MEANINGS, dtype=np.int8)[np.arange(len(_DECISIONS)), chosen]
    # The nodes that are concatenated share the channels of the output equally, and the others have
    # as many as those that read them.
    share = 1 / np.maximum(live[:, _WIDE].sum(axis=1), 1)
    widths = np.ones(operations.shape)
    widths[:, _OPERATIONS] = share[:, None]
    widths[:, _PROJECTIONS] = np.sqrt(share)[:, None]
    concatenated = frozenset({_CONCATENATION})
    return CellGraphs(tuple(_SIGNAL_EDGES), operations, concatenated=concatenated, widths=widths)
