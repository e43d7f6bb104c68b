import itertools
import json
import os
from pathlib import Path
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.spaces import Architecture, ArchitectureError, NASBench101Space

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


def read(cell):
    return SPACE.decode(SPACE.encode([cell]))[0]


def canonical(cell):
    return SPACE.decode(SPACE.canonicalize(SPACE.encode([cell])))[0]


def shuffled(cell, rng):
    """Number the inner nodes otherwise."""
    order = [0, *rng.permutation(np.arange(1, cell.n_nodes - 1)), cell.n_nodes - 1]
    return cell.adjacency[np.ix_(order, order)], [cell.operations[node] for node in order]


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
    assert SPACE.format(SPACE.encode(forms[-1:])) == [forms[0]]


def test_decisions_of_a_small_cell():
    decisions = SPACE.encode([DIAMOND])[0]
    edges = [(s, t) for t in range(1, 7) for s in range(t)]
    assert {edges[place] for place in np.flatnonzero(decisions[:21])} == {
        *[(0, 1), (0, 2)],
        *[(1, 6), (2, 6)],  # the output is always node 6
    }
    assert decisions[21:].tolist() == [0, 2, 3, 3, 3]
    assert SPACE.format([decisions]) == [DIAMOND]


def test_inner_nodes_may_come_in_any_order():
    # input -> pool -> conv3 -> output, with the nodes of pool and conv3 exchanged
    backward = cell_of([(0, 2), (2, 1), (1, 3)], CONV3, POOL)
    assert read(backward).operations == ("input", POOL, CONV3, "output")
    assert read(backward).edges == ((0, 1), (1, 2), (2, 3))


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
    cell = read(cell_of(edges, *operations))
    assert cell.edges == tuple(sorted(edges)), "what is dead is kept until it is made canonical"
    form = canonical(cell)
    assert form.edges == tuple(pruned_edges)
    assert form.operations == ("input", *pruned_operations, "output")


def test_edges_of_dead_nodes_do_not_count():
    alive = [(0, 1), (1, 2), (2, 3), (3, 6), (0, 2), (0, 3), (1, 3), (1, 6), (2, 6)]
    dead = [(0, 4), (1, 4), (2, 4), (3, 4), (0, 5), (4, 5)]
    operations = [CONV3, CONV1, POOL, CONV3, CONV3]
    cell = read(cell_of(alive + dead, *operations))
    assert len(cell.edges) == 15
    assert len(canonical(cell).edges) == 9
    # Ten edges are too many once the last dead node leads to the output.
    with pytest.raises(ArchitectureError, match="9 edges"):
        read(cell_of([*alive, *dead, (5, 6)], *operations))


def test_dead_nodes_beyond_seven_are_dropped_when_reading():
    chain = [(0, 1), (1, 8)]
    cell = read(cell_of([*chain, (0, 2), (3, 8)], POOL, *[CONV3] * 6))
    assert cell == read(cell_of([(0, 1), (1, 2)], POOL))
    with pytest.raises(ArchitectureError, match="8"):
        read(cell_of([(n, n + 1) for n in range(7)], *[CONV3] * 6))


def test_cells_that_only_look_alike_are_kept_apart():
    # conv3 -> pool and pool -> conv3; a branch on the first and on the second of two convolutions.
    chains = [cell_of([(0, 1), (1, 2), (2, 3)], *pair) for pair in [(CONV3, POOL), (POOL, CONV3)]]
    chain = [(0, 1), (1, 2), (2, 3), (3, 4)]
    branches = [cell_of([*chain, edge], CONV3, CONV3, CONV3) for edge in [(0, 2), (1, 3), (2, 4)]]
    forms = SPACE.canonicalize(SPACE.encode(chains + branches))
    assert len(np.unique(forms, axis=0)) == 5


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_canonical_form_is_isomorphic_to_what_is_alive(seed):
    rng = np.random.default_rng(seed)
    decisions = SPACE.sample(10, rng)
    cells = SPACE.decode(decisions)
    others = SPACE.encode([shuffled(cell, rng) for cell in cells])
    forms = SPACE.canonicalize(decisions)
    np.testing.assert_array_equal(SPACE.canonicalize(others), forms)
    for cell, form in zip(cells, SPACE.decode(forms), strict=True):
        graph = graph_of(form)
        assert graph.number_of_nodes() == form.n_nodes, "a canonical form has no dead nodes"
        assert isomorphic(graph_of(cell), graph)
    # The operations along the paths do not depend on the order of nodes, or on dead ones.
    paths = SPACE.tokenize(decisions, "paths")[:, 11:]
    np.testing.assert_array_equal(SPACE.tokenize(others, "paths")[:, 11:], paths)
    np.testing.assert_array_equal(SPACE.tokenize(forms, "paths")[:, 11:], paths)


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
    # All combinations of edges, with the first operation on as many nodes as there are.
    counts = []
    for n_inner in range(6):
        there = [s <= n_inner and (t <= n_inner or t == 6) for t in range(1, 7) for s in range(t)]
        places = np.flatnonzero(there)
        n_valid = 0
        for start in range(0, 2 ** len(places), 2**18):
            numbers = np.arange(start, min(start + 2**18, 2 ** len(places)))
            cells = np.zeros((len(numbers), 26), dtype=np.int8)
            cells[:, places] = numbers[:, None] >> np.arange(len(places)) & 1
            cells[:, 21 + n_inner :] = 3
            n_valid += SPACE.is_valid(cells).sum()
        counts.append(n_valid)
    assert SPACE.size == 375_975_790 == sum(n * 3**k for k, n in enumerate(counts))


