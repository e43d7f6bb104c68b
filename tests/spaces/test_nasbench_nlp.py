import contextlib
import itertools
import json
import time

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.spaces import Architecture, ArchitectureError, check_search_space
from emprox.spaces._nasbench_nlp._space import NASBenchNLPSpace

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


@settings(max_examples=8)
@given(seed=seeds)
def test_contract(seed):
    check_search_space(SPACE, n_architectures=15, random_state=seed)


@settings(max_examples=8)
@given(seed=seeds)
def test_different_canonical_forms_never_share_tokens(seed):
    decisions = SPACE.canonicalize(SPACE.sample_decisions(500, seed))
    n_different = len(np.unique(decisions, axis=0))
    for sequence in SPACE.sequences:
        assert len(np.unique(SPACE.tokenize(decisions, sequence), axis=0)) == n_different


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
    forms = [GRU, json.dumps(GRU), expected, np.array(expected), tuple(expected), SPACE.parse(GRU)]
    for form in forms:
        assert SPACE.encode([form]).tolist() == [expected]
    # In another order the nodes have other numbers, but it is the same cell.
    assert SPACE.encode([shuffled]).tolist() != [expected]
    assert SPACE.canonical(shuffled) == SPACE.canonical(GRU)


def test_format_writes_a_recipe_of_the_benchmark():
    assert json.loads(SPACE.format(GRU)) == {
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
    cell = SPACE.parse(
        {
            "a": {"op": "linear", "input": ["x", "h_prev_0"]},
            "b": {"op": "activation_sigm", "input": ["a"]},
            "h_new_0": {"op": "blend", "input": ["b", "h_prev_0", "a"]},
        }
    )
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
    with pytest.raises(ValueError, match=r"about 10\^66 cells"):
        SPACE.enumerate()


def test_dead_nodes_are_those_that_never_reach_the_output():
    cell = {
        **RNN,
        "dead": {"op": "activation_tanh", "input": ["f"]},
        # State 1 feeds only itself; state 2 feeds the output one step later.
        "h_new_1": {"op": "linear", "input": ["x", "h_prev_1"]},
        "h_new_2": {"op": "activation_sigm", "input": ["f"]},
        "h_new_0": {"op": "elementwise_sum", "input": ["f", "h_prev_2"]},
    }
    assert SPACE.canonicalize([SPACE.encode([cell])[0]]).tolist() == [
        decisions_of([(LINEAR, 1, 2), (SUM, 3, 5), (SIGM, 5)], [2, 3])
    ]


def test_cells_that_differ_in_one_respect_are_kept_apart():
    swapped = json.loads(
        json.dumps(GRU).replace('"h_prev_0", "h_tilde_act"', '"h_tilde_act", "h_prev_0"')
    )
    other_gate = {**GRU, "rh": {"op": "elementwise_prod", "input": ["z_act", "h_prev_0"]}}
    keys = {SPACE.isomorphism_key(cell) for cell in (GRU, swapped, other_gate, RNN, LSTM)}
    assert len(keys) == 5
    # The order of the inputs of a product, and names, do not matter.
    renamed = json.loads(json.dumps(LSTM).replace("part", "other").replace('"i', '"input_gate'))
    renamed = json.loads(json.dumps(renamed).replace('"input_gatenput"', '"input"'))
    renamed["h_new_0"]["input"].reverse()
    assert SPACE.isomorphism_key(renamed) == SPACE.isomorphism_key(LSTM)


def test_states_other_than_the_output_can_be_exchanged():
    cell = {
        "a": {"op": "linear", "input": ["x", "h_prev_0", "h_prev_1"]},
        "h_new_1": {"op": "activation_tanh", "input": ["a"]},
        "h_new_2": {"op": "activation_sigm", "input": ["a"]},
        "h_new_0": {"op": "elementwise_prod", "input": ["h_prev_2", "a"]},
    }
    text = json.dumps(cell)
    exchanged = text.replace("_1", "_9").replace("_2", "_1").replace("_9", "_2")
    assert SPACE.isomorphism_key(exchanged) == SPACE.isomorphism_key(text)
    output = text.replace("_1", "_9").replace("_0", "_1").replace("_9", "_0")
    assert SPACE.isomorphism_key(output) != SPACE.isomorphism_key(text)


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
    cell = json.loads(SPACE.format(row))
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
    canonical = SPACE.canonicalize(decisions)
    graphs = [graph_of(row) for row in decisions]
    groups = {}
    for row, graph in enumerate(graphs):
        labels = tuple(sorted(label for _, label in graph.nodes(data="label")))
        groups.setdefault(labels, []).append(row)
    n_equal = n_different = 0
    for rows in groups.values():
        for left, right in itertools.combinations(rows[:15], 2):
            equal = (canonical[left] == canonical[right]).all()
            assert isomorphic(graphs[left], graphs[right]) == equal
            n_equal, n_different = n_equal + equal, n_different + (not equal)
    assert n_equal > 200 < n_different


def test_cells_that_color_refinement_cannot_tell_apart():
    # Six leaves, each read by two of six sums: a hexagon or two triangles. Two linear operations
    # read three sums each: every other side of the hexagon, or three in a row.
    def cell(sides):
        recipe = {f"leaf{i}": node("linear", "x") for i in range(6)}
        for number, (left, right) in enumerate(sides):
            recipe[f"side{number}"] = node("elementwise_sum", f"leaf{left}", f"leaf{right}")
        for half in (0, 3):
            recipe[f"half{half}"] = node("linear", *(f"side{half + i}" for i in range(3)))
        return recipe | {"h_new_0": node("elementwise_sum", "half0", "half3")}

    triangles = cell([(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)])
    alternating = cell([(0, 1), (2, 3), (4, 5), (1, 2), (3, 4), (0, 5)])
    in_a_row = cell([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)])
    cells = SPACE.encode([triangles, alternating, in_a_row])
    canonical = SPACE.canonicalize(cells)
    assert len(np.unique(canonical, axis=0)) == 3
    for seed in range(20):
        np.testing.assert_array_equal(SPACE.canonicalize(SPACE.relabel(cells, seed)), canonical)


