import itertools
import json
import pickle

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from torch import nn

from emprox import ArchitectureTokenizer
from emprox.properties import StructuralProperties
from emprox.spaces import (
    Architecture,
    ArchitectureError,
    DAGSpace,
    SignalOperation,
    check_search_space,
)

SPACE = DAGSpace(("a", "b", "c"), 6)
LIMITED = DAGSpace(("a", "b", "c"), 12, max_edges=14)
NETWORKS = DAGSpace(("in", "conv", "pool", "out"), 8, input="in", output="out")
SPACES = pytest.mark.parametrize("space", [SPACE, LIMITED, NETWORKS], ids=["all", "few", "net"])
seeds = st.integers(0, 2**32 - 1)

RESIDUAL = Architecture(["in", "conv", "out"], [(0, 1), (0, 2), (1, 2)])
CHAIN = Architecture(["in", "conv", "conv", "out"], [(0, 1), (1, 2), (2, 3)])


def canonical(space, graph):
    return space.decode(space.canonicalize(space.encode([graph])))[0]


def shuffled(graph, rng):
    """Number the nodes otherwise."""
    order = rng.permutation(graph.n_nodes)
    return [graph.operations[node] for node in order], graph.adjacency[np.ix_(order, order)]


@SPACES
@settings(max_examples=8)
@given(seed=seeds)
def test_contract(space, seed):
    check_search_space(space, n_architectures=20, random_state=seed)


class TestCanonicalForm:
    def test_classes_of_all_small_graphs_are_the_isomorphism_classes(self):
        space = DAGSpace(("a", "b"), 4)
        decisions = np.concatenate(list(space.enumerate()))
        classes = {}
        for graph, row in zip(space.decode(decisions), space.canonicalize(decisions), strict=True):
            classes.setdefault(row.tobytes(), []).append(graph)
        smallest = {
            key: {smallest_description(graph) for graph in graphs}
            for key, graphs in classes.items()
        }
        assert {len(descriptions) for descriptions in smallest.values()} == {1}
        assert len(set.union(*smallest.values())) == len(classes)

    @settings(max_examples=30, deadline=None)
    @given(seed=seeds, n_nodes=st.integers(2, 30), n_labels=st.integers(1, 3))
    def test_it_is_a_relabelling_that_no_numbering_influences(self, seed, n_nodes, n_labels):
        rng = np.random.default_rng(seed)
        names = [str(label) for label in range(n_labels)]
        space = DAGSpace(names, n_nodes)
        (graph,) = space.decode(space.sample(1, rng))
        form = canonical(space, graph)
        assert canonical(space, shuffled(graph, rng)) == form
        assert nx.is_isomorphic(
            graph.to_networkx(), form.to_networkx(), node_match=lambda u, v: u == v
        )

    @pytest.mark.parametrize("build", ["chains", "alike", "rook"])
    def test_very_symmetric_graphs(self, build):
        edges = {"chains": equal_chains, "alike": colour_twins, "rook": rook_and_shrikhande}[
            build
        ]()
        n_nodes = 1 + max(map(max, edges))
        graph = Architecture(["a"] * n_nodes, edges)
        space = DAGSpace().learn([graph])
        form = canonical(space, graph)
        rng = np.random.default_rng(0)
        for _ in range(5):
            assert canonical(space, shuffled(graph, rng)) == form

    def test_is_depth_first(self):
        # Two branches of a 1x1 and of two convolutions: one after the other, the long one first.
        graph = Architecture(
            ["in", "short", "long1", "long2", "add"], [(0, 1), (0, 2), (1, 4), (2, 3), (3, 4)]
        )
        space = DAGSpace().learn([graph])
        assert canonical(space, graph).operations == ("in", "long1", "long2", "short", "add")

    def test_nodes_that_do_not_matter_are_dropped(self):
        graph = Architecture(
            ["in", "conv", "pool", "pool", "conv", "out"],
            [(0, 1), (1, 5), (1, 2), (3, 4), (4, 5)],  # 2 leads nowhere, 3 and 4 have no input
        )
        kept = Architecture(["in", "conv", "out"], [(0, 1), (1, 2)], "dag")
        leading = Architecture(
            ["in", "conv", "pool", "conv", "out"], [(0, 1), (1, 4), (2, 3), (3, 4)], "dag"
        )
        names = ("in", "conv", "pool", "out")
        assert canonical(NETWORKS, graph) == kept
        without_input = DAGSpace(names, 8, output="out")
        assert canonical(without_input, graph) == canonical(without_input, leading)
        assert canonical(without_input, graph).n_nodes == 5
        assert canonical(DAGSpace(names, 8), graph).n_nodes == 6

    def test_an_output_that_no_input_reaches_keeps_what_leads_there(self):
        graph = Architecture(["pool", "out"], [(0, 1)], "dag")
        assert canonical(NETWORKS, graph) == graph


