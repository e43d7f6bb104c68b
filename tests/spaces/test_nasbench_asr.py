import itertools

import networkx as nx
import numpy as np
import pytest

from emprox.spaces import ArchitectureError, get_space

SPACE = get_space("nasbench_asr")
PATHS_LENGTH = 27
LINEAR, CONV5, CONV5D2, CONV7, CONV7D2, ZERO = range(6)
ALL_CELLS = np.array(list(itertools.product(*map(range, (6, 2, 6, 2, 2, 6, 2, 2, 2)))))
# linear + skip; conv5 + skip from node 1; zero + skips from the input and node 2
EXAMPLE = "linear:1|conv5:01|zero:101"
EXAMPLE_DECISIONS = (LINEAR, 1, CONV5, 0, 1, ZERO, 1, 0, 1)


def nested(cell):
    return [[cell[0], cell[1]], list(cell[2:5]), list(cell[5:])]


def output(cell, operations):
    """Compute a cell on numbers, as the benchmark's model does."""
    outputs = [operations["input"]]
    for operation, *skips in nested(cell):
        # No operation makes something of zeros, as those of the benchmark would by their bias.
        result = operations[operation](outputs[-1])
        outputs.append(result + sum(o for o, skip in zip(outputs, skips, strict=True) if skip))
    return outputs[-1]


def random_operations(seed, size=6):
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((5, size, size)) / size**0.5
    operations = {number: (lambda x, w=w: np.tanh(w @ x)) for number, w in enumerate(weights)}
    return operations | {ZERO: np.zeros_like, "input": rng.standard_normal(size)}


def signal_graph(cell):
    """Build which operation reads which others' results, and how often, with networkx alone."""
    graph = nx.MultiDiGraph()
    graph.add_node("in", label="in")
    signals = [["in"]]
    for number, (operation, *skips) in enumerate(nested(cell), start=1):
        arriving = []
        if operation != ZERO:
            graph.add_node(number, label=operation)
            graph.add_edges_from((source, number) for source in signals[-1])
            arriving.append(number)
        for source, skip in enumerate(skips):
            arriving += signals[source] * skip
        signals.append(arriving)
    graph.add_node("out", label="out")
    graph.add_edges_from((source, "out") for source in signals[-1])
    alive = (nx.descendants(graph, "in") | {"in"}) & (nx.ancestors(graph, "out") | {"out"})
    simple = nx.DiGraph()
    for node in alive if alive != {"in"} else ():
        simple.add_node(node, label=graph.nodes[node]["label"])
    for source, target in graph.subgraph(alive).edges():
        count = graph.number_of_edges(source, target)
        simple.add_edge(source, target, count=count)
    return simple


def isomorphic(left, right):
    return nx.is_isomorphic(
        left,
        right,
        node_match=lambda a, b: a["label"] == b["label"],
        edge_match=lambda a, b: a["count"] == b["count"],
    )


def benchmark_class(cell):
    """Classify a cell as the benchmark does: a skip into node j leads to operation j + 1."""
    edges = {(n, n + 1) for n in range(4)}
    labels = ["in", cell[0], cell[2], cell[5], "out"]
    for node, (_, *skips) in enumerate(nested(cell), start=1):
        edges |= {(source, node + 1) for source, skip in enumerate(skips) if skip}
    edges = {edge for edge in edges if ZERO not in (labels[edge[0]], labels[edge[1]])}
    forward, backward = {0}, {4}
    for node in range(1, 5):
        if any((source, node) in edges for source in forward):
            forward.add(node)
    for node in range(3, -1, -1):
        if any((node, target) in edges for target in backward):
            backward.add(node)
    alive = sorted(forward & backward)
    forms = []
    for inner in itertools.permutations(alive[1:-1]):
        number = {node: place for place, node in enumerate((*alive[:1], *inner, *alive[-1:]))}
        kept = [(number[s], number[t]) for s, t in edges if s in number and t in number]
        forms.append((tuple(map(str, (labels[node] for node in inner))), tuple(sorted(kept))))
    return min(forms)


@pytest.mark.parametrize(
    "form",
    [
        EXAMPLE,
        f"  {EXAMPLE}\n",
        [[0, 1], [1, 0, 1], [5, 1, 0, 1]],
        "[[0, 1], [1, 0, 1], [5, 1, 0, 1]]",
        "[['linear', 1], ['conv5', 0, 1], ['zero', 1, 0, 1]]",
        "((0, 1), (1, 0, 1), (5, 1, 0, 1))",
        "0_1_1_0_1_5_1_0_1",
        "(0, 1, 1, 0, 1, 5, 1, 0, 1)",
        EXAMPLE_DECISIONS,
        np.array(EXAMPLE_DECISIONS),
        ["linear", 1, "conv5", 0, 1, "zero", 1, 0, 1],
    ],
    ids=repr,
)
def test_all_forms_of_a_cell_are_read(form):
    assert tuple(SPACE.encode([form])[0]) == EXAMPLE_DECISIONS
    assert SPACE.format([EXAMPLE_DECISIONS]) == [EXAMPLE]


