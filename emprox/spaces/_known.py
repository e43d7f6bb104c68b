"""The search spaces that are known by their names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

KNOWN: dict[str, Any] = {}


def find(name: str) -> Any:
    """Look up a search space by its name, also when one is unpickled."""
    if name not in KNOWN:
        close = get_close_matches(str(name), KNOWN, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise ValueError(
            f"unknown search space {name!r}{hint} Registered are"
            f" {', '.join(map(repr, sorted(KNOWN)))}; add your own with"
            " emprox.spaces.register_space"
        )
    return KNOWN[name]
