import itertools
import json

import networkx as nx
import numpy as np
import pytest
from hypothesis import strategies as st

from emprox.spaces import Architecture, ArchitectureError, NASBenchNLPSpace

SPACE = NASBenchNLPSpace()
LINEAR, BLEND, PRODUCT, SUM, TANH, SIGM, LEAKY = range(1, 8)

RNN = {
    "f": {"op": "linear", "input": ["x", "h_prev_0"]},
    "h_new_0": {"op": "activation_tanh", "input": ["f"]},
}
GRU = {
    "r": {"op": "linear", "input": ["x", "h_prev_0"]},
    "r_act": {"op": "activation_sigm", "input": ["r"]},
    "z": {"op": "linear", "input": ["x", "h_prev_0"]},
    "z_act": {"op": "activation_sigm", "input": ["z"]},
    "rh": {"op": "elementwise_prod", "input": ["r_act", "h_prev_0"]},
    "h_tilde": {"op": "linear", "input": ["x", "rh"]},
    "h_tilde_act": {"op": "activation_tanh", "input": ["h_tilde"]},
    "h_new_0": {"op": "blend", "input": ["z_act", "h_prev_0", "h_tilde_act"]},
}
LSTM = {
    "i": {"op": "linear", "input": ["x", "h_prev_0"]},
    "i_act": {"op": "activation_tanh", "input": ["i"]},
    "j": {"op": "linear", "input": ["x", "h_prev_0"]},
    "j_act": {"op": "activation_sigm", "input": ["j"]},
    "f": {"op": "linear", "input": ["x", "h_prev_0"]},
    "f_act": {"op": "activation_sigm", "input": ["f"]},
    "o": {"op": "linear", "input": ["x", "h_prev_0"]},
    "o_act": {"op": "activation_tanh", "input": ["o"]},
    "part1": {"op": "elementwise_prod", "input": ["f_act", "h_prev_1"]},
    "part2": {"op": "elementwise_prod", "input": ["i_act", "j_act"]},
    "h_new_1": {"op": "elementwise_sum", "input": ["part1", "part2"]},
    "h_new_1_act": {"op": "activation_tanh", "input": ["h_new_1"]},
    "h_new_0": {"op": "elementwise_prod", "input": ["h_new_1_act", "o_act"]},
}

seeds = st.integers(0, 2**32 - 1)


def node(op, *inputs):
    return {"op": op, "input": list(inputs)}


def decisions_of(nodes, states):
    """Write the decisions of nodes [(operation, input, ...), ...] by hand."""
    padded = [[*node, *[0] * (4 - len(node))] for node in nodes]
    padded += [[0] * 4] * (22 - len(nodes))
    return [*itertools.chain(*padded), *states, *[0] * (3 - len(states))]


def canonical(*cells):
    return SPACE.canonicalize(SPACE.encode(cells))


def described_otherwise(decisions, rng):
    """Give nodes another order, where edges allow it, and states other than the output."""
    texts = []
    for text in SPACE.format(decisions):
        recipe = json.loads(text)
        names = rng.permutation(list(recipe)).tolist()
        text = json.dumps({name: recipe[name] for name in names})
        if "h_new_2" in recipe and rng.random() < 0.5:
            for old, new in (("_1", "_9"), ("_2", "_1"), ("_9", "_2")):
                text = text.replace(f"h_new{old}", f"h_new{new}")
                text = text.replace(f"h_prev{old}", f"h_prev{new}")
        texts.append(text)
    return SPACE.encode(texts)