def test_neighbors_of_the_smallest_cell_are_those_with_a_node_more():
    around, _ = SPACE.neighbors(SPACE.encode(["0100:input,output"]))
    assert SPACE.format(around) == [
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


def test_there_is_room_for_the_paths_of_every_cell(distinct):
    chosen = distinct[(distinct[:, 21:] == 0).all(axis=1)]
    tokens = SPACE.tokenize(chosen, "paths")[:, 11:]
    # Paths counted in another way: by the powers of the adjacency matrix.
    powers = np.array([cell.adjacency for cell in SPACE.decode(chosen)], dtype=int)
    n_paths = sum(np.linalg.matrix_power(powers, n)[:, 0, -1] for n in range(1, 7))
    np.testing.assert_array_equal((tokens == 68).sum(axis=1), n_paths)
    assert (tokens > 0).sum(axis=1).max() == tokens.shape[1]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (cell_of([(0, 1), (1, 2), (2, 1), (2, 3)], CONV3, POOL), "cycle"),
        (cell_of([(0, 1), (2, 3)], CONV3, POOL), "no path"),
        (cell_of([(1, 0), (0, 2)], CONV3), "into the input"),
        (cell_of([(0, 2), (2, 1)], CONV3), "out of the output"),
        (cell_of(itertools.combinations(range(7), 2), *[POOL] * 5), "more than 9"),
        (cell_of([(0, 1), (1, 2)], "conv5x5"), "node 1"),
        (cell_of([(0, 1), (1, 2)], ["list"]), "strings"),
        (([[0, 1], [0, 0]], ["output", "input"]), "node 0"),
        (([[0, 1], [0, 0]], "input,output"), "list"),
        (([[0, 1, 0], [0, 0, 1]], ["input", "output"]), "rows"),
        (([[0, 1], [0]], ["input", "output"]), "rows"),
        (([[0, 1], [0, 0]], ["input", CONV3, "output"]), "3 operations"),
        (([[0]], ["input"]), "1 nodes"),
        (([[0, 2], [0, 0]], ["input", "output"]), "row 0, column 1"),
        (([[0, float("nan")], [0, 0]], ["input", "output"]), "ones"),
        ({"module_adjacency": [[0, 1], [0, 0]]}, "list"),
        (SimpleNamespace(matrix=None, ops=None), "text"),
        (SimpleNamespace(matrix=[[0, 1], [0, 0]]), "list"),
        # What is left of a cell whose ModelSpec prunes everything away.
        (
            SimpleNamespace(
                matrix=None, original_matrix=[[0, 0]] * 2, original_ops=["input", "output"]
            ),
            "no path",
        ),
        ((0,) * 56, "node 1"),
        ((*(0,) * 49, 0, 2, 2, 2, 2, 5, 1), "code 5"),
        ((2,) * 26, "edge 0 -> 1"),
        ((*(0,) * 21, 3, 0, 3, 3, 3), "absent"),
        ((*(1,) * 21, 0, 3, 3, 3, 3), "absent"),
        (DIAMOND.replace(":", " "), "colon"),
        (DIAMOND.replace("maxpool3x3", "maxpool"), "node 2"),
        ("__import__('os').abort():input,output", "colon"),
        ("{}", "colon"),
        (Architecture(["input", "output"], []), "no path"),
        (None, "NoneType"),
    ],
)
def test_what_is_not_a_cell_is_refused_and_named(wrong, word):
    with pytest.raises(ArchitectureError, match=word) as caught:
        SPACE.encode([DIAMOND, wrong])
    assert caught.value.index == 1


def nested(depth):
    found = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    "wrong",
    [
        Architecture(["input", *[CONV3] * 50_000, "output"], [(0, 50_001)]),
        json.dumps({"operations": ["input", *[CONV3] * 50_000, "output"], "edges": [[0, 50_001]]}),
        (nested(100_000), ["input", "output"]),
        ([[0, nested(100_000)], [0, 0]], ["input", "output"]),
        {"matrix": [[0, 1], [0, 0]], "ops": ["input", "x" * 1_000_000]},
    ],
    ids=lambda wrong: type(wrong).__name__,
)
def test_hostile_input_is_refused_in_few_words(wrong):
    with pytest.raises(ArchitectureError) as caught:
        SPACE.encode([wrong])
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("change", "word"),
    [({21: 3}, "absent"), ({20: 1}, "absent"), ({16: 0, 17: 0}, "no path"), ({21: 4}, "21")],
)
def test_a_matrix_of_decisions_is_checked(change, word):
    wrong = np.repeat(SPACE.encode([DIAMOND]), 3, axis=0)
    for place, choice in change.items():
        wrong[2, place] = choice
    for use in (SPACE.encode, SPACE.decode, SPACE.canonicalize, SPACE.tokenize):
        with pytest.raises(ArchitectureError, match=word) as caught:
            use(wrong)
        assert caught.value.index == 2


@pytest.mark.parametrize(
    ("sequence", "tokens"),
    [
        ("adjacency", [2, 3, 2, 1, 5, 1]),
        ("adjacency", [2, 3, 0, 2, 1, 5, 1, 2, 2, 6]),
        ("adjacency", [3, 3, 1, 2, 6]),
        ("adjacency", [1, 3, 1, 2, 6]),
        ("nodes", [5, 1, 6, 7]),
        ("nodes", [6, 1, 6]),
        ("nodes", [5, 1, 68 - 1]),
        ("paths", [5, 1, 3]),
    ],
)
def test_tokens_that_are_no_cell_are_refused(sequence, tokens):
    good = SPACE.tokenize(SPACE.encode([DIAMOND]), sequence)[0]
    wrong = np.zeros_like(good)
    wrong[: len(tokens)] = tokens
    with pytest.raises(ArchitectureError) as caught:
        SPACE.detokenize([good, wrong], sequence)
    assert caught.value.index == 1


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
