"""What operations do to a signal, how a cell joins them, and how a network stacks its cells."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

# In `CellGraphs.operations`: no edge, and an edge that only hands its source's signal on.
ABSENT, WIRE = -1, -2

EFFECTS = ("copy", "blur", "renew", "block")


@dataclass(frozen=True)
class SignalOperation:
    """What an operation does to a signal that passes it.

    Parameters
    ----------
    name : str
        Name of the operation, for the names of columns.
    effect : {"copy", "blur", "renew", "block"} or None, default=None
        ``"copy"`` hands the signal on, as a skip connection. ``"blur"`` averages over a
        neighbourhood, as pooling. ``"renew"`` makes a new signal of unit variance that only keeps
        what similarity the old ones had, as an activation, random weights and a normalisation do.
        ``"block"`` hands nothing on, as an operation that stands for no edge. None says that
        nothing is known; a space describes all of its operations or none.
    kernel_size : int, default=1
        Width of the neighbourhood that is seen, dilation included.
    n_layers : int, default=1
        Number of layers with weights and an activation, one after the other.
    mixing : float, default=0
        Weights for each pair of an input and an output channel: a convolution of C channels to C
        has ``mixing * C**2`` of them, with `mixing` the number of its taps.
    depthwise : float, default=0
        Weights for each channel, as of depthwise convolutions and normalisations.
    residual : bool, default=False
        Whether the input is added to what is computed, as in a ResNet block.

    Examples
    --------
    >>> from emprox.spaces import SignalOperation
    >>> SignalOperation("conv3x3", "renew", kernel_size=3, mixing=9, depthwise=2).mixing
    9
    """

    name: str
    effect: str | None = None
    kernel_size: int = 1
    n_layers: int = 1
    mixing: float = 0
    depthwise: float = 0
    residual: bool = False

    def __post_init__(self) -> None:
        if self.effect is not None and self.effect not in EFFECTS:
            raise ValueError(
                f"the effect of an operation is one of {', '.join(map(repr, EFFECTS))} or None,"
                f" got {self.effect!r} for {self.name!r}"
            )


@dataclass(frozen=True)
class CellGraphs:
    """The cells of many architectures as graphs over the same nodes.

    Parameters
    ----------
    edges : tuple of (int, int)
        Source and target of every edge that a cell may have, sources before targets, and sorted
        by target; several edges may join the same two nodes. The first `n_inputs` nodes are the
        inputs, the last node is the output.
    operations : ndarray of shape (n_architectures, n_edges)
        Operation of each edge, an index into the space's `signal_operations`; -1 for no edge, and
        -2 for a wire, which hands a signal on without being an operation. Whole numbers, of 8 bits
        or more.
    n_inputs : int, default=1
        Number of inputs. Input i is the output of the cell ``n_inputs - i`` places before.
    concatenated : frozenset of int, default=frozenset()
        Nodes that concatenate what leads to them, over wires only; all others add it up.
    name : str, default=""
        Name of the kind of cell, for the names of columns; empty if there is only one.
    widths, resolutions : ndarray of shape (n_architectures, n_edges) or None, default=None
        Factors on the number of channels and on the resolution of the cell's position, where
        edges differ in these. For an operation that changes its number of channels the first is
        that of the geometric mean.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.spaces import ABSENT, CellGraphs
    >>> graphs = CellGraphs(((0, 1), (0, 2), (1, 2)), np.array([[0, ABSENT, 1], [0, 0, 0]]))
    >>> graphs.n_nodes
    3
    """

    edges: tuple[tuple[int, int], ...]
    operations: NDArray[np.integer[Any]]
    n_inputs: int = 1
    concatenated: frozenset[int] = frozenset()
    name: str = ""
    widths: NDArray[np.floating[Any]] | None = None
    resolutions: NDArray[np.floating[Any]] | None = None

    @property
    def n_nodes(self) -> int:
        """Number of nodes, the inputs and the output among them."""
        return self.edges[-1][1] + 1


@dataclass(frozen=True)
class CellPosition:
    """A place in the network that a cell stands at.

    Parameters
    ----------
    kind : int, default=0
        Which of the space's kinds of cells stands there.
    width : int, default=16
        Number of channels of each operation.
    resolution : int, default=32
        Height and width of the signal, after it is halved if it is; 1 if it has none.
    strided : bool, default=False
        Whether the cell halves the resolution, so that even what copies the cell's input elsewhere
        has to compute here.
    entry : {"copy", "renew", "residual"}, default="copy"
        What happens to a cell's output before this cell reads it: nothing; a layer that renews it,
        as a convolution; or a residual block.

    Examples
    --------
    >>> from emprox.spaces import CellPosition
    >>> CellPosition(width=64, resolution=8, strided=True)
    CellPosition(width=64, resolution=8, strided=True)
    """

    kind: int = 0
    width: int = 16
    resolution: int = 32
    strided: bool = False
    entry: str = "copy"

    def __repr__(self) -> str:
        given = (
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        )
        return f"CellPosition({', '.join(given)})"


@dataclass(frozen=True)
class Skeleton:
    """How a network stacks its cells.

    Parameters
    ----------
    positions : tuple of CellPosition, default=(CellPosition(),)
        The places of the cells, from the input of the network to its output.

    Examples
    --------
    >>> from emprox.spaces import Skeleton
    >>> [position.width for position in Skeleton.of_stages((16, 32), (32, 16), n_cells=1).positions]
    [16, 32]
    """

    positions: tuple[CellPosition, ...] = (CellPosition(),)

    @classmethod
    def of_stages(
        cls,
        widths: tuple[int, ...],
        resolutions: tuple[int, ...],
        n_cells: int,
        entry: str = "copy",
        strided: bool = False,
    ) -> Skeleton:
        """Stack the same cell in stages.

        Parameters
        ----------
        widths, resolutions : tuple of int
            Number of channels and resolution of each stage.
        n_cells : int
            Cells in a stage.
        entry : {"copy", "renew", "residual"}, default="copy"
            What stands between two stages; see `CellPosition`.
        strided : bool, default=False
            Whether it is the first cell of every stage but the first that halves the resolution.

        Returns
        -------
        Skeleton
            The skeleton.
        """
        positions = []
        for stage, (width, resolution) in enumerate(zip(widths, resolutions, strict=True)):
            for number in range(n_cells):
                first = stage > 0 and number == 0
                positions.append(
                    CellPosition(
                        width=width,
                        resolution=resolution,
                        strided=strided and first,
                        entry=entry if first else "copy",
                    )
                )
        return cls(tuple(positions))


def live_edges(graphs: CellGraphs) -> NDArray[np.bool_]:
    """Say which edges are on a path from an input to the output.

    Parameters
    ----------
    graphs : CellGraphs
        The cells.

    Returns
    -------
    ndarray of shape (n_edges, n_architectures)
        True for edges that a signal passes.

    Examples
    --------
    >>> from emprox.spaces import get_space, live_edges
    >>> (graphs,) = get_space("nasbench201").cell_graphs([(2, 2, 1, 1, 1, 2)])
    >>> [edge for edge, live in zip(graphs.edges, live_edges(graphs)[:, 0]) if live]
    [(0, 1), (1, 3)]
    """
    there = graphs.operations.T != ABSENT
    n_architectures = there.shape[1]
    reached = np.zeros((graphs.n_nodes, n_architectures), dtype=bool)
    reached[: graphs.n_inputs] = True
    for edge, (source, target) in enumerate(graphs.edges):
        reached[target] |= there[edge] & reached[source]
    needed = np.zeros((graphs.n_nodes, n_architectures), dtype=bool)
    needed[-1] = True
    for edge in range(len(graphs.edges) - 1, -1, -1):
        source, target = graphs.edges[edge]
        needed[source] |= there[edge] & needed[target]
    sources, targets = np.array(graphs.edges).T
    return there & reached[sources] & needed[targets]
