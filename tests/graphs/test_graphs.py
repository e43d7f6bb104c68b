"""Batches of graphs: what is live, what lies along paths, and which compute the same."""

import itertools
from collections import Counter

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.graphs import (
    ABSENT,
    WIRE,
    Architecture,
    Graphs,
    canonical_orders,
    isomorphism_classes,
    reorder,
)

NAMES = ("a", "b")
seeds = st.integers(0, 2**32 - 1)


def random_graphs(rng, n_graphs=40, n_nodes=7, n_inputs=1, p_wire=0.3, p_edge=0.5):
    """Draw graphs whose nodes may be wires or missing."""
    edges = [(s, t) for t in range(n_inputs, n_nodes) for s in range(t) if t < n_nodes]
    kinds = [ABSENT, WIRE, 0, 1]
    chances = [0.1, p_wire, 0.45 - p_wire / 2, 0.45 - p_wire / 2]
    operations = rng.choice(kinds, size=(n_graphs, n_nodes), p=chances)
    operations[:, [*range(n_inputs), -1]] = WIRE
    present = rng.random((n_graphs, len(edges))) < p_edge
    return Graphs(operations, edges, NAMES, present, n_inputs=n_inputs)


def as_networkx(graphs, row):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(graphs.n_nodes))
    graph.add_edges_from(graphs.edges[edge] for edge in np.flatnonzero(graphs.there[:, row]))
    return graph


def signal_graph(graphs, row):
    """Build which node that computes reads which others, and over how many ways."""
    graph, operations = as_networkx(graphs, row), graphs.operations[row].tolist()
    last = graphs.n_nodes - 1
    found = nx.DiGraph()
    arriving = [Counter() for _ in operations]
    for node, operation in enumerate(operations):
        for source in graph.predecessors(node):
            arriving[node] += arriving[source]
        if node < graphs.n_inputs or node == last or operation >= 0:
            kind = "in" if node < graphs.n_inputs else "out" if node == last else operation
            found.add_node(node, label=(kind, node * (node < graphs.n_inputs)))
            for source, count in arriving[node].items():
                found.add_edge(source, node, count=count)
            arriving[node] = Counter({node: 1})
    ends = set(range(graphs.n_inputs)) | {last}
    reached = set().union(*(nx.descendants(found, node) for node in range(graphs.n_inputs)))
    return found.subgraph(ends | (reached & nx.ancestors(found, last)))


def isomorphic(left, right):
    return nx.is_isomorphic(
        left,
        right,
        node_match=lambda a, b: a["label"] == b["label"],
        edge_match=lambda a, b: a["count"] == b["count"],
    )


def permuted(graphs, rng):
    """Write the same graphs with their nodes in another order that the edges allow."""
    operations, presents = [], []
    for row in range(graphs.n_graphs):
        graph = as_networkx(graphs, row)
        ends = {0: -1, graphs.n_nodes - 1: 2}
        ranks = {node: ends.get(node, rng.random()) for node in graph}
        # The input stays first and the output last.
        graph.add_edges_from((0, node) for node in list(graph)[1:])
        graph.add_edges_from((node, graphs.n_nodes - 1) for node in list(graph)[:-1])
        order = list(nx.lexicographical_topological_sort(graph, key=ranks.get))
        operations.append(graphs.operations[row, order])
        adjacency = graphs.adjacency[row][np.ix_(order, order)]
        presents.append([adjacency[edge] for edge in graphs.edges])
    return Graphs(np.array(operations), graphs.edges, NAMES, np.array(presents))


@settings(max_examples=15)
@given(seed=seeds, n_inputs=st.integers(1, 2))
def test_live_parts_are_on_paths_from_an_input_to_the_output(seed, n_inputs):
    graphs = random_graphs(np.random.default_rng(seed), n_inputs=n_inputs)
    live = graphs.live()
    for row in range(graphs.n_graphs):
        graph, last = as_networkx(graphs, row), graphs.n_nodes - 1
        inputs = set(range(n_inputs))
        reached = inputs.union(*(nx.descendants(graph, node) for node in inputs))
        alive = reached & (nx.ancestors(graph, last) | {last})
        expected = [
            operation if node in alive | inputs | {last} else ABSENT
            for node, operation in enumerate(graphs.operations[row].tolist())
        ]
        assert live.operations[row].tolist() == expected
        kept = {edge for edge in graph.edges if set(edge) <= alive}
        assert set(as_networkx(live, row).edges) == kept
        assert graphs.connected[row] == (last in reached)


@settings(max_examples=15)
@given(seed=seeds, n_inputs=st.integers(1, 2))
def test_operations_along_paths(seed, n_inputs):
    graphs = random_graphs(np.random.default_rng(seed), n_nodes=6, n_inputs=n_inputs)
    operations, present = graphs.along_paths()
    for row, (words, there) in enumerate(zip(operations.tolist(), present, strict=True)):
        found = Counter(
            tuple(operation for operation in word if operation >= 0)
            for word, is_there in zip(words, there, strict=True)
            if is_there
        )
        graph = as_networkx(graphs, row)
        expected = Counter(
            tuple(o for o in graphs.operations[row, path].tolist() if o >= 0)
            for start in range(n_inputs)
            for path in nx.all_simple_paths(graph, start, graphs.n_nodes - 1)
        )
        assert found == expected


