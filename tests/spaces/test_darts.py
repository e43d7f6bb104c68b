import itertools
import os
import pickle
from collections import namedtuple
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import strategies as st

from emprox.spaces import Architecture, ArchitectureError, DARTSSpace

SPACE = DARTSSpace()
MAX, AVG, SKIP, SEP3, SEP5, DIL3, DIL5 = range(7)
Genotype = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")

# The second-order cells of the DARTS paper, as published.
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0),"
    " ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0),"
    " ('dil_conv_3x3', 2)], normal_concat=range(2, 6), reduce=[('max_pool_3x3', 0),"
    " ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0),"
    " ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=range(2, 6))"
)
NORMAL = [(0, SEP3), (1, SEP3), (0, SEP3), (1, SEP3), (1, SEP3), (0, SKIP), (0, SKIP), (2, DIL3)]
REDUCE = [(0, MAX), (1, MAX), (2, SKIP), (1, MAX), (0, MAX), (2, SKIP), (2, SKIP), (1, MAX)]
DECISIONS = list(itertools.chain(*NORMAL, *REDUCE))

seeds = st.integers(0, 2**32 - 1)


def named(pairs):
    return [(SPACE.operations[operation], source) for source, operation in pairs]


def nested(pairs):
    return [list(pairs[i : i + 2]) for i in range(0, 8, 2)]


@pytest.mark.parametrize(
    "form",
    [
        DARTS_V2,
        f"DARTS_V2 = {DARTS_V2}",
        DARTS_V2.replace("range(2, 6)", "[2, 3, 4, 5]"),
        DARTS_V2.replace("normal_concat=range(2, 6), ", "").replace(
            ", reduce_concat=range(2, 6)", ""
        ),
        DARTS_V2.replace("'", '"').replace(", ", ",\n    "),
        f"Genotype({named(NORMAL)}, range(2, 6), {nested(named(REDUCE))}, range(2, 6))",
        Genotype(named(NORMAL), range(2, 6), named(REDUCE), [2, 3, 4, 5]),
        Genotype(nested(named(NORMAL)), range(2, 6), nested(named(REDUCE)), range(2, 6)),
        {"normal": named(NORMAL), "reduce": named(REDUCE)},
        {"normal": NORMAL, "reduce": REDUCE, "normal_concat": range(2, 6)},
        str({"normal": named(NORMAL), "reduce": named(REDUCE)}),
        (NORMAL, REDUCE),
        [tuple(NORMAL), np.array(REDUCE)],
        np.array([NORMAL, REDUCE]),
        str((tuple(NORMAL), tuple(REDUCE))),
        DECISIONS,
        np.array(DECISIONS),
        str(tuple(DECISIONS)),
    ],
    ids=lambda form: f"{type(form).__name__}-{str(form)[:20]}",
)
def test_all_forms_are_the_same_genotype(form):
    assert SPACE.encode([form]).tolist() == [DECISIONS]


def test_size_and_neighbors():
    # Two different inputs of 2, 3, 4 and 5, in either order, and seven operations for each.
    assert SPACE.size == ((2 * 6 * 12 * 20) * 7**8) ** 2
    around, _ = SPACE.neighbors([DECISIONS])
    # 16 operations with six other choices each; the inputs of node 2 cannot change alone, those of
    # nodes 3, 4 and 5 have 1, 2 and 3 other choices.
    assert len(around) == 16 * 6 + 2 * 2 * (1 + 2 + 3)
    assert ((around != DECISIONS).sum(axis=1) == 1).all()


def test_samples_are_uniform():
    decisions = SPACE.sample(20_000, random_state=0)
    for node in range(4):
        for cell in range(2):
            pair = decisions[:, [16 * cell + 4 * node, 16 * cell + 4 * node + 2]]
            _, counts = np.unique(pair, axis=0, return_counts=True)
            n_pairs = (node + 2) * (node + 1)
            assert len(counts) == n_pairs
            # Six standard deviations of a binomial count.
            expected = 20_000 / n_pairs
            assert np.abs(counts - expected).max() < 6 * np.sqrt(expected)


def test_the_graph_is_worked_out_by_hand():
    (architecture,) = SPACE.decode([DECISIONS])
    operations = dict(enumerate(architecture.operations))
    assert architecture.n_nodes == 35
    inputs, sums = {0, 1, 2, 3, 4, 18, 19, 20, 21}, {7, 10, 13, 16, 24, 27, 30, 33}
    assert {node for node, name in operations.items() if name == "input"} == inputs
    assert {node for node, name in operations.items() if name == "sum"} == sums
    assert {node for node, name in operations.items() if name == "output"} == {17, 34}
    # Node 5 of the normal cell is a skip of the input 0 and a dilated convolution of node 2.
    assert [operations[14], operations[15]] == ["skip_connect", "dil_conv_3x3"]
    edges = set(architecture.edges)
    assert {(3, 14), (7, 15), (14, 16), (15, 16), (16, 17)} <= edges
    # The cells follow each other.
    assert {(0, 1), (1, 2), (2, 18), (17, 19)} <= edges
    # Each operation reads one node and feeds one sum; each sum feeds the output.
    assert len(edges) == 4 + 2 * (2 + 8 + 8 + 4)


