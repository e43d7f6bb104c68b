"""The NAS-Bench-201 search space (Dong and Yang, 2020), also the topology space of NATS-Bench."""

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

# The official text, which lists the edges by their target, with the places of the decisions.
_TEMPLATE = "|{0}~0|+|{1}~0|{3}~1|+|{2}~0|{4}~1|{5}~2|"
_TEXT = re.compile(re.sub(r"\\{(\d)\\}", r"(?P<edge\1>\\w+)", re.escape(_TEMPLATE)))

_EXAMPLE = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|"


class NASBench201Space(EdgeCellSpace):
    """Cells of four nodes and six edges, each edge with one of five operations: 15,625 cells.

    The decisions are the operations of the edges 0->1, 0->2, 0->3, 1->2, 1->3, 2->3 in NASLib's
    numbering: 0 skip_connect, 1 none, 2 nor_conv_3x3, 3 nor_conv_1x1, 4 avg_pool_3x3.

    `encode` reads the official text
    (``|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|``), six
    operation names or numbers in the order of the decisions, the text of such a tuple
    (``"(4, 0, 3, 1, 1, 2)"``), an `Architecture` and its JSON form. `format` writes the official
    text. As an `Architecture` a cell is its line graph: the six operations are nodes, between an
    input and an output.

    Notes
    -----
    The canonical form is the same for cells that can be turned into each other by these steps:

    1. Edges on no path from the input to the output are set to none. For edges that do not lead
       to the output this is exact: they are never used. For edges that the input does not reach
       it is exact after skip_connect and avg_pool_3x3, which turn zeros into zeros, but not
       after a convolution: its batch normalisation still adds a learned constant per channel.
    2. A node whose only incoming edge is a skip connection is the same tensor as that edge's
       source, and a node whose only outgoing edge is a skip connection is a plain summand of
       that edge's target. Both are merged. This is exact.
    3. The two inner nodes are exchanged where no edge joins them. This is exact up to the order
       in which floating-point numbers are added.

    Two kinds of equality are left alone on purpose, because the graphs differ: average pooling is
    linear, so that pooling a sum is summing what was pooled; and a cell in which two paths share
    a convolution has fewer parameters than one with a convolution for each, though both have the
    same paths. Of the members of a class the representative is the one with the fewest operations
    other than none; among these the one whose operations come on the earliest edges. There
    are 5,425 classes.

    References
    ----------
    Xuanyi Dong and Yi Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural
    Architecture Search. ICLR 2020.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("nasbench201")
    >>> cell = space.encode([(0, 1, 1, 1, 2, 1)])
    >>> space.format(cell)
    ['|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|']
    >>> space.format(space.canonicalize(cell))
    ['|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|']
    """

    name = "nasbench201"
    title = "NAS-Bench-201 / NATS-Bench topology: cells of 6 edges with 5 operations each"
    operations = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
    edges = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    none = "none"
    skip = "skip_connect"
    # A convolution is ReLU, convolution, batch normalisation. Five cells make a stage, and a
    # residual block stands between two stages.
    signal_operations = (
        SignalOperation("skip_connect", "copy"),
        SignalOperation("none", "block"),
        SignalOperation("nor_conv_3x3", "renew", kernel_size=3, mixing=9, depthwise=2),
        SignalOperation("nor_conv_1x1", "renew", mixing=1, depthwise=2),
        SignalOperation("avg_pool_3x3", "blur", kernel_size=3),
    )
    skeleton = Skeleton.of_stages((16, 32, 64), (32, 16, 8), n_cells=5, entry="residual")
    accepted = f"a text such as {_EXAMPLE!r}, six operations"
    _network_sizes = NetworkSizes(n_classes=10, channels=16, n_cells=5)

    def _build(self, decisions: IntArray, **sizes: int) -> BenchmarkNetwork:
        from ..networks._benchmarks._nasbench201 import NASBench201Network

        return NASBench201Network.of_stages(self._live_edges(decisions), **sizes)

    def _write_text(self, choices: Sequence[int]) -> str:
        return _TEMPLATE.format(*(self.operations[choice] for choice in choices))

    def _read_text(self, text: str) -> Sequence[int]:
        official = _TEXT.fullmatch(text)
        if official is None:
            raise refuse(
                text,
                "three nodes, separated by '+', with one, two and three operations and the node"
                f" that each comes from, as in {_EXAMPLE!r}",
            )
        return self._read_items([official[f"edge{edge}"] for edge in range(len(self.edges))])
