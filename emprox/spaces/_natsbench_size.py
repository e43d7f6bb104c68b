"""The size search space of NATS-Bench (Dong et al., 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._chains import ChainSpace
from ._errors import ArchitectureError

CHANNELS = (8, 16, 24, 32, 40, 48, 56, 64)
_EXAMPLE = "8:16:24:32:40"


class NATSBenchSizeSpace(ChainSpace):
    """Networks of five layers that differ in their numbers of channels: 32,768 networks.

    A decision is the number of channels of a layer: 0 for 8 channels, 1 for 16 and so on to 7 for
    64. The choices are ordered. All networks have the same skeleton and the same cell.

    `parse` reads the official text of the numbers of channels (``8:16:24:32:40``), five numbers of
    channels ``(8, 16, 24, 32, 40)`` or five decisions ``(0, 1, 2, 3, 4)``, which cannot be
    mistaken for each other, the text of either, an `Architecture` and its JSON form. `format`
    writes the official text.

    Notes
    -----
    There is no canonical form: networks with different numbers of channels compute different
    functions. `canonicalize` and `relabel` change nothing.

    References
    ----------
    Xuanyi Dong, Lu Liu, Katarzyna Musial and Bogdan Gabrys. NATS-Bench: Benchmarking NAS
    Algorithms for Architecture Topology and Size. IEEE Transactions on Pattern Analysis and
    Machine Intelligence, 2021.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("natsbench_size")
    >>> space.encode(["8:16:24:32:40"])
    array([[0, 1, 2, 3, 4]])
    >>> space.format((64, 64, 64, 64, 64))
    '64:64:64:64:64'
    """

    name = "natsbench_size"
    title = "NATS-Bench size: the numbers of channels of 5 layers"
    operations = tuple(f"channels_{channels}" for channels in CHANNELS)
    n_choices = (len(CHANNELS),) * 5
    _accepted = f"a text such as {_EXAMPLE!r}, five numbers of channels"

    def _write(self, decisions: Sequence[int]) -> str:
        return ":".join(str(CHANNELS[decision]) for decision in decisions)

    def _read_text(self, text: str) -> Sequence[int]:
        layers = text.split(":")
        if not all(layer in map(str, CHANNELS) for layer in layers):
            raise ArchitectureError(
                f"expected five numbers of channels separated by ':', as in {_EXAMPLE!r}, each of"
                f" {', '.join(map(str, CHANNELS))}; got {text!r}"
            )
        return self._read_layers([int(layer) for layer in layers])

    def _read_layers(self, layers: Sequence[Any]) -> Sequence[int]:
        in_channels = [
            isinstance(layer, (int, np.integer)) and layer in CHANNELS for layer in layers
        ]
        if in_channels and all(in_channels):
            layers = [CHANNELS.index(layer) for layer in layers]
        return super()._read_layers(layers)

    def _allowed_layers(self) -> str:
        return (
            f"either all are numbers of channels ({', '.join(map(str, CHANNELS))})"
            f" or all are their indices (0 to {len(CHANNELS) - 1})"
        )
