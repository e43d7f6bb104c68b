"""Mean-field propagation of signals through cells of known operations.

A signal is described by its variance over channels and positions, and by its correlation with the
signal that another input of the network leads to. An operation that renews a signal makes one of
unit variance that is independent of all others; operations that copy or blur do not, so that what
reaches a node along several such paths adds up coherently. A node's signal is therefore written as
a sum of *sources* - the cell's inputs and the results of renewing operations - each with a
coefficient for every number of times that it was blurred on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..spaces import WIRE, SignalOperation
from ._cells import Array, Columns, LiveCells

# Variance of a rectified standard normal variable (a batch normalisation follows).
_RECTIFIED_VARIANCE = 0.5 - 1 / (2 * np.pi)
# Blurring a signal more often than this changes its correlation with itself by little.
MAX_BLURS = 3
_TINY = 1e-12


def renewed_correlation(correlation: Array) -> Array:
    """Return the correlation after rectification, random weights and normalisation.

    Parameters
    ----------
    correlation : ndarray
        Correlation of two signals before.

    Returns
    -------
    ndarray of the same shape
        Correlation after: the arc-cosine kernel of degree one, centred and scaled.

    References
    ----------
    Youngmin Cho and Lawrence Saul. Kernel Methods for Deep Learning. NeurIPS 2009. Equation 6.
    """
    c = np.clip(correlation, -1, 1)
    kernel = (np.sqrt(1 - c * c) + c * (np.pi - np.arccos(c))) / (2 * np.pi)
    independent, equal = 1 / (2 * np.pi), 0.5
    return (kernel - independent) / (equal - independent)


def blur_autocovariances(n_blurs: int) -> Array:
    """Return the covariances of white noise, blurred i times, with itself, blurred j times.

    Parameters
    ----------
    n_blurs : int
        Largest number of blurs, i + j.

    Returns
    -------
    ndarray of shape (n_blurs + 1,)
        The covariance at ``i + j``: the central entry of so many boxes of 3 x 3 convolved.
    """
    row, covariances = np.ones(1), []
    for _ in range(n_blurs + 1):
        covariances.append(row[len(row) // 2] ** 2)
        row = np.convolve(row, np.ones(3) / 3)
    return np.array(covariances)


class Wiring:
    """What the propagation through a batch of cells needs that does not depend on the signal.

    Parameters
    ----------
    cells : LiveCells
        The cells.
    operations : sequence of SignalOperation
        The operations of the space.
    covariances : ndarray of shape (n_settings, 2 * n_blurs + 1)
        Covariances of a signal with itself, by the number of blurs; a row for each assumption
        about how white signals are. `n_blurs` 0 stands for a space without blurs.
    strided : bool, default=False
        Whether the cell changes the shape of its inputs, so that what copies them has to renew.

    Attributes
    ----------
    powers : dict of int to ndarray of shape (n_sources, n_settings * n_cells)
        For each node the share of each source's variance that reaches it.
    """

    def __init__(
        self,
        cells: LiveCells,
        operations: Sequence[SignalOperation],
        covariances: Array,
        strided: bool = False,
    ) -> None:
        self.cells = cells
        self.operations = operations
        self.n_settings = len(covariances)
        self.n_orders = (covariances.shape[1] + 1) // 2
        self.blurred_variance = np.repeat(
            covariances[:, min(2, 2 * self.n_orders - 2)], cells.n_cells
        )
        self._look_up(strided)
        # The same for each of the settings, once and not at each place of the cell in the network.
        self.row_copies, self.row_blurs, self.row_renews, self.row_layers, self.row_is_wide = map(
            self.spread, (self.copies, self.blurs, self.renews, self.layers, self.is_wide)
        )
        self._places: dict[tuple[int, int], Array | None] = {}
        self._number_sources()
        self._follow_copies(covariances)

    def spread(self, per_cell: Array) -> Array:
        """Repeat what is given for each cell for each of the settings."""
        return np.tile(per_cell, self.n_settings)

    def places(self, number: int, edge: int) -> Array | None:
        """Say in which rows an edge has an operation; None if in none."""
        if (number, edge) not in self._places:
            there = self.cells.operations[edge] == number
            self._places[number, edge] = self.spread(there) if there.any() else None
        return self._places[number, edge]

    def _look_up(self, strided: bool) -> None:
        cells, operations = self.cells, self.operations
        copying = [operation.effect == "copy" or operation.residual for operation in operations]
        renewing = [operation.effect == "renew" for operation in operations]
        layers = [
            operation.n_layers * new for operation, new in zip(operations, renewing, strict=True)
        ]
        self.copies = cells.lookup(copying, wire=1)
        self.blurs = cells.lookup([operation.effect == "blur" for operation in operations])
        self.renews = cells.lookup(renewing)
        self.layers = cells.lookup(layers)
        self.max_layers = max(1, *layers) if layers else 1
        self.is_wide = cells.lookup(
            [
                new and operation.kernel_size > 1
                for operation, new in zip(operations, renewing, strict=True)
            ]
        )
        if strided:
            at_input = np.array([source < cells.n_inputs for source, _ in cells.edges])
            changed = at_input[:, None] & (self.copies > 0) & (cells.operations != WIRE)
            self.copies[changed] = 0
            self.renews[changed] = 1
            self.layers[changed] = np.maximum(self.layers[changed], 1)

    def _number_sources(self) -> None:
        """Give sources numbers, so that those of a node come after those of nodes before it."""
        cells = self.cells
        self.source_of: dict[int, int] = {}  # by edge
        self.source_at: dict[int, int] = {}  # by concatenating node
        self.n_before: dict[int, int] = {}
        self.n_sources = cells.n_inputs
        for node, edges in cells.into.items():
            if node in cells.concatenated:
                self.source_at[node] = self.n_sources
                self.n_sources += 1
            else:
                for edge in edges:
                    if self.renews[edge].any():
                        self.source_of[edge] = self.n_sources
                        self.n_sources += 1
            self.n_before[node] = self.n_sources

    def _follow_copies(self, covariances: Array) -> None:
        """Work out every node's coefficients of the sources, and their shares of the variance."""
        cells, n_orders = self.cells, self.n_orders
        orders = np.arange(n_orders)
        products = covariances[:, orders[:, None] + orders]
        coefficients = np.zeros((cells.n_nodes, self.n_sources, n_orders, cells.n_cells))
        for node in range(cells.n_inputs):
            coefficients[node, node, 0] = 1
        self.powers: dict[int, Array] = {}
        self.order_shares: dict[int, Array] = {}
        for node, edges in cells.into.items():
            if node in self.source_at:
                coefficients[node, self.source_at[node], 0] = 1
                continue
            n_before = self.n_before[node]
            here = coefficients[node, :n_before]
            for edge in edges:
                there = coefficients[cells.edges[edge][0], :n_before]
                here += self.copies[edge] * there
                if n_orders > 1:
                    here[:, 1:] += self.blurs[edge] * there[:, :-1]
                    here[:, -1] += self.blurs[edge] * there[:, -1]
                if edge in self.source_of:
                    here[self.source_of[edge], 0] += self.renews[edge]
            if n_orders == 1:
                self.powers[node] = np.tile(here[:, 0] ** 2, self.n_settings)
                continue
            squares = {(i, j): here[:, i] * here[:, j] for i in orders for j in range(i + 1)}
            self.powers[node] = np.concatenate(
                [
                    sum(
                        (1 if i == j else 2) * product[i, j] * square
                        for (i, j), square in squares.items()
                    )
                    for product in products
                ],
                axis=1,
            )
            total = here.sum(axis=1, keepdims=True)
            self.order_shares[node] = here / np.where(total > 0, total, 1)


