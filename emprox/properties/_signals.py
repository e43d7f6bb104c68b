"""Columns from signal propagation through the whole network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..graphs import Graphs
from ..spaces import SignalOperation, Skeleton
from ._counts import Columns
from ._propagation import (
    MAX_BLURS,
    blur_autocovariances,
    gradients,
    path_statistics,
    propagate,
    renewed_correlation,
)
from ._wiring import Array, Wiring

# How white signals are: the covariances of white noise to these powers. At 0 a blur changes
# nothing, at 1 it does to a signal what it does to white noise.
WHITENESS = (0.0, 1.0)
# Correlation of two inputs of the network.
_FIRST_CORRELATION = 0.8
_LEAST_VARIANCE = 1e-4
_LEAST_JACOBIAN = 1e-6
# Added to gradients before their logarithm is taken.
_FLOOR = 0.1


def signal_columns(
    kinds: Sequence[Graphs], operations: Sequence[SignalOperation], skeleton: Skeleton, blurs: bool
) -> Columns:
    """Send signals through the whole network and describe them in the first and last cells."""
    covariances = np.ones((1, 1))
    if blurs:
        covariances = blur_autocovariances(2 * MAX_BLURS) ** np.array(WHITENESS)[:, None]
    n_rows = len(covariances) * kinds[0].n_graphs
    # Variances and correlations of what the first cell reads, and then of what cells write.
    history = [(np.ones(n_rows), np.full(n_rows, _FIRST_CORRELATION))]
    history *= max(graphs.n_inputs for graphs in kinds)
    wire = cache(lambda kind, strided: Wiring(kinds[kind], operations, covariances, strided))
    columns: Columns = {}
    log_jacobian = np.zeros(n_rows)
    n_stages = 0
    for place, position in enumerate(skeleton.positions):
        graphs, wiring = kinds[position.kind], wire(position.kind, position.strided)
        read = np.array(history[-graphs.n_inputs :]).swapaxes(0, 1)
        signals = propagate(wiring, *_enter(position.entry, *read))
        correlation = signals.correlations[wiring.output]
        log_here = np.log(np.maximum(signals.jacobians[wiring.output], _LEAST_JACOBIAN))
        log_jacobian += log_here
        alike = [n for n, other in enumerate(skeleton.positions) if other.kind == position.kind]
        is_last = place == alike[-1]
        if is_last or place == alike[0]:
            where = f"{'last' if is_last else 'first'} {graphs.kind} cell".replace("  ", " ")
            for by in ("variance", "jacobian") if is_last else ("variance",):
                for name, column in path_statistics(wiring, signals, by).items():
                    columns[f"{where}: {name} by {by}"] = column
            columns[f"{where}: log variance"] = np.log(signals.variances[wiring.output])
            columns[f"{where}: correlation"] = correlation
            columns[f"{where}: log jacobian"] = log_here
            total = np.zeros(n_rows)
            for name, gradient in gradients(wiring, signals).items():
                total += gradient
                columns[f"{where}: log gradient of {name}"] = np.log(_FLOOR + gradient)
            columns[f"{where}: log gradient"] = np.log(_FLOOR + total)
        history.append((np.maximum(signals.variances[wiring.output], _LEAST_VARIANCE), correlation))
        if [other.width for other in skeleton.positions[place + 1 : place + 2]] != [position.width]:
            n_stages += 1
            columns[f"stage {n_stages}: log variance"] = np.log(history[-1][0])
            columns[f"stage {n_stages}: correlation"] = correlation
    columns["network: log jacobian"] = log_jacobian
    return _by_setting(columns, np.any([graphs.connected for graphs in kinds], axis=0))


def _enter(entry: str, variances: Array, correlations: Array) -> tuple[Array, Array]:
    """Apply what stands between two cells."""
    if entry == "renew":
        return np.ones_like(variances), renewed_correlation(correlations)
    if entry == "residual":
        # The sum of a shortcut and of two layers, both normalised.
        deeper = renewed_correlation(renewed_correlation(correlations))
        return np.full_like(variances, 2), (correlations + deeper) / 2
    return variances, correlations


def _by_setting(columns: Columns, connected: NDArray[np.bool_]) -> Columns:
    """Give each setting a column of its own; NaN for architectures that no signal passes."""
    separate: Columns = {}
    for name, rows in columns.items():
        settings = rows.reshape(-1, len(connected))
        for whiteness, column in zip(WHITENESS, settings, strict=False):
            suffix = f" (whiteness {whiteness:g})" if len(settings) > 1 else ""
            separate[name + suffix] = np.where(connected, column, np.nan)
    return separate
