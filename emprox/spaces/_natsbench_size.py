"""The size search space of NATS-Bench (Dong et al., 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..graphs import Graphs
from ..graphs._graphs import IntArray
from ._building import NetworkSizes
from ._chains import ChainSpace
from ._parsing import refuse
from ._signals import CellPosition, SignalOperation, Skeleton

if TYPE_CHECKING:
    from ..networks._benchmarks._blocks import BenchmarkNetwork

CHANNELS = (8, 16, 24, 32, 40, 48, 56, 64)
_EXAMPLE = "8:16:24:32:40"
# All networks have this NAS-Bench-201 cell as their layers 0, 2 and 4, and a residual block,
# which halves the resolution, as the layers 1 and 3.
_CELL = [(0, 1, "nor_conv_3x3"), (0, 2, "nor_conv_3x3"), (1, 2, "nor_conv_3x3")]
_CELL += [(0, 3, "skip_connect"), (1, 3, "nor_conv_3x3"), (2, 3, "nor_conv_3x3")]
# Weights for each pair of a channel before the layer and one in it, and for each pair of two in
# it: of the cell's convolutions two read its input, as one of the block's two does, together with
# its shortcut. The cell's skip connection is a convolution 1x1 where the channels change.
_IS_CELL = np.array([True, False, True, False, True])
_OUTER = np.where(_IS_CELL, 2 * 9, 9 + 1)
_INNER = np.where(_IS_CELL, 3 * 9, 9)


class NATSBenchSizeSpace(ChainSpace):
    """Networks of five layers that differ in their numbers of channels: 32,768 networks.

    A decision is the number of channels of a layer: 0 for 8 channels, 1 for 16 and so on to 7 for
    64. The choices are ordered. All networks have the same skeleton and the same cell.

    `encode` reads the official text of the numbers of channels (``8:16:24:32:40``), five numbers of
    channels ``(8, 16, 24, 32, 40)`` or five decisions ``(0, 1, 2, 3, 4)``, which cannot be
    mistaken for each other, the text of either, an `Architecture` and its JSON form. `format`
    writes the official text.

    Notes
    -----
    There is no canonical form: networks with different numbers of channels compute different
    functions. `canonicalize` changes nothing.

    References
    ----------
    Xuanyi Dong, Lu Liu, Katarzyna Musial and Bogdan Gabrys. NATS-Bench: Benchmarking NAS
    Algorithms for Architecture Topology and Size. IEEE Transactions on Pattern Analysis and
    Machine Intelligence, 2021.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("natsbench_size")
    >>> space.encode(["8:16:24:32:40"])
    array([[0, 1, 2, 3, 4]])
    >>> space.format(space.encode([(64, 64, 64, 64, 64)]))
    ['64:64:64:64:64']
    """

    name = "natsbench_size"
    title = "NATS-Bench size: the numbers of channels of 5 layers"
    operations = tuple(f"channels_{channels}" for channels in CHANNELS)
    n_layers = 5
    signal_operations = (
        SignalOperation("cell", "renew", kernel_size=7, n_layers=3, mixing=45, depthwise=10),
        SignalOperation(
            "reduction", "renew", kernel_size=5, n_layers=2, mixing=19, depthwise=4, residual=True
        ),
    )
    skeleton = Skeleton((CellPosition(width=64, resolution=32),))
    accepted = f"a text such as {_EXAMPLE!r}, five numbers of channels"
    _network_sizes = NetworkSizes(n_classes=10)

    def signal_graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        """Write networks as chains of cells and reductions, which differ in their widths alone.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 5)
            Decision matrix.

        Returns
        -------
        tuple of Graphs
            The chains, as the only kind of cell. A width is the one at which the layer would have
            its number of weights if all its convolutions had the same width.
        """
        matrix = self._check(decisions)
        channels = np.array(CHANNELS)[matrix] / self.skeleton.positions[0].width
        before = np.hstack([channels[:, :1], channels[:, :-1]])
        outer = _OUTER + (_IS_CELL & (before != channels))
        squares = (outer * before * channels + _INNER * channels**2) / (_OUTER + _INNER)
        operations = np.broadcast_to(np.where(_IS_CELL, 0, 1), matrix.shape)
        resolutions = np.broadcast_to(0.5 ** (~_IS_CELL).cumsum(), matrix.shape)
        numbers = {"widths": np.sqrt(squares), "resolutions": resolutions}
        return (Graphs.chain(operations, ("cell", "reduction"), numbers),)

    def _build(self, decisions: IntArray, **sizes: int) -> BenchmarkNetwork:
        from ..networks._benchmarks._nasbench201 import NASBench201Network

        return NASBench201Network(_CELL, [CHANNELS[choice] for choice in decisions], **sizes)

    def _write_text(self, choices: Sequence[int]) -> str:
        return ":".join(str(CHANNELS[choice]) for choice in choices)

    def _read_text(self, text: str) -> Sequence[int]:
        layers = text.split(":")
        if not all(layer in map(str, CHANNELS) for layer in layers):
            raise refuse(
                text,
                f"five numbers of channels separated by ':', as in {_EXAMPLE!r}, each of"
                f" {', '.join(map(str, CHANNELS))}",
            )
        return self._read_items([int(layer) for layer in layers])

    def _read_items(self, items: list[Any]) -> Sequence[int]:
        in_channels = [isinstance(item, (int, np.integer)) and item in CHANNELS for item in items]
        if in_channels and all(in_channels):
            items = [CHANNELS.index(item) for item in items]
        return super()._read_items(items)
