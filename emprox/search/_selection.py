"""The best networks of a batch of candidates, and of several batches together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..spaces import ArchitectureError, SearchSpace
from ..spaces._sequences import IntArray
from ._batches import Batch

# Scores are compared with so many binary digits. The last ones of the 53 depend on what else is
# in the batch, because they depend on the order in which a matrix product adds.
_DIGITS = 30


@dataclass(frozen=True)
class Entry:
    """A network that may be among the best.

    Parameters
    ----------
    score : float
        Its score, rounded.
    index : int
        Where it stands among all candidates.
    key : bytes
        The same for all descriptions of the network.
    decisions : ndarray of shape (n_decisions,)
        Its decisions.
    item : object
        The candidate as it was given; None if that was a row of a decision matrix.
    """

    score: float
    index: int
    key: bytes
    decisions: IntArray
    item: Any

    @property
    def place(self) -> tuple[float, int]:
        """What the best are sorted by; the best first, and of equal ones the first candidate."""
        return -self.score, self.index


class BatchResult(NamedTuple):
    """What is found in a batch.

    Parameters
    ----------
    n_candidates : int
        Size of the batch.
    entries : list of Entry
        Its best networks, the best first.
    n_broken : int
        How many candidates were skipped because they are no architectures.
    first_broken : ArchitectureError or None
        What is wrong with the first of them; its ``index`` is that among all candidates.
    """

    n_candidates: int
    entries: list[Entry]
    n_broken: int
    first_broken: ArchitectureError | None


@dataclass(frozen=True)
class BatchRanker:
    """Find the best networks of a batch. Worker processes are given one of these.

    Parameters
    ----------
    space : SearchSpace
        The search space.
    scorer : estimator
        What scores architectures.
    method : str
        Its method that does.
    reads_decisions : bool
        Whether that reads decision matrices of the space; otherwise it is given the candidates as
        they are.
    writes_texts : bool
        Whether candidates are to be written as texts first, because they were drawn.
    top : int
        How many networks to find.
    excluded : frozenset of bytes
        Keys of networks that are left out.
    skip_broken : bool
        Whether to skip what is no architecture of the space.
    """

    space: SearchSpace
    scorer: Any
    method: str
    reads_decisions: bool
    writes_texts: bool
    top: int
    excluded: frozenset[bytes]
    skip_broken: bool

    def __call__(self, start: int, batch: Batch) -> BatchResult:
        """Find the best networks.

        Parameters
        ----------
        start : int
            Index of the first candidate of the batch among all.
        batch : list or ndarray of shape (n, n_decisions)
            The candidates.

        Returns
        -------
        BatchResult
            The best of them.

        Raises
        ------
        ArchitectureError
            If a candidate is no architecture of the space and is not to be skipped; ``index`` is
            that among all.
        ValueError
            If the scores are not one number for each architecture.
        """
        if self.writes_texts:
            batch = self.space.format(batch)
        # A text that is there again is not read again, and no architecture is scored twice.
        decisions, places, broken = self._read(batch, _first_places(batch), start)
        first = _first_places(decisions)
        decisions, places = decisions[first], places[first]
        scores = self.score(decisions if self.reads_decisions else _take(batch, places))
        if np.isnan(scores).any():
            place = start + int(places[np.isnan(scores).argmax()])
            raise ValueError(f"the model gives no number for architecture {place}, but NaN")
        entries = self._choose(scores, start, batch, decisions, places)
        first_broken = min(broken, default=None, key=lambda error: error.index or 0)
        return BatchResult(len(batch), entries, _count(batch, broken, start), first_broken)

    def score(self, X: Any) -> NDArray[np.float64]:
        """Score architectures.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, n_decisions)
            Architectures as the model reads them.

        Returns
        -------
        ndarray of shape (n_samples,)
            Their scores.
        """
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
        self, batch: Batch, places: IntArray, start: int
    ) -> tuple[IntArray, IntArray, list[ArchitectureError]]:
        """Return decisions and places of what can be read, and what is wrong with the rest."""
        try:
            return self.space.encode(_take(batch, places)), places, []
        except ArchitectureError as error:
            if error.index is None:
                raise
            wrong = ArchitectureError(error.message, start + int(places[error.index]))
            if not self.skip_broken:
                raise wrong from error
        if len(places) == 1:
            return np.empty((0, self.space.n_decisions), dtype=np.int64), places[:0], [wrong]
        # Halving finds a few broken ones among many in few steps, in whatever order they are read.
        middle = len(places) // 2
        parts = [self._read(batch, half, start) for half in (places[:middle], places[middle:])]
        decisions, found, broken = zip(*parts, strict=True)
        return np.concatenate(decisions), np.concatenate(found), [*broken[0], *broken[1]]

    def _choose(
        self,
        scores: NDArray[np.float64],
        start: int,
        batch: Batch,
        decisions: IntArray,
        places: IntArray,
    ) -> list[Entry]:
        """Take the best of each network, and of these the best."""
        rounded = _round(scores)
        order = np.argsort(-rounded, kind="stable")
        chosen: dict[bytes, Entry] = {}
        # Canonical forms only of as many as it takes.
        step = 2 * self.top
        for first in range(0, len(order), step):
            rows = order[first : first + step]
            keys = to_keys(self.space.canonicalize(decisions[rows]))
            for row, key in zip(rows.tolist(), keys, strict=True):
                if key not in chosen and key not in self.excluded:
                    place = int(places[row])
                    item = None if isinstance(batch, np.ndarray) else batch[place]
                    score = float(rounded[row])
                    chosen[key] = Entry(score, start + place, key, decisions[row], item)
                    if len(chosen) == self.top:
                        return list(chosen.values())
        return list(chosen.values())


class Best:
    """The best networks of all batches so far, which may come in any order.

    Parameters
    ----------
    top : int
        How many.
    """

    def __init__(self, top: int) -> None:
        self.top = top
        self._entries: dict[bytes, Entry] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Take the best of another batch into account.

        Parameters
        ----------
        entries : iterable of Entry
            The best networks of a batch.
        """
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


