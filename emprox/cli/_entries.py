"""Modules and functions of the user's own, named on the command line as ``module:attribute``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..utils._texts import one_line, shown

if TYPE_CHECKING:
    from ..networks import Network

_NOT_THE_USERS = (__file__, importlib.__file__)


def load_entry(reference: str) -> Any:
    """Import what ``module:attribute`` names; modules in the current folder are found."""
    name, colon, attributes = reference.partition(":")
    if not colon or not name or not attributes:
        raise click.ClickException(
            f"{shown(reference)} does not say what to import: write module:attribute, such as"
            " my_models:MyNet for MyNet of my_models.py in this folder"
        )
    if name.endswith(".py") or "/" in name or "\\" in name:
        raise click.ClickException(
            f"{shown(name)} is a file, but the name of a module is needed: {Path(name).stem} for"
            f" {Path(name).stem}.py in this folder, package.module for a file in a folder"
        )
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    with _explaining(f"{name} cannot be imported"):
        _require_module(name)
        entry = importlib.import_module(name)
    for attribute in attributes.split("."):
        try:
            entry = getattr(entry, attribute)
        except AttributeError as error:
            close = get_close_matches(attribute, dir(entry), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise click.ClickException(f"{name} has no {shown(attribute)}{hint}") from error
    return entry


def capture_entry(reference: str, entry: Any, *arguments: Any, inputs: Any = None) -> Network:
    """Capture a module, or what a class or function returns when it is called."""
    from ..networks import Network, capture
    from ..networks._capture import without_memory
    from ..spaces._graph_forms import is_module

    if is_module(entry):
        return capture(entry, inputs)
    if not callable(entry):
        raise click.ClickException(
            f"{reference} is {shown(entry)}: a torch.nn.Module, or a class or function that makes"
            " one, is needed"
        )
    try:
        # Without values a network of any size is built at once, but not every one can be.
        with redirect_stdout(sys.stderr), without_memory():
            made = entry(*arguments)
            return made if isinstance(made, Network) else capture(made, inputs)
    except Exception:
        given = ", ".join(map(shown, arguments))
        with _explaining(f"{reference}({given}) fails"):
            made = entry(*arguments)
    if isinstance(made, Network):
        return made
    if not is_module(made):
        raise click.ClickException(
            f"{reference}({given}) returned {shown(made)}, which is no torch.nn.Module"
        )
    return capture(made, inputs)


def _require_module(name: str) -> None:
    """Tell a module that is not there from one that imports what is not there."""
    parent, _, _ = name.rpartition(".")
    if parent:
        _require_module(parent)
    is_there = not parent or hasattr(importlib.import_module(parent), "__path__")
    if name not in sys.modules and not (is_there and importlib.util.find_spec(name)):
        raise click.ClickException(
            f"there is no module {shown(name)}, neither in {Path.cwd()} nor installed"
        )


@contextmanager
def _explaining(problem: str) -> Iterator[None]:
    """Say in which line the user's own code goes wrong."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (click.ClickException, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if not frame.filename.startswith(("<frozen", *_NOT_THE_USERS))
        ]
        where = f" (line {frames[-1].lineno} of {Path(frames[-1].filename).name})" if frames else ""
        raise click.ClickException(
            f"{problem}{where}: {type(error).__name__}: {one_line(str(error), 300)}"
        ) from error
