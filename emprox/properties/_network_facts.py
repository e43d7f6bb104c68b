"""What the columns of networks are computed from: masks and numbers of the operations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..networks import Network
from ._network_flow import Flow
from ._network_signals import Signals

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

LAYERS = ("convolution", "linear", "recurrent")
# A product with something this many times smaller is a gate, such as squeeze-and-excitation.
_SMALLER = 4


class NetworkFacts:
    """Masks and numbers, an entry for each operation of a network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        operations = self.operations = network.operations
        groups, channels = operations.groups, operations.in_channels
        self.n_operations = len(operations.kind)
        self._kinds, self._names = _Texts(operations.kind), _Texts(operations.name)
        self.weights = operations.n_weights.astype(np.float64)
        self.work = operations.multiply_adds.astype(np.float64)
        self.values = operations.n_values.astype(np.float64)
        self.is_layer = self.of_kind(*LAYERS)
        self.is_attention = self.of_kind("matmul")
        # What does the multiply-adds.
        self.works = self.is_layer | self.is_attention
        is_convolution = self.of_kind("convolution")
        self.is_depthwise = is_convolution & (groups > 1) & (groups == channels)
        self.is_grouped = is_convolution & (groups > 1) & (groups != channels)
        self.is_dense = is_convolution & (groups == 1)
        self.positions = np.maximum(operations.positions.astype(np.float64), 1)
        # Queries of a head, not of all heads.
        self.positions[self.is_attention] /= np.maximum(groups[self.is_attention], 1)
        self.is_pooled = self.positions <= 1
        if self.is_pooled[self.is_layer].all():
            # A network of vectors, all of which is body.
            self.is_pooled = np.zeros(self.n_operations, dtype=bool)
        # Layers of the body: not those of the head, or of squeeze-and-excitation.
        self.is_body = self.is_layer & ~self.is_pooled
        self.body = np.flatnonzero(self.is_body)
        shape = max(network.input_shapes, key=len, default=())
        # Images and volumes have sites; what else comes is a sequence.
        self.n_dimensions = max(len(shape) - 2, 1)
        written = self.positions[~self.is_attention & ~self.of_kind("input")]
        n_positions = math.prod(shape[2:]) if len(shape) > 3 else written.max(initial=1)
        self.side = n_positions ** (1 / self.n_dimensions)
        self.stages = np.log2(np.maximum(n_positions / self._surrounding(), 1)) / self.n_dimensions
        self.n_reads = np.bincount(network.edges[:, 1], minlength=self.n_operations)

    def of_kind(self, *kinds: str) -> Mask:
        """Return which operations are of one of these kinds."""
        return self._kinds.among(kinds)

    def named(self, *names: str) -> Mask:
        """Return which operations have one of these names."""
        return self._names.among(names)

    @cached_property
    def signals(self) -> Signals:
        """Return the signals that the network carries from its input to its output."""
        return Signals(Flow(self.network))

    @cached_property
    def head(self) -> NDArray[np.intp]:
        """Layers behind the body."""
        last = self.body[-1] if len(self.body) else -1
        layers = np.flatnonzero(self.is_layer & self.is_pooled)
        return layers[layers > last]

    @cached_property
    def residuals(self) -> Mask:
        """Sums of what different operations wrote."""
        return self.of_kind("add") & (self.n_reads > 1)

    @cached_property
    def gates(self) -> Mask:
        """Products with a factor that has far fewer values."""
        source, target = self.network.edges.T
        small = _SMALLER * self.values[source] <= self.values[target]
        reads_small = np.zeros(self.n_operations, dtype=bool)
        reads_small[target[small]] = True
        return self.of_kind("multiply") & (self.n_reads > 1) & reads_small

    @cached_property
    def scalings(self) -> Mask:
        """Products with learned factors, such as those of a layer scale."""
        return self.of_kind("multiply") & (self.n_reads == 1) & (self.weights > 0)

    @cached_property
    def depths(self) -> tuple[int, int]:
        """The most layers on a path from input to output, and the fewest outside of gates."""
        is_layer, is_body = self.is_layer.tolist(), self.is_body.tolist()
        far = self.n_operations
        most, fewest = [0] * self.n_operations, [far] * self.n_operations
        # An operation is complete before another reads it: sources come in their order.
        order = np.argsort(self.network.edges[:, 0], kind="stable")
        for source, target in self.network.edges[order].tolist():
            most[target] = max(most[target], most[source] + is_layer[source])
            # What reads nothing begins a path.
            shortest = 0 if fewest[source] == far else fewest[source]
            fewest[target] = min(fewest[target], shortest + is_body[source])
        return max(most), fewest[-1]

    def _surrounding(self) -> Floats:
        """Return positions, where there is one alone those of what stands before it."""
        positions = self.positions.copy()
        is_wide = ~self.is_pooled & ~self.is_attention
        if is_wide.any():
            here = np.arange(self.n_operations)
            last_wide = np.maximum.accumulate(np.where(is_wide, here, 0))
            inside = here <= np.flatnonzero(is_wide)[-1]
            positions[inside] = positions[last_wide[inside]]
        return positions


class _Texts:
    """An array of texts, few of them different, that is quickly searched."""

    def __init__(self, texts: NDArray[np.str_]) -> None:
        numbers: dict[str, int] = {}
        self._places = np.array([numbers.setdefault(text, len(numbers)) for text in texts.tolist()])
        self._numbers = numbers

    def among(self, texts: Sequence[str]) -> Mask:
        """Return where one of some texts stands."""
        wanted = np.array([text in texts for text in self._numbers])
        found: Mask = wanted[self._places]
        return found


def weighted_mean(values: NDArray[Any], weights: Floats) -> float:
    """Return the mean; 0 of nothing."""
    total = weights.sum()
    return float(values @ weights / total) if total > 0 else 0.0


def mean(values: NDArray[Any]) -> float:
    """Return the mean; 0 of nothing."""
    return float(values.mean()) if len(values) else 0.0


def median(values: NDArray[Any]) -> float:
    """Return the median; 0 of nothing."""
    return float(np.median(values)) if len(values) else 0.0


def share(part: float, whole: float) -> float:
    """Return a part of a whole; 0 of nothing."""
    return float(part / whole) if whole > 0 else 0.0


def log2(number: float) -> float:
    """Return the logarithm of a number, of at least 1."""
    return math.log2(max(float(number), 1.0))


def log10(number: float) -> float:
    """Return the logarithm of a number, of at least 1."""
    return math.log10(max(float(number), 1.0))
