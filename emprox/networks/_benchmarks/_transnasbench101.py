"""The networks of TransNAS-Bench-101, after the code that its authors published."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from ._blocks import (
    BenchmarkNetwork,
    ConvNorm,
    Edge,
    EdgeCell,
    FactorizedReduce,
    ReLUConvNorm,
    ResidualBlock,
    classifier,
)

# Makes a cell for a number of channels before and behind it, and a stride.
MakeCell = Callable[[int, int, int], nn.Module]


class TransNASBench101Network(BenchmarkNetwork):
    """Modules of cells, the first of which may double the channels and halve the resolution.

    The types of the modules are the benchmark's: 2 and 4 double, 3 and 4 halve.
    """

    def __init__(
        self,
        types: Sequence[int],
        make_cell: MakeCell,
        channels: int,
        n_cells: int,
        n_classes: int,
        in_channels: int,
    ) -> None:
        if channels < 2:
            raise ValueError(
                "channels has to be 2 at least in TransNAS-Bench-101, whose first convolution has"
                f" half of them, got {channels}"
            )
        cells: list[nn.Module] = []
        before = channels
        for kind in types:
            width = before * (2 if kind in (2, 4) else 1)
            cells.append(make_cell(before, width, 2 if kind in (3, 4) else 1))
            cells += [make_cell(width, width, 1) for _ in range(n_cells - 1)]
            before = width
        super().__init__(
            nn.Sequential(
                ConvNorm(in_channels, channels // 2, 3, stride=2),
                ReLUConvNorm(channels // 2, channels, 3, stride=2),
            ),
            cells,
            classifier(before, n_classes),
            (in_channels, 256, 256),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @classmethod
    def of_cells(
        cls, edges: Sequence[Edge], types: Sequence[int], **sizes: int
    ) -> TransNASBench101Network:
        """Build a network of cells with operations on edges."""

        def make_cell(n_in: int, n_out: int, stride: int) -> nn.Module:
            return EdgeCell(edges, make_operation, n_in, n_out, stride)

        return cls(types, make_cell, **sizes)

    @classmethod
    def of_blocks(cls, types: Sequence[int], **sizes: int) -> TransNASBench101Network:
        """Build a network of residual blocks."""

        def make_block(n_in: int, n_out: int, stride: int) -> nn.Module:
            fits = n_in == n_out and stride == 1
            shortcut = nn.Identity() if fits else ConvNorm(n_in, n_out, 1, stride)
            return ResidualBlock(n_in, n_out, stride, shortcut)

        return cls(types, make_block, **sizes)


def make_operation(name: str, n_in: int, n_out: int, stride: int) -> nn.Module:
    """Make the operation of an edge."""
    if name == "skip":
        return nn.Identity() if stride == 1 else FactorizedReduce(n_in, n_out)
    return ReLUConvNorm(n_in, n_out, {"conv1x1": 1, "conv3x3": 3}[name], stride)
