"""The encodings by the names that they have in parameters."""

from __future__ import annotations

from ..spaces import SearchSpace
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
    if not isinstance(encoding, str) or encoding not in ENCODINGS:
        raise ValueError(
            f"unknown encoding {encoding!r}; the encodings are {', '.join(map(repr, ENCODINGS))}."
            " For any other transformer of architectures, set the step 'encoding' of the pipeline"
        )
    return ENCODINGS[encoding](space, canonicalize=canonicalize)
