"""Reading candidates in batches, whatever holds them, so that not all are in memory at once."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..spaces import Architecture, SearchSpace
from ..utils._random import RandomState, as_generator

# A list of architectures in any form, or a decision matrix.
Batch = list[Any] | NDArray[Any]

# So many architectures are drawn at once. It is not the size of a batch, because what is drawn
# must not depend on that.
DRAWN_AT_ONCE = 8192


def count(candidates: Any) -> int | None:
    """Count candidates without looking at them.

    Parameters
    ----------
    candidates : iterable or table
        The candidates.

    Returns
    -------
    int or None
        How many there are; None if only going through them can tell.
    """
    return len(candidates) if hasattr(candidates, "__len__") else None


def read_in_batches(candidates: Any, size: int) -> Iterator[Batch]:
    """Go through candidates.

    Parameters
    ----------
    candidates : list, array, Series, DataFrame, text file or any other iterable
        The candidates. Those in a text file are its lines.
    size : int
        Size of a batch.

    Yields
    ------
    list or ndarray of shape (n, n_decisions)
        The next candidates, `size` of them except at the end. A matrix of numbers stays one.

    Raises
    ------
    TypeError
        If a single architecture is given, or what cannot be gone through.
    """
    if isinstance(candidates, (str, bytes, Architecture)):
        raise TypeError(
            f"expected several architectures, got one {type(candidates).__name__}: put it into a"
            " list; if it is the path of a file, open that and give the file"
        )
    if hasattr(candidates, "iloc"):
        yield from _read_frame(candidates, size)
    elif isinstance(candidates, (list, tuple)):
        for start in range(0, len(candidates), size):
            yield list(candidates[start : start + size])
    elif hasattr(candidates, "__array__"):
        yield from _read_array(np.asarray(candidates), size)
    elif isinstance(candidates, Iterable):
        items = iter(candidates)
        if isinstance(candidates, io.TextIOBase):
            items = (line.rstrip("\r\n") for line in items)
        while batch := list(islice(items, size)):
            yield batch
    else:
        raise TypeError(
            f"expected architectures in a list, an array, a file or an iterator, got"
            f" {candidates!r} of type {type(candidates).__name__}"
        )


def draw_in_batches(
    space: SearchSpace, n_architectures: int, random_state: RandomState, size: int
) -> Iterator[NDArray[np.int64]]:
    """Draw architectures at random; the same one may be drawn again.

    Parameters
    ----------
    space : SearchSpace
        The search space.
    n_architectures : int
        How many to draw.
    random_state : int, Generator, RandomState or None
        Seed or generator.
    size : int
        Size of a batch. What is drawn does not depend on it.

    Yields
    ------
    ndarray of shape (n, n_decisions)
        The next decision matrix, of `size` rows except at the end.
    """
    rng = as_generator(random_state)
    waiting = np.empty((0, space.n_decisions), dtype=np.int64)
    for start in range(0, n_architectures, DRAWN_AT_ONCE):
        n_drawn = min(DRAWN_AT_ONCE, n_architectures - start)
        drawn = space.sample(n_drawn, rng, replace=True)
        waiting = np.concatenate([waiting, drawn])
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if len(waiting):
        yield waiting


def _read_frame(frame: Any, size: int) -> Iterator[list[Any]]:
    for start in range(0, len(frame), size):
        rows = frame.iloc[start : start + size]
        if rows.ndim == 1:
            yield rows.tolist()
        elif rows.shape[1] == 1:
            yield rows.iloc[:, 0].tolist()
        else:
            yield rows.to_dict("records")


def _read_array(array: NDArray[Any], size: int) -> Iterator[Batch]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2):
        raise TypeError(
            "expected architectures in one dimension, or as rows of a decision matrix, got an"
            f" array of shape {array.shape}"
        )
    stays = array.ndim == 2 and np.issubdtype(array.dtype, np.number)
    for start in range(0, len(array), size):
        rows = array[start : start + size]
        yield rows if stays else [tuple(row) if array.ndim == 2 else row for row in rows.tolist()]