def test_a_recipe_is_read_into_decisions():
    nodes = [
        (LINEAR, 1, 2),
        (SIGM, 5),
        (LINEAR, 1, 2),
        (SIGM, 7),
        (PRODUCT, 2, 6),
        (LINEAR, 1, 9),
        (TANH, 10),
        (BLEND, 8, 2, 11),
    ]
    expected = decisions_of(nodes, [8])
    shuffled = dict(sorted(GRU.items(), reverse=True))
    (graph,) = SPACE.decode([expected])
    forms = [GRU, json.dumps(GRU), expected, np.array(expected), graph, graph.to_string()]
    for form in forms:
        assert SPACE.encode([form]).tolist() == [expected]
    # In another order the nodes have other numbers, but it is the same cell.
    assert SPACE.encode([shuffled]).tolist() != [expected]
    np.testing.assert_array_equal(canonical(shuffled), canonical(GRU))


def test_format_writes_a_recipe_of_the_benchmark():
    assert json.loads(SPACE.format(SPACE.encode([GRU]))[0]) == {
        "node_0": {"op": "linear", "input": ["x", "h_prev_0"]},
        "node_1": {"op": "activation_sigm", "input": ["node_0"]},
        "node_2": {"op": "linear", "input": ["x", "h_prev_0"]},
        "node_3": {"op": "activation_sigm", "input": ["node_2"]},
        "node_4": {"op": "elementwise_prod", "input": ["h_prev_0", "node_1"]},
        "node_5": {"op": "linear", "input": ["x", "node_4"]},
        "node_6": {"op": "activation_tanh", "input": ["node_5"]},
        "h_new_0": {"op": "blend", "input": ["node_3", "h_prev_0", "node_6"]},
    }


def test_the_graph_of_a_cell():
    recipe = {
        "a": node("linear", "x", "h_prev_0"),
        "b": node("activation_sigm", "a"),
        "h_new_0": node("blend", "b", "h_prev_0", "a"),
    }
    (cell,) = SPACE.decode(SPACE.encode([recipe]))
    labels = ["x", "h_prev_0", "linear", "activation_sigm", "blend_first", "blend_second", "blend"]
    assert list(cell.operations) == [*labels, "h_new_0"]
    edges = [(0, 2), (1, 2), (2, 3), (1, 4), (2, 5), (3, 6), (4, 6), (5, 6), (6, 7)]
    assert cell.edges == tuple(sorted(edges))


def test_sequences_written_out_by_hand():
    recipe = SPACE.sequences["recipe"]
    blended = {
        "a": {"op": "linear", "input": ["x", "h_prev_0", "h_prev_1"]},
        "h_new_1": {"op": "activation_tanh", "input": ["a"]},
        "h_new_0": {"op": "blend", "input": ["h_new_1", "a", "h_prev_1"]},
    }
    tokens = SPACE.tokenize(SPACE.encode([blended]))[0]
    assert [recipe.vocabulary[token] for token in tokens[:13]] == [
        *("linear", "x", "h_prev_0", "h_prev_1"),
        *("activation_tanh", "node_0", "h_new_1"),
        *("blend", "node_1", "node_0", "h_prev_1", "h_new_0"),
        "padding",
    ]
    assert not tokens[12:].any()

    adjacency = SPACE.sequences["adjacency"]
    assert (adjacency.length, adjacency.vocabulary_size) == (324, 12)
    no, edge, first, second, linear, blend, tanh = 1, 2, 3, 4, 5, 6, 9
    columns = [
        *([no, 0], [no, no, 0]),  # the previous states
        [edge, edge, edge, linear],
        [no, no, no, edge, tanh],
        [no, no, second, first, edge, blend],
        *([no, no, no, no, no, edge, 0], [no, no, no, no, edge, no, no, 0]),  # the new states
    ]
    written = list(itertools.chain(*columns))
    tokens = SPACE.tokenize(SPACE.encode([blended]), "adjacency")[0].tolist()
    assert tokens == written + [0] * (324 - len(written))


