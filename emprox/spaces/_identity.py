"""Which search spaces are equal, and how they are copied and pickled."""

from __future__ import annotations

from functools import partial
from inspect import signature
from typing import Any

from ._known import KNOWN, find


class Identity:
    """What never changes, and is known by its name and what was given to `__init__`."""

    name: str

    @property
    def _parameters(self) -> dict[str, Any]:
        """What was given to `__init__`, which keeps it; equal spaces of a class share it."""
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Identity)
            and type(self) is type(other)
            and (self.name, self._parameters) == (other.name, other._parameters)
        )

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    # A copy of what never changes is the thing itself.
    def __copy__(self) -> Identity:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Identity:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if KNOWN.get(self.name) is self:
            return find, (self.name,)
        return partial(type(self), **self._parameters), ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"
