"""How signals run through cells of known operations, as far as it does not depend on the signals.

An operation that renews a signal makes one of unit variance that is independent of all others;
operations that copy or blur do not, so that what reaches a node along several such paths adds up
coherently. What arrives at a node is therefore written as a sum of *sources* - the cell's inputs
and the results of renewing operations - each with a coefficient for every number of times that it
was blurred on the way. Nodes that read the same have one *arrival* in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..graphs import WIRE, Graphs
from ..spaces import SignalOperation

Array = NDArray[np.float64]
# Added to shares before their logarithm is taken.
TINY = 1e-12
# A source or node and the rows in which it is read, None for all.
Term = tuple[int, Array | None]


@dataclass(frozen=True)
class Sum:
    """An arrival that adds up what some nodes hand on."""

    arrival: int
    terms: list[Term]
    # The share of each source's variance that arrives: shape (n_sources, n_rows).
    powers: Array
    # How it was blurred, of the same shape; None if it was not.
    blurs: Blurs | None


@dataclass(frozen=True)
class Blurs:
    """How a source was blurred on its ways: share of ways without, mean number and entropy."""

    none: Array
    mean: Array
    entropy: Array


@dataclass(frozen=True)
class Concatenation:
    """An arrival that concatenates others, `parts`, and is a source from there on."""

    arrival: int
    parts: list[int]
    shares: list[Array]
    source: int


@dataclass(frozen=True)
class Renewal:
    """A node whose operation, in some rows, renews what arrives there."""

    node: int
    arrival: int
    source: int


class Wiring:
    """What the propagation through a batch of cells needs that does not depend on the signals.

    A row is a cell under an assumption about how white signals are, as `covariances` has them: a
    row of covariances of a signal with itself by the number of blurs. In a `strided` cell, what
    copies an input has to renew it.
    """

    def __init__(
        self,
        graphs: Graphs,
        operations: Sequence[SignalOperation],
        covariances: Array,
        strided: bool = False,
    ) -> None:
        self.graphs = graphs
        self.operations = operations
        self.n_settings = len(covariances)
        self.n_orders = (covariances.shape[1] + 1) // 2
        self.n_sources = graphs.n_inputs
        self.steps: list[Sum | Concatenation | Renewal] = []
        # The nodes that read each arrival, and which arrival they read.
        self.readers: list[list[int]] = [[] for _ in range(graphs.n_inputs)]
        self.arrival_at = {node: node for node in range(graphs.n_inputs)}
        self.blurred_variance = np.repeat(
            covariances[:, min(2, 2 * self.n_orders - 2)], graphs.n_graphs
        )
        self._covariances = covariances
        self._places: dict[tuple[int, int], Array | None] = {}
        self._look_up(strided)
        self._lay_out()

    @property
    def output(self) -> int:
        """The arrival at the output."""
        return self.arrival_at[self.graphs.n_nodes - 1]

    def spread(self, per_graph: Array) -> Array:
        """Repeat what is given for each graph for each of the settings."""
        return np.tile(per_graph, self.n_settings)

    def places(self, number: int, node: int) -> Array | None:
        """Say in which rows a node has an operation; None if in none."""
        if (number, node) not in self._places:
            there = self.graphs.by_node[node] == number
            self._places[number, node] = self.spread(there) if there.any() else None
        return self._places[number, node]

    def _look_up(self, strided: bool) -> None:
        graphs, operations = self.graphs, self.operations
        renewing = [operation.effect == "renew" for operation in operations]
        n_layers = [o.n_layers * new for o, new in zip(operations, renewing, strict=True)]
        is_wide = [o.kernel_size > 1 and new for o, new in zip(operations, renewing, strict=True)]
        # What is not known is taken for a copy, as are blurs where they count for nothing.
        copies = ("copy", None) if self.n_orders > 1 else ("copy", None, "blur")
        copying = [o.effect in copies or o.residual for o in operations]
        self.copies = graphs.lookup(copying, wire=1)
        self.blurs = graphs.lookup([operation.effect == "blur" for operation in operations])
        self.renews = graphs.lookup(renewing)
        layers = graphs.lookup(n_layers)
        if strided:
            at_input = np.zeros(self.copies.shape, dtype=bool)
            for node, sources in graphs.reads.items():
                for source, where in sources:
                    if source < graphs.n_inputs:
                        at_input[node] |= True if where is None else where
            changed = at_input & (self.copies > 0) & (graphs.by_node != WIRE)
            self.copies[changed] = 0
            self.renews[changed] = 1
            layers[changed] = np.maximum(layers[changed], 1)
        self.max_layers = int(max(1, *n_layers))
        # The same for each of the settings, once and not at each place of the cell in the network.
        self.row_copies, self.row_blurs, self.row_renews, self.row_layers, self.row_is_wide = map(
            self.spread, (self.copies, self.blurs, self.renews, layers, graphs.lookup(is_wide))
        )

    def _lay_out(self) -> None:
        """Find the arrivals and the sources, in an order in which signals can be followed."""
        graphs = self.graphs
        self._coefficients: list[Array] = []
        self._known: dict[object, int] = {}
        for node in range(graphs.n_inputs):
            self._coefficients.append(self._unit(node))
        self._handed_on = dict(enumerate(self._coefficients))
        for node, sources in graphs.reads.items():
            if not sources and node < graphs.n_nodes - 1:
                continue
            if node in graphs.concatenates:
                arrival = self._concatenate(sources)
            else:
                arrival = self._add(sources)
            self.arrival_at[node] = arrival
            if node < graphs.n_nodes - 1:
                self.readers[arrival].append(node)
                self._handed_on[node] = self._apply(node, arrival)
        del self._coefficients, self._handed_on, self._known

    def _unit(self, source: int) -> Array:
        """Return the coefficients of nothing but a source."""
        coefficients = np.zeros((self.n_sources, self.n_orders, self.graphs.n_graphs))
        coefficients[source, 0] = 1
        return coefficients

    def _add(self, sources: Sequence[tuple[int, NDArray[np.bool_] | None]]) -> int:
        """Add up what some nodes hand on; return the arrival, which may be known already."""
        if len(sources) == 1 and sources[0][1] is None:
            (source, _), *_ = sources
            if (self.graphs.by_node[source] == WIRE).all():
                return self.arrival_at[source]
        key = tuple(
            (source, None if where is None else where.tobytes()) for source, where in sources
        )
        if key in self._known:
            return self._known[key]
        shape = (self.n_sources, self.n_orders, self.graphs.n_graphs)
        coefficients = np.zeros(shape)
        terms: list[Term] = []
        for source, where in sources:
            there = self._handed_on[source]
            coefficients[: len(there)] += there if where is None else there * where
            terms.append((source, None if where is None else self.spread(where)))
        arrival = self._known[key] = len(self._coefficients)
        self._coefficients.append(coefficients)
        self.readers.append([])
        self.steps.append(Sum(arrival, terms, *self._shares(coefficients)))
        return arrival

    def _concatenate(self, sources: Sequence[tuple[int, NDArray[np.bool_] | None]]) -> int:
        """Concatenate what some nodes hand on, each with the same number of channels."""
        parts = [self._add([(source, None)]) for source, _ in sources]
        there = [
            self.spread(self.graphs.nodes[source] if where is None else where)
            for source, where in sources
        ]
        total = np.maximum(sum(there), 1)
        source, self.n_sources = self.n_sources, self.n_sources + 1
        arrival = len(self._coefficients)
        self._coefficients.append(self._unit(source))
        self.readers.append([])
        shares = [share / total for share in there]
        self.steps.append(Concatenation(arrival, parts, shares, source))
        return arrival

    def _apply(self, node: int, arrival: int) -> Array:
        """Return the coefficients of what a node hands on."""
        arriving = self._coefficients[arrival]
        if (self.graphs.by_node[node] == WIRE).all():
            return arriving
        handed_on = arriving * self.copies[node]
        if self.n_orders > 1 and self.blurs[node].any():
            handed_on[:, 1:] += self.blurs[node] * arriving[:, :-1]
            handed_on[:, -1] += self.blurs[node] * arriving[:, -1]
        if self.renews[node].any():
            source, self.n_sources = self.n_sources, self.n_sources + 1
            renewed = self._unit(source) * self.renews[node]
            renewed[: len(handed_on)] += handed_on
            self.steps.append(Renewal(node, arrival, source))
            return renewed
        return handed_on

    def _shares(self, coefficients: Array) -> tuple[Array, Blurs | None]:
        """Work out the share of each source's variance that arrives, and how it was blurred."""
        n_orders = self.n_orders
        while n_orders > 1 and not coefficients[:, n_orders - 1].any():
            n_orders -= 1
        if n_orders == 1:
            return self.spread(coefficients[:, 0] ** 2), None
        coefficients, orders = coefficients[:, :n_orders], np.arange(n_orders)
        squares = {
            (i, j): coefficients[:, i] * coefficients[:, j] for i in orders for j in range(i + 1)
        }
        total = coefficients.sum(axis=1)
        powers = [
            # Where a blur changes nothing, all ways add up.
            total**2
            if (row == 1).all()
            else sum((2 - (i == j)) * row[i + j] * square for (i, j), square in squares.items())
            for row in self._covariances
        ]
        shares = coefficients / np.where(total > 0, total, 1)[:, None]
        blurs = Blurs(
            none=self.spread(shares[:, 0]),
            mean=self.spread(np.einsum("sog,o->sg", shares, orders)),
            entropy=self.spread(-(shares * np.log(shares + TINY)).sum(axis=1)),
        )
        return np.concatenate(powers, axis=1), blurs
