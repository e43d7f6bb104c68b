import pickle
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from emprox.inspection import CellDisplay
from emprox.inspection._graphs import Edge, Node, to_graphs
from emprox.inspection._layout import assign_layers, order_layers
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


def boxes(display):
    """Return the left, lower, right and upper edges of all boxes and circles."""
    edges = []
    for patch in display.boxes_:
        if hasattr(patch, "get_bbox"):
            edges.append(patch.get_bbox().extents)
        else:
            center, radius = np.array(patch.center), patch.radius
            edges.append([*(center - radius), *(center + radius)])
    return np.array(edges)


def curve(patch):
    """Return many points on a line."""
    (corners,) = patch.get_path().to_polygons(closed_only=False)
    return np.linspace(corners[:-1], corners[1:], 30).reshape(-1, 2)


def check_drawing(display):
    """Check that nothing overlaps or is cut, and that no line runs through a box."""
    extents = boxes(display)
    width, height = display.ax_.get_xlim()[1], display.ax_.get_ylim()[1]
    assert (extents[:, :2] >= 0).all()
    assert (extents[:, 2:] <= [width, height]).all()
    for number, (left, low, right, high) in enumerate(extents):
        others = np.delete(extents, number, axis=0)
        apart = (
            (others[:, 0] >= right)
            | (others[:, 2] <= left)
            | (others[:, 1] >= high)
            | (others[:, 3] <= low)
        )
        assert apart.all(), "two boxes overlap"
    for line in display.lines_:
        points = curve(line)
        assert ((points >= 0) & (points <= [width, height])).all(), "a line is cut"
        for patch, (left, low, right, high) in zip(display.boxes_, extents, strict=True):
            # Lines end on the border.
            x, y = points.T
            if hasattr(patch, "radius"):
                inside = np.hypot(*(points - patch.center).T) < patch.radius - 1
            else:
                inside = (x > left + 1) & (x < right - 1) & (y > low + 1) & (y < high - 1)
            assert not inside.any(), "a line runs through a box"


def check_texts_fit(display):
    extents = boxes(display)
    for text in display.texts_:
        left, low = text.get_path().vertices.min(axis=0)
        right, high = text.get_path().vertices.max(axis=0)
        fits = (
            (extents[:, 0] < left)
            & (extents[:, 1] < low)
            & (extents[:, 2] > right)
            & (extents[:, 3] > high)
        )
        assert fits.sum() == 1, "a text is wider than its box"


@pytest.mark.parametrize("direction", ["right", "down", None])
@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_every_space(plt, space, direction):
    for architecture in space.sample(2, random_state=1):
        display = CellDisplay.from_architecture(space, architecture, direction=direction)
        check_drawing(display)
        if space.name not in ("darts", "nasbench_nlp"):  # these have titles or notes as well
            check_texts_fit(display)
        plt.close(display.figure_)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), n_nodes=st.integers(1, 12), density=st.floats(0, 1))
def test_any_graph(seed, n_nodes, density):
    rng = np.random.default_rng(seed)
    adjacency = np.triu(rng.random((n_nodes, n_nodes)) < density, 1)
    operations = rng.choice(["conv", "a much longer name", "sum", "input", "output"], n_nodes)
    graph = Architecture.from_adjacency(operations.tolist(), adjacency)
    display = CellDisplay.from_architecture(None, graph)
    assert len(display.boxes_) == n_nodes
    assert len(display.lines_) == adjacency.sum()
    check_drawing(display)
    sys.modules["matplotlib.pyplot"].close("all")


