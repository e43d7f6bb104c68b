"""What the prediction for an architecture is made from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_regressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from ..spaces import SearchSpace, get_space
from ..utils._optional_imports import import_optional
from ._artists import (
    FAINT,
    INK,
    Drawing,
    arrange,
    arrangement_options,
    draw,
    operation_colors,
    text_width,
)
from ._axes import POINTS, check_matplotlib, size_in_points
from ._cell import check_direction
from ._graphs import Graph, Node, to_graphs

Array = NDArray[np.float64]

# Left, top, width and height, in points.
Panel = tuple[float, float, float, float]

# A figure of its own has this room, in points, and more if drawings would be smaller in it than the
# least scale; in given axes everything is made smaller instead.
_ROOM, _LEAST_SCALE, _LEAST_ZOOM = (940.0, 620.0), 0.75, 0.3
_SCALES = (*np.arange(1.0, 0.75, -0.05), 0.75, 0.6, 0.45, 0.3, 0.15)
# So many ways to arrange a drawing are tried.
_MAX_OPTIONS = 3
# Height of what stands above a drawing, and length of the bar for a weight of 100 %, in points.
_HEADER, _BAR_LENGTH = 42.0, 140.0
_GAP = 16.0
_TITLE_SIZE, _SMALL_SIZE, _BAR_HEIGHT = 9.5, 8.5, 4.0
# How much wider bold text is.
_BOLD = 1.15
# How much larger the title of the architecture is than those of its neighbours.
_QUERY_SIZE = 1.15
_BAR_COLOR, _TRACK_COLOR, _FRAME_COLOR = "#0072B2", "#e0e0e0", "#f4f4f4"


class NeighborsDisplay:
    """Why this prediction: an architecture and the known ones that it is predicted from.

    The architecture stands apart, with its predicted accuracy. Its nearest known architectures
    follow by their distance in the embedding, each with its weight, also as a bar, and its
    accuracy: the prediction is the weighted mean of these.

    Use `from_estimator` to make one.

    Parameters
    ----------
    prediction : float
        Predicted accuracy, in percent.
    indices : ndarray of shape (n_neighbors,)
        Positions of the neighbours among the known architectures, the nearest first. That of an
        anchor, which a `chance_level` adds, is one behind the last.
    distances : ndarray of shape (n_neighbors,)
        Their distances in the embedding.
    weights : ndarray of shape (n_neighbors,) or None
        Their shares in the prediction, which add up to 1; None with ``weights="kriging"``, which
        takes all known architectures into account.
    accuracies : ndarray of shape (n_neighbors,)
        Their accuracies, in percent.
    is_anchor : ndarray of shape (n_neighbors,)
        Which of them is the anchor, an architecture without a path whose accuracy is that of a
        guess.
    n_known : int
        Number of known architectures, the anchor among them.
    graphs : list of tuple of Graph
        What is drawn: the architecture, then its neighbours.
    colors : dict of str to str
        The colour of each operation.

    Attributes
    ----------
    cells_ : list of matplotlib.axes.Axes
        Axes of the drawings: of the architecture, then of its neighbours.
    titles_ : list of matplotlib.text.Text
        What is written above them, two texts each.
    bars_ : list of matplotlib.patches.Rectangle
        Bars as long as the weights of the neighbours; none with ``weights="kriging"``.
    ax_ : matplotlib.axes.Axes
        The axes that hold all this.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    CellDisplay : Draws a single architecture.
    EmbeddingDisplay : Map of the embedding that the neighbours are found in.
    emprox.EmProxRegressor.kneighbors : Finds the neighbours.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022. Section 3.2.

    Examples
    --------
    >>> from emprox import EmProxRegressor
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.inspection import NeighborsDisplay
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = EmProxRegressor("nasbench201", n_neighbors=4, random_state=0).fit(X[:121], y[:121])
    >>> display = NeighborsDisplay.from_estimator(model, X[200])
    >>> bool(display.prediction == model.predict(X[200:201])[0])
    True
    >>> len(display.distances), f"{display.weights.sum():.2f}"
    (4, '1.00')
    """

    def __init__(
        self,
        *,
        prediction: float,
        indices: NDArray[np.int64],
        distances: Array,
        weights: Array | None,
        accuracies: Array,
        is_anchor: NDArray[np.bool_],
        n_known: int,
        graphs: list[tuple[Graph, ...]],
        colors: dict[str, str],
    ) -> None:
        self.prediction = prediction
        self.indices = indices
        self.distances = distances
        self.weights = weights
        self.accuracies = accuracies
        self.is_anchor = is_anchor
        self.n_known = n_known
        self.graphs = graphs
        self.colors = colors

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        architecture: Any,
        *,
        X_known: Any = None,
        y_known: ArrayLike | None = None,
        space: str | SearchSpace | None = None,
        canonicalize: bool = False,
        show_dead: bool = True,
        max_neighbors: int = 8,
        direction: str | None = None,
        ax: Any = None,
    ) -> NeighborsDisplay:
        """Predict with a fitted estimator and draw what the prediction is made from.

        Parameters
        ----------
        estimator : estimator
            A fitted `EmProxRegressor`; a pipeline whose last step is scikit-learn's
            `KNeighborsRegressor`, as `make_emprox_pipeline` returns; or a search, such as
            `GridSearchCV`, for one of these.
        architecture : Architecture, str or sequence
            The architecture, as one sample that the estimator predicts.
        X_known : array-like of shape (n_known,) or (n_known, n_features), default=None
            The known architectures that the estimator was fitted to, in the same order. An
            `EmProxRegressor` with a space keeps them, a pipeline does not.
        y_known : array-like of shape (n_known,), default=None
            Their accuracies, in percent. They go with `X_known`.
        space : str or SearchSpace, default=None
            The search space of the architectures; None takes that of the estimator. Without
            either, architectures are named by their number and not drawn.
        canonicalize : bool, default=False
            Whether to draw canonical forms instead of what is written.
        show_dead : bool, default=True
            Whether to show what is on no path from an input to an output, dashed and grey.
        max_neighbors : int, default=8
            How many neighbours to draw at most. All of them are kept in the display.
        direction : {"right", "down"} or None, default=None
            Where edges lead; None takes what fits better.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure, so large that names can be read.

        Returns
        -------
        NeighborsDisplay
            The display.

        Raises
        ------
        ArchitectureError
            If it is not an architecture of the space.
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no neighbours.
        ValueError
            If the known architectures are needed but not given, or are not those that the
            estimator was fitted to; or if it predicts several accuracies at once.
        """
        check_matplotlib(cls)
        _check_options(direction, max_neighbors)
        estimator = getattr(estimator, "best_estimator_", estimator)
        check_is_fitted(estimator)
        known = _get_known(estimator, X_known, y_known, space)
        query = None if known.space is None else known.space.parse(architecture)
        sample = np.asarray([architecture]) if known.space is None else [architecture]
        predicted = np.ravel(estimator.predict(sample))
        if len(predicted) != 1:
            raise ValueError(
                f"the estimator predicts {len(predicted)} accuracies of an architecture; what a"
                " prediction is made from can be shown for an estimator of one"
            )
        prediction = float(predicted[0])
        distances, indices, weights = known.explain(sample)
        accuracies = known.accuracies[indices].reshape(len(indices))
        if (
            weights is not None
            and np.isclose(weights.sum(), 1)
            and not np.isclose(weights @ accuracies, prediction)
        ):
            raise ValueError(
                f"the prediction is {prediction:.6g}, but the accuracies that y_known has for the"
                f" neighbours make {weights @ accuracies:.6g}: give the architectures and"
                " accuracies that the estimator was fitted to, in the same order"
            )
        if known.space is None or known.decisions is None:
            names = ["this architecture", *(f"known architecture {index}" for index in indices)]
            graphs = [_named(name) for name in names]
        else:
            cells = [query, *known.space.decode(known.decisions[indices])]
            graphs = [to_graphs(known.space, cell, canonicalize=canonicalize) for cell in cells]
        if not show_dead:
            graphs = [tuple(graph.without_dead() for graph in cell) for cell in graphs]
        return cls(
            prediction=prediction,
            indices=indices,
            distances=distances,
            weights=weights,
            accuracies=accuracies,
            is_anchor=indices == (-1 if known.anchor is None else known.anchor),
            n_known=len(known.accuracies),
            graphs=graphs,
            colors=operation_colors(known.space, [graph for cell in graphs for graph in cell]),
        ).plot(ax, max_neighbors=max_neighbors, direction=direction)

    def plot(
        self, ax: Any = None, *, max_neighbors: int = 8, direction: str | None = None
    ) -> NeighborsDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure, so large that names can be read.
        max_neighbors : int, default=8
            How many neighbours to draw at most.
        direction : {"right", "down"} or None, default=None
            Where edges lead; None takes what fits better.

        Returns
        -------
        NeighborsDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the direction does not exist, or no neighbour is to be drawn.
        """
        _check_options(direction, max_neighbors)
        n_shown = min(max_neighbors, len(self.indices))
        cells = self.graphs[: 1 + n_shown]
        titles = [self._query_titles(n_shown), *map(self._neighbor_titles, range(n_shown))]
        widths = [_header_width(*lines) for lines in titles]
        arrange_panels = partial(_arrange_panels, cells, widths, direction)
        if ax is None:
            layout = arrange_panels(_ROOM, can_grow=True)
            plt = import_optional("matplotlib.pyplot", extra="plot", purpose=type(self).__name__)
            ax = plt.figure(figsize=[side / POINTS for side in layout.size]).add_axes((0, 0, 1, 1))
        else:
            layout = arrange_panels(size_in_points(ax), can_grow=False)
        ax.set_axis_off()
        ax.set(xlim=(0, layout.size[0]), ylim=(layout.size[1], 0), aspect="equal")
        self.cells_: list[Any] = []
        self.titles_: list[Any] = []
        self.bars_: list[Any] = []
        self.ax_, self.figure_ = ax, ax.figure
        self._draw_frame(layout.panels[0])
        for number, (drawing, panel) in enumerate(zip(layout.drawings, layout.panels, strict=True)):
            self._write(panel, titles[number], _QUERY_SIZE if number == 0 else 1.0, layout.zoom)
            self._draw_cell(drawing, panel, layout)
            if number > 0:
                self._draw_bar(panel, number - 1)
        return self

    def _query_titles(self, n_shown: int) -> tuple[str, str]:
        n_neighbors, n_equal = len(self.indices), int(np.count_nonzero(self.distances == 0))
        if self.weights is None:
            how = f"kriging over {self.n_known:,} known architectures; the nearest of them:"
        elif n_equal and np.isclose(self.weights[:n_equal].sum(), 1):
            how = f"mean of {_count(n_equal, 'neighbour')} at distance 0"
        else:
            how = f"weighted mean of {_count(n_neighbors, 'neighbour')}"
            if n_shown < n_neighbors:
                share = 100 * self.weights[:n_shown].sum()
                how += f", {n_shown} shown ({share:.0f} % of the weight)"
        return f"predicted accuracy {self.prediction:.2f} %", how

    def _neighbor_titles(self, neighbor: int) -> tuple[str, str]:
        name = "anchor (no path): " if self.is_anchor[neighbor] else ""
        parts = [f"distance {self.distances[neighbor]:.3g}"]
        if self.weights is not None:
            parts.append(f"weight {100 * self.weights[neighbor]:.1f} %")
        return f"{name}accuracy {self.accuracies[neighbor]:.2f} %", ", ".join(parts)

    def _draw_frame(self, panel: Panel) -> None:
        patches = import_optional("matplotlib.patches", extra="plot", purpose="a drawing")
        left, top, width, height = panel
        frame = patches.FancyBboxPatch(
            (left - _GAP / 3, top - _GAP / 3),
            width + 2 * _GAP / 3,
            height + 2 * _GAP / 3,
            boxstyle="round,pad=0,rounding_size=6",
            facecolor=_FRAME_COLOR,
            edgecolor=FAINT,
            linewidth=0.8,
            clip_on=False,
        )
        self.ax_.add_artist(frame)

    def _draw_cell(self, drawing: Drawing, panel: Panel, layout: _Panels) -> None:
        left, top, width, height = panel
        drawn_width, drawn_height = (layout.scale * side for side in drawing.size)
        corner = left + (width - drawn_width) / 2, top + (_HEADER + height + drawn_height) / 2
        whole_width, whole_height = layout.size
        cell = self.ax_.inset_axes(
            (
                corner[0] / whole_width,
                1 - corner[1] / whole_height,
                drawn_width / whole_width,
                drawn_height / whole_height,
            )
        )
        draw(cell, drawing, self.colors, layout.scale * layout.zoom)
        self.cells_.append(cell)

    def _write(self, panel: Panel, titles: tuple[str, str], size: float, zoom: float) -> None:
        left, top, width, _ = panel
        for line, text in enumerate(titles):
            font_size = zoom * (size * _TITLE_SIZE if line == 0 else _SMALL_SIZE)
            self.titles_.append(
                self.ax_.text(
                    left + width / 2,
                    top + size * (8 + 14 * line),
                    text,
                    fontsize=font_size,
                    fontweight="normal" if line else "bold",
                    color=FAINT if line else INK,
                    ha="center",
                    va="center",
                )
            )

    def _draw_bar(self, panel: Panel, neighbor: int) -> None:
        if self.weights is None:
            return
        patches = import_optional("matplotlib.patches", extra="plot", purpose="a drawing")
        length = _BAR_LENGTH
        corner = (panel[0] + (panel[2] - length) / 2, panel[1] + 31)
        track = patches.Rectangle(corner, length, _BAR_HEIGHT, color=_TRACK_COLOR, linewidth=0)
        self.ax_.add_artist(track)
        share = length * float(self.weights[neighbor])
        bar = patches.Rectangle(corner, share, _BAR_HEIGHT, color=_BAR_COLOR, linewidth=0)
        self.bars_.append(self.ax_.add_artist(bar))


