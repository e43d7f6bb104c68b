"""What a network carries from its input to its output, and what its operations do to it."""

from __future__ import annotations

from ..networks import Network

LAYERS = ("convolution", "linear", "recurrent")
# What an operation is on a path.
COPY, WIDE, NARROW, DEPTHWISE, POOLING, ATTENTION = range(6)
# A factor with so many times fewer values than the product is a gate.
_SMALLER = 4


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
        self.channels: list[int] = operations.out_channels.tolist()
        self.kernels: list[int] = operations.kernel.tolist()
        self.dilations: list[int] = operations.dilation.tolist()
        self._positions: list[int] = operations.positions.tolist()
        # What each operation reads and carries on, and whether it is multiplied with a gate.
        self.reads: list[list[int]] = [[] for _ in self.kinds]
        for source, target in network.edges.tolist():
            self.reads[target].append(source)
        self.is_gated = [False] * len(self.kinds)
        self._leave_out_factors()
        self._find_ways()
        depthwise = (operations.groups > 1) & (operations.groups == operations.in_channels)
        self._is_depthwise: list[bool] = depthwise.tolist()
        self.roles = [self._role(number) for number in range(len(self.kinds))]
        self.layers = [number for number in self.order if self.kinds[number] in LAYERS]
        self.outputs = [number for number in self.order if self.kinds[number] == "output"]
        # The last with more than one position: what comes after it is the head.
        inside = [n for n in self.order if self.kinds[n] not in ("input", "output")]
        several = [n for n in inside if self._positions[n] > 1]
        self.end = (several or inside or self.order)[-1]
        # The layers until there.
        self.body = [number for number in self.layers if number <= self.end] or self.layers

    def _leave_out_factors(self) -> None:
        is_share = [False] * len(self.kinds)
        for number, (kind, reads) in enumerate(zip(self.kinds, self.reads, strict=True)):
            if kind == "softmax":
                is_share[number] = True
            elif len(reads) == 1:
                is_share[number] = kind in ("multiply", "other", "add") and is_share[reads[0]]
            elif kind == "multiply":
                most = max((self.values[each] for each in reads), default=0)
                carried = [each for each in reads if self.values[each] * _SMALLER > most]
                self.is_gated[number] = len(carried) < len(reads)
                self.reads[number] = carried
            elif kind == "matmul":
                self.reads[number] = [each for each in reads if not is_share[each]] or reads

    def _find_ways(self) -> None:
        """Find which operations lead to an output, and which all ways lead through."""
        self.last_read = [0] * len(self.kinds)
        leads = [kind == "output" for kind in self.kinds]
        for number in range(len(leads) - 1, -1, -1):
            if leads[number]:
                for source in self.reads[number]:
                    leads[source] = True
                    self.last_read[source] = max(self.last_read[source], number)
        self.order = [number for number, does in enumerate(leads) if does]
        self.is_shared_by_all = [False] * len(leads)
        open_until = 0
        for number in self.order:
            self.is_shared_by_all[number] = open_until <= number
            open_until = max(open_until, self.last_read[number])

    def _role(self, number: int) -> int:
        kind = self.kinds[number]
        if kind == "convolution":
            if self._is_depthwise[number]:
                return DEPTHWISE
            return WIDE if self.kernels[number] > 1 else NARROW
        if kind in LAYERS:
            return NARROW
        if kind == "pooling" and self._positions[number] > 1:
            return POOLING
        return ATTENTION if kind == "matmul" else COPY
