import itertools
import time

import networkx as nx
import numpy as np
import pytest

from emprox.spaces import Architecture, ArchitectureError, get_space

SPACE = get_space("nasbench201")
SKIP, NONE, CONV3, CONV1, POOL = range(5)
ALL_CELLS = np.array(list(itertools.product(range(5), repeat=6)))
EXAMPLE = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"
EDGES = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_the_official_string_and_the_tuple_of_naslib_are_the_same_cell():
    forms = [
        EXAMPLE,
        (4, 0, 3, 1, 4, 3),
        [4, 0, 3, 1, 4, 3],
        np.array([4, 0, 3, 1, 4, 3]),
        "(4, 0, 3, 1, 4, 3)",
        "4,0,3,1,4,3",
        tuple(SPACE.operations[number] for number in (4, 0, 3, 1, 4, 3)),
    ]
    cells = {SPACE.parse(form) for form in forms}
    assert len(cells) == 1
    cell = cells.pop()
    assert SPACE.format(cell) == EXAMPLE
    assert cell.operations[1:-1] == (
        "avg_pool_3x3",
        "skip_connect",
        "nor_conv_1x1",
        "none",
        "avg_pool_3x3",
        "nor_conv_1x1",
    )


def test_line_graph_joins_the_operations_that_follow_each_other():
    cell = SPACE.parse(EXAMPLE)
    expected = [[0] * 8 for _ in range(8)]
    for source, target in [
        *[(0, 1), (0, 2), (0, 3)],  # the input to the edges from node 0
        *[(1, 4), (1, 5)],  # 0->1 to 1->2 and 1->3
        *[(2, 6), (4, 6)],  # 0->2 and 1->2 to 2->3
        *[(3, 7), (5, 7), (6, 7)],  # the edges into node 3 to the output
    ]:
        expected[source][target] = 1
    np.testing.assert_array_equal(cell.adjacency, expected)


def test_there_are_15625_cells_in_the_order_of_their_decisions():
    cells = list(SPACE.enumerate())
    assert SPACE.size == len(cells) == len(set(cells)) == 15625
    np.testing.assert_array_equal(SPACE.encode(cells), ALL_CELLS)


def test_a_sample_of_everything_is_everything():
    drawn = SPACE.sample_decisions(15625, random_state=3)
    np.testing.assert_array_equal(np.unique(drawn, axis=0), ALL_CELLS)
    with pytest.raises(ValueError, match="15626 architectures are wanted"):
        SPACE.sample(15626)
    assert len(SPACE.sample(20000, random_state=0, replace=True)) == 20000


def test_neighbors_are_the_24_cells_at_distance_one():
    around = SPACE.encode(SPACE.neighbors(EXAMPLE))
    distances = (SPACE.encode([EXAMPLE]) != ALL_CELLS).sum(axis=1)
    np.testing.assert_array_equal(np.unique(around, axis=0), ALL_CELLS[distances == 1])
    assert len(around) == 24


@pytest.mark.parametrize("n_mutations", [1, 3, 6])
def test_mutate_changes_as_many_operations_as_it_says(n_mutations):
    child = SPACE.mutate(EXAMPLE, n_mutations, random_state=0)
    assert (SPACE.encode([child]) != SPACE.encode([EXAMPLE])).sum() == n_mutations
    assert child == SPACE.mutate(EXAMPLE, n_mutations, random_state=0)


def test_mutate_refuses_impossible_numbers():
    for n_mutations in (0, 7):
        with pytest.raises(ValueError, match="between 1 and 6"):
            SPACE.mutate(EXAMPLE, n_mutations)


@pytest.mark.parametrize(
    ("cell", "canonical"),
    [
        # Nothing leads to the output.
        ((CONV3, CONV3, NONE, CONV3, NONE, NONE), (NONE,) * 6),
        # The input does not reach nodes 1 and 2.
        ((NONE, NONE, CONV3, CONV1, POOL, CONV3), (NONE, NONE, CONV3, NONE, NONE, NONE)),
        # 0 -skip-> 1 -conv-> 3 and 0 -conv-> 1 -skip-> 3 are 0 -conv-> 3.
        ((SKIP, NONE, NONE, NONE, CONV3, NONE), (NONE, NONE, CONV3, NONE, NONE, NONE)),
        ((CONV3, NONE, NONE, NONE, SKIP, NONE), (NONE, NONE, CONV3, NONE, NONE, NONE)),
        # ... also over two nodes,
        ((SKIP, NONE, NONE, CONV3, NONE, SKIP), (NONE, NONE, CONV3, NONE, NONE, NONE)),
        # ... and with a parallel edge, which needs a node in between.
        ((SKIP, NONE, CONV1, NONE, CONV1, NONE), (CONV1, NONE, CONV1, NONE, SKIP, NONE)),
        # Nodes 1 and 2 change places.
        ((NONE, POOL, NONE, NONE, NONE, CONV1), (POOL, NONE, NONE, NONE, CONV1, NONE)),
        # A residual connection is not contracted.
        ((CONV3, NONE, SKIP, NONE, CONV1, NONE), (CONV3, NONE, SKIP, NONE, CONV1, NONE)),
    ],
)
def test_canonical_form_worked_out_by_hand(cell, canonical):
    representative = SPACE.canonicalize([cell])
    assert tuple(SPACE.canonicalize([canonical])[0]) == tuple(representative[0])
    # The representative has no more operations than the form found by hand.
    assert (representative != NONE).sum() <= (np.array(canonical) != NONE).sum()


