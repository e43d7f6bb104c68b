import importlib.util
import math
import pickle
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from emprox.datasets import load_nasbench_graph
from emprox.spaces import get_space

TARGETS = ["validation_performance", "test_performance", "latency", "parameters"]
# [0, 1, 2, 3] with gcn, gin, fc, cheb; skip, gat, gat, gat; and four times gat on the input.
RECORDS = {
    81273: {"valid_perf": 0.5, "perf": 0.25, "latency": 0.001, "para": 1.5},
    88000: {"valid_perf": 0.75, "perf": 0.7, "latency": 0.002, "para": 0.5},
    0: {"valid_perf": 0.0, "perf": 1.0, "latency": 0.003, "para": 0.25},
}
NETWORKS = {
    "|gcn~0|gin~1|fc~2|cheb~3|": [50, 25, 0.001, 1.5],
    "|skip~0|gat~1|gat~2|gat~3|": [75, 70, 0.002, 0.5],
    "|gat~0|gat~0|gat~0|gat~0|": [0, 100, 0.003, 0.25],
}


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Return a function that writes cora's results into a package of the benchmark's name."""
    folder = tmp_path / "nas_bench_graph"
    (folder / "light").mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "nas_bench_graph"]:
        monkeypatch.delitem(sys.modules, name)
    yield (folder / "light" / "cora.bench").write_bytes
    sys.modules.pop("nas_bench_graph", None)


def test_values_and_units(put):
    put(pickle.dumps(RECORDS, protocol=3))
    bunch = load_nasbench_graph("cora", target=TARGETS)
    assert dict(zip(bunch.data, bunch.target.tolist(), strict=True)) == NETWORKS
    words = ["percent", "26,206", "2,021", "Apache", "nas-bench-graph 1.4.0", "licen", "random"]
    assert all(word.lower() in bunch.DESCR.lower() for word in words)
    for name in TARGETS:
        assert f"\n{name} " in bunch.DESCR


@pytest.mark.parametrize(
    "records",
    [
        *([], {}, {"gcn": RECORDS[0]}, {None: RECORDS[0]}, {2**80: RECORDS[0]}),
        *({88888: RECORDS[0]}, {10: RECORDS[0]}, {0: 3}, {0: {"valid_perf": 0.5}}),
        *({0: {"perf": None}}, {0: {"perf": "0.5"}}, {0: {"perf": math.nan}}),
    ],
)
def test_damaged_content(put, records):
    put(pickle.dumps(records, protocol=3))
    with pytest.raises(ValueError, match=r"cora\.bench"):
        load_nasbench_graph("cora")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "nas_bench_graph", None)
    with pytest.raises(ImportError, match=r"emprox\[benchmarks\]"):
        load_nasbench_graph()


@pytest.mark.skipif(
    importlib.util.find_spec("nas_bench_graph") is None, reason="nas-bench-graph is not installed"
)
class TestRealPackage:
    def test_known_values(self):
        X, y = load_nasbench_graph("cora", target=TARGETS, return_X_y=True)
        assert X.shape == (26206,)
        assert y.shape == (26206, 4)
        rows = dict(zip(X, y.tolist(), strict=True))
        # Read by eye from a disassembly of the file: the records of the keys 0 and 10000.
        gat = "|gat~0|gat~0|gat~{}|gat~{}|"
        assert rows[gat.format(0, 0)] == pytest.approx(
            [77.33333333, 79.7, 0.005922238, 1.736711], abs=1e-8
        )
        assert rows[gat.format(0, 1)][:3] == pytest.approx(
            [79.93333333, 81.43333333, 0.00497786204], abs=1e-8
        )

    def test_every_architecture_once_in_canonical_form(self):
        space = get_space("nasbench_graph")
        X, _ = load_nasbench_graph("arxiv", return_X_y=True)
        decisions = space.encode(X)
        assert len(np.unique(decisions, axis=0)) == 26206
        assert_array_equal(space.canonicalize(decisions), decisions)

    def test_rows_of_the_data_sets_belong_together(self):
        cora = load_nasbench_graph("cora").data
        assert_array_equal(load_nasbench_graph("arxiv").data, cora)
        proteins = load_nasbench_graph("proteins").data
        assert len(proteins) == 2021
        absent = ("gat", "gin", "cheb", "graph")
        assert_array_equal(
            proteins, [text for text in cora if not any(name in text for name in absent)]
        )
