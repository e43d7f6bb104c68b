"""The networks of NAS-Bench-201 and NATS-Bench, after the code that their authors published."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ._blocks import (
    BenchmarkNetwork,
    ConvNorm,
    Edge,
    EdgeCell,
    ReLUConvNorm,
    ResidualBlock,
    classifier,
    convolution,
)


class NASBench201Network(BenchmarkNetwork):
    """Three stages of cells, a residual block of stride 2 between two of them."""

    def __init__(
        self, edges: Sequence[Edge], widths: Sequence[int], n_classes: int, in_channels: int
    ) -> None:
        # The layers are n cells, a block, n cells, a block and n cells.
        n_cells = len(widths) // 3
        cells: list[nn.Module] = []
        before = widths[0]
        for layer, width in enumerate(widths):
            if layer % (n_cells + 1) == n_cells:
                # The shortcut has no normalisation. Rounded up, odd resolutions fit the body.
                pool = nn.AvgPool2d(2, ceil_mode=True)
                shortcut = nn.Sequential(pool, convolution(before, width, 1))
                cells.append(ResidualBlock(before, width, 2, shortcut))
            else:
                cells.append(EdgeCell(edges, make_operation, before, width))
            before = width
        super().__init__(
            ConvNorm(in_channels, widths[0], 3),
            cells,
            classifier(before, n_classes, nn.BatchNorm2d(before), nn.ReLU()),
            (in_channels, 32, 32),
        )

    @classmethod
    def of_stages(
        cls, edges: Sequence[Edge], channels: int, n_cells: int, n_classes: int, in_channels: int
    ) -> NASBench201Network:
        """Double the channels from stage to stage."""
        widths = [channels] * n_cells
        widths += [width for width in (2 * channels, 4 * channels) for _ in range(n_cells + 1)]
        return cls(edges, widths, n_classes, in_channels)


def make_operation(name: str, n_in: int, n_out: int, stride: int) -> nn.Module:
    """Make the operation of an edge; all have stride 1."""
    if name == "skip_connect":
        # Where the number of channels changes it is no copy, and begins without ReLU.
        return nn.Identity() if n_in == n_out else ConvNorm(n_in, n_out, 1)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    return ReLUConvNorm(n_in, n_out, {"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name], stride)
