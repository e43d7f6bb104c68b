"""Architectures and search spaces: parsing, canonical forms, token sequences, sampling."""

from ..graphs import Architecture, ArchitectureError
from ._base import SearchSpace
from ._edge_cells import EdgeCellSpace
from ._nasbench201 import NASBench201Space
from ._registry import get_space, list_spaces, register_space
from ._sequences import TokenSequence
from ._signals import CellPosition, SignalOperation, Skeleton

__all__ = [
    "Architecture",
    "ArchitectureError",
    "CellPosition",
    "EdgeCellSpace",
    "NASBench201Space",
    "SearchSpace",
    "SignalOperation",
    "Skeleton",
    "TokenSequence",
    "get_space",
    "list_spaces",
    "register_space",
]
