"""One-hot encoding of the decisions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..spaces import (
    ChainSpace,
    DARTSSpace,
    EdgeCellSpace,
    NASBench101Space,
    SearchSpace,
    SequenceSpace,
)
from ..spaces._sequences import IntArray
from ._base import ArchitectureEncoding, Array


class OneHotEncoding(ArchitectureEncoding):
    """Encode architectures by their decisions: a column for each choice of each decision.

    Parameters
    ----------
    space : str or SearchSpace, default="nasbench201"
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

    def _learn(self, space: SearchSpace, reference: IntArray) -> list[str]:
        return [name for names in choice_names(space) for name in names]

    def _encode(self, decisions: IntArray) -> Array:
        starts = np.cumsum([0, *self.space_.n_choices])
        columns = np.zeros((len(decisions), starts[-1]))
        columns[np.arange(len(decisions))[:, None], decisions + starts[:-1]] = 1
        return columns


def choice_names(space: SearchSpace) -> list[list[str]]:
    """Name the choices of every decision of a space.

    Parameters
    ----------
    space : SearchSpace
        The search space.

    Returns
    -------
    list of list of str
        The names, all different: what they mean in spaces where that is known here, and otherwise
        the numbers of the decision and of the choice.
    """
    operations = space.operations
    if isinstance(space, EdgeCellSpace):
        edges = (f"edge {source} -> {target}" for source, target in space.edges)
        return [_with(edge, operations) for edge in edges]
    if isinstance(space, ChainSpace):
        return [_with(f"layer {layer}", operations) for layer in range(space.n_decisions)]
    if isinstance(space, NASBench101Space):
        nodes = range(1, 6)
        return [
            *(
                [f"no edge {source} -> {target}", f"edge {source} -> {target}"]
                for target in range(7)
                for source in range(target)
            ),
            *(_with(f"node {node}", (*operations, "not there")) for node in nodes),
        ]
    if isinstance(space, DARTSSpace):
        sources = ("c_{k-2}", "c_{k-1}", "node 2", "node 3", "node 4")
        return [
            names
            for kind in ("normal", "reduce")
            for node in range(2, 6)
            for pair in ("first", "second")
            for names in (
                [f"{kind}: {pair} input of node {node} is {name}" for name in sources[:node]],
                _with(f"{kind}: {pair} operation of node {node}", operations),
            )
        ]
    if isinstance(space, SequenceSpace):
        return [_with(name, choices) for name, choices in (space.decisions or {}).items()]
    return [
        _with(f"decision {number}", range(n_choices))
        for number, n_choices in enumerate(space.n_choices)
    ]


def _with(subject: str, choices: Iterable[Any]) -> list[str]:
    return [f"{subject} is {choice}" for choice in choices]