def test_the_size_counts_every_description():
    # One node: an activation of the state, or linear of x, of the state or of both.
    single = [
        decisions_of([(operation, *inputs)], [1])
        for operation in range(1, 8)
        for inputs in itertools.product(range(5), repeat=3)
    ]
    valid = SPACE.is_valid(single)
    assert valid.sum() == 3 + 3
    # Two nodes, one state: everything that can follow each of these, either of them the state.
    double = [
        decisions_of([tuple(first[:4]), (operation, *inputs)], [state])
        for first in np.array(single)[valid].tolist()
        for operation in range(1, 8)
        for inputs in itertools.product(range(6), repeat=3)
        for state in (1, 2)
    ]
    assert SPACE.is_valid(double).sum() == 6 * 15 * 2
    # And so on to 22 nodes; with b inputs of the hidden width there are so many next nodes.
    total = 0
    for n_states in (1, 2, 3):
        for n_nodes in range(n_states, 24 - 2 * n_states + 1):
            n_cells = np.prod([n_nodes - state for state in range(n_states)], dtype=object)
            for b in range(n_states, n_states + n_nodes):
                pairs = b * (b - 1) // 2
                triples = pairs * (b - 2) // 3
                linear = (b + 1) + (pairs + b) + (triples + pairs)
                n_cells *= 3 * b + 2 * pairs + 6 * triples + linear
            total += n_cells
    assert SPACE.size == total > 10**60
    with pytest.raises(ValueError, match="sample"):
        next(SPACE.enumerate())


def test_dead_nodes_are_those_that_never_reach_the_output():
    cell = {
        **RNN,
        "dead": {"op": "activation_tanh", "input": ["f"]},
        # State 1 feeds only itself; state 2 feeds the output one step later.
        "h_new_1": {"op": "linear", "input": ["x", "h_prev_1"]},
        "h_new_2": {"op": "activation_sigm", "input": ["f"]},
        "h_new_0": {"op": "elementwise_sum", "input": ["f", "h_prev_2"]},
    }
    expected = {
        "f": RNN["f"],
        "h_new_0": node("elementwise_sum", "f", "h_prev_1"),
        "h_new_1": node("activation_sigm", "f"),
    }
    found = SPACE.canonicalize(SPACE.encode([cell, expected]))
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0, :88:4] > 0).sum() == 3
    assert (found[0, 88:] > 0).sum() == 2


def test_cells_that_differ_in_one_respect_are_kept_apart():
    swapped = json.loads(
        json.dumps(GRU).replace('"h_prev_0", "h_tilde_act"', '"h_tilde_act", "h_prev_0"')
    )
    other_gate = {**GRU, "rh": {"op": "elementwise_prod", "input": ["z_act", "h_prev_0"]}}
    assert len(np.unique(canonical(GRU, swapped, other_gate, RNN, LSTM), axis=0)) == 5
    # The order of the inputs of a product, and names, do not matter.
    renamed = json.loads(json.dumps(LSTM).replace("part", "other").replace('"i', '"input_gate'))
    renamed = json.loads(json.dumps(renamed).replace('"input_gatenput"', '"input"'))
    renamed["h_new_0"]["input"].reverse()
    np.testing.assert_array_equal(canonical(renamed), canonical(LSTM))


def test_states_other_than_the_output_can_be_exchanged():
    cell = {
        "a": {"op": "linear", "input": ["x", "h_prev_0", "h_prev_1"]},
        "h_new_1": {"op": "activation_tanh", "input": ["a"]},
        "h_new_2": {"op": "activation_sigm", "input": ["a"]},
        "h_new_0": {"op": "elementwise_prod", "input": ["h_prev_2", "a"]},
    }
    text = json.dumps(cell)
    exchanged = text.replace("_1", "_9").replace("_2", "_1").replace("_9", "_2")
    output = text.replace("_1", "_9").replace("_0", "_1").replace("_9", "_0")
    found = canonical(text, exchanged, output)
    np.testing.assert_array_equal(found[1], found[0])
    assert (found[2] != found[0]).any()


