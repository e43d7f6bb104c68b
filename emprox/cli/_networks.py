"""Networks of the user's own: names in a file, and the Python function that makes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..utils._texts import one_line, shown

if TYPE_CHECKING:
    from ..spaces import NetworkSpace

# So many networks are kept, for names that stand in both files.
_MAX_KEPT = 1000


class NetworkBuilder:
    """What makes a network of each name: a function, and what its modules are captured with."""

    def __init__(self, entry: str, space: NetworkSpace) -> None:
        self.entry, self.space = entry, space
        self._make = load_entry(entry)
        self.build = lru_cache(_MAX_KEPT)(self._build)

    def _build(self, name: str) -> Any:
        """Return the network of a name, or the error that says why there is none."""
        from ..spaces import ArchitectureError

        try:
            made = _call(self._make, name)
        except (Exception, SystemExit) as error:
            return ArchitectureError(f"{self.entry} fails for {shown(name)}: {_described(error)}")
        (network,) = self.space.prepare(iter([made]))
        if isinstance(network, ArchitectureError):
            hint = (
                "" if self.space.inputs else " (--input-shape says what networks are called with)"
            )
            message = f"{self.entry} gives no network for {shown(name)}: {network.message}{hint}"
            return ArchitectureError(message)
        return network


def load_entry(entry: str) -> Callable[[str], Any]:
    """Import a function or class given as "module:name", also from the current folder."""
    module_name, _, name = entry.partition(":")
    if not module_name or not name:
        raise _refuse(f"{entry!r} is not of the form module:function, such as my_models:build")
    if module_name.endswith(".py"):
        raise _refuse(f"a module is named without .py: {module_name[:-3]}:{name}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = _call(import_module, module_name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == module_name.split(".")[0]:
            raise _refuse(
                f"there is no Python module {module_name!r} in the current folder, nor is it"
                " installed"
            ) from error
        raise _refuse(f"importing {module_name!r} fails: {_described(error)}") from error
    try:
        found = attrgetter(name)(module)
    except AttributeError as error:
        public = [each for each in vars(module) if not each.startswith("_")]
        close_names = get_close_matches(name, public, n=1)
        hint = f"; did you mean {close_names[0]!r}?" if close_names else ""
        raise _refuse(f"the module {module_name!r} has no {name!r}{hint}") from error
    if not callable(found):
        raise _refuse(f"{entry} is no function, but {shown(found)}")
    return found


def to_shape(ctx: click.Context, param: click.Parameter, text: str | None) -> Any:
    """Read a shape, such as 1,3,32,32."""
    try:
        shape = None if text is None else tuple(int(size) for size in text.strip("()").split(","))
    except ValueError:
        shape = ()
    if shape is not None and (not shape or min(shape) < 1):
        raise click.BadParameter(f"{text!r} is no shape, such as 1,3,32,32")
    return shape


def _call(function: Callable[[str], Any], argument: str) -> Any:
    """Call code of the user, which may print; standard output is for results."""
    with redirect_stdout(sys.stderr):
        return function(argument)


def _described(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}", 300)


def _refuse(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint="'--networks'")
