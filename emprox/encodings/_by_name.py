"""The encodings by the names that they have in parameters."""

from __future__ import annotations

from ..spaces import SearchSpace
from ..utils._options import check_option
from ._adjacency import AdjacencyEncoding
from ._base import ArchitectureEncoding
from ._graf import GRAFEncoding
from ._one_hot import OneHotEncoding
from ._paths import PathEncoding

ENCODINGS: dict[str, type[ArchitectureEncoding]] = {
    "one-hot": OneHotEncoding,
    "adjacency": AdjacencyEncoding,
    "path": PathEncoding,
    "graf": GRAFEncoding,
}


def make_encoding(
    encoding: str, space: str | SearchSpace, *, canonicalize: bool = True
) -> ArchitectureEncoding:
    """Make the encoding of a name."""
    check_option("encoding", encoding, ENCODINGS)
    return ENCODINGS[encoding](space, canonicalize=canonicalize)