def to_keys(rows: ArrayLike) -> list[bytes]:
    """Return the bytes of each row of a matrix.

    Parameters
    ----------
    rows : array-like of shape (n, n_columns)
        The matrix.

    Returns
    -------
    list of bytes
        Keys, equal where rows are.
    """
    matrix = np.ascontiguousarray(rows)
    data, size = matrix.tobytes(), matrix.itemsize * matrix.shape[1]
    return [data[start : start + size] for start in range(0, len(data), size)]


def _first_places(items: Batch) -> IntArray:
    """Return, in ascending order, where each different item stands first."""
    keys: Sequence[Any] = to_keys(items) if isinstance(items, np.ndarray) else items
    first: dict[Any, int] = {}
    try:
        for place, key in enumerate(keys):
            first.setdefault(key, place)
    except TypeError:  # Not all can be hashed, such as lists of numbers.
        return np.arange(len(items))
    return np.fromiter(first.values(), dtype=np.int64, count=len(first))


def _take(items: Batch, places: IntArray) -> Batch:
    if isinstance(items, np.ndarray):
        return items[places]
    return items if len(places) == len(items) else [items[place] for place in places.tolist()]


def _count(batch: Batch, broken: list[ArchitectureError], start: int) -> int:
    """Count what is broken, where each different item was looked at once."""
    if not broken or isinstance(batch, np.ndarray):
        return len(broken)
    places = np.array([error.index for error in broken]) - start
    try:
        different = set(_take(batch, places))
    except TypeError:
        return len(broken)
    return sum(item in different for item in batch)


def _round(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    mantissas, exponents = np.frexp(scores)
    return np.ldexp(np.round(mantissas * 2.0**_DIGITS), exponents - _DIGITS)
