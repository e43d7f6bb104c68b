"""Read the configuration spaces of the package ConfigSpace, which is not needed for it."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from ...graphs._architecture import topological_order

MAX_CHOICES = 1000

Rules = list[dict[str, list[Any]]]

# Which of the parent's choices, by their places, make the child active.
_COMPARISONS = {
    "EqualsCondition": operator.eq,
    "NotEqualsCondition": operator.ne,
    "LessThanCondition": operator.lt,
    "GreaterThanCondition": operator.gt,
}


def read_configuration_space(
    configuration_space: Any,
) -> tuple[dict[str, list[Any]], dict[str, Rules], list[str]]:
    """Return the choices and conditions of all hyperparameters, and those that are ordinal."""
    if getattr(configuration_space, "forbidden_clauses", None):
        raise ValueError(
            "the configuration space has forbidden combinations, which a SequenceSpace does not"
            " know; write them as conditions, or leave them out"
        )
    found = {each.name: _read_choices(each) for each in configuration_space.values()}
    choices = {name: some for name, (some, _) in found.items()}
    ordinal = [name for name, (_, has_order) in found.items() if has_order]
    conditions: dict[str, Rules] = {}
    for condition in configuration_space.conditions:
        child, rules = _read_condition(condition, choices)
        # Several conditions on one hyperparameter have to hold together.
        conditions[child] = _both(conditions[child], rules) if child in conditions else rules
    names = list(choices)
    parents = [{parent for rule in conditions.get(name, []) for parent in rule} for name in names]
    leads_to = np.array([[name in some for some in parents] for name in names])
    order = topological_order(leads_to, names)
    return {names[place]: choices[names[place]] for place in order}, conditions, ordinal


def _read_choices(hyperparameter: Any) -> tuple[list[Any], bool]:
    """Return the choices of a hyperparameter, and whether they have an order."""
    kind = type(hyperparameter).__name__
    if hasattr(hyperparameter, "choices"):
        return list(hyperparameter.choices), False
    if hasattr(hyperparameter, "sequence"):
        return list(hyperparameter.sequence), True
    if kind == "Constant":
        return [hyperparameter.value], False
    if "Integer" in kind and hyperparameter.upper - hyperparameter.lower < MAX_CHOICES:
        return list(range(hyperparameter.lower, hyperparameter.upper + 1)), True
    raise ValueError(
        f"the hyperparameter {hyperparameter.name!r} ({kind}) has no list of at most"
        f" {MAX_CHOICES} choices; make it an ordinal or categorical one"
    )


def _read_condition(condition: Any, choices: Mapping[str, list[Any]]) -> tuple[str, Rules]:
    """Return the child of a condition, and the alternatives that make it active."""
    kind = type(condition).__name__
    if kind in ("AndConjunction", "OrConjunction"):
        (child, rules), *others = (_read_condition(part, choices) for part in condition.components)
        for _, more in others:
            rules = rules + more if kind == "OrConjunction" else _both(rules, more)
        return child, rules
    parent = condition.parent.name
    if kind == "InCondition":
        values = list(condition.values)
    elif kind in _COMPARISONS:
        place = choices[parent].index(condition.value)
        values = [c for n, c in enumerate(choices[parent]) if _COMPARISONS[kind](n, place)]
    else:
        raise ValueError(f"conditions of the kind {kind} are not known")
    return condition.child.name, [{parent: values}]


def _both(left: Rules, right: Rules) -> Rules:
    """Return the alternatives that hold where one on each side does."""
    return [
        {
            parent: [value for value in values if value in (other | one)[parent]]
            for parent, values in (one | other).items()
        }
        for one, other in product(left, right)
    ]
