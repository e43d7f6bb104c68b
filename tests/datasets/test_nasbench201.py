import hashlib
import math
import sys
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from emprox.datasets import _nasbench201, fetch_nasbench201, load_nasbench201
from emprox.datasets._base import PublishedFile
from emprox.spaces import get_space

# The example of the paper's authors: tuple (4, 0, 3, 1, 4, 3)
CELL = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"
ALL_SKIP = (
    "|skip_connect~0|+|skip_connect~0|skip_connect~1|"
    "+|skip_connect~0|skip_connect~1|skip_connect~2|"
)
ALL_NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def reaches_output(cell):
    """Whether a path without ``none`` leads from node 0 to node 3; worked out from the string."""
    reached = {0}
    for node, text in enumerate(cell.split("+"), start=1):
        edges = [edge.split("~") for edge in text.strip("|").split("|")]
        if any(name != "none" and int(source) in reached for name, source in edges):
            reached.add(node)
    return 3 in reached


class TestLoad:
    def test_bunch(self):
        bunch = load_nasbench201()
        assert bunch.data.shape == bunch.target.shape == (15625,)
        assert bunch.data.dtype == object
        assert bunch.target.dtype == float
        assert bunch.feature_names == ["architecture"]
        assert bunch.target_names == ["baseline_accuracy"]
        assert bunch.frame is None
        assert bunch.space == "nasbench201"
        for word in ("percent", "15,625", "analog-nasbench 0.1.3", "Licen", "random"):
            assert word in bunch.DESCR

    def test_known_values(self):
        # Read by eye from a disassembly of the source, which is in the order of the tuples
        names = [
            *("baseline_accuracy", "ptq_accuracy", "qat_accuracy", "noisy_accuracy"),
            *("analog_accuracy", "analog_drift_60s", "analog_drift_60s_uncertainty"),
            *("analog_drift_3600s", "analog_drift_3600s_uncertainty", "baseline_drift_2592000s"),
        ]
        X, y = load_nasbench201(target=names, return_X_y=True)
        (row,) = np.flatnonzero(X == ALL_SKIP)
        assert y[row].tolist() == [
            *(60.7836, 59.2256, 37.5616, 10.0),
            *(57.49, 87.4944, 0.3806),
            *(53.79, 2.82, 10.0),
        ]

    def test_every_cell_once(self):
        X, _ = load_nasbench201(return_X_y=True)
        space = get_space("nasbench201")
        assert sorted(X) == sorted(map(space.format, product(range(5), repeat=6)))

    def test_chance_level_where_the_output_is_cut_off(self):
        X, y = load_nasbench201(return_X_y=True)
        cut_off = np.array([not reaches_output(cell) for cell in X])
        assert cut_off.sum() == 341
        assert_array_equal(y == 10, cut_off)

    def test_first_rows_are_a_random_sample(self):
        X, y = load_nasbench201(return_X_y=True)
        decisions = get_space("nasbench201").encode(X)
        for n in (121, 1000):
            # Each operation on each edge: a binomial share of one fifth. Six standard errors
            for operation in range(5):
                shares = (decisions[:n] == operation).mean(axis=0)
                assert np.abs(shares - 0.2).max() < 6 * math.sqrt(0.2 * 0.8 / n)
            assert abs(y[:n].mean() - y.mean()) < 6 * y.std() / math.sqrt(n)

    def test_several_targets(self):
        names = ["analog_accuracy", "baseline_accuracy"]
        X, y = load_nasbench201(target=names, return_X_y=True)
        assert y.shape == (15625, 2)
        assert y.flags.c_contiguous
        for column, name in zip(y.T, names, strict=True):
            assert_array_equal(column, load_nasbench201(target=name).target)
        assert load_nasbench201(target=names[:1]).target.shape == (15625, 1)
        assert_array_equal(X, load_nasbench201().data)

    def test_every_target_is_a_percentage(self):
        bunch = load_nasbench201(target=list(_nasbench201._TARGETS))
        assert bunch.target.shape == (15625, 21)
        assert bunch.target_names == list(_nasbench201._TARGETS)
        accuracy = np.array(["uncertainty" not in name for name in bunch.target_names])
        assert 7.97 == bunch.target[:, accuracy].min() < bunch.target[:, accuracy].max() == 94.0664
        assert 0 == bunch.target[:, ~accuracy].min() < bunch.target[:, ~accuracy].max() == 11.39
        for name in bunch.target_names:
            assert f"\n{name} " in bunch.DESCR

    def test_as_frame(self):
        pandas = pytest.importorskip("pandas")
        arrays = load_nasbench201()
        bunch = load_nasbench201(as_frame=True)
        assert isinstance(bunch.data, pandas.DataFrame)
        assert list(bunch.data.columns) == ["architecture"]
        assert isinstance(bunch.target, pandas.Series)
        assert bunch.target.name == "baseline_accuracy"
        assert list(bunch.frame.columns) == ["architecture", "baseline_accuracy"]
        assert_array_equal(bunch.data["architecture"].to_numpy(dtype=object), arrays.data)
        assert_array_equal(bunch.target.to_numpy(), arrays.target)

        X, y = load_nasbench201(
            target=["qat_accuracy", "ptq_accuracy"], return_X_y=True, as_frame=True
        )
        assert X.shape == (15625, 1)
        assert list(y.columns) == ["qat_accuracy", "ptq_accuracy"]

    def test_as_frame_without_pandas(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match=r'as_frame=True needs pandas.*"emprox\[data\]"'):
            load_nasbench201(as_frame=True)

    def test_unknown_target(self):
        with pytest.raises(ValueError, match="Did you mean 'analog_accuracy'") as caught:
            load_nasbench201(target="analogue_accuracy")
        for name in _nasbench201._TARGETS:
            assert repr(name) in str(caught.value)

    def test_result_belongs_to_the_caller(self):
        load_nasbench201().target[:] = 0
        assert load_nasbench201().target.min() == 10


