"""The cell-level search space of TransNAS-Bench-101 (Duan et al., 2021)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..graphs._graphs import IntArray
from ._building import NetworkSizes
from ._edge_cells import EdgeCellSpace
from ._parsing import refuse
from ._signals import SignalOperation, Skeleton

if TYPE_CHECKING:
    from ..networks._benchmarks._blocks import BenchmarkNetwork

# 64 channels, and a fixed skeleton of five modules; the macro space is what varies these.
_SKELETON = "64-41414-"
_EXAMPLE = "64-41414-1_02_333"
_CELL = re.compile(r"([0-3])_?([0-3])([0-3])_?([0-3])([0-3])([0-3])")


class TransNASBench101MicroSpace(EdgeCellSpace):
    """Cells of four nodes and six edges, each edge with one of four operations: 4,096 cells.

    The decisions are the operations of the edges 0->1, 0->2, 1->2, 0->3, 1->3, 2->3, the edges
    into each node together, in the benchmark's own numbering: 0 zero (no edge), 1 skip, 2 conv1x1,
    3 conv3x3. A convolution is ReLU, convolution, batch normalisation.

    `encode` reads the official text (``64-41414-1_02_333``: 64 channels, the modules of the
    skeleton, the edges into the nodes 1, 2 and 3), its last part alone (``1_02_333``, also without
    the underscores), six operation names or numbers in the order of the decisions, the text of
    such a tuple (``"(1, 0, 2, 3, 3, 3)"``), an `Architecture` and its JSON form. `format` writes
    the official text. As an `Architecture` a cell is its line graph: the six operations are nodes,
    between an input and an output.

    Notes
    -----
    The skeleton has five modules of two cells. The first cell of three of the modules halves the
    resolution and doubles the channels, and there a skip from the input is no copy but a
    convolution with stride 2 and batch normalisation.

    The canonical form is the same for cells that can be turned into each other by these steps:

    1. Edges on no path from the input to the output are set to zero. For edges that do not lead to
       the output this is exact: they are never used. For edges that the input does not reach it
       is exact after a skip, which turns zeros into zeros, but not after a convolution: its batch
       normalisation still adds a learned constant per channel.
    2. A node whose only incoming edge is a skip from another inner node is the same tensor as that
       node, and a node whose only outgoing edge is a skip is a plain summand of that edge's target.
       Both are merged. This is exact.
    3. The two inner nodes are exchanged where no edge joins them. This is exact up to the order in
       which floating-point numbers are added.

    A node whose only incoming edge is a skip from the input is left alone: it equals the input in
    seven of the ten cells only. Merging it as well, as is right in NAS-Bench-201, would leave 1,011
    classes instead of 1,376, but the published accuracies speak against it: for class_scene, their
    standard deviation within a class would be 1.65 percentage points instead of 0.34. Left alone is
    also that a cell in which two paths share a convolution has fewer parameters than one with a
    convolution for each, though both have the same paths. Of the members of a class the
    representative is the one with the fewest operations other than zero; among these the one
    whose operations come on the earliest edges.

    References
    ----------
    Yawen Duan, Xin Chen, Hang Xu, Zewei Chen, Xiaodan Liang, Tong Zhang and Zhenguo Li.
    TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task Neural
    Architecture Search. CVPR 2021.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("transnasbench101_micro")
    >>> space.encode(["64-41414-1_02_333"])
    array([[1, 0, 2, 3, 3, 3]])
    >>> space.format(space.canonicalize(space.encode(["64-41414-3_00_010"])))
    ['64-41414-0_00_300']
    """

    name = "transnasbench101_micro"
    title = "TransNAS-Bench-101 micro: cells of 6 edges with 4 operations each"
    operations = ("zero", "skip", "conv1x1", "conv3x3")
    edges = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    none = "zero"
    skip = "skip"
    skip_copies_input = False
    # A convolution is ReLU, convolution, batch normalisation.
    signal_operations = (
        SignalOperation("zero", "block"),
        SignalOperation("skip", "copy"),
        SignalOperation("conv1x1", "renew", mixing=1, depthwise=2),
        SignalOperation("conv3x3", "renew", kernel_size=3, mixing=9, depthwise=2),
    )
    # Images of 256 x 256 leave the stem with 64 channels and a resolution of 64. The first cell of
    # a module of type 4 doubles the channels and halves the resolution; one of type 1 does neither
    # (the benchmark's lib/models/net_infer/net_macro.py).
    skeleton = Skeleton.of_stages(
        (128, 256, 512), (32, 16, 8), n_cells=(4, 4, 2), strided=True, first=True
    )
    accepted = f"a text such as {_EXAMPLE!r}, six operations"
    _network_sizes = NetworkSizes(n_classes=47, channels=64, n_cells=2)

    def _build(self, decisions: IntArray, **sizes: int) -> BenchmarkNetwork:
        from ..networks._benchmarks._transnasbench101 import TransNASBench101Network

        edges = self._live_edges(decisions)
        return TransNASBench101Network.of_cells(edges, types=(4, 1, 4, 1, 4), **sizes)

    def _write_text(self, choices: Sequence[int]) -> str:
        return _SKELETON + "{}_{}{}_{}{}{}".format(*choices)

    def _read_text(self, text: str) -> Sequence[int]:
        match = _CELL.fullmatch(text.removeprefix(_SKELETON))
        if match is None:
            raise refuse(
                text,
                f"six digits from 0 to 3, grouped by the node they lead to, after {_SKELETON!r} or"
                f" alone, as in {_EXAMPLE!r}",
            )
        return [int(digit) for digit in match.groups()]
