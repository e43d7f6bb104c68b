"""Search: which architectures to train first, and the most promising of any number of them."""

from ._design import choose_architectures
from ._rank_architectures import rank_architectures

__all__ = ["choose_architectures", "rank_architectures"]