def _check_options(direction: str | None, max_neighbors: int) -> None:
    check_direction(direction)
    if not isinstance(max_neighbors, Integral) or max_neighbors < 1:
        raise ValueError(f"max_neighbors has to be a whole number from 1, got {max_neighbors!r}")


@dataclass
class _Known:
    """The known architectures of an estimator, and how it finds and weighs neighbours."""

    space: SearchSpace | None
    # Those of the known architectures, the anchor last; None without a space.
    decisions: NDArray[np.int64] | None
    accuracies: Array
    # The place of the anchor among them; None if there is none.
    anchor: int | None
    explain: Callable[[Any], tuple[Array, NDArray[np.int64], Array | None]]


def _get_known(
    estimator: Any, X_known: Any, y_known: ArrayLike | None, space: str | SearchSpace | None
) -> _Known:
    """Find what an estimator was fitted to, and check it against what is given."""
    own: Any
    is_emprox = hasattr(estimator, "pipeline_")
    is_pipeline = isinstance(estimator, Pipeline)
    knn = estimator if is_emprox else estimator[-1] if is_pipeline else estimator
    if not (hasattr(knn, "kneighbors") and is_regressor(knn)):
        raise TypeError(
            f"{type(estimator).__name__} has no neighbours: expected a fitted EmProxRegressor, or a"
            " pipeline whose last step is a KNeighborsRegressor"
        )
    check_is_fitted(knn)
    if is_emprox:
        # The space may be one that was learned from the known architectures.
        own, rows, accuracies = estimator.space_, estimator.X_, estimator.y_
    else:
        own = getattr(estimator[0], "space_", None) if is_pipeline else None
        if X_known is None or y_known is None:
            raise ValueError(
                f"a {type(estimator).__name__} does not keep the architectures that it was fitted"
                " to: give them as X_known and their accuracies as y_known"
            )
    if (X_known is None) != (y_known is None):
        raise ValueError("X_known and y_known go together: give both or neither")
    found = own if space is None else get_space(space)
    if own is not None:
        if found.name != own.name:
            raise ValueError(
                f"the estimator was fitted to architectures of the space {own.name!r}, not"
                f" {found.name!r}"
            )
        found = own
    if X_known is not None:
        found = None if found is None else found.learn(X_known)
        rows = X_known if found is None else found.encode(X_known)
        accuracies = check_array(y_known, ensure_2d=False, dtype=np.float64, input_name="y_known")
        check_consistent_length(rows, accuracies)
        if accuracies.size != len(accuracies):
            raise ValueError(
                f"y_known has to hold one accuracy for each architecture, got the shape"
                f" {accuracies.shape}"
            )
    n_known = len(rows)
    n_fitted = knn.n_samples_fit_ if hasattr(knn, "n_samples_fit_") else len(knn.embedding_)
    if n_known != n_fitted:
        raise ValueError(
            f"X_known holds {n_known:,} architectures, but the estimator was fitted to"
            f" {n_fitted:,}: give those, in the same order"
        )
    decisions = None if found is None else rows
    return _Known(
        found,
        decisions,
        accuracies,
        None,
        partial(_explain, estimator, knn),
    )


