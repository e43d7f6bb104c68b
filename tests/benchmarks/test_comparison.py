"""The rivals' columns and the protocol of the benchmarks, against values worked out otherwise."""

import importlib
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from emprox.spaces import get_space

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def benchmarks_importable():
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def graf():
    return importlib.import_module("_graf_columns")


@pytest.fixture(scope="module")
def protocol():
    return importlib.import_module("_protocol")


def paths(architecture, start=0):
    """All paths from a node to the output, as lists of operations."""
    if start == architecture.n_nodes - 1:
        return [[]]
    found = []
    for source, target in architecture.edges:
        if source == start:
            operation = architecture.operations[target]
            found += [[operation, *rest] for rest in paths(architecture, target)]
    return found


def expected_columns(architecture, operations):
    """Columns of an architecture with operations on the nodes, by listing its paths."""
    # The output ends every path, and is no operation.
    listed = [path[:-1] for path in paths(architecture)]
    on_path = {
        node
        for node in range(1, architecture.n_nodes - 1)
        if reaches(architecture, 0, node) and reaches(architecture, node, architecture.n_nodes - 1)
    }
    names = architecture.operations
    output = architecture.n_nodes - 1
    columns = []
    sizes = range(1, len(operations) + 1)
    for subset in (set(subset) for size in sizes for subset in combinations(operations, size)):
        inside = [path for path in listed if set(path) <= subset]
        counts = [sum(name in subset for name in path) for path in listed]
        columns += [
            min(map(len, inside), default=np.inf),
            min(counts),
            max(map(len, inside), default=-1),
            max(counts),
            sum((0, node) in architecture.edges and names[node] in subset for node in on_path),
            sum((node, output) in architecture.edges and names[node] in subset for node in on_path),
            sum(names[node] in subset for node in on_path),
        ]
    return columns


def reaches(architecture, source, target):
    if source == target:
        return True
    return any(
        reaches(architecture, after, target)
        for before, after in architecture.edges
        if before == source
    )


def test_graf_columns_are_those_found_by_listing_all_paths(graf):
    space = get_space("nasbench101")
    decisions = space.sample_decisions(40, random_state=0)
    columns = graf.GRAFColumns(space, canonicalize=False).fit_transform(decisions)
    expected = [expected_columns(cell, space.operations) for cell in space.decode(decisions)]
    # A path that does not exist is as long as the graph has nodes.
    np.testing.assert_array_equal(columns, np.nan_to_num(expected, posinf=7))


def test_graf_columns_of_a_cell_with_operations_on_edges(graf):
    # 0->2 is a convolution and 2->3 a skip, 0->3 is a pool, and 0->1 leads nowhere.
    cell = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|avg_pool_3x3~0|none~1|skip_connect~2|"
    columns = graf.GRAFColumns("nasbench201", canonicalize=False).fit_transform([cell])
    by_subset = columns.reshape(15, 7)
    subsets = graf.subsets(4)
    # skip_connect, nor_conv_3x3, nor_conv_1x1, avg_pool_3x3 are 0 to 3.
    assert by_subset[subsets.index((3,))].tolist() == [1, 0, 1, 1, 1, 1, 1]
    assert by_subset[subsets.index((1,))].tolist() == [8, 0, -1, 0, 0, 0, 0]
    assert by_subset[subsets.index((0, 2))].tolist() == [2, 0, 2, 2, 1, 1, 2]
    assert by_subset[subsets.index((0, 1, 2, 3))].tolist() == [1, 1, 2, 2, 2, 2, 3]


def test_graf_columns_are_of_canonical_forms(graf):
    # A convolution and a skip, which is contracted.
    cell = "|none~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|"
    columns = graf.GRAFColumns("nasbench201").fit_transform([cell]).reshape(15, 7)
    subsets = graf.subsets(4)
    assert columns[subsets.index((0,))].tolist() == [8, 0, -1, 0, 0, 0, 0]
    assert columns[subsets.index((0, 2))].tolist() == [1, 1, 1, 1, 1, 1, 1]


def test_graf_columns_of_a_cell_without_a_path(graf):
    columns = graf.GRAFColumns("nasbench201").fit_transform([(1, 1, 1, 2, 2, 2)])
    assert columns.reshape(15, 7).tolist() == [[8, 8, -1, -1, 0, 0, 0]] * 15