def test_the_graph_of_a_cell():
    (cell,) = SPACE.decode([EXAMPLE_DECISIONS])
    assert cell.operations == ("input", "linear", "sum", "conv5", "sum", "zero", "output")
    chain = {(node, node + 1) for node in range(6)}
    # input -> first sum; first sum -> second sum; input and second sum -> output
    assert set(cell.edges) == chain | {(0, 2), (2, 4), (0, 6), (4, 6)}


def test_the_canonical_form_computes_the_same():
    canonical = SPACE.canonicalize(ALL_CELLS)
    before, after = ((cells[:, [0, 2, 5]] != ZERO).sum(axis=1) for cells in (ALL_CELLS, canonical))
    assert (after <= before).all()
    operations = random_operations(0)
    for cell, form in zip(ALL_CELLS.tolist(), canonical.tolist(), strict=True):
        expected, found = output(cell, operations), output(form, operations)
        assert np.abs(found - expected).max() < 1e-9


def test_the_canonical_form_is_the_same_for_cells_that_compute_the_same():
    canonical = [tuple(cell) for cell in SPACE.canonicalize(ALL_CELLS).tolist()]
    representatives = sorted(set(canonical))
    assert len(representatives) == 8865
    operations = random_operations(0)
    by_output = {}
    for cell in representatives:
        key = tuple(np.round(output(cell, operations), 9) + 0.0)
        by_output.setdefault(key, []).append(cell)
    # Those that are left compute the same only if equal operations share their weights.
    shared = [cells for cells in by_output.values() if len(cells) > 1]
    assert shared
    for cells in shared:
        for left, right in itertools.combinations(cells, 2):
            assert not isomorphic(signal_graph(left), signal_graph(right))


def test_how_the_classes_compare_with_the_benchmarks():
    canonical = SPACE.canonicalize(ALL_CELLS) @ 6 ** np.arange(9)
    ours, theirs = {}, {}
    for cell, key in zip(ALL_CELLS.tolist(), canonical.tolist(), strict=True):
        label = benchmark_class(cell)
        ours.setdefault(key, set()).add(label)
        theirs.setdefault(label, set()).add(key)
    assert len(ours) == 8865
    assert len(theirs) == 8242, "the number that the paper states"
    assert sum(len(keys) > 1 for keys in theirs.values()) == 242
    assert sum(len(labels) > 1 for labels in ours.values()) == 483
    without_zero = ~(ALL_CELLS[:, [0, 2, 5]] == ZERO).any(axis=1)
    assert len(set(canonical[without_zero].tolist())) == without_zero.sum() == 8000


def test_the_papers_sequence_of_a_cell():
    tokens = SPACE.tokenize([EXAMPLE_DECISIONS], "adjacency")[0]
    linear, conv5, zero, sum_, out = 3, 4, 8, 9, 10
    columns = [
        [2, linear],
        [2, 2, sum_],
        [1, 1, 2, conv5],
        [1, 1, 2, 2, sum_],
        [1, 1, 1, 1, 2, zero],
        [2, 1, 1, 1, 2, 2, out],
    ]
    assert tokens.tolist() == list(itertools.chain.from_iterable(columns))


def test_the_path_tokens_of_a_cell():
    tokens = SPACE.tokenize([EXAMPLE_DECISIONS], "paths")[0]
    linear, conv5, end = 1, 2, 9
    assert tokens[:9].tolist() == [1, 8, 2, 7, 8, 6, 8, 7, 8]
    # node 1: linear, nothing; node 2: those after conv5, and again; output: node 2 and the input
    paths = [[linear, conv5], [conv5], [linear], [], []]
    expected = [token for path in paths for token in (*path, end)]
    assert tokens[9:].tolist() == expected + [0] * (PATHS_LENGTH - len(expected))


def test_path_tokens_are_the_same_within_a_class_and_have_room():
    before = SPACE.tokenize(ALL_CELLS, "paths")[:, 9:]
    after = SPACE.tokenize(SPACE.canonicalize(ALL_CELLS), "paths")[:, 9:]
    np.testing.assert_array_equal(before, after)
    assert (before > 0).sum(axis=1).max() == PATHS_LENGTH


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (EXAMPLE.replace("conv5", "conv9"), "'conv9' of operation of node 2"),
        (EXAMPLE.replace("101", "102"), "'2' of skip 2 -> 3"),
        (EXAMPLE.replace("101", "10"), "three nodes"),
        ("linear:1|conv5:01", "got 2"),
        ([[0, 1], [1, 0, 1], 5], "three nodes"),
        ([[6, 1], [1, 0, 1], [5, 1, 0, 1]], "6 of operation of node 1"),
        ([[0, -1], [1, 0, 1], [5, 1, 0, 1]], "-1 of skip 0 -> 1"),
        ([[[], 1], [1, 0, 1], [5, 1, 0, 1]], "operation of node 1"),
        ([[0, 1], [1, 0, 1], [5, 1, 0, float("nan")]], "nan"),
        ("[[0, 1], [1, 0, 1], [__import__('os').abort(), 1, 0, 1]]", "expected"),
        ("0_1_1_0_1_5_1_0", "got 8"),
        ((0,) * 10, "got 10"),
    ],
)
def test_what_is_not_a_cell_is_refused_and_named(wrong, word):
    with pytest.raises(ArchitectureError) as caught:
        SPACE.encode([EXAMPLE, wrong])
    assert caught.value.index == 1
    assert word in str(caught.value)
