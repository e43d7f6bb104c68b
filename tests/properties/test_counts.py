import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.properties._cells import LiveCells
from emprox.properties._counts import operation_counts, successions, weights_and_work
from emprox.spaces import (
    ABSENT,
    WIRE,
    CellGraphs,
    CellPosition,
    SignalOperation,
    Skeleton,
    get_space,
)

seeds = st.integers(0, 2**32 - 1)
NASBENCH201 = get_space("nasbench201")
# Each with an edge that leads nowhere: pooling 0->2 in the first, a convolution 1->2 in the second.
CELLS = [
    "|nor_conv_3x3~0|+|avg_pool_3x3~0|none~1|+|nor_conv_1x1~0|skip_connect~1|none~2|",
    "|none~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|",
    "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|none~2|",
]


@pytest.fixture(scope="module")
def cells():
    # As they are, with the skip connections that the canonical form contracts.
    return LiveCells(NASBENCH201._to_graphs(NASBENCH201.encode(CELLS)))


def test_counts_by_hand(cells):
    columns = operation_counts(cells, NASBENCH201.signal_operations)
    expected = {
        "number of skip_connect": [1, 0, 0, 0],
        "number of nor_conv_3x3": [1, 0, 3, 0],
        "number of nor_conv_1x1": [1, 0, 0, 0],
        "number of avg_pool_3x3": [0, 1, 0, 0],
        "number of none": [0, 0, 0, 0],
        "has nor_conv_3x3": [1, 0, 1, 0],
        "nor_conv_3x3 after the input": [1, 0, 1, 0],
        "nor_conv_3x3 before the output": [0, 0, 1, 0],
        "nor_conv_1x1 after the input": [1, 0, 0, 0],
        "nor_conv_1x1 before the output": [1, 0, 0, 0],
        # A skip connection is an operation, and what it leads to is not next to the input.
        "skip_connect after the input": [0, 0, 0, 0],
        "skip_connect before the output": [1, 0, 0, 0],
    }
    for name, numbers in expected.items():
        assert columns[name].tolist() == numbers, name


def test_weights_and_work_of_nasbench201_by_hand(cells):
    columns = weights_and_work(cells, NASBENCH201.signal_operations, NASBENCH201.skeleton, kind=0)
    # Five cells each of 16, 32 and 64 channels at 32 x 32, 16 x 16 and 8 x 8. A convolution of C
    # channels to C has C^2 weights for each tap, and its batch normalisation two for each channel.
    # The first cell has 10 C^2 + 4 C: 2,624, 10,368 and 41,216. The third has 27 C^2 + 6 C.
    weights = [
        5 * (2_624 + 10_368 + 41_216),
        0,
        5 * ((27 * 256 + 96) + (27 * 1_024 + 192) + (27 * 4_096 + 384)),
        0,
    ]
    work = [
        5 * (2_624 * 1_024 + 10_368 * 256 + 41_216 * 64),
        0,
        5 * ((27 * 256 + 96) * 1_024 + (27 * 1_024 + 192) * 256 + (27 * 4_096 + 384) * 64),
        0,
    ]
    np.testing.assert_allclose(columns["log weights"], np.log1p(weights), rtol=1e-12)
    np.testing.assert_allclose(columns["log multiply-adds"], np.log1p(work), rtol=1e-12)
    np.testing.assert_allclose(columns["log mixing"], np.log1p([10, 0, 27, 0]), rtol=1e-12)


def test_weights_where_edges_differ_in_width_and_resolution():
    operations = SignalOperation("conv", "renew", mixing=9, depthwise=2), SignalOperation("skip")
    graphs = CellGraphs(
        ((0, 1), (1, 2)),
        np.array([[0, 0], [0, 1], [WIRE, 0]]),
        widths=np.array([[1.0, 0.5], [2.0, 3.0], [1.0, 1.0]]),
        resolutions=np.array([[1.0, 0.5], [0.5, 0.25], [1.0, 1.0]]),
    )
    # The position of the other kind does not count.
    skeleton = Skeleton((CellPosition(0, 4, 8), CellPosition(1, 32, 32), CellPosition(0, 8, 4)))
    columns = weights_and_work(LiveCells(graphs), operations, skeleton, kind=0)

    def conv(width):
        return 9 * width**2 + 2 * width

    weights = [conv(4) + conv(2) + conv(8) + conv(4), conv(8) + conv(16), conv(4) + conv(8)]
    work = [
        conv(4) * 64 + conv(2) * 16 + conv(8) * 16 + conv(4) * 4,
        conv(8) * 16 + conv(16) * 4,
        conv(4) * 64 + conv(8) * 16,
    ]
    np.testing.assert_allclose(np.expm1(columns["log weights"]), weights, rtol=1e-12)
    np.testing.assert_allclose(np.expm1(columns["log multiply-adds"]), work, rtol=1e-12)
    np.testing.assert_allclose(np.expm1(columns["log mixing"]), [18, 9, 9], rtol=1e-12)


def test_no_columns_where_nothing_has_weights():
    graphs = CellGraphs(((0, 1),), np.array([[0]]))
    columns = weights_and_work(LiveCells(graphs), [SignalOperation("a", "copy")], Skeleton(), 0)
    assert columns == {}


def test_successions_by_hand():
    # a and b meet in node 2, from where c and, over a wire and node 3, d read both.
    graphs = CellGraphs(
        ((0, 2), (1, 2), (2, 3), (2, 4), (3, 4)),
        np.array([[0, 1, WIRE, 2, 3], [0, 1, ABSENT, 2, 3], [WIRE, WIRE, 0, 1, 0]]),
        n_inputs=2,
    )
    columns = successions(LiveCells(graphs), [SignalOperation(name) for name in "abcd"])
    assert len(columns) == 16
    expected = {
        "c after a": [1, 1, 0],
        "c after b": [1, 1, 0],
        "d after a": [1, 0, 0],
        "d after b": [1, 0, 0],
        "d after c": [0, 0, 0],
        "a after a": [0, 0, 1],
        "b after a": [0, 0, 0],
    }
    for name, numbers in expected.items():
        assert columns[name].tolist() == numbers, name


@settings(max_examples=20)
@given(seed=seeds)
def test_against_the_list_of_all_paths(random_cells, all_paths, seed):
    graphs, operations = random_cells(seed)
    cells = LiveCells(graphs)
    counts, following = operation_counts(cells, operations), successions(cells, operations)
    names = [operation.name for operation in operations]
    for cell, row in enumerate(graphs.operations):
        paths = all_paths(graphs, cell)
        live = {edge for path in paths for edge in path}
        # Parts of paths from one operation to the next, over wires alone.
        parts = {
            tuple(path[i : j + 1])
            for path in paths
            for i in range(len(path))
            for j in range(i + 1, len(path))
            if row[path[i]] != WIRE and row[path[j]] != WIRE
            if all(row[edge] == WIRE for edge in path[i + 1 : j])
        }
        for number, name in enumerate(names):
            assert counts[f"number of {name}"][cell] == sum(row[edge] == number for edge in live)
            for other, second in enumerate(names):
                n_parts = sum((row[p[0]], row[p[-1]]) == (number, other) for p in parts)
                assert following[f"{second} after {name}"][cell] == n_parts