def test_the_papers_sequence():
    sequence = SPACE.sequences["adjacency"]
    assert (sequence.length, sequence.vocabulary_size) == (629, 13)
    tokens = SPACE.tokenize([DECISIONS], "adjacency")[0]
    (architecture,) = SPACE.decode([DECISIONS])
    expected = []
    for node in range(1, 35):
        expected += (architecture.adjacency[:node, node] + 1).tolist()
        expected.append(sequence.vocabulary.index(architecture.operations[node]))
    assert tokens.tolist() == expected


def test_the_short_sequences():
    genotype = SPACE.sequences["genotype"]
    assert genotype.length == 32
    words = [genotype.vocabulary[token] for token in SPACE.tokenize([DECISIONS])[0]]
    assert words[:4] == ["c_{k-2}", "sep_conv_3x3", "c_{k-1}", "sep_conv_3x3"]
    assert words[12:16] == ["c_{k-2}", "skip_connect", "node 2", "dil_conv_3x3"]


def test_canonical_form_worked_out_by_hand():
    # Node 2 reads node-free inputs, node 3 too: they change places, and so do pairs.
    normal = [(1, DIL5), (0, SEP3), (1, MAX), (0, MAX), (2, SKIP), (3, SEP5), (4, AVG), (2, AVG)]
    canonical = [(0, MAX), (1, MAX), (0, SEP3), (1, DIL5), (2, SEP5), (3, SKIP), (3, AVG), (4, AVG)]
    assert SPACE.canonicalize([[*itertools.chain(*normal), *DECISIONS[16:]]])[0, :16].tolist() == [
        *itertools.chain(*canonical)
    ]


def described_otherwise(cell, rng):
    """Put inner nodes, where no edge forces their order, and their pairs into a random order."""
    nodes = np.reshape(cell, (4, 2, 2))
    while True:
        order = rng.permutation(4)
        numbers = np.array([0, 1, *(2 + np.argsort(order))])
        moved = np.stack([numbers[nodes[order, :, 0]], nodes[order, :, 1]], axis=2)
        if (moved[:, :, 0].max(axis=1) < np.arange(2, 6)).all():
            return [pairs[rng.permutation(2)] for pairs in moved]


def graph_of(decisions):
    architecture = SPACE.decode([decisions])[0]
    graph = nx.DiGraph(architecture.edges)
    nx.set_node_attributes(graph, dict(enumerate(architecture.operations)), "label")
    return graph


def isomorphic(left, right):
    return nx.is_isomorphic(left, right, node_match=lambda a, b: a["label"] == b["label"])


