"""Conditions: which decisions are active, for many architectures at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._sequences import IntArray
from ._records import Choice


class DecisionConditions:
    """Conditions on earlier decisions.

    Parameters
    ----------
    decisions : mapping of str to sequence of choices
        The choices of each decision, in order.
    conditions : mapping of str to sequence of mapping
        For each conditional decision the alternatives, of which one has to hold: for each
        decision that it depends on, the values that make it active.

    Raises
    ------
    ValueError
        If a condition names a decision that does not come earlier, or a value that it does not
        have.
    """

    def __init__(
        self,
        decisions: Mapping[str, Sequence[Choice]],
        conditions: Mapping[str, Sequence[Mapping[str, Collection[Any]]]],
    ) -> None:
        names = list(decisions)
        # By decision: alternatives, each a list of (earlier decision, whether each choice counts).
        self._rules: list[tuple[int, list[list[tuple[int, NDArray[np.bool_]]]]]] = []
        for child in sorted(
            conditions, key=lambda name: names.index(name) if name in names else -1
        ):
            if child not in decisions:
                raise ValueError(f"there is no decision {child!r}, which has a condition")
            for parent, values in (pair for rule in conditions[child] for pair in rule.items()):
                if parent not in names[: names.index(child)]:
                    raise ValueError(
                        f"the condition of {child!r} names {parent!r}, which is no earlier decision"
                    )
                if unknown := [value for value in values if value not in decisions[parent]]:
                    raise ValueError(
                        f"the condition of {child!r} names the value {unknown[0]!r}, which is none"
                        f" of the choices of {parent!r}"
                    )
            rules = [
                [
                    (
                        names.index(parent),
                        np.array([choice in values for choice in decisions[parent]]),
                    )
                    for parent, values in rule.items()
                ]
                for rule in conditions[child]
            ]
            self._rules.append((names.index(child), rules))

    def active(self, matrix: IntArray) -> NDArray[np.bool_]:
        """Return which decisions are active.

        Parameters
        ----------
        matrix : ndarray of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            True where active.
        """
        active = np.ones(matrix.shape, dtype=bool)
        for child, rules in self._rules:
            holds = np.zeros(len(matrix), dtype=bool)
            for rule in rules:
                met = np.ones(len(matrix), dtype=bool)
                for parent, counts in rule:
                    met &= active[:, parent] & counts[matrix[:, parent]]
                holds |= met
            active[:, child] = holds
        return active
