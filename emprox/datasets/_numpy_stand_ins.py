"""Stand-ins for what a pickle of numpy numbers and arrays asks for, which make numbers and lists.

They are instances without attributes, so that a pickle can neither change them nor use them to
reach numpy, whose own functions trust what they are given.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np
from numpy.typing import NDArray


def numpy_stand_ins() -> dict[tuple[str, str], Any]:
    """Return what a pickle may ask for so that it can hold numbers and arrays of numpy."""
    allowed: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): "stands only among arguments",
        ("numpy", "dtype"): _stand_in(_make_dtype),
        ("_codecs", "encode"): _stand_in(_encode_latin1),
        ("collections", "OrderedDict"): dict,
    }
    for core in ("numpy.core", "numpy._core"):  # the latter since numpy 2
        allowed[f"{core}.multiarray", "scalar"] = _stand_in(_make_scalar)
        allowed[f"{core}.multiarray", "_reconstruct"] = _stand_in(lambda *_: _Array())
        allowed[f"{core}.numeric", "_frombuffer"] = _stand_in(_make_nested)  # of protocol 5
    return allowed


def _stand_in(function: Callable[..., Any]) -> Any:
    """Return an instance that does nothing but call a function."""
    return type("StandIn", (), {"__slots__": (), "__call__": staticmethod(function)})()


def _encode_latin1(text: str, encoding: str) -> bytes:
    """Make bytes, which protocols 0 to 2 write so."""
    if not isinstance(text, str) or encoding != "latin1":
        raise UnpicklingError("another encoding than latin1 is not allowed")
    return text.encode("latin1")


class _Dtype:
    """A type of numbers: its kind and size, and, once the pickle has said so, its byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state[1], str) or state[1] not in ("<", ">", "|", "="):
            raise UnpicklingError("unknown byte order")
        self.order = state[1]

    def read(self, content: bytes) -> NDArray[Any]:
        return np.frombuffer(content, np.dtype(self.order + self.code))


def _make_dtype(code: Any, *flags: Any) -> _Dtype:
    if not isinstance(code, str) or not re.fullmatch("[biu]1|[iuf][248]", code):
        raise UnpicklingError("other types than numbers are not allowed")
    return _Dtype(code)


def _make_scalar(dtype: _Dtype, content: bytes) -> Any:
    (number,) = dtype.read(content).tolist()
    return number


class _Array(list[Any]):
    """A list that reads itself from the state of an array."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        self[:] = _make_nested(content, dtype, shape, "F" if fortran else "C")


def _make_nested(content: bytes, dtype: _Dtype, shape: Any, order: str) -> list[Any]:
    array = dtype.read(content).reshape(shape, order="F" if order == "F" else "C")
    # Without a number in it, an array can still have any number of rows.
    if array.ndim == 0 or (array.ndim > 1 and array.size == 0):
        raise UnpicklingError("an array without dimensions or numbers is not allowed")
    nested: list[Any] = array.tolist()
    return nested
