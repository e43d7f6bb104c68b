"""Canonical forms of all architectures of a small space, worked out together."""

from __future__ import annotations

import numpy as np

from ..graphs._graphs import IntArray


def representatives(decisions: IntArray, classes: IntArray, *preferred: IntArray) -> IntArray:
    """Replace each row by that of its class in which the preferred numbers, in order, are least."""
    order = np.lexsort((*preferred[::-1], classes))
    _, first, members = np.unique(classes[order], return_index=True, return_inverse=True)
    chosen = np.empty_like(decisions)
    chosen[order] = decisions[order[first]][members]
    return chosen
