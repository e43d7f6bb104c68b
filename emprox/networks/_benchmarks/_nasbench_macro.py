"""The networks of NAS-Bench-Macro, after the code that its authors published."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ._blocks import BenchmarkNetwork, ConvNorm, classifier, convolution

N_FEATURES = 1280


class NASBenchMacroNetwork(BenchmarkNetwork):
    """Stages of blocks, the first of which halves the resolution and doubles the channels."""

    def __init__(
        self,
        blocks: Sequence[str],
        strided: Sequence[bool],
        channels: int,
        n_classes: int,
        in_channels: int,
    ) -> None:
        layers: list[nn.Module] = []
        width = channels
        for name, halves in zip(blocks, strided, strict=True):
            layers.append(make_block(name, width, width * (1 + halves), 1 + halves))
            width *= 1 + halves
        features = nn.Sequential(ConvNorm(width, N_FEATURES, 1), nn.ReLU())
        super().__init__(
            nn.Sequential(ConvNorm(in_channels, channels, 3), nn.ReLU()),
            layers,
            classifier(N_FEATURES, n_classes, features),
            (in_channels, 32, 32),
        )


class InvertedResidual(nn.Module):
    """The block of MobileNetV2: to more channels, depthwise, and back; a shortcut if it fits."""

    def __init__(
        self, n_in: int, n_out: int, stride: int, kernel_size: int, expansion: int
    ) -> None:
        super().__init__()
        n_inner = expansion * n_in
        self.body = nn.Sequential(
            ConvNorm(n_in, n_inner, 1),
            nn.ReLU(),
            convolution(n_inner, n_inner, kernel_size, stride, groups=n_inner),
            nn.BatchNorm2d(n_inner),
            nn.ReLU(),
            ConvNorm(n_inner, n_out, 1),
        )
        self.has_shortcut = n_in == n_out and stride == 1

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the features, with the inputs added if there is a shortcut."""
        return self.body(inputs) + inputs if self.has_shortcut else self.body(inputs)

    def extra_repr(self) -> str:
        """Say whether there is a shortcut."""
        return f"has_shortcut={self.has_shortcut}"


def make_block(name: str, n_in: int, n_out: int, stride: int) -> nn.Module:
    """Make the block of a layer."""
    if name == "identity":
        fits = n_in == n_out and stride == 1
        return nn.Identity() if fits else ConvNorm(n_in, n_out, 1, stride)
    kernel_size, expansion = {"mb3_k3": (3, 3), "mb6_k5": (5, 6)}[name]
    return InvertedResidual(n_in, n_out, stride, kernel_size, expansion)
