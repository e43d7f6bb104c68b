"""One-hot encoding of the decisions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..spaces import SearchSpace
from ..spaces._sequences import IntArray
from ._base import ArchitectureEncoding, Array


class OneHotEncoding(ArchitectureEncoding):
    """Encode architectures by their decisions: a column for each choice of each decision.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.
    canonicalize : bool, default=True
        Whether to encode canonical forms, so that architectures that compute the same function
        are encoded alike.

    Attributes
    ----------
    space_ : SearchSpace
        The search space.
    n_features_out_ : int
        Number of columns.

    See Also
    --------
    AdjacencyEncoding : The same where the operations are all that varies.
    emprox.ArchitectureTokenizer : Writes decisions as tokens.

    Notes
    -----
    The columns are in the order of the decisions, and those of a decision in that of its choices:
    a row holds as many ones as there are decisions. Where a decision is which earlier node to
    read, as in NAS-Bench-101 and DARTS, models have to find out by themselves what that node does.

    References
    ----------
    Colin White, Willie Neiswanger, Sam Nolen and Yash Savani. A Study on Encodings for Neural
    Architecture Search. NeurIPS 2020.

    Examples
    --------
    >>> from emprox.encodings import OneHotEncoding
    >>> encoding = OneHotEncoding("nasbench201", canonicalize=False)
    >>> row = encoding.fit_transform([(2, 1, 1, 1, 0, 1)])
    >>> row.shape
    (1, 30)
    >>> encoding.get_feature_names_out()[row[0] == 1][:2].tolist()
    ['edge 0 -> 1 is nor_conv_3x3', 'edge 0 -> 2 is none']
    """

    def _learn(self, decisions: IntArray, y: Any) -> list[str]:
        return _names(self.space_)

    def _describe(self, space: SearchSpace, decisions: IntArray) -> Array:
        decisions = self._canonical(space, decisions)
        # The column of each choice; what the space of fit did not have comes behind all columns.
        column_of = {name: column for column, name in enumerate(self._names)}
        known = np.array([column_of.get(name, len(column_of)) for name in _names(space)])
        columns = np.zeros((len(decisions), len(column_of) + 1))
        starts = np.cumsum([0, *space.n_choices[:-1]])
        columns[np.arange(len(decisions))[:, None], known[decisions + starts]] = 1
        return columns[:, :-1]


def _names(space: SearchSpace) -> list[str]:
    """Name the choices of every decision; some say themselves what they decide."""
    return [
        str(choice) if decision in str(choice) else f"{decision} is {choice}"
        for decision, choices in space.choices.items()
        for choice in choices
    ]
