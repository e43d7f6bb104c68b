"""The networks of NAS-Bench-101, after the code that its authors published for TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ._blocks import BenchmarkNetwork, classifier, convolution

# Truncation at two standard deviations leaves a normal distribution so much of its own.
_TRUNCATED_DEVIATION = 0.8796256610342398


class NASBench101Network(BenchmarkNetwork):
    """Three stacks of cells, a max-pooling of stride 2 between two of them."""

    def __init__(
        self,
        edges: Sequence[tuple[int, int]],
        operations: Mapping[int, str],
        channels: int,
        n_cells: int,
        n_classes: int,
        in_channels: int,
    ) -> None:
        cells: list[nn.Module] = []
        before = channels
        for stack in range(3):
            if stack:
                cells.append(nn.MaxPool2d(2, ceil_mode=True))
            width = channels * 2**stack
            for _ in range(n_cells):
                cells.append(NASBench101Cell(edges, operations, before, width))
                before = width
        super().__init__(
            ConvNormReLU(in_channels, channels, 3),
            cells,
            classifier(before, n_classes),
            (in_channels, 32, 32),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                std = module.weight[0].numel() ** -0.5 / _TRUNCATED_DEVIATION
                nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)


class ConvNormReLU(nn.Sequential):
    """Convolution, batch normalisation with the benchmark's slow averages, and ReLU."""

    def __init__(self, n_in: int, n_out: int, kernel_size: int) -> None:
        norm = nn.BatchNorm2d(n_out, eps=1e-5, momentum=0.003)
        super().__init__(convolution(n_in, n_out, kernel_size), norm, nn.ReLU())


class NASBench101Cell(nn.Module):
    """A cell with operations on its nodes; the inner nodes before the output are concatenated.

    The input reaches a node through a projection to the channels of that node, and other nodes
    lose the last of their channels if it has fewer.
    """

    def __init__(
        self,
        edges: Sequence[tuple[int, int]],
        operations: Mapping[int, str],
        n_in: int,
        n_out: int,
    ) -> None:
        super().__init__()
        self.output = max(target for _, target in edges)
        self.sources = {
            node: [source for source, target in edges if target == node]
            for node in (*operations, self.output)
        }
        self.widths = node_widths(edges, operations, n_out) | {self.output: n_out}
        self.projections = nn.ModuleDict(
            {
                f"to_{node}": ConvNormReLU(n_in, self.widths[node], 1)
                for node, sources in self.sources.items()
                if 0 in sources
            }
        )
        self.operations = nn.ModuleDict(
            {
                f"node_{node}": make_operation(name, self.widths[node])
                for node, name in operations.items()
            }
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the concatenated nodes, with the projected input added if it leads there."""
        nodes: dict[int, Tensor] = {}
        for node, sources in self.sources.items():
            arriving = [nodes[source] for source in sources if source]
            if node == self.output:
                arriving = [torch.cat(arriving, dim=1)] if len(arriving) > 1 else arriving
            arriving = [features[:, : self.widths[node]] for features in arriving]
            if 0 in sources:
                arriving.append(self.projections[f"to_{node}"](inputs))
            total = arriving[0]
            for features in arriving[1:]:
                total = total + features
            nodes[node] = total if node == self.output else self.operations[f"node_{node}"](total)
        return nodes[self.output]

    def extra_repr(self) -> str:
        """Say which nodes lead to which."""
        return ", ".join(f"{sources} -> {node}" for node, sources in self.sources.items())


def node_widths(
    edges: Sequence[tuple[int, int]], operations: Mapping[int, str], n_out: int
) -> dict[int, int]:
    """Share the channels of the output among the nodes before it; others fit who reads them."""
    last = max(target for _, target in edges)
    shared = [node for node in operations if (node, last) in edges]
    if len(shared) > n_out:
        raise ValueError(
            f"channels has to be {len(shared)} at least for this cell, whose output concatenates"
            f" so many nodes, got {n_out}"
        )
    widths: dict[int, int] = {}
    for place, node in enumerate(shared):
        widths[node] = n_out // len(shared) + (place < n_out % len(shared))
    for node in sorted(operations, reverse=True):
        if node not in widths:
            widths[node] = max(widths[target] for source, target in edges if source == node)
    return widths


def make_operation(name: str, n_channels: int) -> nn.Module:
    """Make the operation of a node."""
    if name == "maxpool3x3":
        return nn.MaxPool2d(3, stride=1, padding=1)
    sizes = {"conv1x1-bn-relu": 1, "conv3x3-bn-relu": 3}
    return ConvNormReLU(n_channels, n_channels, sizes[name])
