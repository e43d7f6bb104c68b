"""Read the configuration spaces of the package ConfigSpace, which is not needed for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MAX_CHOICES = 1000

Rules = list[dict[str, list[Any]]]


def read_configuration_space(
    configuration_space: Any,
) -> tuple[dict[str, list[Any]], dict[str, Rules], list[str]]:
    """Return the choices and conditions of all hyperparameters, and those that are ordinal."""
    if getattr(configuration_space, "forbidden_clauses", None):
        raise ValueError(
            "the configuration space has forbidden combinations, which a SequenceSpace does not"
            " know; write them as conditions, or leave them out"
        )
    choices: dict[str, list[Any]] = {}
    ordinal = []
    for hyperparameter in configuration_space.values():
        choices[hyperparameter.name], has_order = _read_choices(hyperparameter)
        if has_order:
            ordinal.append(hyperparameter.name)
    conditions: dict[str, Rules] = {}
    for condition in configuration_space.conditions:
        child, rules = _read_condition(condition, choices)
        # Several conditions on one hyperparameter have to hold together.
        conditions[child] = _both(conditions[child], rules) if child in conditions else rules
    order = _parents_first(choices, conditions)
    return {name: choices[name] for name in order}, conditions, ordinal


def _parents_first(names: Iterable[str], conditions: Mapping[str, Rules]) -> list[str]:
    """Sort names so that a decision stands after those that its conditions name."""
    waiting, order = list(names), []
    while waiting:
        for name in waiting:
            if not {parent for rule in conditions.get(name, []) for parent in rule} & {*waiting}:
                break
        else:
            raise ValueError(f"the conditions of {', '.join(waiting)} go round in a circle")
        waiting.remove(name)
        order.append(name)
    return order


def _read_choices(hyperparameter: Any) -> tuple[list[Any], bool]:
    """Return the choices of a hyperparameter, and whether they have an order."""
    if hasattr(hyperparameter, "choices"):
        return list(hyperparameter.choices), False
    if hasattr(hyperparameter, "sequence"):
        return list(hyperparameter.sequence), True
    kind = type(hyperparameter).__name__
    if kind == "Constant":
        return [hyperparameter.value], False
    n_values = 0
    if hasattr(hyperparameter, "lower") and "Integer" in kind:
        n_values = int(hyperparameter.upper) - int(hyperparameter.lower) + 1
    if not 1 <= n_values <= MAX_CHOICES:
        raise ValueError(
            f"the hyperparameter {hyperparameter.name!r} ({kind}) has no list of at most"
            f" {MAX_CHOICES} choices; make it an ordinal or categorical one"
        )
    return [int(hyperparameter.lower) + step for step in range(n_values)], True


def _read_condition(condition: Any, choices: Mapping[str, list[Any]]) -> tuple[str, Rules]:
    """Return the child of a condition, and the alternatives that make it active."""
    kind = type(condition).__name__
    if components := getattr(condition, "components", None):
        (child, rules), *others = (_read_condition(part, choices) for part in components)
        for _, more in others:
            if kind not in ("OrConjunction", "AndConjunction"):
                raise ValueError(f"conditions of the kind {kind} are not known")
            rules = rules + more if kind == "OrConjunction" else _both(rules, more)
        return child, rules
    parent, value = condition.parent.name, getattr(condition, "value", None)
    order = choices[parent]
    place = order.index(value) if value in order else 0
    values = {
        "InCondition": lambda: list(getattr(condition, "values", None) or value or ()),
        "EqualsCondition": lambda: [value],
        "NotEqualsCondition": lambda: [choice for choice in order if choice != value],
        "LessThanCondition": lambda: order[:place],
        "GreaterThanCondition": lambda: order[place + 1 :],
    }
    if kind not in values:
        raise ValueError(f"conditions of the kind {kind} are not known")
    return condition.child.name, [{parent: values[kind]()}]


def _both(left: Rules, right: Rules) -> Rules:
    """Return the alternatives that hold where one on each side does."""
    rules = []
    for one in left:
        for other in right:
            rule = {**one, **other}
            for parent in one.keys() & other.keys():
                rule[parent] = [value for value in one[parent] if value in other[parent]]
            rules.append(rule)
    return rules
