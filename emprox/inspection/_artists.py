"""Graphs as artists of matplotlib: measured in points, drawn in the units of the axes.

All shapes and all texts are outlines in the coordinates of the axes, so that a drawing looks the
same whatever the size of the axes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..spaces import SearchSpace
from ..utils._optional_imports import import_optional
from ._graphs import Edge, Graph, Node, known_operations
from ._layout import LEAST_PORT_STEP, PORT_ROOM, Layout, chain_layout, layered_layout

FONT_SIZE = 9.0
_LINE_HEIGHT = 1.25 * FONT_SIZE
# Half the height of a capital letter, by which a line of text is moved down to be centred.
_HALF_CAPITAL = 0.365
_PADDING = 6.0
_STATE_DIAMETER, _SUM_DIAMETER, _ARROW = 20.0, 15.0, 6.0
# So large is a node at least if the edges to it have notes, which are to stand apart.
_NOTED_SIDE = 36.0
_LABEL_WIDTH = 18
# A chain is drawn in at most so many rows.
_MAX_ROWS = 12
_MARGIN, _GRAPH_GAP, _TITLE_HEIGHT = 4.0, 18.0, 20.0

_WORD = re.compile(r"[^-_,(/.:=\s]*[-_,(/.:=\s]+|[^-_,(/.:=\s]+")

INK, FAINT = "#1a1a1a", "#6e6e6e"
_NEUTRAL_FILL = "#efefef"
# After Okabe and Ito (2008), told apart by colour-blind people as well; yellow is darker, to be
# seen on white.
_HUES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#A89A00", "#8C6D46")
_PLAIN_HUE = "#595959"
# How much white is mixed into a fill, so that dark text on it is easy to read.
_TINT = 0.68


def operation_colors(space: SearchSpace | None, graphs: Sequence[Graph]) -> dict[str, str]:
    """Give each operation a colour, grey to those that compute nothing.

    Parameters
    ----------
    space : SearchSpace or None
        The space, whose operations have the same colours in all drawings.
    graphs : sequence of Graph
        What is to be drawn.

    Returns
    -------
    dict of str to str
        A colour for each operation; where there are more than colours, some share one.
    """
    names, plain = known_operations(space)
    names += sorted({name for graph in graphs for name in graph.operations} - set(names))
    hues = cycle(_HUES)
    return {name: _PLAIN_HUE if name in plain else next(hues) for name in names}


@dataclass
class Drawing:
    """Graphs with a place for everything, in points.

    Parameters
    ----------
    parts : list of (Graph, list of Item, Layout, ndarray of shape (2,))
        Each graph with its boxes, its layout and its lower left corner.
    size : tuple of float
        Width and height.
    """

    parts: list[tuple[Graph, list[Item], Layout, NDArray[np.float64]]]
    size: tuple[float, float]

    def scale(self, room: tuple[float, float]) -> float:
        """Return how much smaller it has to be to fit into this room, in points; at most 1."""
        return min(1.0, room[0] / self.size[0], room[1] / self.size[1])


@dataclass
class Item:
    """A box or circle with text on it.

    Parameters
    ----------
    lines : list of str
        The text.
    kind : str
        A kind of `Node`, or "label" for an operation on an edge.
    name : str
        The operation, for the colour.
    live : bool
        Whether it is on a path from an input to an output.
    size : tuple of float
        Width and height.
    """

    lines: list[str]
    kind: str
    name: str
    live: bool
    size: tuple[float, float]


def fit(
    graphs: Sequence[Graph], room: tuple[float, float], direction: str | None = None
) -> Drawing:
    """Arrange graphs so that they can be drawn as large as possible.

    Parameters
    ----------
    graphs : sequence of Graph
        The graphs.
    room : tuple of float
        Width and height that there are, in points.
    direction : {"right", "down"} or None, default=None
        Where edges lead; None leaves it open.

    Returns
    -------
    Drawing
        The drawing; edges lead to the right, and chains have one row, if another way would be
        little larger.
    """
    best, *others = (
        arrange(graphs, **options) for options in arrangement_options(graphs, direction)
    )
    for drawing in others:
        if drawing.scale(room) > 1.05 * best.scale(room):
            best = drawing
    return best


def arrangement_options(graphs: Sequence[Graph], direction: str | None) -> list[dict[str, Any]]:
    """Return the ways to arrange graphs, as arguments of `arrange`.

    Parameters
    ----------
    graphs : sequence of Graph
        The graphs.
    direction : {"right", "down"} or None
        Where edges lead; None leaves it open. Chains are then in rows.

    Returns
    -------
    list of dict
        The arguments.
    """
    if direction is not None:
        return [{"downward": direction == "down"}]
    if not all(map(_is_chain, graphs)):
        return [{"downward": False}, {"downward": True}]
    longest = max(len(graph.nodes) for graph in graphs)
    in_rows = {-(-longest // n_rows) for n_rows in range(1, 1 + _MAX_ROWS)}
    return [
        {"downward": False, "n_per_row": n_per_row} for n_per_row in sorted(in_rows, reverse=True)
    ]


def arrange(graphs: Sequence[Graph], *, downward: bool, n_per_row: int | None = None) -> Drawing:
    """Find a place for everything.

    Parameters
    ----------
    graphs : sequence of Graph
        The graphs; several stand beside each other, or below if they lead to the right.
    downward : bool
        Whether they lead from top to bottom instead of from left to right.
    n_per_row : int, default=None
        Nodes in a row of a chain; None puts all into one row.

    Returns
    -------
    Drawing
        The drawing.
    """
    parts = []
    here = 0.0
    breadth = 0.0
    for graph in graphs:
        items, layout = _lay_out(graph, downward, n_per_row)
        title = _TITLE_HEIGHT if graph.title else 0.0
        width, height = layout.size[0], layout.size[1] + title
        parts.append((graph, items, layout, width, height, here))
        here += (width if downward else height) + _GRAPH_GAP
        breadth = max(breadth, height if downward else width)
    length = max(0.0, here - _GRAPH_GAP)
    size = (length, breadth) if downward else (breadth, length)
    placed = []
    for graph, items, layout, width, height, start in parts:
        if downward:
            title = height - layout.size[1]
            corner = np.array([start, breadth - height])
        else:
            corner = np.array([(breadth - width) / 2, length - start - height])
        placed.append((graph, items, layout, corner))
    return Drawing(placed, (size[0] + 2 * _MARGIN, size[1] + 2 * _MARGIN))


def _is_chain(graph: Graph) -> bool:
    """Say whether a graph is a chain of nodes, which can be drawn in rows."""
    pairs = {(edge.source, edge.target) for edge in graph.edges}
    chain = {(node, node + 1) for node in range(len(graph.nodes) - 1)}
    return pairs == chain and all(edge.operation is None for edge in graph.edges)


def _lay_out(graph: Graph, downward: bool, n_per_row: int | None) -> tuple[list[Item], Layout]:
    noted = {edge.target for edge in graph.edges if edge.note}
    items = [_node_item(node, number in noted) for number, node in enumerate(graph.nodes)]
    if not downward and _is_chain(graph):
        sizes = np.array([item.size for item in items])
        return items, chain_layout(sizes, n_per_row or len(items))
    links = []
    labels = []
    for edge in graph.edges:
        if edge.operation is None:
            links.append((edge.source, edge.target))
            continue
        labels.append(len(items))
        links += [(edge.source, len(items)), (len(items), edge.target)]
        items.append(_label_item(edge))
    first = [number for number, node in enumerate(graph.nodes) if node.kind == "input"]
    last = [number for number, node in enumerate(graph.nodes) if node.kind == "output"]
    circles = [number for number, item in enumerate(items) if item.kind in ("state", "sum")]
    # Sides are so long that the arrow heads of all edges fit.
    counts = np.array([np.bincount(ends, minlength=len(items)) for ends in _ends(links)])
    sides = (counts.max(axis=0) - 1) * LEAST_PORT_STEP / PORT_ROOM
    side = 0 if downward else 1
    sizes = np.array([item.size for item in items])
    sizes[:, side] = np.maximum(sizes[:, side], sides)
    sizes[circles] = sizes[circles].max(axis=1, keepdims=True)
    for item, size in zip(items, sizes.tolist(), strict=True):
        item.size = tuple(size)
    return items, layered_layout(
        sizes, links, first=first, last=last, labels=labels, round_=circles, downward=downward
    )


def _ends(links: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [source for source, _ in links], [target for _, target in links]


def _node_item(node: Node, noted: bool) -> Item:
    if node.kind == "sum":
        return Item(["+"], "sum", node.label, node.live, (_SUM_DIAMETER,) * 2)
    lines = _wrap(node.label) if node.kind == "operation" else [node.label]
    width = max(map(text_width, lines), default=0.0) + 2 * _PADDING
    height = max(len(lines) * _LINE_HEIGHT + _PADDING, noted * _NOTED_SIDE)
    width = max(width, noted * _NOTED_SIDE)
    if node.kind == "state":
        width = height = max(_STATE_DIAMETER, width)
    return Item(lines, node.kind, node.label, node.live, (width, height))


def _label_item(edge: Edge) -> Item:
    lines = _wrap(str(edge.operation))
    width = max(map(text_width, lines), default=0.0) + 2 * _PADDING
    height = len(lines) * _LINE_HEIGHT + 0.6 * _PADDING
    return Item(lines, "label", str(edge.operation), edge.live, (width, height))


def _wrap(text: str) -> list[str]:
    """Break a long name after signs that part its words; a dollar is no sign of a formula here."""
    text = text.replace("$", r"\$")
    if len(text) <= _LABEL_WIDTH:
        return [text]
    lines = [""]
    for word in _WORD.findall(text):
        if lines[-1] and len((lines[-1] + word).rstrip()) > _LABEL_WIDTH:
            lines.append("")
        lines[-1] += word
    return [line.strip() for line in lines]


def _text_path(text: str, size: float) -> Any:
    """Return the outline of a text; None if there is nothing to be seen."""
    textpath = import_optional("matplotlib.textpath", extra="plot", purpose="text in a drawing")
    return textpath.TextPath((0, 0), text, size=size) if text.strip() else None


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Return how wide a text is, in points.

    Parameters
    ----------
    text : str
        The text.
    size : float, default=9.0
        Size of the font, in points.

    Returns
    -------
    float
        The width.
    """
    path = _text_path(text, size)
    # Control points are near enough to the curves, whose true extent takes long to compute.
    return 0.0 if path is None else float(np.ptp(path.vertices[:, 0]))


