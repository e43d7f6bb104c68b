"""The networks of DARTS and NAS-Bench-301, after the code that the authors of DARTS published."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ._blocks import (
    BenchmarkNetwork,
    ConvNorm,
    FactorizedReduce,
    ReLUConvNorm,
    classifier,
    convolution,
)

# For each of the eight operations of a cell: the state that it reads, and its name.
Pairs = Sequence[tuple[int, str]]


class DARTSNetwork(BenchmarkNetwork):
    """Three stages of normal cells, a reduction cell between two of them."""

    def __init__(
        self,
        normal: Pairs,
        reduce: Pairs,
        channels: int,
        n_cells: int,
        n_classes: int,
        in_channels: int,
    ) -> None:
        cells: list[nn.Module] = []
        width, n_before, n_two_before, reduced_before = channels, 3 * channels, 3 * channels, False
        for place in range(3 * n_cells + 2):
            reduces = place % (n_cells + 1) == n_cells
            width *= 1 + reduces
            pairs = reduce if reduces else normal
            cell = DARTSCell(pairs, n_two_before, n_before, width, reduces, reduced_before)
            cells.append(cell)
            n_two_before, n_before = n_before, cell.n_out
            reduced_before = reduces
        super().__init__(
            ConvNorm(in_channels, 3 * channels, 3),
            cells,
            classifier(n_before, n_classes),
            (in_channels, 32, 32),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits of shape (n_samples, n_classes) of images."""
        two_before = before = self.stem(inputs)
        for cell in self.cells:
            two_before, before = before, cell(two_before, before)
        return self.head(before)


class DARTSCell(nn.Module):
    """A cell of two inputs, the outputs of the two cells before, whose inner nodes are joined."""

    def __init__(
        self,
        pairs: Pairs,
        n_two_before: int,
        n_before: int,
        width: int,
        reduces: bool,
        reduced_before: bool,
    ) -> None:
        super().__init__()
        self.sources = [source for source, _ in pairs]
        self.n_out = len(pairs) // 2 * width
        # The output of the cell before the last has twice the resolution if the last reduced it.
        self.first = (
            FactorizedReduce(n_two_before, width)
            if reduced_before
            else ReLUConvNorm(n_two_before, width, 1)
        )
        self.second = ReLUConvNorm(n_before, width, 1)
        self.operations = nn.ModuleList(
            make_operation(name, width, stride=2 if reduces and source < 2 else 1)
            for source, name in pairs
        )

    def forward(self, two_before: Tensor, before: Tensor) -> Tensor:
        """Return the inner nodes, each the sum of two operations, concatenated."""
        states = [self.first(two_before), self.second(before)]
        for pair in range(0, len(self.sources), 2):
            left, right = (
                self.operations[place](states[self.sources[place]]) for place in (pair, pair + 1)
            )
            states.append(left + right)
        return torch.cat(states[2:], dim=1)

    def extra_repr(self) -> str:
        """Say what each operation reads."""
        return f"sources={self.sources}"


class SeparableConv(nn.Sequential):
    """ReLU, depthwise convolution, convolution 1x1 and batch normalisation."""

    def __init__(self, n_channels: int, kernel_size: int, stride: int, dilation: int = 1) -> None:
        super().__init__(
            nn.ReLU(),
            convolution(n_channels, n_channels, kernel_size, stride, dilation, groups=n_channels),
            convolution(n_channels, n_channels, 1),
            nn.BatchNorm2d(n_channels),
        )


def make_operation(name: str, n_channels: int, stride: int) -> nn.Module:
    """Make one of the operations of DARTS, which keep the number of channels."""
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(n_channels, n_channels)
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, padding=1)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    kernel_size = int(name[-1])
    if name.startswith("dil_conv"):
        return SeparableConv(n_channels, kernel_size, stride, dilation=2)
    first, second = (SeparableConv(n_channels, kernel_size, each) for each in (stride, 1))
    return nn.Sequential(first, second)
