"""Candidates with their properties, and which of them say or promise most."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._pipeline import make_emprox_pipeline
from ._batches import read_in_batches
from ._pool import Floats, Pool, to_keys
from ._selection import Integers
from ._surrogates import Rows
from ._variance import reduce_variance
from ._variations import near_by, vary

# Says how much each network is wanted.
Wishes = Callable[[Rows], Floats]

# All candidates are looked at when there is a tenth more known than the last time; in between only
# those that were the most wanted then.
_GROWTH, _N_WANTED = 1.1, 500
# Where candidates are not all there is: so many variations, and steps to something still better.
_N_CHILDREN, _N_STEPS = 1000, 10
_READ_AT_ONCE = 10_000


class Candidates:
    """The candidates of a search with their properties."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self.pool, self.space, self._seed = pool, pool.space, seed
        self._features: Any = make_emprox_pipeline(self.space)[0].set_output(transform="default")
        self._features.fit(self._readable(pool.decisions))
        self._wanted: tuple[int, Integers] = 0, np.empty(0, dtype=np.int64)
        self._rows: Rows | None = None
        self._places = {key: place for place, key in enumerate(to_keys(pool.decisions))}

    def __len__(self) -> int:
        return len(self.pool)

    def read(self, architectures: Any) -> tuple[list[Any], Rows]:
        """Read architectures that need not be among the candidates; return them prepared."""
        batches = read_in_batches(self.space, architectures, _READ_AT_ONCE)
        items = [item for batch in batches for item in batch]
        if self.space.is_catalogue:
            self.space = self.space.extend([i for i in items if not isinstance(i, Exception)])
        return items, self.describe(self.space.encode(items, at_least=1))

    def describe(self, decisions: Integers) -> Rows:
        """Return canonical decisions and properties of any networks of the space."""
        canonical = self.space.canonicalize(decisions)
        return Rows(canonical, self._features.transform(self._readable(canonical)))

    @property
    def everything(self) -> Rows:
        """The candidates."""
        if self._rows is None:
            self._rows = self.describe(self.pool.decisions)
        return self._rows

    @property
    def can_be_varied(self) -> bool:
        """Whether there are networks beyond the candidates."""
        return self.pool.items is None and not self.pool.is_everything

    def free(self, taken: Collection[bytes]) -> Integers:
        """Return the places of candidates that are not taken."""
        free = np.ones(len(self.pool), dtype=bool)
        places = [self._places[key] for key in taken if key in self._places]
        free[places] = False
        return np.flatnonzero(free)

    def architectures(self, rows: Rows) -> NDArray[Any]:
        """Return networks as they were given: those of a space as texts."""
        places = [self._places.get(key) for key in to_keys(rows.decisions)]
        if any(place is None for place in places):
            found = np.empty(len(places), dtype=object)
            decoded = self.space.is_catalogue
            found[:] = (self.space.decode if decoded else self.space.format)(rows.decisions)
            return found
        return self.pool.architectures(np.array(places, dtype=np.int64))

    def design(self, n: int, known: Floats, taken: Collection[bytes]) -> Integers:
        """Return the places of up to n networks that say most about all others."""
        free = self.free(taken)
        is_taken = np.ones(len(self.pool), dtype=bool)
        is_taken[free] = False
        return reduce_variance(
            self.everything.points,
            min(n, len(free)),
            known if len(known) else None,
            weights=self.pool.counts,
            costs=self.pool.costs,
            taken=is_taken,
            rng=np.random.default_rng(self._seed),
        )

    def most_wanted(
        self,
        wish: Wishes,
        n_known: int,
        taken: Collection[bytes],
        best: Integers,
        rng: np.random.Generator,
    ) -> Rows:
        """Return what is wanted of all candidates and of variations of the best, in this order."""
        places = self.free(taken)
        last, wanted_then = self._wanted
        looks_at_all = n_known >= _GROWTH * last
        if not looks_at_all:
            places = np.intersect1d(wanted_then, places)
        rows = self.everything.take(places)
        wanted = wish(rows) if len(rows) else np.empty(0)
        order = np.argsort(-wanted, kind="stable")[:_N_WANTED]
        if looks_at_all:
            self._wanted = n_known, places[order]
        rows, wanted = rows.take(order), wanted[order]
        if self.can_be_varied:
            varied = vary(self.space, best, _N_CHILDREN, rng)
            children = self._without(varied, {*taken, *to_keys(rows.decisions)})
            if len(children):
                rows, wanted = rows.join(children), np.concatenate([wanted, wish(children)])
                rows = rows.take(np.argsort(-wanted, kind="stable")[:_N_WANTED])
        return rows

    def climb(
        self, wish: Wishes, rows: Rows, taken: Collection[bytes], rng: np.random.Generator
    ) -> Rows:
        """Go from a network to what is wanted more and differs in one decision, and so on."""
        worth = wish(rows)[0]
        for _ in range(_N_STEPS):
            around = self._without(near_by(self.space, rows.decisions, rng), taken)
            if not len(around) or (wanted := wish(around)).max() <= worth:
                break
            rows, worth = around.take([int(wanted.argmax())]), wanted.max()
        return rows

    def _without(self, decisions: Integers, taken: Collection[bytes]) -> Rows:
        """Describe networks, each once, but for those that are taken."""
        distinct = np.unique(self.space.canonicalize(decisions), axis=0)
        distinct = distinct[[key not in taken for key in to_keys(distinct)]]
        return self.describe(distinct) if len(distinct) else self.everything.take(slice(0))

    def _readable(self, decisions: Integers) -> Any:
        """Return what also a transformer that knows fewer networks of a catalogue can read."""
        return self.space.decode(decisions) if self.space.is_catalogue else decisions

    def __getstate__(self) -> dict[str, Any]:
        # Without what follows from the rest.
        return {**self.__dict__, "_rows": None, "_places": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._places = {key: place for place, key in enumerate(to_keys(self.pool.decisions))}