@dataclass
class Signals:
    """The signals of a batch of cells, after the propagation.

    Parameters
    ----------
    variances, correlations, jacobians : dict of int to ndarray of shape (n_rows,)
        Variance of each node, its correlation with the other signal, and the mean squared
        derivative with respect to the cell's inputs.
    source_variances, source_jacobians : ndarray of shape (n_sources, n_rows)
        The same of each source.
    """

    variances: dict[int, Array]
    correlations: dict[int, Array]
    jacobians: dict[int, Array]
    source_variances: Array
    source_jacobians: Array


def propagate(wiring: Wiring, variances: Array, correlations: Array) -> Signals:
    """Send signals through a batch of cells.

    Parameters
    ----------
    wiring : Wiring
        The cells.
    variances, correlations : ndarray of shape (n_inputs, n_rows)
        The signals at the inputs, a row for each setting and cell.

    Returns
    -------
    Signals
        The signals at all nodes.
    """
    cells = wiring.cells
    n_inputs, n_rows = variances.shape
    source_variances = np.ones((wiring.n_sources, n_rows))
    source_correlations = np.zeros((wiring.n_sources, n_rows))
    source_jacobians = np.ones((wiring.n_sources, n_rows))
    source_variances[:n_inputs] = variances
    source_correlations[:n_inputs] = correlations
    variance = dict(enumerate(variances))
    correlation = dict(enumerate(correlations))
    jacobian = {node: np.ones(n_rows) for node in range(n_inputs)}
    renewed: dict[int, list[Array]] = {}
    for node, edges in cells.into.items():
        for edge in edges:
            if edge not in wiring.source_of:
                continue
            source, start = wiring.source_of[edge], cells.edges[edge][0]
            if start not in renewed:
                renewed[start] = [renewed_correlation(correlation[start])]
                for _ in range(1, wiring.max_layers):
                    renewed[start].append(renewed_correlation(renewed[start][-1]))
            slope = 0.5 / _RECTIFIED_VARIANCE * jacobian[start] / variance[start]
            if wiring.max_layers == 1:
                source_correlations[source], source_jacobians[source] = renewed[start][0], slope
                continue
            layers = wiring.row_layers[edge]
            for n_layers, after in enumerate(renewed[start], start=1):
                source_correlations[source] += after * (layers == n_layers)
            deeper = np.maximum(layers - 1, 0)
            source_jacobians[source] = slope * (0.5 / _RECTIFIED_VARIANCE) ** deeper
        if node in wiring.source_at:
            shares = _concatenation_shares(wiring, edges)
            starts = [cells.edges[edge][0] for edge in edges]
            v = sum(s * variance[start] for s, start in zip(shares, starts, strict=True))
            covariance = sum(
                s * variance[start] * correlation[start]
                for s, start in zip(shares, starts, strict=True)
            )
            derivative = sum(s * jacobian[start] for s, start in zip(shares, starts, strict=True))
        else:
            powers, n_before = wiring.powers[node], wiring.n_before[node]
            contributions = powers * source_variances[:n_before]
            v = contributions.sum(axis=0)
            covariance = np.einsum("sr,sr->r", contributions, source_correlations[:n_before])
            derivative = np.einsum("sr,sr->r", powers, source_jacobians[:n_before])
        # A node that no signal reaches is none; any numbers do.
        alive = v > 0
        variance[node] = np.where(alive, v, 1)
        correlation[node] = covariance / variance[node]
        jacobian[node] = np.where(alive, derivative, 1)
        if node in wiring.source_at:
            source = wiring.source_at[node]
            source_variances[source] = variance[node]
            source_correlations[source] = correlation[node]
            source_jacobians[source] = jacobian[node]
    return Signals(variance, correlation, jacobian, source_variances, source_jacobians)


