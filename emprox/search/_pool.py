"""The different networks among candidates, whatever holds these, each once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..spaces import ArchitectureError, SearchSpace, get_space
from ..spaces._network import is_network
from ._batches import Batch, draw_in_batches, read_in_batches
from ._selection import Integers

Floats = NDArray[np.float64]

# Spaces of up to so many architectures are gone through; of larger ones, so many are drawn.
_MOST_LISTED = 1_000_000
_N_DRAWN = 10_000
# So many networks are kept of what has a length, and of a stream, of which nobody knows what comes.
MOST_NETWORKS = 200_000
_MOST_OF_A_STREAM = 10_000
# What is read at once.
_BATCH_SIZE = 10_000


@dataclass
class Pool:
    """Different networks, in the order in which they first stand among the candidates."""

    space: SearchSpace
    decisions: Integers  # canonical
    indices: Integers  # where each stands first among the candidates
    counts: Floats  # number of its descriptions, or the sum of their weights
    costs: Floats | None
    items: list[Any] | None  # as they were given; None if that was a space
    is_everything: bool  # whether these are all networks of the space

    def __len__(self) -> int:
        return len(self.decisions)

    def architectures(self, places: Integers) -> NDArray[Any]:
        """Return networks as they were given: those of a space as texts."""
        if self.items is None:
            items: list[Any] = self.space.format(self.decisions[places])
        else:
            items = [self.items[place] for place in places.tolist()]
        return to_array(items)


def to_keys(decisions: Integers) -> list[bytes]:
    """Return what tells networks apart whose decisions are canonical."""
    return [row.tobytes() for row in decisions]


def to_array(architectures: list[Any]) -> NDArray[Any]:
    """Make an array of architectures: a decision matrix if they are rows of one."""
    if architectures and isinstance(architectures[0], np.ndarray):
        return np.stack(architectures)
    found = np.empty(len(architectures), dtype=object)
    found[:] = architectures
    return found


def read_pool(
    candidates: Any,
    space: str | SearchSpace | None,
    rng: np.random.Generator,
    known: Any = None,
    weights: Any = None,
    costs: Any = None,
) -> Pool:
    """Read candidates: a space or its name, or architectures of one."""
    is_space = isinstance(candidates, (str, SearchSpace))
    if isinstance(candidates, Iterator):
        # The first one tells what the others are.
        candidates = chain(first := list(islice(candidates, 1)), candidates)
    elif not is_space:
        first = list(candidates[:1]) if isinstance(candidates, (list, tuple)) else []
    if space is None and not is_space and first and is_network(first[0]):
        space = "network"
    found = _find_space(candidates, space)
    is_everything, most = False, MOST_NETWORKS
    if is_space:
        is_everything = found.size <= _MOST_LISTED
        batches: Iterator[Batch] = (
            found.enumerate() if is_everything else draw_in_batches(found, _N_DRAWN, rng, _N_DRAWN)
        )
    else:
        if not hasattr(candidates, "__len__"):
            most = _MOST_OF_A_STREAM
        if found.is_open and not found.is_catalogue:
            candidates = list(candidates) if isinstance(candidates, Iterator) else candidates
            found = found.learn(candidates)
            found = found if known is None or not len(known) else found.extend(known)
        batches = read_in_batches(found, candidates, _BATCH_SIZE)
    collector = _Collector(found, most, rng.bytes(16), keeps_items=not is_space)
    columns = [
        None if values is None or callable(values) else _to_column(values, name, is_space)
        for name, values in (("weights", weights), ("costs", costs))
    ]
    start = 0
    for batch in batches:
        rows = slice(start, start + len(batch))
        collector.add(start, batch, _take(columns[0], rows), _take(columns[1], rows))
        start += len(batch)
    for name, column in zip(("weights", "costs"), columns, strict=True):
        if column is not None and len(column) != start:
            raise ValueError(f"{name} are {len(column)} numbers, but there are {start} candidates")
    if not start:
        raise ValueError("found no candidates: at least one is required")
    pool = collector.finish()
    pool.is_everything = is_everything and len(pool) < most
    everything = np.arange(len(pool))
    if callable(weights):
        pool.counts = pool.counts * _ask(weights, "weights", pool.architectures(everything))
    if callable(costs):
        pool.costs = _ask(costs, "costs", pool.architectures(everything))
    if pool.costs is not None and not (pool.costs > 0).all():
        raise ValueError(f"costs have to be positive, got {pool.costs.min():g}")
    return pool


class _Collector:
    """Keep each network once, and of too many a part that is random, but the same in any order."""

    def __init__(self, space: SearchSpace, most: int, seed: bytes, keeps_items: bool) -> None:
        self.space, self.most, self.seed, self.keeps_items = space, most, seed, keeps_items
        self._limit = b"\xff" * 9
        self._found: dict[Hashable, list[Any]] = {}

    def add(self, start: int, batch: Batch, weights: Floats | None, costs: Floats | None) -> None:
        """Add candidates, the first of which has an index among all of them."""
        space = self.space
        if space.is_catalogue:
            space = space.extend([item for item in batch if not isinstance(item, Exception)])
        try:
            canonical = space.canonicalize(space.encode(batch))
        except ArchitectureError as error:
            index = None if error.index is None else start + error.index
            raise ArchitectureError(error.message, index) from error
        distinct, first, place = np.unique(
            canonical, axis=0, return_index=True, return_inverse=True
        )
        counts = np.bincount(place.ravel(), weights, minlength=len(distinct))
        keys = space.keys(distinct)
        for number in np.argsort(first).tolist():
            key, row = keys[number], int(first[number])
            if (entry := self._found.get(key)) is not None:
                entry[2] += counts[number]
            elif (priority := self._hash(key)) <= self._limit:
                item = batch[row] if self.keeps_items else None
                cost = None if costs is None else costs[row]
                self._found[key] = [
                    *(priority, start + row, counts[number], cost, item, distinct[number], key)
                ]
        # A network that is kept in the end was below every limit before, so nothing of it is lost.
        if len(self._found) > 2 * self.most:
            self._cut()

    def finish(self) -> Pool:
        """Return what was kept."""
        if len(self._found) > self.most:
            self._cut()
        entries = sorted(self._found.values(), key=itemgetter(1))
        _, indices, counts, costs, items, rows, _ = map(list, zip(*entries, strict=True))
        space, decisions = self.space, np.array(rows, dtype=np.int64)
        if space.is_catalogue:
            space = space.extend(items)
            decisions = space.encode(items)
        return Pool(
            space,
            decisions,
            np.array(indices, dtype=np.int64),
            np.array(counts, dtype=np.float64),
            None if costs[0] is None else np.array(costs, dtype=np.float64),
            None if items[0] is None else items,
            is_everything=False,
        )

    def _hash(self, key: Any) -> bytes:
        text = key if isinstance(key, bytes) else key.to_json().encode()
        return blake2b(text, digest_size=8, key=self.seed).digest()

    def _cut(self) -> None:
        entries = sorted(self._found.values(), key=itemgetter(0))[: self.most]
        self._found = {entry[-1]: entry for entry in entries}
        self._limit = entries[-1][0]


def _find_space(candidates: Any, space: str | SearchSpace | None) -> SearchSpace:
    if isinstance(candidates, (str, SearchSpace)):
        found = get_space(candidates)
        if found.is_open:
            raise ValueError(
                f"the space {found.name!r} holds no architectures yet: give a list of candidates,"
                f" and space={found.name!r}"
            )
        return found
    if space is None:
        raise ValueError("say which search space the candidates are of, as space=…")
    return get_space(space)


def _to_column(values: ArrayLike, name: str, is_space: bool) -> Floats:
    if is_space:
        raise ValueError(
            f"for a space, {name} have to be a function that takes architectures as texts and"
            " returns a number for each"
        )
    return _check_numbers(values, name)


def _check_numbers(values: ArrayLike, name: str) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not np.isfinite(numbers).all() or (numbers < 0).any():
        raise ValueError(f"{name} have to be finite numbers, none of them negative")
    return numbers


def _ask(function: Callable[[Any], ArrayLike], name: str, architectures: NDArray[Any]) -> Floats:
    numbers = _check_numbers(function(architectures), name)
    if len(numbers) != len(architectures):
        raise ValueError(
            f"{name} returned {len(numbers)} numbers for {len(architectures)} architectures"
        )
    return numbers


def _take(column: Floats | None, rows: slice) -> Floats | None:
    if column is None:
        return None
    part = column[rows]
    # What is missing is told of in the end, when it is known how many there are.
    return np.pad(part, (0, rows.stop - rows.start - len(part)), constant_values=1.0)
