"""Read protocol buffers without a schema and without their library."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

_DOUBLE, _FLOAT = struct.Struct("<d"), struct.Struct("<f")


def read_fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Read the fields of a message one after the other.

    Parameters
    ----------
    message : bytes
        The message.

    Yields
    ------
    number : int
        Number of the next field, which the message's definition gives a name.
    value : int, float or bytes
        A whole number without sign; a number of 64 or 32 bits, read as floating-point; or text,
        bytes or a message within this one.

    Raises
    ------
    ValueError
        If this is not a complete message.

    Examples
    --------
    >>> from emprox.datasets._protobuf import read_fields
    >>> list(read_fields(bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69])))
    [(1, 150), (2, b'hi')]
    """
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
            elif kind == 5:
                (value,) = _FLOAT.unpack_from(message, position)
                position += 4
            else:
                raise ValueError(f"a field of the unknown kind {kind}")
            if position > len(message):
                raise ValueError("the last field is not complete")
            yield key >> 3, value
    except (IndexError, struct.error, ValueError) as error:
        raise ValueError(f"not a complete protocol buffer: {error}") from error


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    """Read a whole number of seven bits a byte; return it and the position after it."""
    byte = message[position]
    position += 1
    if byte < 0x80:
        return byte, position
    number, shift = byte & 0x7F, 7
    while byte >= 0x80:
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
        byte = message[position]
        position += 1
        number |= (byte & 0x7F) << shift
        shift += 7
    return number, position