class TestNASBench201:
    def test_operations_stand_on_edges(self):
        (graph,) = CellDisplay.from_architecture("nasbench201", CELL).graphs
        assert graph.nodes == (
            Node("input", "input"),
            Node("1", "state"),
            Node("2", "state", live=False),
            Node("output", "output"),
        )
        assert graph.edges == (
            Edge(0, 1, "nor_conv_3x3"),
            Edge(0, 2, "none", live=False),
            Edge(0, 3, "none", live=False),
            Edge(1, 2, "skip_connect", live=False),
            Edge(1, 3, "avg_pool_3x3"),
            Edge(2, 3, "none", live=False),
        )

    def test_artists(self, plt):
        display = CellDisplay.from_architecture("nasbench201", CELL)
        assert len(display.boxes_) == 4 + 6
        assert len(display.lines_) == 2 * 6
        dashed = [line for line in display.lines_ if line.get_linestyle() not in ("-", "solid")]
        assert len(dashed) == 2 * 4
        assert display.figure_ is display.ax_.figure is plt.gcf()

    def test_without_dead(self):
        display = CellDisplay.from_architecture("nasbench201", CELL, show_dead=False)
        (graph,) = display.graphs
        assert [node.label for node in graph.nodes] == ["input", "1", "output"]
        assert graph.edges == (Edge(0, 1, "nor_conv_3x3"), Edge(1, 2, "avg_pool_3x3"))

    def test_canonical_form(self):
        skipped = "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"
        display = CellDisplay.from_architecture(
            "nasbench201", skipped, canonicalize=True, show_dead=False
        )
        assert display.graphs[0].operations == ["nor_conv_3x3"]

    def test_without_a_path(self):
        display = CellDisplay.from_architecture("nasbench201", PATHLESS, show_dead=False)
        assert display.graphs[0].edges == ()
        assert len(display.boxes_) == 2
        check_drawing(display)

    def test_colors_are_those_of_the_space(self):
        first = CellDisplay.from_architecture("nasbench201", CELL).colors
        assert CellDisplay.from_architecture("nasbench201", PATHLESS).colors == first
        assert first["skip_connect"] == first["none"]
        computing = [first[name] for name in ("nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")]
        assert len({*computing, first["none"]}) == 4


def test_darts_has_two_cells_with_two_inputs():
    space = get_space("darts")
    graphs = CellDisplay.from_architecture(space, space.sample(1, 0)[0]).graphs
    assert [graph.title for graph in graphs] == ["normal cell", "reduction cell"]
    for graph in graphs:
        kinds = [node.kind for node in graph.nodes]
        assert kinds == ["input", "input", *["state"] * 4, "output"]
        # Two operations for each node, and a wire from each to the output.
        into = [sum(edge.target == node for edge in graph.edges) for node in range(2, 7)]
        assert into == [2, 2, 2, 2, 4]
        assert sum(edge.operation is None for edge in graph.edges) == 4


def test_darts_cells_stand_beside_each_other_if_they_lead_down():
    space = get_space("darts")
    genotype = space.sample(1, 0)[0]
    sizes = {
        direction: CellDisplay.from_architecture(
            space, genotype, direction=direction
        ).figure_.get_size_inches()
        for direction in ("right", "down")
    }
    assert sizes["down"][0] > sizes["right"][0]
    assert sizes["down"][1] > sizes["right"][1] / 2


def test_dead_nodes_of_nasbench101():
    # Node 1 leads nowhere, node 3 comes from nowhere.
    matrix = [[0, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0] * 5]
    names = ["input", "maxpool3x3", "conv3x3-bn-relu", "conv1x1-bn-relu", "output"]
    (graph,) = CellDisplay.from_architecture("nasbench101", (matrix, names)).graphs
    assert [node.live for node in graph.nodes] == [True, False, True, False, True]
    assert [(edge.source, edge.target) for edge in graph.edges if edge.live] == [(0, 2), (2, 4)]


def test_zero_lets_nothing_pass_in_nasbench_asr():
    (graph,) = CellDisplay.from_architecture("nasbench_asr", "linear:0|zero:00|conv5:100").graphs
    live = [node.label for node in graph.nodes if node.live]
    assert live == ["input", "output"]
    assert [(edge.source, edge.target) for edge in graph.edges if edge.live] == [(0, 6)]


RECURRENT = {
    "node_0": {"op": "linear", "input": ["x", "h_prev_0"]},
    "node_1": {"op": "blend", "input": ["node_0", "h_prev_0", "h_prev_1"]},
    "h_new_0": {"op": "activation_tanh", "input": ["node_1"]},
    "h_new_1": {"op": "activation_sigm", "input": ["node_0"]},
    "h_new_2": {"op": "activation_sigm", "input": ["node_1"]},
}