def small_cells(n_cells, rng):
    """Draw legal cells of few operations, many of them with parts that look alike."""
    cells = []
    for _ in range(n_cells):
        n_states, n_nodes = rng.integers(1, 4), rng.integers(3, 9)
        recipe, wide = {}, [f"h_prev_{state}" for state in range(n_states)]
        states = dict(
            zip(rng.permutation(n_nodes)[:n_states].tolist(), range(n_states), strict=True)
        )
        for node in range(n_nodes):
            operation, n_inputs = [("elementwise_sum", 2), ("activation_tanh", 1), ("blend", 3)][
                rng.choice(3, p=[0.6, 0.3, 0.1])
            ]
            if n_inputs > len(wide):
                operation, n_inputs = "activation_tanh", 1
            name = f"h_new_{states[node]}" if node in states else f"n{node}"
            inputs = rng.choice(wide, n_inputs, replace=False).tolist()
            recipe[name] = {"op": operation, "input": inputs}
            wide.append(name)
        cells.append(recipe)
    return cells


def graph_of(row):
    """Build the graph of a cell that steps through time: new states lead to previous ones."""
    cell = json.loads(SPACE.format([row])[0])
    graph = nx.DiGraph()
    for name, node in cell.items():
        for position, read in enumerate(node["input"]):
            part = position if node["op"] == "blend" else 0
            graph.add_edge(read, name, part=part)
        graph.nodes[name]["label"] = node["op"]
    for name in list(graph):
        if name == "x":
            graph.nodes[name]["label"] = "x"
        if name.startswith("h_prev"):
            graph.nodes[name]["label"] = "state"
            graph.add_edge(name.replace("prev", "new"), name, part="time")
    graph.nodes["h_new_0"]["label"] += ", output"
    # What the output can be reached from is live.
    live = nx.ancestors(graph, "h_new_0") | {"h_new_0"}
    return graph.subgraph(live)


def isomorphic(left, right):
    return nx.is_isomorphic(
        left,
        right,
        node_match=lambda a, b: a["label"] == b["label"],
        edge_match=lambda a, b: a["part"] == b["part"],
    )


def test_classes_are_those_of_graph_isomorphism():
    decisions = SPACE.encode(small_cells(1000, np.random.default_rng(0)))
    forms = SPACE.canonicalize(decisions)
    others = described_otherwise(decisions, np.random.default_rng(1))
    assert (others != decisions).any(axis=1).sum() > 500
    np.testing.assert_array_equal(SPACE.canonicalize(others), forms)
    np.testing.assert_array_equal(SPACE.canonicalize(forms), forms)
    graphs = [graph_of(row) for row in decisions]
    groups = {}
    for row, graph in enumerate(graphs):
        labels = tuple(sorted(label for _, label in graph.nodes(data="label")))
        groups.setdefault(labels, []).append(row)
    n_equal = n_different = 0
    for rows in groups.values():
        for left, right in itertools.combinations(rows[:15], 2):
            equal = (forms[left] == forms[right]).all()
            assert isomorphic(graphs[left], graphs[right]) == equal
            n_equal, n_different = n_equal + equal, n_different + (not equal)
    assert n_equal > 200 < n_different


FUNCTIONS = {
    "blend": lambda gate, first, second: gate * first + (1 - gate) * second,
    "elementwise_prod": np.multiply,
    "elementwise_sum": np.add,
    "activation_tanh": np.tanh,
    "activation_sigm": lambda read: 1 / (1 + np.exp(-read)),
    "activation_leaky_relu": lambda read: np.where(read > 0, read, 0.01 * read),
}


def run(row, inputs):
    """Run a cell over time, with the same weights in all linear operations."""
    cell = json.loads(SPACE.format([row])[0])
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(2, 4, 4)) / 2, rng.normal(size=4)
    states = [np.zeros(4)] * sum(name.startswith("h_new") for name in cell)
    outputs = []
    for x in inputs:
        values = {"x": x, **{f"h_prev_{i}": state for i, state in enumerate(states)}}
        for name, node in cell.items():
            read = [values[source] for source in node["input"]]
            if node["op"] == "linear":
                parts = zip(node["input"], read, strict=True)
                values[name] = bias + sum(weights[int(n == "x")] @ value for n, value in parts)
            else:
                values[name] = FUNCTIONS[node["op"]](*read)
        states = [values[f"h_new_{i}"] for i in range(len(states))]
        outputs.append(states[0])
    return np.array(outputs)


