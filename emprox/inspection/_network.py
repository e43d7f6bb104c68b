"""A network by its stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._axes import check_libraries, fill_figure, size_in_points
from ._drawing import FAINT, FONT_SIZE, INK, text_width
from ._layers import KINDS, layers_of
from ._layout import Array

if TYPE_CHECKING:
    from ..networks import Network

# After Okabe and Ito (2008), told apart by colour-blind people as well.
_COLORS = dict(
    zip(
        KINDS,
        (
            "#0072B2",
            "#E69F00",
            "#56B4E9",
            "#009E73",
            "#D55E00",
            "#CC79A7",
            "#A89A00",
            "#4D4D4D",
            "#8C6D46",
            "#BDBDBD",
        ),
        strict=True,
    )
)
# All lengths are in points. A doubling of channels is so much wider.
_DOUBLING, _GAP = 1.15, 1.3
# All layers together are so wide, if their widths need not be more than doubled for it.
_NARROWEST, _WIDEST = 200.0, 820.0
_TOWER, _LOWEST, _ROW = 150.0, 12.0, 44.0
_LEFT, _MARGIN, _COLUMN_GAP, _BLOCK_GAP, _SHARE_WIDTH = 92.0, 8.0, 16.0, 4.0, 26.0
_FONT, _SMALL, _LINE, _TITLE = 8.5, 7.0, 13.0, 10.5
_TIMES, _TO = "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"
# White is hard to read on these.
_LIGHT = ("grouped or depthwise", "1x1 convolution", "embedding", "other")
# So small a share of all is not seen.
_VISIBLE = 0.005


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkDisplay:
    """Drawing of a network by its stages.

    Layers stand in the order of the computation, in a column for each stage. The higher a layer,
    the more positions (sites of an image, tokens) it has, and the wider, the more channels; both
    on a logarithmic scale. The number in a layer is the size of its kernel. A block that is
    repeated is drawn once, with the number of its copies above. Lines below lead from layer to
    layer where the data skip some. Bars show the share of each stage in the multiply-adds and in
    the weights. Normalisation, activations and sums are not drawn; in the shares they are "other".

    Use `from_network` to make one.

    Parameters
    ----------
    title : str
        What is written above.
    layers : DataFrame
        What is drawn: a row for each layer, with the ``column`` and the ``block`` that it is in,
        the number of ``copies`` of the block, its ``kind``, ``kernel``, ``stride``, ``positions``
        and ``channels``, and the ``operation`` of the network that it is.
    skips : list of tuple of (int, int, bool)
        Pairs of layers, where the second reads the first and is not the next. True if it is added
        to, or joined with, what the second writes.
    stages : DataFrame
        A row for each column, with its ``label``, ``multiply_adds`` and ``weights``.
    shares : DataFrame
        ``multiply_adds`` and ``weights`` for each column and kind of layer.

    Attributes
    ----------
    bars_ : matplotlib.collections.PolyCollection
        The layers.
    skips_ : list of matplotlib.patches.PathPatch
        The lines below them.
    shares_ : list of matplotlib.patches.Rectangle
        Bars of the multiply-adds, then of the weights.
    texts_ : list of matplotlib.text.Text
        Everything written.
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        Where it is drawn. One unit of the axes is a point at full size.

    See Also
    --------
    CellDisplay : Draws an architecture of a search space.
    emprox.networks.capture : Makes a network of a PyTorch module.

    Examples
    --------
    >>> from torch import nn
    >>> from emprox.inspection import NetworkDisplay
    >>> from emprox.networks import capture
    >>> block = [nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()]
    >>> module = nn.Sequential(nn.Conv2d(3, 16, 3), *4 * block, nn.Flatten(), nn.Linear(14400, 10))
    >>> display = NetworkDisplay.from_network(capture(module, (1, 3, 32, 32)))
    >>> display.layers[["column", "kind", "copies", "channels"]]
       column         kind  copies  channels
    0       0  convolution       5        16
    1       1       linear       1        10
    """

    title: str
    layers: pd.DataFrame
    skips: list[tuple[int, int, bool]]
    stages: pd.DataFrame
    shares: pd.DataFrame

    @classmethod
    def from_network(cls, network: Network, *, ax: Any = None) -> NetworkDisplay:
        """Draw a network.

        Parameters
        ----------
        network : Network
            What `emprox.networks.capture` makes of a PyTorch module.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure, in the size of the drawing.

        Returns
        -------
        NetworkDisplay
            The display.

        Raises
        ------
        TypeError
            If it is not a Network.
        """
        check_libraries(cls)
        # Only now: torch is not needed for the other displays.
        from ..networks import Network

        if not isinstance(network, Network):
            raise TypeError(
                f"expected a Network, got a {type(network).__name__}: make one of a PyTorch module"
                " with emprox.networks.capture(module, inputs)"
            )
        layers = layers_of(network)
        operations = network.operations
        numbers = {"multiply_adds": operations.multiply_adds, "weights": operations.n_weights}
        keys = {"column": layers.column, "kind": layers.kind}
        shares = pd.DataFrame({**keys, **numbers}).groupby(["column", "kind"]).sum()
        stages = shares.groupby("column").sum()
        labels = [
            _label(network, part, layers.column == column)
            for column, part in layers.table.groupby("column")
        ]
        stages.insert(0, "label", labels)
        parts = {"layers": layers.table, "skips": layers.skips, "stages": stages, "shares": shares}
        title = repr(network).removeprefix("Network(").removesuffix(")")
        return cls(title=title, **parts).plot(ax)

    def plot(self, ax: Any = None) -> NetworkDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure, in the size of the drawing.

        Returns
        -------
        NetworkDisplay
            The display itself.
        """
        spans, centers, width = self._arrange()
        legend, n_rows = self._arrange_legend(width)
        low = _MARGIN + _LINE * n_rows + 12
        rows = {"weights": low, "multiply_adds": low + _ROW + 2 * _LINE}
        labels = rows["multiply_adds"] + _ROW + 2.2 * _LINE
        depths = [_depth(skip, spans) for skip in self.skips]
        ground = labels + 2 * _LINE + 8 + max(depths, default=0)
        size = np.array([width, ground + _TOWER + 4 * _LINE])
        self._zoom = 1.0 if ax is None else min(1.0, *(size_in_points(ax) / size))
        ax = fill_figure(size) if ax is None else ax
        ax.set(xlim=(0, size[0]), ylim=(0, size[1]), aspect="equal")
        ax.set_axis_off()
        self.ax_, self.figure_ = ax, ax.figure
        self.texts_: list[Any] = []
        self._write(_MARGIN, size[1] - _LINE, self.title, size=_TITLE, weight="bold")
        self._write(_MARGIN, ground + 12, "height: positions\nwidth: channels", color=FAINT)
        self._draw_layers(spans, ground)
        self.skips_ = [self._draw_skip(skip, spans, ground - 2) for skip in self.skips]
        for center, label in zip(centers, self.stages["label"], strict=True):
            self._write(center, labels + _LINE, label, ha="center")
        self.shares_: list[Any] = []
        for quantity in ("multiply_adds", "weights"):
            self._draw_shares(quantity, centers, rows[quantity])
        for kind, x, row in legend:
            y = _MARGIN + _LINE * (n_rows - 1 - row)
            ax.add_artist(_box(x, y, 8, 8, _COLORS[kind]))
            self._write(x + 12, y + 4, kind)
        return self

    def _arrange(self) -> tuple[Array, Array, float]:
        """Return the left and right edges of layers, the middles of columns, and the width."""
        table = self.layers
        widths = 1 + _DOUBLING * np.log2(table["channels"].to_numpy())
        total = (widths + _GAP).sum()
        scale = float(np.clip(_NARROWEST / total, 1, 2) if total < _WIDEST else _WIDEST / total)
        widths, gap = widths * scale, _GAP * scale
        left, centers, x = np.zeros(len(table)), [], _LEFT
        for number, column in table.groupby("column"):
            start, lines = x, self.stages.loc[number, "label"].split("\n")
            for _, block in column.groupby("block"):
                inner = (widths[block.index] + gap).sum() - gap
                copies = int(block["copies"].iloc[0])
                room = max(inner, _width(_times(copies)) + 3) if copies > 1 else inner
                offsets = np.cumsum(widths[block.index] + gap) - widths[block.index] - gap
                left[block.index] = x + (room - inner) / 2 + offsets
                x += room + (_BLOCK_GAP if copies > 1 else gap)
            spare = max(0.0, max(map(_width, lines)) - (x - start))
            left[column.index] += spare / 2
            x += spare
            centers.append((start + x) / 2)
            x += _COLUMN_GAP
        # Bold letters are wider.
        width = max(x, 2 * _MARGIN + 1.2 * _width(self.title, _TITLE))
        return np.stack([left, left + widths], axis=1), np.array(centers), width

    def _arrange_legend(self, width: float) -> tuple[list[tuple[str, float, int]], int]:
        """Return where the names of the kinds stand, from left to right in rows."""
        is_visible = (self.shares > _VISIBLE * self.shares.sum()).any(axis=1)
        counted = self.shares[is_visible].index.get_level_values("kind")
        shown = {*counted, *self.layers["kind"]}
        placed, x, row = [], _MARGIN, 0
        for kind in (kind for kind in KINDS if kind in shown):
            room = _width(kind) + 28
            if x + room > width and x > _MARGIN:
                x, row = _MARGIN, row + 1
            placed.append((kind, x, row))
            x += room
        return placed, row + 1

    def _draw_layers(self, spans: Array, ground: float) -> None:
        from matplotlib.collections import PolyCollection

        table = self.layers
        most = np.log(max(2, table["positions"].max()))
        share = np.log(table["positions"].to_numpy()) / most
        if table["positions"].max() == 1:
            share += 1
        heights = _LOWEST + (_TOWER - _LOWEST) * share
        left, right = spans.T
        low = np.full(len(table), ground)
        corners = [[left, low], [left, low + heights], [right, low + heights], [right, low]]
        colors = [_COLORS[kind] for kind in table["kind"]]
        bars: Any = np.transpose(corners, (2, 0, 1))
        self.bars_ = PolyCollection(bars, facecolors=colors)
        self.bars_.set_linewidth(0)
        self.ax_.add_collection(self.bars_, autolim=False)
        for row, kernel in enumerate(table["kernel"].tolist()):
            if kernel > 1 and right[row] - left[row] >= _width(str(kernel), _SMALL) + 0.5:
                x = spans[row].mean()
                color = INK if table["kind"][row] in _LIGHT else "white"
                self._write(x, ground + 6, str(kernel), ha="center", color=color, size=_SMALL)
        for _, block in table[table["copies"] > 1].groupby("block"):
            rows, top = block.index, ground + heights[block.index].max() + 4
            x = [left[rows[0]], left[rows[0]], right[rows[-1]], right[rows[-1]]]
            self.ax_.plot(x, [top, top + 3, top + 3, top], color=INK, linewidth=0.8 * self._zoom)
            text = _times(int(block["copies"].iloc[0]))
            self._write((x[0] + x[-1]) / 2, top + 10, text, ha="center")

    def _draw_skip(self, skip: tuple[int, int, bool], spans: Array, y: float) -> Any:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        x, depth = _ends(skip, spans), _depth(skip, spans)
        # A Bezier curve comes three quarters as far down as its control points.
        low = y - 4 / 3 * depth
        codes = [Path.MOVETO, *3 * [Path.CURVE4]]
        path = Path([(x[0], y), (x[0], low), (x[1], low), (x[1], y)], codes)
        alpha = min(1.0, max(0.15, 40 / len(self.skips)))
        style = {"facecolor": "none", "edgecolor": FAINT, "alpha": alpha}
        return self.ax_.add_artist(PathPatch(path, linewidth=0.8 * self._zoom, **style))

    def _draw_shares(self, quantity: str, centers: Array, low: float) -> None:
        """Draw a bar for each column, of the kinds of layers on top of each other."""
        total = max(1, self.stages[quantity].sum())
        most = max(1, self.stages[quantity].max())
        left, right = centers[0] - _SHARE_WIDTH / 2, centers[-1] + _SHARE_WIDTH / 2
        self.ax_.plot([left, right], [low, low], color=FAINT, linewidth=0.6 * self._zoom)
        text = f"share of\n{quantity.replace('_', '-')}"
        self._write(_MARGIN, low + _LINE, text, color=FAINT)
        for column, center in zip(self.stages.index, centers, strict=True):
            y = low
            for kind in (kind for kind in KINDS if (column, kind) in self.shares.index):
                height = _ROW * self.shares.loc[(column, kind), quantity] / most
                bar = _box(center - _SHARE_WIDTH / 2, y, _SHARE_WIDTH, height, _COLORS[kind])
                self.shares_.append(self.ax_.add_artist(bar))
                y += height
            share = 100 * self.stages.loc[column, quantity] / total
            text = "<1 %" if 0 < share < 0.5 else f"{share:.0f} %"
            self._write(center, y + 7, text, ha="center")

    def _write(self, x: float, y: float, text: str, size: float = _FONT, **style: Any) -> None:
        style = {"color": INK, "va": "center", "linespacing": 1.25, "parse_math": False} | style
        self.texts_.append(self.ax_.text(x, y, text, fontsize=size * self._zoom, **style))


