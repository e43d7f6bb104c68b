"""Cells with operations on their edges: NAS-Bench-201, and five nodes that no benchmark has."""

import itertools
import time

import networkx as nx
import numpy as np
import pytest

from emprox.spaces import Architecture, ArchitectureError, EdgeCellSpace, get_space

SPACE = get_space("nasbench201")
SKIP, NONE, CONV3, CONV1, POOL = range(5)
ALL_CELLS = np.array(list(itertools.product(range(5), repeat=6)))
EXAMPLE = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"
DECISIONS = (4, 0, 3, 1, 4, 3)


class FiveNodes(EdgeCellSpace):
    """Cells of five nodes and ten edges, grouped by the node they lead to."""

    name = "five_nodes"
    operations = ("none", "skip", "conv")
    edges = tuple((source, target) for target in range(1, 5) for source in range(target))
    none = "none"
    skip = "skip"


class FiveNodesReducing(FiveNodes):
    """The same, with skips from the input that change its shape."""

    name = "five_nodes_reducing"
    skip_copies_input = False


FIVE, REDUCING = FiveNodes(), FiveNodesReducing()


def keys(space, *cells):
    return list(map(tuple, space.canonicalize(cells).tolist()))


def five(**operations):
    """Make a cell of five nodes of the operations of some edges, given as e01="conv"."""
    edges = {f"e{source}{target}": 0 for source, target in FIVE.edges}
    return list((edges | {e: FIVE.operations.index(o) for e, o in operations.items()}).values())


@pytest.mark.parametrize(
    "form",
    [
        EXAMPLE,
        f" {EXAMPLE}\n",
        DECISIONS,
        np.array(DECISIONS),
        str(DECISIONS),
        "4,0,3,1,4,3",
        tuple(SPACE.operations[number] for number in DECISIONS),
    ],
    ids=repr,
)
def test_all_forms_of_a_cell(form):
    assert SPACE.encode([form]).tolist() == [[*DECISIONS]]


def test_text_and_graph_of_a_cell():
    assert SPACE.format([DECISIONS]) == [EXAMPLE]
    (cell,) = SPACE.decode([DECISIONS])
    assert cell.operations[1:-1] == tuple(SPACE.operations[number] for number in DECISIONS)
    assert cell.edges == (
        *[(0, 1), (0, 2), (0, 3)],  # the input to the edges from node 0
        *[(1, 4), (1, 5)],  # 0->1 to 1->2 and 1->3
        *[(2, 6), (3, 7), (4, 6)],  # 0->2 and 1->2 to 2->3; 0->3 to the output
        *[(5, 7), (6, 7)],  # the other edges into node 3 to the output
    )
    assert SPACE.encode([Architecture(cell.operations, cell.edges)]).tolist() == [[*DECISIONS]]


def test_all_cells_in_the_order_of_their_decisions():
    np.testing.assert_array_equal(np.concatenate(list(SPACE.enumerate())), ALL_CELLS)
    drawn = SPACE.sample(15625, random_state=3)
    np.testing.assert_array_equal(np.unique(drawn, axis=0), ALL_CELLS)
    with pytest.raises(ValueError, match="15626"):
        SPACE.sample(15626)
    assert len(SPACE.sample(20000, random_state=0, replace=True)) == 20000


def test_neighbors_are_the_24_cells_at_distance_one():
    around, rows = SPACE.neighbors([(0,) * 6, DECISIONS])
    distances = (ALL_CELLS != DECISIONS).sum(axis=1)
    np.testing.assert_array_equal(np.unique(around[rows == 1], axis=0), ALL_CELLS[distances == 1])
    assert np.bincount(rows).tolist() == [24, 24]


def test_mutations_change_as_many_operations_as_they_say():
    parents = SPACE.sample(300, 1)
    for n_mutations in (1, 3, 6):
        children = SPACE.mutate(parents, n_mutations, random_state=0)
        assert ((children != parents).sum(axis=1) == n_mutations).all()
        np.testing.assert_array_equal(children, SPACE.mutate(parents, n_mutations, random_state=0))
    # Each decision and each other choice is as likely.
    children = SPACE.mutate(np.zeros((6000, 6), int), random_state=0)
    assert np.abs((children > 0).mean(axis=0) - 1 / 6).max() < 0.02
    assert np.abs(np.bincount(children[children > 0])[1:] / 6000 - 1 / 4).max() < 0.02
    for n_mutations in (0, 7):
        with pytest.raises(ValueError, match="between 1 and 6"):
            SPACE.mutate(parents, n_mutations)


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
    (key, other) = keys(SPACE, cell, canonical)
    assert key == other
    # The representative has no more operations than the form found by hand.
    assert key.count(NONE) >= canonical.count(NONE)


def test_a_representative_has_the_fewest_operations_of_its_class():
    canonical = SPACE.canonicalize(ALL_CELLS)
    assert ((canonical != NONE).sum(axis=1) <= (ALL_CELLS != NONE).sum(axis=1)).all()
    assert len(np.unique(canonical, axis=0)) == 5425


def signal_graph(space, cell):
    """Build which operation reads which others' outputs, without contracting anything."""
    graph = nx.DiGraph()
    graph.add_node("in", label="in")
    last = max(target for _, target in space.edges)
    signals = [{"in": 1}, *({} for _ in range(last))]
    for edge in sorted(range(len(space.edges)), key=lambda edge: space.edges[edge][1]):
        (source, target), operation = space.edges[edge], space.operations[cell[edge]]
        if operation == space.none:
            continue
        arriving = signals[source]
        if operation != space.skip or not (space.skip_copies_input or source > 0):
            graph.add_node(edge, label=operation)
            for vertex, count in arriving.items():
                graph.add_edge(vertex, edge, count=count)
            arriving = {edge: 1} if arriving else {}
        for vertex, count in arriving.items():
            signals[target][vertex] = signals[target].get(vertex, 0) + count
    graph.add_node("out", label="out")
    for vertex, count in signals[last].items():
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