def test_operations_that_do_different_things_are_kept_apart():
    pool_first = (POOL, NONE, NONE, NONE, CONV3, NONE)
    conv_first = (CONV3, NONE, NONE, NONE, POOL, NONE)
    keys = {SPACE.isomorphism_key(cell) for cell in (pool_first, conv_first)}
    assert len(keys) == 2
    # Two paths that share their first convolution, and two with one each.
    shared = (CONV3, NONE, NONE, CONV1, SKIP, SKIP)
    separate = (CONV3, CONV3, NONE, CONV1, NONE, SKIP)
    assert SPACE.isomorphism_key(shared) != SPACE.isomorphism_key(separate)


def signal_graph(cell):
    """Build, without contracting anything, which operation reads which others' outputs.

    Vertices are the operations that are not skip connections, the input and the output; an edge
    says over how many chains of skip connections a signal arrives.
    """
    graph = nx.DiGraph()
    signals = [{"in": 1}, {}, {}, {}]
    graph.add_node("in", label="in")
    for edge in sorted(range(6), key=lambda edge: EDGES[edge][1]):
        source, target = EDGES[edge]
        if cell[edge] == NONE:
            continue
        if cell[edge] == SKIP:
            arriving = signals[source]
        else:
            graph.add_node(edge, label=cell[edge])
            for vertex, count in signals[source].items():
                graph.add_edge(vertex, edge, count=count)
            arriving = {edge: 1} if signals[source] else {}
        for vertex, count in arriving.items():
            signals[target][vertex] = signals[target].get(vertex, 0) + count
    graph.add_node("out", label="out")
    for vertex, count in signals[3].items():
        graph.add_edge(vertex, "out", count=count)
    used = nx.ancestors(graph, "out") & (nx.descendants(graph, "in") | {"in"})
    return graph.subgraph(used | {"out"})


def isomorphic(left, right):
    return nx.is_isomorphic(
        left,
        right,
        node_match=lambda a, b: a["label"] == b["label"],
        edge_match=lambda a, b: a["count"] == b["count"],
    )


def fingerprint(graph):
    return nx.weisfeiler_lehman_graph_hash(graph, node_attr="label", edge_attr="count")


@pytest.mark.filterwarnings("ignore:The hashes produced:UserWarning")
def test_classes_agree_with_an_independent_construction():
    rng = np.random.default_rng(0)
    canonical = SPACE.canonicalize(ALL_CELLS)
    for number in rng.choice(15625, 300, replace=False):
        left = signal_graph(ALL_CELLS[number].tolist())
        assert isomorphic(left, signal_graph(canonical[number].tolist()))
    representatives = np.unique(canonical, axis=0)
    chosen = representatives[rng.choice(len(representatives), 1500, replace=False)]
    by_fingerprint = {}
    for cell in chosen.tolist():
        graph = signal_graph(cell)
        by_fingerprint.setdefault(fingerprint(graph), []).append(graph)
    for graphs in by_fingerprint.values():
        for left, right in itertools.combinations(graphs, 2):
            assert not isomorphic(left, right)


def test_number_of_classes():
    canonical = SPACE.canonicalize(ALL_CELLS)
    assert len(np.unique(canonical, axis=0)) == 5425
    # A representative has the fewest operations of its class.
    n_operations = (ALL_CELLS != NONE).sum(axis=1)
    assert ((canonical != NONE).sum(axis=1) <= n_operations).all()


def test_the_papers_sequence_of_a_cell():
    tokens = SPACE.tokens(EXAMPLE, "adjacency")
    # Column by column: the entries above the diagonal (1 no edge, 2 edge), then the operation.
    skip, none, conv1, pool, output = 3, 4, 6, 7, 8
    columns = [
        [2, pool],
        [2, 1, skip],
        [2, 1, 1, conv1],
        [1, 2, 1, 1, none],
        [1, 2, 1, 1, 1, pool],
        [1, 1, 2, 1, 2, 1, conv1],
        [1, 1, 1, 2, 1, 2, 2, output],
    ]
    assert tokens.tolist() == list(itertools.chain.from_iterable(columns))
    assert SPACE.sequences["adjacency"].length == 35
    assert SPACE.sequences["adjacency"].vocabulary_size == 9


