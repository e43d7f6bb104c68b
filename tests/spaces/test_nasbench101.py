import itertools
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.spaces import Architecture, ArchitectureError, check_search_space
from emprox.spaces._nasbench101._cells import (
    count_edges,
    from_patterns,
    prune,
    pruned_patterns,
)
from emprox.spaces._nasbench101._space import N_PATTERNS, NASBench101Space
from emprox.spaces._nasbench101._tokens import PATHS_LENGTH, path_tokens

SPACE = NASBench101Space()
CONV3, CONV1, POOL = "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"
# The Inception-like cell of the benchmark's documentation.
INCEPTION = [
    [0, 1, 1, 1, 0, 1, 0],
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 1, 0, 0],
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 0],
]
INCEPTION_OPERATIONS = ["input", CONV1, CONV3, CONV3, CONV3, POOL, "output"]
# Two branches: input -> conv3 -> output, input -> pool -> output.
DIAMOND = "0110000100010000:input,conv3x3-bn-relu,maxpool3x3,output"


@pytest.fixture(scope="module")
def distinct():
    return SPACE.distinct_cells()


def matrix_of(n_nodes, edges):
    matrix = np.zeros((n_nodes, n_nodes), dtype=int)
    for source, target in edges:
        matrix[source, target] = 1
    return matrix


def cell_of(edges, *operations):
    return matrix_of(len(operations) + 2, edges), ["input", *operations, "output"]


def graph_of(architecture):
    """Build the graph of what is on a path from input to output, with networkx alone."""
    graph = nx.DiGraph(architecture.edges)
    graph.add_nodes_from(range(architecture.n_nodes))
    output = architecture.n_nodes - 1
    alive = (nx.descendants(graph, 0) | {0}) & (nx.ancestors(graph, output) | {output})
    graph = graph.subgraph(alive).copy()
    labels = {node: architecture.operations[node] for node in alive}
    nx.set_node_attributes(graph, labels, "label")
    return graph


def isomorphic(left, right):
    return nx.is_isomorphic(left, right, node_match=lambda a, b: a["label"] == b["label"])


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_contract(seed):
    check_search_space(SPACE, n_architectures=20, random_state=seed)


def test_all_forms_of_a_cell_are_read():
    codes = [0, 3, 4, 4, 4, 2, 1]
    flat = [bit for row in INCEPTION for bit in row]
    naslib = (*flat, *codes)
    architecture = Architecture.from_adjacency(INCEPTION_OPERATIONS, INCEPTION)
    forms = [
        "".join(map(str, flat)) + ":" + ",".join(INCEPTION_OPERATIONS),
        (INCEPTION, INCEPTION_OPERATIONS),
        [np.array(INCEPTION, dtype=bool), tuple(INCEPTION_OPERATIONS)],
        {"module_adjacency": np.array(INCEPTION), "module_operations": INCEPTION_OPERATIONS},
        {"adjacency": INCEPTION, "operations": np.array(INCEPTION_OPERATIONS)},
        {"matrix": np.array(INCEPTION, dtype=float), "ops": INCEPTION_OPERATIONS},
        SimpleNamespace(matrix=np.array(INCEPTION), ops=INCEPTION_OPERATIONS),
        SimpleNamespace(original_matrix=np.array(INCEPTION), original_ops=INCEPTION_OPERATIONS),
        naslib,
        np.array(naslib),
        str(naslib),
        architecture,
        architecture.to_string(),
        SPACE.encode([architecture])[0],
    ]
    cells = set(SPACE.decode(SPACE.encode(forms)))
    assert len(cells) == 1
    (cell,) = cells
    np.testing.assert_array_equal(cell.adjacency, INCEPTION)
    assert cell.operations == tuple(INCEPTION_OPERATIONS)
    assert SPACE.format(cell) == forms[0]


def test_decisions_of_a_small_cell():
    decisions = SPACE.encode([DIAMOND])[0]
    edges = [(s, t) for t in range(1, 7) for s in range(t)]
    assert {edges[place] for place in np.flatnonzero(decisions[:21])} == {
        *[(0, 1), (0, 2)],
        *[(1, 6), (2, 6)],  # the output is always node 6
    }
    assert decisions[21:].tolist() == [0, 2, 3, 3, 3]
    assert SPACE.format(decisions) == DIAMOND