def gradients(wiring: Wiring, signals: Signals) -> Columns:
    """Send gradients of unit variance back from the output of a batch of cells.

    Parameters
    ----------
    wiring : Wiring
        The cells.
    signals : Signals
        The signals that were sent through them.

    Returns
    -------
    dict of str to ndarray of shape (n_rows,)
        For each operation that renews signals, the sum of the gradient's variance over its places,
        over the variance of the output. Gradients that come back along several copies of a signal
        are added as if they were independent.
    """
    cells = wiring.cells
    output = signals.variances[cells.n_nodes - 1]
    backward = np.zeros((cells.n_nodes, len(output)))
    backward[-1] = 1
    received: Columns = {
        operation.name: np.zeros(len(output))
        for operation in wiring.operations
        if operation.effect == "renew"
    }
    shares = {
        edge: share
        for node in wiring.source_at
        for edge, share in zip(
            cells.into[node], _concatenation_shares(wiring, cells.into[node]), strict=True
        )
    }
    for edge in range(len(cells.edges) - 1, -1, -1):
        source, target = cells.edges[edge]
        arriving = backward[target] * shares.get(edge, 1)
        through = wiring.row_copies[edge]
        if wiring.n_orders > 1:
            through = through + wiring.row_blurs[edge] * wiring.blurred_variance
        if edge in wiring.source_of:
            slope = 0.5 / _RECTIFIED_VARIANCE / signals.variances[source]
            if wiring.max_layers > 1:
                deeper = np.maximum(wiring.row_layers[edge] - 1, 0)
                slope = slope * (0.5 / _RECTIFIED_VARIANCE) ** deeper
            through = through + wiring.row_renews[edge] * slope
        backward[source] += arriving * through
        for number, operation in enumerate(wiring.operations):
            if operation.name in received:
                there = wiring.places(number, edge)
                if there is not None:
                    received[operation.name] += arriving * there
    return {name: gradient / output for name, gradient in received.items()}


