import pickle
import random

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprox.graphs import Architecture, ArchitectureError


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
def test_from_networkx_accepts_any_names_and_order(architecture, random):
    names = [("node", number) for number in range(architecture.n_nodes)]
    graph = nx.DiGraph()
    for name in random.sample(names, len(names)):
        graph.add_node(name, kind=f"{name[1]}:{architecture.operations[name[1]]}")
    graph.add_edges_from((names[i], names[j]) for i, j in architecture.edges)
    found = Architecture.from_networkx(graph, "kind", architecture.space)
    old_numbers = [int(operation.split(":")[0]) for operation in found.operations]
    assert {(old_numbers[i], old_numbers[j]) for i, j in found.edges} == set(architecture.edges)
    assert found.space == architecture.space


@given(architectures())
def test_to_networkx_and_back(architecture):
    graph = architecture.to_networkx("kind")
    assert nx.is_directed_acyclic_graph(graph)
    assert list(graph.edges) == list(architecture.edges)
    again = Architecture.from_networkx(graph, "kind", architecture.space)
    assert again == architecture


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


@pytest.mark.parametrize(
    ("operations", "edges"),
    [
        *((["a", "b"], [edge]) for edge in [(1, 0), (0, 0), (0, 2), (-1, 1), (0.0, 1.0)]),
        *((["a", "b"], [edge]) for edge in [0, ("x", "y"), ("0", "1"), (0, 1, 2), (10**400, 1)]),
        (["a", "b"], [(0, 1), (0, 1)]),
        (["a", "b"], None),
        (["a", 3], []),
        ("ab", []),
        (None, []),
    ],
)
def test_impossible_graphs_are_refused(operations, edges):
    with pytest.raises(ArchitectureError):
        Architecture(operations, edges)


def test_a_cycle_is_refused():
    with pytest.raises(ArchitectureError, match=r"\[1, 2\]"):
        Architecture.from_adjacency(["a", "b", "c"], [[0, 1, 0], [0, 0, 1], [0, 1, 0]])


@pytest.mark.parametrize(
    "adjacency", [np.zeros((2, 2)), [[0, 1, 0], [0, 0]], [["0"] * 3] * 3, None]
)
def test_a_wrong_adjacency_is_refused(adjacency):
    with pytest.raises(ArchitectureError):
        Architecture.from_adjacency(["a", "b", "c"], adjacency)


def test_topological_order_keeps_the_given_order_where_it_can():
    rng = random.Random(0)
    names = [str(number) for number in range(60)]
    pairs = {tuple(sorted(rng.sample(range(60), 2))) for _ in range(150)}
    adjacency = np.zeros((60, 60))
    adjacency[tuple(zip(*pairs, strict=True))] = 1
    assert Architecture.from_adjacency(names, adjacency).operations == tuple(names)
    backward = Architecture.from_adjacency(names, adjacency.T)
    # By definition: always the first node all of whose predecessors have been taken.
    expected = []
    while len(expected) < 60:
        taken = set(map(int, expected))
        free = (
            n for n in range(60) if n not in taken and set(np.flatnonzero(adjacency[n])) <= taken
        )
        expected.append(str(next(free)))
    assert list(backward.operations) == expected


def cyclic_graph():
    graph = nx.DiGraph([("x", "y"), ("y", "z"), ("z", "y")])
    nx.set_node_attributes(graph, "conv", "operation")
    return graph


def named(operation):
    graph = nx.DiGraph()
    graph.add_node("x", operation=operation)
    return graph


@pytest.mark.parametrize(
    ("graph", "word"),
    [
        (cyclic_graph(), r"\['y', 'z'\]"),
        (nx.Graph(), "Graph"),
        (nx.MultiDiGraph(), "MultiDiGraph"),
        (nx.DiGraph([("x", "y")]), "'operation'"),
        ({"x": ["y"]}, "DiGraph"),
        (named(3), "strings"),
    ],
)
def test_other_graphs_of_networkx_are_refused(graph, word):
    with pytest.raises(ArchitectureError, match=word):
        Architecture.from_networkx(graph)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"operations": "ab", "edges": []}',
        '{"operations": ["a"]}',
        '{"operations": ["a"], "edges": [], "space": 3}',
        "print(1)",
        "[" * 100_000,
        '{"operations": ["a"], "operations": ["b"], "edges": []}',
        '{"operations": ["' + "a" * 1_000_000 + '"]}',
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ArchitectureError) as caught:
        Architecture.from_string(text)
    assert len(str(caught.value)) < 1000
