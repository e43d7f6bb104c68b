"""Search: pick the most promising of any number of architectures."""

from ._rank_architectures import rank_architectures

__all__ = ["rank_architectures"]