def test_canonical_cells_compute_the_same_over_time():
    inputs = np.random.default_rng(1).normal(size=(5, 4))
    decisions = np.concatenate(
        [
            SPACE.sample(60, random_state=0),
            SPACE.encode([LSTM, GRU, *small_cells(60, np.random.default_rng(2))]),
        ]
    )
    # A change of one decision leaves dead nodes behind.
    decisions = np.concatenate([decisions, SPACE.mutate(decisions[:60], 2, random_state=0)])
    forms = SPACE.canonicalize(decisions)
    with np.errstate(over="ignore"):
        for before, after in zip(decisions, forms, strict=True):
            np.testing.assert_allclose(run(before, inputs), run(after, inputs), rtol=1e-6)


def test_samples_are_cells_of_the_benchmarks_kind():
    decisions = SPACE.sample(2000, random_state=0)
    nodes = decisions[:, :88].reshape(-1, 22, 4)
    n_nodes, n_states = (nodes[:, :, 0] > 0).sum(axis=1), (decisions[:, 88:] > 0).sum(axis=1)
    assert set(n_states) == {1, 2, 3}
    assert (n_nodes <= 24 - 2 * n_states).all()
    # Every input and every node has an influence: nothing to remove.
    forms = SPACE.canonicalize(decisions)
    np.testing.assert_array_equal((forms[:, :88:4] > 0).sum(axis=1), n_nodes)
    np.testing.assert_array_equal((forms[:, 88:] > 0).sum(axis=1), n_states)
    assert (nodes[:, :, 1:] == 1).any(axis=(1, 2)).all()
    for state in range(3):
        new = decisions[np.arange(2000), 88 + state]
        read = nodes[np.arange(2000), np.maximum(new - 1, 0), 1:]
        assert not ((read >= 2) & (read <= 4))[new > 0].any()
    # Linear operations are followed by an activation, unless that has no influence.
    operations = np.bincount(nodes[:, :, 0].ravel(), minlength=8)[1:]
    assert operations.min() > 200
    assert operations[LINEAR - 1] == operations.max()


def test_mutations_and_neighbors():
    # Tanh can be another operation of one input, or read the state; linear can leave out its second
    # input, but not the first; and the linear node can be the output, or a second state.
    around = set(SPACE.format(SPACE.neighbors(SPACE.encode([RNN]))[0]))
    start = '{"node_0": {"op": "linear", "input": ["x", "h_prev_0"]}, '
    assert around == {
        start + '"h_new_0": {"op": "activation_sigm", "input": ["node_0"]}}',
        start + '"h_new_0": {"op": "activation_leaky_relu", "input": ["node_0"]}}',
        start + '"h_new_0": {"op": "linear", "input": ["node_0"]}}',
        start + '"h_new_0": {"op": "activation_tanh", "input": ["h_prev_0"]}}',
        '{"node_0": {"op": "linear", "input": ["x"]}, '
        '"h_new_0": {"op": "activation_tanh", "input": ["node_0"]}}',
        '{"h_new_0": {"op": "linear", "input": ["x", "h_prev_0"]}, '
        '"node_1": {"op": "activation_tanh", "input": ["h_new_0"]}}',
        '{"h_new_1": {"op": "linear", "input": ["x", "h_prev_0"]}, '
        '"h_new_0": {"op": "activation_tanh", "input": ["h_new_1"]}}',
    }


def changed(recipe, **nodes):
    return {name: node for name, node in {**recipe, **nodes}.items() if node is not None}


