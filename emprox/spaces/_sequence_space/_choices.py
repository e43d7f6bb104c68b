"""Choices: texts, numbers, booleans, and None for what is left out."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...utils._texts import shown

Choice = str | int | float | bool | None


def as_choice(value: Any, name: str) -> Choice:
    """Turn a value into a plain text, finite number or boolean, or None if it is missing."""
    if is_missing(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (str, int, float)) or value in (math.inf, -math.inf):
        raise ValueError(
            f"decision {name!r}: a choice has to be a text, a finite number or a boolean, got"
            f" {shown(value)}"
        )
    return value


def is_missing(value: Any) -> bool:
    """Return whether a value stands for a missing one: None, NaN, NaT or pandas' NA."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def label(name: str, choice: Choice) -> str:
    """Write a choice with the name of its decision, as a node of an `Architecture`."""
    return f"{name}={json.dumps(choice)}"


def check_choices(name: Any, choices: Any) -> tuple[Choice, ...]:
    """Return the choices of a decision, with None, if it is one, at the front."""
    if not isinstance(name, str) or not name or "=" in name:
        raise ValueError(f"the name of a decision has to be a text without '=', got {shown(name)}")
    if isinstance(choices, (str, bytes)) or not isinstance(choices, (Sequence, np.ndarray)):
        raise ValueError(f"the choices of {name!r} have to be a list, got {shown(choices)}")
    plain = [as_choice(choice, name) for choice in choices]
    if not plain or len(set(plain)) < len(plain):
        raise ValueError(f"the choices of {name!r} have to be different, got {shown(choices)}")
    return tuple(sorted(plain, key=lambda choice: choice is not None))


def learned_choices(found: set[Choice]) -> tuple[Choice, ...]:
    """Sort None first, then numbers, then texts."""
    values = found - {None}
    if len(values) < len(found) and all(isinstance(v, float) and v.is_integer() for v in values):
        # A column of whole numbers with a gap is one of floating-point numbers in pandas.
        values = {int(value) for value in values if value is not None}
    ordered = sorted(values, key=lambda value: (isinstance(value, str), value))
    return (*[None] * (None in found), *ordered)


def are_rising(choices: Sequence[Choice]) -> bool:
    """Return whether the choices are numbers, each larger than the one before."""
    numbers = [choice for choice in choices if isinstance(choice, (int, float))]
    return sum(type(choice) not in (int, float) for choice in choices) == (None in choices) and (
        numbers == sorted(numbers)
    )
