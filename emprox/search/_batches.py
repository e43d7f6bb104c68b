"""Reading candidates in batches, whatever holds them, so that not all are in memory at once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..spaces import Architecture, SearchSpace
from ..spaces._network import is_network
from ..utils._random import RandomState, as_generator

# A list of architectures in any form, or a decision matrix.
Batch = list[Any] | NDArray[Any]

# So many architectures are drawn at once. It is not the size of a batch, because what is drawn
# must not depend on that.
DRAWN_AT_ONCE = 8192


def read_in_batches(space: SearchSpace, candidates: Any, size: int) -> Iterator[Batch]:
    """Go through candidates; lines of a text file are texts, a matrix of numbers stays one."""
    if isinstance(candidates, (str, bytes, Architecture)) or is_network(candidates):
        raise TypeError(
            f"expected several architectures, got one {type(candidates).__name__}: put it into a"
            " list; if it is the path of a file, open that and give the file"
        )
    if hasattr(candidates, "iloc"):
        starts = range(0, len(candidates), size)
        for start in starts:
            yield list(space.prepare(iter(_read_frame(candidates.iloc[start : start + size]))))
    elif hasattr(candidates, "__array__"):
        for batch in _read_array(np.asarray(candidates), size):
            if not isinstance(batch, np.ndarray):
                yield list(space.prepare(iter(batch)))
            else:
                # Numbers of a catalogue mean nothing once others are added to it.
                yield space.decode(batch) if space.is_catalogue else batch
    else:
        items = iter(candidates)
        if isinstance(candidates, io.TextIOBase):
            items = (line.rstrip("\r\n") for line in items)
        # One by one, so that no more than a single module is in memory.
        items = space.prepare(items)
        while batch := list(islice(items, size)):
            yield batch


def draw_in_batches(
    space: SearchSpace, n_architectures: int, random_state: RandomState, size: int
) -> Iterator[NDArray[np.int64]]:
    """Draw architectures at random; what is drawn does not depend on the size of a batch."""
    rng = as_generator(random_state)
    waiting = np.empty((0, space.n_decisions), dtype=np.int64)
    for start in range(0, n_architectures, DRAWN_AT_ONCE):
        n_drawn = min(DRAWN_AT_ONCE, n_architectures - start)
        waiting = np.concatenate([waiting, space.sample(n_drawn, rng, replace=True)])
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if len(waiting):
        yield waiting


def _read_frame(rows: Any) -> list[Any]:
    if rows.ndim == 2 and rows.shape[1] == 1:
        rows = rows.iloc[:, 0]
    return rows.tolist() if rows.ndim == 1 else rows.to_dict("records")


def _read_array(array: NDArray[Any], size: int) -> Iterator[Batch]:
    stays = array.ndim == 2 and np.issubdtype(array.dtype, np.number)
    if array.ndim == 2 and array.shape[1] == 1 and not stays:
        array = array[:, 0]
    if array.ndim not in (1, 2):
        raise TypeError(
            "expected architectures in one dimension, or as rows of a decision matrix, got an"
            f" array of shape {array.shape}"
        )
    for start in range(0, len(array), size):
        rows = array[start : start + size]
        yield rows if stays else [tuple(row) if array.ndim == 2 else row for row in rows.tolist()]