def smallest_description(graph):
    """Describe the isomorphism class of a graph by trying all orders of its nodes."""
    descriptions = []
    for order in itertools.permutations(range(graph.n_nodes)):
        adjacency = graph.adjacency[np.ix_(order, order)]
        if not np.tril(adjacency).any():
            labels = tuple(graph.operations[node] for node in order)
            descriptions.append((labels, adjacency.tobytes()))
    return min(descriptions)


def equal_chains():
    """Eight chains of three nodes between a source and a sink."""
    edges = []
    for chain in range(8):
        nodes = [0, *range(1 + 3 * chain, 4 + 3 * chain), 25]
        edges += itertools.pairwise(nodes)
    return edges


def colour_twins():
    """Two sources that colour refinement cannot tell apart, and that are different nevertheless.

    The one leads to a cycle of eight nodes, the other to two cycles of four.
    """
    edges = [(0, n) for n in range(2, 6)] + [(1, n) for n in range(6, 10)]
    for step in range(4):
        edges += [(2 + step, 10 + step), (2 + step, 10 + (step + 1) % 4)]
    edges += [
        (6 + i, 14 + j) for half in (0, 2) for i, j in itertools.product((half, half + 1), repeat=2)
    ]
    return edges + [(n, 18) for n in range(10, 18)]


def rook_and_shrikhande():
    """Two strongly regular graphs that are hard to tell apart, as nodes and edges of one graph."""
    rook = nx.convert_node_labels_to_integers(nx.line_graph(nx.complete_bipartite_graph(4, 4)))
    steps = [(0, 1), (1, 0), (1, 1)]
    shrikhande = nx.Graph(
        (4 * x + y, 4 * ((x + i) % 4) + (y + j) % 4)
        for x, y, (i, j) in itertools.product(range(4), range(4), steps)
    )
    both = nx.disjoint_union(rook, shrikhande)
    edges = []
    for number, (u, v) in enumerate(both.edges, start=len(both)):
        edges += [(u, number), (v, number)]
    sink = len(both) + both.number_of_edges()
    return edges + [(number, sink) for number in range(len(both), sink)]


