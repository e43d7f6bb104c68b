"""Reading architectures where there have to be some."""

from __future__ import annotations

from typing import Any

from ._base import SearchSpace
from ._sequences import IntArray

NOTHING = "found no architectures (0 samples): at least one is required"


def encode_some(space: SearchSpace, architectures: Any) -> IntArray:
    """Read at least one architecture and return the decisions.

    Parameters
    ----------
    space : SearchSpace
        The search space.
    architectures : sequence, array, Series or one-column DataFrame
        Architectures in any form that `SearchSpace.encode` reads.

    Returns
    -------
    ndarray of shape (n_architectures, n_decisions)
        Decision matrix.

    Raises
    ------
    ArchitectureError
        If an item is not an architecture of the space; ``index`` says which.
    ValueError
        If there are none.
    """
    decisions = space.encode(architectures)
    if not len(decisions):
        raise ValueError(NOTHING)
    return decisions