class TestNotation:
    def test_same_as_the_search_space(self):
        space = get_space("nasbench201")
        for cell in product(range(5), repeat=6):
            official = space.format(cell)
            assert _nasbench201._from_tuple(str(cell)) == official
            assert _nasbench201.from_digits("".join(map(str, cell))) == official
            assert _nasbench201._from_official(official) == official

    def test_example(self):
        assert _nasbench201._from_tuple("(4, 0, 3, 1, 4, 3)") == CELL
        assert _nasbench201.from_digits("403143") == CELL

    @pytest.mark.parametrize(
        ("read", "text", "message"),
        [
            (_nasbench201._from_tuple, "(4, 0, 3, 1, 4)", "a tuple of six numbers"),
            (_nasbench201._from_tuple, "(4, 0, 3, 1, 4, 5)", "a tuple of six numbers"),
            (_nasbench201._from_tuple, "__import__('os').abort()", "a tuple of six numbers"),
            (_nasbench201.from_digits, "40314", "six digits"),
            (_nasbench201.from_digits, "403145", "six digits"),
            (_nasbench201._from_official, CELL[:-1], "a NAS-Bench-201 string"),
            (_nasbench201._from_official, CELL.replace("none", "zero"), "a NAS-Bench-201 string"),
        ],
    )
    def test_malformed(self, read, text, message):
        with pytest.raises(ValueError, match=f"expected {message}.*, got"):
            read(text)


