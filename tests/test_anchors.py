import numpy as np
import pandas as pd
import pytest

from emprox import add_chance_anchor
from emprox.datasets import make_architectures
from emprox.spaces import ABSENT, ArchitectureError, get_space, list_spaces

CELLS = [
    "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
    "|none~0|+|avg_pool_3x3~0|none~1|+|none~0|none~1|nor_conv_1x1~2|",
]
WITH_ANCHOR = {"nasbench201", "nasbench_asr", "transnasbench101_micro"}


def has_path(space, decisions):
    """Walk along the edges of all kinds of cells, from the inputs to the output."""
    for graphs in space.cell_graphs(decisions[None]):
        reached = set(range(graphs.n_inputs))
        for (source, target), operation in zip(graphs.edges, graphs.operations[0], strict=True):
            stops = operation == ABSENT or (
                operation >= 0 and space.signal_operations[operation].effect == "block"
            )
            if source in reached and not stops:
                reached.add(target)
        if graphs.n_nodes - 1 in reached:
            return True
    return False


def test_adds_one_row_that_can_only_guess():
    X, y = add_chance_anchor(CELLS, [91.5, 88.0], "nasbench201", 10)
    space = get_space("nasbench201")
    assert X.shape == (3, 6)
    np.testing.assert_array_equal(X[:2], space.encode(CELLS))
    np.testing.assert_array_equal(X[2], space.operations.index("none"))
    np.testing.assert_array_equal(y, [91.5, 88, 10])


@pytest.mark.parametrize("name", sorted(set(list_spaces()) - {"dag", "sequence"}))
def test_every_space(name):
    space = get_space(name)
    cells, _ = make_architectures(name, 5, random_state=0, return_X_y=True)
    X, y = add_chance_anchor(cells, np.arange(5), space, 10)
    assert len(X) == len(y) == (6 if name in WITH_ANCHOR else 5)
    np.testing.assert_array_equal(X[:5], space.encode(cells))
    np.testing.assert_array_equal(y[:5], np.arange(5))
    if name in WITH_ANCHOR:
        np.testing.assert_array_equal(space.is_valid(X), True)
        assert not has_path(space, X[5])
        assert any(has_path(space, row) for row in X[:5])


def test_spaces_that_are_learned_have_none():
    cells = [("a", "b"), ("b", "b"), ("a", "c")]
    X, y = add_chance_anchor(cells, [1, 2, 3], "sequence", 0)
    assert X.shape == (3, 2)
    assert y.tolist() == [1, 2, 3]


def test_several_targets_and_pandas():
    frame = pd.DataFrame({"architecture": CELLS})
    targets = pd.DataFrame({"cifar10": [91.5, 88.0], "digits": [97.0, 96.5]})
    X, y = add_chance_anchor(frame["architecture"], targets, "nasbench201", 10.5)
    assert X.shape == (3, 6)
    np.testing.assert_array_equal(y, [[91.5, 97], [88, 96.5], [10.5, 10.5]])


def test_arguments_stay_as_they_are():
    decisions, accuracies = get_space("nasbench201").encode(CELLS), np.array([91.5, 88.0])
    before = decisions.copy(), accuracies.copy()
    X, y = add_chance_anchor(decisions, accuracies, "nasbench201", 10)
    X[:], y[:] = 0, 0
    np.testing.assert_array_equal(decisions, before[0])
    np.testing.assert_array_equal(accuracies, before[1])


def test_wrong_input():
    with pytest.raises(ArchitectureError, match="architecture 1: "):
        add_chance_anchor([CELLS[0], "|conv~0|"], [91.5, 88], "nasbench201", 10)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        add_chance_anchor(CELLS, [91.5], "nasbench201", 10)
    with pytest.raises(ValueError, match="could not convert string"):
        add_chance_anchor(CELLS, ["good", "bad"], "nasbench201", 10)
    with pytest.raises(ValueError, match="unknown search space"):
        add_chance_anchor(CELLS, [91.5, 88], "nasbench202", 10)
    with pytest.raises(ValueError, match="found no architectures"):
        add_chance_anchor([], [], "nasbench201", 10)
