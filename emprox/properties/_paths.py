"""Columns about the paths from the inputs of a cell to its output, found without listing them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..graphs import Graphs
from ..spaces import SignalOperation
from ._counts import Columns

# Gains of operations that copy, that renew with a kernel wider than 1 and with a kernel of 1, and
# that blur.
GAINS = (
    (1, 3, 1.5, 1),
    (1, 9, 1, 1),
    (1, 0.3, 0.3, 1),
    (1, 2, 1, 0.5),
    (1, 1, 1, 1),
    (1, 4, 2, 0.25),
    (1, 1, 1, 0.3),
    (1, 0.5, 0.5, 0.5),
)
# Gains of one operation where the others have 1, for spaces that do not say what theirs do.
UNKNOWN_GAINS = (3, 0.3)
# Added to a sum over paths before its logarithm is taken: what a cell without a path has.
_FLOOR = 0.02


def is_known(operations: Sequence[SignalOperation]) -> bool:
    """Say whether it is known of any operation what it does to a signal."""
    return any(operation.effect for operation in operations)


def path_lengths(graphs: Graphs, operations: Sequence[SignalOperation]) -> Columns:
    """Measure paths: the longest, the shortest and the mean, in several units."""
    lengths: dict[str, list[float]] = {"operations": [1.0] * len(operations)}
    if is_known(operations):
        lengths = {
            "layers": [o.n_layers * (o.effect == "renew") for o in operations],
            "wide layers": [o.n_layers * _is_wide(o) for o in operations],
            "radius": [(operation.kernel_size - 1) / 2 for operation in operations],
            "mixing": [operation.mixing for operation in operations],
        }
    for operation in operations:
        lengths[f"of {operation.name}"] = [float(other is operation) for other in operations]
    steps = graphs.lookup(list(lengths.values()))
    both_ways = graphs.longest_paths(np.concatenate([steps, -steps], axis=1))[-1]
    longest, shortest = both_ways[: len(lengths)], -both_ways[len(lengths) :]
    total, n_paths = graphs.total_lengths(steps)
    any_path = n_paths > 0
    columns: Columns = {"paths": n_paths, "log paths": np.log1p(n_paths)}
    for row, name in enumerate(lengths):
        columns[f"most {name}"] = np.where(any_path, longest[row], 0)
        columns[f"fewest {name}"] = np.where(any_path, shortest[row], 0)
        columns[f"mean {name}"] = total[row] / np.maximum(n_paths, 1)
    for name in [name for name in ("radius", "mixing") if name in lengths]:
        columns[f"log most {name}"] = np.log1p(columns[f"most {name}"])
    return columns


def linear_paths(graphs: Graphs, operations: Sequence[SignalOperation]) -> Columns:
    """Count the paths without an operation that renews the signal, and those that only copy it."""
    if not is_known(operations):
        return {}
    allowed = [
        [operation.effect in ("copy", "blur") for operation in operations],
        [operation.effect == "copy" for operation in operations],
        [True] * len(operations),
    ]
    linear, copying, every = graphs.sum_over_paths(graphs.lookup(allowed, wire=1))
    return {
        "linear paths": linear,
        "has linear path": linear > 0,
        "copying paths": copying,
        "has copying path": copying > 0,
        "share of linear paths": linear / np.maximum(every, 1),
        "all paths linear": (linear == every) & (every > 0),
    }


def soft_path_sums(graphs: Graphs, operations: Sequence[SignalOperation]) -> Columns:
    """Take the logarithms of sums over all paths of the product of gains along the path."""
    # A sum is small if all paths hold operations with a small gain, and is ruled by the paths with
    # many operations of a large gain.
    gains: dict[str, list[float]] = {}
    if is_known(operations):
        for gain in GAINS:
            copies, wide, narrow, blurs = gain
            name = f"soft paths (copy {copies}, wide {wide}, narrow {narrow}, blur {blurs})"
            gains[name] = [gain[_role(operation)] for operation in operations]
    else:
        for operation in operations:
            for gain_of_one in UNKNOWN_GAINS:
                gains[f"soft paths ({operation.name} {gain_of_one})"] = [
                    gain_of_one if other is operation else 1 for other in operations
                ]
    sums = graphs.sum_over_paths(graphs.lookup(list(gains.values()), wire=1))
    return dict(zip(gains, np.log(sums + _FLOOR), strict=True))


def _is_wide(operation: SignalOperation) -> bool:
    return operation.effect == "renew" and operation.kernel_size > 1


def _role(operation: SignalOperation) -> int:
    """Return which of the gains an operation has; what is not known is taken for a copy."""
    if operation.effect == "renew":
        return 1 if _is_wide(operation) else 2
    return 3 if operation.effect == "blur" else 0
