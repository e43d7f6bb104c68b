"""Columns from signal propagation through the whole network."""

from __future__ import annotations

from collections.abc import Sequence

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
    kinds: Sequence[Graphs],
    operations: Sequence[SignalOperation],
    skeleton: Skeleton,
    with_blurs: bool,
) -> Columns:
    """Send signals through the whole network and describe them in the first and last cells."""
    covariances = np.ones((1, 1))
    if with_blurs:
        covariances = blur_autocovariances(2 * MAX_BLURS) ** np.array(WHITENESS)[:, None]
    n_settings = len(covariances)
    n_rows = n_settings * kinds[0].n_graphs
    places: dict[int, list[int]] = {}
    for place, position in enumerate(skeleton.positions):
        places.setdefault(position.kind, []).append(place)
    n_back = max(graphs.n_inputs for graphs in kinds)
    variances = [np.ones(n_rows)] * n_back
    correlations = [np.full(n_rows, _FIRST_CORRELATION)] * n_back
    wirings: dict[tuple[int, bool], Wiring] = {}
    columns: Columns = {}
    log_jacobian = np.zeros(n_rows)
    n_stages = 0
    for place, position in enumerate(skeleton.positions):
        graphs = kinds[position.kind]
        key = position.kind, position.strided
        if key not in wirings:
            wirings[key] = Wiring(graphs, operations, covariances, position.strided)
        wiring = wirings[key]
        entering = _enter(
            position.entry,
            np.array(variances[-graphs.n_inputs :]),
            np.array(correlations[-graphs.n_inputs :]),
        )
        signals = propagate(wiring, *entering)
        output = wiring.output
        log_here = np.log(np.maximum(signals.jacobians[output], _LEAST_JACOBIAN))
        log_jacobian += log_here
        first, last = places[position.kind][0], places[position.kind][-1]
        if place in (first, last):
            where = f"{'last' if place == last else 'first'} {graphs.kind} cell".replace("  ", " ")
            weights = ("variance", "jacobian") if place == last else ("variance",)
            for by in weights:
                for name, column in path_statistics(wiring, signals, by).items():
                    columns[f"{where}: {name} by {by}"] = column
            columns[f"{where}: log variance"] = np.log(signals.variances[output])
            columns[f"{where}: correlation"] = signals.correlations[output]
            columns[f"{where}: log jacobian"] = log_here
            total = np.zeros(n_rows)
            for name, gradient in gradients(wiring, signals).items():
                total += gradient
                columns[f"{where}: log gradient of {name}"] = np.log(_FLOOR + gradient)
            columns[f"{where}: log gradient"] = np.log(_FLOOR + total)
        variances = [*variances[1:], np.maximum(signals.variances[output], _LEAST_VARIANCE)]
        correlations = [*correlations[1:], signals.correlations[output]]
        following = skeleton.positions[place + 1 : place + 2]
        if not following or following[0].width != position.width:
            n_stages += 1
            columns[f"stage {n_stages}: log variance"] = np.log(variances[-1])
            columns[f"stage {n_stages}: correlation"] = correlations[-1]
    columns["network: log jacobian"] = log_jacobian
    return _by_setting(columns, n_settings, np.any([graphs.connected for graphs in kinds], axis=0))


def _enter(entry: str, variances: Array, correlations: Array) -> tuple[Array, Array]:
    """Apply what stands between two cells."""
    if entry == "renew":
        return np.ones_like(variances), renewed_correlation(correlations)
    if entry == "residual":
        # The sum of a shortcut and of two layers, both normalised.
        deeper = renewed_correlation(renewed_correlation(correlations))
        return np.full_like(variances, 2), (correlations + deeper) / 2
    return variances, correlations


def _by_setting(columns: Columns, n_settings: int, connected: NDArray[np.bool_]) -> Columns:
    """Give each setting a column of its own; NaN for architectures that no signal passes."""
    separate: Columns = {}
    for name, rows in columns.items():
        for setting, column in enumerate(rows.reshape(n_settings, -1)):
            suffix = f" (whiteness {WHITENESS[setting]:g})" if n_settings > 1 else ""
            separate[name + suffix] = np.where(connected, column, np.nan)
    return separate
