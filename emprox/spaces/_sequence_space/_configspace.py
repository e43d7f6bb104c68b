"""Read the configuration spaces of the package ConfigSpace, which is not needed for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MAX_CHOICES = 1000

Rules = list[dict[str, list[Any]]]


def read_configuration_space(
    configuration_space: Any,
) -> tuple[dict[str, list[Any]], dict[str, Rules], list[str]]:
    """Read hyperparameters and conditions of a configuration space.

    Parameters
    ----------
    configuration_space : ConfigSpace.ConfigurationSpace
        The configuration space, or an object like it.

    Returns
    -------
    decisions : dict of {str: list}
        The choices of each hyperparameter; parents stand before what depends on them.
    conditions : dict of {str: list of dict}
        For each conditional hyperparameter the alternatives, each with the values of its parents.
    ordinal : list of str
        The hyperparameters whose choices have an order.

    Raises
    ------
    ValueError
        If something in the configuration space has no counterpart in a `SequenceSpace`.
    """
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
    order = parents_first(choices, conditions)
    return {name: choices[name] for name in order}, conditions, ordinal


def parents_first(names: Iterable[str], conditions: Mapping[str, Rules]) -> list[str]:
    """Sort names so that a decision stands after those that its conditions name.

    Parameters
    ----------
    names : iterable of str
        The names; they keep their order where they can.
    conditions : dict of {str: list of dict}
        The conditions of each name that has some.

    Returns
    -------
    list of str
        The names sorted.

    Raises
    ------
    ValueError
        If decisions depend on each other in a circle.
    """
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
    if hasattr(hyperparameter, "lower") and "Integer" in kind:
        lower, upper = int(hyperparameter.lower), int(hyperparameter.upper)
        if upper - lower < MAX_CHOICES:
            return list(range(lower, upper + 1)), True
        raise ValueError(
            f"the hyperparameter {hyperparameter.name!r} has {upper - lower + 1} values, which is"
            f" more than {MAX_CHOICES}; make it an ordinal one with fewer"
        )
    if kind == "Constant":
        return [hyperparameter.value], False
    raise ValueError(
        f"the hyperparameter {hyperparameter.name!r} ({kind}) has no list of choices; make it an"
        " ordinal or categorical one"
    )


def _read_condition(condition: Any, choices: Mapping[str, list[Any]]) -> tuple[str, Rules]:
    """Return the child of a condition, and the alternatives that make it active."""
    kind = type(condition).__name__
    if components := getattr(condition, "components", None):
        child, rules = _read_condition(components[0], choices)
        for component in components[1:]:
            _, more = _read_condition(component, choices)
            if kind == "OrConjunction":
                rules = rules + more
            elif kind == "AndConjunction":
                rules = _both(rules, more)
            else:
                raise ValueError(f"conditions of the kind {kind} are not known")
        return child, rules
    parent, value = condition.parent.name, getattr(condition, "value", None)
    order = {choice: position for position, choice in enumerate(choices[parent])}
    if kind == "InCondition":
        values = list(getattr(condition, "values", None) or value or ())
    elif kind == "EqualsCondition":
        values = [value]
    elif kind == "NotEqualsCondition":
        values = [choice for choice in order if choice != value]
    elif kind == "LessThanCondition":
        values = [choice for choice in order if order[choice] < order[value]]
    elif kind == "GreaterThanCondition":
        values = [choice for choice in order if order[choice] > order[value]]
    else:
        raise ValueError(f"conditions of the kind {kind} are not known")
    return condition.child.name, [{parent: values}]


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
