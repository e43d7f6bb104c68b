import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.properties._cells import LiveCells
from emprox.spaces import ABSENT, WIRE, CellGraphs, live_edges

seeds = st.integers(0, 2**32 - 1)

# Inputs 0 and 1, inner nodes 2 to 4, output 5.
EDGES = ((0, 2), (1, 3), (2, 3), (2, 4), (2, 5), (3, 5), (4, 5))


def test_dead_edges_by_hand():
    graphs = CellGraphs(
        EDGES,
        np.array(
            [
                [0, 0, 0, 0, 0, 0, 0],
                # Node 4 leads nowhere.
                [0, 0, 0, 0, 0, 0, ABSENT],
                # Node 2 has no input, so that 3 is reached from input 1 alone, and 4 not at all.
                [ABSENT, 0, 0, 0, 0, 0, 0],
                # Neither 2 nor 4 leads to the output.
                [0, WIRE, ABSENT, WIRE, ABSENT, 1, ABSENT],
                [0, 0, 0, ABSENT, ABSENT, ABSENT, 0],
            ]
        ),
        n_inputs=2,
    )
    live = ["1111111", "1110110", "0100010", "0100010", "0000000"]
    assert ["".join(map(str, row)) for row in live_edges(graphs).T.astype(int)] == live
    cells = LiveCells(graphs)
    np.testing.assert_array_equal(
        cells.operations[:, 3], [ABSENT, WIRE, ABSENT, ABSENT, ABSENT, 1, ABSENT]
    )
    assert cells.connected.tolist() == [True, True, True, True, False]
    assert cells.into == {2: [0], 3: [1, 2], 4: [3], 5: [4, 5, 6]}
    # The graphs that were given are left as they were.
    assert (graphs.operations[4] == 0).sum() == 4


def test_numbers_are_looked_up_by_operation():
    graphs = CellGraphs(((0, 1), (1, 2)), np.array([[0, WIRE], [1, 0], [ABSENT, 1]]))
    np.testing.assert_array_equal(
        LiveCells(graphs).lookup([5, 7], wire=2, absent=-1), [[5, 7, -1], [2, 5, -1]]
    )


@settings(max_examples=30)
@given(seed=seeds)
def test_against_the_list_of_all_paths(random_cells, all_paths, seed):
    graphs, operations = random_cells(seed)
    cells = LiveCells(graphs)
    gains = np.random.default_rng(seed).normal(size=(2, len(operations)))
    sums = cells.sum_over_paths(np.stack([cells.lookup(row, wire=1) for row in gains], axis=1))
    first, last = cells.at_input(), cells.at_output()
    for cell, names in enumerate(graphs.operations):
        paths = all_paths(graphs, cell)
        live = {edge for path in paths for edge in path}
        assert set(np.flatnonzero(cells.operations[:, cell] != ABSENT)) == live
        assert cells.connected[cell] == bool(paths)
        near_input, near_output = set(), set()
        for path in paths:
            is_wire = [names[edge] == WIRE for edge in path]
            near_input |= {path[i] for i in range(len(path)) if all(is_wire[:i])}
            near_output |= {path[i] for i in range(len(path)) if all(is_wire[i + 1 :])}
        assert {edge for edge in live if first[edge, cell]} == near_input
        assert {edge for edge in live if last[edge, cell]} == near_output
        for row, gain in enumerate(gains):
            products = [np.prod([gain[names[e]] for e in p if names[e] != WIRE]) for p in paths]
            np.testing.assert_allclose(sums[row, cell], sum(products), atol=1e-12)
