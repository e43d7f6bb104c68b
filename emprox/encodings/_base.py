"""What all encodings share: they read architectures, and write a row of numbers for each."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..graphs import Graphs
from ..spaces import SearchSpace, get_space
from ..spaces._sequences import IntArray
from ..spaces._transformer import ArchitectureTransformer

Array = NDArray[np.float64]

# Number of random architectures that show what varies in a space.
N_REFERENCE = 1000


class ArchitectureEncoding(ArchitectureTransformer):
    """Base class of transformers that write architectures as rows of numbers.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.
    canonicalize : bool, default=True
        Whether to encode canonical forms.
    """

    _reads = "StructuralProperties"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ArchitectureTransformer._parameter_constraints,
        "canonicalize": ["boolean"],
    }

    def __init__(self, space: str | SearchSpace, *, canonicalize: bool = True) -> None:
        self.space = space
        self.canonicalize = canonicalize

    def _is_typical(self) -> bool:
        """Say whether random architectures show what varies, and not only those given to fit."""
        return self.space_.sample_is_typical and not get_space(self.space).is_open

    def _reference(self, decisions: IntArray) -> IntArray:
        """Return architectures as they are written that show what varies in the space."""
        return draw_reference(self.space_) if self._is_typical() else decisions

    def _canonical(self, space: SearchSpace, decisions: IntArray) -> IntArray:
        return space.canonicalize(decisions) if self.canonicalize else decisions


@lru_cache(maxsize=64)
def draw_reference(space: SearchSpace) -> IntArray:
    """Draw the architectures that show what varies in a space, always the same."""
    reference = space.sample(min(N_REFERENCE, space.size), random_state=0)
    reference.flags.writeable = False
    return reference


def operation_graphs(space: SearchSpace, decisions: IntArray) -> list[Graphs]:
    """Write architectures as graphs; an operation that hands nothing on, as "none", is no node."""
    passing = [
        graphs.without([n for n, name in enumerate(graphs.names) if name in blocked_by(space)])
        for graphs in space.graphs(decisions)
    ]
    if not passing:
        other = "NetworkProperties" if space.is_catalogue else "OneHotEncoding"
        raise ValueError(
            f"the space {space.name!r} has no graphs of operations; take {other}, or a space with"
            " graphs"
        )
    return passing


def blocked_by(space: SearchSpace) -> set[str]:
    """Return the names of the operations that hand nothing on."""
    return {operation.name for operation in space.signal_operations if operation.effect == "block"}


def prefix_of(graphs: Graphs) -> str:
    """Return what stands before the name of a column about a kind of cell."""
    return f"{graphs.kind}: " if graphs.kind else ""
