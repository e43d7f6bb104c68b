"""Read protocol buffers without their library, as far as NAS-Bench-101 needs it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

_DOUBLE = struct.Struct("<d")


def read_fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field: a number, or bytes for texts and nested messages."""
    position = 0
    try:
        while position < len(message):
            key, position = _read_varint(message, position)
            kind = key & 7
            value: Any
            if kind == 1:
                (value,) = _DOUBLE.unpack_from(message, position)
                position += 8
            elif kind == 2:
                length, position = _read_varint(message, position)
                value = message[position : position + length]
                position += length
            elif kind == 0:
                value, position = _read_varint(message, position)
            else:
                raise ValueError(f"a field of the unexpected kind {kind}")
            if position > len(message):
                raise ValueError("the last field is not complete")
            yield key >> 3, value
    except (IndexError, struct.error, ValueError) as error:
        raise ValueError(f"not a complete protocol buffer: {error}") from error


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    """Read a whole number of seven bits a byte; return it and the position after it."""
    number = shift = 0
    while True:
        byte = message[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
