"""Networks that are written in PyTorch, as architectures."""

from ._from_torch import from_torch

__all__ = ["from_torch"]
