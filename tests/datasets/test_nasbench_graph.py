import importlib.util
import math
import os
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


def numpy_double(value):
    """Write a number as the published files do: protocol 3, with numpy's names before version 2."""
    dtype = b"cnumpy\ndtype\nX\x02\x00\x00\x00f8\x89\x88\x87R(K\x03X\x01\x00\x00\x00<NNN"
    dtype += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return (
        b"cnumpy.core.multiarray\nscalar\n"
        + dtype
        + b"C\x08"
        + np.float64(value).tobytes()
        + (b"\x86R")
    )


def test_values_and_units(put):
    put(pickle.dumps(RECORDS, protocol=3))
    bunch = load_nasbench_graph("cora", target=TARGETS)
    assert dict(zip(bunch.data, bunch.target.tolist(), strict=True)) == NETWORKS
    for word in (
        "percent",
        "26,206",
        "2,021",
        "Apache",
        "nas-bench-graph 1.4.0",
        "Licen",
        "random",
    ):
        assert word in bunch.DESCR or word.lower() in bunch.DESCR
    for name in TARGETS:
        assert f"\n{name} " in bunch.DESCR


def test_default_target_and_order(put):
    put(pickle.dumps(RECORDS, protocol=3))
    X, y = load_nasbench_graph(return_X_y=True)
    assert dict(zip(X, y, strict=True)) == {name: row[1] for name, row in NETWORKS.items()}
    put(pickle.dumps(dict(reversed(RECORDS.items())), protocol=3))
    assert_array_equal(load_nasbench_graph(return_X_y=True)[0], X)


def test_numbers_as_numpy_wrote_them(put):
    record = b"}(X\x0a\x00\x00\x00valid_perf" + numpy_double(0.8125)
    record += b"X\x04\x00\x00\x00perf" + numpy_double(0.25)
    put(b"\x80\x03}K\x00" + record + b"us.")
    y = load_nasbench_graph("cora", target=TARGETS[:2]).target
    assert y.tolist() == [[81.25, 25]]


def test_malicious_pickle_runs_nothing(put, tmp_path, call):
    target = tmp_path / "created"
    attack = {0: {"perf": call(os.mkdir, str(target))}}
    put(pickle.dumps(attack, protocol=3))
    with pytest.raises(pickle.UnpicklingError, match="it asks for"):
        load_nasbench_graph("cora")
    assert not target.exists()
    # The attack is real: read carelessly, it does run
    pickle.loads(pickle.dumps(attack, protocol=3))
    assert target.is_dir()


def test_truncated_file(put):
    put(pickle.dumps(RECORDS, protocol=3)[:-20])
    with pytest.raises(pickle.UnpicklingError):
        load_nasbench_graph("cora")


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


def test_wrong_name():
    with pytest.raises(ValueError, match="'cora', 'citeseer'"):
        load_nasbench_graph("imagenet")


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

    def test_the_package_finds_the_same(self):
        package = importlib.import_module("nas_bench_graph")
        X, y = load_nasbench_graph("cora", return_X_y=True)
        bench = package.light_read("cora")
        for text, value in list(zip(X, y, strict=True))[:500]:
            nodes = [node.split("~") for node in text.strip("|").split("|")]
            arch = package.Arch([int(source) for _, source in nodes], [name for name, _ in nodes])
            assert 100 * bench[arch.valid_hash()]["perf"] == value

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

    @pytest.mark.parametrize(
        ("dataset", "smallest", "mean", "largest"),
        [("cora", 9.20, 75.43, 83.13), ("proteins", 66.97, 76.63, 79.26)],
    )
    def test_ranges_of_the_description(self, dataset, smallest, mean, largest):
        bunch = load_nasbench_graph(dataset)
        found = [bunch.target.min(), bunch.target.mean(), bunch.target.max()]
        assert found == pytest.approx([smallest, mean, largest], abs=0.005)
        assert f"{smallest:.2f}, {mean:.2f}, {largest:.2f}" in bunch.DESCR

    def test_first_rows_are_a_random_sample(self):
        X, y = load_nasbench_graph("citeseer", return_X_y=True)
        decisions = get_space("nasbench_graph").encode(X)
        for n in (121, 1000):
            shares = [(decisions[:n, 3:] == operation).mean() for operation in range(9)]
            expected = [(decisions[:, 3:] == operation).mean() for operation in range(9)]
            # Six standard errors of a share of about a ninth, of 4 n operations
            assert np.abs(np.subtract(shares, expected)).max() < 6 * math.sqrt(0.1 / (4 * n))
            assert abs(y[:n].mean() - y.mean()) < 6 * y.std() / math.sqrt(n)
