"""Stand-ins for what a pickle of numpy numbers and arrays asks for, which make numbers and lists.

They are instances without attributes, so that a pickle can neither change them nor use them to
reach numpy, whose own functions trust what they are given.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def numpy_stand_ins() -> dict[tuple[str, str], Callable[..., Any]]:
    """Return what a pickle may ask for so that it can hold numbers and arrays of numpy.

    Returns
    -------
    dict of {(str, str): callable}
        An allow-list for `load_restricted_pickle`.

    Examples
    --------
    >>> import io, pickle
    >>> import numpy as np
    >>> from emprox.datasets._numpy_stand_ins import numpy_stand_ins
    >>> from emprox.datasets._restricted_pickle import load_restricted_pickle
    >>> pickled = io.BytesIO(pickle.dumps({"a": np.float64(0.5), "b": np.arange(3)}))
    >>> load_restricted_pickle(pickled, numpy_stand_ins())
    {'a': 0.5, 'b': [0, 1, 2]}
    """
    allowed: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "dtype"): _MakeDtype(),
        ("numpy", "ndarray"): _NotCallable(),
        ("_codecs", "encode"): _EncodeLatin1(),
        ("collections", "OrderedDict"): _MakeDict(),
    }
    for core in ("numpy.core", "numpy._core"):  # the latter since numpy 2
        allowed[f"{core}.multiarray", "scalar"] = _MakeScalar()
        allowed[f"{core}.multiarray", "_reconstruct"] = _MakeArray()
        allowed[f"{core}.numeric", "_frombuffer"] = _FromBuffer()
    return allowed


class _NotCallable:
    __slots__ = ()

    def __call__(self, *arguments: Any) -> Any:
        raise pickle.UnpicklingError("an array is made in a way that is not allowed")


class _MakeDict:
    __slots__ = ()

    def __call__(self) -> dict[Any, Any]:
        return {}


class _EncodeLatin1:
    """How protocols 0 to 2 write bytes."""

    __slots__ = ()

    def __call__(self, text: str, encoding: str) -> bytes:
        if not isinstance(text, str) or encoding != "latin1":
            raise pickle.UnpicklingError(f"refused to encode as {encoding!r}")
        return text.encode("latin1")


class _Dtype:
    """A type of numbers: its kind and size, and, once the pickle has said so, its byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"unknown byte order {order!r}")
        self.order = order

    def read(self, content: bytes) -> NDArray[Any]:
        return np.frombuffer(content, np.dtype(self.order + self.code))


class _MakeDtype:
    __slots__ = ()

    def __call__(self, code: Any, *flags: Any) -> _Dtype:
        if not isinstance(code, str) or not re.fullmatch("[biu]1|[iuf][248]", code):
            raise pickle.UnpicklingError(f"arrays of type {code!r} are not allowed, only numbers")
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
    if array.ndim == 0:
        raise pickle.UnpicklingError("an array without dimensions is not allowed")
    nested: list[Any] = array.tolist()
    return nested