class TestForms:
    def test_all_forms_are_the_same_graph(self):
        matrix = [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
        backward = np.array(matrix)[::-1, ::-1]
        forms = [
            RESIDUAL,
            Architecture(RESIDUAL.operations, RESIDUAL.edges, "some other space"),
            str(RESIDUAL),
            json.dumps({"operations": ["in", "conv", "out"], "edges": [[0, 1], [0, 2], [1, 2]]}),
            {"operations": ["in", "conv", "out"], "edges": [(0, 1), (0, 2), (1, 2)]},
            {"operations": ["in", "conv", "out"], "adjacency": matrix},
            (("in", "conv", "out"), matrix),
            [["in", "conv", "out"], np.array(matrix, dtype=bool)],
            (["out", "conv", "in"], backward),
            RESIDUAL.to_networkx(),
        ]
        space = DAGSpace().learn(forms)
        decisions = space.encode(forms)
        assert (decisions == decisions[0]).all()
        expected = Architecture(RESIDUAL.operations, RESIDUAL.edges, "dag")
        assert space.decode(decisions[:1]) == [expected]
        assert space.format(decisions[:1]) == [str(expected)]

    def test_decisions_are_operations_and_edges(self):
        space = DAGSpace(("in", "conv", "out"), 4)
        expected = [1, 2, 3, 0, 1, 1, 1, 0, 0, 0]
        np.testing.assert_array_equal(space.encode([RESIDUAL]), [expected])
        assert space.n_choices == (4,) * 4 + (2,) * 6

    @pytest.mark.parametrize("single", [RESIDUAL, str(RESIDUAL), RESIDUAL.to_networkx(), {}])
    def test_a_single_graph_is_refused(self, single):
        with pytest.raises(TypeError, match="put it into a list"):
            SPACE.encode(single)

    @pytest.mark.parametrize(
        ("graph", "word"),
        [
            ((["a", "b"], [[0, 1], [1, 0]]), "cycle"),
            ((["a", "b"], [[0, 0], [0, 0]]), "disconnected"),
            ((["a", "b"], [[0, 1, 0], [0, 0, 0]]), "rows"),
            ((["a", "b"], [[0, 1], [0]]), "matrix"),
            ((["a", "d"], [[0, 1], [0, 0]]), "'d' of node 1"),
            ((["a"] * 7, np.eye(7, k=1)), "at most 6"),
            ((["a", 2], [[0, 1], [0, 0]]), "strings"),
            (([], np.empty((0, 0))), "first node"),
            ({"operations": ["a"]}, "edges"),
            ({"operations": ["a", "b"], "edges": [(1, 0)]}, "lower"),
            (nx.DiGraph([(0, 1)]), "operation"),
            (nx.MultiDiGraph(), "MultiDiGraph"),
            ("__import__('os').system('echo no')", "JSON"),
            ('{"operations": ["__import__(\'os\')"], "edges": []}', "unknown"),
            ("[" * 10_000, "JSON"),
            (Architecture(["a" * 100_000], []), "unknown"),
            (nn.ReLU(), "network"),
        ],
    )
    def test_bad_input(self, graph, word):
        with pytest.raises(ArchitectureError, match=word) as caught:
            SPACE.encode([SPACE.sample(1, 0)[0], graph])
        assert caught.value.index == 1
        assert len(str(caught.value)) < 500

    def test_a_module_alone_is_told_the_way_in(self):
        for use in (SPACE.encode, DAGSpace().learn):
            with pytest.raises(ArchitectureError, match="network"):
                use(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))

    @pytest.mark.parametrize(
        "graph",
        [
            Architecture(["in", "conv"], [(0, 1)]),
            Architecture(["in", "out", "conv"], [(0, 1), (1, 2)]),
            Architecture(["in", "out", "out"], [(0, 1), (1, 2)]),
            Architecture(["out"], []),
        ],
    )
    def test_there_has_to_be_one_output(self, graph):
        with pytest.raises(ArchitectureError, match="'out'"):
            NETWORKS.encode([graph])

    def test_an_output_that_is_not_last_is_moved_there(self):
        graph = Architecture(["in", "conv", "out", "pool"], [(0, 1), (1, 2), (1, 3)])
        expected = Architecture(["in", "conv", "pool", "out"], [(0, 1), (1, 2), (1, 3)], "dag")
        assert NETWORKS.decode(NETWORKS.encode([graph])) == [expected]

    @pytest.mark.parametrize(
        ("decisions", "message"),
        [
            ([0, 0, 0, 0, 0, 0], "first node"),
            ([1, 0, 1, 0, 1, 0], "missing"),
            ([1, 1, 0, 1, 1, 0], "missing node"),
            ([1, 1, 1, 1, 0, 0], "disconnected"),
            ([1, 3, 0, 1, 0, 0], "0 to 2"),
            ([1, 1], "6"),
        ],
    )
    def test_impossible_decisions_are_refused(self, decisions, message):
        space = DAGSpace(("a", "b"), 3)
        for method in (space.encode, space.decode, space.canonicalize, space.tokenize):
            with pytest.raises(ArchitectureError, match=message):
                method(np.array([decisions]))