def test_inner_nodes_may_come_in_any_order():
    # input -> pool -> conv3 -> output, with the nodes of pool and conv3 exchanged
    backward = cell_of([(0, 2), (2, 1), (1, 3)], CONV3, POOL)
    assert SPACE.parse(backward).operations == ("input", POOL, CONV3, "output")
    assert SPACE.parse(backward).edges == ((0, 1), (1, 2), (2, 3))


@pytest.mark.parametrize(
    ("edges", "operations", "pruned_edges", "pruned_operations"),
    [
        # Nothing to prune.
        ([(0, 1), (1, 2)], [CONV3], [(0, 1), (1, 2)], [CONV3]),
        ([(0, 1)], [], [(0, 1)], []),
        # An isolated node,
        ([(0, 1), (1, 3)], [CONV3, POOL], [(0, 1), (1, 2)], [CONV3]),
        # ... two that are joined to each other only,
        ([(0, 1), (1, 4), (2, 3)], [CONV1, POOL, POOL], [(0, 1), (1, 2)], [CONV1]),
        # ... one that leads nowhere, one that nothing leads to,
        ([(0, 1), (0, 2), (2, 3)], [POOL, CONV3], [(0, 1), (1, 2)], [CONV3]),
        ([(0, 2), (1, 3), (2, 3)], [POOL, CONV3], [(0, 1), (1, 2)], [CONV3]),
        # ... and a chain that ends dead although it starts alive.
        ([(0, 1), (0, 2), (2, 3), (1, 4)], [CONV1, CONV3, POOL], [(0, 1), (1, 2)], [CONV1]),
        # Operations only beside the edge from input to output.
        ([(0, 3), (0, 1), (2, 3)], [CONV3, CONV3], [(0, 1)], []),
    ],
)
def test_pruning_worked_out_by_hand(edges, operations, pruned_edges, pruned_operations):
    cell = SPACE.parse(cell_of(edges, *operations))
    assert cell.edges == tuple(sorted(edges)), "what is dead is kept until it is made canonical"
    canonical = SPACE.canonical(cell)
    assert canonical.edges == tuple(pruned_edges)
    assert canonical.operations == ("input", *pruned_operations, "output")


def test_edges_of_dead_nodes_do_not_count():
    alive = [(0, 1), (1, 2), (2, 3), (3, 6), (0, 2), (0, 3), (1, 3), (1, 6), (2, 6)]
    dead = [(0, 4), (1, 4), (2, 4), (3, 4), (0, 5), (4, 5)]
    operations = [CONV3, CONV1, POOL, CONV3, CONV3]
    cell = SPACE.parse(cell_of(alive + dead, *operations))
    assert len(cell.edges) == 15
    assert len(SPACE.canonical(cell).edges) == 9
    # Ten edges are too many once the last dead node leads to the output.
    with pytest.raises(ArchitectureError, match="16 edges are on paths"):
        SPACE.parse(cell_of([*alive, *dead, (5, 6)], *operations))


def test_dead_nodes_beyond_seven_are_dropped_when_reading():
    chain = [(0, 1), (1, 8)]
    cell = SPACE.parse(cell_of([*chain, (0, 2), (3, 8)], POOL, *[CONV3] * 6))
    assert cell == SPACE.parse(cell_of([(0, 1), (1, 2)], POOL))
    with pytest.raises(ArchitectureError, match="8 nodes, 8 of them on a path"):
        SPACE.parse(cell_of([(n, n + 1) for n in range(7)], *[CONV3] * 6))


def test_isomorphic_cells_have_the_same_canonical_form():
    # One branch of conv3 -> pool, one of conv1; the six interleavings of their nodes.
    for first, second, third in itertools.permutations(range(1, 4)):
        operations = dict(zip((first, second, third), (CONV3, POOL, CONV1), strict=True))
        edges = [(0, first), (first, second), (second, 4), (0, third), (third, 4)]
        cell = cell_of(edges, *[operations[node] for node in range(1, 4)])
        assert SPACE.format(SPACE.canonical(cell)) == (
            "0110000010000010000100000:input,conv3x3-bn-relu,conv1x1-bn-relu,maxpool3x3,output"
        )


