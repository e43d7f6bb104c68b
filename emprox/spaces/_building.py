"""From an architecture to the network that the benchmark trained."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

from ..graphs import ArchitectureError
from ..graphs._graphs import IntArray
from ..utils._texts import shown
from ._decisions import Decisions
from ._known import KNOWN

if TYPE_CHECKING:
    from ..networks._benchmarks._blocks import BenchmarkNetwork


class NetworkSizes(NamedTuple):
    """A benchmark's values of the options of `to_torch`; None where an option makes no sense."""

    n_classes: int
    channels: int | None = None
    n_cells: int | None = None


class BuildsNetworks(Decisions):
    """What a space knows of its networks; a base class of `SearchSpace`."""

    # None if the space cannot build networks; otherwise it has `_build`, which makes one of the
    # decisions of an architecture and these sizes.
    _network_sizes: NetworkSizes | None = None
    _build: Callable[..., BenchmarkNetwork]

    @abstractmethod
    def encode(self, architectures: Any, at_least: int = 0) -> IntArray:
        """Read architectures and return their decisions."""

    def to_torch(
        self,
        architecture: Any,
        *,
        n_classes: int | None = None,
        in_channels: int = 3,
        channels: int | None = None,
        n_cells: int | None = None,
    ) -> BenchmarkNetwork:
        """Build the network of an architecture as a module of PyTorch, ready to be trained.

        It is the network that the benchmark trained: its stem, cells, layers between them, and
        head, with the weights drawn anew. It takes images of shape (n_samples, in_channels,
        height, width), and returns logits of shape (n_samples, n_classes).

        Parameters
        ----------
        architecture : object
            A single architecture in any form that `encode` reads.
        n_classes : int, default=None
            Number of classes to tell apart. None stands for the benchmark's number, as below.
        in_channels : int, default=3
            Number of channels of the images.
        channels : int, default=None
            Number of channels of the first cells; later ones have a multiple of it.
        n_cells : int, default=None
            Number of cells in each stage between two reductions of the resolution; in
            TransNAS-Bench-101, of cells or blocks in each module.

        Returns
        -------
        torch.nn.Module
            The network.

        Raises
        ------
        ArchitectureError
            If it is not an architecture of this space.
        ValueError
            If the space cannot build networks, in which case the message says which can; if a
            number is not a whole one from 1 on or too small for the architecture, or the space has
            no such option.

        Notes
        -----
        The benchmarks' numbers are, with the height and width of their images:

        ==========================  =========  ========  =======  ======
        space                       n_classes  channels  n_cells  images
        ==========================  =========  ========  =======  ======
        ``nasbench101``                    10       128        3      32
        ``nasbench201``                    10        16        5      32
        ``darts``                          10        32        2      32
        ``nasbench_macro``                 10        32        –      32
        ``natsbench_size``                 10         –        –      32
        ``transnasbench101_micro``         47        64        2     256
        ``transnasbench101_macro``         47        64        2     256
        ==========================  =========  ========  =======  ======

        Edges that stand for none, and others on no path from the input of a cell to its output,
        are not built. In the benchmarks a convolution that the input does not reach still adds
        a constant for each channel. A cell without a path gives zeros. Networks of ``darts`` have
        no auxiliary head and no dropping of paths, which serve training alone. Those of
        TransNAS-Bench-101 have the head for classifying scenes.

        Examples
        --------
        >>> from emprox.spaces import get_space
        >>> space = get_space("nasbench201")
        >>> cell = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"
        >>> network = space.to_torch(cell, n_classes=100)
        >>> sum(weights.numel() for weights in network.parameters())
        350196
        """
        if self._network_sizes is None:
            able = [name for name, space in sorted(KNOWN.items()) if space._network_sizes]
            raise ValueError(
                f"the space {self.name!r} cannot build networks of PyTorch; those that can are"
                f" {', '.join(able)}"
            )
        given = {"n_classes": n_classes, "channels": channels, "n_cells": n_cells}
        sizes: dict[str, int] = {}
        for name, value in {"in_channels": in_channels, **given}.items():
            usual = getattr(self._network_sizes, name, in_channels)
            if value is not None and usual is None:
                raise ValueError(
                    f"{name} cannot be chosen in {self.name!r}, which has no such size"
                )
            chosen = usual if value is None else value
            if chosen is None:
                continue
            if isinstance(chosen, bool) or not isinstance(chosen, Integral) or chosen < 1:
                raise ValueError(f"{name} has to be a whole number from 1 on, got {shown(chosen)}")
            sizes[name] = int(chosen)
        try:
            (decisions,) = self.encode([architecture])
        except ArchitectureError as error:
            raise ArchitectureError(error.message) from error
        return self._build(decisions, **sizes)