class TestSequences:
    def test_hand_written_nodes(self):
        # Vocabulary: padding, a, b, c, no predecessor, 1 back, 2 back, 3 back
        space = DAGSpace(("a", "b", "c"), 4, max_edges=4)
        graphs = [
            Architecture(list("abca"), [(0, 1), (1, 2), (2, 3)]),
            Architecture(list("abc"), [(0, 1), (0, 2), (1, 2)]),
            Architecture(list("abc"), [(0, 2), (1, 2)]),
            Architecture(list("abc"), [(0, 1), (0, 2)]),
            Architecture(["c"], []),
        ]
        expected = [
            [1, 2, 3, 1, 0, 0, 0, 0],
            [1, 2, 3, 5, 6, 0, 0, 0],
            [1, 2, 4, 3, 5, 6, 0, 0],
            [1, 2, 3, 6, 0, 0, 0, 0],
            [3, 0, 0, 0, 0, 0, 0, 0],
        ]
        tokens = space.tokenize(space.encode(graphs), "nodes")
        np.testing.assert_array_equal(tokens, expected)
        vocabulary = space.sequences["nodes"].vocabulary
        assert vocabulary[4:8] == ("no predecessor", "1 back", "2 back", "3 back")

    def test_hand_written_adjacency(self):
        space = DAGSpace(("a", "b", "c"), 4)
        tokens = space.tokenize(
            space.encode([Architecture(list("abc"), [(0, 1), (0, 2)])]), "adjacency"
        )
        # operation; edge, operation; edge, no edge, operation; nothing
        np.testing.assert_array_equal(tokens, [[3, 2, 4, 2, 1, 5, 0, 0, 0, 0]])

    @pytest.mark.parametrize(
        ("sequence", "tokens"),
        [
            ("nodes", [1, 0, 1, 0, 0, 0]),
            ("nodes", [4, 1, 0, 0, 0, 0]),
            ("nodes", [1, 1, 4, 0, 0, 0]),  # one back, which goes without saying
            ("nodes", [1, 1, 3, 0, 0, 0]),  # no predecessor: disconnected
            ("nodes", [1, 1, 5, 0, 0, 0]),  # two back of the second node
            ("nodes", [1, 1, 1, 5, 4, 0]),  # the farther predecessor first
            ("nodes", [1, 1, 1, 1, 0, 0]),  # four nodes
            ("adjacency", [3, 0, 3, 0, 0, 0]),
            ("adjacency", [3, 3, 3, 0, 0, 0]),
            ("adjacency", [3, 2, 2, 0, 0, 0]),
            ("adjacency", [3, 1, 3, 0, 0, 0]),
        ],
    )
    def test_other_tokens_are_refused(self, sequence, tokens):
        space = DAGSpace(("a", "b"), 3)
        good = space.tokenize(space.sample(1, 0), sequence)
        with pytest.raises(ArchitectureError) as caught:
            space.detokenize(np.vstack([good, tokens]), sequence)
        assert caught.value.index == 1