def test_cells_that_only_look_alike_are_kept_apart():
    # conv3 -> pool and pool -> conv3; a branch on the first and on the second of two convolutions.
    chains = [cell_of([(0, 1), (1, 2), (2, 3)], *pair) for pair in [(CONV3, POOL), (POOL, CONV3)]]
    chain = [(0, 1), (1, 2), (2, 3), (3, 4)]
    branches = [cell_of([*chain, edge], CONV3, CONV3, CONV3) for edge in [(0, 2), (1, 3), (2, 4)]]
    assert len({SPACE.isomorphism_key(cell) for cell in chains + branches}) == 5


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_canonical_form_is_isomorphic_to_what_is_alive(seed):
    cells = SPACE.sample_decisions(10, seed)
    relabelled = SPACE.relabel(cells, seed)
    canonical = SPACE.decode(SPACE.canonicalize(cells))
    for cell, other, form in zip(
        SPACE.decode(cells), SPACE.decode(relabelled), canonical, strict=True
    ):
        graph = graph_of(form)
        assert graph.number_of_nodes() == form.n_nodes, "a canonical form has no dead nodes"
        assert isomorphic(graph_of(cell), graph)
        assert isomorphic(graph_of(other), graph)


def test_relabelling_uses_the_other_orders():
    cell = SPACE.encode(
        [cell_of([(0, n) for n in (1, 2, 3)] + [(n, 4) for n in (1, 2, 3)], CONV3, CONV1, POOL)]
    )
    relabelled = SPACE.relabel(np.repeat(cell, 300, axis=0), 0)
    counts = np.unique(relabelled, axis=0, return_counts=True)[1]
    # Six orders of fifty each: five standard deviations are 32.
    assert len(counts) == 6
    assert np.abs(counts - 50).max() < 33


def brute_force_classes(n_inner):
    """Count the classes of cells with so many inner nodes by comparing all orders, in Python."""
    nodes = range(n_inner + 2)
    pairs = list(itertools.combinations(nodes, 2))
    classes = set()
    for bits in itertools.product((0, 1), repeat=len(pairs)):
        edges = {pair for pair, bit in zip(pairs, bits, strict=True) if bit}
        sources, targets = {s for s, _ in edges}, {t for _, t in edges}
        if len(edges) > 9 or sources != set(nodes[:-1]) or targets != set(nodes[1:]):
            continue
        for labels in itertools.product("abc", repeat=n_inner):
            forms = []
            for order in itertools.permutations(range(1, n_inner + 1)):
                number = dict(zip((0, *order, n_inner + 1), nodes, strict=True))
                renamed = sorted((number[s], number[t]) for s, t in edges)
                forms.append((tuple(labels[node - 1] for node in order), tuple(renamed)))
            classes.add(min(forms))
    return len(classes)


def test_there_are_423624_cells(distinct):
    assert distinct.shape == (423_624, 26)
    numbers = np.ravel_multi_index(tuple(distinct.T), SPACE.n_choices)
    assert len(np.unique(numbers)) == 423_624
    n_inner = (distinct[:, 21:] != 3).sum(axis=1)
    by_size = np.bincount(n_inner)
    assert by_size.tolist() == [1, 6, 84, 2_441, 62_010, 359_082]
    assert by_size[:4].tolist() == [brute_force_classes(n) for n in range(4)]
    part = distinct[np.random.default_rng(0).choice(len(distinct), 20_000, replace=False)]
    np.testing.assert_array_equal(SPACE.canonicalize(part), part)


def test_different_cells_are_not_isomorphic(distinct):
    rng = np.random.default_rng(0)
    # Four conv3x3 and one pool, so that many cells have the same nodes.
    similar = distinct[(distinct[:, 21:] == [0, 0, 0, 0, 2]).all(axis=1)]
    groups = {}
    for cell in SPACE.decode(similar[rng.choice(len(similar), 1200, replace=False)]):
        graph = graph_of(cell)
        degrees = [
            (graph.in_degree(n), graph.out_degree(n), graph.nodes[n]["label"]) for n in graph
        ]
        groups.setdefault(tuple(sorted(degrees)), []).append(graph)
    compared = 0
    for graphs in groups.values():
        for left, right in itertools.combinations(graphs, 2):
            assert not isomorphic(left, right)
            compared += 1
    assert compared > 1000