def draw(
    ax: Any, drawing: Drawing, hues: Mapping[str, str], scale: float = 1.0
) -> tuple[list[Any], list[Any], list[Any]]:
    """Draw into axes, whose limits and looks are set.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The axes.
    drawing : Drawing
        What is drawn.
    hues : mapping of str to str
        The colour of each operation.
    scale : float, default=1.0
        Width of lines, relative to that at full size.

    Returns
    -------
    boxes, lines, texts : list of matplotlib.patches.Patch
        The artists, by kind.
    """
    artists = _Artists(ax, hues, scale)
    for graph, items, layout, corner in drawing.parts:
        artists.draw_graph(graph, items, layout, corner + _MARGIN)
    width, height = drawing.size
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.set_axis_off()
    return artists.boxes, artists.lines, artists.texts


class _Artists:
    """Draws graphs into axes and keeps what it has drawn."""

    def __init__(self, ax: Any, hues: Mapping[str, str], scale: float) -> None:
        self.ax = ax
        self.hues = hues
        self.line_width = scale
        self.boxes: list[Any] = []
        self.lines: list[Any] = []
        self.texts: list[Any] = []
        self.patches = import_optional("matplotlib.patches", extra="plot", purpose="a drawing")
        self.path = import_optional("matplotlib.path", extra="plot", purpose="a drawing").Path
        self.colors = import_optional("matplotlib.colors", extra="plot", purpose="a drawing")

    def draw_graph(
        self, graph: Graph, items: list[Item], layout: Layout, corner: NDArray[np.float64]
    ) -> None:
        routes, forward = iter(layout.routes), layout.forward
        for edge in graph.edges:
            hue = FAINT if not edge.live else self.hues.get(edge.operation or "", INK)
            if edge.operation is None:
                self.draw_line(
                    next(routes) + corner, forward, hue, edge.live, arrow=True, note=edge.note
                )
            else:
                self.draw_line(next(routes) + corner, forward, hue, edge.live, arrow=False)
                self.draw_line(next(routes) + corner, forward, hue, edge.live, arrow=True)
        for item, center in zip(items, layout.centers, strict=True):
            self.draw_item(item, center + corner)
        if graph.title:
            top = corner + np.array([layout.size[0] / 2, layout.size[1] + _TITLE_HEIGHT / 2])
            self.write([graph.title], top, INK, 1.1 * FONT_SIZE)

    def draw_item(self, item: Item, center: NDArray[np.float64]) -> None:
        hue = self.hues.get(item.name, INK) if item.kind in ("operation", "label") else INK
        fill = self.tint(hue) if hue != INK else _NEUTRAL_FILL
        style: dict[str, Any] = {"facecolor": fill, "edgecolor": hue, "linewidth": self.line_width}
        if item.kind == "state":
            style["facecolor"] = "white"
        if not item.live:
            style |= {"facecolor": "white", "edgecolor": FAINT, "linestyle": (0, (3, 2))}
        width, height = item.size
        if item.kind in ("state", "sum"):
            patch = self.patches.Circle(center, width / 2, **style, zorder=3)
        else:
            rounding = {"operation": 2.5, "label": 7.0}.get(item.kind, 5.0)
            patch = self.patches.FancyBboxPatch(
                center - np.array(item.size) / 2,
                width,
                height,
                boxstyle=f"round,pad=0,rounding_size={rounding}",
                **style,
                zorder=3,
            )
        self.boxes.append(self.ax.add_artist(patch))
        self.write(item.lines, center, INK if item.live else FAINT, FONT_SIZE)

    def draw_line(
        self,
        points: NDArray[np.float64],
        forward: NDArray[np.float64],
        hue: str,
        live: bool,
        *,
        arrow: bool,
        note: str = "",
    ) -> None:
        """Draw an edge along its straight pieces and the curves between them."""
        directions = _directions(points, forward)
        end = points[-1].copy()
        if arrow:
            points = points.copy()
            points[-1] -= 0.8 * _ARROW * directions[-1]
        vertices = [points[0], points[1]]
        codes = [self.path.MOVETO, self.path.LINETO]
        for number in range(1, len(points) - 1, 2):
            begin, stop = points[number], points[number + 1]
            before, after = directions[number // 2], directions[number // 2 + 1]
            step = stop - begin
            # Where it turns back it is half a circle.
            turns = before @ after < 0
            reach = np.hypot(*step) * 2 / 3 if turns else abs(step @ before) / 2
            vertices += [begin + reach * before, stop - reach * after, stop, points[number + 2]]
            codes += [self.path.CURVE4] * 3 + [self.path.LINETO]
        line = self.patches.PathPatch(
            self.path(vertices, codes),
            fill=False,
            edgecolor=hue,
            linewidth=1.1 * self.line_width,
            linestyle="-" if live else (0, (3, 2)),
            capstyle="butt",
            zorder=1,
        )
        self.lines.append(self.ax.add_artist(line))
        if arrow:
            side = np.array([-directions[-1][1], directions[-1][0]]) * 0.42 * _ARROW
            back = end - _ARROW * directions[-1]
            head = self.patches.Polygon(
                [end, back + side, back - side], closed=True, facecolor=hue, linewidth=0, zorder=2
            )
            self.ax.add_artist(head)
        if note:
            self.write([note], end - 1.7 * _ARROW * directions[-1], INK, 0.8 * FONT_SIZE, halo=True)

    def write(
        self,
        lines: Sequence[str],
        center: NDArray[np.float64],
        color: str,
        size: float,
        halo: bool = False,
    ) -> None:
        for number, text in enumerate(lines):
            path = _text_path(text, size)
            if path is None:
                continue
            below = (number - (len(lines) - 1) / 2) * _LINE_HEIGHT
            left, right = path.vertices[:, 0].min(), path.vertices[:, 0].max()
            offset = [-(left + right) / 2, -below - _HALF_CAPITAL * size]
            moved = self.path(path.vertices + (center + offset), path.codes)
            if halo:
                around = self.patches.PathPatch(
                    moved, facecolor="white", edgecolor="white", linewidth=2.5, zorder=3.5
                )
                self.ax.add_artist(around)
            patch = self.patches.PathPatch(
                moved, facecolor=color, linewidth=0, snap=False, zorder=4
            )
            self.texts.append(self.ax.add_artist(patch))

    def tint(self, hue: str) -> tuple[float, ...]:
        color = np.array(self.colors.to_rgb(hue))
        return tuple(color + (1 - color) * _TINT)


def _directions(
    points: NDArray[np.float64], forward: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Return where each straight piece leads; those without a length lead forward."""
    steps = points[1::2] - points[::2]
    lengths = np.hypot(*steps.T)
    return [
        step / length if length > 1e-6 else forward
        for step, length in zip(steps, lengths, strict=True)
    ]
