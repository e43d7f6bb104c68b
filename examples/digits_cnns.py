"""
A family of small convolutional networks
========================================

The networks of the example on your own PyTorch models: drawn at random, written as one line of
text, and built from it. ``tools/train_digits_cnns.py`` has trained 300 of them.
"""

from dataclasses import astuple, dataclass

import numpy as np
import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
POOLS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}
# At 2 x 2 pixels nothing is made smaller any more.
IMAGE_SIZE, SMALLEST_SIZE = 8, 2


@dataclass(frozen=True)
class Block:
    """One block: a convolution of some kind, and what comes after it."""

    kind: str = "conv"  # conv, separable, or branches: a 1 x 1 convolution beside the other
    kernel: int = 3
    width: int = 16
    stride: int = 1
    norm: str = "none"  # batch or none
    activation: str = "relu"
    pool: str = "none"  # max, avg or none
    skip: str = "none"  # add or none


def sample_blocks(rng):
    """Draw the blocks of a network: a style, a width, and how and where it is made smaller."""
    style = {
        "kind": str(rng.choice(["conv", "separable", "branches"], p=[0.5, 0.2, 0.3])),
        "kernel": int(rng.choice([1, 3, 5], p=[0.25, 0.5, 0.25])),
        "norm": str(rng.choice(["batch", "none"])),
        "activation": str(rng.choice(list(ACTIVATIONS))),
        "skip": str(rng.choice(["add", "none"])),
    }
    way = str(rng.choice(["stride", *POOLS]))
    width, size, blocks = int(rng.choice([2, 4, 8, 16])), IMAGE_SIZE, []
    for _ in range(rng.integers(1, 7)):
        smaller = size > SMALLEST_SIZE and rng.random() < 0.5
        stride, pool = 1, "none"
        if smaller and way == "stride":
            stride = 2
        elif smaller:
            pool = way
        blocks.append(Block(width=width, stride=stride, pool=pool, **style))
        if smaller:
            width, size = 2 * width, size // 2
    return blocks


def write_blocks(blocks):
    """Write blocks as text, such as "conv-3-16-1-batch-relu-max-add separable-3-32-1-…"."""
    return " ".join("-".join(map(str, astuple(block))) for block in blocks)


def read_blocks(text):
    """Read blocks from text."""
    blocks = []
    for word in text.split():
        kind, kernel, width, stride, *rest = word.split("-")
        blocks.append(Block(kind, int(kernel), int(width), int(stride), *rest))
    return blocks


class ConvBlock(nn.Module):
    """Convolution, normalisation, activation, pooling; perhaps with a skip connection around."""

    def __init__(self, block, channels):
        super().__init__()
        width, kernel, stride = block.width, block.kernel, block.stride
        self.beside = None
        if block.kind == "branches":
            width //= 2
            self.beside = nn.Conv2d(channels, width, 1, stride)
        if block.kind == "separable":
            self.conv = nn.Sequential(
                nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels),
                nn.Conv2d(channels, width, 1),
            )
        else:
            self.conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2)
        self.norm = nn.BatchNorm2d(block.width) if block.norm == "batch" else None
        self.activation = ACTIVATIONS[block.activation]()
        self.pool = POOLS[block.pool](2) if block.pool != "none" else None
        self.add = block.skip == "add"
        self.project = None
        if self.add and (stride > 1 or channels != block.width):
            self.project = nn.Conv2d(channels, block.width, 1, stride)

    def forward(self, x):
        out = self.conv(x)
        if self.beside is not None:
            out = torch.cat([out, self.beside(x)], dim=1)
        if self.norm is not None:
            out = self.norm(out)
        if self.add:
            out = out + (x if self.project is None else self.project(x))
        out = self.activation(out)
        return out if self.pool is None else self.pool(out)


class DigitsCNN(nn.Module):
    """Blocks one after the other and a linear layer: from 8 x 8 pixels to ten classes."""

    def __init__(self, blocks):
        super().__init__()
        channels = [1, *(block.width for block in blocks)]
        self.blocks = nn.Sequential(*map(ConvBlock, blocks, channels))
        size = IMAGE_SIZE
        for block in blocks:
            size //= block.stride * (2 if block.pool != "none" else 1)
        self.classifier = nn.Linear(channels[-1] * size**2, 10)

    def forward(self, x):
        return self.classifier(self.blocks(x).flatten(1))


def sample_network(seed):
    """Draw the text of the network that belongs to a seed."""
    return write_blocks(sample_blocks(np.random.default_rng(seed)))


def build_network(text):
    """Build a network from its text."""
    return DigitsCNN(read_blocks(text))
