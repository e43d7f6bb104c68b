"""Architectures and search spaces: parsing, canonical forms, token sequences, sampling."""

from ._architecture import Architecture
from ._base import SearchSpace
from ._checks import check_search_space
from ._errors import ArchitectureError
from ._nasbench201 import NASBench201Space
from ._registry import get_space, list_spaces, register_space
from ._sequences import TokenSequence

__all__ = [
    "Architecture",
    "ArchitectureError",
    "NASBench201Space",
    "SearchSpace",
    "TokenSequence",
    "check_search_space",
    "get_space",
    "list_spaces",
    "register_space",
]
