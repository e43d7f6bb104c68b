"""Columns about the paths from the input of a network to its output, without listing them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ._network_flow import ATTENTION, DEPTHWISE, NARROW, POOLING, WIDE, Flow

# Gains of layers with a kernel wider than 1, with a kernel of 1, of depthwise ones, of pooling and
# of attention, where what only copies has 1. A sum over paths is small if all paths hold operations
# with a small gain, and is ruled by the paths with many operations of a large gain.
GAINS = (
    (3, 1.5, 1.5, 1, 2),
    (9, 1, 2, 1, 2),
    (0.3, 0.3, 0.3, 1, 0.5),
    (2, 1, 1, 0.5, 1),
    (1, 1, 1, 1, 1),
    (4, 2, 2, 0.25, 2),
    (1, 1, 1, 0.3, 1),
    (0.5, 0.5, 0.5, 0.5, 0.5),
    (1, 0.3, 0.3, 1, 0.3),
    (1, 1, 0.3, 1, 1),
    (0.1, 0.1, 0.1, 0.1, 0.1),
)
_N_GAINS = len(GAINS)
_OF_COUNTS = GAINS.index((1, 1, 1, 1, 1))
_LENGTHS = ("layers", "layers wider than 1", "layers of width 1", "poolings", "radius")
_N_LENGTHS = len(_LENGTHS)
# What one operation of a role adds to the lengths, but for the radius.
_STEPS = {
    WIDE: (1, 1, 0, 0),
    NARROW: (1, 0, 1, 0),
    DEPTHWISE: (1, 1, 0, 0),
    POOLING: (0, 0, 0, 1),
    ATTENTION: (1, 0, 0, 0),
}
_ROLES = (WIDE, NARROW, DEPTHWISE, POOLING, ATTENTION)
_NAMES = ("wide", "narrow", "depthwise", "pooling", "attention")

Floats = NDArray[np.float64]


def path_columns(flow: Flow) -> dict[str, float]:
    """Describe the paths of a network."""
    sums, longest, shortest, mean = _follow(flow)
    n_layers = max(len(flow.layers), 1)
    columns: dict[str, float] = {}
    for gains, log_sum in zip(GAINS, sums.tolist(), strict=True):
        name = ", ".join(f"{name} {gain:g}" for name, gain in zip(_NAMES, gains, strict=True))
        columns[f"log soft paths ({name})"] = log_sum
    for name, *lengths in zip(_LENGTHS, longest, shortest, mean, strict=True):
        for which, length in zip(("most", "fewest", "mean"), lengths, strict=True):
            columns[f"log {which} {name} on a path"] = math.log1p(length)
    joins = [number for number in flow.order if len(flow.reads[number]) > 1]
    columns["log joins"] = math.log1p(len(joins))
    for kind in ("add", "concatenation"):
        count = sum(flow.kinds[number] == kind for number in joins)
        columns[f"joins by {kind} for each layer"] = count / n_layers
    on_paths = [flow.roles[number] for number in flow.order]
    for role, name in zip(_ROLES, _NAMES, strict=True):
        count = on_paths.count(role)
        columns[f"log {name} on paths"] = math.log1p(count)
        columns[f"{name} on paths for each layer"] = count / n_layers
    return columns


def _follow(flow: Flow) -> tuple[Floats, Floats, Floats, Floats]:
    """Return logarithms of sums over paths, and the lengths of the longest, shortest and mean."""
    # A row for each operation: sums, longest, the negative of the shortest, mean.
    start = np.zeros(_N_GAINS + 3 * _N_LENGTHS)
    steps: dict[tuple[int, int], Floats] = {}
    rows: list[Floats] = [start] * len(flow.kinds)
    for number in flow.order:
        reads, role = flow.reads[number], flow.roles[number]
        if len(reads) == 1:
            row = rows[reads[0]]
        else:
            row = _join([rows[source] for source in reads]) if reads else start
        if role:
            key = role, flow.kernels[number]
            if key not in steps:
                steps[key] = _step(*key)
            row = row + steps[key]
        rows[number] = row
    last = _join([rows[number] for number in flow.outputs])
    longest, shortest, mean = last[_N_GAINS:].reshape(3, -1)
    return last[:_N_GAINS], longest, -shortest, mean


def _step(role: int, kernel: int) -> Floats:
    """Return what an operation adds to a row."""
    radius = 0 if role in (NARROW, ATTENTION) else (kernel - 1) / 2
    lengths = np.array([*_STEPS[role], radius], dtype=np.float64)
    return np.concatenate(
        [np.log([gains[role - 1] for gains in GAINS]), lengths, -lengths, lengths]
    )


def _join(rows: list[Floats]) -> Floats:
    """Put the paths of several rows together."""
    table = np.array(rows)
    joined = table.max(axis=0)
    sums = table[:, :_N_GAINS]
    joined[:_N_GAINS] += np.log(np.exp(sums - joined[:_N_GAINS]).sum(axis=0))
    shares = np.exp(sums[:, _OF_COUNTS] - joined[_OF_COUNTS])
    joined[-_N_LENGTHS:] = shares @ table[:, -_N_LENGTHS:]
    return joined