def _explain(estimator: Any, knn: Any, X: Any) -> tuple[Array, NDArray[np.int64], Array | None]:
    """Return the neighbours of an architecture, and their shares in the prediction."""
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        X = estimator[:-1].transform(X)
    if not hasattr(knn, "neighbor_weights") or knn.weights == "kriging":
        distances, indices = (found[0] for found in knn.kneighbors(X))
        weights = None if knn.weights == "kriging" else _weigh(distances, knn.weights)
        return distances, indices, weights
    shares = knn.neighbor_weights(X)[0]
    n_neighbors = max(np.count_nonzero(shares), knn.n_neighbors_)
    distances, indices = (
        found[0] for found in knn.kneighbors(X, min(n_neighbors, len(knn.embedding_)))
    )
    return distances, indices, shares[indices]


def _weigh(distances: Array, weights: Any) -> Array:
    """Return the share of each neighbour in the prediction, as scikit-learn weighs them."""
    # On a line, with the architecture at zero, each neighbour's share is what is predicted if it
    # alone has the accuracy 1.
    knn = KNeighborsRegressor(len(distances), weights=weights, algorithm="kd_tree")
    return knn.fit(distances[:, None], np.eye(len(distances))).predict([[0.0]])[0]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _named(name: str) -> tuple[Graph, ...]:
    """Return a name in a box, for what cannot be drawn."""
    return (Graph((Node(name, "output"),), ()),)


