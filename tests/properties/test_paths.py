import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.properties._cells import LiveCells
from emprox.properties._paths import (
    GAINS,
    UNKNOWN_GAINS,
    is_known,
    linear_paths,
    path_lengths,
    soft_path_sums,
)
from emprox.spaces import SignalOperation, get_space

seeds = st.integers(0, 2**32 - 1)
SPACE = get_space("nasbench201")
FLOOR = 0.02


def compute(graphs, operations):
    cells = LiveCells(graphs)
    lengths, linear = path_lengths(cells, operations), linear_paths(cells, operations)
    sums = soft_path_sums(cells, operations)
    assert not (set(lengths) & set(linear)) | (set(linear) & set(sums))
    return {**lengths, **linear, **sums}


def units(operations):
    """What a path is measured in: a number for each operation."""
    renew = [operation.effect == "renew" for operation in operations]
    layers = [o.n_layers if new else 0 for o, new in zip(operations, renew, strict=True)]
    wide = [n if o.kernel_size > 1 else 0 for o, n in zip(operations, layers, strict=True)]
    return {
        "layers": layers,
        "wide layers": wide,
        "radius": [(operation.kernel_size - 1) / 2 for operation in operations],
        "mixing": [operation.mixing for operation in operations],
        **{
            f"of {operation.name}": [int(operation is other) for other in operations]
            for operation in operations
        },
    }


def gains_of(operation, gain):
    copies, wide, narrow, blurs = gain
    if operation.effect == "renew":
        return wide if operation.kernel_size > 1 else narrow
    return {"copy": copies, "blur": blurs, None: 1}[operation.effect]


def check(graphs, operations, words):
    columns = compute(graphs, operations)
    for cell in range(len(graphs.operations)):
        paths = words(graphs, cell)
        assert columns["paths"][cell] == len(paths)
        np.testing.assert_allclose(columns["log paths"][cell], np.log(1 + len(paths)))
        for name, numbers in units(operations).items():
            lengths = [sum(numbers[o] for o in path) for path in paths] or [0]
            assert columns[f"most {name}"][cell] == max(lengths), name
            assert columns[f"fewest {name}"][cell] == min(lengths), name
            np.testing.assert_allclose(columns[f"mean {name}"][cell], np.mean(lengths))
            if name in ("radius", "mixing"):
                np.testing.assert_allclose(
                    columns[f"log most {name}"][cell], np.log1p(max(lengths))
                )
        effects = [{operations[o].effect for o in path} for path in paths]
        n_linear = sum(effect <= {"copy", "blur"} for effect in effects)
        n_copying = sum(effect <= {"copy"} for effect in effects)
        assert columns["linear paths"][cell] == n_linear
        assert columns["has linear path"][cell] == (n_linear > 0)
        assert columns["copying paths"][cell] == n_copying
        assert columns["has copying path"][cell] == (n_copying > 0)
        if paths:
            np.testing.assert_allclose(
                columns["share of linear paths"][cell], n_linear / len(paths)
            )
            assert columns["all paths linear"][cell] == (n_linear == len(paths))
        for gain in GAINS:
            name = "soft paths (copy {}, wide {}, narrow {}, blur {})".format(*gain)
            products = [np.prod([gains_of(operations[o], gain) for o in path]) for path in paths]
            np.testing.assert_allclose(columns[name][cell], np.log(FLOOR + sum(products)))


@settings(max_examples=30)
@given(seed=seeds)
def test_random_cells_against_the_list_of_all_paths(random_cells, words, seed):
    check(*random_cells(seed), words)


def test_nasbench201_against_the_list_of_all_paths(words):
    decisions = SPACE.sample_decisions(200, random_state=0)
    check(SPACE.cell_graphs(decisions)[0], SPACE.signal_operations, words)


@settings(max_examples=15)
@given(seed=seeds)
def test_unknown_operations_against_the_list_of_all_paths(random_cells, words, seed):
    graphs, known = random_cells(seed)
    operations = [SignalOperation(operation.name) for operation in known]
    columns = compute(graphs, operations)
    assert not any("layers" in name or "linear" in name for name in columns)
    for cell in range(len(graphs.operations)):
        paths = words(graphs, cell)
        lengths = list(map(len, paths)) or [0]
        assert columns["most operations"][cell] == max(lengths)
        assert columns["fewest operations"][cell] == min(lengths)
        np.testing.assert_allclose(columns["mean operations"][cell], np.mean(lengths))
        for number, operation in enumerate(operations):
            counts = [path.count(number) for path in paths]
            assert columns[f"most of {operation.name}"][cell] == max(counts, default=0)
            for gain in UNKNOWN_GAINS:
                expected = np.log(FLOOR + sum(gain**count for count in counts))
                found = columns[f"soft paths ({operation.name} {gain})"][cell]
                np.testing.assert_allclose(found, expected)


def test_by_hand():
    # conv3x3 after conv1x1; pooling; a skip; and conv3x3 after a skip.
    cell = "|nor_conv_1x1~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    dead = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"
    graphs = SPACE.cell_graphs(SPACE.encode([cell, dead]))[0]
    columns = compute(graphs, SPACE.signal_operations)
    expected = {
        "paths": 3,
        "most layers": 2,
        "fewest layers": 0,
        "mean layers": 1,
        "most wide layers": 1,
        "most radius": 1,
        "fewest radius": 1,
        "most mixing": 10,
        "mean mixing": 19 / 3,
        "fewest of skip_connect": 0,
        "mean of avg_pool_3x3": 1 / 3,
        "linear paths": 1,
        "copying paths": 0,
        "share of linear paths": 1 / 3,
        "all paths linear": False,
        # conv1x1 * conv3x3 + pooling + skip * conv3x3
        "soft paths (copy 1, wide 3, narrow 1.5, blur 1)": np.log(0.02 + 4.5 + 1 + 3),
        "soft paths (copy 1, wide 4, narrow 2, blur 0.25)": np.log(0.02 + 8 + 0.25 + 4),
    }
    for name, number in expected.items():
        assert columns[name][0] == pytest.approx(number), name
    for name, column in columns.items():
        if "soft" in name:
            assert column[1] == pytest.approx(np.log(0.02)), name
        elif name != "all paths linear":
            assert column[1] == 0, name


def test_whether_anything_is_known():
    assert is_known([SignalOperation("a"), SignalOperation("b", "copy")])
    assert not is_known([SignalOperation("a"), SignalOperation("b")])
