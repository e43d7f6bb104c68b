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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graphs import WIRE, Graphs
from ..spaces import SignalOperation

# Most are of shape (n_rows,): a row is a cell under an assumption about how white signals are.
Array = NDArray[np.float64]
Sources = Sequence[tuple[int, NDArray[np.bool_] | None]]

# Variance of a rectified standard normal variable (a batch normalisation follows), and the mean
# squared slope of both.
_RECTIFIED_VARIANCE = 0.5 - 1 / (2 * np.pi)
_SLOPE = 0.5 / _RECTIFIED_VARIANCE
# Added to shares before their logarithm is taken.
TINY = 1e-12


@dataclass(frozen=True)
class Sum:
    """An arrival that adds up what some nodes hand on, each in some of the rows or in all."""

    arrival: int
    terms: list[tuple[int, Array | None]]
    # The share of each source's variance that arrives: shape (n_sources, n_rows).
    powers: Array
    # How it was blurred, if it was: on which share of its ways not at all, how often on average,
    # and the entropy of how often. Each of the same shape.
    blurs: tuple[Array, Array, Array] | None


@dataclass(frozen=True)
class Mixture:
    """An arrival made of others: concatenated, and a source from there on, or one in each row."""

    arrival: int
    parts: list[int]
    shares: list[Array]
    source: int | None = None


@dataclass(frozen=True)
class Renewal:
    """A node whose operation, in some rows, renews what arrives there."""

    arrival: int
    source: int
    layers: Array
    is_wide: Array
    # Mean squared slope, 0 where nothing is renewed.
    slope: Array
    # Which rows have one layer, two and so on, and which have a certain operation.
    depths: list[Array]
    operations: dict[str, Array]


