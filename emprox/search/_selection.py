"""The best networks of a batch of candidates, and of several batches together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..spaces import ArchitectureError, SearchSpace
from ..utils._threads import one_thread
from ._batches import Batch

Integers = NDArray[np.int64]

# Scores are compared with so many binary digits. The last ones of the 53 depend on what else is
# in the batch, because they depend on the order in which a matrix product adds.
_DIGITS = 30


@dataclass(frozen=True)
class Entry:
    """A network that may be among the best: its rounded score, and how it was described."""

    score: float
    index: int  # of the description among all candidates
    key: Hashable  # the same for all descriptions
    decisions: Integers
    item: Any  # the candidate as it was given; None if that was a row of a decision matrix

    @property
    def place(self) -> tuple[float, int]:
        """What the best are sorted by; the best first, and of equal ones the first candidate."""
        return -self.score, self.index


class BatchResult(NamedTuple):
    """The best networks of a batch, and what is no architecture in it."""

    n_candidates: int
    entries: list[Entry]
    broken: list[ArchitectureError]


@dataclass(frozen=True)
class BatchRanker:
    """Find the best networks of a batch. Worker processes are given one of these."""

    space: SearchSpace
    scorer: Any
    method: str
    reads_decisions: bool  # otherwise the scorer is given candidates as they are
    writes_texts: bool  # candidates were drawn, but the scorer reads texts
    top: int
    excluded: frozenset[Hashable]
    skip_broken: bool

    @one_thread()
    def __call__(self, start: int, batch: Batch) -> BatchResult:
        """Find the best networks of a batch that begins at an index among all candidates."""
        if self.writes_texts:
            batch = self.space.format(batch)
        space = self.space
        if space.is_catalogue:
            space = space.extend([each for each in batch if not isinstance(each, Exception)])
        decisions, places, broken = self._read(space, batch, np.arange(len(batch)), start)
        # No architecture is scored twice.
        first = np.unique(decisions, axis=0, return_index=True)[1]
        first.sort()
        decisions, places = decisions[first], places[first]
        scores = self.score(decisions if self.reads_decisions else _take(batch, places))
        if np.isnan(scores).any():
            place = start + int(places[np.isnan(scores).argmax()])
            raise ValueError(f"the model gives no number for architecture {place}, but NaN")
        entries = self._choose(space, scores, start, batch, decisions, places)
        return BatchResult(len(batch), entries, broken)

    def score(self, X: Any) -> NDArray[np.float64]:
        """Score architectures as the model reads them."""
        if not len(X):
            return np.empty(0)
        scores = np.asarray(getattr(self.scorer, self.method)(X), dtype=np.float64)
        if scores.shape != (len(X),):
            raise ValueError(
                f"ranking takes one number for each architecture, but {self.method} of"
                f" {type(self.scorer).__name__} gives an array of shape {scores.shape} for"
                f" {len(X)}: fit the model to one target"
            )
        return scores

    def _read(
        self, space: SearchSpace, batch: Batch, places: Integers, start: int
    ) -> tuple[Integers, Integers, list[ArchitectureError]]:
        """Return decisions and places of what can be read, and what is wrong with the rest."""
        try:
            return space.encode(_take(batch, places)), places, []
        except ArchitectureError as error:
            if error.index is None:
                raise
            wrong = ArchitectureError(error.message, start + int(places[error.index]))
            if not self.skip_broken:
                raise wrong from error
        if len(places) == 1:
            return np.empty((0, space.n_decisions), dtype=np.int64), places[:0], [wrong]
        # Halving finds a few broken ones among many in few steps, in whatever order they are read.
        middle = len(places) // 2
        parts = [
            self._read(space, batch, half, start) for half in (places[:middle], places[middle:])
        ]
        decisions, found, broken = zip(*parts, strict=True)
        return np.concatenate(decisions), np.concatenate(found), [*broken[0], *broken[1]]

    def _choose(
        self,
        space: SearchSpace,
        scores: NDArray[np.float64],
        start: int,
        batch: Batch,
        decisions: Integers,
        places: Integers,
    ) -> list[Entry]:
        """Take the best of each network, and of these the best."""
        mantissas, exponents = np.frexp(scores)
        rounded = np.ldexp(np.round(mantissas * 2.0**_DIGITS), exponents - _DIGITS)
        order = np.argsort(-rounded, kind="stable")
        chosen: dict[Hashable, Entry] = {}
        # Canonical forms only of as many as it takes.
        step = 2 * self.top
        for first in range(0, len(order), step):
            rows = order[first : first + step]
            for row, key in zip(rows.tolist(), space.keys(decisions[rows]), strict=True):
                if key not in chosen and key not in self.excluded:
                    place = int(places[row])
                    item = None if isinstance(batch, np.ndarray) else batch[place]
                    score = float(rounded[row])
                    chosen[key] = Entry(score, start + place, key, decisions[row], item)
                    if len(chosen) == self.top:
                        return list(chosen.values())
        return list(chosen.values())


class Best:
    """The best networks of all batches so far, which may come in any order."""

    def __init__(self, top: int) -> None:
        self.top = top
        self._entries: dict[Hashable, Entry] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Take the best networks of another batch into account."""
        for entry in entries:
            rival = self._entries.get(entry.key)
            if rival is None or entry.place < rival.place:
                self._entries[entry.key] = entry
        # Not each time: with a large `top`, sorting would take longer than ranking.
        if len(self._entries) > 4 * self.top:
            self._entries = {entry.key: entry for entry in self.sorted()}

    def sorted(self) -> list[Entry]:
        """Return the best networks, the best first."""
        return sorted(self._entries.values(), key=lambda entry: entry.place)[: self.top]


def _take(items: Batch, places: Integers) -> Batch:
    if isinstance(items, np.ndarray):
        return items[places]
    return items if len(places) == len(items) else [items[place] for place in places.tolist()]