class TestNASBenchNLP:
    def test_inputs_of_a_blend_have_notes(self):
        (graph,) = CellDisplay.from_architecture("nasbench_nlp", RECURRENT).graphs
        labels = [node.label for node in graph.nodes]
        assert not {"blend_first", "blend_second"} & set(labels)
        notes = {labels[edge.source]: edge.note for edge in graph.edges if edge.note}
        assert notes == {"linear": "g", "h_prev_0": "1", "h_prev_1": "2"}

    def test_states_count_that_lead_to_the_output_later(self):
        (graph,) = CellDisplay.from_architecture("nasbench_nlp", RECURRENT).graphs
        live = {node.label: node.live for node in graph.nodes if node.label.startswith("h_")}
        # The second state is read by the blend at the next time step, the third by nothing.
        assert live == {
            "h_prev_0": True,
            "h_prev_1": True,
            "h_prev_2": False,
            "h_new_0": True,
            "h_new_1": True,
            "h_new_2": False,
        }


class TestChains:
    def test_one_row(self):
        extents = boxes(CellDisplay.from_architecture("nasbench_macro", "01222211"))
        assert len(extents) == 10
        assert (np.diff(extents[:, 0]) > 0).all()
        assert_allclose(extents[:, 1], extents[0, 1])

    def test_rows_where_one_is_too_long(self, plt):
        _, ax = plt.subplots(figsize=(4, 4))
        display = CellDisplay.from_architecture("nasbench_macro", "01222211", ax=ax)
        assert len(np.unique(boxes(display)[:, 1].round(3))) > 1
        check_drawing(display)

    def test_down(self):
        display = CellDisplay.from_architecture("nasbench_macro", "01222211", direction="down")
        assert (np.diff(boxes(display)[:, 1]) < 0).all()


class TestWithoutASpace:
    def test_graph(self):
        graph = Architecture(["input", "conv", "sum", "output"], [(0, 1), (1, 2), (0, 2), (2, 3)])
        (drawn,) = CellDisplay.from_architecture(None, graph).graphs
        assert [node.kind for node in drawn.nodes] == ["input", "operation", "sum", "output"]
        assert all(edge.live for edge in drawn.edges)

    def test_space_that_it_names(self):
        cell = get_space("nasbench201").parse(CELL)
        assert (
            CellDisplay.from_architecture(None, cell).graphs
            == CellDisplay.from_architecture("nasbench201", CELL).graphs
        )

    def test_unknown_space(self):
        chain = Architecture(["a", "b"], [(0, 1)], space="mine")
        assert len(CellDisplay.from_architecture(None, chain).boxes_) == 2

    def test_open_space_learns(self):
        chain = Architecture(["a", "b"], [(0, 1)])
        (drawn,) = CellDisplay.from_architecture("dag", chain).graphs
        assert drawn.operations == ["a", "b"]
        (drawn,) = CellDisplay.from_architecture("sequence", {"depth": 3, "act": "relu"}).graphs
        assert len(drawn.nodes) == 4

    def test_input_and_output_of_the_space(self):
        space = DAGSpace(("x", "conv", "y"), max_nodes=4, input="x", output="y")
        graph = Architecture(["x", "conv", "conv", "y"], [(0, 1), (1, 3), (2, 3)])
        (drawn,) = to_graphs(space, graph)
        assert [node.kind for node in drawn.nodes] == ["input", "operation", "operation", "output"]
        assert [node.live for node in drawn.nodes] == [True, True, False, True]

    @pytest.mark.parametrize("name", ["$x$", "100 % $", "_hidden", " ", "a\nb", "x^{2}"])
    def test_odd_names(self, name):
        graph = Architecture(["input", name, "output"], [(0, 1), (1, 2)])
        display = CellDisplay.from_architecture(None, graph)
        assert display.graphs[0].operations == [name]
        display.figure_.canvas.draw()


