import itertools
import json
import pickle

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from emprox import ArchitectureTokenizer, make_emprox_pipeline
from emprox.spaces import Architecture, ArchitectureError, check_search_space
from emprox.spaces._dag._space import DAGSpace

SPACE = DAGSpace(("a", "b", "c"), 6)
LIMITED = DAGSpace(("a", "b", "c"), 12, max_edges=14)
NETWORKS = DAGSpace(("in", "conv", "pool", "out"), 8, input="in", output="out")
SPACES = pytest.mark.parametrize("space", [SPACE, LIMITED, NETWORKS], ids=["all", "few", "net"])
seeds = st.integers(0, 2**32 - 1)

RESIDUAL = Architecture(["in", "conv", "out"], [(0, 1), (0, 2), (1, 2)])
CHAIN = Architecture(["in", "conv", "conv", "out"], [(0, 1), (1, 2), (2, 3)])


@SPACES
@settings(max_examples=8)
@given(seed=seeds)
def test_contract(space, seed):
    check_search_space(space, n_architectures=20, random_state=seed)


@SPACES
@settings(max_examples=8)
@given(seed=seeds)
def test_different_canonical_forms_never_share_tokens(space, seed):
    decisions = np.unique(space.canonicalize(space.sample_decisions(300, seed)), axis=0)
    for sequence in space.sequences:
        tokens = space.tokenize(decisions, sequence)
        assert len(np.unique(tokens, axis=0)) == len(decisions)


