"""Adjacency encoding: which nodes are joined, and which operation each of them is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..spaces import DAGSpace, SearchSpace
from ..spaces._sequences import EDGE, PADDING, IntArray
from ._base import ArchitectureEncoding, Array
from ._operation_graphs import adjacency_size


class AdjacencyEncoding(ArchitectureEncoding):
    """Encode architectures by their adjacency matrix and their one-hot operations.

    Parameters
    ----------
    space : str or SearchSpace, default="nasbench201"
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

    _positions: IntArray
    _tokens: IntArray

    def _learn(self, space: SearchSpace, reference: IntArray) -> list[str]:
        if "adjacency" not in space.sequences:
            raise ValueError(
                f"{type(self).__name__} needs the token sequence 'adjacency', which the space"
                f" {space.name!r} does not have; take OneHotEncoding"
            )
        sequence = space.sequences["adjacency"]
        # Behind "padding", "no edge" and "edge" may stand special edges, then the operations.
        meanings = dict(enumerate(sequence.vocabulary))
        operations = [
            token for token, name in meanings.items() if token > EDGE and name in space.operations
        ]
        edges = range(EDGE, min(operations))
        n_nodes, writes_first = adjacency_size(sequence.length)
        matrix = space.tokenize(reference, "adjacency")
        # Where sizes differ, an edge of large graphs may be too rare to be in any of these.
        same_size = not isinstance(space, DAGSpace) and bool((matrix != PADDING).all())
        columns: list[tuple[str, int, int]] = []
        position = 0
        for node in range(not writes_first, n_nodes):
            for source in range(node):
                for token in edges:
                    if same_size and len(np.unique(matrix[:, position] == token)) == 1:
                        continue
                    special = "" if token == EDGE else f" is {meanings[token]}"
                    columns.append((f"edge {source} -> {node}{special}", position, token))
                position += 1
            labels = set(np.unique(matrix[:, position])) - {PADDING}
            if not labels or labels.intersection(operations):
                columns += [
                    (f"node {node} is {meanings[token]}", position, token) for token in operations
                ]
            position += 1
        self._positions = np.array([position for _, position, _ in columns])
        self._tokens = np.array([token for *_, token in columns])
        return [name for name, *_ in columns]

    def _encode(self, decisions: IntArray) -> Array:
        tokens: NDArray[np.int64] = self.space_.tokenize(decisions, "adjacency")
        return (tokens[:, self._positions] == self._tokens).astype(np.float64)
