"""What a network carries from its input to its output, and what its operations do to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..networks import Network, Operations

LAYERS = ("convolution", "linear", "recurrent")
# What an operation is on a path.
COPY, WIDE, NARROW, DEPTHWISE, POOLING, ATTENTION = range(6)
# A factor with so many times fewer values than the product is a gate.
_SMALLER = 4
# What leaves shares, such as those of a softmax, what they are.
_OF_SHARES = ("multiply", "other", "add")


class Flow:
    """The operations on the ways from the input of a network to its output.

    Ways lead through what is carried on, not through what it is multiplied with: not through
    squeeze-and-excitation, nor through the queries and keys of attention.
    """

    def __init__(self, network: Network) -> None:
        operations = network.operations
        self.network = network
        self.kinds: list[str] = operations.kind.tolist()
        self.names: list[str] = operations.name.tolist()
        self.values: list[int] = operations.n_values.tolist()
        self.positions: list[int] = operations.positions.tolist()
        self.channels: list[int] = operations.out_channels.tolist()
        self.kernels: list[int] = operations.kernel.tolist()
        self.dilations: list[int] = operations.dilation.tolist()
        self.roles: list[int] = _roles(operations).tolist()
        # What each operation reads and carries on, and whether it is multiplied with a gate.
        self.reads: list[list[int]] = [[] for _ in self.kinds]
        for source, target in network.edges.tolist():
            self.reads[target].append(source)
        self.is_gated = [False] * len(self.kinds)
        self._leave_out_factors(self.values)
        self._find_ways()
        self.layers = [number for number in self.order if self.kinds[number] in LAYERS]
        self.outputs = [number for number in self.order if self.kinds[number] == "output"]
        # The last with more than one position: what comes after it is the head.
        inside = [n for n in self.order if self.kinds[n] not in ("input", "output")]
        several = [number for number in inside if self.positions[number] > 1]
        self.end = (several or inside or self.order)[-1]
        # The layers until there.
        self.body = [number for number in self.layers if number <= self.end] or self.layers

    def _leave_out_factors(self, values: list[int]) -> None:
        # What are shares: what a softmax wrote, and what follows.
        is_share: set[int] = set()
        for number, (kind, reads) in enumerate(zip(self.kinds, self.reads, strict=True)):
            if kind == "softmax":
                is_share.add(number)
            elif kind == "multiply" and len(reads) > 1:
                most = max(values[each] for each in reads)
                carried = [each for each in reads if values[each] * _SMALLER > most]
                self.is_gated[number] = len(carried) < len(reads)
                self.reads[number] = carried
            elif is_share and kind == "matmul":
                self.reads[number] = [each for each in reads if each not in is_share] or reads
            elif len(reads) == 1 and reads[0] in is_share and kind in _OF_SHARES:
                is_share.add(number)

    def _find_ways(self) -> None:
        """Find which operations lead to an output, and which all ways lead through."""
        last_read = [0] * len(self.kinds)
        leads = [kind == "output" for kind in self.kinds]
        for number in range(len(leads) - 1, -1, -1):
            if leads[number]:
                for source in self.reads[number]:
                    # The first that is seen of those that read it is the last.
                    if not leads[source]:
                        leads[source] = True
                        last_read[source] = number
        self.order = [number for number, does in enumerate(leads) if does]
        self.is_shared_by_all = [False] * len(leads)
        open_until = 0
        for number in self.order:
            if open_until <= number:
                self.is_shared_by_all[number] = True
            if last_read[number] > open_until:
                open_until = last_read[number]


def _roles(operations: Operations) -> NDArray[np.int64]:
    kinds, groups, kernels = operations.kind, operations.groups, operations.kernel
    is_convolution = kinds == "convolution"
    roles = np.where(is_convolution, np.where(kernels > 1, WIDE, NARROW), COPY)
    roles[is_convolution & (groups > 1) & (groups == operations.in_channels)] = DEPTHWISE
    roles[(kinds == "linear") | (kinds == "recurrent")] = NARROW
    roles[(kinds == "pooling") & (operations.positions > 1)] = POOLING
    roles[kinds == "matmul"] = ATTENTION
    return roles
