"""Where the nodes and edges of a graph are drawn: in layers, after Sugiyama and others (1981)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import bmat, csr_matrix, identity

if TYPE_CHECKING:
    import networkx

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

# In points: between layers, between nodes of a layer, between an edge and its neighbours, and above
# and below a row.
_LAYER_GAP, _NODE_GAP, _EDGE_GAP, _ROW_GAP = 26.0, 9.0, 6.0, 14.0
# The further an edge climbs between two layers, the further these are apart.
_CLIMB = 0.18
# How far apart edges leave a node, and the share of its side that they may take.
_PORT_STEP, _PORT_ROOM = 9.0, 0.72
# How far edges are straight before and behind a layer.
_STUB = 5.0
_N_SWEEPS = 24
# What it costs that a link climbs, by how many of its ends are inside a long edge; and what it
# costs that a node is off the axis.
_LINK_COSTS, _AXIS_COST = np.array([1.0, 2.0, 8.0]), 0.05


@dataclass
class Layout:
    """A graph with the centres of its nodes, their sizes, and the points that its edges join."""

    graph: networkx.DiGraph
    centers: Array
    sizes: Array
    lines: list[Array]
    size: Array
    n_turning: int


class Layers:
    """A directed acyclic graph of nodes 0, 1, … in layers, which `fold` draws in rows.

    A place is a node, or where an edge passes a layer; an edge is a chain of places, and a link
    leads from one to the next. Coordinates are first along the edges and then across.
    """

    def __init__(self, graph: networkx.DiGraph, sizes: Array, downward: bool) -> None:
        self.graph, self.sizes, self.downward = graph, sizes, downward
        layer = _choose_layers(graph)
        links: list[tuple[int, int]] = []
        self.chains = []
        for source, target in graph.edges:
            passed = range(layer[source] + 1, layer[target])
            chain = [source, *range(len(layer), len(layer) + len(passed)), target]
            layer += passed
            self.chains.append(range(len(links), len(links) + len(chain) - 1))
            links += pairwise(chain)
        self.layer = np.array(layer)
        self.links = np.array(links, dtype=np.int64).reshape(-1, 2)
        self.extent = np.zeros((len(layer), 2))
        self.extent[: len(graph)] = sizes[:, ::-1] if downward else sizes
        order = _order_layers(self.layer, self.links)
        self.ports = self._choose_ports(order)
        self.position = self._choose_positions(order)

    def fold(self, n_rows: int) -> Layout:
        """Cut the layers into rows, which follow each other like lines of text."""
        layer, links, (along, across) = self.layer, self.links, self.extent.T
        widths = np.zeros(layer.max() + 1)
        np.maximum.at(widths, layer, along)
        climb = abs(np.diff((self.position[links] + self.ports), axis=1)[:, 0])
        gaps = np.full(len(widths), _LAYER_GAP)
        wanted = _LAYER_GAP / 2 + 2 * _STUB + _CLIMB * climb
        np.maximum.at(gaps, layer[links[:, 1]], wanted)
        stops = np.cumsum(widths + gaps)
        row_of_layer = (stops - widths / 2) * n_rows // (stops[-1] + 1)
        firsts, row_of_layer = np.unique(row_of_layer, return_index=True, return_inverse=True)[1:]
        stops -= (stops - widths)[firsts][row_of_layer]
        x = (stops - widths / 2)[layer]
        begin, end = (stops - widths)[layer] - _STUB, stops[layer] + _STUB

        row = row_of_layer[layer]
        top, bottom = np.full((2, len(firsts)), np.inf)
        np.minimum.at(top, row, self.position - across / 2)
        np.minimum.at(bottom, row, -self.position - across / 2)
        turning = np.flatnonzero(row[links[:, 0]] != row[links[:, 1]])
        n_turning = np.bincount(row[links[turning, 0]], minlength=len(firsts))
        heights = -bottom - top + 2 * _ROW_GAP + _EDGE_GAP * n_turning
        shift = np.cumsum(heights) - heights - top
        y = self.position + shift[row]
        ends = y[links] + self.ports
        # Of the edges from row to row the lowest turns first.
        tracks: dict[int, float] = {}
        free = shift - bottom + _ROW_GAP
        for link in turning[np.argsort(-ends[turning, 0], kind="stable")].tolist():
            tracks[link] = free[row[links[link, 0]]]
            free[row[links[link, 0]]] += _EDGE_GAP

        right, left = stops.max() + 2 * _STUB, -3 * _STUB
        lines = []
        for chain, (source, target) in zip(self.chains, self.graph.edges, strict=True):
            pieces = [np.array([[x[source] + along[source] / 2, ends[chain[0], 0]]])]
            for link in chain:
                (before, after), (leave, arrive) = links[link], ends[link]
                if link in tracks:
                    pieces.append(_turn(right, leave, tracks[link], 1))
                    pieces.append(_turn(left, tracks[link], arrive, -1))
                    leave = arrive
                start = left if link in tracks else end[before]
                pieces.append(_climb((start, leave), (begin[after], arrive)))
            pieces.append(np.array([[x[target] - along[target] / 2, ends[chain[-1], 1]]]))
            lines.append(np.concatenate(pieces))
        # Downward the picture is turned; its lower left corner becomes the origin.
        axes = np.array([[0, -1], [1, 0]]) if self.downward else np.array([[1, 0], [0, -1]])
        lines = [line @ axes for line in lines]
        centers = np.stack([x, y], axis=1)[: len(self.graph)] @ axes
        points = np.concatenate([centers - self.sizes / 2, centers + self.sizes / 2, *lines])
        low, high = points.min(axis=0), points.max(axis=0)
        lines = [line - low for line in lines]
        return Layout(self.graph, centers - low, self.sizes, lines, high - low, max(n_turning))

    def _choose_ports(self, order: list[list[int]]) -> Array:
        """Choose how far from the middle of its places each link begins and ends."""
        rank = np.argsort(np.concatenate(order))
        ports = np.zeros(self.links.shape)
        for side, node in product((0, 1), self.graph):
            links = np.flatnonzero(self.links[:, side] == node)
            links = links[np.argsort(rank[self.links[links, 1 - side]], kind="stable")]
            step = _PORT_ROOM * self.extent[node, 1] / max(1, len(links) - 1)
            numbers = np.arange(len(links)) - (len(links) - 1) / 2
            ports[links, side] = numbers * min(_PORT_STEP, step)
        return ports

    def _choose_positions(self, order: list[list[int]]) -> Array:
        """Let links climb as little as can be: a linear programme, Gansner and others (1993)."""
        n_places, n_nodes, n_links = len(self.layer), len(self.graph), len(self.links)
        beside = [pair for row in order for pair in pairwise(row)]
        pairs = np.array(beside, dtype=np.int64).reshape(-1, 2)
        gaps = self.extent[pairs, 1].mean(axis=1)
        gaps += np.where((pairs >= n_nodes).any(axis=1), _EDGE_GAP, _NODE_GAP)

        def differences(ends: IntArray) -> Any:
            rows = np.repeat(np.arange(len(ends)), 2)
            signs = np.tile([1.0, -1.0], len(ends))
            return csr_matrix((signs, (rows, ends.ravel())), shape=(len(ends), n_places))

        climbs, same, unit = differences(self.links), identity(n_places), identity(n_links)
        limited = [
            [differences(pairs), None, None],
            [climbs, -unit, None],
            [-climbs, -unit, None],
            [same, None, -same],
            [-same, None, -same],
        ]
        shift = np.diff(self.ports, axis=1)[:, 0]
        limits = np.concatenate([-gaps, shift, -shift, np.zeros(2 * n_places)])
        link_costs = _LINK_COSTS[(self.links >= n_nodes).sum(axis=1)]
        off_axis = np.where(np.arange(n_places) < n_nodes, _AXIS_COST, 0)
        costs = np.concatenate([np.zeros(n_places), link_costs, off_axis])
        bounds = [(None, None)] * n_places + [(0, None)] * (n_links + n_places)
        matrix = bmat(limited, format="csr")
        return linprog(costs, matrix, limits, bounds=bounds, method="highs").x[:n_places]


def _climb(begin: Sequence[float], end: Sequence[float]) -> Array:
    """Lead from point to point, along the edges at both ends."""
    share = np.linspace(0, 1, 17)
    smooth = share**2 * (3 - 2 * share)
    return np.array(begin) + np.stack([share, smooth], axis=1) * np.subtract(end, begin)


def _turn(x: float, begin: float, end: float, side: int) -> Array:
    """Turn back by half a circle."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 33)
    radius = (end - begin) / 2
    return np.stack([x + side * radius * np.cos(angle), begin + radius * (1 + np.sin(angle))], 1)


