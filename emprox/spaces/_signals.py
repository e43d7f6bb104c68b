"""What operations do to a signal, how a cell joins them, and how a network stacks its cells."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

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
        values = [(field, getattr(self, field.name)) for field in fields(self)]
        given = [f"{field.name}={value!r}" for field, value in values if value != field.default]
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
        n_cells: int | tuple[int, ...],
        entry: str = "copy",
        strided: bool = False,
        first: bool = False,
    ) -> Skeleton:
        """Stack the same cell in stages.

        Parameters
        ----------
        widths, resolutions : tuple of int
            Number of channels and resolution of each stage.
        n_cells : int or tuple of int
            Cells in a stage, or in each.
        entry : {"copy", "renew", "residual"}, default="copy"
            What stands between two stages; see `CellPosition`.
        strided : bool, default=False
            Whether it is the first cell of every stage but the first that halves the resolution.
        first : bool, default=False
            Whether the first stage begins as the others do.

        Returns
        -------
        Skeleton
            The skeleton.
        """
        sizes = zip(widths, resolutions, np.broadcast_to(n_cells, len(widths)), strict=True)
        positions = []
        for stage, (width, resolution, n_in_stage) in enumerate(sizes):
            for number in range(n_in_stage):
                begins = number == 0 and (first or stage > 0)
                before = entry if begins else "copy"
                positions.append(CellPosition(0, width, resolution, strided and begins, before))
        return cls(tuple(positions))
