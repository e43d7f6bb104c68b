import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprox.spaces import Architecture, ArchitectureError


@st.composite
def architectures(draw):
    n_nodes = draw(st.integers(0, 7))
    operations = draw(st.lists(st.text(max_size=5), min_size=n_nodes, max_size=n_nodes))
    pairs = [(i, j) for j in range(n_nodes) for i in range(j)]
    edges = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    space = draw(st.none() | st.text(max_size=5))
    return Architecture(tuple(operations), tuple(edges), space)


@given(architectures())
def test_string_and_pickle_give_the_same_architecture(architecture):
    assert Architecture.from_string(str(architecture)) == architecture
    again = pickle.loads(pickle.dumps(architecture))
    assert again == architecture
    assert hash(again) == hash(architecture)


@given(architectures(), st.randoms(use_true_random=False))
def test_from_adjacency_accepts_any_node_order(architecture, random):
    order = list(range(architecture.n_nodes))
    random.shuffle(order)
    operations = [f"{node}:{architecture.operations[node]}" for node in order]
    shuffled = Architecture.from_adjacency(
        operations, architecture.adjacency[np.ix_(order, order)], architecture.space
    )
    # The nodes carry their old number, so that the edges can be compared by name.
    names = {
        (int(shuffled.operations[i].split(":")[0]), int(shuffled.operations[j].split(":")[0]))
        for i, j in shuffled.edges
    }
    assert names == set(architecture.edges)


def test_is_frozen_and_usable_as_a_key():
    cell = Architecture(["input", "conv", "output"], [(1, 2), (0, 1)])
    assert cell.edges == ((0, 1), (1, 2))
    assert {cell: 1}[Architecture(("input", "conv", "output"), ((0, 1), (1, 2)))] == 1
    with pytest.raises(AttributeError):
        cell.space = "other"


def test_adjacency_of_a_hand_made_cell():
    cell = Architecture(["input", "a", "b", "output"], [(0, 1), (0, 2), (1, 3), (2, 3)])
    expected = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    np.testing.assert_array_equal(cell.adjacency, expected)
    assert Architecture(["alone"], []).adjacency.tolist() == [[0]]


@pytest.mark.parametrize(
    ("operations", "edges", "message"),
    [
        (["a", "b"], [(1, 0)], "lower to a higher"),
        (["a", "b"], [(0, 0)], "lower to a higher"),
        (["a", "b"], [(0, 2)], "there are 2 nodes"),
        (["a", "b"], [(-1, 1)], "not allowed"),
        (["a", "b"], [(0, 1), (0, 1)], "stands twice"),
        (["a", "b"], [0], "pairs"),
        (["a", "b"], [("x", "y")], "pairs"),
        (["a", 3], [], "have to be strings"),
    ],
)
def test_impossible_graphs_are_refused(operations, edges, message):
    with pytest.raises(ArchitectureError, match=message):
        Architecture(operations, edges)


def test_a_cycle_is_refused():
    with pytest.raises(ArchitectureError, match=r"cycle through some of the nodes \[1, 2\]"):
        Architecture.from_adjacency(["a", "b", "c"], [[0, 1, 0], [0, 0, 1], [0, 1, 0]])


def test_an_adjacency_of_the_wrong_shape_is_refused():
    with pytest.raises(ArchitectureError, match=r"shape \(3, 3\), got \(2, 2\)"):
        Architecture.from_adjacency(["a", "b", "c"], np.zeros((2, 2)))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"operations": "ab", "edges": []}', '{"operations": ["a"]}', "print(1)"],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ArchitectureError):
        Architecture.from_string(text)
