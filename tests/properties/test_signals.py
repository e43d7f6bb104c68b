"""Signals, against networks that are run, ways listed one by one, and numbers by hand."""

from collections import Counter

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.ndimage import uniform_filter
from scipy.signal import convolve2d
from scipy.stats import norm

from emprox.graphs import WIRE, Graphs
from emprox.properties import StructuralProperties
from emprox.spaces import CellPosition, SignalOperation, Skeleton

CORRELATION = 0.8
# Of a simulated signal.
N_CHANNELS, SIZE = 96, 16
# A rectified standard normal variable has the mean 1 / sqrt(2 pi) and the mean square 1/2, and is
# not constant half of the time.
SLOPE = 0.5 / (0.5 - 1 / (2 * np.pi))
COPY, POOL = SignalOperation("copy", "copy"), SignalOperation("pool", "blur", kernel_size=3)
CONV = SignalOperation("conv", "renew", kernel_size=3)


def renew(correlation, n_layers=1):
    """Find the correlation of two signals that are rectified, by an integral."""
    for _ in range(n_layers):
        spread = np.sqrt(1 - correlation**2)

        def integrand(x, correlation=correlation, spread=spread):
            # Given x, the other signal is normal around c x, and its rectified mean is known.
            mean = correlation * x
            return (
                x
                * norm.pdf(x)
                * (mean * norm.cdf(mean / spread) + spread * norm.pdf(mean / spread))
            )

        product, mean = quad(integrand, 0, np.inf)[0], 1 / np.sqrt(2 * np.pi)
        correlation = (product - mean**2) / (0.5 - mean**2)
    return correlation


def chains(*words):
    """Graphs of operations one after the other; -2 is a wire."""
    length = max(map(len, words))
    rows = [[WIRE, *word, *[WIRE] * (length - len(word) + 1)] for word in words]
    edges = [(node, node + 1) for node in range(length + 1)]
    return Graphs(np.array(rows), edges, ["a", "b", "c"])


def renewed(signal, n_layers, rng):
    """Rectify signals, mix them by random weights, and normalise them channel by channel.

    The places are then put into another order, which makes signals white again.
    """
    for _ in range(n_layers):
        signal = np.maximum(signal, 0)
        signal = signal - signal[:2].mean(axis=(0, 2, 3))[:, None, None]
        weights = rng.normal(size=(N_CHANNELS, signal.shape[1]))
        signal = np.tensordot(weights, signal, (1, 1)).swapaxes(0, 1)
        signal /= signal[:2].std(axis=(0, 2, 3))[:, None, None]
        order = rng.permutation(SIZE**2)
        signal = signal.reshape(3, N_CHANNELS, -1)[:, :, order].reshape(signal.shape)
    return signal


