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

    def __init__(
        self, choices: Mapping[str, Sequence[Any]], conditions: Conditions, are_all: bool
    ) -> None:
        # By decision: alternatives, each a list of (earlier decision, whether each choice counts).
        self._rules: dict[int, list[list[tuple[int, NDArray[np.bool_]]]]] = {}
        places = {name: place for place, name in enumerate(choices)}
        for child, rules in conditions.items():
            if child not in places:
                raise ValueError(f"there is no decision {child!r}, which has a condition")
            for parent, values in (item for rule in rules for item in rule.items()):
                what = f"the condition of {child!r} names"
                if places.get(parent, len(places)) >= places[child]:
                    raise ValueError(f"{what} {parent!r}, which is no earlier decision")
                unknown = [value for value in values if value not in choices[parent]]
                if unknown and are_all:
                    raise ValueError(
                        f"{what} the value {shown(unknown[0])}, which is none of the choices of"
                        f" {parent!r}"
                    )
            self._rules[places[child]] = [
                [
                    (places[parent], np.array([choice in values for choice in choices[parent]]))
                    for parent, values in rule.items()
                ]
                for rule in rules
            ]

    def __call__(self, matrix: IntArray) -> NDArray[np.bool_]:
        """Say so for each decision of each architecture."""
        active = np.ones(matrix.shape, dtype=bool)
        for child in sorted(self._rules):
            holds = np.zeros(len(matrix), dtype=bool)
            for rule in self._rules[child]:
                met = [active[:, parent] & counts[matrix[:, parent]] for parent, counts in rule]
                holds |= np.logical_and.reduce(met, axis=0)
            active[:, child] = holds
        return active
