"""The open space of fixed lists of decisions: MnasNet, Once-for-All, AutoFormer and the like."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._architecture import Architecture
from .._base import SearchSpace
from .._errors import ArchitectureError
from .._random import RandomState, as_generator
from .._sequences import IntArray
from ._conditions import DecisionConditions
from ._configspace import read_configuration_space
from ._records import Choice, as_choice, is_missing, label, read_columns
from ._tokens import DecisionTokens

Conditions = Mapping[str, Mapping[str, Collection[Any]] | Sequence[Mapping[str, Collection[Any]]]]


class SequenceSpace(SearchSpace):
    """Any fixed list of categorical or ordinal decisions, some of them under conditions.

    An architecture is one choice for each decision, in a fixed order. Different decisions may
    have different choices, and a decision may be inactive unless earlier ones say otherwise.

    Parameters
    ----------
    decisions : mapping of str to sequence of choices, default=None
        The choices of each decision, in order. Choices are texts, numbers or booleans; None among
        them means that the decision may be left out. By default the space is open: `learn`
        returns the space of the architectures that it is given.
    conditions : mapping of str to mapping, default=None
        For each decision that is not always active, ``{earlier decision: values}``: it is active
        if each of these decisions is itself active and has one of the values. A list of such
        mappings is an alternative: one of them has to hold.
    name : str, default="sequence"
        Name of the space, for `register_space`.
    ordinal : collection of str, default=None
        Names of the decisions whose choices have an order, which is the order in which they are
        given; learned choices are sorted. By default these are the decisions with rising numbers
        as choices. Give ``()`` if the numbers are codes without an order.

    Raises
    ------
    ValueError
        If a decision has no choices or one that is not allowed, or a condition names a decision
        that does not come earlier, or a value that it does not have.

    See Also
    --------
    SequenceSpace.from_configspace : Make a space of a ConfigSpace configuration space.

    Notes
    -----
    **What is read.** A DataFrame with one column a decision, or its rows as dicts or any other
    mapping, such as the configurations of the package ConfigSpace; sequences of values in the
    order of the decisions; the text that `format` writes, which is JSON, as ``{"depth": 2,
    "kernel": 3}``; an `Architecture` and its JSON form. A missing key, None and NaN mean inactive.
    A numpy array of numbers is a matrix of decisions, that is of positions among the choices, as
    everywhere in `emprox.spaces`.

    **Inactive decisions.** An inactive decision has no influence, but a description may hold a
    value for it; it is kept for when the decision becomes active. Without a value, an inactive
    decision stands at its first choice. So every combination of choices is valid, and changing
    one decision is always possible: a decision that this makes active has the value kept for it,
    or else its first choice, and one that it makes inactive keeps its value. `mutate` and
    `neighbors` change active decisions only.

    **Canonical form.** There is none, but that inactive decisions lose the values kept for them.
    This is exact. Whether different choices can lead to the same network is not known.

    **Tokens.** In the sequence ``"decisions"`` one token stands for one decision. Decisions with
    the same choices share tokens, so that kernel sizes of different stages mean the same
    wherever they stand, and what is learned on one position counts on all; the position itself
    is what a recurrent encoder sees anyhow. Decisions with different choices do not share tokens,
    even for equal values: a depth of 3 is not a kernel size of 3. The tokens of a decision are
    numbered in the order of its choices. An inactive decision without a value is padding. In the
    sequence ``"levels"`` an ordinal decision has a token for each choice up to its own, so that
    near choices share most of them; it is the sequence for prediction. In the sequence
    ``"adjacency"`` the decisions are the nodes of a chain.

    Examples
    --------
    >>> from emprox.spaces import SequenceSpace
    >>> space = SequenceSpace(
    ...     {"block": ["conv", "attention"], "kernel": [3, 5, 7], "heads": [2, 4, 8]},
    ...     conditions={"kernel": {"block": ["conv"]}, "heads": {"block": ["attention"]}},
    ... )
    >>> space.encode([{"block": "conv", "kernel": 7}, {"block": "attention", "heads": 2}])
    array([[0, 2, 0],
           [1, 0, 0]])
    >>> space.format(space.canonical({"block": "conv", "kernel": 7, "heads": 4}))
    '{"block": "conv", "kernel": 7}'
    >>> len(space.neighbors({"block": "conv", "kernel": 7}))
    3
    """

    title = "Any fixed list of categorical or ordinal decisions, some of them under conditions"
    default_sequence = "decisions"
    proximity_sequence = "levels"

    def __init__(
        self,
        decisions: Mapping[str, Sequence[Any]] | None = None,
        conditions: Conditions | None = None,
        name: str = "sequence",
        ordinal: Collection[str] | None = None,
    ) -> None:
        self.name = name
        self.conditions = {
            child: [
                {parent: list(values) for parent, values in rule.items()}
                for rule in ([rules] if isinstance(rules, Mapping) else rules)
            ]
            for child, rules in (conditions or {}).items()
        }
        self.ordinal = None if ordinal is None else tuple(ordinal)
        self.decisions: dict[str, tuple[Choice, ...]] | None = None
        if decisions is not None:
            self.decisions = {name: _check_choices(name, decisions[name]) for name in decisions}
            self._prepare(self.decisions)

    def __getattr__(self, attribute: str) -> Any:
        # What `_prepare` sets is missing as long as the decisions are not known.
        if attribute in ("n_choices", "operations", "sequences", "_index"):
            raise ArchitectureError(
                f"the decisions of the space {self.__dict__.get('name')!r} are not known yet: give"
                " them to SequenceSpace, or use the space that learn(architectures) returns"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r}")

    @classmethod
    def from_configspace(cls, configuration_space: Any, name: str | None = None) -> SequenceSpace:
        """Make a space of a configuration space of the package ConfigSpace.

        Parameters
        ----------
        configuration_space : ConfigSpace.ConfigurationSpace
            Categorical, ordinal and integer hyperparameters and constants, and their conditions.
            Ordinal and integer hyperparameters become ordinal decisions. Decisions stand in the
            order of the space, but after those that they depend on.
        name : str, default=None
            Name of the new space; by default the configuration space's own, or else "sequence".

        Returns
        -------
        SequenceSpace
            The space.

        Raises
        ------
        ValueError
            If a hyperparameter is continuous or has more than 1,000 values, or the space has
            forbidden combinations or conditions of an unknown kind.
        """
        decisions, conditions, ordinal = read_configuration_space(configuration_space)
        return cls(
            decisions,
            conditions,
            name or getattr(configuration_space, "name", None) or "sequence",
            ordinal,
        )

    @property
    def is_open(self) -> bool:
        """Whether the decisions are still to be learned."""
        return self.decisions is None

    def learn(self, architectures: Any) -> SearchSpace:
        """Return the space that these architectures are of.

        Parameters
        ----------
        architectures : sequence, array, Series or DataFrame
            Architectures in any form that `parse` reads, but no array of numbers: which values
            its columns stand for cannot be known. Sequences of values need no names; their
            decisions are called ``decision0`` and so on.

        Returns
        -------
        SequenceSpace
            If the decisions are given, the space itself. Otherwise a new space whose decisions
            have the values that occur, numbers and texts sorted. A decision that is missing
            somewhere, without a condition that explains it, may be left out. Values that do not
            occur here are refused later, so give the decisions if they are known.

        Raises
        ------
        ArchitectureError
            If an architecture cannot be read; ``index`` says which.
        """
        if not self.is_open:
            return self
        if isinstance(architectures, np.ndarray) and np.issubdtype(architectures.dtype, np.number):
            raise ArchitectureError(
                "the decisions cannot be learned from an array of numbers, which stands for"
                " positions among choices that are not known; give a DataFrame, dicts or tuples of"
                " values, or give the decisions to SequenceSpace"
            )
        columns, n_rows = read_columns(architectures, names=None)
        if not n_rows or not columns:
            raise ArchitectureError(
                "there are no architectures (0 samples) to learn decisions from"
            )
        learned: dict[str, tuple[Choice, ...]] = {}
        for name, values in columns.items():
            choices: set[Choice] = set()
            for index, value in enumerate(values):
                try:
                    choices.add(as_choice(value))
                except ValueError as error:
                    raise ArchitectureError(f"decision {name!r}: {error}", index) from error
            learned[name] = _learned_choices(choices)
        # Values that do not occur cannot make a decision active.
        conditions = {
            child: [
                {
                    parent: [value for value in values if value in learned.get(parent, ())]
                    for parent, values in rule.items()
                }
                for rule in rules
            ]
            for child, rules in self.conditions.items()
        }
        draft = type(self)(learned, conditions, self.name, self.ordinal)
        matrix = draft.encode(architectures)
        left_out = (matrix == 0) & draft._conditions.active(matrix)
        for position, (name, choices_of) in enumerate(learned.items()):
            explained = choices_of[0] is None and not left_out[:, position].any()
            if explained and len(choices_of) > 1:
                learned[name] = choices_of[1:]
        return type(self)(learned, conditions, self.name, self.ordinal)

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        matrix = self._check_decisions(decisions)
        columns = np.where(self._written(matrix), matrix, self._labels.shape[1] - 1)
        labels = self._labels[np.arange(self.n_decisions), columns].tolist()
        edges = tuple((node, node + 1) for node in range(self.n_decisions + 1))
        return [Architecture(("input", *row, "output"), edges, self.name) for row in labels]

    def format(self, architecture: Any) -> str:
        matrix = self._encode_one(architecture)
        written = self._written(matrix)[0]
        return json.dumps(
            {
                name: choices[choice]
                for name, choices, choice, shown in zip(
                    self._names, self._choices, matrix[0].tolist(), written, strict=True
                )
                if shown
            }
        )

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Drop the values that are kept for inactive decisions.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix; inactive decisions stand at their first choice.
        """
        matrix = self._check_decisions(decisions)
        return np.where(self._conditions.active(matrix), matrix, 0)

    def relabel(self, decisions: ArrayLike, random_state: RandomState = None) -> IntArray:
        """Give inactive decisions other values, which change nothing.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix.
        """
        matrix = self._check_decisions(decisions)
        drawn = as_generator(random_state).integers(self.n_choices, size=matrix.shape)
        return np.where(self._conditions.active(matrix), matrix, drawn)

    def mutate(
        self, architecture: Any, n_mutations: int = 1, random_state: RandomState = None
    ) -> Architecture:
        """Change some active decisions of an architecture at random.

        Parameters
        ----------
        architecture : Architecture, str, mapping or sequence
            An architecture in any form that `parse` reads.
        n_mutations : int, default=1
            How many decisions to change, each to another choice.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        Architecture
            An architecture that differs in exactly `n_mutations` decisions. Decisions that become
            active by it have the value kept for them, or their first choice.

        Raises
        ------
        ValueError
            If `n_mutations` is not between 1 and the number of active decisions with a choice.
        """
        child = self._encode_one(architecture)
        choices = np.asarray(self.n_choices)
        open_decisions = np.flatnonzero(self._conditions.active(child)[0] & (choices > 1))
        if not 1 <= n_mutations <= len(open_decisions):
            raise ValueError(
                f"n_mutations has to be between 1 and {len(open_decisions)}, got {n_mutations}"
            )
        rng = as_generator(random_state)
        changed = rng.choice(open_decisions, n_mutations, replace=False)
        steps = rng.integers(1, choices[changed])
        child[0, changed] = (child[0, changed] + steps) % choices[changed]
        return self.decode(child)[0]

    def neighbors(self, architecture: Any) -> list[Architecture]:
        """Return all architectures that differ in exactly one active decision.

        Parameters
        ----------
        architecture : Architecture, str, mapping or sequence
            An architecture in any form that `parse` reads.

        Returns
        -------
        list of Architecture
            The neighbours, by decision and then by choice.
        """
        center = self._encode_one(architecture)
        changes = [
            (decision, choice)
            for decision in np.flatnonzero(self._conditions.active(center)[0]).tolist()
            for choice in range(self.n_choices[decision])
            if choice != center[0, decision]
        ]
        around = np.repeat(center, len(changes), axis=0)
        for row, (decision, choice) in enumerate(changes):
            around[row, decision] = choice
        return self.decode(around)

    def enumerate(self) -> Iterator[Architecture]:
        rows = product(*map(range, self.n_choices))
        while chunk := list(islice(rows, 4096)):
            yield from self.decode(np.array(chunk))

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        self.get_sequence(sequence)
        matrix = self._check_decisions(decisions)
        name = self.default_sequence if sequence is None else sequence
        return self._tokens.write(matrix, self._written(matrix), name)

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_tokens(tokens, sequence)
        decisions = self._tokens.read(
            matrix, self.default_sequence if sequence is None else sequence
        )
        # A token that is not the decision's own, or padding where it is active, does not return.
        wrong = np.argwhere(self.tokenize(decisions, sequence) != matrix)
        if len(wrong):
            row, column = (int(position) for position in wrong[0])
            token = int(matrix[row, column])
            raise ArchitectureError(
                f"token {token} ({spec.vocabulary[token]}) at position {column} is not what an"
                " architecture has there",
                index=row,
            )
        return decisions

    def _read(self, architecture: Any) -> Sequence[int]:
        try:
            return self._items([architecture])[0].tolist()
        except ArchitectureError as error:
            raise ArchitectureError(error.message) from error

    def _items(self, architectures: Any) -> NDArray[Any]:
        """Read all architectures at once, decision by decision, into a decision matrix."""
        known = self._index  # before anything else, so that an open space says that it is open
        if _is_numbers(architectures) and architectures.ndim == 2:
            return architectures
        if isinstance(architectures, (list, tuple)):
            architectures = [
                self._values(item, index) if _is_numbers(item) else item
                for index, item in enumerate(architectures)
            ]
        columns, n_rows = read_columns(architectures, self._names)
        matrix = np.zeros((n_rows, self.n_decisions), dtype=np.int64)
        missing = np.zeros(matrix.shape, dtype=bool)
        for position, (name, index) in enumerate(zip(self._names, known, strict=True)):
            for row, value in enumerate(columns.get(name, [None] * n_rows)):
                try:
                    matrix[row, position] = index[value]
                # What cannot be hashed is no choice either.
                except (KeyError, TypeError):
                    if not is_missing(value):
                        raise ArchitectureError(self._not_a_choice(position, value), row) from None
                    missing[row, position] = True
        needed = np.argwhere(missing & self._conditions.active(matrix) & ~self._first_is_none)
        if len(needed):
            row, position = (int(place) for place in needed[0])
            raise ArchitectureError(self._not_a_choice(position, None), row)
        return matrix

    def _values(self, row: IntArray, index: int) -> list[Choice]:
        """Return the values of one row of a decision matrix."""
        try:
            numbers = self._check_decisions(row[None])[0].tolist()
        except ArchitectureError as error:
            raise ArchitectureError(error.message, index) from error
        return [choices[number] for choices, number in zip(self._choices, numbers, strict=True)]

    def _not_a_choice(self, position: int, value: Any) -> str:
        allowed = ", ".join(repr(choice) for choice in self._choices[position])
        got = "has no value" if value is None else f"is {value!r}"
        return f"decision {self._names[position]!r} {got}; it has to be one of {allowed}"

    def _written(self, matrix: IntArray) -> NDArray[np.bool_]:
        """Return which decisions have a value: active ones, and inactive ones that keep one."""
        return (self._conditions.active(matrix) & ~self._first_is_none) | (matrix > 0)

    def _prepare(self, decisions: Mapping[str, tuple[Choice, ...]]) -> None:
        """Set what follows from the decisions."""
        if not decisions:
            raise ValueError("a SequenceSpace needs at least one decision")
        self._names = tuple(decisions)
        self._choices = tuple(decisions.values())
        self.n_choices = tuple(map(len, self._choices))
        self._index = [
            {choice: number for number, choice in enumerate(choices) if choice is not None}
            for choices in self._choices
        ]
        self._first_is_none = np.array([choices[0] is None for choices in self._choices])
        self._conditions = DecisionConditions(decisions, self.conditions)
        ordinal = self.ordinal
        if ordinal is None:
            ordinal = tuple(name for name, choices in decisions.items() if _are_rising(choices))
        if unknown := [name for name in ordinal if name not in decisions]:
            raise ValueError(f"there is no decision {unknown[0]!r}, which is said to be ordinal")
        self._tokens = DecisionTokens(decisions, ordinal)
        self.sequences = self._tokens.sequences
        self.operations = tuple(
            label(name, choice)
            for name, choices in decisions.items()
            for choice in choices
            if choice is not None
        )
        self._labels = np.empty((self.n_decisions, max(self.n_choices) + 1), dtype=object)
        for position, (name, choices) in enumerate(decisions.items()):
            self._labels[position] = label(name, None)
            self._labels[position, : len(choices)] = [label(name, choice) for choice in choices]


