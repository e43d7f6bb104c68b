"""Decision matrices: checking, drawing, changing and listing them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from itertools import islice, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..graphs import ArchitectureError
from ..graphs._graphs import IntArray
from ..utils._random import RandomState, as_generator
from ._parsing import read_matrix

# Up to this size a sample without replacement is drawn by number, beyond it by rejection.
_MAX_NUMBERED = 10_000_000
# So many random changes are tried before a mutation is given up.
_MAX_TRIES = 10_000
# More combinations of choices nobody can go through.
_MAX_LISTED = 2**60
# So many architectures are listed at once.
_CHUNK = 4096


class Decisions(ABC):
    """What can be done with decisions alone; the base class of `SearchSpace`."""

    name: str

    @property
    @abstractmethod
    def n_choices(self) -> tuple[int, ...]:
        """Number of choices of each decision."""

    @property
    def n_decisions(self) -> int:
        """Number of decisions that describe an architecture."""
        return len(self.n_choices)

    @property
    def size(self) -> int:
        """Number of architectures, different descriptions of the same network counted apart."""
        return math.prod(self.n_choices)

    @abstractmethod
    def format(self, decisions: ArrayLike) -> list[str]:
        """Write architectures in the space's usual text form."""

    def is_valid(self, decisions: ArrayLike) -> NDArray[np.bool_]:
        """Say which combinations of choices are architectures of this space.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix with every entry in range.

        Returns
        -------
        ndarray of shape (n_architectures,)
            True where valid.
        """
        matrix = np.asarray(decisions)
        faults = [*self._faults(matrix).values(), np.zeros(len(matrix), dtype=bool)]
        return ~np.logical_or.reduce(faults)

    def sample(
        self, n_architectures: int, random_state: RandomState = None, replace: bool = False
    ) -> IntArray:
        """Draw architectures uniformly at random.

        Parameters
        ----------
        n_architectures : int
            How many.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.
        replace : bool, default=False
            Whether the same architecture may be drawn twice.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix.

        Raises
        ------
        ValueError
            If more are wanted without replacement than the space holds.
        """
        if n_architectures < 0:
            raise ValueError(f"n_architectures has to be at least 0, got {n_architectures}")
        if not replace and not self._holds(n_architectures):
            raise ValueError(
                f"{n_architectures} architectures are wanted without replacement, but the space"
                f" {self.name!r} holds {self.size}; take fewer or set replace=True"
            )
        rng = as_generator(random_state)
        n_combinations = math.prod(self.n_choices)
        if not replace and n_combinations <= _MAX_NUMBERED:
            numbers = rng.permutation(n_combinations)
            if self.size < n_combinations:
                numbers = numbers[self.is_valid(self._from_numbers(numbers))]
            return self._from_numbers(numbers[:n_architectures])
        drawn = np.empty((0, self.n_decisions), dtype=np.int64)
        while len(drawn) < n_architectures:
            batch = self._draw(n_architectures, rng)
            drawn = np.concatenate([drawn, batch[self.is_valid(batch)]])
            if not replace:
                first = np.unique(drawn, axis=0, return_index=True)[1]
                drawn = drawn[np.sort(first)]
        return drawn[:n_architectures]

    def mutate(
        self, decisions: ArrayLike, n_mutations: int = 1, random_state: RandomState = None
    ) -> IntArray:
        """Change some decisions of each architecture at random.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.
        n_mutations : int, default=1
            How many decisions to change, each to another choice.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            For each architecture a valid one that differs in exactly `n_mutations` decisions.

        Raises
        ------
        ValueError
            If `n_mutations` is not between 1 and the number of decisions that have a choice, or
            no valid architecture with so many changes is found.
        """
        parents = self._check(decisions)
        children, rng = parents.copy(), as_generator(random_state)
        n_choices = np.asarray(self.n_choices)
        changeable = self._changeable(parents)
        most = int(changeable.sum(axis=1).min(initial=self.n_decisions))
        if not 1 <= n_mutations <= most:
            raise ValueError(f"n_mutations has to be between 1 and {most}, got {n_mutations}")
        rest = np.arange(len(parents))
        for _ in range(_MAX_TRIES):
            if not len(rest):
                return children
            chance = np.where(changeable[rest], rng.random((len(rest), self.n_decisions)), 2)
            changed = np.argsort(chance, axis=1)[:, :n_mutations]
            rows = rest[:, None]
            steps = rng.integers(1, n_choices[changed])
            children[rest] = parents[rest]
            children[rows, changed] = (parents[rows, changed] + steps) % n_choices[changed]
            rest = rest[~self.is_valid(children[rest])]
        raise ValueError(
            f"found no valid architecture that differs in exactly {n_mutations} decisions from"
            f" {self.format(parents[rest[:1]])[0]}; try fewer mutations"
        )

    def neighbors(self, decisions: ArrayLike) -> tuple[IntArray, IntArray]:
        """List all architectures that differ in exactly one decision.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        neighbors : ndarray of shape (n_neighbors, n_decisions)
            The neighbours of the first architecture, by decision and then by choice, then those of
            the next.
        rows : ndarray of shape (n_neighbors,)
            Which architecture each is a neighbour of.
        """
        matrix = self._check(decisions)
        places = np.repeat(np.arange(self.n_decisions), self.n_choices)
        values = np.concatenate([np.arange(n) for n in self.n_choices])
        rows = np.repeat(np.arange(len(matrix)), len(places))
        around = matrix[rows]
        changes = np.tile(places, len(matrix)), np.tile(values, len(matrix))
        kept = around[np.arange(len(around)), changes[0]] != changes[1]
        kept &= self._changeable(matrix)[rows, changes[0]]
        around[np.arange(len(around)), changes[0]] = changes[1]
        kept[kept] = self.is_valid(around[kept])
        return around[kept], rows[kept]

    def enumerate(self) -> Iterator[IntArray]:
        """Go through all architectures of the space, in the order of their decisions.

        Yields
        ------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix of the next few thousand architectures.
        """
        if math.prod(self.n_choices) > _MAX_LISTED:
            raise ValueError(f"the space {self.name!r} is too large to go through; use sample")
        rows = product(*map(range, self.n_choices))
        while chunk := list(islice(rows, _CHUNK)):
            decisions = np.array(chunk, dtype=np.int64)
            yield decisions[self.is_valid(decisions)]

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Replace each architecture by the representative of those that compute the same function.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix. The base class knows of no equivalences and changes nothing.
        """
        return self._check(decisions)

    def keys(self, decisions: ArrayLike) -> list[Hashable]:
        """Return what tells networks apart, in this space and in those that extend it.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        list of hashable
            The same for all descriptions of a network: its canonical form, as bytes.
        """
        return [row.tobytes() for row in self.canonicalize(decisions)]

    def _faults(self, decisions: IntArray) -> dict[str, NDArray[np.bool_]]:
        """Say what can be wrong with decisions in range, and for each row whether it is."""
        return {}

    def _check(self, decisions: ArrayLike) -> IntArray:
        """Return a decision matrix; refuse what is not in range or not valid."""
        matrix = read_matrix(decisions, self.n_choices, "decision")
        faults = self._faults(matrix)
        rows = {text: int(wrong.argmax()) for text, wrong in faults.items() if wrong.any()}
        if rows:
            text = min(rows, key=lambda fault: rows[fault])
            raise ArchitectureError(text, rows[text])
        return matrix

    def _holds(self, n_architectures: int) -> bool:
        """Say whether there are so many architectures."""
        return n_architectures <= self.size

    def _changeable(self, decisions: IntArray) -> NDArray[np.bool_]:
        """Say which decisions of each architecture `mutate` and `neighbors` may change."""
        return np.broadcast_to(np.asarray(self.n_choices) > 1, decisions.shape)

    def _draw(self, n_architectures: int, rng: np.random.Generator) -> IntArray:
        """Draw decisions, some of which may not be valid."""
        return rng.integers(self.n_choices, size=(n_architectures, self.n_decisions))

    def _from_numbers(self, numbers: NDArray[np.int64]) -> IntArray:
        return np.stack(np.unravel_index(numbers, self.n_choices), axis=1).astype(np.int64)