class TestSize:
    @pytest.mark.parametrize(
        ("space", "n_connected"),
        [
            (DAGSpace(("a", "b"), 4), {1: 1, 2: 1, 3: 4, 4: 38}),
            # With three links: for four nodes the trees without a further source.
            (DAGSpace(("a", "b"), 4, max_edges=3), {1: 1, 2: 1, 3: 4, 4: 6}),
        ],
    )
    def test_hand_counted(self, space, n_connected):
        assert space.size == sum(count * 2**n for n, count in n_connected.items())

    @pytest.mark.parametrize(
        "space",
        [
            DAGSpace(("a", "b"), 3),
            DAGSpace(("a",), 5),
            DAGSpace(("a",), 5, max_edges=5),
            DAGSpace(("a", "b", "out"), 4, output="out"),
            DAGSpace(("a", "in", "out"), 3, input="in", output="out"),
        ],
    )
    def test_enumeration_and_sampling_reach_all(self, space):
        everything = np.concatenate(list(space.enumerate()))
        assert len(np.unique(everything, axis=0)) == len(everything) == space.size
        drawn = space.sample(space.size, 0)
        np.testing.assert_array_equal(np.unique(drawn, axis=0), np.unique(everything, axis=0))
        with pytest.raises(ValueError, match="without replacement"):
            space.sample(space.size + 1)
        assert len(space.sample(space.size + 1, 0, replace=True)) == space.size + 1

    def test_a_large_space_is_drawn_from_without_counting_it(self):
        space = DAGSpace([f"operation{number}" for number in range(30)], 300, max_edges=400)
        assert space.sample(20, 0).shape == (20, 300 + 300 * 299 // 2)
        with pytest.raises(ValueError, match="sample"):
            next(space.enumerate())


class TestChanges:
    def test_neighbors_of_a_hand_made_graph(self):
        space = DAGSpace(("a", "b"), 3)
        graph = Architecture(["a", "a", "a"], [(0, 1), (1, 2)])
        around = space.decode(space.neighbors(space.encode([graph]))[0])
        # Three other operations and one more edge; taking an edge away disconnects it.
        assert {(each.operations, each.edges) for each in around} == {
            (("b", "a", "a"), graph.edges),
            (("a", "b", "a"), graph.edges),
            (("a", "a", "b"), graph.edges),
            (("a", "a", "a"), ((0, 1), (0, 2), (1, 2))),
        }


class TestLearning:
    def test_learns_operations_and_sizes(self):
        space = DAGSpace().learn([CHAIN, RESIDUAL, CHAIN])
        assert space.operations == ("conv", "in", "out")
        assert (space.max_nodes, space.max_edges) == (4, 3)
        assert not space.is_open
        assert space.learn([Architecture(["new"], [])]) is space

    def test_a_second_source_counts_as_an_edge(self):
        two_sources = Architecture(["in", "in", "out"], [(0, 2), (1, 2)])
        space = DAGSpace().learn([two_sources])
        assert space.max_edges == 3
        assert space.encode([two_sources]).shape == (1, 6)

    def test_learns_only_what_was_not_given(self):
        names = ("in", "out", "conv", "never used")
        assert DAGSpace(names).learn([CHAIN]).operations == names
        assert DAGSpace(max_nodes=9).learn([CHAIN]).max_nodes == 9
        assert DAGSpace(output="out").learn([CHAIN]).output == "out"
        with pytest.raises(ArchitectureError, match=r"architecture 1.*'conv'"):
            DAGSpace(("in", "out")).learn([CHAIN]).encode([Architecture(["in"], []), CHAIN])

    @pytest.mark.parametrize(
        "use",
        [
            lambda space: space.encode([CHAIN]),
            lambda space: space.sample(1),
            lambda space: space.n_choices,
            lambda space: space.n_decisions,
            lambda space: space.sequences,
            lambda space: space.size,
            lambda space: next(space.enumerate()),
            lambda space: space.tokenize([[1, 2]]),
            lambda space: canonical(space, CHAIN),
            lambda space: space.mutate(CHAIN),
        ],
    )
    def test_an_open_space_says_what_to_do(self, use):
        for space in (DAGSpace(), DAGSpace(("in", "out")), DAGSpace(max_nodes=3)):
            assert space.is_open
            with pytest.raises(ValueError, match="learn"):
                use(space)

    def test_nothing_to_learn_from(self):
        with pytest.raises(ValueError, match="0 samples"):
            DAGSpace().learn([])
        with pytest.raises(ArchitectureError, match="decision matrix"):
            DAGSpace().learn(np.zeros((2, 3), dtype=int))
        with pytest.raises(ArchitectureError, match="architecture 1: "):
            DAGSpace().learn([CHAIN, "no graph"])
        chain = Architecture(["a"] * 50_001, [(node, node + 1) for node in range(50_000)])
        for use in (DAGSpace().learn, SPACE.encode, NETWORKS.encode):
            with pytest.raises(ArchitectureError, match="50001 nodes"):
                use([chain])

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            ({"operations": "abc"}, "texts"),
            ({"operations": ["a", 1]}, "texts"),
            ({"operations": ["a", "a"]}, "different"),
            ({"operations": []}, "operations"),
            ({"operations": ["out"], "output": "out"}, "output"),
            ({"operations": ["a", "b"], "output": "out"}, "output"),
            ({"operations": ["a", "out"], "input": "in", "output": "out"}, "input"),
            ({"input": "in"}, "output"),
            ({"max_nodes": 0}, "at least 1"),
            ({"max_nodes": 1, "output": "out"}, "at least 2"),
            ({"max_edges": 3}, "max_nodes"),
            ({"max_nodes": 5, "max_edges": 3}, "max_edges"),
            ({"handle_unknown": "skip"}, "handle_unknown"),
            ({"operations": ["a", "b"], "signals": {"a": SignalOperation("a")}}, "'b'"),
            ({"operations": ["a"], "signals": {"a": "renew"}}, "'a'"),
        ],
    )
    def test_contradictions(self, arguments, word):
        with pytest.raises(ValueError, match=word):
            DAGSpace(**arguments)


NEW = Architecture(["in", "conv", "new", "conv", "conv", "out"], [(i, i + 1) for i in range(5)])
PLAIN = Architecture(["in", "conv", "conv", "out"], [(0, 1), (0, 2), (1, 3), (2, 3)])