def test_relabelling_symmetric_cells():
    decisions = SPACE.encode(small_cells(1000, np.random.default_rng(1)))
    canonical = SPACE.canonicalize(decisions)
    other = SPACE.relabel(decisions, random_state=2)
    assert (other != decisions).any(axis=1).sum() > 500
    np.testing.assert_array_equal(SPACE.canonicalize(other), canonical)
    np.testing.assert_array_equal(SPACE.canonicalize(canonical), canonical)


def test_cells_with_many_like_parts_take_no_time():
    # A binary tree of sums over eleven equal leaves, and sixteen leaves in a row of three each.
    names = [f"leaf{i}" for i in range(11)]
    tree = {name: {"op": "linear", "input": ["x", "h_prev_0"]} for name in names}
    while len(names) > 1:
        name = f"sum{len(tree)}" if len(names) > 2 else "h_new_0"
        tree[name] = {"op": "elementwise_sum", "input": names[:2]}
        names = [*names[2:], name]
    leaves = {f"leaf{i}": {"op": "linear", "input": ["x"]} for i in range(14)}
    names = list(leaves)
    while len(names) > 1:
        name = f"sum{len(leaves)}" if len(names) > 3 else "h_new_0"
        leaves[name] = {"op": "linear", "input": names[:3]}
        names = [*names[3:], name]
    start = time.process_time()
    for cell in (tree, leaves):
        decisions = SPACE.encode([cell] * 5)
        others = SPACE.canonicalize(SPACE.relabel(decisions, random_state=0))
        assert len(np.unique(others, axis=0)) == 1
        np.testing.assert_array_equal(others, SPACE.canonicalize(decisions))
    # About 0.3 s; there are more than 10^5 ways to exchange the leaves.
    assert time.process_time() - start < 5


def run(row, inputs):
    """Run a cell over time, with the same weights in all linear operations."""
    cell = json.loads(SPACE.format(row))
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(2, 4, 4)) / 2, rng.normal(size=4)
    n_states = sum(name.startswith("h_new") for name in cell)
    states = [np.zeros(4)] * n_states
    outputs = []
    for x in inputs:
        values = {"x": x, **{f"h_prev_{i}": state for i, state in enumerate(states)}}
        for name, node in cell.items():
            read = [values[source] for source in node["input"]]
            values[name] = {
                "linear": lambda node=node, read=read: (
                    bias
                    + sum(
                        weights[int(n == "x")] @ v for n, v in zip(node["input"], read, strict=True)
                    )
                ),
                "blend": lambda read=read: read[0] * read[1] + (1 - read[0]) * read[2],
                "elementwise_prod": lambda read=read: read[0] * read[1],
                "elementwise_sum": lambda read=read: read[0] + read[1],
                "activation_tanh": lambda read=read: np.tanh(read[0]),
                "activation_sigm": lambda read=read: 1 / (1 + np.exp(-read[0])),
                "activation_leaky_relu": lambda read=read: np.where(
                    read[0] > 0, read[0], 0.01 * read[0]
                ),
            }[node["op"]]()
        states = [values[f"h_new_{i}"] for i in range(n_states)]
        outputs.append(states[0])
    return np.array(outputs)


