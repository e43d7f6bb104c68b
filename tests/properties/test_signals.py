"""The whole network, against cells whose signals can be followed by hand."""

import numpy as np
import pytest

from emprox.properties._cells import LiveCells
from emprox.properties._propagation import blur_autocovariances, renewed_correlation
from emprox.properties._signals import signal_columns
from emprox.spaces import WIRE, CellGraphs, CellPosition, SignalOperation, Skeleton, get_space

SPACE = get_space("nasbench201")
SLOPE = 0.5 / (0.5 - 1 / (2 * np.pi))
CELLS = {
    "skip": "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
    "two convolutions": "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|",
    "residual": "|skip_connect~0|+|none~0|none~1|+|nor_conv_3x3~0|skip_connect~1|none~2|",
    "pooling": "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|",
    "nothing": "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|none~2|",
}
COPY, POOL = SignalOperation("copy", "copy"), SignalOperation("pool", "blur", kernel_size=3)
CONV = SignalOperation("conv", "renew", kernel_size=3)


def renew(correlation, n_layers=1):
    for _ in range(n_layers):
        correlation = float(renewed_correlation(np.array(correlation)))
    return correlation


@pytest.fixture(scope="module")
def columns():
    graphs = SPACE.cell_graphs(SPACE.encode(list(CELLS.values())))[0]
    found = signal_columns([LiveCells(graphs)], SPACE.signal_operations, SPACE.skeleton)
    return {name: dict(zip(CELLS, column, strict=True)) for name, column in found.items()}


def follow(cell):
    """Follow variance, correlation and derivatives through the network, without blurs."""
    variance, correlation, log_jacobian, after, jacobians = 1.0, 0.8, 0.0, [], []
    for stage in range(3):
        if stage:
            variance, correlation = 2.0, (correlation + renew(correlation, 2)) / 2
        for _ in range(5):
            if cell == "two convolutions":
                jacobians.append(SLOPE**2 / variance)
                variance, correlation = 1.0, renew(correlation, 2)
            elif cell == "residual":
                jacobians.append(1 + SLOPE / variance)
                covariance = variance * correlation + renew(correlation)
                variance += 1
                correlation = covariance / variance
            else:
                jacobians.append(1)
        after.append((variance, correlation))
    log_jacobian = np.log(jacobians).sum()
    return after, jacobians, log_jacobian


@pytest.mark.parametrize("cell", ["skip", "two convolutions", "residual"])
@pytest.mark.parametrize("whiteness", [0, 1])
def test_network_of_nasbench201_by_hand(columns, cell, whiteness):
    after, jacobians, log_jacobian = follow(cell)
    suffix = f" (whiteness {whiteness})"
    for stage, (variance, correlation) in enumerate(after, start=1):
        found = columns[f"stage {stage}: log variance{suffix}"][cell]
        assert found == pytest.approx(np.log(variance), abs=1e-12)
        assert columns[f"stage {stage}: correlation{suffix}"][cell] == pytest.approx(correlation)
    for where, place in ("first", 0), ("last", -1):
        found = columns[f"{where} cell: log jacobian{suffix}"][cell]
        assert found == pytest.approx(np.log(jacobians[place]), abs=1e-12)
    assert columns[f"last cell: correlation{suffix}"][cell] == pytest.approx(after[-1][1])
    assert columns[f"network: log jacobian{suffix}"][cell] == pytest.approx(log_jacobian)


def test_first_and_last_cell_of_nasbench201_by_hand(columns):
    # The first cell reads a variance of 1; the last one 2, and 1 more from each of four cells.
    assert columns["first cell: no layer by variance (whiteness 1)"]["residual"] == 1 / 2
    last = columns["last cell: no layer by variance (whiteness 1)"]["residual"]
    assert last == pytest.approx(6 / 7)
    last = columns["last cell: no layer by jacobian (whiteness 1)"]["residual"]
    assert last == pytest.approx(1 / (1 + SLOPE / 6))
    last = columns["last cell: log gradient of nor_conv_3x3 (whiteness 0)"]["residual"]
    assert last == pytest.approx(np.log(0.1 + 1 / 7))
    assert columns["last cell: log gradient (whiteness 0)"]["skip"] == pytest.approx(np.log(0.1))
    total = columns["last cell: log gradient (whiteness 0)"]["two convolutions"]
    assert total == pytest.approx(np.log(0.1 + 1 + SLOPE))


def test_pooling_fades_only_what_is_white(columns):
    for where in ("first cell", "stage 1", "last cell"):
        expected = np.log(2) if where == "last cell" else 0
        found = columns[f"{where}: log variance (whiteness 0)"]["pooling"]
        assert found == pytest.approx(expected)
    first = columns["first cell: log variance (whiteness 1)"]["pooling"]
    assert first == pytest.approx(-np.log(9))
    # A ninth of the variance in each cell, but what reaches the next one is at least 1e-4.
    assert 1e-4 > 9.0**-5
    assert columns["stage 1: log variance (whiteness 1)"]["pooling"] == pytest.approx(np.log(1e-4))
    last = columns["last cell: log variance (whiteness 1)"]["pooling"]
    assert last == pytest.approx(np.log(2 / 9**5))
    expected = renew(0.8, 2)
    stage = columns["stage 2: correlation (whiteness 1)"]["pooling"]
    assert stage == pytest.approx((0.8 + expected) / 2)


