"""Checking what can only be one of several things."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def check_option(what: str, value: object, allowed: Iterable[object]) -> None:
    """Raise a ValueError that lists what is allowed if a value is something else."""
    allowed = list(allowed)
    if value not in allowed:
        close = get_close_matches(str(value), map(str, allowed), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        known = ", ".join(map(repr, allowed))
        raise ValueError(f"unknown {what} {value!r}.{hint} Allowed are: {known}")