@pytest.mark.filterwarnings("ignore:The hashes produced:UserWarning")
@pytest.mark.parametrize(
    "space", [SPACE, get_space("transnasbench101_micro"), FIVE, REDUCING], ids=repr
)
def test_classes_agree_with_an_independent_construction(space):
    cells = space.sample(1500, random_state=0)
    canonical = space.canonicalize(cells)
    for cell, form in zip(cells[:200].tolist(), canonical[:200].tolist(), strict=True):
        assert isomorphic(signal_graph(space, cell), signal_graph(space, form))
    by_fingerprint = {}
    for cell in np.unique(canonical, axis=0).tolist():
        graph = signal_graph(space, cell)
        fingerprint = nx.weisfeiler_lehman_graph_hash(graph, node_attr="label", edge_attr="count")
        by_fingerprint.setdefault(fingerprint, []).append(graph)
    for graphs in by_fingerprint.values():
        assert not any(itertools.starmap(isomorphic, itertools.combinations(graphs, 2)))


def test_the_papers_sequence_of_a_cell():
    tokens = SPACE.tokenize([DECISIONS], "adjacency")[0]
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
    sizes = {name: (s.length, s.vocabulary_size) for name, s in SPACE.sequences.items()}
    assert sizes == {"operations": (6, 6), "paths": (18, 7), "adjacency": (35, 9)}
    # 12 nodes in the line graph; of the 8 paths one has 1 edge, three 2, three 3, one 4.
    sizes = {name: s.length for name, s in FIVE.sequences.items()}
    assert sizes == {"operations": 10, "paths": 10 + 20 + 8, "adjacency": 77}


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
    cell = five(e01="skip", e12="skip", e24="conv")
    skip, conv, end = 2, 3, 4
    for space, word in ((FIVE, [conv]), (REDUCING, [skip, conv])):
        tokens = space.tokenize([cell], "paths")[0, 10:]
        assert tokens[tokens != 0].tolist() == [*word, end]


@pytest.mark.parametrize("space", [SPACE, FIVE, REDUCING], ids=repr)
def test_path_tokens_do_not_depend_on_the_description(space):
    cells = space.sample(500, random_state=0)
    before = space.tokenize(cells, "paths")[:, space.n_decisions :]
    for other in (space.canonicalize(cells), space.prune(cells)):
        after = space.tokenize(other, "paths")[:, space.n_decisions :]
        np.testing.assert_array_equal(before, after)


def test_prune_keeps_exactly_the_edges_on_paths():
    cell = five(e01="conv", e14="skip", e02="conv", e34="conv", e13="skip", e12="conv")
    # Node 2 leads nowhere; 0->1->3->4 and 0->1->4 are paths.
    kept = five(e01="conv", e14="skip", e34="conv", e13="skip")
    assert FIVE.prune([cell]).tolist() == [kept]
    assert not FIVE.prune([five(e12="conv", e24="conv")]).any()


def test_skips_from_the_input_are_wires_only_where_they_copy():
    through_a_skip, direct = five(e01="skip", e14="conv"), five(e04="conv")
    assert len(set(keys(FIVE, through_a_skip, direct))) == 1
    assert len(set(keys(REDUCING, through_a_skip, direct))) == 2
    # A skip between inner nodes copies in both, and so does one that ends in the output.
    inner, short = five(e01="conv", e12="skip", e24="conv"), five(e01="conv", e14="conv")
    to_output, alone = five(e01="skip", e14="skip"), five(e04="skip")
    for space in (FIVE, REDUCING):
        assert len(set(keys(space, inner, short))) == 1
        assert len(set(keys(space, to_output, alone))) == 1


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (EXAMPLE.replace("nor_conv_1x1", "conv9"), "'conv9' of edge 0 -> 3"),
        ("|skip_connect~0|+|none~0|", "three nodes"),
        (EXAMPLE[:-1], "as in"),
        ((4, 0, 3, 1, 4), "got 5"),
        ((4, 0, 3, 1, 4, 5), "unknown choice 5"),
        ((4, 0, 3, 1, 4, -1), "-1"),
        ((4, 0, 3, 1, 4, True), "True"),
        (Architecture(["input", "output"], [(0, 1)]), "got 0"),
    ],
)
def test_what_is_not_a_cell_is_refused_and_named(wrong, word):
    with pytest.raises(ArchitectureError) as caught:
        SPACE.encode([EXAMPLE, wrong])
    assert caught.value.index == 1
    assert word in str(caught.value)


def test_tokens_that_are_no_cell_are_refused():
    tokens = SPACE.tokenize([DECISIONS, DECISIONS], "adjacency")
    for wrong in (1, 5, 9, -1, 0.5):
        changed = tokens + np.zeros_like(tokens, dtype=type(wrong))
        changed[1, 0] = wrong
        with pytest.raises(ArchitectureError) as caught:
            SPACE.detokenize(changed, "adjacency")
        assert caught.value.index == 1
    with pytest.raises(ArchitectureError):
        SPACE.detokenize(np.zeros((1, 6), int), "operations")
    with pytest.raises(ValueError, match="words"):
        SPACE.tokenize([(0,) * 6], "words")


def test_reading_many_cells_does_not_take_quadratic_time():
    texts = SPACE.format(ALL_CELLS)
    start = time.process_time()
    SPACE.tokenize(SPACE.canonicalize(SPACE.encode(texts)), "paths")
    # About 0.3 s; ten times as much is left for a machine that is slow or busy.
    assert time.process_time() - start < 3
