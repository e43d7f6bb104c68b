"""Side tasks: which architectures have which accuracy, whatever form they are given in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_array

from ..graphs import ArchitectureError
from ..spaces import SearchSpace
from ..spaces._sequences import IntArray
from ..spaces._transformer import read_listed


def read_tasks(space: SearchSpace, tasks: Any) -> tuple[SearchSpace, pd.DataFrame]:
    """Return the space that also holds what has to be listed in it, and accuracies.

    These are means, or NaN: a column for each task, `keys` of canonical forms as index.
    """
    if not isinstance(tasks, Mapping):
        named = {None: tasks}
    elif tasks:
        named = dict(tasks)
    else:
        raise ValueError("there are no side tasks: give accuracies on at least one")
    parts = []
    for name, pair in named.items():
        what = "side information" if name is None else f"side task {name!r}"
        space, part = _read(space, pair, what, None if name is None else str(name))
        parts.append(part)
    table = pd.concat(parts).groupby(level=0).mean()
    for name in table.columns[table.isna().all()]:
        raise ValueError(f"side task {name!r} has no known accuracy")
    return space, table


def keys(decisions: IntArray) -> list[bytes]:
    """Return what tells architectures apart, for a look-up."""
    return [row.tobytes() for row in np.ascontiguousarray(decisions, dtype=np.int64)]


def _read(
    space: SearchSpace, pair: Any, what: str, name: str | None
) -> tuple[SearchSpace, pd.DataFrame]:
    """Read the pair (architectures, accuracies) of the task with a name, or of several."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        others = " or a mapping of names to such pairs" if name is None else ""
        raise ValueError(f"{what} has to be a pair (architectures, accuracies){others}")
    try:
        values = check_array(
            pair[1],
            ensure_2d=False,
            ensure_all_finite="allow-nan" if name is None else True,
            dtype=np.float64,
            input_name=what,
        )
        if name is not None and values.ndim != 1:
            raise ValueError(f"accuracies of shape {values.shape}: give one for each architecture")
        space, decisions = read_listed(space, pair[0])
    except ArchitectureError as error:
        where = "" if error.index is None else f"architecture {error.index}: "
        raise ArchitectureError(f"{what}: {where}{error.message}") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what}: {error}") from error
    if len(decisions) != len(values):
        raise ValueError(f"{what} has {len(decisions)} architectures, but {len(values)} accuracies")
    values = values.reshape(len(values), -1)
    names = [f"task {number}" for number in range(values.shape[1])] if name is None else [name]
    if name is None:
        names = list(map(str, getattr(pair[1], "columns", names)))
    table = pd.DataFrame(values, index=keys(space.canonicalize(decisions)), columns=names)
    return space, table
