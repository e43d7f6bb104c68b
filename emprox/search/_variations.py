"""Variations of architectures, where there are too many to go through."""

from __future__ import annotations

import numpy as np

from ..spaces import SearchSpace
from ._selection import Integers

# So many neighbours of a network are looked at, at most.
_N_NEIGHBORS = 500


def vary(space: SearchSpace, parents: Integers, n: int, rng: np.random.Generator) -> Integers:
    """Change one or two decisions of each, and mix pairs of them."""
    if not len(parents):
        return parents
    n_changeable = int((np.asarray(space.n_choices) > 1).sum())
    drawn = parents[rng.integers(len(parents), size=(3, n))]
    children = [
        _mutate(space, drawn[0], changes, rng) for changes in (1, 2) if changes <= n_changeable
    ]
    mixed = np.where(rng.random(drawn[1].shape) < 0.5, drawn[1], drawn[2])
    return np.concatenate([*children, mixed[space.is_valid(mixed)]])


def near_by(space: SearchSpace, decisions: Integers, rng: np.random.Generator) -> Integers:
    """Return what differs in one decision, or a random part of that."""
    around, _ = space.neighbors(decisions)
    return around[rng.permutation(len(around))[:_N_NEIGHBORS]]


def _mutate(
    space: SearchSpace, parents: Integers, n_changes: int, rng: np.random.Generator
) -> Integers:
    try:
        return space.mutate(parents, n_changes, rng)
    except ValueError:
        # Some architectures have nothing so near.
        return parents[:0]
