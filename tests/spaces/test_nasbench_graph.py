import itertools
import json
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
from hypothesis import strategies as st

from emprox.spaces import (
    Architecture,
    ArchitectureError,
    NASBenchGraphSpace,
)

SPACE = NASBenchGraphSpace()
GAT, GCN, GIN, CHEB, SAGE, ARMA, GRAPH, FC, SKIP = range(9)
EXAMPLE = "|gcn~0|gin~1|fc~2|cheb~1|"
ALL = np.array(list(itertools.product(*map(range, SPACE.n_choices))))
ALL = ALL[(ALL[:, 3:] != SKIP).any(axis=1)]
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def canonical():
    """Canonical forms of all descriptions."""
    return SPACE.canonicalize(ALL)


def test_no_two_descriptions_share_tokens_and_all_decode_back():
    for sequence, spec in SPACE.sequences.items():
        tokens = SPACE.tokenize(ALL, sequence)
        assert tokens.shape == (157440, spec.length)
        assert 0 <= tokens.min() <= tokens.max() < spec.vocabulary_size
        np.testing.assert_array_equal(SPACE.detokenize(tokens, sequence), ALL)


def test_all_forms_of_the_example_of_the_package_are_the_same():
    link, operations = [0, 1, 2, 1], ["gcn", "gin", "fc", "cheb"]
    forms = [
        EXAMPLE,
        f" {EXAMPLE} ",
        (link, operations),
        [np.array(link), np.array(operations)],
        (link, [GCN, GIN, FC, CHEB]),
        json.dumps([link, operations]),
        SimpleNamespace(link=link, ops=operations),
        SimpleNamespace(link=link, op=operations),
        (1, 2, 1, "gcn", "gin", "fc", "cheb"),
        [1, 2, 1, GCN, GIN, FC, CHEB],
        np.array([1, 2, 1, GCN, GIN, FC, CHEB]),
    ]
    (network,) = SPACE.decode(SPACE.encode([EXAMPLE]))
    assert network.operations == ("input", "gcn", "gin", "fc", "cheb", "output")
    assert network.edges == ((0, 1), (1, 2), (1, 4), (2, 3), (3, 5), (4, 5))
    for form in [*forms, network, network.to_string()]:
        assert SPACE.format(SPACE.encode([form])) == [EXAMPLE], form


def test_size():
    assert SPACE.size == len(ALL) == 24 * (9**4 - 1)
    drawn = SPACE.sample(157440, random_state=0)
    np.testing.assert_array_equal(np.unique(drawn, axis=0), ALL)
    np.testing.assert_array_equal(np.concatenate(list(SPACE.enumerate())), ALL)


@pytest.mark.parametrize(
    ("network", "canonical"),
    [
        # The second description of the package's own README.
        ("|gcn~0|cheb~1|gin~1|fc~3|", "|gcn~0|gin~1|cheb~1|fc~2|"),
        (EXAMPLE, "|gcn~0|gin~1|cheb~1|fc~2|"),
        # A skip connection with successors, and one that is an only successor.
        ("|gcn~0|skip~1|gin~2|fc~2|", "|skip~0|gcn~1|gin~2|fc~2|"),
        ("|gcn~0|gin~1|fc~2|skip~3|", "|skip~0|gcn~1|gin~2|fc~3|"),
        # A leaf that repeats the input, and one that repeats an operation's output.
        ("|gcn~0|gin~1|fc~2|skip~0|", "|skip~0|gcn~1|gin~2|fc~3|"),
        ("|gcn~0|gin~1|fc~2|skip~1|", "|gcn~0|gin~1|skip~1|fc~2|"),
        ("|skip~0|skip~1|gin~0|skip~2|", "|skip~0|skip~1|skip~2|gin~3|"),
        # Two leaves that repeat the same output are two.
        ("|fc~0|gcn~0|skip~2|skip~2|", "|gcn~0|fc~0|skip~1|skip~1|"),
        # Leaves in the order of the operations, branches too.
        ("|skip~0|fc~1|arma~1|gat~1|", "|skip~0|gat~1|arma~1|fc~1|"),
        ("|fc~0|arma~0|gcn~2|gat~1|", "|arma~0|fc~0|gcn~1|gat~2|"),
    ],
)
def test_canonical_form_worked_out_by_hand(network, canonical):
    assert SPACE.format(SPACE.canonicalize(SPACE.encode([network]))) == [canonical]


