"""Random numbers without scikit-learn, which the search spaces do not need."""

from __future__ import annotations

import numpy as np

RandomState = int | np.random.Generator | np.random.RandomState | None


def as_generator(random_state: RandomState) -> np.random.Generator:
    """Turn whatever scikit-learn accepts as ``random_state`` into a numpy Generator.

    Parameters
    ----------
    random_state : int, Generator, RandomState or None
        A seed, a generator (used as it is and moved on) or None for fresh entropy.

    Returns
    -------
    numpy.random.Generator
        The generator.
    """
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1))
    return np.random.default_rng(random_state)
