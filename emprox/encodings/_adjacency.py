"""Adjacency encoding: which nodes are joined, and which operation each of them is."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np

from ..spaces import SearchSpace
from ..spaces._sequences import EDGE, PADDING, IntArray
from ._base import ArchitectureEncoding, Array


class AdjacencyEncoding(ArchitectureEncoding):
    """Encode architectures by their adjacency matrix and their one-hot operations.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object. It has to have the
        token sequence "adjacency".
    canonicalize : bool, default=True
        Whether to encode canonical forms, which puts the nodes of isomorphic graphs into the same
        order. The paper does not.

    Attributes
    ----------
    space_ : SearchSpace
        The search space.
    n_features_out_ : int
        Number of columns.

    See Also
    --------
    PathEncoding : Does not depend on the order of nodes.

    Notes
    -----
    The graph is that of the `Architecture`, with operations on the nodes, as in the token sequence
    "adjacency". Node by node there are the columns

    edge u -> v
        whether an edge leads from node u to node v, for every earlier node u,
    node v is o
        whether node v is the operation o, for every operation of the space.

    What never varies is left out: nodes that are something else, such as an output or a sum,
    wherever they are there in 1,000 random architectures (always the same ones), and if all of
    these have the same number of nodes, edges that are the same in all of them. So NAS-Bench-101
    has the 21 + 15 columns of the paper. In NAS-Bench-201, where operations are on the edges, the
    graph is the same line graph for all cells, so that only the 30 columns of the operations stay,
    "none" among them.

    References
    ----------
    Colin White, Willie Neiswanger, Sam Nolen and Yash Savani. A Study on Encodings for Neural
    Architecture Search. NeurIPS 2020. Section 3, one-hot adjacency matrix encoding.

    Examples
    --------
    >>> from emprox.encodings import AdjacencyEncoding
    >>> encoding = AdjacencyEncoding("nasbench101")
    >>> cell = "010001000:input,conv3x3-bn-relu,output"
    >>> row = encoding.fit_transform([cell])
    >>> row.shape
    (1, 36)
    >>> encoding.get_feature_names_out()[row[0] == 1].tolist()
    ['edge 0 -> 1', 'node 1 is conv3x3-bn-relu', 'edge 1 -> 2']
    """

    def _learn(self, decisions: IntArray, y: Any) -> list[str]:
        space = self.space_
        if "adjacency" not in space.sequences:
            raise ValueError(
                f"{type(self).__name__} needs the token sequence 'adjacency', which the space"
                f" {space.name!r} does not have; take OneHotEncoding"
            )
        tokens = space.tokenize(self._reference(decisions), "adjacency")
        operations = _operation_tokens(space)
        # Where sizes differ, an edge of large graphs may be too rare to be in any of these.
        same_size = self._is_typical() and bool((tokens != PADDING).all())
        names = []
        for name, (position, token) in _columns(space).items():
            column = tokens[:, position]
            if name.startswith("edge"):
                varies = not same_size or 0 < (column == token).sum() < len(column)
            else:
                varies = np.isin(column, operations).any() or (column == PADDING).all()
            if varies:
                names.append(name)
        return names

    def _describe(self, space: SearchSpace, decisions: IntArray) -> Array:
        tokens = space.tokenize(self._canonical(space, decisions), "adjacency")
        columns = _columns(space)
        positions, expected = np.array([columns[name] for name in self._names]).T
        return (tokens[:, positions] == expected).astype(np.float64)


def _columns(space: SearchSpace) -> dict[str, tuple[int, int]]:
    """Name what a sequence "adjacency" can say: at which position and by which token."""
    sequence = space.sequences["adjacency"]
    meanings, operations = sequence.vocabulary, _operation_tokens(space)
    # Of n nodes there are n (n + 1) / 2 tokens; most sequences leave out that of the first node.
    n_nodes = (isqrt(8 * (sequence.length + 1) + 1) - 1) // 2
    writes_first = n_nodes * (n_nodes + 1) // 2 != sequence.length + 1
    columns: dict[str, tuple[int, int]] = {}
    position = 0
    for node in range(not writes_first, n_nodes):
        for source in range(node):
            for token in range(EDGE, min(operations)):
                special = "" if token == EDGE else f" is {meanings[token]}"
                columns[f"edge {source} -> {node}{special}"] = position, token
            position += 1
        for token in operations:
            columns[f"node {node} is {meanings[token]}"] = position, token
        position += 1
    return columns


def _operation_tokens(space: SearchSpace) -> list[int]:
    # They stand behind "padding", "no edge" and "edge", and special edges if there are any.
    vocabulary = space.sequences["adjacency"].vocabulary
    return [t for t, name in enumerate(vocabulary) if t > EDGE and name in space.operations]
