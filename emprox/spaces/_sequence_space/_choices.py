"""Choices: texts, numbers, booleans, and None for what is left out."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...utils._texts import shown

Choice = str | int | float | bool | None


def as_choice(value: Any) -> Choice:
    """Turn a value into a plain text, finite number or boolean, or None if it is missing."""
    if is_missing(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (str, int, float)) or value in (math.inf, -math.inf):
        raise ValueError(
            f"a choice has to be a text, a finite number or a boolean, got {shown(value)}"
        )
    return value


def is_missing(value: Any) -> bool:
    """Return whether a value stands for a missing one: None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def label(name: str, choice: Choice) -> str:
    """Write a choice with the name of its decision, as a node of an `Architecture`."""
    return f"{name}={json.dumps(choice)}"


def check_choices(name: Any, choices: Any) -> tuple[Choice, ...]:
    """Return the choices of a decision, with None, if it is one, at the front."""
    if not isinstance(name, str) or not name or "=" in name:
        raise ValueError(f"the name of a decision has to be a text without '=', got {shown(name)}")
    if isinstance(choices, (str, bytes)) or not isinstance(choices, (Sequence, np.ndarray, range)):
        raise ValueError(f"the choices of {name!r} have to be a list, got {shown(choices)}")
    try:
        plain = [as_choice(choice) for choice in choices]
    except ValueError as error:
        raise ValueError(f"decision {name!r}: {error}") from error
    if not plain or len(set(plain)) < len(plain):
        raise ValueError(f"the choices of {name!r} have to be different, got {shown(choices)}")
    return tuple(sorted(plain, key=lambda choice: choice is not None))


def learned_choices(found: set[Choice]) -> tuple[Choice, ...]:
    """Sort None first, then numbers, then texts."""
    if None in found and all(
        choice is None or (isinstance(choice, float) and choice.is_integer()) for choice in found
    ):
        # A column of whole numbers with a gap is one of floating-point numbers in pandas.
        found = {None if choice is None else int(choice) for choice in found}
    numbers = [choice for choice in found if choice is not None and not isinstance(choice, str)]
    texts = [choice for choice in found if isinstance(choice, str)]
    return (*([None] if None in found else []), *sorted(numbers), *sorted(texts))


def are_rising(choices: Sequence[Choice]) -> bool:
    """Return whether the choices are numbers, each larger than the one before."""
    numbers = [choice for choice in choices if choice is not None]
    return all(
        isinstance(choice, (int, float)) and not isinstance(choice, bool) for choice in numbers
    ) and numbers == sorted(numbers, key=float)