def reduced(decisions):
    """Build the network as a graph and contract it one step at a time."""
    graph = nx.DiGraph()
    graph.add_node(0, label="input")
    for node, (source, operation) in enumerate(
        zip([0, *decisions[:3]], decisions[3:], strict=True), start=1
    ):
        graph.add_node(node, label=operation)
        graph.add_edge(source, node)
    changed = True
    while changed:
        changed = False
        for node in [n for n in graph if graph.nodes[n]["label"] == SKIP]:
            (source,) = graph.predecessors(node)
            followers = list(graph.successors(node))
            if followers or graph.out_degree(source) == 1 or source == 0:
                graph.remove_node(node)
                graph.add_edges_from((source, follower) for follower in followers)
                changed = True
                break
    return graph


def same(left, right):
    return nx.is_isomorphic(left, right, node_match=lambda a, b: a["label"] == b["label"])


def test_canonical_form_is_the_same_network_by_an_independent_construction():
    rng = np.random.default_rng(0)
    chosen = ALL[rng.choice(len(ALL), 400, replace=False)]
    # Random operations are seldom skip connections, which is where the work is.
    chosen[:300, 3:][rng.random((300, 4)) < 0.5] = SKIP
    chosen = chosen[SPACE.is_valid(chosen)]
    for before, after in zip(chosen.tolist(), SPACE.canonicalize(chosen).tolist(), strict=True):
        assert same(reduced(before), reduced(after)), (before, after)


@pytest.mark.filterwarnings("ignore:The hashes produced:UserWarning")
def test_different_classes_are_different_networks(canonical):
    representatives = np.unique(canonical, axis=0)
    rng = np.random.default_rng(1)
    groups = {}
    for decisions in representatives[rng.choice(len(representatives), 1500, replace=False)]:
        graph = reduced(decisions.tolist())
        key = nx.weisfeiler_lehman_graph_hash(graph, node_attr="label")
        groups.setdefault(key, []).append(graph)
    for graphs in groups.values():
        for left, right in itertools.combinations(graphs, 2):
            assert not same(left, right)


def test_there_are_as_many_classes_as_the_benchmark_has_architectures(canonical):
    representatives = np.unique(canonical, axis=0)
    assert len(representatives) == 26206
    np.testing.assert_array_equal(SPACE.canonicalize(representatives), representatives)
    keys = SPACE.benchmark_keys(representatives)
    assert len(np.unique(keys)) == 26206
    np.testing.assert_array_equal(SPACE.from_benchmark_keys(keys), representatives)


def test_keys_are_those_of_the_package():
    package = pytest.importorskip("nas_bench_graph", reason="nas-bench-graph is not installed")
    # Every fifth description, which still has all 24 links and all operations at all nodes.
    keys = SPACE.benchmark_keys(ALL[::5])
    for decisions, key in zip(ALL[::5].tolist(), keys.tolist(), strict=True):
        operations = [SPACE.operations[operation] for operation in decisions[3:]]
        assert package.Arch([0, *decisions[:3]], operations).valid_hash() == key
    arch = package.Arch([0, 1, 2, 1], ["gcn", "gin", "fc", "cheb"])
    assert SPACE.format(SPACE.encode([arch])) == [EXAMPLE]


def test_a_key_worked_out_by_hand():
    # The macro structure [0, 1, 1, 2] is number 6; gcn, gin, cheb, fc are 1, 2, 3, 7.
    assert SPACE.benchmark_keys(SPACE.encode([EXAMPLE])).tolist() == [61237]
    assert SPACE.format(SPACE.from_benchmark_keys([61237])) == ["|gcn~0|gin~1|cheb~1|fc~2|"]


