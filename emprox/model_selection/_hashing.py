"""A fingerprint of anything that a result depends on, the same in every process."""

from __future__ import annotations

import copyreg
import dis
import hashlib
import json
import sys
from contextlib import suppress
from functools import cached_property
from types import CodeType, FunctionType, ModuleType
from typing import Any

import joblib
import numpy as np
import pandas as pd

from ..spaces import SearchSpace, get_space, list_spaces

# What is told apart by its text and type. Subclasses may hold more.
_EXACT = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
# What methods are, and where their function is.
_CODE = (FunctionType, classmethod, staticmethod, property, cached_property)
_INNER = ("fget", "func", "__func__")


def fingerprint(what: str, *values: Any) -> str:
    """Hash values by content: by code and what it captures, not by names or places."""
    try:
        return _Reader().digest(values)
    except Exception as error:  # whatever pickling raises, of a lock for example
        raise TypeError(
            f"results of {what!r} cannot be kept in a file, because it holds something whose"
            f" content cannot be told: {error}. Pass results=None, or leave that out"
        ) from error


class _Reader:
    """Hashes values and what they consist of, each object once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, str]] = {}

    def digest(self, value: Any, depth: int = 0) -> str:
        kind = type(value)
        if kind in _EXACT:
            return f"{kind.__name__} {value!r}"
        if id(value) in self._known:
            return self._known[id(value)][1]
        # For what stands inside itself. To keep the value keeps its id from being used again.
        self._known[id(value)] = value, f"outer {depth}"
        if isinstance(value, np.ndarray) and value.dtype != object:
            parts = [joblib.hash(np.ascontiguousarray(value)), str(value.shape)]
        else:
            parts = [self.digest(part, depth + 1) for part in _parts(value)]
        if isinstance(value, (set, frozenset)):
            parts.sort()
        text = json.dumps([_name(kind), *parts])
        digest = hashlib.sha256(text.encode()).hexdigest()
        self._known[id(value)] = value, digest
        return digest


def _parts(value: Any) -> list[Any]:
    """Return what a value consists of."""
    kind = type(value)
    if isinstance(value, type):
        return _parts_of_class(value)
    if isinstance(value, FunctionType):
        return _parts_of_function(value)
    if isinstance(value, CodeType):
        return [value.co_code, value.co_consts, value.co_names, value.co_varnames]
    if isinstance(value, ModuleType):
        return [value.__name__]
    if isinstance(value, SearchSpace):  # which may be pickled by its name
        return _attributes(kind, vars(value))
    if isinstance(value, np.ndarray):
        return [value.shape, value.ravel().tolist()]
    if isinstance(value, (pd.DataFrame, pd.Series)) or kind is dict:
        return list(value.items())
    if kind in (list, tuple) or isinstance(value, (set, frozenset)):
        return list(value)
    if hasattr(kind, "detach") and hasattr(kind, "numpy"):  # of torch, whose pickles hold addresses
        return [str(value.dtype), tuple(value.shape), _numbers(value)]
    registered = copyreg.dispatch_table.get(kind)
    reduced = registered(value) if registered else value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return [getattr(value, "__module__", None), reduced]
    function, arguments, state, items, pairs = [*reduced, None, None, None][:5]
    state = _attributes(kind, state) if isinstance(state, dict) else state
    return [function, arguments, state, list(items or ()), list(pairs or ())]


def _numbers(tensor: Any) -> Any:
    """Return the numbers in a tensor of torch; one without memory has none."""
    if tensor.is_meta:
        return None
    try:
        return tensor.detach().cpu().numpy()
    except TypeError:  # numpy has no bfloat16
        return tensor.detach().cpu().float().numpy()


def _attributes(kind: type, state: dict[str, Any]) -> list[Any]:
    """Return what is not worked out from the rest, in an order that does not depend on the past."""
    state = {
        name: item
        for name, item in sorted(state.items())
        if not isinstance(getattr(kind, name, None), cached_property)
    }
    space = state.get("space")
    if isinstance(space, str) and space in list_spaces():  # which may come to mean another
        state["space"] = get_space(space)
    return list(state.items())


def _parts_of_class(kind: type) -> list[Any]:
    if _version(kind.__module__) is not None:
        return [_name(kind)]
    # What has no version may have changed under the same name.
    members = [
        (name, next((getattr(member, part) for part in _INNER if hasattr(member, part)), member))
        for name, member in sorted(vars(kind).items())
        if isinstance(member, _CODE)
        or (isinstance(member, (*_EXACT, list, tuple, dict)) and not name.startswith("__"))
    ]
    return [_name(kind), kind.__bases__, members]


def _parts_of_function(function: FunctionType) -> list[Any]:
    captured = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # of what is not defined yet
            captured[name] = cell.cell_contents
    defaults = function.__defaults__, function.__kwdefaults__
    if _version(function.__module__) is not None:
        return [function.__code__, defaults, captured, _name(function)]
    # What has no version may use what has changed under the same name.
    names = sorted(function.__globals__.keys() & _global_names(function.__code__))
    return [function.__code__, defaults, captured, [function.__globals__[name] for name in names]]


def _global_names(code: CodeType) -> set[str]:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    used = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    return used.union(*map(_global_names, inner))


def _name(kind: type | FunctionType) -> str:
    return f"{kind.__module__}.{kind.__qualname__} {_version(kind.__module__)}"


def _version(module: str | None) -> str | None:
    """Return the version of the package that a module is of, None if it has none."""
    package = (module or "").partition(".")[0]
    if package in sys.stdlib_module_names:
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    version = getattr(sys.modules.get(package), "__version__", None)
    return version if isinstance(version, str) else None
