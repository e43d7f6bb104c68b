"""How spaces describe their operations, graphs and networks for signal propagation."""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from emprox.spaces import (
    DAGSpace,
    SequenceSpace,
    SignalOperation,
    get_space,
    list_spaces,
)

SPACES = [
    *(space for space in map(get_space, list_spaces()) if not space.is_open),
    DAGSpace(("a", "b", "c"), 6),
    DAGSpace(("a", "b", "in", "out"), 8, input="in", output="out"),
]


def words_along_paths(space, graphs):
    """Count the paths of each cell by the input that they start at and their operations."""
    blocking = [n for n, each in enumerate(space.signal_operations) if each.effect == "block"]
    graphs, cells = graphs.without(blocking), []
    for row, there in zip(graphs.operations.tolist(), graphs.there.T.tolist(), strict=True):
        at_node = [Counter() for _ in row]
        for node in range(graphs.n_inputs):
            at_node[node][node,] = 1
        for node, operation in enumerate(row):
            suffix = () if operation < 0 else (graphs.names[operation],)
            at_node[node] = Counter({word + suffix: n for word, n in at_node[node].items()})
            for (source, target), is_there in zip(graphs.edges, there, strict=True):
                if source == node and is_there:
                    at_node[target] += at_node[node]
        cells.append(at_node[-1])
    return cells


def without(words, *dropped):
    """Leave operations out of words."""
    fewer = Counter()
    for word, count in words.items():
        fewer[tuple(name for name in word if name not in dropped)] += count
    return fewer


def words_of_graph(labels, edges, start, end, name_node, name_edge=lambda *_: ()):
    """Follow all paths one by one; a node or an edge without a name (None) is not there."""
    words = Counter()
    unfinished = [(start, ())]
    while unfinished:
        node, word = unfinished.pop()
        if node == end:
            words[word] += 1
            continue
        for source, target in edges:
            if source == node:
                more = name_edge(labels[source], labels[target]), name_node(labels[target])
                if None not in more:
                    unfinished.append((target, word + more[0] + more[1]))
    return words


def words_of_architecture(architecture, **names):
    return words_of_graph(
        architecture.operations, architecture.edges, 0, architecture.n_nodes - 1, **names
    )


def naming(*, none=(), empty=("input", "output", "sum"), **other):
    def name(label):
        if label in none:
            return None
        return () if label in empty else other.get(label, (label,))

    return name


def drawn(space, n=200):
    decisions = space.sample(min(n, space.size), random_state=1)
    return decisions, space.decode(decisions), space.signal_graphs(decisions)


def is_sum(label):
    return label in ("input", "sum", "output")


@pytest.mark.parametrize(
    ("name", "none", "first", "name_edge"),
    [
        ("nasbench201", "none", (), lambda *_: ()),
        ("transnasbench101_micro", "zero", (), lambda *_: ()),
        ("nasbench101", None, ("projection",), lambda *_: ()),
        ("nasbench_asr", "zero", (), lambda a, b: ("skip",) if is_sum(a) and is_sum(b) else ()),
    ],
)
def test_paths_of_single_cells(name, none, first, name_edge):
    space = get_space(name)
    decisions, _, (graphs,) = drawn(space)
    words = words_along_paths(space, graphs)
    for canonical, found in zip(space.decode(space.canonicalize(decisions)), words, strict=True):
        expected = words_of_architecture(
            canonical, name_node=naming(none=(none,)), name_edge=name_edge
        )
        assert found == Counter({(0, *first, *word): n for word, n in expected.items()})


def test_paths_of_darts():
    space = get_space("darts")
    _, architectures, kinds = drawn(space, 50)
    assert [graphs.kind for graphs in kinds] == ["normal", "reduce"]
    for graphs, start in zip(kinds, (3, 20), strict=True):
        found = words_along_paths(space, graphs)
        for architecture, words in zip(architectures, found, strict=True):
            expected = Counter()
            for number in range(2):
                along = words_of_graph(
                    architecture.operations,
                    architecture.edges,
                    start + number,
                    start + 14,
                    naming(),
                )
                expected.update({(number, *word): count for word, count in along.items()})
            assert words == expected


