"""Where the nodes and edges of a graph are drawn: layers from left to right, few crossings.

After Sugiyama, Tagawa and Toda (1981): nodes get a layer, edges over several layers a place in
each of them, the layers an order with few crossings, and everything a coordinate that keeps edges
straight. All lengths are in points.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

Array = NDArray[np.float64]
Edge = tuple[int, int]

# Between layers, between nodes of a layer, and between an edge and its neighbours in a layer.
LAYER_GAP, NODE_GAP, EDGE_GAP = 26.0, 9.0, 6.0
# The higher an edge climbs between two layers the further these are apart.
CLIMB = 0.18
# How far apart the edges of a node leave it or arrive, at least how far they should, and the share
# of its side that they may take.
PORT_STEP, LEAST_PORT_STEP, PORT_ROOM = 9.0, 4.6, 0.72
# How far edges are straight before and behind a layer.
STUB = 5.0
N_ORDER_SWEEPS = 12
# Between the rows of a chain; the edge from one to the next turns there.
ROW_GAP = 26.0
# What it costs if a link climbs, by how many of its ends are places of a longer edge: a long edge
# disturbs more if it bends than a short one. And what it costs to be off the axis.
_LINK_COSTS, _AXIS_COST = (1.0, 2.0, 8.0), 0.05


@dataclass(frozen=True)
class Layout:
    """A drawn graph.

    Parameters
    ----------
    centers : ndarray of shape (n_nodes, 2)
        Centres of the nodes, x to the right and y upward.
    routes : list of ndarray of shape (n_points, 2)
        For each edge the points that it passes: pairs of them are the ends of straight pieces,
        which a curve joins to the next.
    size : tuple of float
        Width and height of the whole.
    forward : ndarray of shape (2,)
        Where edges lead that have no straight piece of any length.
    """

    centers: Array
    routes: list[Array]
    size: tuple[float, float]
    forward: Array


def layered_layout(
    sizes: Array,
    edges: Sequence[Edge],
    *,
    first: Collection[int] = (),
    last: Collection[int] = (),
    labels: Collection[int] = (),
    round_: Collection[int] = (),
    downward: bool = False,
) -> Layout:
    """Draw a directed acyclic graph in layers.

    Parameters
    ----------
    sizes : ndarray of shape (n_nodes, 2)
        Width and height of the nodes.
    edges : sequence of (int, int)
        Source and target of each edge.
    first, last : collection of int, default=()
        Nodes in the first and in the last layer, if nothing leads to or from them.
    labels : collection of int, default=()
        Nodes that are labels of an edge: one edge leads to each and one from it, and they stand
        anywhere between its ends.
    round_ : collection of int, default=()
        Nodes that are circles.
    downward : bool, default=False
        Whether the layers follow each other from top to bottom instead of from left to right.

    Returns
    -------
    Layout
        The layout.
    """
    along, across = (sizes[:, 1], sizes[:, 0]) if downward else (sizes[:, 0], sizes[:, 1])
    layer = assign_layers(len(sizes), edges, first, last, labels)
    # Chains of places, one in each layer that an edge passes; those beyond the nodes are its own.
    n_nodes, layer_of = len(sizes), list(layer)
    chains: list[list[int]] = []
    for source, target in edges:
        chain = [source]
        for passed in range(layer[source] + 1, layer[target]):
            chain.append(len(layer_of))
            layer_of.append(passed)
        chains.append([*chain, target])
    links = [link for chain in chains for link in pairwise(chain)]
    order = order_layers(layer_of, links)
    leaving, arriving = _ports(chains, order, across)
    offsets = np.zeros((len(links), 2))
    lengths = np.array([len(chain) - 1 for chain in chains], dtype=int)
    stops = np.cumsum(lengths)
    offsets[stops - lengths, 0], offsets[stops - 1, 1] = leaving, arriving
    extents = np.concatenate([across, np.zeros(len(layer_of) - n_nodes)])
    position = place(order, links, offsets, extents, n_nodes)

    starts, ends = _spread_layers(order, links, along, position, n_nodes)
    layers = np.array(layer_of[:n_nodes], dtype=int)
    middle = (starts[layers] + ends[layers]) / 2
    centers = np.column_stack([middle, position[:n_nodes]])

    def reach(node: int, port: float) -> float:
        """Return how far a node extends along the layers where an edge meets it."""
        radius = along[node] / 2
        return float(np.sqrt(radius**2 - port**2)) if node in round_ else float(radius)

    routes = []
    for number, (source, target) in enumerate(edges):
        out, into = leaving[number], arriving[number]
        begin, end = position[source] + out, position[target] + into
        points = [(middle[source] + reach(source, out), begin), (ends[layer[source]], begin)]
        for passing in chains[number][1:-1]:
            passed = layer_of[passing]
            points += [(starts[passed], position[passing]), (ends[passed], position[passing])]
        points += [(starts[layer[target]], end), (middle[target] - reach(target, into), end)]
        routes.append(np.array(points))
    return _framed(centers, routes, along, across, downward)


def chain_layout(sizes: Array, n_per_row: int) -> Layout:
    """Draw a chain in rows, like text.

    Parameters
    ----------
    sizes : ndarray of shape (n_nodes, 2)
        Width and height of the nodes, in the order of the chain.
    n_per_row : int
        Nodes in a row.

    Returns
    -------
    Layout
        The layout; the edges are those from each node to the next.
    """
    n_nodes = len(sizes)
    n_rows = -(-n_nodes // n_per_row)
    padded = np.zeros((n_rows * n_per_row, 2))
    padded[:n_nodes] = sizes
    widths = padded[:, 0].reshape(n_rows, n_per_row).max(axis=0)
    row_height = sizes[:, 1].max() + ROW_GAP
    lefts = np.concatenate([[0], np.cumsum(widths[:-1] + LAYER_GAP)])
    row, column = np.divmod(np.arange(n_nodes), n_per_row)
    centers = np.column_stack([(lefts + widths / 2)[column], row * row_height])
    half = sizes[:, 0] / 2
    routes = []
    for node in range(n_nodes - 1):
        (x, y), (next_x, next_y) = centers[node], centers[node + 1]
        points = [[x + half[node], y]]
        if row[node] == row[node + 1]:
            points += [points[0], [next_x - half[node + 1], y]]
        else:
            # Around the end of the row, back between the rows, and around their beginning.
            right, left, between = lefts[-1] + widths[-1] + STUB, -3 * STUB, (y + next_y) / 2
            points += [[right, y], [right, between], [left, between], [left, next_y]]
        points.append([next_x - half[node + 1], next_y])
        routes.append(np.array(points))
    layout = _framed(centers, routes, sizes[:, 0], sizes[:, 1], downward=False)
    if n_rows == 1:
        return layout
    # The turns are half circles beyond the points that they join.
    bulge = np.array([row_height / 4, 0])
    return replace(
        layout,
        centers=layout.centers + bulge,
        routes=[points + bulge for points in layout.routes],
        size=(layout.size[0] + 2 * bulge[0], layout.size[1]),
    )


def assign_layers(
    n_nodes: int,
    edges: Sequence[Edge],
    first: Collection[int] = (),
    last: Collection[int] = (),
    labels: Collection[int] = (),
) -> list[int]:
    """Choose a layer for each node: the longest path that leads there, or later if that is nearer.

    Parameters
    ----------
    n_nodes : int
        Number of nodes.
    edges : sequence of (int, int)
        The edges.
    first, last, labels : collection of int, default=()
        See `layered_layout`.

    Returns
    -------
    list of int
        The layer of each node, from 0 on.
    """
    before: list[list[int]] = [[] for _ in range(n_nodes)]
    after: list[list[int]] = [[] for _ in range(n_nodes)]
    for source, target in edges:
        before[target].append(source)
        after[source].append(target)
    first = {node for node in first if not before[node]}
    last = {node for node in last if not after[node]}
    layer = [0] * n_nodes
    order = _topological_order(before, after)
    for node in order:
        start = 1 if first and node not in first else 0
        layer[node] = max((layer[source] + 1 for source in before[node]), default=start)
    for node in last:
        layer[node] = max(layer)
    for node in reversed(order):
        movable = node not in first and node not in last and node not in labels
        if movable and len(after[node]) > len(before[node]):
            layer[node] = max(layer[node], min(layer[target] for target in after[node]) - 1)
    _place_labels(layer, before, after, labels)
    return layer


def _topological_order(before: list[list[int]], after: list[list[int]]) -> list[int]:
    n_open = [len(sources) for sources in before]
    order = [node for node, count in enumerate(n_open) if not count]
    for node in order:
        for target in after[node]:
            n_open[target] -= 1
            if not n_open[target]:
                order.append(target)
    return order


def _place_labels(
    layer: list[int], before: list[list[int]], after: list[list[int]], labels: Collection[int]
) -> None:
    """Put the label of each edge between its ends, where few others are."""
    taken = [0.0] * (max(layer, default=0) + 1)
    for node, number in enumerate(layer):
        if node not in labels:
            # A label among nodes makes their layer wide.
            taken[number] += 2

    def slack(node: int) -> int:
        return layer[after[node][0]] - layer[before[node][0]]

    for node in sorted(labels, key=slack):
        low, high = layer[before[node][0]] + 1, layer[after[node][0]] - 1
        middle, center = (low + high) / 2, (len(taken) - 1) / 2

        def cost(
            number: int, middle: float = middle, center: float = center
        ) -> tuple[float, float]:
            return taken[number] + abs(number - middle) / 2, -abs(number - center)

        layer[node] = min(range(low, high + 1), key=cost)
        taken[layer[node]] += 1


def order_layers(layer_of: Sequence[int], links: Sequence[Edge]) -> list[list[int]]:
    """Order each layer so that few edges cross.

    Parameters
    ----------
    layer_of : sequence of int
        The layer of each node.
    links : sequence of (int, int)
        The edges, each from a layer to the next.

    Returns
    -------
    list of list of int
        The nodes of each layer.
    """
    n_layers = max(layer_of, default=-1) + 1
    nodes = range(len(layer_of))
    neighbors: list[tuple[list[int], list[int]]] = [([], []) for _ in nodes]
    between: list[list[Edge]] = [[] for _ in range(n_layers)]
    for source, target in links:
        neighbors[target][0].append(source)
        neighbors[source][1].append(target)
        between[layer_of[source]].append((source, target))
    best: list[list[int]] = []
    fewest = np.inf
    for backward in (False, True):
        order: list[list[int]] = [[] for _ in range(n_layers)]
        for node in reversed(nodes) if backward else nodes:
            order[layer_of[node]].append(node)
        for sweep in range(N_ORDER_SWEEPS):
            side = sweep % 2
            numbers = range(1, n_layers) if side == 0 else range(n_layers - 2, -1, -1)
            for number in numbers:
                near = order[number - 1 if side == 0 else number + 1]
                _sort_by_mean(order[number], near, neighbors, side)
            _exchange(order, neighbors)
            n_crossings = sum(
                _count_crossings(order[number], order[number + 1], between[number])
                for number in range(n_layers - 1)
            )
            if n_crossings < fewest:
                fewest, best = n_crossings, [list(row) for row in order]
    return best


def _sort_by_mean(
    row: list[int], near: list[int], neighbors: list[tuple[list[int], list[int]]], side: int
) -> None:
    """Sort a layer by the mean place of the neighbours; those without any stay where they are."""
    rank = {node: place_ for place_, node in enumerate(near)}
    keys = {}
    for place_, node in enumerate(row):
        ranks = [rank[other] for other in neighbors[node][side]]
        scaled = place_ * (len(near) - 1) / max(1, len(row) - 1)
        keys[node] = sum(ranks) / len(ranks) if ranks else scaled
    row.sort(key=keys.__getitem__)


def _exchange(order: list[list[int]], neighbors: list[tuple[list[int], list[int]]]) -> None:
    """Exchange neighbours within layers as long as that saves crossings."""
    for number, row in enumerate(order):
        ranks = [
            {node: place_ for place_, node in enumerate(order[other])}
            if 0 <= other < len(order)
            else {}
            for other in (number - 1, number + 1)
        ]
        improved = True
        while improved:
            improved = False
            for place_ in range(len(row) - 1):
                left, right = row[place_], row[place_ + 1]
                gain = 0
                for side in (0, 1):
                    lefts = [ranks[side][node] for node in neighbors[left][side]]
                    rights = [ranks[side][node] for node in neighbors[right][side]]
                    gain += sum((a > b) - (a < b) for a in lefts for b in rights)
                if gain > 0:
                    row[place_], row[place_ + 1] = right, left
                    improved = True


def _count_crossings(above: list[int], below: list[int], links: list[Edge]) -> int:
    rank = {node: place_ for row in (above, below) for place_, node in enumerate(row)}
    ends = np.array([(rank[source], rank[target]) for source, target in links]).reshape(-1, 2)
    before, after = (np.subtract.outer(column, column) for column in ends.T)
    return int((before * after < 0).sum()) // 2


def place(
    order: list[list[int]], links: Sequence[Edge], offsets: Array, extents: Array, n_nodes: int
) -> Array:
    """Choose coordinates within the layers, so that edges are as straight as can be.

    The sum of what all edges climb between layers, those that bend twice counting more, is as
    small as it can be: a linear programme, after Gansner, Koutsofios, North and Vo (1993).

    Parameters
    ----------
    order : list of list of int
        The nodes of each layer, first those of the graph, then the places of long edges.
    links : sequence of (int, int)
        The edges between layers.
    offsets : ndarray of shape (n_links, 2)
        Where each begins and ends, relative to the nodes.
    extents : ndarray of shape (n_places,)
        How much room each node or place takes across.
    n_nodes : int
        How many are nodes of the graph.

    Returns
    -------
    ndarray of shape (n_places,)
        The coordinates.
    """
    n_places, n_links = len(extents), len(links)
    pairs = [pair for row in order for pair in pairwise(row)]
    # Unknown are the coordinates; how far each link climbs or falls; and how far each node is from
    # the axis, which keeps those in the middle that could as well be elsewhere.
    n_unknown = n_places + n_links + n_nodes
    costs = np.zeros(n_unknown)
    costs[n_places + n_links :] = _AXIS_COST
    entries: list[tuple[int, int, float]] = []
    limits: list[float] = []

    def limit(terms: Sequence[tuple[int, float]], most: float) -> None:
        entries.extend((len(limits), unknown, factor) for unknown, factor in terms)
        limits.append(most)

    for left, right in pairs:
        gap = NODE_GAP if left < n_nodes and right < n_nodes else EDGE_GAP
        limit([(left, 1), (right, -1)], -(extents[left] + extents[right]) / 2 - gap)
    for number, (source, target) in enumerate(links):
        climb = n_places + number
        costs[climb] = _LINK_COSTS[(source >= n_nodes) + (target >= n_nodes)]
        shift = float(offsets[number, 1] - offsets[number, 0])
        limit([(source, 1), (target, -1), (climb, -1)], shift)
        limit([(source, -1), (target, 1), (climb, -1)], -shift)
    for node in range(n_nodes):
        away = n_places + n_links + node
        limit([(node, 1), (away, -1)], 0)
        limit([(node, -1), (away, -1)], 0)
    row, column, factor = zip(*entries, strict=True)
    matrix = csr_array((factor, (row, column)), shape=(len(limits), n_unknown))
    bounds = [(None, None)] * n_places + [(0, None)] * (n_unknown - n_places)
    return linprog(costs, matrix, limits, bounds=bounds, method="highs").x[:n_places]


def _spread_layers(
    order: list[list[int]], links: Sequence[Edge], along: Array, position: Array, n_nodes: int
) -> tuple[Array, Array]:
    """Return where each layer begins and ends."""
    layer_of = {node: number for number, row in enumerate(order) for node in row}
    gaps = np.full(len(order), LAYER_GAP)
    for source, target in links:
        climb = abs(position[source] - position[target])
        number = layer_of[source]
        gaps[number] = max(gaps[number], LAYER_GAP / 2 + 2 * STUB + CLIMB * climb)
    widths = [max((along[node] for node in row if node < n_nodes), default=0.0) for row in order]
    starts = np.concatenate([[0.0], np.cumsum(widths[:-1] + gaps[:-1])])
    # Edges leave and arrive straight, so that arrow heads sit on them well.
    return starts - STUB, starts + widths + STUB


def _ports(chains: list[list[int]], order: list[list[int]], across: Array) -> tuple[Array, Array]:
    """Return how far from the middle each edge leaves its source and arrives at its target."""
    rank = {node: number for row in order for number, node in enumerate(row)}
    ports = np.zeros((2, len(chains)))
    for side, (end, beside) in enumerate(((0, 1), (-1, -2))):
        at: dict[int, list[int]] = {}
        for number, chain in enumerate(chains):
            at.setdefault(chain[end], []).append(number)
        for node, numbers in at.items():
            numbers.sort(key=lambda number: rank[chains[number][beside]])
            step = min(PORT_STEP, PORT_ROOM * across[node] / max(1, len(numbers) - 1))
            middle = (len(numbers) - 1) / 2
            ports[side, numbers] = (np.arange(len(numbers)) - middle) * step
    return ports[0], ports[1]


def _framed(
    centers: Array, routes: list[Array], along: Array, across: Array, downward: bool
) -> Layout:
    """Turn the picture downward if wanted, and move its lower left corner to the origin."""
    half = np.column_stack([along, across]) / 2
    points = np.concatenate([centers - half, centers + half, *routes])
    low, high = points.min(axis=0), points.max(axis=0)
    length, breadth = (float(extent) for extent in high - low)
    # What comes first within a layer stands on top, or on the left if layers follow downward.
    moved = [
        np.column_stack([p[:, 1] - low[1], high[0] - p[:, 0]])
        if downward
        else np.column_stack([p[:, 0] - low[0], high[1] - p[:, 1]])
        for p in (centers, *routes)
    ]
    size = (breadth, length) if downward else (length, breadth)
    forward = np.array([0.0, -1.0]) if downward else np.array([1.0, 0.0])
    return Layout(moved[0], moved[1:], size, forward)