@settings(max_examples=8)
@given(seed=seeds, n_inputs=st.integers(1, 2))
def test_classes_are_those_of_an_independent_construction(seed, n_inputs):
    graphs = random_graphs(np.random.default_rng(seed), n_nodes=5 + n_inputs, n_inputs=n_inputs)
    classes = isomorphism_classes(graphs)
    signals = [signal_graph(graphs, row) for row in range(graphs.n_graphs)]
    for left, right in itertools.combinations(range(graphs.n_graphs), 2):
        assert (classes[left] == classes[right]) == isomorphic(signals[left], signals[right])


@settings(max_examples=15)
@given(seed=seeds, n_nodes=st.integers(3, 12), p_wire=st.sampled_from([0, 0.3]))
def test_the_order_of_nodes_does_not_change_the_class(seed, n_nodes, p_wire):
    rng = np.random.default_rng(seed)
    graphs = random_graphs(rng, n_nodes=n_nodes, p_wire=p_wire, p_edge=2 / n_nodes)
    other = permuted(graphs, rng)
    both = Graphs(
        np.concatenate([graphs.operations, other.operations]),
        graphs.edges,
        NAMES,
        np.concatenate([graphs.present, other.present]),
    )
    first, second = np.split(isomorphism_classes(both), 2)
    np.testing.assert_array_equal(first, second)


def two_rings(lengths):
    """Join nodes in rings, above and below alternating; all have two neighbours."""
    n_nodes = 2 * sum(lengths)
    adjacency = np.zeros((n_nodes, n_nodes), dtype=bool)
    start = 0
    for length in lengths:
        for place in range(length):
            for above in (place, (place + 1) % length):
                adjacency[start + place, n_nodes // 2 + start + above] = True
        start += length
    return adjacency


def test_graphs_that_refinement_alone_cannot_tell_apart():
    # One ring of twelve nodes, and two of six: every node looks like every other on its side.
    adjacency = np.stack([two_rings([6]), two_rings([3, 3])])
    rng = np.random.default_rng(0)
    shuffled = []
    for matrix in adjacency:
        for _ in range(10):
            sides = np.concatenate([rng.permutation(6), 6 + rng.permutation(6)])
            shuffled.append(matrix[np.ix_(sides, sides)])
    shuffled = np.array(shuffled)
    labels = np.ones(shuffled.shape[:2], dtype=np.int64)
    _, ordered = reorder(labels, shuffled, canonical_orders(labels, shuffled))
    assert len(np.unique(ordered[:10], axis=0)) == len(np.unique(ordered[10:], axis=0)) == 1
    assert (ordered[0] != ordered[10]).any()


def test_how_often_a_result_arrives_counts():
    # Over one wire, over two, and over a wire and another operation.
    operations = np.array([[WIRE, 0, WIRE, WIRE, WIRE]] * 2 + [[WIRE, 0, WIRE, 1, WIRE]])
    edges = [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)]
    present = np.ones((3, 5), dtype=bool)
    present[0, 2] = False
    graphs = Graphs(operations, edges, NAMES, present)
    assert len(set(isomorphism_classes(graphs).tolist())) == 3


def test_chains():
    chain = Graphs.chain(np.array([[0, 1, 0]]), NAMES, {"widths": np.array([[1, 2, 3]])})
    assert chain.edges == ((0, 1), (1, 2), (2, 3), (3, 4))
    assert chain.numbers["widths"].tolist() == [[1, 1, 2, 3, 3]]
    chains = Graphs.chain(np.array([[0, 1, 0], [1, 1, ABSENT]]), NAMES, optional=True)
    whole, short = chains.architectures("mine")
    assert whole == Architecture(
        ("input", "a", "b", "a", "output"), ((0, 1), (1, 2), (2, 3), (3, 4)), "mine"
    )
    assert short == Architecture(("input", "b", "b", "output"), ((0, 1), (1, 2), (2, 3)), "mine")


def test_edges_may_come_in_any_order():
    operations = np.array([[WIRE, 0, 1, WIRE], [WIRE, 0, 0, WIRE]])
    edges = [(2, 3), (1, 3), (0, 2), (0, 1)]
    graphs = Graphs(operations, edges, NAMES, np.array([[1, 1, 1, 1], [1, 0, 1, 1]]) > 0)
    assert graphs.edges == ((0, 1), (0, 2), (1, 3), (2, 3))
    assert graphs.live().operations.tolist() == [[WIRE, 0, 1, WIRE], [WIRE, ABSENT, 0, WIRE]]
    for wrong in [(1, 1), (2, 1), (0, 4), (-1, 2)]:
        with pytest.raises(ValueError, match="later"):
            Graphs(operations, [wrong], NAMES)
    with pytest.raises(ValueError, match="input"):
        Graphs(operations, [(0, 1)], NAMES, n_inputs=2)
    for wrong in (operations + 1, operations - 1, operations / 1, operations[0]):
        with pytest.raises(ValueError, match="operation"):
            Graphs(wrong, edges, NAMES)


def test_what_hands_nothing_on_can_be_left_out():
    graphs = Graphs.chain(np.array([[0, 1], [0, 0]]), NAMES).without([1])
    assert graphs.connected.tolist() == [False, True]
    assert graphs.operations.tolist() == [[WIRE, 0, ABSENT, WIRE], [WIRE, 0, 0, WIRE]]


def test_no_graphs_at_all():
    graphs = Graphs.chain(np.empty((0, 3), dtype=np.int64), NAMES)
    assert graphs.live().architectures() == []
    assert len(isomorphism_classes(graphs)) == 0
    assert graphs.along_paths()[0].shape == (0, 1, 3)