VALIDATION = """net,val_accs,aa_apgd-ce@Linf_eps-0.1
"(4, 0, 3, 1, 4, 3)",84.99,84.6
"(1, 1, 1, 1, 1, 1)",10.0,10.0
"""
IMAGENET = f"""net,net_str,val_accs
"(4, 0, 3, 1, 4, 3)",{CELL},32.699999857584636
"""
TEST = f"""CIFAR10TestAccuracy200Epochs,CIFAR100TestAccuracy200Epochs,\
ImageNetTestAccuracy200Epochs,ArchitectureString,UniqueString
85.86333333333334,52.913333294677734,26.6333332739936,{CELL},(0)@avg_pool_3x3
10.0,0.9999999992370605,0.8333333312140571,{ALL_NONE},#
"""


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Return a function that puts a file into the data home, as if it were the published one."""
    monkeypatch.setenv("EMPROX_DATA_HOME", str(tmp_path))

    def put(filename, text):
        content = text.encode()
        (tmp_path / filename).write_bytes(content)
        sources = {}
        for key, source in _nasbench201._SOURCES.items():
            if source.file.filename == filename:
                sha256 = hashlib.sha256(content).hexdigest()
                file = PublishedFile(filename, source.file.url, sha256)
                sources[key] = source._replace(file=file)
        assert sources
        monkeypatch.setattr(_nasbench201, "_SOURCES", _nasbench201._SOURCES | sources)

    return put


class TestFetch:
    @pytest.mark.parametrize(
        ("dataset", "split", "filename", "text", "X", "y"),
        [
            (
                *("cifar10", "validation", "robustness_targets.csv", VALIDATION),
                *([CELL, ALL_NONE], [84.99, 10.0]),
            ),
            (
                *("imagenet16-120", "validation", "nb201_ImageNet16-120_valid_nets.csv", IMAGENET),
                *([CELL], [32.699999857584636]),
            ),
            (
                *("cifar10", "test", "nats_bench.csv", TEST),
                *([CELL, ALL_NONE], [85.86333333333334, 10.0]),
            ),
            (
                *("cifar100", "test", "nats_bench.csv", TEST),
                *([CELL, ALL_NONE], [52.913333294677734, 0.9999999992370605]),
            ),
            (
                *("imagenet16-120", "test", "nats_bench.csv", TEST),
                *([CELL, ALL_NONE], [26.6333332739936, 0.8333333312140571]),
            ),
        ],
    )
    def test_reads_each_kind_of_file(self, put, tmp_path, dataset, split, filename, text, X, y):
        put(filename, text)
        bunch = fetch_nasbench201(dataset, split)
        assert bunch.data.tolist() == X
        assert bunch.data.dtype == object
        assert bunch.target.tolist() == y
        assert bunch.target_names == [f"{dataset}_{split}_accuracy"]
        assert bunch.feature_names == ["architecture"]
        assert bunch.space == "nasbench201"
        assert bunch.frame is None
        assert bunch.filename == str(tmp_path / filename)
        assert bunch.url.startswith("https://raw.githubusercontent.com/")
        assert bunch.url.endswith(f"/{filename}")
        assert "multiple of 1/10,000" in bunch.DESCR

    def test_return_X_y_and_as_frame(self, put):
        put("nats_bench.csv", TEST)
        X, y = fetch_nasbench201("cifar100", "test", return_X_y=True)
        assert (len(X), len(y)) == (2, 2)
        pytest.importorskip("pandas")
        X, y = fetch_nasbench201("cifar100", "test", return_X_y=True, as_frame=True)
        assert list(X.columns) == ["architecture"]
        assert y.name == "cifar100_test_accuracy"

    @pytest.mark.parametrize(
        ("dataset", "split"), [("cifar100", "validation"), ("CIFAR-10", "test"), ("cifar10", "dev")]
    )
    def test_unknown_combination_lists_the_known_ones(self, dataset, split):
        with pytest.raises(ValueError, match="no accuracies for") as caught:
            fetch_nasbench201(dataset, split)
        for known in ("('cifar10', 'validation')", "('imagenet16-120', 'test')"):
            assert known in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (VALIDATION.replace("val_accs", "accs"), "line 1: no column 'val_accs'"),
            (VALIDATION.replace("84.99", "nan"), "line 2, column val_accs: .*got nan"),
            (VALIDATION.replace(",10.0,10.0", ",10.0"), "line 3: 2 fields, but 3 columns"),
            (VALIDATION.replace("(1,", "(9,"), r"line 3, column net: .*got '\(9, 1"),
        ],
    )
    def test_malformed_file(self, put, text, message):
        put("robustness_targets.csv", text)
        with pytest.raises(ValueError, match=rf"robustness_targets\.csv, {message}"):
            fetch_nasbench201()

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"nats_bench\.csv is missing"):
            fetch_nasbench201("cifar10", "test", data_home=tmp_path, download_if_missing=False)

    def test_wrong_file(self, tmp_path):
        (tmp_path / "robustness_targets.csv").write_text(VALIDATION)
        with pytest.raises(OSError, match="expected sha256 1aafefcad84cebfb"):
            fetch_nasbench201(data_home=tmp_path)


@pytest.fixture(scope="module")
def bunch(nasbench201_data_home):
    """Return the real CIFAR-10 validation accuracies."""
    return fetch_nasbench201(data_home=nasbench201_data_home, download_if_missing=False)


class TestFetchRealFile:
    def test_known_values_in_the_order_of_the_file(self, bunch):
        assert bunch.data.shape == bunch.target.shape == (15625,)
        assert bunch.data[0] == CELL
        assert bunch.target[:4].tolist() == [84.99, 90.52, 88.4, 88.32]

    def test_what_the_description_says(self, bunch):
        assert len(set(bunch.data)) == 15625
        assert (bunch.target.min(), bunch.target.max()) == (10, 91.57)
        assert np.abs(bunch.target * 100 - np.rint(bunch.target * 100)).max() < 1e-9
        cut_off = np.array([not reaches_output(cell) for cell in bunch.data])
        assert_array_equal(bunch.target == 10, cut_off)

    def test_agreement_with_the_bundled_table(self, bunch):
        stats = pytest.importorskip("scipy.stats")
        X, y = load_nasbench201(return_X_y=True)
        position = {cell: row for row, cell in enumerate(X)}
        y = y[[position[cell] for cell in bunch.data]]
        assert stats.spearmanr(y, bunch.target)[0] == pytest.approx(0.982, abs=5e-4)
        assert stats.kendalltau(y, bunch.target)[0] == pytest.approx(0.888, abs=5e-4)
        assert (y - bunch.target).mean() == pytest.approx(3.42, abs=5e-3)