def test_no_signal_no_numbers(columns):
    assert all(np.isnan(column["nothing"]) for column in columns.values())
    assert all(np.isfinite(column[cell]) for column in columns.values() for cell in list(CELLS)[:4])


def test_without_blurs_there_is_one_setting():
    graphs = CellGraphs(((0, 1),), np.array([[0], [1]]))
    columns = signal_columns([LiveCells(graphs)], [COPY, CONV], Skeleton())
    assert not any("whiteness" in name for name in columns)
    # The only cell is the last.
    assert not any(name.startswith("first") for name in columns)
    np.testing.assert_allclose(columns["last cell: correlation"], [0.8, renew(0.8)])


@pytest.mark.parametrize("input", [0, 1])
def test_a_cell_with_two_inputs_reads_the_two_cells_before(input):
    one = CellGraphs(((0, 1),), np.array([[1]]), name="conv")
    edges = ((0, 2), (1, 2))
    two = CellGraphs(edges, np.array([[-1, -1]]), n_inputs=2, name="choice")
    two.operations[0, input] = WIRE
    positions = [CellPosition(0), CellPosition(0), CellPosition(1)]
    kinds = [LiveCells(one), LiveCells(two)]
    columns = signal_columns(kinds, [COPY, CONV], Skeleton(tuple(positions)))
    # Input 0 is the cell two places before, which has seen one convolution.
    expected = renew(0.8, 1 + input)
    assert columns["last choice cell: correlation"] == pytest.approx(expected)
    assert columns["first conv cell: correlation"] == pytest.approx(renew(0.8))
    assert columns["last conv cell: correlation"] == pytest.approx(renew(0.8, 2))


def test_two_inputs_are_independent_signals():
    graphs = CellGraphs(((0, 2), (1, 2)), np.array([[0, 0]]), n_inputs=2)
    columns = signal_columns([LiveCells(graphs)], [COPY], Skeleton())
    assert columns["last cell: log variance"] == pytest.approx(np.log(2))
    assert columns["last cell: log jacobian"] == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("entry", "variance", "correlation"),
    [("copy", 1, 0.8), ("renew", 1, renew(0.8)), ("residual", 2, (0.8 + renew(0.8, 2)) / 2)],
)
def test_what_stands_before_a_cell(entry, variance, correlation):
    graphs = CellGraphs(((0, 1),), np.array([[0]]))
    skeleton = Skeleton((CellPosition(entry=entry),))
    columns = signal_columns([LiveCells(graphs)], [COPY], skeleton)
    assert columns["last cell: log variance"] == pytest.approx(np.log(variance))
    assert columns["last cell: correlation"] == pytest.approx(correlation)


def test_where_a_cell_is_strided_copies_of_its_input_compute():
    # A copy of the input; a copy further in; pooling; and a wire, which is nothing to compute.
    rows = [[0, WIRE], [WIRE, 0], [2, WIRE], [WIRE, WIRE], [1, 0]]
    graphs = CellGraphs(((0, 1), (1, 2)), np.array(rows))
    operations = [COPY, CONV, POOL]
    strided = Skeleton((CellPosition(strided=True),))
    columns = signal_columns([LiveCells(graphs)], operations, strided)
    found = columns["last cell: correlation (whiteness 0)"]
    once = renew(0.8)
    np.testing.assert_allclose(found, [once, 0.8, 0.8, 0.8, once])
    np.testing.assert_allclose(
        columns["last cell: layers by variance (whiteness 0)"], [1, 0, 0, 0, 1]
    )
    plain = signal_columns([LiveCells(graphs)], operations, Skeleton())
    np.testing.assert_allclose(
        plain["last cell: correlation (whiteness 0)"], [0.8, 0.8, 0.8, 0.8, once]
    )


def test_the_same_cell_strided_and_not():
    graphs = CellGraphs(((0, 1),), np.array([[0]]))
    skeleton = Skeleton((CellPosition(), CellPosition(strided=True), CellPosition()))
    columns = signal_columns([LiveCells(graphs)], [COPY, CONV], skeleton)
    assert columns["first cell: correlation"] == pytest.approx(0.8)
    assert columns["last cell: correlation"] == pytest.approx(renew(0.8))
    assert columns["network: log jacobian"] == pytest.approx(np.log(SLOPE))


def test_stages_end_where_the_width_changes():
    graphs = CellGraphs(((0, 1),), np.array([[1]]))
    skeleton = Skeleton.of_stages((8, 16), (4, 2), n_cells=2, entry="renew")
    columns = signal_columns([LiveCells(graphs)], [COPY, CONV], skeleton)
    assert columns["stage 1: correlation"] == pytest.approx(renew(0.8, 2))
    assert columns["stage 2: correlation"] == pytest.approx(renew(0.8, 5))
    assert "stage 3: correlation" not in columns


def test_whiteness_one_is_white_noise():
    graphs = CellGraphs(((0, 1), (1, 2)), np.array([[2, 2]]))
    columns = signal_columns([LiveCells(graphs)], [COPY, CONV, POOL], Skeleton())
    expected = np.log(blur_autocovariances(4)[4])
    assert columns["last cell: log variance (whiteness 1)"] == pytest.approx(expected)