def test_classes_are_those_of_graph_isomorphism():
    rng = np.random.default_rng(0)
    decisions = SPACE.sample(4000, rng)
    # Two operations only, so that many cells are alike.
    decisions[:, 1::2] %= 2
    canonical = SPACE.canonicalize(decisions)
    other = [[described_otherwise(cell, rng) for cell in np.split(row, 2)] for row in decisions]
    other = np.reshape(other, decisions.shape)
    assert (other != decisions).any(axis=1).sum() > 2000
    np.testing.assert_array_equal(SPACE.canonicalize(other), canonical)
    for rows in zip(decisions[:40], other, canonical, strict=False):
        graph, moved, form = map(graph_of, rows)
        assert isomorphic(graph, moved)
        assert isomorphic(graph, form)
    by_content = {}
    for cell in np.unique(canonical[:, :16], axis=0)[:300].tolist():
        content = tuple(sorted((min(cell[i], 2), cell[i + 1]) for i in range(0, 16, 2)))
        by_content.setdefault(content, []).append(cell)
    n_compared = 0
    for cells in by_content.values():
        graphs = [graph_of([*cell, *DECISIONS[16:]]) for cell in cells]
        for left, right in itertools.combinations(graphs, 2):
            assert not isomorphic(left, right)
            n_compared += 1
    assert n_compared > 500


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (DARTS_V2.replace("sep_conv_3x3", "conv9"), "normal: first operation of node 2"),
        (DARTS_V2.replace("dil_conv_3x3', 2", "dil_conv_3x3', 5"), "second input of node 5"),
        (DARTS_V2.replace("dil_conv_3x3', 2", "dil_conv_3x3', 0"), "node 5"),
        (DARTS_V2.replace("concat=range(2, 6)", "concat=range(2, 7)"), "range"),
        (DARTS_V2.replace("range(2, 6))", "[4, 5])"), "reduce_concat"),
        (DARTS_V2.replace("range(2, 6)", "range(2, 10**9)"), "not allowed"),
        (DARTS_V2.replace("range(2, 6)", "range(0, 1000000000000)"), "not allowed"),
        (DARTS_V2.replace("0)", "__import__('os').getpid())"), "not allowed"),
        (DARTS_V2.replace("('sep_conv_3x3', 0), ", "", 1), "8 pairs"),
        (DARTS_V2.replace("normal_concat", "normal"), "genotype"),
        (DARTS_V2 + "; import os", "genotype"),
        (DARTS_V2[:-5], "genotype"),
        ("(" * 5000, "genotype"),
        ("-" * 9000 + "1", "genotype"),
        ("[" * 60 + "]" * 60, "genotype"),
        ("1" * 20_000, "characters"),
        ("Genotype(normal=1)", "fields"),
        ("Genotype(normal=1, reduce=2, other=3)", "other"),
        ({"normal": NORMAL}, "reduce"),
        ((NORMAL, REDUCE, NORMAL), "32"),
        ((NORMAL, 3), "reduce cell"),
        (([(0, 1.0), *NORMAL[1:]], REDUCE), "1.0"),
        (([(0, True), *NORMAL[1:]], REDUCE), "True"),
        (([(None, 1), *NORMAL[1:]], REDUCE), "None"),
        ([*DECISIONS[:-1], 9], "9"),
        (None, "NoneType"),
        (Architecture(["input", "output"], [(0, 1)]), "DARTS"),
    ],
)
def test_what_is_not_a_genotype_is_refused_and_named(wrong, word):
    with pytest.raises(ArchitectureError, match=word) as caught:
        SPACE.encode([DARTS_V2, wrong])
    assert caught.value.index == 1
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "change",
    [
        lambda labels, edges: labels.__setitem__(5, "sum"),
        lambda labels, edges: labels.__setitem__(7, "max_pool_3x3"),
        lambda labels, edges: edges.append((0, 34)),
        lambda labels, edges: edges.remove((16, 17)),
        lambda labels, edges: edges.remove((3, 14)),
        lambda labels, edges: edges.append((4, 14)),
        lambda labels, edges: edges.__setitem__(edges.index((3, 14)), (2, 14)),
    ],
)
def test_other_graphs_are_refused(change):
    (architecture,) = SPACE.decode([DECISIONS])
    labels, edges = list(architecture.operations), list(architecture.edges)
    change(labels, edges)
    with pytest.raises(ArchitectureError):
        SPACE.encode([Architecture(labels, edges)])


def test_a_matrix_of_decisions_is_checked():
    matrix = np.array([DECISIONS, DECISIONS])
    matrix[1, 20:24:2] = 2
    with pytest.raises(ArchitectureError, match="reduce cell, node 3"):
        SPACE.encode(matrix)
    assert SPACE.is_valid(matrix).tolist() == [True, False]
    matrix[1, 20] = 3
    with pytest.raises(ArchitectureError, match="20"):
        SPACE.canonicalize(matrix)


def test_tokens_that_are_no_genotype_are_refused():
    for sequence in SPACE.sequences:
        tokens = SPACE.tokenize([DECISIONS, DECISIONS], sequence)
        for position in range(0, tokens.shape[1], 7):
            wrong = tokens.copy()
            wrong[1, position] = 0
            with pytest.raises(ArchitectureError) as caught:
                SPACE.detokenize(wrong, sequence)
            assert caught.value.index == 1


def test_real_genotypes_with_their_accuracies():
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("EMPROX_TEST_DATA") or default) / "darts"
    file = folder / "214genotypes.pkl"
    if not file.is_file():
        pytest.skip(f"{file} is missing; EMPROX_TEST_DATA can say where it is")
    with file.open("rb") as stream:
        rows = pickle.load(stream)
    texts, accuracies = zip(*rows, strict=True)
    assert len(rows) == 214
    assert (min(accuracies), max(accuracies)) == (96.18, 97.56)
    decisions = SPACE.encode(texts)
    # Of the first genotype, read by eye.
    pairs = [(0, MAX), (1, SKIP), (2, SEP3), (0, SEP5), (1, SEP3), (0, MAX), (0, SEP5), (2, MAX)]
    assert texts[0].startswith("GENOTYPE=Genotype(normal=[[('max_pool_3x3', 0), ('skip_connect', 1")
    assert decisions[0, :16].tolist() == list(itertools.chain(*pairs))
    assert len(np.unique(SPACE.canonicalize(decisions), axis=0)) == 214
    np.testing.assert_array_equal(SPACE.encode(SPACE.format(decisions)), decisions)
