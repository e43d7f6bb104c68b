"""Stand-ins for what a pickle of numpy numbers and arrays asks for, which make numbers and lists.

They are instances without attributes, so that a pickle can neither change them nor use them to
reach numpy, whose own functions trust what they are given.
"""

from __future__ import annotations

import re
from pickle import UnpicklingError
from typing import Any

import numpy as np
from numpy.typing import NDArray


def numpy_stand_ins() -> dict[tuple[str, str], Any]:
    """Return what a pickle may ask for so that it can hold numbers and arrays of numpy."""
    allowed: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): "stands only among arguments",
        ("numpy", "dtype"): _MakeDtype(),
        ("_codecs", "encode"): _EncodeLatin1(),
        ("collections", "OrderedDict"): dict,
    }
    for core in ("numpy.core", "numpy._core"):  # the latter since numpy 2
        allowed[f"{core}.multiarray", "scalar"] = _MakeScalar()
        allowed[f"{core}.multiarray", "_reconstruct"] = _MakeArray()
        allowed[f"{core}.numeric", "_frombuffer"] = _FromBuffer()
    return allowed


class _EncodeLatin1:
    """How protocols 0 to 2 write bytes."""

    __slots__ = ()

    def __call__(self, text: str, encoding: str) -> bytes:
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


class _MakeDtype:
    __slots__ = ()

    def __call__(self, code: Any, *flags: Any) -> _Dtype:
        if not isinstance(code, str) or not re.fullmatch("[biu]1|[iuf][248]", code):
            raise UnpicklingError("other types than numbers are not allowed")
        return _Dtype(code)


class _MakeScalar:
    __slots__ = ()

    def __call__(self, dtype: _Dtype, content: bytes) -> Any:
        (number,) = dtype.read(content).tolist()
        return number


class _Array(list[Any]):
    """A list that reads itself from the state of an array."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        self[:] = _nested(content, dtype, shape, "F" if fortran else "C")


class _MakeArray:
    __slots__ = ()

    def __call__(self, *arguments: Any) -> _Array:
        return _Array()


class _FromBuffer:
    """How protocol 5 writes arrays."""

    __slots__ = ()

    def __call__(self, content: bytes, dtype: _Dtype, shape: Any, order: str) -> list[Any]:
        return _nested(content, dtype, shape, order)


def _nested(content: bytes, dtype: _Dtype, shape: Any, order: str) -> list[Any]:
    array = dtype.read(content).reshape(shape, order="F" if order == "F" else "C")
    # Without a number in it, an array can still have any number of rows.
    if array.ndim == 0 or (array.ndim > 1 and array.size == 0):
        raise UnpicklingError("an array without dimensions or numbers is not allowed")
    nested: list[Any] = array.tolist()
    return nested