class Wiring:
    """What the propagation through a batch of cells needs that does not depend on the signals."""

    # `covariances` has a row for each assumption about how white signals are: the covariances of a
    # signal with itself by the number of blurs. In a `strided` cell, what copies an input has to
    # renew it.
    def __init__(
        self,
        graphs: Graphs,
        operations: Sequence[SignalOperation],
        covariances: Array,
        strided: bool,
    ) -> None:
        self.graphs = graphs
        # Names of the operations that renew, by their numbers.
        self.names = {n: o.name for n, o in enumerate(operations) if o.effect == "renew"}
        self.n_sources = graphs.n_inputs
        self.steps: list[Sum | Mixture | Renewal] = []
        self.renewals: dict[int, Renewal] = {}
        # The nodes that read each arrival, and how much of a gradient passes each unrenewed.
        self.readers: list[list[int]] = [[] for _ in range(graphs.n_inputs)]
        self.passing: dict[int, Array] = {}
        self._covariances = covariances
        self._n_orders = (covariances.shape[1] + 1) // 2
        self._look_up(operations, strided)
        self._lay_out()

    def spread(self, per_graph: NDArray[Any]) -> Array:
        """Repeat what is given for each graph for each of the settings."""
        n_settings = len(self._covariances)
        return per_graph if n_settings == 1 else np.concatenate([per_graph] * n_settings, axis=-1)

    def _look_up(self, operations: Sequence[SignalOperation], strided: bool) -> None:
        graphs = self.graphs
        # What is not known is taken for a copy, as are blurs where they count for nothing.
        blurs = [o.effect == "blur" and self._n_orders > 1 for o in operations]
        copies = ("copy", None) if self._n_orders > 1 else ("copy", None, "blur")
        new = np.array([operation.effect == "renew" for operation in operations])
        layers = new * [operation.n_layers for operation in operations]
        is_wide = new & [operation.kernel_size > 1 for operation in operations]
        self._copies = graphs.lookup([o.effect in copies or o.residual for o in operations], wire=1)
        self._blurs, self._renews = graphs.lookup(blurs), graphs.lookup(new)
        self._layers, self._is_wide = graphs.lookup(layers), graphs.lookup(is_wide)
        self._max_layers = int(max(1, *layers))
        if strided:
            changed = graphs.reading_inputs() & (self._copies > 0) & (graphs.by_node != WIRE)
            self._copies[changed] = 0
            self._renews[changed] = 1
            self._layers[changed] = np.maximum(self._layers[changed], 1)

    def _lay_out(self) -> None:
        """Find the arrivals and the sources, in an order in which signals can be followed."""
        graphs = self.graphs
        self._known: dict[object, int] = {}
        self._coefficients = [self._unit(node) for node in range(graphs.n_inputs)]
        self._arrival_at = {node: node for node in range(graphs.n_inputs)}
        self._handed_on = dict(enumerate(self._coefficients))
        for node, sources in graphs.reads.items():
            if node == graphs.n_nodes - 1 or sources:
                join = self._concatenate if node in graphs.concatenates else self._add
                arrival = self._arrival_at[node] = join(sources)
            if node < graphs.n_nodes - 1 and sources:
                self.readers[arrival].append(node)
                self._handed_on[node] = self._apply(node, arrival)
        self.output = arrival
        del self._coefficients, self._handed_on, self._known, self._arrival_at

    def _unit(self, source: int) -> Array:
        """Return the coefficients of nothing but a source."""
        coefficients = np.zeros((self.n_sources, self._n_orders, self.graphs.n_graphs))
        coefficients[source, 0] = 1
        return coefficients

    def _add(self, sources: Sources) -> int:
        """Add up what some nodes hand on; return the arrival, which may be known already."""
        if len(sources) == 1 and sources[0][1] is None and self._is_wire(sources[0][0]):
            return self._arrival_at[sources[0][0]]
        key = tuple((node, None if where is None else where.tobytes()) for node, where in sources)
        if key not in self._known:
            coefficients = np.zeros((self.n_sources, self._n_orders, self.graphs.n_graphs))
            for node, where in sources:
                there = self._handed_on[node]
                coefficients[: len(there)] += there if where is None else there * where
            arrival = self._known[key] = self._arrive(coefficients)
            masks = [where for node, where in sources if where is not None and self._is_wire(node)]
            if 0 < len(masks) == len(sources) and np.sum(masks, axis=0).max() == 1:
                parts = [self._arrival_at[node] for node, _ in sources]
                self.steps.append(Mixture(arrival, parts, list(map(self.spread, masks))))
            else:
                terms = [
                    (n, where if where is None else self.spread(where)) for n, where in sources
                ]
                self.steps.append(Sum(arrival, terms, *self._shares(coefficients)))
        return self._known[key]

    def _concatenate(self, sources: Sources) -> int:
        """Concatenate what some nodes hand on, each with the same number of channels."""
        parts = [self._add([(node, None)]) for node, _ in sources]
        there = [self.graphs.nodes[node] if where is None else where for node, where in sources]
        shares = [self.spread(where / np.maximum(sum(there), 1)) for where in there]
        source, self.n_sources = self.n_sources, self.n_sources + 1
        arrival = self._arrive(self._unit(source))
        self.steps.append(Mixture(arrival, parts, shares, source))
        return arrival

    def _arrive(self, coefficients: Array) -> int:
        self._coefficients.append(coefficients)
        self.readers.append([])
        return len(self._coefficients) - 1

    def _is_wire(self, node: int) -> bool:
        return bool((self.graphs.by_node[node] == WIRE).all())

    def _apply(self, node: int, arrival: int) -> Array:
        """Return the coefficients of what a node hands on."""
        arriving, blurs = self._coefficients[arrival], self._blurs[node]
        self.passing[node] = self.spread(self._copies[node])
        if self._is_wire(node):
            return arriving
        handed_on = arriving * self._copies[node]
        if blurs.any():
            blurred = np.concatenate([blurs * row[2] for row in self._covariances])
            self.passing[node] = self.passing[node] + blurred
            handed_on[:, 1:] += blurs * arriving[:, :-1]
            handed_on[:, -1] += blurs * arriving[:, -1]
        if not self._renews[node].any():
            return handed_on
        source, self.n_sources = self.n_sources, self.n_sources + 1
        renewed = self._unit(source) * self._renews[node]
        renewed[: len(handed_on)] += handed_on
        layers, is_wide = self.spread(self._layers[node]), self.spread(self._is_wide[node])
        slope = self.spread(self._renews[node]) * _SLOPE ** np.maximum(layers, 1)
        depths = [layers == number for number in range(1, self._max_layers + 1)]
        kind = self.graphs.by_node[node]
        occurring = {name: kind == number for number, name in self.names.items()}
        operations = {name: self.spread(rows) for name, rows in occurring.items() if rows.any()}
        self.renewals[node] = Renewal(arrival, source, layers, is_wide, slope, depths, operations)
        self.steps.append(self.renewals[node])
        return renewed

    def _shares(self, coefficients: Array) -> tuple[Array, tuple[Array, Array, Array] | None]:
        """Work out the share of each source's variance that arrives, and how it was blurred."""
        n_orders = self._n_orders
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
        mean = np.einsum("sog,o->sg", shares, orders)
        entropy = -(shares * np.log(shares + TINY)).sum(axis=1)
        blurs = self.spread(shares[:, 0]), self.spread(mean), self.spread(entropy)
        return np.concatenate(powers, axis=1), blurs
