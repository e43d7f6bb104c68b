"""Read a pickle without letting it run anything: only what an allow-list names is looked up.

Some benchmarks are published as pickles. A pickle is a program, and `pickle.load` runs it; here
every class or function that it asks for has to stand in the caller's allow-list. What it holds may
still be hostile: nested lists that take hours to print. So nothing of it stands in messages.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any, BinaryIO

from ..utils._texts import one_line


class _RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that finds classes in a mapping, never by importing."""

    def __init__(self, stream: Any, allowed: Mapping[tuple[str, str], Any]):
        super().__init__(stream)
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self._allowed:
            return self._allowed[module, name]
        raise pickle.UnpicklingError(
            f"refused to read the pickle: it asks for {one_line(f'{module}.{name}', 100)}, and"
            " nothing but plain data and numbers is allowed. It is not the file that was"
            " expected, and may be malicious"
        )


class _LimitedStream:
    """A stream that refuses to give more than a number of bytes."""

    def __init__(self, stream: BinaryIO, max_bytes: int):
        self._stream, self._n_left = stream, max_bytes

    def read(self, size: int) -> bytes:
        self._take(size)
        return self._stream.read(size)

    def readline(self) -> bytes:
        line = self._stream.readline(self._n_left + 1)
        self._take(len(line))
        return line

    def _take(self, size: int) -> None:
        self._n_left -= size
        if self._n_left < 0:
            raise pickle.UnpicklingError("it unpacks to far more bytes than such a file has")


def load_restricted_pickle(
    stream: BinaryIO,
    allowed: Mapping[tuple[str, str], Any],
    max_bytes: int | None = None,
) -> Any:
    """Read one object from a pickle that may use nothing but plain data and an allow-list."""
    source = stream if max_bytes is None else _LimitedStream(stream, max_bytes)
    try:
        return _RestrictedUnpickler(source, allowed).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        # A damaged pickle fails in many ways (EOFError, IndexError, UnicodeDecodeError, ...)
        reason = one_line(f"{type(error).__name__}: {error}", 200)
        raise pickle.UnpicklingError(f"not a readable pickle: {reason}") from error
