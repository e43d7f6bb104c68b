"""Counts and paths, against all paths listed one by one and against numbers worked out by hand."""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.graphs import WIRE, Graphs
from emprox.properties import StructuralProperties
from emprox.spaces import CellPosition, SignalOperation, Skeleton

seeds = st.integers(0, 2**32 - 1)
FLOOR = 0.02
GAINS = (1, 3, 1.5, 1), (1, 9, 1, 1), (1, 0.3, 0.3, 1), (1, 2, 1, 0.5)
GAINS += (1, 1, 1, 1), (1, 4, 2, 0.25), (1, 1, 1, 0.3), (1, 0.5, 0.5, 0.5)


def counts(row, operations, paths):
    """Count what is on the paths of a graph: operations, and ways from one to the next."""
    expected = {}
    on_paths = [[node for node in path if row[node] != WIRE] for path in paths]
    found = {
        "number of {}": {node for nodes in on_paths for node in nodes},
        "{} after the input": {node for nodes in on_paths for node in nodes[:1]},
        "{} before the output": {node for nodes in on_paths for node in nodes[-1:]},
    }
    for number, operation in enumerate(operations):
        for name, nodes in found.items():
            expected[name.format(operation.name)] = sum(row[node] == number for node in nodes)
        expected[f"has {operation.name}"] = expected[f"number of {operation.name}"] > 0
    ways = set()
    for path in paths:
        places = [place for place, node in enumerate(path) if row[node] != WIRE]
        ways |= {tuple(path[start : end + 1]) for start, end in pairwise(places)}
    n_ways = Counter((row[way[0]], row[way[-1]]) for way in ways)
    for i, first in enumerate(operations):
        for j, second in enumerate(operations):
            expected[f"{second.name} after {first.name}"] = n_ways[i, j]
    return expected


def lengths(operations, words, units):
    expected = {"paths": len(words), "log paths": np.log1p(len(words))}
    units = units | {f"of {o.name}": [o is other for other in operations] for o in operations}
    for name, numbers in units.items():
        along = [sum(numbers[number] for number in word) for word in words] or [0]
        expected[f"most {name}"], expected[f"fewest {name}"] = max(along), min(along)
        expected[f"mean {name}"] = np.mean(along)
    return expected


def known_units(operations):
    layers = [o.n_layers * (o.effect == "renew") for o in operations]
    wide = [n * (o.kernel_size > 1) for n, o in zip(layers, operations, strict=True)]
    return {
        "layers": layers,
        "wide layers": wide,
        "radius": [(operation.kernel_size - 1) / 2 for operation in operations],
        "mixing": [operation.mixing for operation in operations],
    }


def linear(operations, words):
    effects = [{operations[number].effect for number in word} for word in words]
    n_linear = sum(effect <= {"copy", "blur"} for effect in effects)
    n_copying = sum(effect <= {"copy"} for effect in effects)
    return {
        "linear paths": n_linear,
        "has linear path": n_linear > 0,
        "copying paths": n_copying,
        "has copying path": n_copying > 0,
        "share of linear paths": n_linear / max(len(words), 1),
        "all paths linear": 0 < n_linear == len(words),
    }


def soft_sums(operations, words):
    expected = {}
    for gain in GAINS:
        copies, wide, narrow, blurs = gain
        numbers = [
            {"copy": copies, "blur": blurs, "renew": wide if o.kernel_size > 1 else narrow}[
                o.effect
            ]
            for o in operations
        ]
        products = [np.prod([numbers[number] for number in word]) for word in words]
        name = f"soft paths (copy {copies}, wide {wide}, narrow {narrow}, blur {blurs})"
        expected[name] = np.log(FLOOR + sum(products))
    return expected


def check_all(cells, graphs, operations, expected_of):
    found = cells.describe(
        graphs, operations, groups=["counts", "paths", "soft paths", "successions"]
    )
    rows = []
    for row, nodes in enumerate(graphs.operations):
        expected = counts(nodes, operations, cells.paths(graphs, row))
        rows.append(expected | expected_of(operations, cells.words(graphs, row)))
    cells.check(found, {name: [row[name] for row in rows] for name in rows[0]})


@settings(max_examples=40)
@given(seed=seeds)
def test_known_operations_against_the_list_of_all_paths(cells, seed):
    def expected(operations, words):
        columns = lengths(operations, words, known_units(operations))
        columns |= {f"log most {n}": np.log1p(columns[f"most {n}"]) for n in ("radius", "mixing")}
        return columns | linear(operations, words) | soft_sums(operations, words)

    check_all(cells, cells.draw(seed), cells.operations, expected)