CHAIN = {f"n{i}": node("activation_tanh", f"n{i - 1}" if i else "h_prev_0") for i in range(22)}


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (changed(RNN, f=node("conv", "x")), "'f'.*conv"),
        (changed(RNN, f=node("linear", "x", "x")), "different"),
        (changed(RNN, f=node("linear")), "1 to 3"),
        (changed(RNN, f=node("activation_tanh", "x")), "linear"),
        (changed(RNN, f=node("linear", "y")), "'y'"),
        (changed(RNN, f=node("linear", "h_prev_1")), "previous state"),
        (changed(RNN, f=node("linear", "h_prev_7")), "h_prev_7"),
        (changed(RNN, f=node("linear", "h_new_0")), "cycle"),
        (changed(RNN, h_new_0=None), "new states"),
        (changed(RNN, h_new_2=node("linear", "x")), "h_new_2"),
        (changed(RNN, x=node("linear", "h_prev_0")), "'x'"),
        (changed(RNN, f={"op": "linear"}), "'input'"),
        (changed(RNN, f={"op": ["linear"], "input": ["x"]}), "linear"),
        (changed(RNN, f={"op": "linear", "input": [["x"]]}), "list"),
        ({**RNN, 1: node("linear", "x")}, "1"),
        ({**CHAIN, "h_new_0": node("activation_tanh", "n21")}, "23 nodes"),
        ("[1, 2]", "91"),
        (json.dumps(RNN)[:-1], "recipe"),
        ('{"f": 1, "f": 2}', "twice"),
        ("[" * 100_000, "recipe"),
        ([0] * 91, "new state 0"),
        ([0.5] * 91, "0.5"),
        (None, "NoneType"),
        (Architecture(["x", "linear"], [(0, 1)]), "new state 0"),
        (Architecture(["x", "conv", "h_new_0"], [(0, 1), (1, 2)]), "graph"),
        (Architecture(["x", "x", "linear", "h_new_0"], [(0, 2), (1, 2), (2, 3)]), ""),
        (Architecture(["x", "h_new_0"], [(0, 1)]), "new state"),
        (
            Architecture(["x", "linear", "h_new_0", "h_new_1"], [(0, 1), (1, 2), (1, 3)]),
            "states",
        ),
        (Architecture(["h_prev_0", "blend", "h_new_0"], [(0, 1), (1, 2)]), "inputs"),
        (
            Architecture(["x", "blend_first", "linear", "h_new_0"], [(0, 1), (1, 2), (2, 3)]),
            "graph",
        ),
    ],
)
def test_what_is_not_a_cell_is_refused_and_named(wrong, word):
    with pytest.raises(ArchitectureError, match=word or None) as caught:
        SPACE.encode([RNN, wrong])
    assert caught.value.index == 1
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("nodes", "states", "word"),
    [
        ([(LINEAR, 1), (0,), (TANH, 5)], [1], "follows one"),
        ([(LINEAR, 1)], [0, 1], "new state 0"),
        ([(LINEAR, 1), (TANH, 5)], [2, 2], "same node"),
        ([(LINEAR, 1)], [2], "not there"),
        ([(TANH, 2)] * 19, [1, 2, 3], "at most"),
        ([(LINEAR, 0, 1)], [1], "empty place"),
        ([(TANH,)], [1], "too few"),
        ([(LINEAR, 2, 2)], [1], "twice"),
        ([(LINEAR, 2, 1)], [1], "ascending"),
        ([(TANH, 1)], [1], "linear"),
        ([(LINEAR, 1, 3)], [1], "previous state"),
    ],
)
def test_a_matrix_of_decisions_is_checked(nodes, states, word):
    right, wrong = decisions_of([(LINEAR, 1, 2)], [1]), decisions_of(nodes, states)
    assert SPACE.is_valid([right, wrong]).tolist() == [True, False]
    with pytest.raises(ArchitectureError, match=word) as caught:
        SPACE.encode(np.array([right, wrong]))
    assert caught.value.index == 1
