"""The NAS-Bench-Macro search space (Su et al., 2021)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..graphs import WIRE, Graphs
from ..graphs._graphs import IntArray
from ._building import NetworkSizes
from ._chains import ChainSpace
from ._parsing import refuse
from ._signals import CellPosition, SignalOperation, Skeleton

if TYPE_CHECKING:
    from ..networks._benchmarks._blocks import BenchmarkNetwork

IDENTITY = 0
# Number of layers of each stage; the first of them halves the resolution and doubles the channels.
STAGES = (2, 3, 3)
# The layers of each stage after its first, which changes resolution and channels.
_INNER_LAYERS = (slice(1, 2), slice(3, 5), slice(6, 8))
_IS_FIRST = np.array([layer == 0 for n_layers in STAGES for layer in range(n_layers)])
_DIGITS = re.compile("[0-2]{8}")


def _block(name: str, kernel_size: int, expansion: int, strided: bool = False) -> SignalOperation:
    """Describe a MobileNetV2 block; what depends on its channels is for their number at its end."""
    n_inner = expansion / 2 if strided else expansion
    return SignalOperation(
        name,
        "renew",
        kernel_size=kernel_size,
        n_layers=2,
        mixing=n_inner * (0.5 if strided else 1) + n_inner,
        depthwise=n_inner * (kernel_size**2 + 4) + 2,
        residual=not strided,
    )


class NASBenchMacroSpace(ChainSpace):
    """Networks of eight layers, each one of three blocks: 6,561 networks.

    The decisions are the blocks of the layers in the benchmark's numbering: 0 identity, 1 mb3_k3
    (a MobileNetV2 block with kernel size 3 and expansion ratio 3), 2 mb6_k5 (kernel size 5,
    expansion ratio 6). The layers make up stages of two, three and three; the first layer of each
    stage halves the resolution and doubles the channels.

    `encode` reads the benchmark's text of eight digits (``21020211``), eight block names or
    numbers, the text of such a tuple (``"(2, 1, 0, 2, 0, 2, 1, 1)"``), an `Architecture` and its
    JSON form. `format` writes the eight digits.

    Notes
    -----
    An identity that is not the first layer of its stage does nothing, so only the order of the
    stage's other blocks counts. The canonical form moves these identities to the end of their
    stage. This is exact, and is how the benchmark's authors trained 3,969 networks for 6,561
    codes. An identity in the first layer of a stage is no identity, but a convolution 1x1 with
    stride 2 and batch normalisation, and stays where it is. No further descriptions of the same
    network are known.

    References
    ----------
    Xiu Su, Tao Huang, Yanxi Li, Shan You, Fei Wang, Chen Qian, Changshui Zhang and Chang Xu.
    Prioritized Architecture Sampling with Monto-Carlo Tree Search. CVPR 2021.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("nasbench_macro")
    >>> space.encode(["21020211"])
    array([[2, 1, 0, 2, 0, 2, 1, 1]])
    >>> space.format(space.canonicalize(space.encode(["00002021"])))
    ['00020021']
    """

    name = "nasbench_macro"
    title = "NAS-Bench-Macro: 8 layers with 3 blocks each"
    operations = ("identity", "mb3_k3", "mb6_k5")
    n_layers = 8
    # A block of expansion ratio e is a convolution 1x1 of C to e C channels, a depthwise one and a
    # convolution 1x1 back to C, each with batch normalisation, the first two with ReLU, and a
    # shortcut. Where it doubles the channels, from C / 2 to C, there is no shortcut and the first
    # two have half the channels; and an identity is a convolution 1x1 (the benchmark's
    # train/model.py).
    signal_operations = (
        SignalOperation("identity", "copy"),
        _block("mb3_k3", 3, 3),
        _block("mb6_k5", 5, 6),
        SignalOperation("identity, strided", "renew", mixing=0.5, depthwise=2),
        _block("mb3_k3, strided", 3, 3, strided=True),
        _block("mb6_k5, strided", 5, 6, strided=True),
    )
    # The stem puts out 32 channels at a resolution of 32, which the first stage doubles and halves.
    skeleton = Skeleton((CellPosition(width=64, resolution=16),))
    accepted = "a text of eight digits such as '21020211', eight blocks"
    _network_sizes = NetworkSizes(n_classes=10, channels=32)

    def signal_graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        """Write networks as chains of layers.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 8)
            Decision matrix.

        Returns
        -------
        tuple of Graphs
            The chains, as the only kind of cell. The first layer of each stage is an operation of
            its own; other identities are wires. Widths and resolutions are those after a layer.
        """
        matrix = self._check(decisions)
        kept = np.where(matrix == IDENTITY, WIRE, matrix)
        operations = np.where(_IS_FIRST, matrix + len(self.operations), kept)
        n_halved = np.broadcast_to(np.repeat(np.arange(len(STAGES)), STAGES), matrix.shape)
        names = [operation.name for operation in self.signal_operations]
        numbers = {"widths": 2.0**n_halved, "resolutions": 0.5**n_halved}
        return (Graphs.chain(operations, names, numbers),)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Move the identities that do nothing to the end of their stage.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 8)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, 8)
            Decision matrix of the canonical forms.
        """
        matrix = self._check(decisions)
        for layers in _INNER_LAYERS:
            block = matrix[:, layers]
            order = np.argsort(block == IDENTITY, axis=1, kind="stable")
            matrix[:, layers] = np.take_along_axis(block, order, axis=1)
        return matrix

    def _build(self, decisions: IntArray, **sizes: int) -> BenchmarkNetwork:
        from ..networks._benchmarks._nasbench_macro import NASBenchMacroNetwork

        blocks = [self.operations[choice] for choice in decisions]
        return NASBenchMacroNetwork(blocks, _IS_FIRST.tolist(), **sizes)

    def _write_text(self, choices: Sequence[int]) -> str:
        return "".join(map(str, choices))

    def _read_text(self, text: str) -> Sequence[int]:
        if _DIGITS.fullmatch(text) is None:
            raise refuse(text, "eight digits from 0 to 2, one for each layer, as in '21020211'")
        return [int(digit) for digit in text]