def test_size_counts_all_valid_cells():
    for n_inner, expected in enumerate(N_PATTERNS[:4]):
        nodes = range(n_inner + 2)
        pairs = list(itertools.combinations(nodes, 2))
        n_valid = 0
        for bits in itertools.product((0, 1), repeat=len(pairs)):
            edges = [pair for pair, bit in zip(pairs, bits, strict=True) if bit]
            names = ("input", *[CONV3] * n_inner, "output")
            graph = graph_of(Architecture(names, tuple(edges)))
            n_valid += 1 <= graph.number_of_edges() <= 9
        assert n_valid == expected
    patterns = np.arange(2**21)
    n_edges = count_edges(prune(patterns))
    assert ((n_edges > 0) & (n_edges <= 9)).sum() == N_PATTERNS[5]
    without_node_5 = (patterns >> 10 & 31 == 0) & (patterns >> 20 & 1 == 0)
    assert ((n_edges > 0) & (n_edges <= 9) & without_node_5).sum() == N_PATTERNS[4]
    assert SPACE.size == 375_975_790 == sum(n * 3**k for k, n in enumerate(N_PATTERNS))


def test_neighbors_of_the_smallest_cell_are_those_with_a_node_more():
    around = SPACE.neighbors("0100:input,output")
    assert [SPACE.format(cell) for cell in around] == [
        f"001000000:input,{operation},output" for operation in SPACE.operations
    ]


def test_the_papers_sequence_of_a_cell():
    tokens = SPACE.tokenize(SPACE.encode([(INCEPTION, INCEPTION_OPERATIONS)]), "adjacency")[0]
    conv3, conv1, pool, output = 3, 4, 5, 6
    columns = [
        [2, conv1],
        [2, 1, conv3],
        [2, 1, 1, conv3],
        [1, 1, 1, 2, conv3],
        [2, 1, 1, 1, 1, pool],
        [1, 2, 2, 1, 2, 2, output],
    ]
    assert tokens.tolist() == list(itertools.chain.from_iterable(columns))
    assert SPACE.sequences["adjacency"].length == 27
    assert SPACE.sequences["adjacency"].vocabulary_size == 7


def test_smaller_cells_are_padded():
    adjacency, nodes = (
        SPACE.tokenize(SPACE.encode([DIAMOND]), n)[0] for n in ("adjacency", "nodes")
    )
    assert adjacency.tolist() == [*[2, 3], *[2, 1, 5], *[1, 2, 2, 6], *[0] * 18]
    first = SPACE.sequences["nodes"].vocabulary.index("after none")
    assert nodes.tolist() == [first + 0b1, 1, first + 0b1, 3, first + 0b110, *[0] * 6]
    assert SPACE.sequences["nodes"].vocabulary[nodes[4]] == "after 1 2"


def test_the_path_tokens_of_a_cell():
    tokens = SPACE.tokenize(SPACE.encode([(INCEPTION, INCEPTION_OPERATIONS)]), "paths")[0]
    conv3, conv1, pool, end = 1, 2, 3, 68
    paths = [[conv3, conv3], [pool], [conv1], [conv3]]
    assert SPACE.sequences["paths"].vocabulary[end] == "end of path"
    expected = [token for path in paths for token in (*path, end)]
    assert tokens[11:].tolist() == expected + [0] * (36 - len(expected))


def test_path_tokens_do_not_depend_on_the_order_of_nodes_or_on_dead_ones():
    cells = SPACE.sample_decisions(500, random_state=0)
    before = SPACE.tokenize(cells, "paths")[:, 11:]
    for other in (SPACE.relabel(cells, 0), SPACE.canonicalize(cells)):
        np.testing.assert_array_equal(SPACE.tokenize(other, "paths")[:, 11:], before)


def test_there_is_room_for_the_paths_of_every_cell():
    n_tokens = 0
    for n_inner in range(6):
        edges = from_patterns(pruned_patterns(n_inner))
        tokens = path_tokens(edges, np.ones((len(edges), 5), dtype=int), end=2)
        n_paths = (tokens == 2).sum(axis=1)
        # Paths counted in another way: by the powers of the adjacency matrix.
        powers = np.zeros((len(edges), 7, 7), dtype=int)
        for bit, (source, target) in enumerate((s, t) for t in range(1, 7) for s in range(t)):
            powers[:, source, target] = edges[:, bit]
        total = sum(np.linalg.matrix_power(powers, n)[:, 0, -1] for n in range(1, 7))
        np.testing.assert_array_equal(n_paths, total)
        n_tokens = max(n_tokens, (tokens > 0).sum(axis=1).max())
    assert n_tokens == PATHS_LENGTH