def _label(network: Network, layers: pd.DataFrame, is_inside: NDArray[np.bool_]) -> str:
    """Write how many positions and channels the layers of a column have."""
    operations = network.operations
    positions = int(layers["positions"].mode().max())
    name = "token" if {"attention", "embedding"} & set(layers["kind"]) else "position"
    text = f"{positions:,} {name}" + "s" * (positions > 1)
    for number in np.flatnonzero(is_inside & (operations.positions == positions)).tolist():
        shape = operations.shape[number]
        if positions > 1 and len(shape) > 3:
            is_last = shape[-1] == operations.out_channels[number]
            sides = shape[1:-1] if is_last else shape[2:]
            if np.prod(sides) == positions:
                text = f" {_TIMES} ".join(f"{side:,}" for side in sides)
                break
    channels = sorted({int(layers["channels"].min()), int(layers["channels"].max())})
    return f"{text}\n" + _TO.join(f"{each:,}" for each in channels) + " ch."


def _ends(skip: tuple[int, int, bool], spans: Array) -> tuple[float, float]:
    start, end, is_joined = skip
    return float(spans[start, 1]), float(spans[end, int(is_joined)])


def _depth(skip: tuple[int, int, bool], spans: Array) -> float:
    start, end = _ends(skip, spans)
    return 4 + 1.2 * np.sqrt(abs(end - start))


def _times(copies: int) -> str:
    return f"{_TIMES} {copies:,}"


def _width(line: str, size: float = _FONT) -> float:
    return text_width(line) * size / FONT_SIZE


def _box(x: float, y: float, width: float, height: float, color: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, facecolor=color, linewidth=0)
