"""The search space: everything that is known about one family of architectures."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..graphs import ABSENT, WIRE, Architecture, ArchitectureError, Graphs
from ..utils._random import RandomState, as_generator
from ._parsing import numbers_in, read_choices, refuse, split
from ._sequences import IntArray, TokenSequence, check_tokens
from ._signals import SignalOperation, Skeleton

# Up to this size a sample without replacement is drawn by number, beyond it by rejection.
_MAX_NUMBERED = 10_000_000
# So many random changes are tried before a mutation is given up.
_MAX_TRIES = 10_000
# So many architectures are listed at once.
_CHUNK = 4096


class SearchSpace(ABC):
    """A family of architectures, each described by the same number of decisions.

    Every method works on many architectures at once, as a *decision matrix* with one row of small
    integers for each; `encode` makes one of whatever people have, `format` and `decode` write it as
    texts and as graphs. A single architecture is a batch of one.

    A subclass sets the attributes below and implements ``_write_text`` and ``_read_text``. It
    overrides `graphs` if there is a graph behind the decisions, `canonicalize` if the space has
    different descriptions of the same network, and ``_faults`` if not every combination of choices
    is allowed. `check_search_space` tests the result.

    Attributes
    ----------
    name : str
        The name that the space is registered under.
    title : str
        One line for people: what the space is and where it was published.
    choices : mapping of str to tuple
        The decisions by name, each with the names of its choices.
    operations : tuple of str
        Names of the operations.
    sequences : mapping of str to TokenSequence
        The ways to write an architecture as tokens.
    default_sequence : str
        Key of the sequence that holds only what varies.
    proximity_sequence : str
        Key of the sequence to embed for prediction, in which architectures that behave alike look
        alike; `default_sequence` unless a subclass says otherwise.
    signal_operations : tuple of SignalOperation
        What each operation of `signal_graphs` does to a signal; by default only their names.
    skeleton : Skeleton
        How a network stacks its cells; by default it is a single cell.
    accepted : str
        What `encode` reads, for its error messages.

    See Also
    --------
    emprox.spaces.get_space : Look a space up by name.
    emprox.spaces.check_search_space : Test whether a space keeps this contract.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("nasbench201")
    >>> decisions = space.encode(["|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"])
    >>> decisions
    array([[1, 1, 2, 1, 1, 1]])
    >>> space.decode(decisions)[0].operations[3]
    'nor_conv_3x3'
    """

    name: str
    title: str
    choices: Mapping[str, Sequence[Any]]
    operations: tuple[str, ...]
    sequences: Mapping[str, TokenSequence]
    default_sequence: str
    skeleton: Skeleton = Skeleton()
    accepted: str = "a text"

    @property
    def proximity_sequence(self) -> str:
        """Key of the sequence to embed for prediction; `default_sequence` unless overridden."""
        return self.default_sequence

    @property
    def signal_operations(self) -> tuple[SignalOperation, ...]:
        """What each operation of `signal_graphs` does to a signal; here only their names."""
        return tuple(map(SignalOperation, self.operations))

    @property
    def is_open(self) -> bool:
        """Whether operations and size have yet to be learned from architectures; see `learn`."""
        return False

    @property
    def sample_is_typical(self) -> bool:
        """Whether what `sample` draws is like the architectures that people have."""
        return True

    @property
    def positional(self) -> bool:
        """Whether a decision means the same in every architecture, as it does without a graph."""
        return type(self).graphs is SearchSpace.graphs

    @property
    def pathless(self) -> IntArray | None:
        """Decisions of an architecture that no signal passes; None if there is none."""
        return None

    @property
    def n_choices(self) -> tuple[int, ...]:
        """Number of choices of each decision."""
        return tuple(map(len, self.choices.values()))

    @property
    def n_decisions(self) -> int:
        """Number of decisions that describe an architecture."""
        return len(self.choices)

    @property
    def size(self) -> int:
        """Number of architectures, different descriptions of the same network counted apart."""
        return math.prod(self.n_choices)

    def learn(self, architectures: Any) -> SearchSpace:
        """Return the space that these architectures are of.

        Parameters
        ----------
        architectures : sequence, array, Series or DataFrame
            Architectures in any form that `encode` reads.

        Returns
        -------
        SearchSpace
            For an open space, the space that holds these architectures. Any other space returns
            itself and does not look at them.
        """
        return self

    def extend(self, architectures: Any) -> SearchSpace:
        """Return a space that holds these architectures as well as all of this one.

        Parameters
        ----------
        architectures : sequence, array, Series or DataFrame
            Architectures in any form that `encode` reads.

        Returns
        -------
        SearchSpace
            For a space that was learned from others, one that further has the operations and sizes
            of these, if they go beyond it. Any other space returns itself and does not look at
            them.
        """
        return self

    def encode(self, architectures: Any, at_least: int = 0) -> IntArray:
        """Read architectures and return their decisions.

        Parameters
        ----------
        architectures : sequence, array, Series or DataFrame
            Architectures in any form that the space documents: texts, `Architecture` objects and
            their JSON form, tuples with a choice for each decision, by name or by number; or a
            decision matrix.
        at_least : int, default=0
            How many there have to be.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix.

        Raises
        ------
        ArchitectureError
            If an item is not an architecture of this space; ``index`` says which.
        TypeError
            If a single text is given instead of several.
        ValueError
            If there are fewer than `at_least`.
        """
        items = self._split(architectures)
        if len(items) < at_least:
            raise ValueError(
                f"found {len(items)} architectures ({len(items)} samples): at least {at_least}"
                f" {'is' if at_least == 1 else 'are'} required"
            )
        if isinstance(items, np.ndarray):
            return self._check(items)
        decisions = np.empty((len(items), self.n_decisions), dtype=np.int64)
        for index, item in enumerate(items):
            try:
                decisions[index] = self._read(item)
            except ArchitectureError as error:
                raise ArchitectureError(error.message, index) from error
        return self._check(decisions)

    def format(self, decisions: ArrayLike) -> list[str]:
        """Write architectures in the space's usual text form.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        list of str
            Texts that `encode` reads.
        """
        return [self._write_text(row) for row in self._check(decisions).tolist()]

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        """Build labelled graphs from decisions.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        list of Architecture
            The architectures. In a space without graphs they are chains of choices.
        """
        (graphs,) = self.graphs(decisions)
        return graphs.architectures(self.name)

    def graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        """Write architectures as graphs of operations, as they are and not in canonical form.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        tuple of Graphs
            One batch of graphs for each kind of cell; none if there is no graph behind the
            decisions.
        """
        return ()

    def signal_graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        """Write canonical forms as the graphs that signals pass.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        tuple of Graphs
            As `graphs`, with whatever a signal meets beside the operations that were chosen. The
            names of their operations are those of `signal_operations`.
        """
        return self.graphs(self.canonicalize(decisions))

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
        valid = np.ones(len(matrix), dtype=bool)
        for wrong in self._faults(matrix).values():
            valid &= ~wrong
        return valid

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        """Write architectures as token sequences, as they are and not in canonical form.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.
        sequence : str, default=None
            A key of `sequences`; None stands for `default_sequence`.

        Returns
        -------
        ndarray of shape (n_architectures, length)
            Token matrix.

        Raises
        ------
        ValueError
            If the space has no such sequence.
        """
        return self._sequence(sequence).write(self._check(decisions))

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        """Read decisions from token sequences.

        Parameters
        ----------
        tokens : array-like of shape (n_architectures, length)
            Token matrix as `tokenize` writes it.
        sequence : str, default=None
            A key of `sequences`; None stands for `default_sequence`.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix.

        Raises
        ------
        ArchitectureError
            If a row is not the sequence of an architecture of this space.
        """
        spec = self._sequence(sequence)
        matrix = check_tokens(tokens, spec)
        decisions = spec.read(matrix)
        wrong = ((decisions < 0) | (decisions >= self.n_choices)).any(axis=1)
        wrong[~wrong] = ~self.is_valid(decisions[~wrong])
        # Tokens may say more than the decisions; what does not follow from these is wrong.
        wrong[~wrong] = (spec.write(decisions[~wrong]) != matrix[~wrong]).any(axis=1)
        if wrong.any():
            row = int(wrong.argmax())
            words = " ".join(repr(spec.vocabulary[token]) for token in matrix[row].tolist())
            raise ArchitectureError(
                f"these tokens are not the sequence of an architecture: {words}", row
            )
        return decisions

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
        if not replace and n_architectures > self.size:
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
        n_combinations = math.prod(self.n_choices)
        for start in range(0, n_combinations, _CHUNK):
            numbers = np.arange(start, min(start + _CHUNK, n_combinations))
            decisions = self._from_numbers(numbers)
            yield decisions[self.is_valid(decisions)]

    @abstractmethod
    def _write_text(self, choices: list[int]) -> str:
        """Write one architecture in the usual text form."""

    def _read_text(self, text: str) -> Sequence[int]:
        """Read the usual text form, without spaces around it."""
        raise refuse(text, self.accepted)

    def _read_items(self, items: list[Any]) -> Sequence[int]:
        """Read a tuple or list: here a choice for each decision, by name or by number."""
        return read_choices(items, self.choices)

    def _read_graph(self, architecture: Architecture) -> Sequence[int]:
        """Read a graph that `decode` makes; that it is one is checked elsewhere."""
        raise refuse(architecture, self.accepted)

    def _read_other(self, item: Any) -> Sequence[int]:
        """Read whatever else the space accepts."""
        raise refuse(item, f"{self.accepted} or an Architecture")

    def _faults(self, decisions: IntArray) -> dict[str, NDArray[np.bool_]]:
        """Say what can be wrong with decisions that are in range, and for each row whether it is."""
        return {}

    def _changeable(self, decisions: IntArray) -> NDArray[np.bool_]:
        """Say which decisions of each architecture `mutate` and `neighbors` may change."""
        return np.broadcast_to(np.asarray(self.n_choices) > 1, decisions.shape)

    def _draw(self, n_architectures: int, rng: np.random.Generator) -> IntArray:
        """Draw decisions, some of which may not be valid."""
        return rng.integers(self.n_choices, size=(n_architectures, self.n_decisions))

    def _split(self, architectures: Any) -> list[Any] | NDArray[Any]:
        """Take a container apart: a list of single architectures, or a decision matrix."""
        return split(architectures)

    def _read(self, item: Any) -> Sequence[int]:
        """Return the decisions of one architecture in any accepted form."""
        if isinstance(item, str):
            text = item.strip()
            if text.startswith("{"):
                return self._read_checked_graph(Architecture.from_string(text))
            numbers = numbers_in(text)
            return self._read_text(text) if numbers is None else self._read_items(numbers)
        if isinstance(item, Architecture):
            return self._read_checked_graph(item)
        if isinstance(item, (tuple, list, np.ndarray)):
            return self._read_items(list(item))
        return self._read_other(item)

    def _read_checked_graph(self, architecture: Architecture) -> Sequence[int]:
        decisions = self._read_graph(architecture)
        again = self.decode(self._check([decisions]))[0]
        if (again.operations, again.edges) != (architecture.operations, architecture.edges):
            raise ArchitectureError(f"the graph is not one of the space {self.name!r}")
        return decisions

    def _check(self, decisions: ArrayLike) -> IntArray:
        """Return a decision matrix; refuse what is not in range or not valid."""
        matrix: NDArray[Any] = np.asarray(decisions)
        if matrix.ndim != 2 or matrix.shape[1] != self.n_decisions:
            raise ArchitectureError(
                f"a decision matrix of the space {self.name!r} has {self.n_decisions} columns,"
                f" got an array of shape {matrix.shape}"
            )
        wrong = np.argwhere((matrix < 0) | (matrix >= self.n_choices) | (matrix != matrix // 1))
        if len(wrong):
            row, column = (int(position) for position in wrong[0])
            raise ArchitectureError(
                f"decision {column} is {matrix[row, column]}, but has to be a whole number from 0"
                f" to {self.n_choices[column] - 1}",
                index=row,
            )
        matrix = matrix.astype(np.int64)
        faults = self._faults(matrix)
        rows = {text: int(wrong.argmax()) for text, wrong in faults.items() if wrong.any()}
        if rows:
            text = min(rows, key=lambda fault: rows[fault])
            raise ArchitectureError(text, rows[text])
        return matrix

    def _sequence(self, sequence: str | None) -> TokenSequence:
        name = self.default_sequence if sequence is None else sequence
        if name not in self.sequences:
            raise ValueError(
                f"the space {self.name!r} has no sequence {sequence!r};"
                f" it has {', '.join(map(repr, self.sequences))}"
            )
        return self.sequences[name]

    def _from_numbers(self, numbers: NDArray[np.int64]) -> IntArray:
        return np.stack(np.unravel_index(numbers, self.n_choices), axis=1).astype(np.int64)

    @property
    def _parameters(self) -> dict[str, Any]:
        """What was given to `__init__`; spaces of the same class that share it are equal."""
        return {}

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, SearchSpace)
            and type(self) is type(other)
            and (self.name, self._parameters) == (other.name, other._parameters)
        )

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    # A space never changes, so that a copy of it is the space itself.
    def __copy__(self) -> SearchSpace:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> SearchSpace:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        from ._registry import get_space, is_registered

        if is_registered(self):
            return get_space, (self.name,)
        return _make, (type(self), self._parameters)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


def _make(cls: type[SearchSpace], parameters: dict[str, Any]) -> SearchSpace:
    """Build a space anew, when it is unpickled."""
    return cls(**parameters)
