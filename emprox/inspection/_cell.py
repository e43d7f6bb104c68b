"""An architecture as a graph."""

from __future__ import annotations

from typing import Any

from ..spaces import SearchSpace
from ..utils._optional_imports import import_optional
from ._artists import draw, fit, operation_colors
from ._axes import POINTS, check_matplotlib, size_in_points
from ._graphs import Graph, find_space, to_graphs

DIRECTIONS = ("right", "down")
# A figure of its own is as large as the drawing at full size; the drawing is arranged for this
# room, and made smaller only where it would be larger than a figure may be. In points.
_ROOM, _LARGEST, _MARGIN = (750.0, 430.0), (7200.0, 7200.0), 8.0


class CellDisplay:
    """Drawing of an architecture as a graph.

    Operations stand where the search space has them: on edges between feature maps, as in
    NAS-Bench-201, TransNAS-Bench-101 and DARTS, or on nodes, as in NAS-Bench-101 and in any other
    directed acyclic graph. A chain of layers is a row of blocks, or several rows. An operation has
    the same colour in all drawings of a space; those that compute nothing, such as skip
    connections, are grey. What is on no path from an input to an output is dashed. At a blend, the
    gated sum of NAS-Bench-NLP, g is the gate, 1 what it lets pass, and 2 what it replaces it with.

    Use `from_architecture` to make one.

    Parameters
    ----------
    graphs : tuple of Graph
        What is drawn: one graph for each kind of cell.
    colors : dict of str to str
        The colour of each operation.

    Attributes
    ----------
    boxes_ : list of matplotlib.patches.Patch
        Boxes and circles of the nodes, and of the operations on edges.
    lines_ : list of matplotlib.patches.PathPatch
        Lines of the edges. An edge with an operation on it has two.
    texts_ : list of matplotlib.patches.PathPatch
        Outlines of the names, which grow and shrink with the axes.
    ax_ : matplotlib.axes.Axes
        The axes, one unit of which is a point at full size.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    NeighborsDisplay : An architecture and those that its prediction is made from.
    emprox.spaces.get_space : Looks a search space up by name.

    Notes
    -----
    The layout is that of Sugiyama, Tagawa and Toda [1]_: layers by the longest path from the
    input, an order within them with few crossings, and room in each layer for the edges that pass
    it, so that none runs through a node. Coordinates minimise how far edges climb, as in [2]_.

    References
    ----------
    .. [1] Sugiyama, Tagawa and Toda. Methods for Visual Understanding of Hierarchical System
       Structures. IEEE Transactions on Systems, Man, and Cybernetics, 1981.
    .. [2] Gansner, Koutsofios, North and Vo. A Technique for Drawing Directed Graphs. IEEE
       Transactions on Software Engineering, 1993.

    Examples
    --------
    >>> from emprox.inspection import CellDisplay
    >>> cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|"
    >>> display = CellDisplay.from_architecture("nasbench201", cell)
    >>> display.graphs[0].operations
    ['nor_conv_3x3', 'none', 'skip_connect', 'nor_conv_1x1']
    >>> len(display.boxes_)  # four feature maps, six operations
    10
    """

    def __init__(self, *, graphs: tuple[Graph, ...], colors: dict[str, str]) -> None:
        self.graphs = graphs
        self.colors = colors

    @classmethod
    def from_architecture(
        cls,
        space: str | SearchSpace | None,
        architecture: Any,
        *,
        canonicalize: bool = False,
        show_dead: bool = True,
        direction: str | None = None,
        ax: Any = None,
    ) -> CellDisplay:
        """Draw an architecture.

        Parameters
        ----------
        space : str, SearchSpace or None
            The search space. With None the architecture has to be an `Architecture`; it is drawn
            as one of the space that it names, or if that is none as the graph that it is.
        architecture : Architecture, str or sequence
            The architecture in any form that the space reads.
        canonicalize : bool, default=False
            Whether to draw the canonical form instead of what is written.
        show_dead : bool, default=True
            Whether to show what is on no path from an input to an output, dashed and grey.
        direction : {"right", "down"} or None, default=None
            Where edges lead. None takes what fits the axes better. Several cells stand below each
            other if their edges lead to the right, and else beside each other.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure, in the size of the drawing.

        Returns
        -------
        CellDisplay
            The display.

        Raises
        ------
        ArchitectureError
            If it is not an architecture of the space.
        ImportError
            If matplotlib is not installed.
        TypeError
            If there is no space and it is not an `Architecture`.
        ValueError
            If the space or the direction does not exist, or the canonical form of a graph of no
            known space is wanted.
        """
        check_matplotlib(cls)
        check_direction(direction)
        found = find_space(space, architecture)
        graphs = to_graphs(found, architecture, canonicalize=canonicalize)
        if not show_dead:
            graphs = tuple(graph.without_dead() for graph in graphs)
        colors = operation_colors(found, graphs)
        return cls(graphs=graphs, colors=colors).plot(ax, direction=direction)

    def plot(self, ax: Any = None, *, direction: str | None = None) -> CellDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure, in the size of the drawing.
        direction : {"right", "down"} or None, default=None
            Where edges lead. None takes what fits the axes better. Several cells stand below each
            other if their edges lead to the right, and else beside each other.

        Returns
        -------
        CellDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the direction does not exist.
        """
        check_direction(direction)
        if ax is None:
            drawing = fit(self.graphs, _ROOM, direction)
            scale = drawing.scale(_LARGEST)
            plt = import_optional("matplotlib.pyplot", extra="plot", purpose=type(self).__name__)
            figsize = [(scale * side + _MARGIN) / POINTS for side in drawing.size]
            ax = plt.subplots(figsize=figsize, layout="constrained")[1]
        else:
            room = size_in_points(ax)
            drawing = fit(self.graphs, room, direction)
            scale = drawing.scale(room)
        self.boxes_, self.lines_, self.texts_ = draw(ax, drawing, self.colors, scale)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def check_direction(direction: str | None) -> None:
    """Raise ValueError if there is no such direction."""
    if direction is not None and direction not in DIRECTIONS:
        raise ValueError(
            f"direction has to be {' or '.join(map(repr, DIRECTIONS))} or None, got {direction!r}"
        )