@settings(max_examples=20)
@given(seed=seeds)
def test_unknown_operations_against_the_list_of_all_paths(cells, seed):
    def expected(operations, words):
        columns = lengths(operations, words, {"operations": [1] * len(operations)})
        for number, operation in enumerate(operations):
            for gain in (3, 0.3):
                total = sum(gain ** word.count(number) for word in words)
                columns[f"soft paths ({operation.name} {gain})"] = np.log(FLOOR + total)
        return columns

    unknown = [SignalOperation(operation.name) for operation in cells.operations]
    check_all(cells, cells.draw(seed), unknown, expected)


def test_by_hand(cells):
    # In a cell of NAS-Bench-201: a convolution 3x3 behind 1x1; pooling; a skip and a convolution;
    # a chain of convolutions; and one that leads nowhere.
    texts = [
        "|nor_conv_1x1~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|",
        "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|",
    ]
    properties = StructuralProperties("nasbench201", groups=["counts", "paths", "soft paths"])
    columns = properties.fit_transform(texts)
    # Five cells each of 16, 32 and 64 channels at 32 x 32, 16 x 16 and 8 x 8. A convolution of C
    # channels to C has C^2 weights for each tap, and its batch normalisation two for each channel.
    weights, work = np.zeros(3), np.zeros(3)
    for width, resolution in ((16, 32), (32, 16), (64, 8)):
        here = 5 * np.array([19 * width**2 + 6 * width, 27 * width**2 + 6 * width, 0])
        weights += here
        work += here * resolution**2
    expected = {
        "number of nor_conv_3x3": [2, 3, 0],
        "nor_conv_1x1 after the input": [1, 0, 0],
        "nor_conv_3x3 before the output": [2, 1, 0],
        "log weights": np.log1p(weights),
        "log multiply-adds": np.log1p(work),
        "log mixing": np.log1p([19, 27, 0]),
        "paths": [3, 1, 0],
        "most layers": [2, 3, 0],
        "fewest layers": [0, 3, 0],
        "mean layers": [1, 3, 0],
        "most wide layers": [1, 3, 0],
        "most radius": [1, 3, 0],
        "mean mixing": [19 / 3, 27, 0],
        "linear paths": [1, 0, 0],
        "share of linear paths": [1 / 3, 0, 0],
        # conv1x1 * conv3x3 + pooling + skip * conv3x3
        "soft paths (copy 1, wide 3, narrow 1.5, blur 1)": np.log([0.02 + 8.5, 27.02, 0.02]),
        "soft paths (copy 1, wide 4, narrow 2, blur 0.25)": np.log([0.02 + 12.25, 64.02, 0.02]),
    }
    names = properties.get_feature_names_out()
    assert expected.keys() <= set(names)
    cells.check(dict(zip(names, columns.T, strict=True)), expected)


def test_weights_where_nodes_differ_in_width_and_resolution(cells):
    conv, skip = (
        SignalOperation("conv", "renew", mixing=9, depthwise=2),
        SignalOperation("s", "copy"),
    )
    graphs = Graphs(
        np.array([[WIRE, 0, 0, WIRE], [WIRE, 0, 1, WIRE], [WIRE, WIRE, 0, WIRE]]),
        [(0, 1), (1, 2), (2, 3)],
        ["conv", "s"],
        numbers={
            "widths": np.array([[1, 1.0, 0.5, 1], [1, 2.0, 3.0, 1], [1, 1.0, 1.0, 1]]),
            "resolutions": np.array([[1, 1.0, 0.5, 1], [1, 0.5, 0.25, 1], [1, 1.0, 1.0, 1]]),
        },
    )
    # The position of the other kind does not count.
    skeleton = Skeleton((CellPosition(0, 4, 8), CellPosition(1, 32, 32), CellPosition(0, 8, 4)))
    other = Graphs(np.array([[WIRE, 0, WIRE]] * 3), [(0, 1), (1, 2)], ["conv", "s"], kind="other")
    found = cells.describe([graphs, other], [conv, skip], skeleton, groups=["counts"])

    def size(width):
        return 9 * width**2 + 2 * width

    weights = [size(4) + size(2) + size(8) + size(4), size(8) + size(16), size(4) + size(8)]
    work = [
        size(4) * 64 + size(2) * 16 + size(8) * 16 + size(4) * 4,
        size(8) * 16 + size(16) * 4,
        size(4) * 64 + size(8) * 16,
    ]
    np.testing.assert_allclose(np.expm1(found["log weights"]), weights, rtol=1e-12)
    np.testing.assert_allclose(np.expm1(found["log multiply-adds"]), work, rtol=1e-12)
    np.testing.assert_allclose(np.expm1(found["log mixing"]), [18, 9, 9], rtol=1e-12)