def simulate(graphs, operations, row, sources, rng, strided):
    """Run one cell as a wide random network; return the three numbers of its output.

    They are the variance, the correlation of the outputs for two inputs, and the mean squared
    change over a small random change of the input. Inputs are white noise on a torus.
    """
    nodes, near, step = {}, set(range(graphs.n_inputs)), 1e-3
    for node, read in sources.items():
        if node < graphs.n_inputs:
            signal, other, change = rng.normal(size=(3, N_CHANNELS, SIZE, SIZE))
            other = CORRELATION * signal + np.sqrt(1 - CORRELATION**2) * other
            nodes[node] = np.stack([signal, other, signal + step * change])
            continue
        join = np.hstack if node in graphs.concatenates else sum
        arriving, at_input = join([nodes[source] for source in read]), bool(near & {*read})
        choice = graphs.operations[row, node]
        operation = COPY if choice == WIRE else operations[choice]
        copies = operation.effect == "copy" or operation.residual
        if choice == WIRE:
            near |= {node} if at_input else set()
        elif copies and strided and at_input:
            nodes[node] = renewed(arriving, operation.n_layers, rng)
            continue
        nodes[node] = copies * arriving
        if operation.effect == "blur":
            nodes[node] = uniform_filter(arriving, (1, 1, 3, 3), mode="wrap")
        if operation.effect == "renew":
            nodes[node] = nodes[node] + renewed(arriving, operation.n_layers, rng)
    first, second, changed = nodes[graphs.n_nodes - 1]
    variance = (first**2 + second**2).mean() / 2
    return variance, (first * second).mean() / variance, ((changed - first) ** 2).mean() / step**2


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("concatenate", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_cells_against_a_simulation(cells, seed, concatenate, strided):
    graphs = cells.draw(seed, 6, concatenate=concatenate, n_inputs=1 + seed % 2)
    skeleton = Skeleton((CellPosition(strided=strided),))
    columns = cells.describe(graphs, skeleton=skeleton, groups=["signals"])
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(graphs.connected)
    assert len(rows) > 2
    for row in rows:
        sources = cells.sources(graphs, row)
        expected = simulate(graphs, cells.operations, row, sources, rng, strided)
        names = ("log variance", "correlation", "log jacobian")
        found = [columns[f"last cell: {name} (whiteness 1)"][row] for name in names]
        assert np.exp(found[0]) == pytest.approx(expected[0], rel=0.05)
        assert found[1] == pytest.approx(expected[1], abs=0.03)
        assert np.exp(found[2]) == pytest.approx(expected[2], rel=0.1)


def follow(graphs, operations, row, sources):
    """Follow signals through a cell in which no signal meets a copy of itself.

    Returns for each node the variance and the Jacobian of what arrives there, and the ways that it
    took, with their shares of either; None if some signal meets a copy.
    """
    arriving = dict.fromkeys(range(graphs.n_inputs), (1.0, 1.0, [((), 1.0, 1.0)]))
    n_copies = np.eye(graphs.n_nodes, dtype=int)
    for node, read in list(sources.items())[graphs.n_inputs :]:
        ways = []
        for source in read:
            variance, jacobian, before = arriving[source]
            choice = graphs.operations[row, source]
            operation = COPY if choice == WIRE else operations[choice]
            # What becomes of the signal, with its new variance and Jacobian.
            parts = []
            if operation.effect != "renew" or operation.residual:
                parts.append((operation.effect, variance, jacobian))
                n_copies[:, node] += n_copies[:, source]
            if operation.effect == "renew":
                parts.append((operation, 1.0, SLOPE**operation.n_layers / variance * jacobian))
                n_copies[source, node] += not operation.residual
            ways += [
                ((*way, part), new_variance * share, new_jacobian * other)
                for part, new_variance, new_jacobian in parts
                for way, share, other in before
            ]
        totals = [sum(way[place] for way in ways) for place in (1, 2)]
        shares = [(way, share / totals[0], other / totals[1]) for way, share, other in ways]
        n_joined = len(read) if node in graphs.concatenates else 1
        arriving[node] = totals[0] / n_joined, totals[1] / n_joined, shares
    return arriving if (n_copies <= 1).all() else None


def statistics(ways):
    """Describe ways, each with its share."""
    expected = Counter()
    for way, share in ways:
        effects = [part for part in way if part == "blur" or isinstance(part, SignalOperation)]
        renewed = [part for part in effects if part != "blur"]
        wide = [operation for operation in renewed if operation.kernel_size > 1]
        n_layers = sum(operation.n_layers for operation in renewed)
        numbers = Counter(operation.name for operation in renewed)
        numbers |= {
            "layers": n_layers,
            "blurs": effects.count("blur"),
            "no layer": n_layers == 0,
            "several layers": n_layers > 1,
            "wide layer": bool(wide),
            "several wide layers": sum(operation.n_layers for operation in wide) > 1,
            "no blur": "blur" not in effects,
            "empty path": not effects,
            "wide layer last": bool(wide) and effects[-1] is wide[-1],
            "blur last": effects[-1:] == ["blur"],
            "entropy": -np.log(share),
        }
        for name, number in numbers.items():
            expected[name] += share * number
    return expected


def gradients(graphs, operations, row, sources, arriving):
    """Send a gradient back from the output; return what each operation receives."""
    at_node, received = Counter({graphs.n_nodes - 1: 1.0}), Counter()
    for node, read in reversed(sources.items()):
        choice = graphs.operations[row, node]
        operation = COPY if choice == WIRE else operations[choice]
        received[operation.name] += at_node[node]
        through = float(operation.effect != "renew" or operation.residual)
        if operation.effect == "renew":
            through += SLOPE**operation.n_layers / arriving[node][0]
        for source in read:
            n_joined = len(read) if node in graphs.concatenates else 1
            at_node[source] += at_node[node] * through / n_joined
    return received


@pytest.mark.parametrize("concatenate", [False, True])
def test_random_cells_against_the_list_of_all_ways(cells, concatenate):
    n_checked, renewing = 0, [o.name for o in cells.operations if o.effect == "renew"]
    for seed in range(60):
        graphs = cells.draw(seed, concatenate=concatenate)
        rows, expected = [], []
        for row in np.flatnonzero(graphs.connected):
            given = graphs, cells.operations, row, cells.sources(graphs, row)
            if (arriving := follow(*given)) is None:
                continue
            variance, jacobian, ways = arriving[graphs.n_nodes - 1]
            one = {"log variance": np.log(variance), "log jacobian": np.log(jacobian)}
            for place, by in ((1, "variance"), (2, "jacobian")):
                found = statistics([(way[0], way[place]) for way in ways])
                one |= {f"{name} by {by}": number for name, number in found.items()}
            received = gradients(*given, arriving)
            for name in renewing:
                one[f"log gradient of {name}"] = np.log(0.1 + received[name] / variance)
            rows.append(row)
            expected.append(one)
        if len(rows) < 2:
            continue
        columns = cells.describe(graphs, groups=["signals"])
        for name in {name for row in expected for name in row}:
            column = columns.get(f"last cell: {name} (whiteness 0)")
            if column is not None:
                numbers = [row.get(name, 0) for row in expected]
                np.testing.assert_allclose(column[rows], numbers, atol=1e-9, err_msg=name)
                n_checked += 1
    assert n_checked > 300


def test_blurred_noise_against_boxes_convolved(cells):
    box, boxes, expected = np.full((3, 3), 1 / 9), np.ones((1, 1)), []
    for _ in range(7):
        expected.append(np.log(boxes[len(boxes) // 2, len(boxes) // 2]))
        boxes = convolve2d(boxes, box)
    columns = cells.describe(chains((), (1,), (1, 1), (1,) * 3, (1,) * 4, (1,) * 5), [CONV, POOL])
    # Beyond the third nothing is told apart.
    expected = [expected[n] for n in (0, 2, 4, 6, 6, 6)]
    cells.check(columns, {"last cell: log variance (whiteness 1)": expected})
    assert columns["last cell: blurs by variance (whiteness 1)"].tolist() == [0, 1, 2, 3, 3, 3]


def cell(*operations):
    """Write a cell of NAS-Bench-201: the operations of 0-1, 0-2, 1-2, 0-3, 1-3 and 2-3."""
    names = {"c": "nor_conv_3x3", "n": "nor_conv_1x1", "s": "skip_connect", "p": "avg_pool_3x3"}
    first, second, third, fourth, fifth, sixth = (names.get(name, "none") for name in operations)
    return f"|{first}~0|+|{second}~0|{third}~1|+|{fourth}~0|{fifth}~1|{sixth}~2|"


def test_copies_add_up_as_amplitudes_and_new_signals_as_variances(cells):
    # Twice a skip, a convolution, pooling; pooling twice and once; one convolution on two ways.
    texts = [cell(*ways) for ways in ("s--ss-", "n--ns-", "p--ps-", "p--pp-", "c-s-ss")]
    properties = StructuralProperties("nasbench201", groups=["signals"])
    columns = dict(
        zip(
            properties.fit(texts).get_feature_names_out(),
            properties.transform(texts).T,
            strict=True,
        )
    )
    pooled = 1 / 9 + 2 * (7 / 27) ** 2 + (19 / 81) ** 2
    cells.check(
        columns,
        {
            "first cell: log variance (whiteness 1)": np.log([4, 2, 4 / 9, pooled, 4]),
            "first cell: log variance (whiteness 0)": np.log([4, 2, 4, 4, 4]),
        },
    )


def follow_network(kind):
    """Follow a cell without blurs through the 15 cells of NAS-Bench-201."""
    variance, correlation, after, jacobians = 1.0, CORRELATION, [], []
    for stage in range(3):
        if stage:
            variance, correlation = 2.0, (correlation + renew(correlation, 2)) / 2
        for _ in range(5):
            jacobians.append(1.0)
            if kind == "two convolutions":
                jacobians[-1] = SLOPE**2 / variance
                variance, correlation = 1.0, renew(correlation, 2)
            elif kind == "residual":
                jacobians[-1] = 1 + SLOPE / variance
                covariance = variance * correlation + renew(correlation)
                variance += 1
                correlation = covariance / variance
        after.append((variance, correlation))
    return after, np.log(jacobians)


def test_network_of_nasbench201_by_hand(cells):
    kinds = {"skip": "---s--", "two convolutions": "c-n--s", "residual": "s--cs-"}
    texts = [cell(*ways) for ways in (*kinds.values(), "---p--", "cc----")]
    properties = StructuralProperties("nasbench201", groups=["signals"]).fit(texts)
    rows = properties.transform(texts)
    # No signal, no numbers.
    assert not rows[4].any()
    columns = dict(zip(properties.get_feature_names_out(), rows.T, strict=True))
    expected = {}
    for whiteness in (0, 1):
        for kind in kinds:
            after, log_jacobians = follow_network(kind)
            one = {"network: log jacobian": log_jacobians.sum()}
            for stage, (variance, correlation) in enumerate(after, start=1):
                one[f"stage {stage}: log variance"] = np.log(variance)
                one[f"stage {stage}: correlation"] = correlation
            one["first cell: log jacobian"], one["last cell: log jacobian"] = log_jacobians[[0, -1]]
            for name, number in one.items():
                expected.setdefault(f"{name} (whiteness {whiteness})", []).append(number)
    assert expected.keys() <= columns.keys()
    cells.check(columns, expected, slice(3))
    # The first cell reads a variance of 1; the last one 2, and 1 more from each of four cells.
    residual = {
        "first cell: no layer by variance (whiteness 1)": 1 / 2,
        "last cell: no layer by variance (whiteness 1)": 6 / 7,
        "last cell: no layer by jacobian (whiteness 1)": 1 / (1 + SLOPE / 6),
        "last cell: log gradient of nor_conv_3x3 (whiteness 0)": np.log(0.1 + 1 / 7),
    }
    pooling = {
        "stage 1: log variance (whiteness 0)": 0,
        "first cell: log variance (whiteness 1)": -np.log(9),
        # A ninth of the variance in each cell, but what reaches the next one is at least 1e-4.
        "stage 1: log variance (whiteness 1)": np.log(1e-4),
        "last cell: log variance (whiteness 1)": np.log(2 / 9**5),
        "stage 2: correlation (whiteness 1)": (CORRELATION + renew(CORRELATION, 2)) / 2,
    }
    for row, numbers in ((2, residual), (3, pooling)):
        for name, number in numbers.items():
            assert columns[name][row] == pytest.approx(number), name


def test_a_cell_with_two_inputs_reads_the_two_cells_before(cells):
    one = Graphs(np.array([[WIRE, 1, WIRE]] * 3), [(0, 1), (1, 2)], ["a", "b"], kind="conv")
    present = np.array([[True, False], [False, True], [True, True]])
    edges, nodes = [(0, 2), (1, 2)], np.array([[WIRE] * 3] * 3)
    two = Graphs(edges=edges, operations=nodes, names="ab", present=present, n_inputs=2, kind="two")
    skeleton = Skeleton(tuple(CellPosition(kind) for kind in (0, 0, 1)))
    columns = cells.describe([one, two], [COPY, CONV], skeleton, groups=["signals"])
    # Input 0 is the cell two places before, which has seen one convolution. They are independent.
    once, twice = renew(CORRELATION), renew(CORRELATION, 2)
    cells.check(
        columns,
        {
            "last two cell: correlation": [once, twice, (once + twice) / 2],
            "last two cell: log variance": np.log([1, 1, 2]),
        },
    )
    # Without blurs there is one setting.
    assert not any("whiteness" in name for name in columns)


@pytest.mark.parametrize(
    ("entry", "variance", "correlation"),
    [
        ("copy", 1, CORRELATION),
        ("renew", 1, renew(CORRELATION)),
        ("residual", 2, (CORRELATION + renew(CORRELATION, 2)) / 2),
    ],
)
def test_what_stands_before_a_cell(cells, entry, variance, correlation):
    skeleton = Skeleton((CellPosition(entry=entry),))
    columns = cells.describe(chains((0,), (1,)), [COPY, CONV], skeleton)
    expected = [correlation, renew(correlation)]
    np.testing.assert_allclose(columns["last cell: correlation"], expected)
    np.testing.assert_allclose(columns.get("last cell: log variance", 0), np.log([variance, 1]))


def test_where_a_cell_is_strided_copies_of_its_input_compute(cells):
    # A copy of the input, also over a wire; one further in; pooling; and a wire, which is nothing.
    graphs = chains((0, WIRE), (WIRE, 0), (2, 0), (WIRE, WIRE), (1, 0))
    once, operations = renew(CORRELATION), [COPY, CONV, POOL]
    name = "last cell: correlation (whiteness 0)"
    strided = cells.describe(graphs, operations, Skeleton((CellPosition(strided=True),)))
    np.testing.assert_allclose(strided[name], [once, once, 0.8, 0.8, once])
    np.testing.assert_allclose(
        strided["last cell: layers by variance (whiteness 0)"], [1, 1, 0, 0, 1]
    )
    np.testing.assert_allclose(cells.describe(graphs, operations)[name], [0.8, 0.8, 0.8, 0.8, once])
    # The same cell at a place that is strided, between others.
    between = cells.describe(
        graphs, operations, Skeleton(tuple(CellPosition(strided=place == 1) for place in range(3)))
    )
    np.testing.assert_allclose(between[name][[0, 3]], [once, 0.8])