class TestBeyondWhatWasLearned:
    def test_encode_names_what_is_new(self):
        space = DAGSpace().learn([CHAIN])
        with pytest.raises(ArchitectureError, match=r"architecture 1.*'pool'"):
            space.encode([CHAIN, Architecture(["in", "pool"], [(0, 1)])])
        with pytest.raises(ArchitectureError, match="at most 4"):
            space.encode([Architecture(["conv"] * 5, [(i, i + 1) for i in range(4)])])
        dense = [(i, j) for j in range(4) for i in range(j)]
        with pytest.raises(ArchitectureError, match="max_edges=3"):
            space.encode([Architecture(["conv"] * 4, dense)])
        with pytest.raises(ArchitectureError, match="did you mean 'conv'"):
            space.encode([Architecture(["con"], [])])

    def test_an_extended_space_holds_both(self):
        space = DAGSpace().learn([CHAIN, RESIDUAL])
        larger = space.extend([NEW])
        assert larger.operations == (*space.operations, "new")
        assert larger.decode(larger.encode([CHAIN, NEW]))[1].operations == NEW.operations
        assert pickle.loads(pickle.dumps(larger)) == larger != space
        given = DAGSpace(("in", "conv", "out"), 4)
        assert given.extend([NEW]) is given
        # A decision matrix holds nothing new.
        with pytest.raises(ArchitectureError, match="columns"):
            StructuralProperties(DAGSpace()).fit([CHAIN, RESIDUAL]).transform(np.ones((2, 3)))

    @pytest.mark.parametrize(
        "signals",
        [None, {"conv": SignalOperation("conv", "renew", kernel_size=3, mixing=9)}],
        ids=["counts", "signals"],
    )
    def test_properties_describe_what_is_around_the_unknown(self, signals):
        space = DAGSpace(input="in", output="out", signals=signals)
        properties = StructuralProperties(space).fit([CHAIN, RESIDUAL, PLAIN])
        known, new = properties.transform([CHAIN, NEW])
        names = properties.get_feature_names_out().tolist()
        assert not any("new" in name for name in names)
        assert new[names.index("number of conv")] == 3
        np.testing.assert_array_equal(properties.transform([CHAIN])[0], known)
        again = pickle.loads(pickle.dumps(properties))
        np.testing.assert_array_equal(again.transform([NEW])[0], new)

    def test_a_given_space_refuses_the_unknown_unless_told_otherwise(self):
        names = ("in", "conv", "out")
        strict = StructuralProperties(DAGSpace(names, 4)).fit([CHAIN, RESIDUAL])
        with pytest.raises(ArchitectureError, match="6 nodes"):
            strict.transform([NEW])
        space = DAGSpace(names, 4, handle_unknown="ignore")
        properties = StructuralProperties(space).fit([CHAIN, RESIDUAL])
        assert properties.transform([NEW]).shape == (1, properties.n_features_out_)

    def test_columns_are_those_in_which_the_given_graphs_differ(self):
        # Not those in which random graphs would differ: after a clone as well.
        space = DAGSpace().learn([CHAIN, RESIDUAL])
        learned = StructuralProperties(DAGSpace()).fit([CHAIN, RESIDUAL])
        for properties in (StructuralProperties(space), clone(StructuralProperties(space))):
            properties.fit([CHAIN, RESIDUAL])
            assert list(properties.get_feature_names_out()) == list(learned.get_feature_names_out())

    def test_cross_validation_over_operations_that_training_lacks(self):
        graphs = []
        for number in range(24):
            inner = ["conv", "pool", "conv"][: 1 + number % 3] + [f"rare {number}"] * (
                number % 4 == 0
            )
            names = ["in", *inner, *["conv"] * (number // 6), "out"]
            graphs.append(Architecture(names, [(i, i + 1) for i in range(len(names) - 1)]))
        y = np.array([graph.n_nodes for graph in graphs], dtype=float)
        model = make_pipeline(StructuralProperties(DAGSpace()), KNeighborsRegressor(2))
        scores = cross_val_score(model, graphs, y, cv=KFold(4, shuffle=True, random_state=0))
        assert (scores > 0).all()

    def test_unknown_tokens_and_what_is_too_long(self):
        tokenizer = ArchitectureTokenizer(DAGSpace()).fit([CHAIN])
        tokens = tokenizer.transform([CHAIN, NEW])
        words = [tokenizer.vocabulary_[token] for token in tokens[1]]
        assert words[:5] == ["in", "conv", "unknown", "conv", "conv"]
        np.testing.assert_array_equal(tokens[:1], tokenizer.transform([CHAIN]))
        assert len(tokens[1]) == 4 + 3
