"""The search space: everything that is known about one family of architectures."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._architecture import Architecture
from ._errors import ArchitectureError
from ._random import RandomState, as_generator
from ._sequences import IntArray, TokenSequence
from ._signals import CellGraphs, SignalOperation, Skeleton

# Up to this size a sample without replacement is drawn by number, beyond it by rejection.
_MAX_NUMBERED = 10_000_000
# So many random changes are tried before a mutation is given up.
_MAX_TRIES = 10_000


class SearchSpace(ABC):
    """A family of architectures, each described by the same number of decisions.

    A space works on two forms of its architectures. `Architecture` objects and texts are for
    people. The *decision matrix*, with one row of small integers for each architecture, is for
    speed: everything that has to work on a million architectures takes and returns it, and the
    methods for single architectures are written in terms of it.

    A subclass sets the attributes below and implements `decode`, `format`, `tokenize`,
    `detokenize` and the private ``_read``, which turns one architecture of any accepted form into
    its decisions. It overrides `canonicalize` if the space has different descriptions of the same
    network, and `is_valid` if not every combination of choices is allowed; then it also extends
    ``_check_decisions``, to say what is wrong with those that are not.

    A subclass that knows the graph behind the decisions also overrides `cell_graphs`, and
    `signal_operations` and `skeleton`, as properties or with plain class attributes; then
    `StructuralProperties` can describe its architectures.

    Attributes
    ----------
    name : str
        The name that the space is registered under.
    title : str
        One line for people: what the space is and where it was published.
    operations : tuple of str
        Names of the operations; an architecture's decisions index into it where they choose one.
    n_choices : tuple of int
        Number of choices of each decision.
    sequences : mapping of str to TokenSequence
        The ways to write an architecture as tokens.
    default_sequence : str
        The sequence that holds only what varies.
    proximity_sequence : str
        The sequence to embed for prediction, in which architectures that behave alike look
        alike; `default_sequence` unless a subclass says otherwise.

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
    operations: tuple[str, ...]
    n_choices: tuple[int, ...]
    sequences: Mapping[str, TokenSequence]
    default_sequence: str

    @property
    def is_open(self) -> bool:
        """Whether operations and size have yet to be learned from architectures; see `learn`."""
        return False

    @property
    def proximity_sequence(self) -> str:
        """Key of the sequence to embed for prediction; `default_sequence` unless overridden."""
        return self.default_sequence

    @property
    def signal_operations(self) -> tuple[SignalOperation, ...]:
        """What each operation of `cell_graphs` does to a signal; here nothing but their names."""
        return tuple(map(SignalOperation, self.operations))

    @property
    def skeleton(self) -> Skeleton:
        """How a network stacks its cells; in the base class it is a single cell."""
        return Skeleton()

    @property
    def positional(self) -> bool:
        """Whether a decision means the same thing in every architecture.

        Then it makes sense to compare architectures decision by decision. Where decisions describe
        a graph whose nodes could be named otherwise, it does not. By default it is so in spaces
        without `cell_graphs`.
        """
        return type(self).cell_graphs is SearchSpace.cell_graphs

    @property
    def pathless(self) -> IntArray | None:
        """Decisions of an architecture that no signal passes; None if there is none."""
        return None

    def cell_graphs(self, decisions: ArrayLike) -> tuple[CellGraphs, ...]:
        """Write architectures as graphs with operations on the edges.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        tuple of CellGraphs
            One batch of graphs for each kind of cell. The base class returns none: it knows of no
            graph behind the decisions.
        """
        return ()

    @abstractmethod
    def _read(self, architecture: Any) -> Sequence[int]:
        """Return the decisions of one architecture in any accepted form."""

    def _items(self, architectures: Any) -> list[Any] | NDArray[Any]:
        """Take a container apart: a list of single architectures, or a decision matrix."""
        return _as_items(architectures)

    @abstractmethod
    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        """Build architectures from their decisions.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        list of Architecture
            The architectures.
        """

    @abstractmethod
    def format(self, architecture: Any) -> str:
        """Write an architecture in the space's usual text form.

        Parameters
        ----------
        architecture : Architecture, str or sequence
            An architecture in any form that `parse` reads.

        Returns
        -------
        str
            The text, which `parse` reads.
        """

    @abstractmethod
    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        """Write architectures as token sequences.

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
        """

    @abstractmethod
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

    def encode(self, architectures: Any) -> IntArray:
        """Read architectures and return their decisions.

        Parameters
        ----------
        architectures : sequence, array, Series or one-column DataFrame
            Architectures in any form that `parse` reads, or a decision matrix.

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
        """
        items = self._items(architectures)
        if isinstance(items, np.ndarray):
            return self._check_decisions(items)
        decisions = np.empty((len(items), self.n_decisions), dtype=np.int64)
        for index, item in enumerate(items):
            try:
                decisions[index] = self._read(item)
            except ArchitectureError as error:
                raise ArchitectureError(error.message, index) from error
        return self._check_decisions(decisions)

    def learn(self, architectures: Any) -> SearchSpace:
        """Return the space that these architectures are of.

        Parameters
        ----------
        architectures : sequence, array, Series or DataFrame
            Architectures in any form that `parse` reads.

        Returns
        -------
        SearchSpace
            For an open space, whose operations and size are not known beforehand, the space that
            holds these architectures. Any other space returns itself and does not look at them.
        """
        return self

    def parse(self, architecture: Any) -> Architecture:
        """Read one architecture.

        Parameters
        ----------
        architecture : Architecture, str or sequence
            An `Architecture`, the usual text form, its JSON form, or whatever other forms the
            space documents.

        Returns
        -------
        Architecture
            The architecture.

        Raises
        ------
        ArchitectureError
            If it is not an architecture of this space.
        """
        return self.decode(self._encode_one(architecture))[0]

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
        return self._check_decisions(decisions)

    def relabel(self, decisions: ArrayLike, random_state: RandomState = None) -> IntArray:
        """Describe the same architectures in another way, chosen at random.

        Where a space has descriptions that differ only in names, such as the order of nodes that
        no edge joins, this picks another one, so that the invariance of the canonical form can
        be tested.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix. The base class knows of no names to exchange and changes nothing.
        """
        return self._check_decisions(decisions)

    def canonical(self, architecture: Any) -> Architecture:
        """Return the representative of the architectures that compute the same function.

        Parameters
        ----------
        architecture : Architecture, str or sequence
            An architecture in any form that `parse` reads.

        Returns
        -------
        Architecture
            Its canonical form.
        """
        return self.decode(self.canonicalize(self._encode_one(architecture)))[0]

    def isomorphism_key(self, architecture: Any) -> bytes:
        """Return a key that is equal for architectures with the same canonical form.

        Parameters
        ----------
        architecture : Architecture, str or sequence
            An architecture in any form that `parse` reads.

        Returns
        -------
        bytes
            The key.
        """
        return self.canonicalize(self._encode_one(architecture)).tobytes()

    def is_valid(self, decisions: ArrayLike) -> NDArray[np.bool_]:
        """Say which combinations of choices are architectures of this space.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix with every entry in range.

        Returns
        -------
        ndarray of shape (n_architectures,)
            True where valid. In the base class every combination is.
        """
        return np.ones(len(np.asarray(decisions)), dtype=bool)

    def sample_decisions(
        self, n_architectures: int, random_state: RandomState = None, replace: bool = False
    ) -> IntArray:
        """Draw architectures uniformly at random, as a decision matrix.

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
        if not replace and self._n_combinations <= _MAX_NUMBERED:
            numbers = rng.permutation(self._n_combinations)
            if self.size < self._n_combinations:
                numbers = numbers[self.is_valid(self._from_numbers(numbers))]
            return self._from_numbers(numbers[:n_architectures])
        drawn = np.empty((0, self.n_decisions), dtype=np.int64)
        while len(drawn) < n_architectures:
            batch = rng.integers(self.n_choices, size=(n_architectures, self.n_decisions))
            drawn = np.concatenate([drawn, batch[self.is_valid(batch)]])
            if not replace:
                first = np.unique(drawn, axis=0, return_index=True)[1]
                drawn = drawn[np.sort(first)]
        return drawn[:n_architectures]

    def sample(
        self, n_architectures: int, random_state: RandomState = None, replace: bool = False
    ) -> list[Architecture]:
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
        list of Architecture
            The architectures.
        """
        return self.decode(self.sample_decisions(n_architectures, random_state, replace))

    def mutate(
        self, architecture: Any, n_mutations: int = 1, random_state: RandomState = None
    ) -> Architecture:
        """Change some decisions of an architecture at random.

        Parameters
        ----------
        architecture : Architecture, str or sequence
            An architecture in any form that `parse` reads.
        n_mutations : int, default=1
            How many decisions to change, each to another choice.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        Architecture
            A valid architecture that differs in exactly `n_mutations` decisions.

        Raises
        ------
        ValueError
            If `n_mutations` is not between 1 and the number of decisions that have a choice, or
            no valid architecture with so many changes is found.
        """
        parent = self._encode_one(architecture)[0]
        choices = np.asarray(self.n_choices)
        open_decisions = np.flatnonzero(choices > 1)
        if not 1 <= n_mutations <= len(open_decisions):
            raise ValueError(
                f"n_mutations has to be between 1 and {len(open_decisions)}, got {n_mutations}"
            )
        rng = as_generator(random_state)
        for _ in range(_MAX_TRIES):
            child = parent.copy()
            changed = rng.choice(open_decisions, n_mutations, replace=False)
            steps = rng.integers(1, choices[changed])
            child[changed] = (parent[changed] + steps) % choices[changed]
            if self.is_valid(child[None])[0]:
                return self.decode(child[None])[0]
        raise ValueError(
            f"found no valid architecture that differs in exactly {n_mutations} decisions from"
            f" {self.format(self.decode(parent[None])[0])}; try fewer mutations"
        )

    def neighbors(self, architecture: Any) -> list[Architecture]:
        """Return all architectures that differ in exactly one decision.

        Parameters
        ----------
        architecture : Architecture, str or sequence
            An architecture in any form that `parse` reads.

        Returns
        -------
        list of Architecture
            The neighbours, by decision and then by choice.
        """
        center = self._encode_one(architecture)[0]
        changes = [
            (decision, choice)
            for decision, n_choices in enumerate(self.n_choices)
            for choice in range(n_choices)
            if choice != center[decision]
        ]
        around = np.tile(center, (len(changes), 1))
        for row, (decision, choice) in enumerate(changes):
            around[row, decision] = choice
        return self.decode(around[self.is_valid(around)])

    def enumerate(self) -> Iterator[Architecture]:
        """Go through all architectures of the space, in the order of their decisions.

        Yields
        ------
        Architecture
            The next architecture.
        """
        chunk = 4096
        for start in range(0, self._n_combinations, chunk):
            numbers = np.arange(start, min(start + chunk, self._n_combinations))
            decisions = self._from_numbers(numbers)
            yield from self.decode(decisions[self.is_valid(decisions)])

    @property
    def n_decisions(self) -> int:
        """Number of decisions that describe an architecture."""
        return len(self.n_choices)

    @property
    def size(self) -> int:
        """Number of architectures, different descriptions of the same network counted apart."""
        return self._n_combinations

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Meaning of each token of the default sequence."""
        return self.get_sequence().vocabulary

    @property
    def sequence_length(self) -> int:
        """Number of tokens of the default sequence."""
        return self.get_sequence().length

    def tokens(self, architecture: Any, sequence: str | None = None) -> IntArray:
        """Write one architecture as a token sequence, as it is and not in canonical form.

        Parameters
        ----------
        architecture : Architecture, str or sequence
            An architecture in any form that `parse` reads.
        sequence : str, default=None
            A key of `sequences`; None stands for `default_sequence`.

        Returns
        -------
        ndarray of shape (length,)
            The tokens.
        """
        return self.tokenize(self._encode_one(architecture), sequence)[0]

    def get_sequence(self, sequence: str | None = None) -> TokenSequence:
        """Look up one of the token sequences.

        Parameters
        ----------
        sequence : str, default=None
            A key of `sequences`; None stands for `default_sequence`.

        Returns
        -------
        TokenSequence
            Length and vocabulary of the sequence.

        Raises
        ------
        ValueError
            If the space has no such sequence.
        """
        name = self.default_sequence if sequence is None else sequence
        if name not in self.sequences:
            raise ValueError(
                f"the space {self.name!r} has no sequence {sequence!r};"
                f" it has {', '.join(map(repr, self.sequences))}"
            )
        return self.sequences[name]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    @property
    def _n_combinations(self) -> int:
        return math.prod(self.n_choices)

    def _from_numbers(self, numbers: NDArray[np.int64]) -> IntArray:
        return np.stack(np.unravel_index(numbers, self.n_choices), axis=1).astype(np.int64)

    def _encode_one(self, architecture: Any) -> IntArray:
        return self._check_decisions(np.array([self._read(architecture)], dtype=np.int64))

    def _check_decisions(self, decisions: ArrayLike) -> IntArray:
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
        return matrix.astype(np.int64)

    def _check_tokens(self, tokens: ArrayLike, sequence: str | None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix: NDArray[Any] = np.asarray(tokens)
        if matrix.ndim != 2 or matrix.shape[1] != spec.length:
            raise ArchitectureError(
                f"the sequences of the space {self.name!r} have {spec.length} tokens,"
                f" got an array of shape {matrix.shape}"
            )
        wrong = np.argwhere((matrix < 0) | (matrix >= spec.vocabulary_size))
        if len(wrong):
            row, column = (int(position) for position in wrong[0])
            raise ArchitectureError(
                f"token {matrix[row, column]} at position {column} is not in the vocabulary"
                f" (0 to {spec.vocabulary_size - 1})",
                index=row,
            )
        return matrix.astype(np.int64)


def _as_items(architectures: Any) -> list[Any] | NDArray[Any]:
    """Return a list of architectures, or the decision matrix if numbers are given in rows."""
    if isinstance(architectures, (str, bytes, Architecture)):
        raise TypeError(
            f"expected several architectures, got one {type(architectures).__name__}:"
            " put it into a list"
        )
    if isinstance(architectures, (list, tuple)):
        return list(architectures)
    array = np.asarray(architectures)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 1:
        return array.tolist()
    if array.ndim == 2:
        return array if np.issubdtype(array.dtype, np.number) else [tuple(row) for row in array]
    raise ArchitectureError(
        "expected architectures in one dimension, or as rows of a decision matrix,"
        f" got an array of shape {array.shape}"
    )
