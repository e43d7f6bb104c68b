"""Columns about the paths from the input of a network to its output, without listing them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ._network_flow import ATTENTION, COPY, DEPTHWISE, NARROW, POOLING, WIDE, Flow
from ._network_signals import Signals

# Gains of layers with a kernel wider than 1, with a kernel of 1, of depthwise ones, of pooling and
# of attention, where what only copies has 1. A sum over paths is small if all paths hold operations
# with a small gain, and is ruled by the paths with many operations of a large gain.
GAINS = (
    (1, 1, 1, 1, 1),
    (3, 1.5, 1.5, 1, 2),
    (9, 1, 2, 1, 2),
    (0.3, 0.3, 0.3, 1, 0.5),
    (2, 1, 1, 0.5, 1),
    (4, 2, 2, 0.25, 2),
    (1, 1, 1, 0.3, 1),
    (0.5, 0.5, 0.5, 0.5, 0.5),
    (1, 0.3, 0.3, 1, 0.3),
    (1, 1, 0.3, 1, 1),
    (0.1, 0.1, 0.1, 0.1, 0.1),
)
# The same where paths count by their shares of the variance.
GAINS_BY_VARIANCE = ((0.3, 0.3, 0.3, 1, 0.5), (0.3, 1, 0.3, 1, 1), (1, 1, 1, 0.3, 1))
_OPERATIONS = ("wide", "narrow", "depthwise", "pooling", "attention")
_LENGTHS = ("layers", "wide layers", "narrow layers", "poolings", "radius")
# What one operation of a role adds to the lengths, but for the radius.
_STEPS = {
    WIDE: (1, 1, 0, 0),
    NARROW: (1, 0, 1, 0),
    DEPTHWISE: (1, 1, 0, 0),
    POOLING: (0, 0, 0, 1),
    ATTENTION: (1, 0, 0, 0),
}
# What the paths to an operation are described by: logarithms of sums over paths, the greatest
# lengths and the negatives of the least, means over all paths and means by variance.
_N_LENGTHS, _N_SUMS = len(_LENGTHS), len(GAINS) + len(GAINS_BY_VARIANCE)
_SUMS = slice(0, _N_SUMS)
_EXTREMES = slice(_N_SUMS, _N_SUMS + 2 * _N_LENGTHS)
_MEANS = slice(_EXTREMES.stop, _EXTREMES.stop + 2 * _N_LENGTHS + 1)
_SUMS_BY_VARIANCE = np.repeat([0.0, 1.0], [len(GAINS), len(GAINS_BY_VARIANCE)])
_MEANS_BY_VARIANCE = np.repeat([0.0, 1.0], [_N_LENGTHS, _N_LENGTHS + 1])
_START = np.zeros(_MEANS.stop)
_START.flags.writeable = False
_LEAST_SHARE = 1e-30

_BRANCHES = ("copies", "pooling", "narrow layers", "one wide layer", "several layers")

Floats = NDArray[np.float64]


def path_columns(signals: Signals) -> dict[str, float]:
    """Describe the paths of a network."""
    row = _follow(signals)
    longest, shortest = np.split(row[_EXTREMES], 2)
    mean, by_variance = np.split(row[_MEANS], [_N_LENGTHS])
    columns: dict[str, float] = {}
    names = [f"log soft paths ({_write(gains)})" for gains in GAINS]
    names += [f"log soft paths by variance ({_write(gains)})" for gains in GAINS_BY_VARIANCE]
    columns |= dict(zip(names, row[_SUMS].tolist(), strict=True))
    for name, *lengths in zip(_LENGTHS, longest, -shortest, mean, strict=True):
        for which, length in zip(("most", "fewest", "mean"), lengths, strict=True):
            columns[f"log {which} {name} of a path"] = math.log1p(length)
    names = [f"mean {name} by variance" for name in _LENGTHS] + ["entropy of paths by variance"]
    columns |= dict(zip(names, by_variance.tolist(), strict=True))
    return columns | _count_branches(signals.flow)


def _write(gains: Sequence[float]) -> str:
    return ", ".join(f"{name} {gain:g}" for name, gain in zip(_OPERATIONS, gains, strict=True))


def _follow(signals: Signals) -> Floats:
    """Return what describes the paths to the outputs."""
    flow = signals.flow
    steps: dict[tuple[int, int], Floats] = {}
    rows: list[Floats] = [_START] * len(flow.kinds)
    for number in flow.order:
        reads, role = flow.reads[number], flow.roles[number]
        if len(reads) == 1:
            row = rows[reads[0]]
        elif reads:
            variances = [signals.variances[each] for each in reads]
            shares = signals.shares(number)
            row = _join([rows[each] for each in reads], list(map(float.__mul__, shares, variances)))
        else:
            row = _START
        if role != COPY:
            key = role, flow.dilations[number] * (flow.kernels[number] - 1)
            if key not in steps:
                steps[key] = _step(*key)
            row = row + steps[key]
        rows[number] = row
    ends = flow.outputs
    return _join([rows[each] for each in ends], [signals.variances[each] for each in ends])


def _step(role: int, span: int) -> Floats:
    """Return what an operation adds to a row."""
    radius = 0.0 if role in (NARROW, ATTENTION) else span / 2
    lengths = np.array([*_STEPS[role], radius])
    sums = np.log([gains[role - 1] for gains in (*GAINS, *GAINS_BY_VARIANCE)])
    return np.concatenate([sums, lengths, -lengths, lengths, lengths, [0.0]])


def _join(rows: Sequence[Floats], variances: Sequence[float]) -> Floats:
    """Put the paths of several rows together."""
    joined, variance = rows[0], variances[0] + _LEAST_SHARE
    for row, more in zip(rows[1:], variances[1:], strict=True):
        before, variance = variance, variance + more + _LEAST_SHARE
        share = (more + _LEAST_SHARE) / variance
        log_shares = math.log(before / variance), math.log(share)
        sums = np.logaddexp(
            joined[_SUMS] + log_shares[0] * _SUMS_BY_VARIANCE,
            row[_SUMS] + log_shares[1] * _SUMS_BY_VARIANCE,
        )
        # The first sum is the number of paths.
        share_in_number = math.exp(row[0] - sums[0])
        shares = share_in_number + (share - share_in_number) * _MEANS_BY_VARIANCE
        means = joined[_MEANS] + shares * (row[_MEANS] - joined[_MEANS])
        means[-1] -= before / variance * log_shares[0] + share * log_shares[1]
        extremes = np.maximum(joined[_EXTREMES], row[_EXTREMES])
        joined = np.concatenate([sums, extremes, means])
    return joined


def _count_branches(flow: Flow) -> dict[str, float]:
    """Count the ways between a place where they part or join and the next where they join."""
    n_readers = [0] * len(flow.kinds)
    for number in flow.order:
        for source in flow.reads[number]:
            n_readers[source] += 1
    # Of each operation how many layers, wide layers and poolings came since the last such place.
    since = [(0, 0, 0)] * len(flow.kinds)
    counts = dict.fromkeys(_BRANCHES, 0)
    for number in flow.order:
        reads, role = flow.reads[number], flow.roles[number]
        if len(reads) > 1:
            for source in reads:
                counts[_branch(*since[source])] += 1
        if n_readers[number] == 1 and (role != COPY or len(reads) == 1):
            layers, wide, poolings = since[reads[0]] if len(reads) == 1 else (0, 0, 0)
            if role != COPY:
                is_pooling, is_wide = role == POOLING, role in (WIDE, DEPTHWISE)
                layers, wide, poolings = (
                    layers + (not is_pooling),
                    wide + is_wide,
                    poolings + is_pooling,
                )
            since[number] = layers, wide, poolings
    n_layers = max(len(flow.layers), 1)
    return {f"branches of {name} for each layer": n / n_layers for name, n in counts.items()}


def _branch(layers: int, wide: int, poolings: int) -> str:
    if layers == 0:
        return "pooling" if poolings else "copies"
    if wide == 0:
        return "narrow layers"
    return "one wide layer" if layers == 1 else "several layers"