def _check_choices(name: Any, choices: Any) -> tuple[Choice, ...]:
    """Return the choices of a decision, with None, if it is one, at the front."""
    if not isinstance(name, str) or not name or "=" in name:
        raise ValueError(f"the name of a decision has to be a text without '=', got {name!r}")
    if isinstance(choices, (str, bytes)) or not isinstance(choices, (Sequence, np.ndarray, range)):
        raise ValueError(f"the choices of {name!r} have to be a list, got {choices!r}")
    try:
        plain = [as_choice(choice) for choice in choices]
    except ValueError as error:
        raise ValueError(f"decision {name!r}: {error}") from error
    if not plain or len(set(plain)) < len(plain):
        raise ValueError(f"the choices of {name!r} have to be different, got {list(choices)!r}")
    return tuple(sorted(plain, key=lambda choice: choice is not None))


def _learned_choices(found: set[Choice]) -> tuple[Choice, ...]:
    """Sort None first, then numbers, then texts."""
    if None in found and all(
        choice is None or (isinstance(choice, float) and choice.is_integer()) for choice in found
    ):
        # A column of whole numbers with a gap is one of floating-point numbers in pandas.
        found = {None if choice is None else int(choice) for choice in found}
    numbers = [choice for choice in found if choice is not None and not isinstance(choice, str)]
    texts = [choice for choice in found if isinstance(choice, str)]
    return (*([None] if None in found else []), *sorted(numbers), *sorted(texts))


def _are_rising(choices: Sequence[Choice]) -> bool:
    """Return whether the choices are numbers, each larger than the one before."""
    numbers = [choice for choice in choices if choice is not None]
    return all(
        isinstance(choice, (int, float)) and not isinstance(choice, bool) for choice in numbers
    ) and numbers == sorted(numbers, key=float)


def _is_numbers(rows: Any) -> bool:
    """Return whether something is an array of numbers: decisions by their numbers."""
    return isinstance(rows, np.ndarray) and np.issubdtype(rows.dtype, np.number)