def _choose_layers(graph: networkx.DiGraph) -> list[int]:
    """Choose a layer for each node: that of the longest path to it, or later if that is nearer."""
    import networkx

    kinds = [graph.nodes[node]["kind"] for node in range(len(graph))]
    sources = [node for node, degree in graph.in_degree if not degree]
    sinks = [node for node, degree in graph.out_degree if not degree]
    first = {node for node in sources if kinds[node] == "input"}
    last = {node for node in sinks if kinds[node] == "output"}
    ordered = networkx.DiGraph(graph)
    ordered.add_edges_from(product(first, {*sources} - first - last))
    ordered.add_edges_from(product({*sinks} - first - last, last))
    layer = [0] * len(graph)
    for number, generation in enumerate(networkx.topological_generations(ordered)):
        for node in generation:
            layer[node] = number
    for node in last:
        layer[node] = max(layer)
    for node in sorted(graph, key=layer.__getitem__, reverse=True):
        if graph.out_degree(node) > graph.in_degree(node) and node not in first:
            layer[node] = min(layer[target] for target in graph.successors(node)) - 1
    return layer


def _order_layers(layer: IntArray, links: IntArray) -> list[list[int]]:
    """Order each layer by the mean place of the neighbours, so that few links cross."""
    nodes = range(len(layer))
    order = [np.flatnonzero(layer == number).tolist() for number in range(layer.max() + 1)]
    before, after = ([links[links[:, 1 - side] == node, side] for node in nodes] for side in (0, 1))
    between = [links[layer[links[:, 0]] == number] for number in range(len(order) - 1)]
    place = np.concatenate([(np.arange(len(row)) + 0.5) / len(row) for row in order])
    place = place[np.argsort(np.concatenate(order))]
    best, fewest = order, np.inf
    for sweep in range(_N_SWEEPS):
        near, rows = (before, order) if sweep % 2 == 0 else (after, order[::-1])
        for row in rows:
            mean = {
                node: place[near[node]].mean() if len(near[node]) else place[node] for node in row
            }
            row.sort(key=mean.__getitem__)
            place[row] = (np.arange(len(row)) + 0.5) / len(row)
        n_crossings = 0
        for ends in between:
            gaps = place[ends][:, None] - place[ends]
            n_crossings += int((gaps.prod(axis=2) < 0).sum())
        if n_crossings < fewest:
            best, fewest = [list(row) for row in order], n_crossings
    return best
