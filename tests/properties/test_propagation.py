"""Propagation, against a random network that is run and against paths listed one by one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.signal import convolve2d
from scipy.stats import norm

from emprox.properties._cells import LiveCells
from emprox.properties._propagation import (
    MAX_BLURS,
    Wiring,
    blur_autocovariances,
    gradients,
    path_statistics,
    propagate,
    renewed_correlation,
)
from emprox.spaces import ABSENT, WIRE, CellGraphs, SignalOperation, get_space

seeds = st.integers(0, 2**32 - 1)
SPACE = get_space("nasbench201")
CORRELATION = 0.8
WHITE = blur_autocovariances(2 * MAX_BLURS)[None]
EVEN = np.ones_like(WHITE)
# A rectified standard normal variable has the mean 1 / sqrt(2 pi) and the mean square 1/2, and is
# not constant half of the time.
SLOPE = 0.5 / (0.5 - 1 / (2 * np.pi))


def run(cells, covariances=WHITE, strided=False, variance=1.0, correlation=CORRELATION):
    graphs, operations = cells
    wiring = Wiring(LiveCells(graphs), operations, covariances, strided)
    shape = graphs.n_inputs, len(covariances) * len(graphs.operations)
    return wiring, propagate(wiring, np.full(shape, variance), np.full(shape, correlation))


def read(*texts):
    return SPACE.cell_graphs(SPACE.encode(list(texts)))[0], SPACE.signal_operations


def chain(*names):
    """A cell of NAS-Bench-201 with operations on the edges 0->1, 1->2, 2->3."""
    first, second, third = (*names, *("skip_connect",) * (3 - len(names)))
    return f"|{first}~0|+|none~0|{second}~1|+|none~0|none~1|{third}~2|"


@pytest.mark.parametrize("correlation", [-1, -0.5, 0, 0.3, 0.9, 1])
def test_renewed_correlation_against_an_integral(correlation):
    # Given x, the other signal is normal around c x, and its rectified mean is known.
    spread = np.sqrt(1 - correlation**2)

    def integrand(x):
        mean = correlation * x
        ratio = mean / spread if spread else np.inf * np.sign(mean)
        tail = spread * norm.pdf(ratio) if spread else 0
        return x * norm.pdf(x) * (mean * norm.cdf(ratio) + tail)

    product = quad(integrand, 0, np.inf)[0]
    square, mean = quad(lambda x: x**2 * norm.pdf(x), 0, np.inf)[0], 1 / np.sqrt(2 * np.pi)
    expected = (product - mean**2) / (square - mean**2)
    assert renewed_correlation(np.array(correlation)) == pytest.approx(expected, abs=1e-8)


def test_renewed_correlation_by_hand():
    correlations = np.array([0.0, 1.0, -1.0, 1 + 1e-9])
    expected = [0, 1, -1 / (np.pi - 1), 1]
    np.testing.assert_allclose(renewed_correlation(correlations), expected, atol=1e-12)
    grid = renewed_correlation(np.linspace(-1, 1, 101))
    assert (np.diff(grid) > 0).all()
    assert (grid[51:-1] < np.linspace(-1, 1, 101)[51:-1]).all()


def test_blurred_noise_against_boxes_convolved():
    box, boxes, expected = np.full((3, 3), 1 / 9), np.ones((1, 1)), []
    for _ in range(7):
        expected.append(boxes[len(boxes) // 2, len(boxes) // 2])
        boxes = convolve2d(boxes, box)
    found = blur_autocovariances(6)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(found[:5], [1, 1 / 9, 1 / 9, (7 / 27) ** 2, (19 / 81) ** 2])


def simulate(cells, number, rng, strided=False, n_channels=96, size=16, step=1e-3):
    """Run one cell as a wide random network; return the three numbers of its output.

    They are the variance, the correlation of the outputs for two inputs, and the mean squared
    change over a small random change of the input. Inputs are white noise on a torus. What is
    renewed is rectified, mixed by random weights at each place and normalised channel by channel;
    the places are then put into another order, which makes it white again.
    """
    graphs, operations = cells

    def renew(signal, n_layers):
        for _ in range(n_layers):
            signal = np.maximum(signal, 0)
            signal = signal - signal[:2].mean(axis=(0, 2, 3))[:, None, None]
            weights = rng.normal(size=(n_channels, signal.shape[1]))
            signal = np.tensordot(weights, signal, (1, 1)).swapaxes(0, 1)
            signal /= signal[:2].std(axis=(0, 2, 3))[:, None, None]
            order = rng.permutation(size**2)
            signal = signal.reshape(3, n_channels, -1)[:, :, order].reshape(signal.shape)
        return signal

    def blur(signal):
        for axis in (2, 3):
            signal = (signal + np.roll(signal, 1, axis) + np.roll(signal, -1, axis)) / 3
        return signal

    def apply(edge):
        source, choice = graphs.edges[edge][0], graphs.operations[number, edge]
        if choice == WIRE:
            return nodes[source]
        operation = operations[choice]
        copies = operation.effect == "copy" or operation.residual
        if copies and strided and source < graphs.n_inputs:
            return renew(nodes[source], operation.n_layers)
        results = [nodes[source]] if copies else []
        if operation.effect == "blur":
            results.append(blur(nodes[source]))
        if operation.effect == "renew":
            results.append(renew(nodes[source], operation.n_layers))
        return sum(results)

    nodes = {}
    for node in range(graphs.n_nodes):
        if node < graphs.n_inputs:
            signal, other, change = rng.normal(size=(3, n_channels, size, size))
            other = CORRELATION * signal + np.sqrt(1 - CORRELATION**2) * other
            nodes[node] = np.stack([signal, other, signal + step * change])
            continue
        arriving = [
            apply(edge)
            for edge, (source, target) in enumerate(graphs.edges)
            if target == node and source in nodes and graphs.operations[number, edge] != ABSENT
        ]
        if arriving:
            join = np.hstack if node in graphs.concatenated else sum
            nodes[node] = join(arriving)
    first, second, changed = nodes[graphs.n_nodes - 1]
    variance = (first**2 + second**2).mean() / 2
    return variance, (first * second).mean() / variance, ((changed - first) ** 2).mean() / step**2


def check_by_simulation(cells, seed, strided=False):
    wiring, signals = run(cells, strided=strided)
    rng = np.random.default_rng(seed)
    output = cells[0].n_nodes - 1
    for number in np.flatnonzero(wiring.cells.connected):
        variance, correlation, jacobian = simulate(cells, number, rng, strided)
        assert signals.variances[output][number] == pytest.approx(variance, rel=0.05)
        assert signals.correlations[output][number] == pytest.approx(correlation, abs=0.03)
        assert signals.jacobians[output][number] == pytest.approx(jacobian, rel=0.1)


def test_nasbench201_against_a_simulation():
    chosen = [
        (0, 1, 0, 1, 0, 1),
        (4, 1, 2, 4, 1, 4),
        (4, 4, 4, 0, 4, 4),
        (2, 0, 0, 0, 0, 0),
        (2, 2, 2, 2, 2, 2),
    ]
    decisions = np.concatenate([SPACE.sample_decisions(12, random_state=0), chosen])
    check_by_simulation((SPACE.cell_graphs(decisions)[0], SPACE.signal_operations), seed=0)


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("concatenate", [False, True])
def test_random_cells_against_a_simulation(random_cells, concatenate, strided):
    for seed in range(3):
        cells = random_cells(seed, 4, concatenate=concatenate, n_inputs=1 + seed % 2)
        check_by_simulation(cells, seed, strided)


def test_darts_against_a_simulation():
    space = get_space("darts")
    for graphs in space.cell_graphs(space.sample_decisions(2, random_state=0)):
        strided = graphs.name == "reduce"
        check_by_simulation((graphs, space.signal_operations), 0, strided)


def test_copies_add_up_as_amplitudes_and_new_signals_as_variances():
    twice = "|{0}~0|+|none~0|none~1|+|{0}~0|skip_connect~1|none~2|"
    texts = [twice.format(name) for name in ("skip_connect", "nor_conv_1x1", "avg_pool_3x3")]
    # Pooling twice and once, where 1/9 is what pooling leaves of the variance of white noise.
    texts.append("|avg_pool_3x3~0|+|none~0|none~1|+|avg_pool_3x3~0|avg_pool_3x3~1|none~2|")
    # One convolution over two paths.
    texts.append("|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|")
    texts.append("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|")
    _, signals = run(read(*texts))
    pooled = 1 / 9 + 2 * (7 / 27) ** 2 + (19 / 81) ** 2
    np.testing.assert_allclose(signals.variances[3], [4, 2, 4 / 9, pooled, 1, 4])
    _, signals = run(read(*texts), EVEN)
    np.testing.assert_allclose(signals.variances[3], [4, 2, 4, 4, 1, 4])


def test_chains_by_hand():
    texts = [
        chain("nor_conv_3x3"),
        chain("nor_conv_3x3", "nor_conv_1x1"),
        chain("nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3"),
        chain("avg_pool_3x3"),
        chain("skip_connect"),
    ]
    _, signals = run(read(*texts), EVEN, variance=2.0)
    np.testing.assert_allclose(signals.variances[3], [1, 1, 1, 2, 2])
    # The first convolution reads a signal of variance 2, so that its slope is half of that of
    # those that follow.
    np.testing.assert_allclose(signals.jacobians[3], [SLOPE / 2, SLOPE**2 / 2, SLOPE**3 / 2, 1, 1])
    once = renewed_correlation(np.array(CORRELATION))
    twice = renewed_correlation(once)
    expected = [once, twice, renewed_correlation(twice), CORRELATION, CORRELATION]
    np.testing.assert_allclose(signals.correlations[3], expected)


def test_blurs_beyond_the_last_that_is_told_apart_change_nothing():
    operations = (SignalOperation("pool", "blur", kernel_size=3),)
    graphs = CellGraphs(((0, 1), (1, 2), (2, 3), (3, 4), (4, 5)), np.zeros((1, 5), dtype=int))
    wiring, signals = run((graphs, operations))
    expected = blur_autocovariances(2 * MAX_BLURS)[-1]
    found = [signals.variances[node][0] for node in (MAX_BLURS, MAX_BLURS + 1, 5)]
    np.testing.assert_allclose(found, expected)
    assert path_statistics(wiring, signals, "variance")["blurs"][0] == MAX_BLURS


def test_layers_one_after_the_other_are_as_many_operations():
    operations = tuple(SignalOperation(str(n), "renew", n_layers=n) for n in (1, 2, 3))
    graphs = CellGraphs(((0, 1), (1, 2)), np.array([[2, WIRE], [0, 1], [1, 0]]))
    _, signals = run((graphs, operations), np.ones((1, 1)))
    for numbers in (signals.variances, signals.correlations, signals.jacobians):
        np.testing.assert_allclose(numbers[2], numbers[2][0])
    assert signals.jacobians[2][0] == pytest.approx(SLOPE**3)


def test_two_settings_are_as_two_runs(random_cells):
    for seed in range(5):
        cells = random_cells(seed)
        together, apart = [], []
        for covariances in ([np.concatenate([EVEN, WHITE])], [EVEN, WHITE]):
            for setting in covariances:
                wiring, signals = run(cells, setting)
                columns = [signals.variances, signals.correlations, signals.jacobians]
                numbers = [column[cells[0].n_nodes - 1] for column in columns]
                numbers += gradients(wiring, signals).values()
                numbers += path_statistics(wiring, signals, "variance").values()
                numbers += path_statistics(wiring, signals, "jacobian").values()
                (together if len(covariances) == 1 else apart).append(np.stack(numbers))
        np.testing.assert_allclose(together[0], np.hstack(apart), rtol=1e-12, atol=1e-12)


def is_incoherent(cells, number):
    """Say whether no signal reaches a node over two paths that only copy or blur it."""
    graphs, operations = cells
    ways = np.eye(graphs.n_nodes, dtype=int)
    for edge, (source, target) in enumerate(graphs.edges):
        choice = graphs.operations[number, edge]
        copies = choice == WIRE
        if choice >= 0:
            operation = operations[choice]
            copies = operation.effect in ("copy", "blur") or operation.residual
        ways[:, target] += copies * ways[:, source]
    return (ways <= 1).all()


def incoherent_cells(draw, n_cells):
    """Draw cells until there are enough whose paths are independent, and connected."""
    for seed in range(100):
        cells = draw(seed)
        graphs = cells.graphs
        for number in np.flatnonzero(LiveCells(graphs).connected):
            if is_incoherent(cells, number):
                row = graphs.operations[[number]]
                yield CellGraphs(graphs.edges, row, graphs.n_inputs, graphs.concatenated)
                n_cells -= 1
                if not n_cells:
                    return


def list_weighted_paths(graphs, operations, signals, by):
    """List the paths of the only cell, each with its share of the output.

    A path is taken backwards from the output, at each node an edge with a probability in proportion
    to what it contributes: what its source has if it copies, and if it renews a variance of 1, or
    its slope times the source's squared Jacobian. A residual operation is two edges.
    """
    live = LiveCells(graphs).operations[:, 0]
    variances = {node: float(signals.variances[node][0]) for node in signals.variances}
    of_node = signals.variances if by == "variance" else signals.jacobians
    steps = {}
    for node in range(graphs.n_inputs, graphs.n_nodes):
        choices = []
        edges = [e for e, (_, target) in enumerate(graphs.edges) if target == node]
        for edge in edges:
            source, choice = graphs.edges[edge][0], live[edge]
            if choice == ABSENT:
                continue
            operation = None if choice == WIRE else operations[choice]
            amount = float(of_node[source][0])
            if operation is None or operation.effect == "copy" or operation.residual:
                choices.append((source, "copy", None, amount))
            elif operation.effect == "blur":
                choices.append((source, "blur", None, amount))
            if operation is not None and operation.effect == "renew":
                slope = SLOPE**operation.n_layers / variances[source]
                new = 1 if by == "variance" else slope * amount
                choices.append((source, "renew", operation, new))
        total = sum(amount for *_, amount in choices)
        steps[node] = [(*step, amount / total) for *step, amount in choices]
    finished, unfinished = [], [(graphs.n_nodes - 1, [], 1.0)]
    while unfinished:
        node, path, share = unfinished.pop()
        if node < graphs.n_inputs:
            finished.append((path, share))
            continue
        for source, what, operation, part in steps[node]:
            unfinished.append((source, [(what, operation), *path], share * part))
    return finished


@pytest.mark.parametrize("by", ["variance", "jacobian"])
@pytest.mark.parametrize("concatenate", [False, True])
def test_path_statistics_against_the_list_of_all_paths(random_cells, concatenate, by):
    def draw(seed):
        return random_cells(seed, concatenate=concatenate)

    # Here a wide operation is one layer, and a narrow one is two.
    operations = [
        replace(operation, n_layers=1 if operation.kernel_size > 1 else 2)
        for operation in random_cells(0).operations
    ]
    names = [operation.name for operation in operations if operation.effect == "renew"]
    for graphs in incoherent_cells(draw, 25):
        wiring, signals = run((graphs, operations), EVEN)
        found = path_statistics(wiring, signals, by)
        paths = list_weighted_paths(graphs, operations, signals, by)
        assert sum(share for _, share in paths) == pytest.approx(1)
        expected = dict.fromkeys(found, 0.0)
        for path, share in paths:
            renewed = [operation for what, operation in path if what == "renew"]
            effects = [what for what, operation in path if what != "copy"]
            wide = [operation.kernel_size > 1 for operation in renewed]
            n_layers = sum(operation.n_layers for operation in renewed)
            expected["layers"] += share * n_layers
            for name in names:
                expected[name] += share * sum(operation.name == name for operation in renewed)
            expected["blurs"] += share * effects.count("blur")
            expected["no layer"] += share * (n_layers == 0)
            expected["several layers"] += share * (n_layers > 1)
            expected["wide layer"] += share * any(wide)
            expected["several wide layers"] += share * (sum(wide) > 1)
            expected["no blur"] += share * ("blur" not in effects)
            expected["empty path"] += share * (not effects)
            expected["wide layer last"] += share * (effects[-1:] == ["renew"] and wide[-1])
            expected["blur last"] += share * (effects[-1:] == ["blur"])
            expected["entropy"] -= share * np.log(share)
        for name, column in found.items():
            assert column[0] == pytest.approx(expected[name], abs=1e-9), name


def test_path_statistics_by_hand():
    texts = [
        # Convolutions 3x3 and 1x1 side by side, the latter after pooling, and a skip.
        "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_3x3~0|nor_conv_1x1~1|skip_connect~2|",
        # Two skips add up to a variance of 4, beside a convolution's 1.
        "|skip_connect~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|skip_connect~1|skip_connect~2|",
        # Pooling of a convolution.
        chain("nor_conv_3x3", "avg_pool_3x3"),
        # Beside a convolution's 1, pooling of white noise: 1/9.
        "|avg_pool_3x3~0|+|none~0|none~1|+|nor_conv_3x3~0|skip_connect~1|none~2|",
        # A skip and pooling of the same signal, which cannot be told apart by their variances.
        "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|skip_connect~1|none~2|",
    ]
    wiring, signals = run(read(*texts))
    found = path_statistics(wiring, signals, "variance")
    tenth, third = 0.1, 1 / 3

    def entropy(*shares):
        return -sum(share * np.log(share) for share in shares)

    expected = {
        "layers": [2 * third, 0.2, 1, 0.9, 0],
        "nor_conv_3x3": [third, 0.2, 1, 0.9, 0],
        "nor_conv_1x1": [third, 0, 0, 0, 0],
        "blurs": [third, 0, 1, tenth, 0.5],
        "no layer": [third, 0.8, 0, tenth, 1],
        "several layers": [0, 0, 0, 0, 0],
        "wide layer": [third, 0.2, 1, 0.9, 0],
        "no blur": [2 * third, 1, 0, 0.9, 0.5],
        "empty path": [third, 0.8, 0, 0, 0.5],
        "wide layer last": [third, 0.2, 0, 0.9, 0],
        "blur last": [0, 0, 1, tenth, 0.5],
        "entropy": [np.log(3), entropy(0.8, 0.2), 0, entropy(0.9, 0.1), np.log(2)],
    }
    for name, numbers in expected.items():
        np.testing.assert_allclose(found[name], numbers, atol=1e-9, err_msg=name)
    # By the Jacobian a path counts by its slopes; a convolution after pooling reads a variance of
    # 1/9, but the derivative is also as much smaller.
    found = path_statistics(wiring, signals, "jacobian")
    total = 2 * SLOPE + 1
    np.testing.assert_allclose(found["layers"][0], 2 * SLOPE / total)
    np.testing.assert_allclose(found["empty path"][0], 1 / total)


@pytest.mark.parametrize("concatenate", [False, True])
def test_gradients_against_the_list_of_all_paths(random_cells, all_paths, concatenate):
    def draw(seed):
        return random_cells(seed, concatenate=concatenate)

    operations = random_cells(0).operations
    for graphs in incoherent_cells(draw, 25):
        wiring, signals = run((graphs, operations), EVEN)
        live = wiring.cells.operations[:, 0]

        def factor(edge, graphs=graphs, live=live, signals=signals):
            source, target = graphs.edges[edge]
            if target in graphs.concatenated:
                joined = [
                    end == target and live[e] == WIRE for e, (_, end) in enumerate(graphs.edges)
                ]
                return 1 / sum(joined)
            if live[edge] == WIRE:
                return 1
            operation = operations[live[edge]]
            through = float(operation.effect in ("copy", "blur") or operation.residual)
            if operation.effect == "renew":
                through += SLOPE**operation.n_layers / signals.variances[source][0]
            return through

        # What is left of each path after each of its edges.
        rests = {
            (edge, tuple(path[place + 1 :]))
            for path in all_paths(graphs, 0)
            for place, edge in enumerate(path)
        }
        expected = {operation.name: 0.0 for operation in operations if operation.effect == "renew"}
        for edge, rest in rests:
            name = operations[live[edge]].name if live[edge] >= 0 else None
            if name in expected:
                expected[name] += np.prod([factor(e) for e in rest])
        found = gradients(wiring, signals)
        assert found.keys() == expected.keys()
        for name, gradient in found.items():
            variance = signals.variances[graphs.n_nodes - 1][0]
            assert gradient[0] == pytest.approx(expected[name] / variance), name


def test_gradients_by_hand():
    texts = [
        chain("nor_conv_3x3", "nor_conv_1x1"),
        chain("nor_conv_1x1", "nor_conv_3x3", "nor_conv_3x3"),
        # A convolution beside a skip, and then, of a variance of 2, another.
        "|skip_connect~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|nor_conv_3x3~2|",
        "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|skip_connect~1|none~2|",
        chain("nor_conv_3x3", "avg_pool_3x3"),
        chain("skip_connect"),
    ]
    wiring, signals = run(read(*texts))
    found = gradients(wiring, signals)
    np.testing.assert_allclose(found["nor_conv_3x3"], [SLOPE, 1 + SLOPE, 1, 0.5, 1, 0])
    np.testing.assert_allclose(found["nor_conv_1x1"], [1, SLOPE**2, SLOPE, 0, 0, 0])


def test_cells_without_a_path_have_numbers_and_do_not_matter():
    dead = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    cells = read(dead, chain("nor_conv_3x3"))
    wiring, signals = run(cells)
    _, alone = run(read(chain("nor_conv_3x3")))
    for column in (*gradients(wiring, signals).values(), *signals.variances.values()):
        assert np.isfinite(column).all()
    assert signals.correlations[3][1] == alone.correlations[3][0]
