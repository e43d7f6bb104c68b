"""The pictures of the reports, as PNG files in memory."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..utils._optional_imports import import_optional

# Okabe and Ito's blue and vermilion, which nobody takes for each other, whatever their eyes. Shapes
# differ as well.
_HERE = {"color": "#0072B2", "marker": "o"}
_PAPER = {"color": "#D55E00", "marker": "D", "markerfacecolor": "white"}
_LINES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"))
_DPI = 150


@dataclass(frozen=True)
class Mark:
    """A number with its spread.

    Parameters
    ----------
    mean : float
        The mean.
    std : float
        Its standard deviation over trials; 0 draws none.
    """

    mean: float
    std: float


def make_figure(width: float, height: float) -> Any:
    """Make a figure that belongs to no window.

    Parameters
    ----------
    width, height : float
        Its size in inches.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    module = import_optional("matplotlib.figure", extra="plot", purpose="drawing the pictures")
    return module.Figure((width, height), layout="constrained")


def to_png(figure: Any) -> bytes:
    """Draw a figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.

    Returns
    -------
    bytes
        The PNG file.
    """
    stream = io.BytesIO()
    # Without the version of matplotlib, so that the same numbers give the same file.
    figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    return stream.getvalue()


def draw_marks(
    titles: Sequence[str],
    here: Sequence[Mark | None],
    paper: Sequence[Mark | None],
    *,
    label: str,
) -> bytes:
    """Draw a number of each predictor with its spread, and the paper's beside it.

    Parameters
    ----------
    titles : sequence of str
        What the predictors are called, from top to bottom.
    here, paper : sequence of Mark or None
        Their numbers; None draws none.
    label : str
        What the numbers are, with their unit.

    Returns
    -------
    bytes
        The picture.
    """
    figure = make_figure(7, 1.4 + 0.36 * len(titles))
    ax = figure.subplots()
    # The paper's lie a little below, so that neither hides the other.
    for marks, style, shift, name in (
        (here, _HERE, -0.11, "measured here"),
        (paper, _PAPER, 0.17, "in the paper"),
    ):
        drawn = [(row + shift, mark) for row, mark in enumerate(marks) if mark is not None]
        if drawn:
            ax.errorbar(
                [mark.mean for _, mark in drawn],
                [row for row, _ in drawn],
                xerr=[mark.std for _, mark in drawn],
                linestyle="none",
                markersize=6,
                capsize=2,
                label=name,
                **style,
            )
    ax.set_yticks(range(len(titles)), titles)
    ax.set_ylim(len(titles) - 0.4, -0.6)
    ax.set_xlabel(f"{label}; mean and standard deviation over trials")
    _tidy(ax)
    figure.legend(**_legend(2))
    return to_png(figure)


def draw_times(
    here: Mapping[str, tuple[float, float]],
    paper: Mapping[str, tuple[float, float]],
    *,
    label: str,
) -> bytes:
    """Draw a metric against the fit time, on a logarithmic scale.

    Parameters
    ----------
    here, paper : dict of str to (float, float)
        For each predictor the seconds and the metric.
    label : str
        What the metric is.

    Returns
    -------
    bytes
        The picture.
    """
    figure = make_figure(7, 5.2)
    ax = figure.subplots()
    for points, style, name in ((here, _HERE, "measured here"), (paper, _PAPER, "in the paper")):
        if points:
            seconds, values = zip(*points.values(), strict=True)
            ax.plot(seconds, values, linestyle="none", markersize=6, label=name, **style)
    ax.set_xscale("log")
    ax.margins(x=0.12, y=0.08)
    ax.set(xlabel="fit time (s), logarithmic", ylabel=label)
    _tidy(ax)
    figure.legend(**_legend(2))
    _label_points(
        ax,
        [
            (*point, title, style["color"])
            for points, style in ((here, _HERE), (paper, _PAPER))
            for title, point in points.items()
        ],
    )
    return to_png(figure)


def draw_lines(panels: Mapping[str, Mapping[str, Mapping[int, float]]], *, xlabel: str) -> bytes:
    """Draw lines over a number that is doubled again and again, in panels side by side.

    Parameters
    ----------
    panels : dict of str to dict
        For each label of a vertical axis the lines by name; a line is a dict of numbers.
    xlabel : str
        What the number is.

    Returns
    -------
    bytes
        The picture.
    """
    figure = make_figure(9, 4.2)
    axes = figure.subplots(1, len(panels))
    for ax, (label, lines) in zip(axes, panels.items(), strict=True):
        for (name, line), (color, marker) in zip(lines.items(), _LINES, strict=False):
            if line:
                ax.plot(list(line), list(line.values()), marker=marker, color=color, label=name)
        ticks = sorted({x for line in lines.values() for x in line})
        ax.set_xscale("log", base=2)
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.set(xlabel=xlabel, ylabel=label)
        _tidy(ax)
    figure.legend(*axes[0].get_legend_handles_labels(), **_legend(len(_LINES)))
    return to_png(figure)


def _tidy(ax: Any) -> None:
    ax.grid(color="0.88", linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _legend(n_columns: int) -> dict[str, Any]:
    return {"loc": "outside upper right", "ncols": n_columns, "frameon": False}


def _label_points(ax: Any, points: Sequence[tuple[float, float, str, str]]) -> None:
    """Write the names beside the points, each where it is least in the way of others."""
    ax.figure.draw_without_rendering()
    inside = ax.get_window_extent()
    taken = ax.transData.transform([point[:2] for point in points])
    boxes: list[Any] = []
    for x, y, title, color in points:
        options = {"va": "center", "fontsize": 8, "color": color, "textcoords": "offset points"}
        costs = {}
        for place in _PLACES:
            right, up, side = place
            text = ax.annotate(title, (x, y), (right, up), ha=side, **options)
            box = text.get_window_extent()
            text.remove()
            cost = 10 * sum(box.overlaps(other) for other in boxes)
            cost += 4 * int(box.padded(3).count_contains(taken))
            cost += 10 * (box.x0 < inside.x0 or box.x1 > inside.x1)
            cost += 10 * (box.y0 < inside.y0 or box.y1 > inside.y1)
            costs[place] = cost + math.hypot(right, up) / 30, box
        best = min(costs, key=lambda place: costs[place][0])
        boxes.append(costs[best][1])
        right, up, side = best
        if abs(up) > 12:
            # So far away that a line has to say which point it is about.
            options["arrowprops"] = {"arrowstyle": "-", "color": color, "linewidth": 0.6}
        ax.annotate(title, (x, y), (right, up), ha=side, **options)


# Where a name may stand: points to the right of what it names, points above it, and which of its
# sides is there.
_PLACES = tuple(
    (right, up, side)
    for up in (0, 9, -9, 20, -20, 32, -32, 44, -44)
    for right, side in ((7, "left"), (-7, "right"), (0, "center"), (22, "left"), (-22, "right"))
    if up or side != "center"
)
