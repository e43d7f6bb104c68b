"""Which properties describe the architectures of a space."""

from __future__ import annotations

from typing import Any

from ..spaces import SearchSpace, get_space
from ..spaces._transformer import ArchitectureTransformer
from ._networks import NetworkProperties
from ._structural import StructuralProperties

_KINDS: dict[str, Any] = {each.__name__: each for each in (StructuralProperties, NetworkProperties)}


def properties_of(space: str | SearchSpace) -> ArchitectureTransformer:
    """Return the transformer, standardised and not fitted, for architectures of a space."""
    return _KINDS[get_space(space).described_by](space, standardize=True)
