"""Graphs as artists of matplotlib, one unit of the axes being a point at full size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from ._layout import Array, Layers, Layout

if TYPE_CHECKING:
    import networkx

    from ..spaces import SearchSpace

FONT_SIZE = 9.0
_LINE_HEIGHT, _PADDING, _TITLE_HEIGHT = 1.25 * FONT_SIZE, 6.0, 20.0
# Half the height of a capital letter, by which a line of text is moved down to be centred.
_HALF_CAPITAL = 0.365 * FONT_SIZE
# So much of a node's side does an edge need at least.
_PORT_SIDE = 6.4
_MARGIN, _GRAPH_GAP = 4.0, 18.0
# So much larger has a drawing to be in more rows, or downward, to be drawn so; and for every edge
# that leads from row to row, which is hard to follow.
_WORTHWHILE, _TURN_COST = 1.05, 1.05
# A line of a label: up to 18 characters and a sign that parts words, not the digits of a number,
# or a word that is longer.
_LINES = re.compile(r".{1,18}(?:[-_(/:=\s]|[,.](?!\d)|$)|[^-_,(/.:=\s]+.?")

INK, FAINT, _FILL, _PLAIN = "#1a1a1a", "#6e6e6e", "#efefef", "#595959"
# After Okabe and Ito (2008), told apart by colour-blind people as well; yellow is darker, to be
# seen on white.
_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#A89A00", "#8C6D46")
# How much white is mixed into a fill, so that dark text on it is easy to read.
_TINT = 0.68
_DASHED = (0, (3, 2))


def operation_colors(space: SearchSpace, graphs: Iterable[networkx.DiGraph]) -> dict[str, str]:
    """Give each operation a colour, the same in all drawings of a space; grey if it is a wire."""
    effects = {item.name: item.effect for item in space.signal_operations}
    nodes = [data for graph in graphs for _, data in graph.nodes(data=True)]
    drawn = sorted({data["label"] for data in nodes if data["kind"] == "operation"})
    ends = {data["label"] for data in nodes} - set(drawn)
    known = [] if space.is_open else [*space.operations, *effects]
    names = [name for name in dict.fromkeys([*known, *drawn]) if name not in ends]
    # Where there are more operations than colours, those that begin alike share one.
    kinds = dict(zip(names, map(_first_word, names), strict=True))
    if len(names) <= len(_COLORS) or len(set(kinds.values())) == 1:
        kinds = {name: name for name in names}
    colors = dict(zip(dict.fromkeys(kinds.values()), cycle(_COLORS), strict=False))
    plain = {name for name, effect in effects.items() if effect in ("copy", "block")}
    return {name: _PLAIN if name in plain else colors[kind] for name, kind in kinds.items()}


def _first_word(name: str) -> str:
    found = re.match(r"\W*[^\W\d_]+", name)
    return found[0].lower() if found else name


@dataclass
class Drawing:
    """Laid out graphs with their lower left corners, and the size of the whole."""

    parts: list[tuple[Layout, Array]]
    size: Array

    def scale(self, room: tuple[float, float]) -> float:
        """Return how much smaller it has to be to fit into this room; at most 1."""
        return min(1.0, *(np.array(room) / self.size))

    def draw(
        self, ax: Any, colors: Mapping[str, str], scale: float, size: Array | None = None
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Draw boxes, lines and texts into the middle of axes of this size."""
        add, boxes, lines = ax.add_artist, [], []
        texts: list[Any] = []
        for layout, corner in self.parts:
            for line, (*_, live) in zip(layout.lines, layout.graph.edges(data="live"), strict=True):
                lines.append(add(_make_arrow(line + corner, live, scale)))
            for node, data in layout.graph.nodes(data=True):
                center = layout.centers[node] + corner
                boxes.append(add(_make_box(data, center, layout.sizes[node], colors, scale)))
                texts += map(add, _write(data["label"], center, INK if data["live"] else FAINT))
            above = corner + layout.size * [0.5, 1] + [0, _TITLE_HEIGHT / 2]
            texts += map(add, _write(layout.graph.graph["title"], above, INK))
        size = self.size if size is None else np.maximum(size, self.size)
        low, high = (self.size - size) / 2, (self.size + size) / 2
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        ax.set_axis_off()
        return boxes, lines, texts


