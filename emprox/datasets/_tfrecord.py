"""Read TFRecord files without TensorFlow.

A record is its length (8 bytes), a checksum of those 8 bytes (4 bytes), the data, and a checksum
of the data (4 bytes), all little-endian. The checksums are CRC-32C, rotated and shifted.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_LENGTH = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_BATCH = 4096


def read_records(path: str | os.PathLike[str], max_length: int) -> Iterator[bytes]:
    """Read the records of a TFRecord file one after the other.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_length : int
        Number of bytes that no record of the file should exceed; a file with longer ones is
        another kind of file.

    Yields
    ------
    bytes
        The data of the next record, after its checksum has been found right.

    Raises
    ------
    ValueError
        If the file is none of this format, damaged or not complete. It names the file and the
        record.

    Examples
    --------
    >>> import tempfile
    >>> from emprox.datasets._tfrecord import make_record, read_records
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     n_bytes = file.write(make_record(b"a") + make_record(b"bc"))
    ...     file.flush()
    ...     list(read_records(file.name, max_length=100))
    [b'a', b'bc']
    """
    first = 1
    batch: list[bytes] = []
    checksums: list[int] = []
    with Path(path).open("rb") as file:
        n_left = os.fstat(file.fileno()).st_size
        while n_left:
            number = first + len(batch)
            header = file.read(_LENGTH.size)
            if len(header) < _LENGTH.size:
                raise ValueError(f"{path} is truncated: it ends within the length of {number}")
            length, checksum = _LENGTH.unpack(header)
            if masked_checksum(header[:8]) != checksum:
                raise ValueError(
                    f"{path} is no TFRecord file: it does not begin with a length and its checksum"
                    if number == 1
                    else f"{path} is damaged: the length of record {number} fails its checksum"
                )
            if length > max_length:
                raise ValueError(
                    f"{path}, record {number}: {length} bytes are more than the {max_length} that"
                    " a record should have; this is some other TFRecord file"
                )
            n_left -= _LENGTH.size + length + _CHECKSUM.size
            if n_left < 0:
                raise ValueError(f"{path} is truncated: it ends within record {number}")
            batch.append(file.read(length))
            checksums.append(_CHECKSUM.unpack(file.read(_CHECKSUM.size))[0])
            if len(batch) == _BATCH or not n_left:
                for wrong in np.flatnonzero(masked_checksums(batch) != checksums)[:1].tolist():
                    raise ValueError(
                        f"{path} is damaged: the checksum of record {first + wrong} is wrong"
                    )
                yield from batch
                first += len(batch)
                batch, checksums = [], []


def make_record(data: bytes) -> bytes:
    """Write one record.

    Parameters
    ----------
    data : bytes
        Its data.

    Returns
    -------
    bytes
        The record with its length and checksums.
    """
    length = struct.pack("<Q", len(data))
    parts = (length, _CHECKSUM.pack(masked_checksum(length)), data)
    return b"".join(parts) + _CHECKSUM.pack(int(masked_checksums([data])[0]))


def masked_checksums(records: Sequence[bytes]) -> NDArray[np.uint32]:
    """Compute the checksums of many records at once.

    Parameters
    ----------
    records : sequence of bytes of length n_records
        The records.

    Returns
    -------
    ndarray of shape (n_records,)
        The masked CRC-32C of each.
    """
    # One byte of each record at a time, the longest records first: those that are left when the
    # shorter ones have ended are the first rows.
    lengths = np.array([len(record) for record in records], dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    content = np.frombuffer(b"".join(records), dtype=np.uint8)
    starts = (np.cumsum(lengths) - lengths)[order]
    n_longer = np.searchsorted(-lengths[order], -np.arange(lengths.max(initial=0)))
    checksums = np.full(len(records), 0xFFFFFFFF, dtype=np.uint32)
    table = _table()
    for position, n_left in enumerate(n_longer.tolist()):
        now = checksums[:n_left]
        indices = (now ^ content[starts[:n_left] + position]) & 0xFF
        checksums[:n_left] = table[indices] ^ (now >> 8)
    result = np.empty_like(checksums)
    result[order] = ~checksums
    return (result >> 15 | result << 17) + np.uint32(0xA282EAD8)


@cache
def masked_checksum(data: bytes) -> int:
    """Compute the checksum of one record, and remember it.

    Parameters
    ----------
    data : bytes
        The record.

    Returns
    -------
    int
        Its masked CRC-32C.
    """
    return int(masked_checksums([data])[0])


@cache
def _table() -> NDArray[np.uint32]:
    """Return what each byte does to a CRC-32C, whose polynomial is 0x1EDC6F41, bits reversed."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ np.uint32(0x82F63B78), table >> 1)
    return table.astype(np.uint32)