class TestCanonicalForm:
    def test_classes_of_all_small_graphs_are_the_isomorphism_classes(self):
        space = DAGSpace(("a", "b"), 4)
        decisions = space.encode(list(space.enumerate()))
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
        graph = space.sample(1, rng)[0]
        order = rng.permutation(graph.n_nodes)
        other = Architecture.from_adjacency(
            [graph.operations[node] for node in order], graph.adjacency[np.ix_(order, order)]
        )
        canonical = space.canonical(graph)
        assert space.canonical(other) == canonical
        assert nx.is_isomorphic(
            graph.to_networkx(), canonical.to_networkx(), node_match=lambda u, v: u == v
        )

    @pytest.mark.parametrize("build", ["chains", "alike", "rook"])
    def test_very_symmetric_graphs(self, build):
        edges = {"chains": equal_chains, "alike": colour_twins, "rook": rook_and_shrikhande}[
            build
        ]()
        n_nodes = 1 + max(map(max, edges))
        graph = Architecture(["a"] * n_nodes, edges)
        space = DAGSpace().learn([graph])
        decisions = space.encode([graph])
        canonical = space.canonicalize(decisions)
        for seed in range(5):
            relabelled = space.relabel(decisions, seed)
            np.testing.assert_array_equal(space.canonicalize(relabelled), canonical)

    def test_does_not_depend_on_the_others(self):
        decisions = LIMITED.sample_decisions(200, 0)
        together = LIMITED.canonicalize(decisions)
        for row, expected in zip(decisions[:50], together, strict=False):
            np.testing.assert_array_equal(LIMITED.canonicalize(row[None])[0], expected)

    def test_is_depth_first(self):
        # Two branches of a 1x1 and of two convolutions: one after the other, the long one first.
        graph = Architecture(
            ["in", "short", "long1", "long2", "add"], [(0, 1), (0, 2), (1, 4), (2, 3), (3, 4)]
        )
        space = DAGSpace().learn([graph])
        assert space.canonical(graph).operations == ("in", "long1", "long2", "short", "add")

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
        assert NETWORKS.canonical(graph) == kept
        without_input = DAGSpace(names, 8, output="out")
        assert without_input.canonical(graph) == without_input.canonical(leading)
        assert without_input.canonical(graph).n_nodes == 5
        assert DAGSpace(names, 8).canonical(graph).n_nodes == 6

    def test_an_output_that_no_input_reaches_keeps_what_leads_there(self):
        graph = Architecture(["pool", "out"], [(0, 1)], "dag")
        assert NETWORKS.canonical(graph) == graph


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
        assert [space.parse(form) for form in forms] == [expected] * len(forms)
        assert space.format(forms[-1]) == str(expected)

    def test_decisions_are_operations_and_edges(self):
        space = DAGSpace(("in", "conv", "out"), 4)
        expected = [1, 2, 3, 0, 1, 1, 1, 0, 0, 0]
        np.testing.assert_array_equal(space.encode([RESIDUAL]), [expected])
        assert space.n_choices == (4,) * 4 + (2,) * 6

    def test_containers(self):
        graphs = SPACE.sample(5, 0)
        expected = SPACE.encode(graphs)
        texts = [SPACE.format(graph) for graph in graphs]
        for container in (np.array(texts), pd.Series(texts), pd.DataFrame({"x": texts}), expected):
            np.testing.assert_array_equal(SPACE.encode(container), expected)

    @pytest.mark.parametrize("single", [RESIDUAL, str(RESIDUAL), RESIDUAL.to_networkx(), {}])
    def test_a_single_graph_is_refused(self, single):
        with pytest.raises(TypeError, match="put it into a list"):
            SPACE.encode(single)

    @pytest.mark.parametrize(
        ("graph", "message"),
        [
            ((["a", "b"], [[0, 1], [1, 0]]), "cycle"),
            ((["a", "b"], [[1, 0], [0, 0]]), "cycle"),
            ((["a", "b"], [[0, 0], [0, 0]]), "disconnected"),
            ((["a", "b", "c"], [[0, 1, 0], [0, 0, 0], [0, 0, 0]]), "disconnected"),
            ((["a", "b"], [[0, 1, 0], [0, 0, 0]]), r"shape \(2, 2\), got \(2, 3\)"),
            ((["a", "b"], [[0, 1], [0]]), "not an adjacency matrix"),
            ((["a", "d"], [[0, 1], [0, 0]]), "unknown operation 'd' of node 1.* are a, b, c"),
            ((["a"] * 7, np.eye(7, k=1)), "7 nodes.* at most 6"),
            ((["a", 2], [[0, 1], [0, 0]]), "have to be strings"),
            (("ab", [[0, 1], [0, 0]]), "list of strings"),
            (([], np.empty((0, 0))), "no first node"),
            ({"operations": ["a"]}, "expected an Architecture"),
            ({"operations": 1, "edges": []}, "list of strings"),
            ({"operations": ["a", "b"], "edges": [(1, 0)]}, "lower to a higher"),
            (nx.DiGraph([(0, 1)]), "no attribute 'operation'"),
            (nx.MultiDiGraph(), "got a MultiDiGraph"),
            ("__import__('os').system('echo no')", "not the JSON form"),
            ('{"operations": ["__import__(\'os\')"], "edges": []}', "unknown operation"),
            ("[" * 10_000, "not the JSON form"),
            (("a",), "expected an Architecture"),
            (b"a", "expected an Architecture"),
        ],
    )
    def test_bad_input(self, graph, message):
        with pytest.raises(ArchitectureError, match=message) as caught:
            SPACE.encode([SPACE.sample(1, 0)[0], graph])
        assert caught.value.index == 1

    @pytest.mark.parametrize(
        ("graph", "message"),
        [
            (Architecture(["in", "conv"], [(0, 1)]), "has to be an 'out'"),
            (Architecture(["in", "out", "conv"], [(0, 1), (1, 2)]), "has to be an 'out'"),
            (Architecture(["in", "out", "out"], [(0, 1), (1, 2)]), "has to be an 'out'"),
            (Architecture(["out"], []), "has to be an 'out'"),
        ],
    )
    def test_there_has_to_be_one_output(self, graph, message):
        with pytest.raises(ArchitectureError, match=message):
            NETWORKS.encode([graph])

    def test_an_output_that_is_not_last_is_moved_there(self):
        graph = Architecture(["in", "conv", "out", "pool"], [(0, 1), (1, 2), (1, 3)])
        expected = Architecture(["in", "conv", "pool", "out"], [(0, 1), (1, 2), (1, 3)], "dag")
        assert NETWORKS.parse(graph) == expected

    @pytest.mark.parametrize(
        ("decisions", "message"),
        [
            ([0, 0, 0, 0, 0, 0], "no first node"),
            ([1, 0, 1, 0, 1, 0], "missing before another"),
            ([1, 1, 0, 1, 1, 0], "leads to a missing node"),
            ([1, 1, 1, 1, 0, 0], "disconnected"),
            ([1, 3, 0, 1, 0, 0], "from 0 to 2"),
            ([1, 1], "6 columns"),
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
        vocabulary = space.get_sequence("nodes").vocabulary
        assert vocabulary[4:] == ("no predecessor", "1 back", "2 back", "3 back")

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
            ("nodes", [0, 1, 0, 0, 0, 0]),
            ("nodes", [1, 0, 1, 0, 0, 0]),
            ("nodes", [4, 1, 0, 0, 0, 0]),
            ("nodes", [1, 1, 4, 0, 0, 0]),  # one back, which goes without saying
            ("nodes", [1, 1, 3, 0, 0, 0]),  # no predecessor: disconnected
            ("nodes", [1, 1, 5, 0, 0, 0]),  # two back of the second node
            ("nodes", [1, 1, 1, 5, 4, 0]),  # the farther predecessor first
            ("nodes", [1, 1, 1, 5, 5, 0]),
            ("nodes", [1, 1, 1, 1, 0, 0]),  # four nodes
            ("nodes", [1, 3, 1, 1, 0, 0]),
            ("adjacency", [3, 0, 3, 0, 0, 0]),
            ("adjacency", [3, 2, 0, 0, 0, 0]),
            ("adjacency", [3, 3, 3, 0, 0, 0]),
            ("adjacency", [3, 2, 2, 0, 0, 0]),
            ("adjacency", [3, 1, 3, 0, 0, 0]),
            ("adjacency", [0, 0, 0, 0, 0, 0]),
        ],
    )
    def test_other_tokens_are_refused(self, sequence, tokens):
        space = DAGSpace(("a", "b"), 3)
        good = space.tokenize(space.sample_decisions(1, 0), sequence)
        with pytest.raises(ArchitectureError, match="not the sequence of a graph") as caught:
            space.detokenize(np.vstack([good, tokens]), sequence)
        assert caught.value.index == 1

    @settings(max_examples=60)
    @given(tokens=st.lists(st.integers(0, 6), min_size=8, max_size=8))
    def test_whatever_is_read_is_written_the_same(self, tokens):
        space = DAGSpace(("a", "b", "c"), 4, max_edges=4)
        try:
            decisions = space.detokenize([tokens])
        except ArchitectureError:
            return
        np.testing.assert_array_equal(space.tokenize(decisions), [tokens])


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
        everything = list(space.enumerate())
        assert len(set(everything)) == len(everything) == space.size
        assert set(space.sample(space.size, 0)) == set(everything)
        with pytest.raises(ValueError, match="without replacement"):
            space.sample(space.size + 1)
        assert len(space.sample(space.size + 1, 0, replace=True)) == space.size + 1

    def test_a_large_space_is_enumerated_lazily(self):
        space = DAGSpace([f"operation{number}" for number in range(30)], 50)
        assert space.size > 10**400
        graphs = list(itertools.islice(space.enumerate(), 31))
        assert [graph.n_nodes for graph in graphs] == [1] * 30 + [2]

    def test_samples_are_sensible(self):
        space = DAGSpace(("a", "b"), 20)
        graphs = space.sample(1000, 0, replace=True)
        sizes = np.array([graph.n_nodes for graph in graphs])
        extra = np.array([len(graph.edges) - graph.n_nodes + 1 for graph in graphs])
        assert abs(sizes.mean() - 10.5) < 1
        assert extra.min() == 0
        assert abs(extra.mean() - 10.5 / 2) < 1
        assert space.sample(3, 5) == space.sample(3, 5)
        with pytest.raises(ValueError, match="at least 0"):
            space.sample(-1)


