"""Spaces of any labelled directed acyclic graphs."""

from ._space import DAGSpace

__all__ = ["DAGSpace"]