def path_statistics(wiring: Wiring, signals: Signals, weights: str) -> Columns:
    """Describe the paths that the output's signal has taken, by their share of it.

    Parameters
    ----------
    wiring : Wiring
        The cells.
    signals : Signals
        The signals that were sent through them.
    weights : {"variance", "jacobian"}
        Whether a path counts by its share of the output's variance, or by that of the squared
        derivative with respect to the cell's inputs.

    Returns
    -------
    dict of str to ndarray of shape (n_rows,)
        Mean numbers of layers, of each operation that renews and of blurs; shares of paths without
        a layer, with several, with a wide one, with several wide ones, without a blur, without
        anything, with a wide layer last and with a blur last; entropy of the paths.
    """
    cells = wiring.cells
    by_variance = weights == "variance"
    of_node = signals.variances if by_variance else signals.jacobians
    of_source = signals.source_variances if by_variance else signals.source_jacobians
    n_rows = of_source.shape[1]
    renewing = [number for number, o in enumerate(wiring.operations) if o.effect == "renew"]
    names = ["layers", *(wiring.operations[number].name for number in renewing)]
    names += ["blurs", "no layer", "several layers", "wide layer", "several wide layers"]
    names += ["no blur", "empty path", "wide layer last", "blur last", "entropy"]
    (blurs, none, several, wide, several_wide, no_blur, empty, wide_last, blur_last, entropy) = (
        range(len(renewing) + 1, len(names))
    )
    untouched = np.zeros((len(names), n_rows))
    untouched[[none, no_blur, empty]] = 1
    at_node = dict.fromkeys(range(cells.n_inputs), untouched)
    at_source = np.zeros((wiring.n_sources, len(names), n_rows))
    at_source[: cells.n_inputs] = untouched
    for node, edges in cells.into.items():
        for edge in edges:
            if edge not in wiring.source_of:
                continue
            before, after = at_node[cells.edges[edge][0]], at_source[wiring.source_of[edge]]
            after[:] = before
            layers, is_wide = (
                wiring.row_layers[edge],
                wiring.row_is_wide[edge],
            )
            after[0] += layers
            for row, number in enumerate(renewing, start=1):
                there = wiring.places(number, edge)
                if there is not None:
                    after[row] += there
            after[several] = np.where(layers > 1, 1, 1 - before[none])
            after[several_wide] = np.where(
                is_wide * layers > 1, 1, np.where(is_wide, before[wide], before[several_wide])
            )
            after[wide] = np.maximum(is_wide, before[wide])
            after[wide_last] = is_wide
            after[[none, empty, blur_last]] = 0
        if node in wiring.source_at:
            shares = _concatenation_shares(wiring, edges)
            shares = [s * of_node[cells.edges[e][0]] for s, e in zip(shares, edges, strict=True)]
            total = np.maximum(sum(shares), _TINY)
            here = np.zeros((len(names), n_rows))
            for share, edge in zip(shares, edges, strict=True):
                part = share / total
                here += part * at_node[cells.edges[edge][0]]
                here[entropy] -= part * np.log(part + _TINY)
            at_source[wiring.source_at[node]] = at_node[node] = here
            continue
        n_before = wiring.n_before[node]
        parts = wiring.powers[node] * of_source[:n_before]
        total = parts.sum(axis=0)
        parts /= np.where(total > 0, total, 1)
        sources = at_source[:n_before]
        here = np.einsum("sr,snr->nr", parts, sources)
        here[entropy] -= (parts * np.log(parts + _TINY)).sum(axis=0)
        if wiring.n_orders > 1:
            order_shares = wiring.order_shares[node]
            spread = np.tile(order_shares, wiring.n_settings)
            unblurred = parts * spread[:, 0]
            for row in (no_blur, empty, wide_last):
                here[row] = (unblurred * sources[:, row]).sum(axis=0)
            here[blur_last] = (unblurred * sources[:, blur_last]).sum(axis=0)
            here[blur_last] += (parts * (1 - spread[:, 0])).sum(axis=0)
            for order in range(1, wiring.n_orders):
                here[blurs] += order * (parts * spread[:, order]).sum(axis=0)
            uncertainty = -(order_shares * np.log(order_shares + _TINY)).sum(axis=1)
            here[entropy] += (parts * np.tile(uncertainty, wiring.n_settings)).sum(axis=0)
        at_node[node] = here
    return dict(zip(names, at_node[cells.n_nodes - 1], strict=True))


def _concatenation_shares(wiring: Wiring, edges: Sequence[int]) -> list[Array]:
    """Return the share of the channels that comes over each edge into a concatenating node."""
    there = [wiring.row_copies[edge] for edge in edges]
    total = np.maximum(sum(there), 1)
    return [share / total for share in there]
