"""The macro-level search space of TransNAS-Bench-101 (Duan et al., 2021)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..graphs import WIRE, Graphs
from ..graphs._graphs import IntArray
from ._building import NetworkSizes
from ._chains import ChainSpace
from ._parsing import refuse
from ._signals import CellPosition, SignalOperation, Skeleton

if TYPE_CHECKING:
    from ..networks._benchmarks._blocks import BenchmarkNetwork

_TEXT = re.compile(r"(?:64-)?([0-9]{1,6})(?:-basic)?")
_EXAMPLE = "64-1234-basic"
# The only thing that can be wrong with modules.
_RULES = (
    "a network has four to six modules, of which one to four halve the resolution and one to three"
    " double the channels"
)
_block = partial(SignalOperation, effect="renew", kernel_size=5, n_layers=2, residual=True)


class TransNASBench101MacroSpace(ChainSpace):
    """Networks of four to six modules, each of one of four types: 3,256 networks.

    The decisions are the types of the modules in the benchmark's numbering: 1 same (resolution and
    channels stay), 2 double_channels, 3 halve_resolution, 4 double_and_halve, and 0 none after
    the last module. A module is two ResNet blocks. One to four modules halve the resolution (types
    3 and 4), one to three double the channels (types 2 and 4).

    `encode` reads the official text (``64-1234-basic``: 64 channels at first, the types, the
    block), the digits alone (``1234``), four to six type names or numbers, also filled up to six
    with 0 as NASLib does, the text of such a tuple (``"(1, 2, 3, 4, 0, 0)"``), an `Architecture`
    and its JSON form. `format` writes the official text.

    Notes
    -----
    There is no canonical form: no two of these descriptions are known to be the same network.
    `canonicalize` changes nothing.

    References
    ----------
    Yawen Duan, Xin Chen, Hang Xu, Zewei Chen, Xiaodan Liang, Tong Zhang and Zhenguo Li.
    TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task Neural
    Architecture Search. CVPR 2021.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("transnasbench101_macro")
    >>> space.encode(["64-1234-basic"])
    array([[1, 2, 3, 4, 0, 0]])
    >>> space.size
    3256
    """

    name = "transnasbench101_macro"
    title = "TransNAS-Bench-101 macro: 4 to 6 modules of 4 types"
    operations = ("none", "same", "double_channels", "halve_resolution", "double_and_halve")
    n_layers = 6
    optional = True
    # A module is two ResNet blocks, the second always without a change. A block is twice ReLU,
    # convolution 3x3 and batch normalisation, with a shortcut that where anything changes is a
    # convolution 1x1 with batch normalisation, but without an activation: it keeps similarities.
    # Weights are for the number of channels at the end of the block (the benchmark's
    # lib/models/net_infer/cell_micro.py).
    signal_operations = (
        SignalOperation("none", "block"),
        _block("same", mixing=18, depthwise=4),
        _block("double_channels", mixing=14, depthwise=6),
        _block("halve_resolution", mixing=19, depthwise=6),
        _block("double_and_halve", mixing=14, depthwise=6),
        _block("second block", mixing=18, depthwise=4),
    )
    # Images of 256 x 256 leave the stem with 64 channels and a resolution of 64.
    skeleton = Skeleton((CellPosition(width=64, resolution=64),))
    accepted = f"a text such as {_EXAMPLE!r}, four to six modules"
    _network_sizes = NetworkSizes(n_classes=47, channels=64, n_cells=2)

    @cached_property
    def size(self) -> int:
        """Number of architectures."""
        return int(self.is_valid(self._from_numbers(np.arange(math.prod(self.n_choices)))).sum())

    def signal_graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        """Write networks as chains of ResNet blocks.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 6)
            Decision matrix.

        Returns
        -------
        tuple of Graphs
            The chains, as the only kind of cell. A module is two nodes, of which the first has the
            type of the module; modules that are not there are wires behind the others.
        """
        matrix = self._check(decisions)
        blocks = np.repeat(matrix, 2, axis=1)
        blocks[:, 1::2] = len(self.operations)
        blocks[np.repeat(matrix == 0, 2, axis=1)] = WIRE
        n_doubled = ((matrix > 0) & (matrix % 2 == 0)).cumsum(axis=1)
        n_halved = (matrix >= 3).cumsum(axis=1)
        numbers = {
            "widths": np.repeat(2.0**n_doubled, 2, axis=1),
            "resolutions": np.repeat(0.5**n_halved, 2, axis=1),
        }
        names = [operation.name for operation in self.signal_operations]
        return (Graphs.chain(blocks, names, numbers),)

    def _build(self, decisions: IntArray, **sizes: int) -> BenchmarkNetwork:
        from ..networks._benchmarks._transnasbench101 import TransNASBench101Network

        return TransNASBench101Network.of_blocks(decisions[decisions > 0].tolist(), **sizes)

    def _faults(self, decisions: IntArray) -> dict[str, NDArray[np.bool_]]:
        present = decisions != 0
        without_gap = (present[:, :-1] >= present[:, 1:]).all(axis=1) & present[:, 3]
        n_halvings = (decisions >= 3).sum(axis=1)
        n_doublings = (present & (decisions % 2 == 0)).sum(axis=1)
        few = (n_halvings >= 1) & (n_halvings <= 4) & (n_doublings >= 1) & (n_doublings <= 3)
        return {_RULES: ~(without_gap & few)}

    def _write_text(self, choices: Sequence[int]) -> str:
        return f"64-{''.join(map(str, choices)).rstrip('0')}-basic"

    def _read_text(self, text: str) -> Sequence[int]:
        match = _TEXT.fullmatch(text)
        if match is None:
            raise refuse(text, f"the types of four to six modules, as in {_EXAMPLE!r}")
        return self._read_items([int(digit) for digit in match.group(1)])
