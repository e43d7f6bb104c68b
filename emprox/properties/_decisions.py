"""Columns for spaces whose decisions mean the same in every architecture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..spaces._sequences import IntArray
from ._cells import Columns


def decision_columns(decisions: IntArray, n_choices: Sequence[int]) -> Columns:
    """Write decisions as numbers: one by one, by value, and counted.

    Parameters
    ----------
    decisions : ndarray of shape (n_architectures, n_decisions)
        Decision matrix.
    n_choices : sequence of int
        Number of choices of each decision.

    Returns
    -------
    dict of str to ndarray of shape (n_architectures,)
        Columns by name: whether a decision is a choice, its number, and how often a choice is
        taken in all.
    """
    columns: Columns = {}
    for place, choices in enumerate(n_choices):
        chosen = decisions[:, place]
        columns[f"decision {place}"] = chosen.astype(np.float64)
        if choices > 2:
            for choice in range(choices):
                columns[f"decision {place} is {choice}"] = chosen == choice
    for choice in range(max(n_choices)):
        columns[f"number of choices {choice}"] = (decisions == choice).sum(axis=1)
    return columns