@dataclass
class _Panels:
    """Drawings and where they stand, in points from the upper left corner.

    A panel is left, top, width and height. Drawings are smaller by `scale`, and then everything by
    `zoom`.
    """

    drawings: list[Drawing]
    panels: list[Panel]
    size: tuple[float, float]
    scale: float
    zoom: float = 1.0


def _arrange_panels(
    cells: Sequence[tuple[Graph, ...]],
    header_widths: Sequence[float],
    direction: str | None,
    room: tuple[float, float],
    can_grow: bool,
) -> _Panels:
    """Arrange the architecture and its neighbours so that they are as large as can be."""
    graphs = [graph for cell in cells for graph in cell]
    choices = [
        [arrange(cell, **options) for cell in cells]
        for options in arrangement_options(graphs, direction)[:_MAX_OPTIONS]
    ]
    zoom = 1.0
    while True:
        # Axes may be so small that nothing would ever fit.
        width, height = (max(side, 1.0) / zoom for side in room)
        best: tuple[float, float, _Panels] | None = None
        for drawings in choices:
            for beside, n_columns in product((True, False), range(1, max(2, len(cells)))):
                for scale in _SCALES:
                    panels = _grid(drawings, header_widths, n_columns, beside, scale)
                    fits = panels.size[0] <= width and panels.size[1] <= height
                    grown = can_grow and scale == _LEAST_SCALE
                    if not (fits or grown):
                        continue
                    excess = max(panels.size[0] / width, panels.size[1] / height, 1.0)
                    rank = (-scale / excess, math.prod(panels.size))
                    if best is None or rank < best[:2]:
                        best = (*rank, panels)
                    break
        if best is not None and (can_grow or best[2].scale >= _LEAST_SCALE or zoom < _LEAST_ZOOM):
            return replace(best[2], zoom=zoom)
        zoom *= 0.9


