"""What the networks of several benchmarks are made of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# An edge of a cell: the node that it leaves, the node that it leads to, and its operation.
Edge = tuple[int, int, str]
# Makes an operation for a number of channels before and behind it, and a stride.
MakeOperation = Callable[[str, int, int, int], nn.Module]


class BenchmarkNetwork(nn.Module):
    """A stem, cells one after the other, and a head that classifies."""

    def __init__(
        self,
        stem: nn.Module,
        cells: Iterable[nn.Module],
        head: nn.Module,
        input_size: Sequence[int],
    ) -> None:
        super().__init__()
        self.input_size = tuple(input_size)
        self.stem = stem
        self.cells = nn.ModuleList(cells)
        self.head = head

    @property
    def example_input_array(self) -> Tensor:
        """A batch of one input of the size that the benchmark has."""
        return next(self.parameters()).new_zeros(1, *self.input_size)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits of shape (n_samples, n_classes) of images."""
        features = self.stem(inputs)
        for cell in self.cells:
            features = cell(features)
        return self.head(features)


def convolution(
    n_in: int, n_out: int, kernel_size: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Make a convolution that keeps the resolution but for its stride."""
    padding = dilation * (kernel_size // 2)
    return nn.Conv2d(n_in, n_out, kernel_size, stride, padding, dilation, groups, bias=False)


class ConvNorm(nn.Sequential):
    """Convolution and batch normalisation."""

    def __init__(self, n_in: int, n_out: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(convolution(n_in, n_out, kernel_size, stride), nn.BatchNorm2d(n_out))


class ReLUConvNorm(nn.Sequential):
    """ReLU, convolution and batch normalisation."""

    def __init__(self, n_in: int, n_out: int, kernel_size: int, stride: int = 1) -> None:
        layers = convolution(n_in, n_out, kernel_size, stride), nn.BatchNorm2d(n_out)
        super().__init__(nn.ReLU(), *layers)


class FactorizedReduce(nn.Module):
    """ReLU, two convolutions 1x1 of every second pixel, one pixel apart, and normalisation."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.activation = nn.ReLU()
        self.even = convolution(n_in, n_out // 2, 1, stride=2)
        self.odd = convolution(n_in, n_out - n_out // 2, 1, stride=2)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features at half the resolution, rounded up."""
        active = self.activation(inputs)
        shifted = active[:, :, 1:, 1:]
        height, width = inputs.shape[2:]
        if height % 2 or width % 2:
            shifted = functional.pad(shifted, (0, width % 2, 0, height % 2))
        return self.norm(torch.cat([self.even(active), self.odd(shifted)], dim=1))


class ResidualBlock(nn.Module):
    """Twice ReLU, convolution 3x3 and normalisation, with a shortcut around."""

    def __init__(self, n_in: int, n_out: int, stride: int, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ReLUConvNorm(n_in, n_out, 3, stride), ReLUConvNorm(n_out, n_out, 3)
        )
        self.shortcut = shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the sum of the shortcut and the body."""
        return self.shortcut(inputs) + self.body(inputs)


class EdgeCell(nn.Module):
    """A cell with an operation on each edge; a node is the sum of the edges that lead to it."""

    def __init__(
        self, edges: Sequence[Edge], make: MakeOperation, n_in: int, n_out: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.n_out, self.stride = n_out, stride
        self.ends = [(source, target) for source, target, _ in edges]
        self.edges = nn.ModuleDict(
            {
                f"{source}_to_{target}": make(name, n_out, n_out, 1)
                if source
                else make(name, n_in, n_out, stride)
                for source, target, name in edges
            }
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the last node; zeros if nothing leads there."""
        nodes = {0: inputs}
        for (source, target), edge in zip(self.ends, self.edges.values(), strict=True):
            arriving = edge(nodes[source])
            nodes[target] = nodes[target] + arriving if target in nodes else arriving
        if self.ends:
            return nodes[self.ends[-1][1]]
        size = [-(-length // self.stride) for length in inputs.shape[2:]]
        return inputs.new_zeros(len(inputs), self.n_out, *size)

    def extra_repr(self) -> str:
        """Say what the repr of the edges does not."""
        return "" if self.ends else f"no path: {self.n_out} channels of zeros, stride={self.stride}"


def classifier(n_channels: int, n_classes: int, *before: nn.Module) -> nn.Sequential:
    """Make a head: layers, the mean over all positions, and a linear layer."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for layer in before:
        layers[{nn.BatchNorm2d: "norm", nn.ReLU: "activation"}.get(type(layer), "features")] = layer
    layers["pool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["linear"] = nn.Linear(n_channels, n_classes)
    return nn.Sequential(layers)
