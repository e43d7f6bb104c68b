"""The open space of fixed lists of decisions: MnasNet, Once-for-All, AutoFormer and the like."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...graphs import ArchitectureError, Graphs
from ...graphs._graphs import IntArray
from ...utils._texts import one_line, shown
from .._base import SearchSpace
from .._sequences import TokenSequence
from ._choices import (
    Choice,
    are_rising,
    as_choice,
    check_choices,
    is_missing,
    label,
    learned_choices,
)
from ._conditions import ActiveDecisions, Conditions
from ._configspace import read_configuration_space
from ._reading import Record, read_records
from ._tokens import make_sequences


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
    >>> space.format(space.canonicalize(space.encode([("conv", 7, 4)])))
    ['{"block": "conv", "kernel": 7}']
    >>> len(space.neighbors(space.encode([{"block": "conv", "kernel": 7}]))[0])
    3
    """

    title = "Any fixed list of categorical or ordinal decisions, some of them under conditions"
    default_sequence = "decisions"
    proximity_sequence = "levels"
    # Whether conditions may only name choices that there are.
    _has_all_choices = True
    # The choices that tokens are made for; all if None.
    known: Mapping[str, tuple[Choice, ...]] | None = None

    def __init__(
        self,
        decisions: Mapping[str, Sequence[Any]] | None = None,
        conditions: Mapping[str, Any] | None = None,
        name: str = "sequence",
        ordinal: Collection[str] | None = None,
    ) -> None:
        self.name = name
        self.conditions: Conditions = {
            child: [
                {parent: list(values) for parent, values in rule.items()}
                for rule in ([rules] if isinstance(rules, Mapping) else rules)
            ]
            for child, rules in (conditions or {}).items()
        }
        self.ordinal = None if ordinal is None else tuple(ordinal)
        self.decisions: dict[str, tuple[Choice, ...]] | None = None
        if decisions is None:
            return
        self.decisions = {name: check_choices(name, decisions[name]) for name in decisions}
        if not self.decisions:
            raise ValueError("a SequenceSpace needs at least one decision")
        if unknown := [name for name in self.ordinal or () if name not in self.decisions]:
            raise ValueError(f"there is no decision {unknown[0]!r}, which is said to be ordinal")
        self._active = ActiveDecisions(self.decisions, self.conditions, self._has_all_choices)
        self._first_is_none = np.array([some[0] is None for some in self.decisions.values()])

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
            Architectures in any form that `encode` reads, but no array of numbers: which values
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
        if _are_numbers(architectures):
            raise ArchitectureError(
                "decisions cannot be learned from an array of numbers, which are positions among"
                " choices that are not known; give a DataFrame, dicts or tuples of values"
            )
        records = read_records(architectures, None, self.name)
        if not any(records):
            raise ArchitectureError("no architectures (0 samples) to learn decisions from")
        return self._learn_choices(records)

    @property
    def choices(self) -> Mapping[str, tuple[Choice, ...]]:
        """The decisions by name, each with its choices."""
        if self.decisions is None:
            raise ArchitectureError(
                f"the decisions of the space {self.name!r} are not known yet: give them to"
                " SequenceSpace, or use the space that learn(architectures) returns"
            )
        return self.decisions

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """All choices, with the names of their decisions."""
        return tuple(
            label(name, choice)
            for name, choices in self.choices.items()
            for choice in choices
            if choice is not None
        )

    @cached_property
    def sequences(self) -> Mapping[str, TokenSequence]:
        """The ways to write an architecture as tokens."""
        known = self.known or self.choices
        return make_sequences(self.choices, known, self._ordinal, self._written)

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
        matrix = self._check(decisions)
        return np.where(self._active(matrix), matrix, 0)

    def _write_text(self, choices: Sequence[int]) -> str:
        (written,) = self._written(np.array([choices]))
        named = zip(self.choices.items(), choices, written, strict=True)
        return json.dumps({name: some[choice] for (name, some), choice, kept in named if kept})

    def _learn_choices(self, records: list[Record]) -> LearnedSequenceSpace:
        """Return the space of these records, and of the choices that are known already."""
        known = self.decisions or {}
        found = {name: set(known.get(name, ())) for each in (known, *records) for name in each}
        for index, record in enumerate(records):
            try:
                for name, choices in found.items():
                    choices.add(as_choice(record.get(name), name))
            except ValueError as error:
                raise ArchitectureError(str(error), index) from error
        learned = {name: learned_choices(choices) for name, choices in found.items()}
        draft = LearnedSequenceSpace(learned, self.conditions, self.name, self.ordinal, None)
        matrix = draft.encode(records)
        left_out = ((matrix == 0) & draft._active(matrix)).any(axis=0)
        for is_left_out, (name, some) in zip(left_out, learned.items(), strict=True):
            # A condition explains each missing value.
            if some[0] is None and not is_left_out and None not in known.get(name, ()):
                learned[name] = some[1:] or some
        words = self.known or self.decisions
        return LearnedSequenceSpace(learned, self.conditions, self.name, draft._ordinal, words)

    @property
    def _ordinal(self) -> Collection[str]:
        if self.ordinal is not None:
            return self.ordinal
        return [name for name, choices in self.choices.items() if are_rising(choices)]

    def _changeable(self, decisions: IntArray) -> NDArray[np.bool_]:
        return super()._changeable(decisions) & self._active(decisions)

    def _written(self, matrix: IntArray) -> NDArray[np.bool_]:
        """Return which decisions have a value: active ones, and inactive ones that keep one."""
        return (self._active(matrix) & ~self._first_is_none) | (matrix > 0)

    def _whole(self, decisions: ArrayLike) -> Graphs:
        matrix = self._check(decisions)
        names = [label(name, c) for name, some in self.choices.items() for c in (*some, None)]
        # Behind the choices of a decision stands the name of none.
        ends = np.cumsum(np.array(self.n_choices) + 1) - 1
        starts = ends - self.n_choices
        return Graphs.chain(np.where(self._written(matrix), matrix + starts, ends), names)

    def _split(self, architectures: Any) -> NDArray[Any]:
        """Read all architectures at once into a decision matrix."""
        if _are_numbers(architectures):
            return self._check(architectures)
        records = read_records(architectures, list(self.choices), self.name)
        matrix = np.zeros((len(records), self.n_decisions), dtype=np.int64)
        for position, (name, choices) in enumerate(self.choices.items()):
            numbers = {choice: number for number, choice in enumerate(choices)}
            for row, record in enumerate(records):
                value = record.get(name)
                try:
                    matrix[row, position] = numbers[value]
                # What cannot be hashed is no choice either.
                except (KeyError, TypeError):
                    if not is_missing(value):
                        raise ArchitectureError(_not_a_choice(name, choices, value), row) from None
                    matrix[row, position] = -1
        missing, matrix = matrix < 0, matrix.clip(0)
        for row, position in np.argwhere(missing & self._active(matrix) & ~self._first_is_none):
            name, choices = list(self.choices.items())[position]
            raise ArchitectureError(_not_a_choice(name, choices, None), int(row))
        return matrix


class LearnedSequenceSpace(SequenceSpace):
    """A space whose choices are those that occurred in some architectures; it can be extended."""

    _has_all_choices = False

    def __init__(self, decisions: Any, conditions: Any, name: str, ordinal: Any, known: Any):
        super().__init__(decisions, conditions, name, ordinal)
        self.known = known

    def extend(self, architectures: Any) -> SearchSpace:
        if _are_numbers(architectures):
            return self
        wider = self._learn_choices(read_records(architectures, list(self.choices), self.name))
        return self if wider.decisions == self.decisions else wider


def _not_a_choice(name: str, choices: Sequence[Choice], value: Any) -> str:
    allowed = ", ".join(repr(choice) for choice in choices)
    got = "has no value" if value is None else f"is {shown(value)}"
    return f"decision {name!r} {got}; it has to be one of {one_line(allowed, 300)}"


def _are_numbers(rows: Any) -> bool:
    """Return whether rows are a matrix of numbers, or arrays: decisions by their numbers."""
    first = rows[0] if isinstance(rows, (list, tuple)) and len(rows) else rows
    return isinstance(first, np.ndarray) and np.issubdtype(first.dtype, np.number)