def test_different_cells_never_share_tokens(distinct):
    rng = np.random.default_rng(0)
    cells = distinct[rng.choice(len(distinct), 3000, replace=False)]
    for sequence in SPACE.sequences:
        tokens = SPACE.tokenize(cells, sequence)
        assert len(np.unique(tokens, axis=0)) == len(cells)
        np.testing.assert_array_equal(SPACE.detokenize(tokens, sequence), cells)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (cell_of([(0, 1), (1, 2), (2, 1), (2, 3)], CONV3, POOL), "cycle"),
        (cell_of([(0, 1), (1, 1), (1, 2)], CONV3), "cycle"),
        (cell_of([(0, 1), (2, 3)], CONV3, POOL), "no path leads from the input to the output"),
        (cell_of([(0, 1), (1, 2), (2, 0)], CONV3), "cycle|into the input"),
        (cell_of([(1, 0), (0, 2)], CONV3), "into the input or out of the output"),
        (cell_of([(0, 2), (2, 1)], CONV3), "into the input or out of the output"),
        (cell_of(itertools.combinations(range(7), 2), *[POOL] * 5), "21 edges .* allowed are 9"),
        (cell_of([(0, 1), (1, 2)], "conv5x5"), "unknown operation 'conv5x5' on node 1"),
        (cell_of([(0, 1), (1, 2)], "input"), "unknown operation 'input' on node 1"),
        (cell_of([(0, 1), (1, 2)], ["list"]), r"unknown operation \['list'\] on node 1"),
        (([[0, 1], [0, 0]], ["output", "input"]), "unknown operation 'output' on node 0"),
        (([[0, 1], [0, 0]], "input,output"), "expected a list of operations"),
        (([[0, 1], [0, 0]], None), "expected a list of operations"),
        (([[0, 1, 0], [0, 0, 1]], ["input", "output"]), r"square, got an array of shape \(2, 3\)"),
        (([0, 1, 0, 0], ["input", "output"]), "has to be square"),
        (([[0, 1], [0]], ["input", "output"]), "expected an adjacency matrix"),
        (([[0, 1], [0, 0]], ["input", CONV3, "output"]), "3 operations for 2 nodes"),
        (([[0]], ["input"]), "1 operations for 1 nodes"),
        (([[0, 2], [0, 0]], ["input", "output"]), "zeros and ones, got .*2.* in row 0, column 1"),
        (([[0, 0.5], [0, 0]], ["input", "output"]), "zeros and ones"),
        (([[0, float("nan")], [0, 0]], ["input", "output"]), "zeros and ones"),
        (([["0", "1"], ["0", "0"]], ["input", "output"]), "zeros and ones"),
        (([[0, None], [0, 0]], ["input", "output"]), "zeros and ones"),
        ({"module_adjacency": [[0, 1], [0, 0]]}, "a dict has to have 'module_adjacency' and"),
        (SimpleNamespace(matrix=None, ops=None), "expected a text"),
        (SimpleNamespace(matrix=[[0, 1], [0, 0]]), "expected a list of operations, got None"),
        ((0,) * 56, "unknown operation 'input' on node 1"),
        ((*(0,) * 49, 0, 2, 2, 2, 2, 5, 1), "unknown operation code 5"),
        ((*(0,) * 49, 0, 2, 2, 2, 2, -1, 1), "unknown operation code -1"),
        ((0, 1) * 5, "got 10 numbers"),
        ((0.5,) * 26, "expected whole numbers, got 0.5"),
        ((2,) * 26, "decision 0 is 2"),
        ((*(0,) * 21, 3, 0, 3, 3, 3), "node 1 is absent, but a later one is not"),
        ((*(1,) * 21, 0, 3, 3, 3, 3), "the edge 5->6 is one of a node that is absent"),
        ("(0, 1, 2)", "got 3 numbers"),
        (DIAMOND.replace(":", " "), "a colon"),
        (DIAMOND.replace("0", "2", 1), "a colon"),
        (DIAMOND[1:], "square matrix"),
        (DIAMOND.replace("maxpool3x3", "maxpool"), "unknown operation 'maxpool' on node 2"),
        (DIAMOND.replace(",output", ""), "3 operations for 4 nodes"),
        ("__import__('os').abort():input,output", "a colon"),
        (":", "0 nodes"),
        ("{}", "needs the fields"),
        (Architecture(["input", "output"], []), "no path"),
        (None, "of type NoneType"),
        (7, "of type int"),
    ],
)
def test_what_is_not_a_cell_is_refused_and_named(wrong, message):
    with pytest.raises(ArchitectureError, match=message) as caught:
        SPACE.encode([DIAMOND, wrong])
    assert caught.value.index == 1
    assert str(caught.value).startswith("architecture 1: ")


