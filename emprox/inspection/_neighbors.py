"""What the prediction for an architecture is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import is_regressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils import check_consistent_length

from ._axes import check_column, check_libraries, fill_figure, size_in_points
from ._drawing import FAINT, INK, fit, operation_colors, text_width
from ._graphs import as_batch, name_graph, to_graphs
from ._layout import Array
from ._unwrap import transform, unwrap

if TYPE_CHECKING:
    import networkx

# A drawing is arranged to be of this shape, in points, and drawn in a figure of its own at this
# scale; figures are about so wide for their height.
_ROOM, _SCALE, _ASPECT = (300.0, 170.0), 0.8, 1.5
# Of what stands above a drawing: its height, the size of the text, and the bar for all the weight.
_HEADER, _FONT_SIZE, _BAR = 44.0, 9.0, (140.0, 4.0)
_GAP = 14.0
_BAR_COLOR, _TRACK_COLOR, _FRAME_COLOR = "#0072B2", "#e0e0e0", "#f4f4f4"


@dataclass(kw_only=True, eq=False, repr=False)
class NeighborsDisplay:
    """Why this prediction: an architecture and the known ones that it is predicted from.

    The architecture comes first, framed, with its predicted accuracy. Its nearest known
    architectures follow by their distance in the embedding, each with its weight, also as a bar,
    and its accuracy: the prediction is the weighted mean of these.

    Use `from_estimator` to make one.

    Parameters
    ----------
    prediction : float
        Predicted accuracy.
    neighbors : DataFrame
        The nearest known architectures, the nearest first: their ``distance`` in the embedding,
        their ``accuracy``, and their ``weight``, the share in the prediction. What is missing to a
        sum of 1 is the share of an architecture without a path, which a `chance_level` adds; with
        ``weights="kriging"``, which takes all into account, weights are NaN. The index is the
        position among the known architectures.
    graphs : list of list of networkx.DiGraph
        What is drawn, as in `CellDisplay`: the architecture, then its neighbours.
    colors : dict of str to str
        The colour of each operation.
    target_name : str, default="accuracy"
        What is predicted.

    Attributes
    ----------
    cells_ : list of matplotlib.axes.Axes
        Axes of the drawings: of the architecture, then of its neighbours.
    titles_ : list of matplotlib.text.Text
        What is written above them.
    bars_ : list of matplotlib.patches.Rectangle
        Bars as long as the weights of the neighbours; none without weights.
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        Where it is drawn.

    See Also
    --------
    CellDisplay : Draws a single architecture.
    EmbeddingDisplay : Map of the embedding that the neighbours are found in.
    emprox.EmProxRegressor.kneighbors : Finds the neighbours.

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
    >>> len(display.neighbors), f"{display.neighbors['weight'].sum():.2f}"
    (4, '1.00')
    """

    prediction: float
    neighbors: pd.DataFrame
    graphs: list[list[networkx.DiGraph]]
    colors: dict[str, str]
    target_name: str = "accuracy"

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        architecture: Any,
        *,
        X_known: Any = None,
        y_known: ArrayLike | None = None,
        max_neighbors: int = 8,
        target_name: str = "accuracy",
        ax: Any = None,
    ) -> NeighborsDisplay:
        """Predict with a fitted estimator and draw what the prediction is made from.

        Parameters
        ----------
        estimator : estimator
            A fitted `EmProxRegressor`; a pipeline whose last step is a `ProximityRegressor` or
            scikit-learn's `KNeighborsRegressor`; or a search, such as `GridSearchCV`, for one of
            these.
        architecture : Architecture, str, sequence or pandas.Series
            The architecture, as one sample that the estimator predicts.
        X_known : array-like of shape (n_known,) or (n_known, n_features), default=None
            The known architectures that the estimator was fitted to, in the same order. An
            `EmProxRegressor` keeps them, a pipeline does not. If the estimator knows no search
            space, they are named by their number and not drawn.
        y_known : array-like of shape (n_known,), default=None
            Their accuracies. They go with `X_known`.
        max_neighbors : int, default=8
            How many neighbours to draw at most. All of them are kept in the display.
        target_name : str, default="accuracy"
            What is predicted, with its unit if it is to be written: ``"latency (ms)"``.
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
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no neighbours.
        ValueError
            If the known architectures are needed but not given, or are not those that the
            estimator was fitted to; or if it predicts several accuracies at once.
        """
        check_libraries(cls, "networkx")
        transformers, last = unwrap(estimator)
        space = next((step.space_ for step in transformers if hasattr(step, "space_")), None)
        if not (hasattr(last, "kneighbors") and is_regressor(last)):
            raise TypeError(
                f"{type(last).__name__} has no neighbours: expected a fitted EmProxRegressor, or a"
                " pipeline or search whose last step is a ProximityRegressor or KNeighborsRegressor"
            )
        sample = as_batch(architecture)
        if space is not None:
            sample = space.prepare(sample)
        predicted = np.ravel(estimator.predict(sample))
        if len(predicted) != 1:
            raise ValueError(f"one accuracy can be explained, the estimator predicts {predicted}")
        neighbors = _find_neighbors(last, transform(transformers, sample))
        known, accuracies = _get_known(estimator, X_known, y_known)
        # Positions beyond the last are NaN.
        neighbors["accuracy"] = pd.Series(accuracies).reindex(neighbors.index)
        mean = (neighbors["weight"] * neighbors["accuracy"]).sum(skipna=False)
        is_whole = np.isclose(neighbors["weight"].sum(), 1)
        if neighbors["accuracy"].isna().any() or (is_whole and not np.isclose(mean, predicted[0])):
            raise ValueError(
                "the prediction is not the mean of the neighbours' accuracies: give the X_known and"
                " y_known that the estimator was fitted to, in the same order"
            )
        if space is None:
            names = ["this architecture", *(f"known architecture {i}" for i in neighbors.index)]
            graphs, colors = [[name_graph(name)] for name in names], {}
        else:
            cells = [sample, *space.encode(known)[neighbors.index, None]]
            graphs = [to_graphs(space, cell) for cell in cells]
            colors = operation_colors(space, [graph for cell in graphs for graph in cell])
        parts = {"neighbors": neighbors, "graphs": graphs, "colors": colors}
        display = cls(prediction=float(predicted[0]), target_name=target_name, **parts)
        return display.plot(ax, max_neighbors=max_neighbors)

    def plot(self, ax: Any = None, *, max_neighbors: int = 8) -> NeighborsDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure, so large that names can be read.
        max_neighbors : int, default=8
            How many neighbours to draw at most.

        Returns
        -------
        NeighborsDisplay
            The display itself.
        """
        titles = self._titles(max_neighbors)
        drawings = [fit(cell, _ROOM) for cell in self.graphs[: len(titles)]]
        inner = _SCALE * np.max([drawing.size for drawing in drawings], axis=0) + [0, _HEADER]
        inner[0] = max(inner[0], _BAR[0], *(text_width(line) for lines in titles for line in lines))
        panel = inner + _GAP
        aspect = _ASPECT if ax is None else np.divide(*size_in_points(ax))
        grids = [np.array([n, -(-len(titles) // n)]) for n in range(1, len(titles) + 1)]
        grid = min(grids, key=lambda grid: abs(np.log(np.divide(*(grid * panel)) / aspect)))
        zoom = 1.0 if ax is None else min(1.0, *(size_in_points(ax) / (grid * panel)))
        ax = fill_figure(grid * panel) if ax is None else ax
        ax.set_axis_off()
        ax.set(xlim=(0, grid[0] * panel[0]), ylim=(0, grid[1] * panel[1]), aspect="equal")
        self.cells_: list[Any] = []
        self.titles_: list[Any] = []
        self.bars_: list[Any] = []
        self.ax_, self.figure_ = ax, ax.figure
        for number, (drawing, lines) in enumerate(zip(drawings, titles, strict=True)):
            row, column = divmod(number, grid[0])
            corner = panel * (column, grid[1] - 1 - row) + _GAP / 2
            middle = corner[0] + inner[0] / 2
            if number == 0:
                self._draw_box(corner - _GAP / 4, inner + _GAP / 2, _FRAME_COLOR, FAINT)
            elif self.neighbors["weight"].notna().all():
                bar = np.array([middle - _BAR[0] / 2, corner[1] + inner[1] - _HEADER + 8])
                self._draw_box(bar, np.array(_BAR), _TRACK_COLOR)
                share = np.array([_BAR[0] * self.neighbors["weight"].iloc[number - 1], _BAR[1]])
                self.bars_.append(self._draw_box(bar, share, _BAR_COLOR))
            top = corner[1] + inner[1] - 2
            style = {"fontsize": _FONT_SIZE * zoom, "ha": "center", "va": "top"}
            self.titles_ += [
                ax.text(middle, top, lines[0], fontweight="bold", color=INK, **style),
                ax.text(middle, top - 14, lines[1], color=FAINT, **style),
            ]
            bounds = (*corner, inner[0], inner[1] - _HEADER)
            self.cells_.append(ax.inset_axes(bounds, transform=ax.transData))
            size = (inner - [0, _HEADER]) / _SCALE
            drawing.draw(self.cells_[-1], self.colors, _SCALE * zoom, size)
        return self

    def _titles(self, max_neighbors: int) -> list[tuple[str, str]]:
        shown, weights = self.neighbors[:max_neighbors], self.neighbors["weight"]
        has_weights = bool(weights.notna().all())
        how = f"weighted mean of {len(self.neighbors)}, of which {len(shown)} are shown:"
        if not has_weights:
            how = "its nearest known architectures:"
        elif weights.sum() < 1 - 1e-6:
            how = f"{100 - 100 * weights.sum():.3g} % a guess, as it is near one without a path"
        titles = [(f"predicted {self.target_name}: {self.prediction:.4g}", how)]
        for row in shown.itertuples():
            share = f", weight {100 * row.weight:.1f} %" * has_weights
            how = f"distance {row.distance:.3g}{share}"
            titles.append((f"{self.target_name}: {row.accuracy:.4g}", how))
        return [(first.replace("$", r"\$"), second) for first, second in titles]

    def _draw_box(self, corner: Array, size: Array, color: str, edge: str = "none") -> Any:
        from matplotlib.patches import Rectangle

        box = Rectangle(tuple(corner), *size, facecolor=color, edgecolor=edge, linewidth=0.8)
        return self.ax_.add_artist(box)


def _get_known(estimator: Any, X_known: Any, y_known: ArrayLike | None) -> tuple[Any, Array]:
    """Return the known architectures and their accuracies."""
    if X_known is None and y_known is None:
        estimator = getattr(estimator, "best_estimator_", estimator)
        X_known, y_known = getattr(estimator, "X_", None), getattr(estimator, "y_", None)
    if X_known is None or y_known is None:
        raise ValueError(
            f"a {type(estimator).__name__} does not keep the architectures that it was fitted to:"
            " give them as X_known and their accuracies as y_known"
        )
    accuracies = check_column(np.asarray(y_known), "y_known")
    check_consistent_length(X_known, accuracies)
    return X_known, accuracies


def _find_neighbors(last: Any, features: Any) -> pd.DataFrame:
    """Return the neighbours with their distances and their shares in the prediction."""
    n_neighbors = weights = None
    if last.weights != "kriging" and hasattr(last, "neighbor_weights"):
        weights = last.neighbor_weights(features)[0]
        # Of equal rows all count.
        n_neighbors = max(last.n_neighbors_, np.count_nonzero(weights))
        n_neighbors = min(n_neighbors, len(last.embedding_))
    distances, indices = (found[0] for found in last.kneighbors(features, n_neighbors))
    neighbors = pd.DataFrame({"distance": distances}, index=indices).assign(weight=np.nan)
    if weights is not None:
        neighbors["weight"] = weights[indices]
    elif last.weights != "kriging":
        # Scikit-learn does not tell the share of a neighbour: it is what is predicted on a line,
        # with the architecture at zero, if this neighbour alone has the accuracy 1.
        line = KNeighborsRegressor(len(distances), weights=last.weights, algorithm="kd_tree")
        line.fit(distances[:, None], np.eye(len(distances)))
        neighbors["weight"] = line.predict([[0.0]])[0]
    return neighbors
