"""Conditions: which decisions are active, for many architectures at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...graphs._graphs import IntArray
from ...utils._texts import shown

# For each decision under conditions the alternatives, each with the values of earlier decisions.
Conditions = Mapping[str, Sequence[Mapping[str, Collection[Any]]]]


class ActiveDecisions:
    """Says which decisions of a matrix are active."""

    def __init__(self, choices: Mapping[str, Sequence[Any]], conditions: Conditions) -> None:
        names = list(choices)
        if unknown := [child for child in conditions if child not in names]:
            raise ValueError(f"there is no decision {unknown[0]!r}, which has a condition")
        # By decision: alternatives, each a list of (earlier decision, whether each choice counts).
        self._rules: dict[int, list[list[tuple[int, NDArray[np.bool_]]]]] = {}
        for child in sorted(conditions, key=names.index):
            self._rules[names.index(child)] = [
                [
                    (names.index(parent), self._counting(child, parent, values, choices))
                    for parent, values in rule.items()
                ]
                for rule in conditions[child]
            ]

    @staticmethod
    def _counting(
        child: str, parent: str, values: Collection[Any], choices: Mapping[str, Sequence[Any]]
    ) -> NDArray[np.bool_]:
        """Say which choices of a decision let another one be active."""
        names = list(choices)
        if parent not in names[: names.index(child)]:
            raise ValueError(
                f"the condition of {child!r} names {parent!r}, which is no earlier decision"
            )
        if unknown := [value for value in values if value not in choices[parent]]:
            raise ValueError(
                f"the condition of {child!r} names the value {shown(unknown[0])}, which is none of"
                f" the choices of {parent!r}"
            )
        return np.array([choice in values for choice in choices[parent]])

    def __call__(self, matrix: IntArray) -> NDArray[np.bool_]:
        """Say so for each decision of each architecture."""
        active = np.ones(matrix.shape, dtype=bool)
        for child, rules in self._rules.items():
            holds = np.zeros(len(matrix), dtype=bool)
            for rule in rules:
                met = np.ones(len(matrix), dtype=bool)
                for parent, counts in rule:
                    met &= active[:, parent] & counts[matrix[:, parent]]
                holds |= met
            active[:, child] = holds
        return active
