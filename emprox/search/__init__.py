"""Search: which architectures to train first and next, and the best of any number of them."""

from ._architecture_search import ArchitectureSearch
from ._design import choose_architectures
from ._rank_architectures import rank_architectures

__all__ = ["ArchitectureSearch", "choose_architectures", "rank_architectures"]
