"""An architecture as a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..spaces import SearchSpace, get_space
from ._axes import check_libraries, fill_figure, size_in_points
from ._drawing import fit, operation_colors
from ._graphs import as_batch, to_graphs

if TYPE_CHECKING:
    import networkx

# A drawing is arranged for this room, in points. A figure of its own has the size of the drawing.
_ROOM, _MARGIN = (750.0, 430.0), 8.0


@dataclass(kw_only=True, eq=False, repr=False)
class CellDisplay:
    """Drawing of an architecture as a graph.

    Operations are boxes; edges lead to the right or down, whichever fits the axes better, and a
    chain or a deep network that is too long for one row has several. An
    operation has the same colour in all drawings of a space; those that compute nothing, such as
    skip connections, are grey. What is on no path from an input to an output is dashed.

    Use `from_architecture` to make one.

    Parameters
    ----------
    graphs : list of networkx.DiGraph
        What is drawn: one graph for each kind of cell. Nodes have a ``label``, a ``kind``
        ("operation", "input", "output" or "sum") and, like edges, are ``live`` or not.
    colors : dict of str to str
        The colour of each operation.

    Attributes
    ----------
    boxes_ : list of matplotlib.patches.FancyBboxPatch
        Boxes of the nodes.
    lines_ : list of matplotlib.patches.FancyArrowPatch
        Lines of the edges.
    texts_ : list of matplotlib.patches.PathPatch
        Outlines of the names, which grow and shrink with the axes.
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        Where it is drawn. One unit of the axes is a point at full size.

    See Also
    --------
    NeighborsDisplay : An architecture and those that its prediction is made from.
    emprox.spaces.get_space : Looks a search space up by name.

    Notes
    -----
    Nodes stand in layers by the longest path from the input, ordered so that few edges cross, and
    every edge has a place of its own in the layers that it passes [1]_. Coordinates minimise how
    far edges climb [2]_.

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
    >>> [label for _, label in display.graphs[0].nodes(data="label")][:3]
    ['input', 'nor_conv_3x3', 'none']
    """

    graphs: list[networkx.DiGraph]
    colors: dict[str, str]

    @classmethod
    def from_architecture(
        cls,
        space: str | SearchSpace,
        architecture: Any,
        *,
        ax: Any = None,
    ) -> CellDisplay:
        """Draw an architecture.

        Parameters
        ----------
        space : str or SearchSpace
            The search space; ``"dag"`` draws any connected graph.
        architecture : Architecture, str, sequence or pandas.Series
            The architecture in any form that the space reads.
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
        ValueError
            If the space does not exist.
        """
        check_libraries(cls, "networkx")
        space = get_space(space)
        batch = space.prepare(as_batch(architecture))
        space = space.learn(batch)
        graphs = to_graphs(space, batch)
        colors = operation_colors(space, graphs)
        return cls(graphs=graphs, colors=colors).plot(ax)

    def plot(self, ax: Any = None) -> CellDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure, in the size of the drawing.

        Returns
        -------
        CellDisplay
            The display itself.
        """
        room = _ROOM if ax is None else size_in_points(ax)
        drawing = fit(self.graphs, room)
        scale = 1.0 if ax is None else drawing.scale(room)
        ax = fill_figure(drawing.size + 2 * _MARGIN) if ax is None else ax
        self.boxes_, self.lines_, self.texts_ = drawing.draw(ax, self.colors, scale)
        self.ax_, self.figure_ = ax, ax.figure
        return self
