"""Configuration spaces of the package ConfigSpace, read as lists of decisions."""

import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest

from emprox.spaces import SequenceSpace, check_search_space

package = pytest.importorskip("ConfigSpace", reason="ConfigSpace is not installed")


def test_choices_and_conditions():
    real = package.ConfigurationSpace(name="cnn", seed=1)
    heads = package.Categorical("heads", [2, 4])
    size = package.OrdinalHyperparameter("size", ["s", "m", "l"])
    stem = package.Constant("stem", "conv")
    squeeze = package.Categorical("se", [True, False])
    block = package.Categorical("block", ["conv", "attn", "pool"])
    depth = package.Integer("depth", (1, 4))
    real.add(heads, size, stem, squeeze, block, depth)
    real.add(
        package.EqualsCondition(size, block, "conv"),
        package.OrConjunction(
            package.InCondition(heads, block, ["attn"]),
            package.LessThanCondition(heads, depth, 2),
        ),
        package.AndConjunction(
            package.GreaterThanCondition(squeeze, depth, 2),
            package.NotEqualsCondition(squeeze, block, "attn"),
        ),
    )
    space = SequenceSpace.from_configspace(real)
    check_search_space(space)
    assert space.name == "cnn"
    assert space.decisions["depth"] == (1, 2, 3, 4)
    assert set(space.ordinal) == {"size", "depth"}
    names = list(space.decisions)
    for child, parents in {"size": ["block"], "se": ["block", "depth"]}.items():
        assert all(names.index(parent) < names.index(child) for parent in parents)

    matrix = np.array(list(itertools.product(*map(range, space.n_choices))))
    kept = space.canonicalize(matrix) == matrix
    column = {name: matrix[:, place] for place, name in enumerate(names)}
    kinds = np.array(space.decisions["block"])[column["block"]]
    depths = column["depth"] + 1
    active = {
        "size": kinds == "conv",
        "heads": (kinds == "attn") | (depths < 2),
        "se": (kinds != "attn") & (depths > 2),
    }
    # An inactive decision does not keep its choice, unless that is the first.
    for name, is_active in active.items():
        np.testing.assert_array_equal(
            kept[:, names.index(name)], is_active | (column[name] == 0), err_msg=name
        )

    configurations = real.sample_configuration(200)
    decisions = space.encode(configurations)
    np.testing.assert_array_equal(space.canonicalize(decisions), decisions)
    for configuration, text in zip(configurations, space.format(decisions), strict=True):
        assert json.loads(text) == {
            name: getattr(value, "item", lambda value=value: value)()
            for name, value in dict(configuration).items()
        }
    assert SequenceSpace().learn(configurations).decisions["heads"] == (None, 2, 4)


def fake(*hyperparameters, conditions=(), forbidden=()):
    """Make an object that has what is read of a configuration space."""
    found = {item.name: item for item in hyperparameters}
    return SimpleNamespace(
        values=found.values, conditions=list(conditions), forbidden_clauses=forbidden
    )


def condition(kind, child, parent, value=None):
    names = {"child": SimpleNamespace(name=child), "parent": SimpleNamespace(name=parent)}
    return type(kind, (), {**names, "value": value})()


BLOCK = SimpleNamespace(name="block", choices=("conv", "attn"))
DEPTH = SimpleNamespace(name="depth", choices=(1, 2))
CIRCLE = [
    condition("EqualsCondition", "block", "depth", 1),
    condition("EqualsCondition", "depth", "block", "conv"),
]


@pytest.mark.parametrize(
    ("space", "word"),
    [
        (fake(package.Float("lr", (0.0, 1.0))), "lr"),
        (fake(package.Integer("n", (0, 10**9))), "'n'"),
        (fake(BLOCK, DEPTH, conditions=CIRCLE), "cycle"),
        (fake(BLOCK, DEPTH, conditions=[condition("Odd", "depth", "block")]), "Odd"),
        (fake(BLOCK, forbidden=[object()]), "forbidden"),
    ],
)
def test_configuration_spaces_without_a_counterpart(space, word):
    with pytest.raises(ValueError, match=word):
        SequenceSpace.from_configspace(space)
