"""Networks of the user's own: names in a file, and the Python function that makes them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import click

from ..utils._texts import shown
from ._entries import capture_entry, load_entry

if TYPE_CHECKING:
    from ..spaces import NetworkSpace

# So many networks are kept, for names that stand in both files.
_MAX_KEPT = 1000


class NetworkBuilder:
    """What makes a network of each name: a function, and what its modules are captured with."""

    def __init__(self, reference: str, space: NetworkSpace) -> None:
        self.reference, self.space = reference, space
        self._entry = load_entry(reference)
        if not callable(self._entry) or hasattr(self._entry, "named_modules"):
            raise click.ClickException(
                f"{reference} is {shown(self._entry)}: a function that makes the network of a name"
                " is needed"
            )
        self.build = lru_cache(_MAX_KEPT)(self._build)

    def _build(self, name: str) -> Any:
        """Return the network of a name, or the error that says why there is none."""
        from ..networks import CaptureError
        from ..spaces import ArchitectureError

        try:
            return capture_entry(self.reference, self._entry, name, inputs=self.space.inputs)
        except click.ClickException as error:
            return ArchitectureError(error.message)
        except CaptureError as error:
            hint = (
                "" if self.space.inputs else " (--input-shape says what networks are called with)"
            )
            return ArchitectureError(f"{self.reference}({shown(name)}): {error}{hint}")


def to_shape(ctx: click.Context, param: click.Parameter, text: str | None) -> Any:
    """Read a shape, such as 1,3,32,32."""
    try:
        shape = None if text is None else tuple(int(size) for size in text.strip("()").split(","))
    except ValueError:
        shape = ()
    if shape is not None and (not shape or min(shape) < 1):
        raise click.BadParameter(f"{text!r} is no shape, such as 1,3,32,32")
    return shape