class TestFigure:
    def test_given_axes(self, plt):
        _, axes = plt.subplots(1, 2)
        display = CellDisplay.from_architecture("nasbench201", CELL, ax=axes[0])
        assert display.ax_ is axes[0]
        assert display.plot(axes[1], direction="down") is display
        assert display.ax_ is axes[1]
        heights = boxes(display)
        assert heights[0, 1] > heights[3, 1]  # the input is above the output
        check_drawing(display)

    def test_texts_are_of_nine_points(self):
        figure = CellDisplay.from_architecture("nasbench201", CELL).figure_
        figure.canvas.draw()
        (ax,) = figure.axes
        assert ax.get_window_extent().width * 72 / figure.dpi == pytest.approx(
            ax.get_xlim()[1], rel=0.05
        )

    def test_large_graphs_get_large_figures(self):
        chain = Architecture([f"op{number}" for number in range(60)], [(0, 59)])
        display = CellDisplay.from_architecture(None, chain)
        assert len(display.boxes_) == 60
        check_drawing(display)

    def test_same_every_time(self):
        first, second = (
            CellDisplay.from_architecture("darts", get_space("darts").sample(1, 3)[0])
            for _ in range(2)
        )
        assert (boxes(first) == boxes(second)).all()

    def test_pickle(self):
        display = CellDisplay.from_architecture("nasbench201", CELL)
        assert pickle.loads(pickle.dumps(display)).graphs == display.graphs

    def test_colors_have_contrast(self):
        display = CellDisplay.from_architecture("nasbench_graph", "|gcn~0|gin~1|fc~2|cheb~1|")
        ink = luminance(display.texts_[0].get_facecolor())
        for patch in display.boxes_:
            assert (luminance(patch.get_facecolor()) + 0.05) / (ink + 0.05) >= 7


def luminance(color):
    """Relative luminance after WCAG 2."""
    channels = np.array(color[:3])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


class TestLayout:
    def test_layers_are_longest_paths(self):
        assert assign_layers(4, [(0, 1), (1, 2), (0, 2), (2, 3), (0, 3)], first=[0]) == [0, 1, 2, 3]

    def test_inputs_and_outputs_at_the_ends(self):
        # Node 4 leads from nowhere to the last but one layer, node 1 is an output.
        edges = [(0, 1), (0, 2), (2, 3), (3, 5), (4, 3)]
        layers = assign_layers(6, edges, first=[0], last=[1, 5])
        assert layers == [0, 3, 1, 2, 1, 3]

    def test_labels_stand_between_the_ends(self):
        # The label 3 is of the edge from 0 to 2, past the node 1.
        edges = [(0, 1), (1, 4), (4, 2), (0, 3), (3, 2)]
        layers = assign_layers(5, edges, first=[0], last=[2], labels=[3])
        assert 0 < layers[3] < layers[2]

    def test_crossings_are_undone(self):
        layers = [0, 0, 0, 1, 1, 1]
        upper, lower = order_layers(layers, [(0, 5), (1, 4), (2, 3)])
        assert [{0: 5, 1: 4, 2: 3}[node] for node in upper] == lower


@pytest.mark.parametrize(
    ("space", "architecture", "error", "message"),
    [
        ("nasbench201", "|nor_conv_3x3~0|", ArchitectureError, "nor_conv_3x3"),
        ("nasbench201", Architecture(["a"], []), ArchitectureError, "not the line graph"),
        ("no_such_space", CELL, ValueError, "unknown search space 'no_such_space'"),
        (None, CELL, TypeError, "without a space only an Architecture can be drawn"),
        (None, Architecture([], []), ArchitectureError, "without nodes"),
    ],
)
def test_bad_input(plt, space, architecture, error, message):
    with pytest.raises(error, match=message):
        CellDisplay.from_architecture(space, architecture)
    assert not plt.get_fignums()


def test_bad_options():
    with pytest.raises(ValueError, match="direction has to be 'right' or 'down' or None, got 'up'"):
        CellDisplay.from_architecture("nasbench201", CELL, direction="up")
    with pytest.raises(ValueError, match="no canonical form"):
        CellDisplay.from_architecture(None, Architecture(["a"], []), canonicalize=True)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'CellDisplay needs .*"emprox\[plot\]"'):
        CellDisplay.from_architecture("nasbench201", CELL)