def _header_width(title: str, line: str) -> float:
    """Return how wide the text above a drawing is at most, in points."""
    return max(
        text_width(title, _QUERY_SIZE * _TITLE_SIZE) * _BOLD,
        text_width(line, _SMALL_SIZE),
        _BAR_LENGTH,
    )


def _grid(
    drawings: list[Drawing],
    header_widths: Sequence[float],
    n_columns: int,
    beside: bool,
    scale: float,
) -> _Panels:
    """Put the neighbours into a grid, beside the architecture or below it."""
    sizes = scale * np.array([drawing.size for drawing in drawings])
    sizes[:, 0] = np.maximum(sizes[:, 0], header_widths)
    sizes[:, 1] += _HEADER
    query = tuple(sizes[0])
    width, height = sizes[1:].max(axis=0) + _GAP
    n_rows = -(-(len(drawings) - 1) // n_columns)
    grid = (n_columns * width - _GAP, n_rows * height - _GAP)
    if beside:
        size = (query[0] + 2 * _GAP + grid[0], max(query[1], grid[1]))
        first = (0.0, (size[1] - query[1]) / 2)
        start = (query[0] + 2 * _GAP, (size[1] - grid[1]) / 2)
    else:
        size = (max(query[0], grid[0]), query[1] + 2 * _GAP + grid[1])
        first = ((size[0] - query[0]) / 2, 0.0)
        start = ((size[0] - grid[0]) / 2, query[1] + 2 * _GAP)
    corners = [first]
    for number in range(len(drawings) - 1):
        row, column = divmod(number, n_columns)
        corners.append((start[0] + column * width, start[1] + row * height))
    extents = [query, *[(width - _GAP, height - _GAP)] * (len(drawings) - 1)]
    panels = [
        (x + _GAP, y + _GAP, *extent) for (x, y), extent in zip(corners, extents, strict=True)
    ]
    return _Panels(drawings, panels, (size[0] + 2 * _GAP, size[1] + 2 * _GAP), scale)