def test_canonical_cells_compute_the_same_over_time():
    inputs = np.random.default_rng(1).normal(size=(5, 4))
    decisions = np.concatenate(
        [
            SPACE.sample_decisions(60, random_state=0),
            SPACE.encode([LSTM, GRU, *small_cells(60, np.random.default_rng(2))]),
        ]
    )
    # A change of one decision leaves dead nodes behind.
    decisions = np.concatenate(
        [decisions, SPACE.encode([SPACE.mutate(row, 2, random_state=0) for row in decisions[:60]])]
    )
    canonical = SPACE.canonicalize(decisions)
    with np.errstate(over="ignore"):
        for before, after in zip(decisions, canonical, strict=True):
            np.testing.assert_allclose(run(before, inputs), run(after, inputs), rtol=1e-6)


def test_canonical_forms_do_not_depend_on_the_company():
    decisions = SPACE.encode([RNN, GRU, LSTM, *small_cells(50, np.random.default_rng(3))])
    together = SPACE.canonicalize(decisions)
    alone = np.concatenate([SPACE.canonicalize(row[None]) for row in decisions])
    np.testing.assert_array_equal(together, alone)
    assert SPACE.canonicalize(decisions[:0]).shape == (0, 91)


def test_samples_are_cells_of_the_benchmarks_kind():
    decisions = SPACE.sample_decisions(2000, random_state=0)
    nodes = decisions[:, :88].reshape(-1, 22, 4)
    n_nodes, n_states = (nodes[:, :, 0] > 0).sum(axis=1), (decisions[:, 88:] > 0).sum(axis=1)
    assert set(n_states) == {1, 2, 3}
    assert (n_nodes <= 24 - 2 * n_states).all()
    # Every input and every node has an influence: nothing to remove.
    canonical = SPACE.canonicalize(decisions)
    np.testing.assert_array_equal((canonical[:, :88:4] > 0).sum(axis=1), n_nodes)
    np.testing.assert_array_equal((canonical[:, 88:] > 0).sum(axis=1), n_states)
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
    around = {SPACE.format(cell) for cell in SPACE.neighbors(RNN)}
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
    parent = SPACE.encode([LSTM])
    for n_mutations in (1, 2, 5):
        child = SPACE.mutate(LSTM, n_mutations, random_state=0)
        assert (SPACE.encode([child]) != parent).sum() == n_mutations
        assert child == SPACE.mutate(LSTM, n_mutations, random_state=0)
    for n_mutations in (0, 92):
        with pytest.raises(ValueError, match="between 1 and 91"):
            SPACE.mutate(LSTM, n_mutations)
    with pytest.raises(ValueError, match="no other decision can be changed alone"):
        SPACE.mutate(RNN, 50, random_state=0)


def changed(recipe, **nodes):
    return {name: node for name, node in {**recipe, **nodes}.items() if node is not None}


