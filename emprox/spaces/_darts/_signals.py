"""DARTS cells with their operations on edges, and the network that they stand in."""

from __future__ import annotations

import numpy as np

from .._sequences import IntArray
from .._signals import ABSENT, WIRE, CellGraphs, CellPosition, SignalOperation, Skeleton
from ._genotypes import INNER_NODES, N_INPUTS, N_NODES

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

_OUTPUT = N_INPUTS + N_NODES
_EDGES = (
    *((source, node) for node in INNER_NODES for source in range(node)),
    *((node, _OUTPUT) for node in INNER_NODES),
)
# Number of the edge from each node to each inner node.
_NUMBERS = np.array(
    [[_EDGES.index((s, node)) if s < node else -1 for s in range(_OUTPUT)] for node in INNER_NODES]
)


def cell_graphs(sources: IntArray, operations: IntArray, name: str) -> CellGraphs:
    """Write cells of one kind as graphs with operations on the edges.

    Parameters
    ----------
    sources, operations : ndarray of shape (n_cells, 4, 2)
        Input and operation of the two pairs of each inner node.
    name : str
        Name of the kind.

    Returns
    -------
    CellGraphs
        The cells.
    """
    graphs = np.full((len(sources), len(_EDGES)), ABSENT, dtype=np.int8)
    graphs[:, -N_NODES:] = WIRE
    edges = _NUMBERS[np.arange(N_NODES)[:, None], sources]
    graphs[np.arange(len(sources))[:, None, None], edges] = operations
    return CellGraphs(_EDGES, graphs, N_INPUTS, frozenset({_OUTPUT}), name)
