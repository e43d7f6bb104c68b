"""Side tasks: which architectures have which accuracy, whatever form they are given in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from ..spaces import ArchitectureError, SearchSpace
from ..spaces._sequences import IntArray
from ..utils._targets import check_targets

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SideTasks:
    """What is known of all tasks, in one table.

    Parameters
    ----------
    names : list of str
        Names of the tasks.
    decisions : ndarray of shape (n_architectures, n_decisions)
        Different architectures in canonical form.
    accuracies : ndarray of shape (n_architectures, n_tasks)
        Their accuracies, the mean where several were given; NaN where none was.
    """

    names: list[str]
    decisions: IntArray
    accuracies: Floats


def read_tasks(space: SearchSpace, tasks: Any) -> SideTasks:
    """Read side tasks.

    Parameters
    ----------
    space : SearchSpace
        The search space.
    tasks : mapping of str to (architectures, accuracies), or (architectures, accuracies)
        One pair for each task, or a single pair for all, whose accuracies have a column for each
        task and NaN where they are not known.

    Returns
    -------
    SideTasks
        The tasks.

    Raises
    ------
    ArchitectureError
        If something is not an architecture of the space; says which, and of which task.
    ValueError
        If there are no tasks, or accuracies are not finite, not as many as architectures, or all
        missing.
    """
    if isinstance(tasks, Mapping):
        if not tasks:
            raise ValueError("there are no side tasks: give accuracies on at least one")
        names = [str(name) for name in tasks]
        parts = [_read_one(space, f"side task {str(name)!r}", tasks[name]) for name in tasks]
        decisions = np.concatenate([part for part, _ in parts])
        accuracies = np.full((len(decisions), len(parts)), np.nan)
        start = 0
        for number, (_, values) in enumerate(parts):
            accuracies[start : start + len(values), number] = values
            start += len(values)
    else:
        names, decisions, accuracies = _read_table(space, tasks)
    return _collect(names, decisions, accuracies)


def _read_one(space: SearchSpace, task: str, pair: Any) -> tuple[IntArray, Floats]:
    """Read the pair of one task."""
    architectures, accuracies = _as_pair(pair, task)
    try:
        values = check_targets(accuracies, task)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{task}: {error}") from error
    if values.ndim != 1:
        raise ValueError(
            f"{task} has accuracies of shape {values.shape}: give one number for each architecture"
        )
    return _encode(space, architectures, len(values), task), values


def _read_table(space: SearchSpace, pair: Any) -> tuple[list[str], IntArray, Floats]:
    """Read the pair of all tasks."""
    what = "side information"
    architectures, accuracies = _as_pair(pair, what, " or a mapping of names to such pairs")
    names = getattr(accuracies, "columns", None)
    try:
        values = check_array(
            accuracies, ensure_2d=False, ensure_all_finite=False, dtype=np.float64, input_name=what
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what}: {error}") from error
    if np.isinf(values).any():
        raise ValueError(f"{what} contains infinity; what is not known has to be NaN")
    values = values.reshape(len(values), -1)
    if names is None:
        names = [f"task {number}" for number in range(values.shape[1])]
    return list(map(str, names)), _encode(space, architectures, len(values), what), values


def _as_pair(value: Any, what: str, alternative: str = "") -> tuple[Any, Any]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        got = f"{len(value)} items" if isinstance(value, (tuple, list)) else type(value).__name__
        raise ValueError(
            f"{what} has to be a pair (architectures, accuracies){alternative}, got {got}"
        )
    return value[0], value[1]


def _encode(space: SearchSpace, architectures: Any, n_accuracies: int, what: str) -> IntArray:
    """Return canonical decisions, one row for each accuracy."""
    try:
        decisions = space.encode(architectures)
    except ArchitectureError as error:
        where = "" if error.index is None else f"architecture {error.index}: "
        raise ArchitectureError(f"{what}: {where}{error.message}") from error
    if len(decisions) != n_accuracies:
        raise ValueError(
            f"{what} has {len(decisions)} architectures, but {n_accuracies} accuracies"
        )
    return space.canonicalize(decisions)


def _collect(names: list[str], decisions: IntArray, accuracies: Floats) -> SideTasks:
    """Give each architecture one row."""
    different, rows = np.unique(decisions, axis=0, return_inverse=True)
    known = ~np.isnan(accuracies)
    counts = np.zeros((len(different), len(names)))
    sums = np.zeros_like(counts)
    np.add.at(counts, rows.ravel(), known)
    np.add.at(sums, rows.ravel(), np.where(known, accuracies, 0))
    for name, count in zip(names, counts.sum(axis=0), strict=True):
        if not count:
            raise ValueError(f"side task {name!r} has no known accuracy")
    means = np.full_like(sums, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return SideTasks(names, different, means)