CHAIN = {f"n{i}": node("activation_tanh", f"n{i - 1}" if i else "h_prev_0") for i in range(22)}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (changed(RNN, f=node("conv", "x")), "node 'f': unknown operation 'conv'"),
        (changed(RNN, f=node("linear", "x", "x")), "reads the same input twice"),
        (changed(RNN, f=node("linear")), "linear has 1 to 3 input"),
        (changed(RNN, f=node("blend", "h_prev_0", "x")), "blend has 3 input.*got 2"),
        (changed(RNN, f=node("activation_tanh", "x")), "cannot read 'x'"),
        (changed(RNN, f=node("linear", "y")), "reads 'y', which is not there"),
        (changed(RNN, f=node("linear", "h_prev_1")), "the cell has no 'h_new_1'"),
        (changed(RNN, f=node("linear", "h_prev_7")), "'h_prev_7', which is not there"),
        (changed(RNN, f=node("linear", "h_new_0")), "cycle through some of the nodes 'f', 'h_new"),
        (changed(RNN, h_new_0=None), "one to three new states.*got none"),
        (changed(RNN, h_new_2=node("linear", "x")), "got 'h_new_0', 'h_new_2'"),
        (changed(RNN, h_new_01=node("linear", "x")), "got 'h_new_0', 'h_new_01'"),
        (changed(RNN, x=node("linear", "h_prev_0")), "a node is called 'x'"),
        (changed(RNN, f={"op": "linear"}), "has to have an 'op' and an 'input'"),
        (changed(RNN, f={"op": "linear", "input": "x"}), "has to be a list of names"),
        (changed(RNN, f={"op": ["linear"], "input": ["x"]}), r"unknown operation \['linear'\]"),
        (changed(RNN, f={"op": "linear", "input": [["x"]]}), "has to be a list of names"),
        (changed(RNN, f=3), "got 3"),
        ({**RNN, 1: node("linear", "x")}, "a node is called 1"),
        ({**CHAIN, "h_new_0": node("activation_tanh", "n21")}, "23 nodes.*1 state.* at most 22"),
        ({}, "expected a recipe"),
        ("[1, 2]", "expected a recipe"),
        (json.dumps(RNN)[:-1], "not a recipe in JSON"),
        ('{"f": 1, "f": 2}', "'f' stands twice"),
        ("[" * 100_000, "not a recipe in JSON"),
        ("9" * 5000, "not a recipe in JSON|expected a recipe"),
        ([0] * 91, "a new state 0"),
        ([0] * 90, "91 decisions"),
        ([0.5] * 91, "91 decisions"),
        (None, "of type NoneType"),
        (Architecture(["x", "linear"], [(0, 1)]), "one to three new states"),
        (Architecture(["x", "conv", "h_new_0"], [(0, 1), (1, 2)]), "node 1, 'conv' with 1 input"),
        (Architecture(["x", "x", "linear", "h_new_0"], [(0, 2), (1, 2), (2, 3)]), "stands twice"),
        (Architecture(["x", "h_new_0"], [(0, 1)]), "has to be a node of the cell"),
        (
            Architecture(["x", "linear", "h_new_0", "h_new_1"], [(0, 1), (1, 2), (1, 3)]),
            "is no other state",
        ),
        (
            Architecture(["h_prev_0", "blend", "h_new_0"], [(0, 1), (1, 2)]),
            "a blend reads its gate",
        ),
        (
            Architecture(["x", "blend_first", "linear", "h_new_0"], [(0, 1), (1, 2), (2, 3)]),
            "'linear' cannot read node 1, 'blend_first'",
        ),
        (
            Architecture(["x", "linear", "h_new_0", "blend_first"], [(0, 1), (1, 2), (1, 3)]),
            "belongs to one blend",
        ),
    ],
)
def test_what_is_not_a_cell_is_refused_and_named(wrong, message):
    with pytest.raises(ArchitectureError, match=message) as caught:
        SPACE.encode([RNN, wrong])
    assert str(caught.value).startswith("architecture ")


@pytest.mark.parametrize(
    ("nodes", "states", "message"),
    [
        ([(LINEAR, 1), (0,), (TANH, 5)], [1], "follows one that is not there"),
        ([(LINEAR, 1)], [0, 1], "a new state 0"),
        ([(LINEAR, 1), (TANH, 5)], [2, 2], "the same node as their new value"),
        ([(LINEAR, 1)], [2], "a node that is not there"),
        ([(TANH, 2)] * 19, [1, 2, 3], "at most 24 - 2k nodes"),
        ([(LINEAR, 0, 1)], [1], "follows an empty place"),
        ([(TANH,)], [1], "too few or too many"),
        ([(0, 1), (0,)], [1], "a node that is not there"),
        ([(LINEAR, 2, 2)], [1], "the same input twice"),
        ([(LINEAR, 2, 1)], [1], "ascending order"),
        ([(TANH, 1)], [1], "only linear can read x"),
        ([(LINEAR, 1, 3)], [1], "does not have"),
    ],
)
def test_a_matrix_of_decisions_is_checked(nodes, states, message):
    right, wrong = decisions_of([(LINEAR, 1, 2)], [1]), decisions_of(nodes, states)
    assert SPACE.is_valid([right, wrong]).tolist() == [True, False]
    with pytest.raises(ArchitectureError, match=message) as caught:
        SPACE.encode(np.array([right, wrong]))
    assert caught.value.index == 1


@settings(max_examples=30)
@given(seed=seeds)
def test_tokens_that_are_no_cell_are_refused(seed):
    rng = np.random.default_rng(seed)
    decisions = SPACE.encode([LSTM, GRU])
    for name, sequence in SPACE.sequences.items():
        tokens = SPACE.tokenize(decisions, name)
        wrong = tokens.copy()
        wrong[1, rng.integers(60)] = rng.integers(sequence.vocabulary_size)
        with contextlib.suppress(ArchitectureError):
            # If it is another cell, then exactly the one that the tokens describe.
            np.testing.assert_array_equal(
                SPACE.tokenize(SPACE.detokenize(wrong, name), name), wrong
            )
        noise = rng.integers(sequence.vocabulary_size, size=(1, sequence.length))
        with pytest.raises(ArchitectureError, match="not the sequence"):
            SPACE.detokenize(noise, name)