def test_paths_of_nasbench_graph():
    space = get_space("nasbench_graph")
    _, architectures, (graphs,) = drawn(space)
    for architecture, found in zip(architectures, words_along_paths(space, graphs), strict=True):
        expected = words_of_architecture(architecture, name_node=naming(skip=()))
        # A leaf that repeats the input counts for nothing in the benchmark.
        expected.pop((), None)
        assert without(found, 0, "skip") == expected


def test_paths_of_nasbench_nlp():
    space = get_space("nasbench_nlp")
    _, architectures, (graphs,) = drawn(space, 50)
    states = {f"h_prev_{state}": ("previous state",) for state in range(3)}
    name = naming(empty=("h_new_0", "h_new_1", "h_new_2", "blend_first", "blend_second"), **states)
    for architecture, found in zip(architectures, words_along_paths(space, graphs), strict=True):
        labels = architecture.operations
        expected = Counter()
        for start in (node for node, label in enumerate(labels) if label in ("x", *states)):
            for end in (node for node, label in enumerate(labels) if label.startswith("h_new")):
                words = words_of_graph(labels, architecture.edges, start, end, name)
                expected.update({(0, *name(labels[start]), *word): n for word, n in words.items()})
        assert found == expected


def test_paths_of_chains():
    space = get_space("nasbench_macro")
    (graphs,) = space.signal_graphs(space.encode(["01220010"]))
    assert words_along_paths(space, graphs) == [
        Counter(
            {
                (
                    0,
                    "identity, strided",
                    "mb3_k3",
                    "mb6_k5, strided",
                    "mb6_k5",
                    "identity, strided",
                    "mb3_k3",
                ): 1
            }
        )
    ]
    assert graphs.numbers["widths"][:, 1:-1].tolist() == [[1, 1, 2, 2, 2, 4, 4, 4]]
    assert graphs.numbers["resolutions"][:, 1:-1].tolist() == [
        [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    ]
    space = get_space("transnasbench101_macro")
    (graphs,) = space.signal_graphs(space.encode(["64-1234-basic"]))
    types = ("same", "double_channels", "halve_resolution", "double_and_halve")
    word = (0, *(name for kind in types for name in (kind, "second block")))
    assert words_along_paths(space, graphs) == [Counter({word: 1})]
    assert graphs.numbers["widths"][:, 1:-1].tolist() == [[1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4]]
    assert graphs.numbers["resolutions"][:, 1:-1].tolist() == [[1, 1, 1, 1, 0.5, 0.5] + [0.25] * 6]


def test_the_nodes_that_nasbench101_concatenates_share_the_channels():
    space = get_space("nasbench101")
    matrix = [[0, 1, 1, 1, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0] * 5, [0] * 5]
    names = ["input", "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3", "output"]
    (graphs,) = space.signal_graphs(space.encode([(matrix, names)]))
    live = graphs.live()
    widths = {
        name: set(live.numbers["widths"][live.operations == number].tolist())
        for number, name in enumerate(live.names)
    }
    assert widths["conv1x1-bn-relu"] == widths["conv3x3-bn-relu"] == {0.5}
    # Those that read the input for a convolution have its channels in one of them.
    assert widths["projection"] == {0.5**0.5, 1}


def n_weights(space, decisions):
    """Count the weights of the cells in the whole network."""
    table = np.array([(o.mixing, o.depthwise) for o in space.signal_operations] + [(0, 0)] * 2)
    total = 0
    for kind, graphs in enumerate(space.signal_graphs(decisions)):
        mixing, depthwise = table[graphs.operations].T
        for position in space.skeleton.positions:
            if position.kind == kind:
                width = position.width * graphs.numbers["widths"].T
                total = total + (mixing * width**2 + depthwise * width).sum(axis=0)
    return total


def test_weights_of_nasbench101_are_near_those_of_the_networks():
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    file = Path(os.environ.get("EMPROX_TEST_DATA") or default) / "nasbench101/zc_nasbench101.json"
    if not file.is_file():
        pytest.skip(f"{file} is missing; EMPROX_TEST_DATA can say where it is")
    records = json.loads(file.read_text())["nasbench101"]["cifar10"]
    cells = [key for key in records if key.startswith("(")]
    space = get_space("nasbench101")
    counted = [1e6 * records[cell]["params"] for cell in cells]
    # Projections of the first cell of a stack have half the channels to read.
    weights = n_weights(space, space.encode(cells))
    ratios = np.array(counted) / weights
    assert ratios.min() > 0.8
    assert ratios.max() < 1
    assert np.corrcoef(np.log(counted), np.log(weights))[0, 1] > 0.999


def test_weights_of_nasbench_asr_are_those_of_the_layers():
    # Those of the spaces that build networks are in tests/networks/test_to_torch.py.
    c = 200
    layers = {
        "linear": nn.Linear(c, c),
        "conv5": nn.Conv1d(c, c, 5, groups=100),
        "conv5d2": nn.Conv1d(c, c, 5, groups=100),
        "conv7": nn.Conv1d(c, c, 7, groups=100),
        "conv7d2": nn.Conv1d(c, c, 7, groups=100),
    }
    operations = get_space("nasbench_asr").signal_operations
    found = {o.name: o.mixing * c**2 + o.depthwise * c for o in operations}
    expected = {
        name: sum(weights.numel() for weights in layer.parameters())
        for name, layer in layers.items()
    }
    assert found == pytest.approx(dict.fromkeys(found, 0) | expected)


def test_weights_of_nasbench_graph_are_those_of_the_benchmark():
    # Parameters in millions of chains of fc and another operation on Cora, hidden layers 256 wide.
    published = {"gat": 0.503047, "gcn": 0.502535, "gin": 0.502535, "cheb": 0.568071}
    published |= {"sage": 0.568071, "arma": 0.633607, "graph": 0.568071}
    space = get_space("nasbench_graph")
    weights = {o.name: o.mixing * 256**2 + o.depthwise * 256 for o in space.signal_operations}
    for name, millions in published.items():
        assert weights[name] - weights["fc"] == pytest.approx(1e6 * (millions - 0.502535))


def test_weights_of_natsbench_size_are_those_of_the_layers():
    space = get_space("natsbench_size")
    channels = (8, 40, 64, 16, 24)
    decisions = space.encode([channels])
    network = space.to_torch(channels)
    convolutions = [each for each in network.cells.modules() if isinstance(each, nn.Conv2d)]
    total = sum(each.weight.numel() for each in convolutions)
    (graphs,) = space.signal_graphs(decisions)
    layers = graphs.operations[:, 1:-1]
    mixing = np.array([o.mixing for o in space.signal_operations])[layers]
    width = space.skeleton.positions[0].width * graphs.numbers["widths"][:, 1:-1]
    assert (mixing * width**2).sum() == pytest.approx(total)
    assert graphs.numbers["resolutions"][:, 1:-1].tolist() == [[1, 0.5, 0.5, 0.25, 0.25]]


def test_skeletons_are_those_of_the_benchmarks():
    def stages(name):
        return [
            (p.kind, p.width, p.resolution, p.strided) for p in get_space(name).skeleton.positions
        ]

    def stage(width, resolution, n_cells):
        first, rest = (0, width, resolution, True), (0, width, resolution, False)
        return [first, *[rest] * (n_cells - 1)]

    assert stages("transnasbench101_micro") == [
        each for sizes in ((128, 32, 4), (256, 16, 4), (512, 8, 2)) for each in stage(*sizes)
    ]
    first = [(0, 32, 32, False)] * 2
    rest = [(1, *each[1:]) if each[3] else each for each in stage(64, 16, 3) + stage(128, 8, 3)]
    assert stages("darts") == first + rest
    assert [width for _, width, *_ in stages("nasbench101")] == [128] * 3 + [256] * 3 + [512] * 3
    widths = [600] * 3 + [800] * 4 + [1000] * 5 + [1200] * 6
    assert [width for _, width, *_ in stages("nasbench_asr")] == widths


def test_an_effect_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="'zero'"):
        SignalOperation("none", "zero")


def test_decisions_are_positional_in_lists_chains_and_canonical_trees_only():
    positional = {space.name for space in SPACES if space.positional}
    assert positional == {
        "nasbench_graph",
        "nasbench_macro",
        "natsbench_size",
        "transnasbench101_macro",
    }
    assert SequenceSpace({"depth": [1, 2]}).positional