# 10 would be gat, gat, gcn, gat on the input, which is not sorted; 88888 four skip connections.
@pytest.mark.parametrize("key", [-1, 9, 10, 90000, 61237 + 10**6, 88888])
def test_numbers_that_are_no_key(key):
    with pytest.raises(ArchitectureError, match=f"{key} is not a key") as caught:
        SPACE.from_benchmark_keys([61237, key])
    assert caught.value.index == 1


def test_tokens_of_a_network():
    decisions = SPACE.encode(["|skip~0|gcn~1|cheb~2|fc~2|"])

    def words(sequence):
        vocabulary = SPACE.sequences[sequence].vocabulary
        return [vocabulary[token] for token in SPACE.tokenize(decisions, sequence)[0]]

    assert words("decisions") == [
        *["skip", "from node 1", "gcn", "from node 2", "cheb", "from node 2", "fc"]
    ]
    assert words("paths") == [
        *["skip", "inner of depth 0", "gcn", "inner of depth 1"],
        *["cheb", "leaf of depth 2", "fc", "leaf of depth 2", "numbering 0"],
        *["gcn on path", "fc on path", "end of path of 2"],
        *["gcn on path", "cheb on path", "end of path of 2"],
        *["padding"] * 3,
    ]
    # Column by column: 1 no edge, 2 edge, then the operation.
    edge = {True: "edge", False: "no edge"}
    adjacency = SPACE.decode(decisions)[0].adjacency
    expected = []
    for node, name in enumerate(["skip", "gcn", "cheb", "fc", "output"], start=1):
        expected += [edge[bool(entry)] for entry in adjacency[:node, node]] + [name]
    assert words("adjacency") == expected


def test_canonical_forms_need_no_numbering(canonical):
    tokens = SPACE.tokenize(canonical, "paths")
    assert set(tokens[:, 8]) == {SPACE.sequences["paths"].vocabulary.index("numbering 0")}


@pytest.mark.parametrize(
    ("sequence", "position", "word"),
    [
        ("decisions", 1, "from node 2"),
        ("paths", 1, "leaf of depth 4"),
        ("paths", 8, "numbering 3"),
        ("adjacency", 0, "no edge"),
        ("adjacency", 19, "gcn"),
    ],
)
def test_tokens_of_no_network_are_refused(sequence, position, word):
    tokens = SPACE.tokenize(SPACE.encode([EXAMPLE, EXAMPLE]), sequence)
    tokens[1, position] = SPACE.sequences[sequence].vocabulary.index(word)
    with pytest.raises(ArchitectureError) as caught:
        SPACE.detokenize(tokens, sequence)
    assert caught.value.index == 1


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (EXAMPLE.replace("fc", "conv"), "conv"),
        (EXAMPLE.replace("fc~2", "fc~3"), "source of node 3"),
        (EXAMPLE.replace("gcn~0", "gcn~1"), "node 1"),
        (EXAMPLE.replace("~2", "~²"), "²"),
        (EXAMPLE[:-1], "4 nodes"),
        ("[[0, 1, 2, 1], [0, 1, 2", "expected"),
        ("[" * 100000, "expected"),
        ("[[0, 1, 2, 1], 3]", "operations"),
        (([0, 1, 2], ["gcn"] * 4), "link"),
        (([0, 1, 2, True], ["gcn"] * 4), "True"),
        (([0, 1, 2, 1], ["gcn", "gcn", ["gcn"], "gcn"]), "node 3"),
        (([0, 1, 2, 1], [0, 1, 2, 9]), "9"),
        (([0, 1, 2, 3], ["skip"] * 4), "skips"),
        ((1, 2, 1), "7"),
        (SimpleNamespace(link=[0, 0, 0, 0]), "ops"),
        (None, "NoneType"),
        (Architecture(["input", "gcn", "output"], [(0, 1), (1, 2)]), "operations"),
        (
            Architecture(
                ["input", "gcn", "gcn", "gcn", "gcn", "output"],
                [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (1, 5)],
            ),
            "graph",
        ),
    ],
)
def test_what_is_not_of_the_space_is_refused_and_named(wrong, word):
    with pytest.raises(ArchitectureError, match=word) as caught:
        SPACE.encode([EXAMPLE, wrong])
    assert caught.value.index == 1
    assert len(str(caught.value)) < 500
