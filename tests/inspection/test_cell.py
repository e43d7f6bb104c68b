import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox import inspection
from emprox.inspection import CellDisplay
from emprox.spaces import (
    Architecture,
    ArchitectureError,
    DAGSpace,
    SequenceSpace,
    get_space,
    list_spaces,
)

# Open spaces hold nothing before they have learned; these stand for them.
SPACES = [
    *(space for space in map(get_space, list_spaces()) if not space.is_open),
    DAGSpace(("a", "b", "c", "input", "a long name, to be broken"), max_nodes=9),
    SequenceSpace({f"stage {number}, depth": [1, 2, 3] for number in range(14)}),
]
CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|avg_pool_3x3~1|none~2|"
PATHLESS = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def draw(space, architecture, **options):
    return CellDisplay.from_architecture(space, architecture, **options)


def nodes(graph, key):
    return [value for _, value in graph.nodes(data=key)]


def boxes(display):
    """Left, lower, right and upper edges of all boxes."""
    return np.array([patch.get_bbox().extents for patch in display.boxes_])


def check_drawing(display):
    """Check that nothing overlaps or is cut, and that no line runs through a box."""
    extents = boxes(display)
    width, height = display.ax_.get_xlim()[1], display.ax_.get_ylim()[1]
    assert (extents[:, :2] >= 0).all()
    assert (extents[:, 2:] <= [width, height]).all()
    for number, (left, low, right, high) in enumerate(extents):
        others = np.delete(extents, number, axis=0).T
        apart = (others[0] >= right) | (others[2] <= left) | (others[1] >= high)
        assert (apart | (others[3] <= low)).all(), "two boxes overlap"
    for line in display.lines_:
        (corners,) = line.get_path().to_polygons(closed_only=False)[:1]
        points = np.linspace(corners[:-1], corners[1:], 9).reshape(-1, 2)
        assert ((points >= -1) & (points <= [width + 1, height + 1])).all(), "a line is cut"
        for left, low, right, high in extents:
            # Lines end on the border.
            x, y = points.T
            inside = (x > left + 1) & (x < right - 1) & (y > low + 1) & (y < high - 1)
            assert not inside.any(), "a line runs through a box"


def check_texts_fit(display):
    extents = boxes(display).T
    titles = sum(bool(graph.graph["title"]) for graph in display.graphs)
    n_outside = 0
    for text in display.texts_:
        left, low = text.get_path().vertices.min(axis=0)
        right, high = text.get_path().vertices.max(axis=0)
        fits = (extents[0] < left) & (extents[1] < low) & (extents[2] > right) & (extents[3] > high)
        n_outside += not fits.any()
    assert n_outside == titles, "a text is wider than its box"


@pytest.mark.parametrize("size", [(12, 4), (4, 12), None])
@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_every_space(plt, space, size):
    for architecture in space.sample(2, random_state=1):
        ax = None if size is None else plt.subplots(figsize=size)[1]
        display = draw(space, architecture, ax=ax)
        assert len(display.boxes_) == sum(map(len, display.graphs))
        assert len(display.lines_) == sum(graph.number_of_edges() for graph in display.graphs)
        check_drawing(display)
        check_texts_fit(display)
        plt.close(display.figure_)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), n_nodes=st.integers(1, 12), density=st.floats(0, 1))
def test_any_graph(seed, n_nodes, density):
    rng = np.random.default_rng(seed)
    adjacency = np.triu(rng.random((n_nodes, n_nodes)) < density, 1)
    for node in range(1, n_nodes):  # a graph of the space is connected
        adjacency[rng.integers(node), node] = True
    operations = rng.choice(["conv", "a much longer name", "sum", "input", "output"], n_nodes)
    graph = Architecture.from_adjacency(operations.tolist(), adjacency)
    display = draw("dag", graph)
    assert len(display.boxes_) == n_nodes
    assert len(display.lines_) == adjacency.sum()
    check_drawing(display)
    check_texts_fit(display)
    sys.modules["matplotlib.pyplot"].close("all")


class TestWhatIsLive:
    def test_nasbench201(self, plt):
        display = draw("nasbench201", CELL)
        (graph,) = display.graphs
        live = [label for _, label in graph.nodes(data="label") if graph.nodes[_]["live"]]
        assert live == ["input", "nor_conv_3x3", "avg_pool_3x3", "output"]
        dashed = [line for line in display.lines_ if line.get_linestyle() not in ("-", "solid")]
        assert len(display.lines_) - len(dashed) == 3
        assert display.figure_ is display.ax_.figure is plt.gcf()

    def test_zero_lets_nothing_pass_in_nasbench_asr(self):
        (graph,) = draw("nasbench_asr", "linear:0|zero:00|conv5:100").graphs
        live = [data["label"] for _, data in graph.nodes(data=True) if data["live"]]
        assert live == ["input", "output"]
        assert sum(live for *_, live in graph.edges(data="live")) == 1

    def test_pathless(self):
        display = draw("nasbench201", PATHLESS)
        assert not any(nodes(display.graphs[0], "live"))
        assert {line.get_linestyle() for line in display.lines_}.isdisjoint(["-", "solid"])
        check_drawing(display)

    def test_input_and_output_of_the_space(self):
        space = DAGSpace(("x", "conv", "y"), max_nodes=4, input="x", output="y")
        cell = Architecture(["x", "conv", "conv", "y"], [(0, 1), (1, 3), (2, 3)])
        (graph,) = draw(space, cell).graphs
        assert nodes(graph, "kind") == ["input", "operation", "operation", "output"]
        assert nodes(graph, "live") == [True, True, False, True]


