"""Encodings of architectures as rows of numbers, for regressors that read matrices."""

from ._adjacency import AdjacencyEncoding
from ._graf import GRAFEncoding
from ._one_hot import OneHotEncoding
from ._paths import PathEncoding

__all__ = ["AdjacencyEncoding", "GRAFEncoding", "OneHotEncoding", "PathEncoding"]
