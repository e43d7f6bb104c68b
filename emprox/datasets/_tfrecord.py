"""Read TFRecord files without TensorFlow.

A record is its length (8 bytes), a checksum of those 8 bytes (4 bytes), the data, and a checksum
of the data (4 bytes), all little-endian. The checksums are not verified.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_LENGTH_SIZE, _CHECKSUM_SIZE = 8, 4


def read_records(path: str | os.PathLike[str], max_length: int) -> Iterator[bytes]:
    """Yield the data of one record after the other; none may be longer than `max_length`."""
    number = 0
    with Path(path).open("rb") as file:
        while head := file.read(_LENGTH_SIZE + _CHECKSUM_SIZE):
            number += 1
            length = int.from_bytes(head[:_LENGTH_SIZE], "little")
            if length > max_length:
                raise ValueError(
                    f"{path}, record {number}: {length} bytes are more than the {max_length} that"
                    " a record may have; the file is damaged, or of another kind"
                )
            body = file.read(length + _CHECKSUM_SIZE)
            if len(head) + len(body) < _LENGTH_SIZE + length + 2 * _CHECKSUM_SIZE:
                raise ValueError(f"{path} is truncated: it ends within record {number}")
            yield body[:length]