def test_colors_are_those_of_the_space():
    first = draw("nasbench201", CELL).colors
    assert draw("nasbench201", PATHLESS).colors == first
    assert first["skip_connect"] == first["none"]
    computing = [first[name] for name in ("nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")]
    assert len({*computing, first["none"]}) == 4


def test_operations_of_a_kind_share_a_colour_where_there_are_many():
    names = [f"{kind} {number}" for kind in "abcdefgh" for number in range(2)]
    names = ["input", *names, "output"]
    chain = Architecture(names, [(number, number + 1) for number in range(17)])
    colors = draw("dag", chain).colors
    assert len(set(colors.values())) == 8
    assert colors["a 0"] == colors["a 1"]


class TestRows:
    @pytest.mark.parametrize("residual", [False, True])
    def test_deep_networks_have_several(self, residual):
        edges = [(node, node + 1) for node in range(299)]
        if residual:
            edges += [(node, node + 4) for node in range(0, 290, 5)]
        display = draw("dag", Architecture(["input", *["conv"] * 298, "output"], edges))
        check_drawing(display)
        # Legible: all texts at full size, in a figure that is no strip.
        width, height = display.figure_.get_size_inches()
        assert max(width, height) < 40
        assert 0.3 < width / height < 3

    def test_given_axes(self, plt):
        _, axes = plt.subplots(1, 2, figsize=(8, 4))
        display = draw("nasbench_macro", "01222211", ax=axes[0])
        assert len(np.unique(boxes(display)[:, 1].round(3))) > 1
        check_drawing(display)
        assert display.plot(axes[1]) is display
        assert display.ax_ is axes[1]


def test_open_space_learns():
    chain = Architecture(["a", "b"], [(0, 1)])
    assert nodes(draw("dag", chain).graphs[0], "label") == ["a", "b"]
    frame = pd.DataFrame({"depth": [3, 4], "act": ["relu", "tanh"]})
    space = SequenceSpace({"depth": [3, 4], "act": ["relu", "tanh"]})
    for row in (frame.iloc[1], frame.iloc[[1]], {"depth": 4, "act": "tanh"}):
        (graph,) = draw(space, row).graphs
        assert nodes(graph, "label")[1:3] == ["depth=4", 'act="tanh"']
    with pytest.raises(ValueError, match="one architecture"):
        draw(space, frame)


@pytest.mark.parametrize("name", ["$x$", "100 % $", "_hidden", " ", "a\nb", "x^{2}"])
def test_odd_names(name):
    display = draw("dag", Architecture(["input", name, "output"], [(0, 1), (1, 2)]))
    assert display.graphs[0].nodes[1]["label"] == name
    display.figure_.canvas.draw()


def test_same_every_time_and_pickles():
    genotype = get_space("darts").sample(1, random_state=3)[0]
    first, second = (draw("darts", genotype) for _ in range(2))
    assert (boxes(first) == boxes(second)).all()
    again = pickle.loads(pickle.dumps(first)).graphs[0]
    assert list(again.nodes(data=True)) == list(first.graphs[0].nodes(data=True))


@pytest.mark.parametrize(
    ("space", "architecture", "error"),
    [
        ("nasbench201", "|nor_conv_3x3~0|", ArchitectureError),
        ("nasbench201", Architecture(["a"], []), ArchitectureError),
        ("no_such_space", CELL, ValueError),
        ("dag", CELL, ArchitectureError),
        ("dag", Architecture([], []), ValueError),
    ],
)
def test_bad_input(plt, space, architecture, error):
    with pytest.raises(error):
        draw(space, architecture)
    assert not plt.get_fignums()


def test_missing_libraries(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(ImportError, match="needs networkx"):
        draw("nasbench201", CELL)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for make in (
        CellDisplay.from_architecture,
        inspection.NeighborsDisplay.from_estimator,
        inspection.EmbeddingDisplay.from_embedding,
        inspection.RankAgreementDisplay.from_predictions,
        inspection.BudgetCurveDisplay.from_evaluation,
    ):
        with pytest.raises(ImportError, match=r"Display needs matplotlib"):
            make(None, None)
