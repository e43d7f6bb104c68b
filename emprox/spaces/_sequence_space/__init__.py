"""Spaces of any fixed list of decisions."""

from ._space import SequenceSpace

__all__ = ["SequenceSpace"]