def test_a_pruned_away_model_spec_of_the_benchmark_is_disconnected():
    spec = SimpleNamespace(
        matrix=None, ops=None, original_matrix=[[0, 0], [0, 0]], original_ops=["input", "output"]
    )
    with pytest.raises(ArchitectureError, match="no path"):
        SPACE.parse(spec)


def test_a_matrix_of_decisions_is_checked():
    decisions = np.repeat(SPACE.encode([DIAMOND]), 3, axis=0)
    for change, message in [
        ({21: 3}, "node 1 is absent"),
        ({20: 1}, "the edge 5->6 is one of a node that is absent"),
        ({16: 0, 17: 0}, "no path"),
        ({21: 4}, "decision 21 is 4"),
    ]:
        wrong = decisions.copy()
        for place, choice in change.items():
            wrong[2, place] = choice
        for use in (SPACE.encode, SPACE.decode, SPACE.canonicalize, SPACE.tokenize):
            with pytest.raises(ArchitectureError, match=message) as caught:
                use(wrong)
            assert caught.value.index == 2


@pytest.mark.parametrize(
    ("sequence", "tokens", "message"),
    [
        ("adjacency", [2, 3, 2, 1, 5, 1], "these are 6$"),
        ("adjacency", [2, 3, 0, 2, 1, 5, 1, 2, 2, 6], "with gaps"),
        ("adjacency", [3, 3, 1, 2, 6], r"token 3 \(conv3x3-bn-relu\) stands where the edge 0->1"),
        ("adjacency", [2, 6, 1, 2, 6], r"token 6 \(output\) .* the operation of node 1"),
        ("adjacency", [2, 3, 1, 2, 3], "the output has to be"),
        ("adjacency", [1, 3, 1, 2, 6], "no path"),
        ("nodes", [5, 1, 6, 7], "these are 4$"),
        ("nodes", [6, 1, 6], r"token 6 \(after 1\) .* the set of nodes that lead to node 1"),
        ("nodes", [5, 4, 6], "the operation of node 1"),
        ("nodes", [5, 1, 68 - 1], "of a node that is absent"),
        ("paths", [5, 1, 3], "the set of nodes that lead to node 6"),
    ],
)
def test_tokens_that_are_no_cell_are_refused(sequence, tokens, message):
    good = SPACE.tokenize(SPACE.encode([DIAMOND]), sequence)[0]
    wrong = np.zeros_like(good)
    wrong[: len(tokens)] = tokens
    with pytest.raises(ArchitectureError, match=message) as caught:
        SPACE.detokenize([good, wrong], sequence)
    assert caught.value.index == 1


def test_at_least_5000_cells_a_second():
    cells = SPACE.sample_decisions(10_000, random_state=0)
    start = time.process_time()
    SPACE.tokenize(SPACE.canonicalize(cells), "paths")
    # About 0.2 s.
    assert time.process_time() - start < 2


def test_real_accuracies_of_cells_with_the_same_canonical_form():
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("EMPROX_TEST_DATA") or default) / "nasbench101"
    file = folder / "zc_nasbench101.json"
    if not file.is_file():
        pytest.skip(f"{file} is missing; EMPROX_TEST_DATA can say where it is")
    table = json.loads(file.read_text())["nasbench101"]["cifar10"]
    keys = [cell.tobytes() for cell in SPACE.canonicalize(SPACE.encode(list(table)))]
    accuracies = {}
    for key, entry in zip(keys, table.values(), strict=True):
        accuracies.setdefault(key, []).append(entry["val_accuracy"])
    assert len(accuracies) == 292
    # The benchmark trained each of its cells three times, and each row has one of the results.
    assert max(len(set(values)) for values in accuracies.values()) == 3
    assert max(len(values) for values in accuracies.values()) == 55
    everything = np.concatenate(list(accuracies.values()))
    spread = np.concatenate([values - np.mean(values) for values in accuracies.values()])
    assert spread.std() < 0.25
    assert everything.std() > 4
