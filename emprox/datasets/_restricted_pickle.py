"""Read a pickle without letting it run anything: only what an allow-list names is looked up.

Some benchmarks are published as pickles. A pickle is a program, and `pickle.load` runs it; here
every class or function that it asks for has to stand in the caller's allow-list.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO


class UnsafePickleError(pickle.UnpicklingError):
    """A pickle asks for a class or function that is not allowed."""


class _RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that finds classes in a mapping, never by importing."""

    def __init__(self, stream: BinaryIO, allowed: Mapping[tuple[str, str], Callable[..., Any]]):
        super().__init__(stream)
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self._allowed:
            return self._allowed[module, name]
        names = ", ".join(sorted(".".join(key) for key in self._allowed))
        raise UnsafePickleError(
            f"refused to read the pickle: it asks for {module}.{name}, and nothing but plain "
            f"Python data{f' and {names}' if names else ''} is allowed. "
            "It is not the file that was expected, and may be malicious."
        )


def load_restricted_pickle(
    stream: BinaryIO, allowed: Mapping[tuple[str, str], Callable[..., Any]]
) -> Any:
    """Read one object from a pickle that may use nothing but an allow-list.

    Plain data (numbers, strings, bytes, tuples, lists, dicts, sets) needs no permission.

    Parameters
    ----------
    stream : binary file
        The pickle, of any protocol.
    allowed : dict of {(str, str): class or callable}
        For each ``(module, name)`` that the pickle may ask for, what it gets. The module of that
        name is not imported. Stand-ins written for the purpose are best: whatever stands here can
        be called with any arguments, and the pickle can set attributes on it.

    Returns
    -------
    obj : object
        What the pickle holds.

    Raises
    ------
    UnsafePickleError
        If the pickle asks for something that is not allowed, which is then neither imported nor
        called.
    pickle.UnpicklingError
        If the stream is not a complete pickle.

    Examples
    --------
    >>> import io, pickle
    >>> from collections import Counter
    >>> from emprox.datasets._restricted_pickle import load_restricted_pickle
    >>> pickled = pickle.dumps(Counter("aab"))
    >>> load_restricted_pickle(io.BytesIO(pickled), {("collections", "Counter"): dict})
    {'a': 2, 'b': 1}
    """
    try:
        return _RestrictedUnpickler(stream, allowed).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        # A damaged pickle fails in many ways (EOFError, IndexError, UnicodeDecodeError, ...)
        raise pickle.UnpicklingError(f"not a readable pickle: {error!r}") from error