class TestChanges:
    @pytest.mark.parametrize("n_mutations", [1, 2, 5])
    def test_mutate_changes_as_many_decisions_as_it_says(self, n_mutations):
        for space in (SPACE, LIMITED, NETWORKS):
            graph = space.sample(1, 3)[0]
            child = space.mutate(graph, n_mutations, random_state=1)
            assert (space.encode([graph]) != space.encode([child])).sum() == n_mutations
            assert child == space.mutate(graph, n_mutations, random_state=1)

    def test_two_changes_reach_other_sizes(self):
        graph = SPACE.sample(1, 0)[0]
        sizes = {SPACE.mutate(graph, 2, seed).n_nodes - graph.n_nodes for seed in range(200)}
        assert 0 in sizes
        assert len(sizes) > 1

    def test_impossible_numbers_of_changes(self):
        graph = Architecture(["a"], [])
        with pytest.raises(ValueError, match="between 1 and 3, got 4"):
            SPACE.mutate(graph, 4)
        with pytest.raises(ValueError, match="between 1"):
            SPACE.mutate(graph, 0)
        with pytest.raises(ValueError, match="found no valid graph"):
            DAGSpace(("a",), 1).mutate(graph)

    def test_neighbors_of_a_hand_made_graph(self):
        space = DAGSpace(("a", "b"), 3)
        graph = Architecture(["a", "a", "a"], [(0, 1), (1, 2)])
        around = space.neighbors(graph)
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
        with pytest.raises(ArchitectureError, match="architecture 1: unknown operation 'conv'"):
            DAGSpace(("in", "out")).learn([CHAIN]).encode([Architecture(["in"], []), CHAIN])

    def test_the_order_of_the_architectures_does_not_matter(self):
        graphs = LIMITED.sample(20, 0)
        spaces = [DAGSpace().learn(graphs), DAGSpace().learn(graphs[::-1])]
        np.testing.assert_array_equal(*(space.encode(graphs) for space in spaces))

    @pytest.mark.parametrize(
        "use",
        [
            lambda space: space.encode([CHAIN]),
            lambda space: space.parse(CHAIN),
            lambda space: space.sample(1),
            lambda space: space.n_choices,
            lambda space: space.n_decisions,
            lambda space: space.sequences,
            lambda space: space.get_sequence(),
            lambda space: space.size,
            lambda space: next(space.enumerate()),
            lambda space: space.tokenize([[1, 2]]),
            lambda space: space.canonical(CHAIN),
            lambda space: space.mutate(CHAIN),
        ],
    )
    def test_an_open_space_says_what_to_do(self, use):
        for space in (DAGSpace(), DAGSpace(("in", "out")), DAGSpace(max_nodes=3)):
            assert space.is_open
            with pytest.raises(ValueError, match=r"does not know its .* yet: call learn"):
                use(space)

    def test_what_is_new_is_named(self):
        tokenizer = ArchitectureTokenizer(DAGSpace()).fit([CHAIN])
        with pytest.raises(ArchitectureError, match=r"architecture 1: unknown operation 'pool'"):
            tokenizer.transform([CHAIN, Architecture(["in", "pool"], [(0, 1)])])
        with pytest.raises(ArchitectureError, match=r"5 nodes.*at most 4"):
            tokenizer.transform([Architecture(["conv"] * 5, [(i, i + 1) for i in range(4)])])
        dense = [(i, j) for j in range(4) for i in range(j)]
        with pytest.raises(ArchitectureError, match=r"more than max_edges=3"):
            tokenizer.transform([Architecture(["conv"] * 4, dense)])
        with pytest.raises(ArchitectureError, match="did you mean 'conv'"):
            tokenizer.transform([Architecture(["con"], [])])

    def test_nothing_to_learn_from(self):
        with pytest.raises(ValueError, match="0 samples"):
            DAGSpace().learn([])
        with pytest.raises(ArchitectureError, match="decision matrix"):
            DAGSpace().learn(np.zeros((2, 3), dtype=int))
        with pytest.raises(ArchitectureError, match="architecture 1: "):
            DAGSpace().learn([CHAIN, "no graph"])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"operations": "abc"}, "several texts"),
            ({"operations": ["a", 1]}, "several texts"),
            ({"operations": ["a", "a"]}, "stands twice"),
            ({"operations": []}, "an operation at least"),
            ({"operations": ["out"], "output": "out"}, "output 'out' and others"),
            ({"operations": ["a", "b"], "output": "out"}, "output 'out' and others"),
            ({"operations": ["a", "out"], "input": "in", "output": "out"}, "input 'in'"),
            ({"input": "in"}, "input needs an output"),
            ({"max_nodes": 0}, "at least 1"),
            ({"max_nodes": 1, "output": "out"}, "at least 2"),
            ({"max_edges": 3}, "max_edges needs max_nodes"),
            ({"max_nodes": 5, "max_edges": 3}, "at least one less"),
        ],
    )
    def test_contradictions(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            DAGSpace(**arguments)


class TestEstimators:
    def test_tokenizer_round_trip(self):
        graphs = LIMITED.sample(30, 0)
        tokenizer = ArchitectureTokenizer(DAGSpace(), canonicalize=False)
        tokens = tokenizer.fit_transform(graphs)
        texts = tokenizer.inverse_transform(tokens)
        assert texts.tolist() == [str(graph) for graph in graphs]
        again = pickle.loads(pickle.dumps(tokenizer))
        np.testing.assert_array_equal(again.transform(graphs), tokens)
        assert clone(tokenizer).fit(graphs).space_.operations == tokenizer.space_.operations

    def test_pipeline_on_graphs_of_different_sizes(self):
        # The accuracy is the number of nodes, which neighbours should know roughly.
        graphs = LIMITED.sample(80, 1)
        y = np.array([float(graph.n_nodes) for graph in graphs])
        known = graphs[:60]
        space = DAGSpace().learn(graphs)
        model = make_emprox_pipeline(space, random_state=0, n_neighbors=5).fit(known, y[:60])
        predictions = model.predict(graphs[60:])
        baseline = np.abs(y[60:] - y[:60].mean()).mean()
        assert np.abs(predictions - y[60:]).mean() < 0.7 * baseline
        learned_in_fit = make_emprox_pipeline(DAGSpace(), random_state=0).fit(known, y[:60])
        assert learned_in_fit.predict(known[:3]).shape == (3,)