def fit(graphs: Sequence[networkx.DiGraph], room: tuple[float, float]) -> Drawing:
    """Arrange graphs so that they can be drawn as large as possible in this room, in points."""
    best: tuple[float, Drawing] | None = None
    for downward in (False, True):
        layers = [Layers(graph, _node_sizes(graph, downward), downward) for graph in graphs]
        for n_rows in range(1, max(one.layer.max() for one in layers) + 2):
            layouts = [one.fold(n_rows) for one in layers]
            drawing = _arrange(layouts, downward)
            cost = _TURN_COST ** max(layout.n_turning for layout in layouts)
            worth = drawing.scale(room) / cost
            if best is None or worth > _WORTHWHILE * best[0]:
                best = worth, drawing
            elif n_rows > 1 and worth < best[0] / 2:
                break
    assert best is not None
    return best[1]


def _arrange(layouts: Sequence[Layout], downward: bool) -> Drawing:
    """Put graphs beside each other if they lead down, else below each other."""
    titles = [bool(layout.graph.graph["title"]) for layout in layouts]
    outer = np.array([layout.size for layout in layouts])
    outer[:, 1] += _TITLE_HEIGHT * np.array(titles)
    corners = np.cumsum(outer + _GRAPH_GAP, axis=0) - outer - _GRAPH_GAP
    size = np.where([downward, not downward], (corners + outer)[-1], outer.max(axis=0))
    below = np.zeros(len(layouts)) if downward else corners[:, 1]
    left = corners[:, 0] if downward else (size[0] - outer[:, 0]) / 2
    corners = np.stack([left, size[1] - outer[:, 1] - below], axis=1) + _MARGIN
    return Drawing(list(zip(layouts, corners, strict=True)), size + 2 * _MARGIN)


def _node_sizes(graph: networkx.DiGraph, downward: bool) -> Array:
    """Return the width and height of each node: room for its label and for its arrows."""
    sizes = np.zeros((len(graph), 2))
    for node, data in graph.nodes(data=True):
        lines = _break(data["label"])
        width = max(map(text_width, lines), default=0.0) + 2 * _PADDING
        sizes[node] = width, max(1, len(lines)) * _LINE_HEIGHT + _PADDING
        n_ports = max(graph.in_degree(node), graph.out_degree(node))
        across = 1 - int(downward)
        sizes[node, across] = max(sizes[node, across], _PORT_SIDE * (n_ports - 1))
    return sizes


def _break(label: str) -> list[str]:
    """Break a label into lines; a dollar is no sign of a formula in it."""
    return [line.strip().replace("$", r"\$") for line in _LINES.findall(label) if line.strip()]


@lru_cache(maxsize=10_000)
def _outline(line: str) -> Any:
    from matplotlib.textpath import TextPath

    return TextPath((0, 0), line, size=FONT_SIZE)


def text_width(line: str) -> float:
    """Return how wide a text is, in points."""
    # Control points are near enough to the curves, whose true extent takes long to compute.
    return float(np.ptp(_outline(line).vertices[:, 0])) if line.strip() else 0.0


def _make_arrow(line: Array, live: bool, scale: float) -> Any:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    style: dict[str, Any] = {"arrowstyle": "-|>,head_length=0.55,head_width=0.22"}
    style |= {"color": INK} if live else {"color": FAINT, "linestyle": _DASHED}
    style |= {"mutation_scale": 10 * scale, "linewidth": scale}
    return FancyArrowPatch(path=Path(line), zorder=1, **style)


def _make_box(
    node: Mapping[str, Any], center: Array, size: Array, colors: Mapping[str, str], scale: float
) -> Any:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch

    edge = np.array(to_rgb(colors.get(node["label"], INK)))
    style: dict[str, Any] = {"facecolor": edge + (1 - edge) * _TINT, "edgecolor": edge}
    if node["kind"] != "operation":
        style = {"facecolor": _FILL, "edgecolor": INK}
    if not node["live"]:
        style = {"facecolor": "white", "edgecolor": FAINT, "linestyle": _DASHED}
    rounding = {"operation": 2.5, "sum": size.min() / 2}.get(node["kind"], 5)
    style["boxstyle"] = f"round,pad=0,rounding_size={rounding}"
    left, low = center - size / 2
    return FancyBboxPatch((left, low), *size, linewidth=scale, zorder=2, **style)


def _write(label: str, center: Array, color: str) -> Iterable[Any]:
    """Write a label as outlines, which grow and shrink with the axes."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    lines = _break(label)
    for number, line in enumerate(lines):
        outline = _outline(line)
        middle = outline.vertices[:, 0].min() + text_width(line) / 2
        below = (number - (len(lines) - 1) / 2) * _LINE_HEIGHT + _HALF_CAPITAL
        moved = Path(outline.vertices + center - [middle, below], outline.codes)
        yield PathPatch(moved, facecolor=color, linewidth=0, snap=False, zorder=3)
