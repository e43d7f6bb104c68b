"""Canonical node orders of many labelled directed acyclic graphs at once.

Here a batch of graphs is a matrix of labels, 0 where a graph has no such node, and a tensor that
counts the edges between all nodes, which lead from lower to higher ones. An *order* lists a graph's
nodes; nodes that are not there come last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._graphs import ABSENT, WIRE, BoolArray, Graphs, IntArray

Colours = NDArray[np.uint64]
# Whether there is an edge, or how many.
Edges = NDArray[Any]

# So many ways to break the symmetries of a graph are followed side by side at most.
MAX_CANDIDATES = 64
# So many matrix entries are worked on at a time, which keeps the memory small.
_CHUNK_ENTRIES = 2**21
# Odd numbers without a pattern.
_FACTORS = np.array(
    [0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93], np.uint64
)


def isomorphism_classes(graphs: Graphs) -> IntArray:
    """Find out which graphs compute the same.

    Nodes that only pass on are wires: it does not matter where on its way a sum is made. A result
    that arrives twice somewhere counts twice. Nodes on no path from an input to the output do not
    matter, nor does the numbering of the others.

    Parameters
    ----------
    graphs : Graphs
        The graphs; what hands nothing on is absent, what copies is a wire.

    Returns
    -------
    ndarray of shape (n_graphs,)
        The number of each graph's class, from 0 on.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.graphs import ABSENT, WIRE, Graphs, isomorphism_classes
    >>> operations = np.array([[WIRE, 0, WIRE, WIRE], [WIRE, WIRE, 0, WIRE]])
    >>> isomorphism_classes(Graphs(operations, [(0, 1), (1, 2), (2, 3)], ["conv"])).tolist()
    [0, 0]
    """
    labels, counts = _contract(graphs)
    labels, counts = reorder(labels, counts, canonical_orders(labels, counts))
    written = np.column_stack([labels, counts.reshape(len(counts), labels.shape[1] ** 2)])
    written = written.astype(np.min_scalar_type(written.max(initial=0)))
    # Rows taken for one opaque item each are quicker to sort than rows of numbers.
    rows = written.view(f"V{written[:1].nbytes}").ravel() if len(written) else written[:, 0]
    return np.unique(rows, return_inverse=True)[1]


def _contract(graphs: Graphs) -> tuple[IntArray, IntArray]:
    """Keep the nodes that compute, and count over how many ways of wires each is read by others."""
    live, n_inputs = graphs.live(), graphs.n_inputs
    n_graphs, n_nodes = live.operations.shape
    sums = np.isin(np.arange(n_nodes), list(live.concatenates))
    wires = (live.operations == WIRE) & ~sums
    wires[:, :n_inputs] = wires[:, -1] = False
    # Inputs, the output, a node that concatenates, then the operations.
    labels = np.where(live.operations == WIRE, n_inputs + 2, live.operations + n_inputs + 3)
    labels[:, :n_inputs], labels[:, -1] = np.arange(n_inputs) + 1, n_inputs + 1
    labels[wires | (live.operations == ABSENT)] = 0
    there = live.there.T
    # How often each node's result has arrived in each node.
    counts = np.zeros((n_graphs, n_nodes, n_nodes), dtype=np.int64)
    for edge, (source, target) in enumerate(live.edges):
        passes_on = (there[:, edge] & wires[:, source])[:, None]
        counts[:, :, target] += np.where(passes_on, counts[:, :, source], 0)
        counts[:, source, target] += there[:, edge] & ~wires[:, source]
    counts *= (labels > 0)[:, None, :]
    orders = np.argsort(labels == 0, axis=1, kind="stable")
    return reorder(labels, counts, orders)


def canonical_orders(labels: IntArray, adjacency: Edges) -> IntArray:
    """Find an order of the nodes of each graph that does not depend on the given one.

    The order is topological and depth-first: after a node comes one that it leads to, if that has
    no other predecessor left, and of several the one with the longest way to go.

    Nodes are told apart by colour refinement: a node's colour is a hash of its label, of its
    depth, and of the colours of its predecessors and successors, again and again until no further
    nodes are told apart. Where nodes of the same colour remain that are not interchangeable, each
    is set apart in turn, and the results are compared.

    Parameters
    ----------
    labels : ndarray of shape (n_graphs, n_nodes)
        Label of each node from 1 on, then 0 where a graph has fewer nodes.
    adjacency : ndarray of shape (n_graphs, n_nodes, n_nodes)
        Strictly upper triangular adjacency; or how many edges there are between two nodes.

    Returns
    -------
    ndarray of shape (n_graphs, n_nodes)
        The order of each graph. Isomorphic graphs get orders in which they are equal, unless a
        graph has more than `MAX_CANDIDATES` ways to break its symmetries that neither colour
        refinement nor a symmetry found on the way tells apart.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.graphs import canonical_orders
    >>> adjacency = np.zeros((1, 3, 3), dtype=bool)
    >>> adjacency[0, 0, 2] = True
    >>> canonical_orders(np.array([[1, 1, 1]]), adjacency)
    array([[0, 2, 1]])
    """
    orders = np.tile(np.arange(labels.shape[1]), (len(labels), 1))
    n_nodes = (labels > 0).sum(axis=1)
    for size in np.unique(n_nodes[n_nodes > 1]).tolist():
        same_size = np.flatnonzero(n_nodes == size)
        step = max(1, _CHUNK_ENTRIES // size**2)
        for start in range(0, len(same_size), step):
            rows = same_size[start : start + step]
            orders[rows, :size] = _orders(labels[rows, :size], adjacency[rows, :size, :size])
    return orders


def _depth_first_orders(adjacency: BoolArray, ranks: IntArray) -> IntArray:
    """Sort the nodes so that edges lead forward; of those that can come next the lowest does."""
    # But a node whose last predecessor came later goes before, whatever its rank.
    n_graphs, n_nodes = ranks.shape
    rows = np.arange(n_graphs)
    n_open = adjacency.sum(axis=1)
    since = np.zeros_like(ranks)
    orders = np.empty_like(ranks)
    for step in range(n_nodes):
        urgency = np.where(n_open == 0, since * n_nodes - ranks, -n_nodes)
        node = orders[:, step] = urgency.argmax(axis=1)
        reached = adjacency[rows, node]
        n_open -= reached
        n_open[rows, node] = -1
        since[reached] = step + 1
    return orders


def reorder(labels: IntArray, adjacency: Edges, orders: IntArray) -> tuple[IntArray, Edges]:
    """Renumber the nodes of each graph by its order.

    Parameters
    ----------
    labels : ndarray of shape (n_graphs, n_nodes)
        Labels.
    adjacency : ndarray of shape (n_graphs, n_nodes, n_nodes)
        Adjacency.
    orders : ndarray of shape (n_graphs, n_nodes)
        Order of each graph.

    Returns
    -------
    labels : ndarray of shape (n_graphs, n_nodes)
        Labels in the new order.
    adjacency : ndarray of shape (n_graphs, n_nodes, n_nodes)
        Adjacency in the new order.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.graphs import reorder
    >>> labels, adjacency = reorder(
    ...     np.array([[5, 6]]), np.zeros((1, 2, 2), dtype=bool), np.array([[1, 0]])
    ... )
    >>> labels
    array([[6, 5]])
    """
    rows = np.arange(len(orders))[:, None, None]
    new_adjacency = adjacency[rows, orders[:, :, None], orders[:, None, :]]
    return np.take_along_axis(labels, orders, axis=1), new_adjacency


def _orders(labels: IntArray, adjacency: Edges) -> IntArray:
    """Return the canonical orders of graphs that fit into memory together."""
    depths = _longest_ways(adjacency)
    heights = _longest_ways(adjacency[:, ::-1, ::-1].swapaxes(1, 2))[:, ::-1]
    colours = _mix(((labels << 32) + (depths << 16) + heights).astype(np.uint64))
    colours = _refine(colours, adjacency)
    tied = np.flatnonzero(_tied_colours(colours, adjacency))
    for row in tied:
        one = slice(row, row + 1)
        colours[row] = _search(colours[one], labels[one], adjacency[one], heights[one])
    return _orders_by_colour(colours, labels, adjacency, heights)


def _orders_by_colour(
    colours: Colours, labels: IntArray, adjacency: Edges, heights: IntArray
) -> IntArray:
    """Return depth-first orders of graphs all of whose nodes are told apart."""
    # The hash comes last, so that similar graphs are written in similar orders.
    preferred = np.lexsort((colours, labels, -heights), axis=1)
    return _depth_first_orders(adjacency != 0, np.argsort(preferred, axis=1))


def _longest_ways(adjacency: Edges) -> IntArray:
    """Return the number of edges on the longest way that leads to each node."""
    n_graphs, n_nodes, _ = adjacency.shape
    longest = np.zeros((n_graphs, n_nodes), dtype=np.int64)
    for node in range(1, n_nodes):
        ways = np.where(adjacency[:, :node, node], longest[:, :node] + 1, 0)
        longest[:, node] = ways.max(axis=1)
    return longest


def _mix(numbers: Colours) -> Colours:
    """Hash numbers of 64 bits, so that sums of hashes tell multisets apart."""
    numbers = (numbers + _FACTORS[0]) * _FACTORS[1]
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _FACTORS[2]
    return numbers ^ (numbers >> np.uint64(31))


def _for_each(colours: Colours, values: NDArray[Any]) -> NDArray[Any]:
    """Repeat what belongs to a single graph for each of its colourings."""
    return np.broadcast_to(values, (len(colours), *values.shape[1:]))


def _n_colours(colours: Colours) -> IntArray:
    ordered = np.sort(colours, axis=1)
    return 1 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1)


def _refine(colours: Colours, adjacency: Edges) -> Colours:
    """Tell nodes apart by the colours around them until that tells no more nodes apart."""
    colours, counts = colours.copy(), _for_each(colours, adjacency.astype(np.uint64))
    n_colours = _n_colours(colours)
    active = np.flatnonzero(n_colours < colours.shape[1])
    while len(active):
        old, edges = colours[active], counts[active]
        into = (_mix(old)[:, None, :] @ edges)[:, 0]
        out = (edges @ _mix(old ^ _FACTORS[3])[:, :, None])[:, :, 0]
        colours[active] = _mix(old + _mix(into) * _FACTORS[1] + _mix(out) * _FACTORS[2])
        now = _n_colours(colours[active])
        finer = (now > n_colours[active]) & (now < colours.shape[1])
        n_colours[active] = now
        active = active[finer]
    return colours


def _tied_colours(colours: Colours, adjacency: Edges) -> Colours:
    """Return, for each graph, the lowest colour of nodes that are not interchangeable, or 0."""
    # Nodes that read the same and are read by the same are: it makes no difference which is first.
    tied, adjacency = np.zeros(len(colours), dtype=np.uint64), _for_each(colours, adjacency)
    by_colour = np.argsort(colours, axis=1)
    ordered = np.take_along_axis(colours, by_colour, axis=1)
    rows, places = np.nonzero(ordered[:, 1:] == ordered[:, :-1])
    left, right = by_colour[rows, places], by_colour[rows, places + 1]
    differ = (adjacency[rows, left] != adjacency[rows, right]).any(axis=1)
    differ |= (adjacency[rows, :, left] != adjacency[rows, :, right]).any(axis=1)
    # Colours ascend within a row, so that the first is the lowest.
    first_rows, first = np.unique(rows[differ], return_index=True)
    tied[first_rows] = ordered[rows[differ][first], places[differ][first]]
    return tied


def _set_apart(colours: Colours, nodes: IntArray) -> Colours:
    """Give one node of each graph a colour of its own."""
    colours = colours.copy()
    rows = np.arange(len(colours))
    colours[rows, nodes] = _mix(colours[rows, nodes] ^ _FACTORS[0])
    return colours


def _search(colours: Colours, labels: IntArray, adjacency: Edges, heights: IntArray) -> Colours:
    """Tell the remaining nodes of a single graph apart, in a way that no numbering influences."""
    candidates = colours
    while tied := _tied_colours(candidates[:1], adjacency)[0]:
        parents, nodes = np.nonzero(candidates == tied)
        candidates = _refine(_set_apart(candidates[parents], nodes), adjacency)
        certificates = _mix(candidates).sum(axis=1)
        candidates = candidates[certificates == certificates.min()]
        if len(candidates) > 1:
            finished = _finish(candidates, adjacency)
            written = _written(finished, candidates, labels, adjacency, heights)
            # Two that look the same when finished are images of each other under a symmetry.
            first = [row for row, text in enumerate(written) if text not in written[:row]]
            candidates = candidates[first[:MAX_CANDIDATES]]
    written = _written(candidates, candidates, labels, adjacency, heights)
    return candidates[written.index(max(written))]


def _finish(colours: Colours, adjacency: Edges) -> Colours:
    """Tell all nodes of a single graph apart by setting any of those apart that are tied."""
    colours = colours.copy()
    while len(rows := np.flatnonzero(tied := _tied_colours(colours, adjacency))):
        nodes = (colours[rows] == tied[rows, None]).argmax(axis=1)
        colours[rows] = _refine(_set_apart(colours[rows], nodes), adjacency)
    return colours


def _written(
    finished: Colours, colours: Colours, labels: IntArray, adjacency: Edges, heights: IntArray
) -> list[bytes]:
    """Write a single graph and its colours in the order of each of several finished colourings."""
    labels, heights, adjacency = (_for_each(finished, e) for e in (labels, heights, adjacency))
    orders = _orders_by_colour(finished, labels, adjacency, heights)
    labels, adjacency = reorder(labels, adjacency, orders)
    colours = np.take_along_axis(colours, orders, axis=1)
    return [
        np.packbits(edges != 0).tobytes() + kinds.tobytes() + coloured.tobytes() + edges.tobytes()
        for edges, kinds, coloured in zip(adjacency, labels, colours, strict=True)
    ]