def test_graf_columns_of_both_cells_of_darts(graf):
    # In the normal cell all inner nodes read the inputs, in the reduction cell each the one before.
    flat = [(0, 3), (1, 2)] * 4
    deep = [(0, 3), (1, 2), (1, 3), (2, 3), (1, 3), (3, 3), (1, 3), (4, 3)]
    columns = graf.GRAFColumns("darts", canonicalize=False).fit_transform(
        [(tuple(flat), tuple(deep))]
    )
    subsets = graf.subsets(7)
    normal, reduction = columns.reshape(2, len(subsets), 12)
    # Of each input: shortest, fewest, longest, most, how many read it; then output and number.
    only_convolution = subsets.index((3,))
    assert normal[only_convolution].tolist() == [1, 1, 1, 1, 4, 11, 0, -1, 0, 0, 4, 4]
    assert reduction[only_convolution].tolist() == [1, 1, 4, 4, 1, 1, 0, 3, 3, 3, 7, 7]


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "darts", "nasbench_graph"])
def test_graf_columns_do_not_depend_on_the_description(graf, name):
    space = get_space(name)
    decisions = space.sample_decisions(50, random_state=0)
    transformer = graf.GRAFColumns(space).fit(decisions)
    other = space.relabel(decisions, random_state=1)
    np.testing.assert_array_equal(transformer.transform(decisions), transformer.transform(other))


def test_one_hot_decisions_of_isomorphic_cells_are_equal_if_canonical(graf):
    cells = [(0, 1, 1, 1, 2, 1), (1, 1, 2, 1, 1, 1)]
    canonical = graf.OneHotDecisions("nasbench201").fit_transform(cells)
    written = graf.OneHotDecisions("nasbench201", canonicalize=False).fit_transform(cells)
    assert (canonical[0] == canonical[1]).all()
    assert written.sum(axis=1).tolist() == [6, 6]
    assert written[0].reshape(6, 5).argmax(axis=1).tolist() == [0, 1, 1, 1, 2, 1]


class Constant:
    """Predicts the same order for all, shifted by the seed."""

    def __init__(self, shift):
        self.shift = shift

    def fit(self, X, y):
        self.n_known = len(X)
        return self

    def predict(self, X):
        return np.array([float(text) for text in X]) + self.shift


@pytest.fixture
def problem(protocol):
    numbers = np.arange(30.0)
    X = numbers.astype(str)
    return protocol.Problem("numbers", "none", X, numbers, n_known=10, n_candidates=15)


def test_draws_are_those_that_the_protocol_says(protocol, problem):
    known, candidates = problem.draw(3)
    drawn = np.random.default_rng(3).choice(30, 25, replace=False)
    np.testing.assert_array_equal(np.concatenate([known, candidates]), drawn)
    few = protocol.Problem("few", "none", problem.X, problem.y, 10, 15, n_used=4)
    np.testing.assert_array_equal(few.draw(3)[0], known[:4])
    np.testing.assert_array_equal(few.draw(3)[1], candidates)
    rest = protocol.Problem("rest", "none", problem.X, problem.y, 10, None)
    assert sorted(np.concatenate(rest.draw(3)).tolist()) == list(range(30))


def test_leads_are_paired_and_signed(protocol, problem, tmp_path):
    methods = {
        "near": lambda space, seed: Constant(0.5),
        "far": lambda space, seed: Constant(1.0 + seed),
    }
    results = protocol.Results().run(problem, methods, range(3), {"far": 2})
    assert results.values("numbers", "far", "mae") == pytest.approx({0: 1.0, 1: 2.0})
    assert results.best("numbers", methods, "mae") == "near"
    # Ahead by .5 and 1.5, in the two trials that both ran in.
    assert results.ahead("numbers", "near", "far", "mae") == pytest.approx((1.0, 0.5))
    assert results.ahead("numbers", "far", "near", "mae") == pytest.approx((-1.0, 0.5))
    assert results.ahead("numbers", "near", "far", "kendall") == pytest.approx((0.0, 0.0))
    results.write_csv(tmp_path / "results.csv")
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert len(lines) == 1 + 5
    assert lines[0].startswith("problem,method,trial,kendall,")
    assert protocol.difference(1.0, 0.5) == "+1.0000 ± 0.5000 (+2.0)"