def test_the_default_sequence_is_the_operations():
    assert SPACE.tokens(EXAMPLE).tolist() == [5, 1, 4, 2, 5, 4]
    assert SPACE.sequence_length == 6
    assert [SPACE.vocabulary[token] for token in SPACE.tokens(EXAMPLE)] == [
        *("avg_pool_3x3", "skip_connect", "nor_conv_1x1", "none", "avg_pool_3x3", "nor_conv_1x1")
    ]


def test_the_path_tokens_of_a_cell():
    # 0->1 conv3, 0->2 skip, 0->3 conv1, 1->2 conv3, 1->3 pool, 2->3 skip
    tokens = SPACE.tokenize([(CONV3, SKIP, CONV1, CONV3, POOL, SKIP)], "paths")[0]
    conv3, conv1, pool, end = CONV3 + 1, CONV1 + 1, POOL + 1, 6
    assert tokens[6:].tolist() == [
        *[conv3, pool, end],  # 0->1->3
        *[conv3, conv3, end],  # 0->1->2->3
        *[conv1, end],  # 0->3
        end,  # 0->2->3 is skip connections only
        *[0, 0, 0],
    ]


def test_path_tokens_are_the_same_for_cells_with_the_same_paths():
    cells = SPACE.sample_decisions(500, random_state=0)
    before = SPACE.tokenize(cells, "paths")[:, 6:]
    after = SPACE.tokenize(SPACE.canonicalize(cells), "paths")[:, 6:]
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (EXAMPLE.replace("nor_conv_1x1", "conv9"), "unknown operation 'conv9' on edge 0->3"),
        ("|skip_connect~0|+|none~0|", "2 nodes separated by"),
        (EXAMPLE.replace("~2|", "~1|"), "has to end with '~2'"),
        (EXAMPLE.replace("none~1|", ""), "node 2 is"),
        (EXAMPLE[:-1], "node 3 is"),
        ((4, 0, 3, 1, 4), "6 operations, got 5"),
        ((4, 0, 3, 1, 4, 5), "unknown operation 5"),
        ((4, 0, 3, 1, 4, -1), "unknown operation -1"),
        ((4, 0, 3, 1, 4, 2.5), "unknown operation 2.5"),
        (([0], 0, 3, 1, 4, 2), r"unknown operation \[0\] on edge 0->1"),
        ("(4, 0, 3, 1, 4, 9)", "unknown operation 9"),
        (None, "got None of type NoneType"),
        (float("nan"), "of type float"),
        (Architecture(["input", "output"], [(0, 1)]), "not the line graph"),
    ],
)
def test_what_is_not_a_cell_is_refused_and_named(wrong, message):
    with pytest.raises(ArchitectureError, match=message) as caught:
        SPACE.encode([EXAMPLE, wrong])
    assert caught.value.index == 1
    assert str(caught.value).startswith("architecture 1: ")


def test_a_matrix_of_decisions_is_checked():
    matrix = np.array([[0, 1, 2, 3, 4, 0], [0, 1, 2, 3, 4, 5]])
    with pytest.raises(ArchitectureError, match="decision 5 is 5") as caught:
        SPACE.encode(matrix)
    assert caught.value.index == 1
    with pytest.raises(ArchitectureError, match="6 columns"):
        SPACE.encode(matrix[:, :4])
    with pytest.raises(ArchitectureError, match="whole number"):
        SPACE.encode(np.where(matrix == 4, 0.5, matrix))
    with pytest.raises(ArchitectureError, match="nan"):
        SPACE.encode(np.full((1, 6), np.nan))


def test_one_text_alone_is_refused():
    with pytest.raises(TypeError, match="put it into a list"):
        SPACE.encode(EXAMPLE)


def test_tokens_that_are_no_cell_are_refused():
    tokens = SPACE.tokenize(SPACE.encode([EXAMPLE, EXAMPLE]), "adjacency")
    tokens[1, 0] = 1
    with pytest.raises(ArchitectureError, match="edges are not those") as caught:
        SPACE.detokenize(tokens, "adjacency")
    assert caught.value.index == 1
    tokens[1, 0] = 5
    with pytest.raises(ArchitectureError, match="no edge"):
        SPACE.detokenize(tokens, "adjacency")
    with pytest.raises(ArchitectureError, match=r"token 0 \(padding\) stands where"):
        SPACE.detokenize(np.zeros((1, 6), int), "operations")
    with pytest.raises(ArchitectureError, match="not in the vocabulary"):
        SPACE.detokenize(np.full((1, 6), 9), "operations")
    with pytest.raises(ValueError, match="no sequence 'words'"):
        SPACE.tokenize([(0,) * 6], "words")


def test_reading_many_cells_does_not_take_quadratic_time():
    texts = [SPACE.format(cell) for cell in ALL_CELLS]
    start = time.process_time()
    SPACE.tokenize(SPACE.canonicalize(SPACE.encode(texts)), "paths")
    # About 0.15 s; twenty times as much is left for a machine that is slow or busy.
    assert time.process_time() - start < 3
