"""What all loaders share: choosing targets, reading tables, checking numbers, the Bunch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import Bunch

from ..utils._options import check_option


def choose_targets(target: str | Sequence[str], allowed: Iterable[str]) -> list[str]:
    """Return the names of the targets asked for, or raise a ValueError that lists them all."""
    chosen = [target] if isinstance(target, str) else list(target)
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"target has to be a name, or a list of different names, got {target!r}")
    for name in chosen:
        check_option("target", name, allowed)
    return chosen


def read_table(source: Path | IO[bytes], name: object, columns: Iterable[str]) -> pd.DataFrame:
    """Read columns of a CSV file: architectures as texts, all others as numbers."""
    try:
        table = pd.read_csv(source, usecols=list(columns), dtype=str, compression=None)
        numbers = table.columns.difference(["operations", "net", "ArchitectureString"])
        table = table.astype(dict.fromkeys(numbers, float))  # exact, unlike read_csv itself
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if table.empty or table.isna().any(axis=None):
        raise ValueError(f"{name}: there are no rows, or a field is empty")
    return table


def finite(value: Any) -> float:
    """Return a number as a float, or raise a ValueError that does not print it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"expected a number, got {type(value).__name__}")
    if not abs(value) < math.inf or abs(value) > 1e300:
        raise ValueError("expected a finite number")
    return float(value)


def percentage(value: Any) -> float:
    """Return a number between 0 and 100 as a float, or raise a ValueError."""
    number = finite(value)
    if not 0 <= number <= 100:
        raise ValueError(f"expected a percentage between 0 and 100, got {number:g}")
    return number


def common_chance_level(targets: Iterable[str], levels: Mapping[str, float]) -> float | None:
    """Return the chance level that all targets have, None if there is no such."""
    found = {levels.get(name) for name in targets}
    return found.pop() if len(found) == 1 else None


def make_bunch(
    architectures: Sequence[Any],
    columns: Mapping[str, ArrayLike],
    description: str,
    space: str,
    chance_level: float | None,
    **attributes: Any,
) -> Bunch:
    """Make what all loaders return, with a target of two dimensions."""
    folder = resources.files(__package__) / "descr"
    return Bunch(
        data=np.array(architectures, dtype=object),
        target=np.column_stack([np.array(values, dtype=float) for values in columns.values()]),
        feature_names=["architecture"],
        target_names=list(columns),
        frame=None,
        DESCR=(folder / description).read_text(encoding="utf-8"),
        space=space,
        chance_level=chance_level,
        **attributes,
    )


def shape_bunch(
    bunch: Bunch, target: str | Sequence[str], return_X_y: bool, as_frame: bool
) -> Bunch | tuple[Any, Any]:
    """Give a Bunch the shape that the user wants, in the way of scikit-learn's loaders."""
    several = not isinstance(target, str)
    if as_frame:
        targets = pd.DataFrame(bunch.target, columns=bunch.target_names)
        bunch.frame = targets.copy()
        bunch.frame.insert(0, "architecture", bunch.data)
        bunch.data = bunch.frame[["architecture"]]
        bunch.target = targets if several else targets.iloc[:, 0]
    elif not several:
        bunch.target = bunch.target.ravel()
    return (bunch.data, bunch.target) if return_X_y else bunch
