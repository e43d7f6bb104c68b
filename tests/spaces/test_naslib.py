import networkx as nx
import pytest

from emprox.spaces import Architecture, ArchitectureError, from_naslib


class Primitive:
    """Names itself by a property, as the primitives of NASLib do."""

    def __init__(self, name):
        self.name = name

    @property
    def get_op_name(self):
        return self.name


class Zero:
    """A primitive without a name of its own."""


class EdgeData:
    """NASLib's edge data: no dict, but it can be read like one, and misses items in its own way."""

    def __init__(self, **data):
        self._data = data

    def __getitem__(self, key):
        return getattr(self, key)

    def __getattr__(self, key):
        if key.startswith("_") or key not in self._data:
            raise AttributeError(f"Cannot find field {key!r}")
        return self._data[key]

    def update(self, other):
        self._data.update(other._data if isinstance(other, EdgeData) else other)


class Graph(nx.DiGraph):
    """NASLib's graph as far as it is read: edge data objects, and nodes that can hold graphs."""

    edge_attr_dict_factory = EdgeData
    input_node_idxs = None

    def set_input(self, node_idxs):
        self.input_node_idxs = node_idxs
        return self


def make_graph(edges, subgraphs=()):
    graph = Graph()
    for source, target, operation in edges:
        graph.add_edge(source, target)
        named = Primitive(operation) if isinstance(operation, str) else operation
        graph.edges[source, target].update({"op": named})
    for node, subgraph in dict(subgraphs).items():
        graph.nodes[node]["subgraph"] = subgraph
    return graph


def test_a_cell_becomes_its_line_graph():
    cell = make_graph(
        [
            (1, 2, "conv3x3"),
            (1, 3, "skip"),
            (1, 4, Zero()),
            (2, 3, "conv1x1"),
            (2, 4, "pool"),
            (3, 4, "conv3x3"),
        ]
    )
    expected = Architecture(
        ["input", "conv3x3", "skip", "Zero", "conv1x1", "pool", "conv3x3", "output"],
        [
            *[(0, 1), (0, 2), (0, 3)],  # the input to the operations from node 1
            *[(1, 4), (1, 5)],  # 1->2 to 2->3 and 2->4
            *[(2, 6), (4, 6)],  # 1->3 and 2->3 to 3->4
            *[(3, 7), (5, 7), (6, 7)],  # the operations into node 4 to the output
        ],
        "nasbench201",
    )
    assert from_naslib(cell, space="nasbench201") == expected


def test_the_order_in_which_edges_were_added_does_not_matter():
    edges = [(1, 2, "a"), (1, 3, "b"), (2, 3, "c"), (3, 4, "d")]
    assert from_naslib(make_graph(edges)) == from_naslib(make_graph(edges[::-1]))


def test_graphs_on_edges_are_unfolded():
    inner = make_graph([(1, 2, "conv"), (1, 3, "skip"), (2, 3, "relu")])
    outer = make_graph([(1, 2, "stem"), (2, 3, inner), (3, 4, inner)])
    found = from_naslib(outer)
    assert found.operations == (
        *("input", "stem"),
        *("conv", "skip", "relu"),
        *("conv", "skip", "relu"),
        "output",
    )
    assert found.edges == (
        *[(0, 1), (1, 2), (1, 3), (2, 4)],
        *[(3, 5), (3, 6), (4, 5), (4, 6)],
        *[(5, 7), (6, 8), (7, 8)],
    )


def test_graphs_on_nodes_take_their_inputs_from_the_nodes_that_they_name():
    cell = make_graph([(1, 3, "left"), (2, 3, "right")]).set_input([2, 1])
    outer = make_graph([(1, 2, "a"), (1, 3, "b"), (2, 3, "c"), (3, 4, "d")], subgraphs={3: cell})
    found = from_naslib(outer)
    assert found.operations == ("input", "a", "b", "c", "left", "right", "d", "output")
    # Input node 1 of the cell is what comes from node 2 (c), and node 2 what comes from 1 (b).
    assert {(3, 4), (2, 5), (4, 6), (5, 6), (6, 7)} <= set(found.edges)
    assert {(2, 4), (3, 5)}.isdisjoint(found.edges)


def test_several_inputs_and_a_plain_digraph():
    graph = nx.DiGraph()
    graph.add_edge("x", "z", op=Primitive("left"))
    graph.add_edge("y", "z", op=Zero)
    assert from_naslib(graph) == Architecture(
        ["input", "input", "left", "Zero", "output"], [(0, 2), (1, 3), (2, 4), (3, 4)]
    )


@pytest.mark.parametrize(
    ("graph", "word"),
    [
        (make_graph([(1, 2, "a"), (2, 3, "b"), (3, 2, "c")]), "cycle"),
        (make_graph([(1, 2, [Primitive("a"), Primitive("b")])]), "1 -> 2 .*2"),
        (nx.DiGraph([(1, 2)]), "1 -> 2 .*'op'"),
        (Graph([(1, 2)]), "1 -> 2 .*'op'"),
        (make_graph([(1, 2, make_graph([]))]), "no nodes"),
        (make_graph([(1, 2, nx.Graph())]), "NASLib"),
        (Graph(), "no nodes"),
        (make_graph([(1, "x", "a"), (1, 2, "b")]), "sorted"),
        (nx.MultiDiGraph(), "NASLib"),
        ({"op": "conv"}, "NASLib"),
        (
            make_graph(
                [(1, 2, "a"), (2, 3, "b")],
                {2: make_graph([(1, 2, "c")]).set_input([7])},
            ),
            r"inputs \[7\].*\[1\]",
        ),
    ],
)
def test_other_shapes_are_refused(graph, word):
    with pytest.raises(ArchitectureError, match=word):
        from_naslib(graph)
