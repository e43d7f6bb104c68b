import hashlib
import itertools
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from emprox.datasets import _transnasbench101
from emprox.datasets._base import PublishedFile
from emprox.datasets._transnasbench101 import fetch_transnasbench101
from emprox.spaces._transnasbench101_micro import TransNASBench101MicroSpace

SPACE = TransNASBench101MicroSpace()
TASKS = tuple(_transnasbench101._METRICS)
VALID = """,net,val_accs,fisher,new_net
0,"(2, 3, 2, 3, 2, 3)",53.836585998535156,3.17,"(2, 3, 2, 3, 2, 3)"
5,"(1, 0, 2, 0, 3, 1)",52.64729309082031,0.57,"(1, 0, 2, 0, 3, 1)"
"""


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Return a function that puts a file into the data home, as if it were the published one."""
    monkeypatch.setenv("EMPROX_DATA_HOME", str(tmp_path))

    def put(name, content):
        published = getattr(_transnasbench101, name)
        (tmp_path / published.filename).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        file = PublishedFile(published.filename, published.url, sha256)
        monkeypatch.setattr(_transnasbench101, name, file)

    return put


def result_of(cell, task):
    return sum(cell) + TASKS.index(task) / 10


def make_archive(path, change=lambda task, rows: rows):
    """Write a file in the format of the published one: two members for each task."""
    cells = list(itertools.product(range(4), repeat=6))
    # Neither the members nor the rows in them stand in the order of the index.
    numbers = np.random.default_rng(0).permutation(len(cells)).tolist()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zen/", "")
        for task in TASKS:
            rows = [
                {
                    "idx": str(number),
                    "arch": str(cells[number]),
                    "zen": {"score": 1.0, "time": 2.0},
                    "val_accuracy": result_of(cells[number], task),
                }
                for number in numbers
            ]
            rows = change(task, rows)
            for start in (2000, 0):
                part = rows[start : start + 2000] if start == 0 else rows[start:]
                name = f"zen/benchmark--transbench101_micro--{task}--{start}.json"
                archive.writestr(name, json.dumps(part))
        archive.writestr("zen/benchmark--nasbench101--cifar10--0.json", "[{}]")
    return path.read_bytes()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp("archive") / "all.zip")


class TestValidCells:
    def test_bunch(self, put, tmp_path):
        put("_VALID_CELLS", VALID.encode())
        bunch = fetch_transnasbench101()
        assert bunch.data.tolist() == ["64-41414-2_32_323", "64-41414-1_02_031"]
        assert bunch.data.dtype == object
        assert bunch.target.tolist() == [53.836585998535156, 52.64729309082031]
        assert bunch.target_names == ["class_scene_validation_top1"]
        assert bunch.feature_names == ["architecture"]
        assert bunch.space == "transnasbench101_micro"
        assert bunch.frame is None
        assert bunch.filename == str(tmp_path / "tnb101_micro_valid_nets.csv")
        assert bunch.url.endswith("/tnb101_micro_valid_nets.csv")
        assert "Group them before splitting" in bunch.DESCR
        for task, metric in _transnasbench101._METRICS.items():
            assert f"\n{task} " in bunch.DESCR
            assert f"{task}_validation_" in bunch.DESCR
            assert metric in bunch.DESCR

    def test_return_X_y_and_as_frame(self, put):
        pytest.importorskip("pandas")
        put("_VALID_CELLS", VALID.encode())
        X, y = fetch_transnasbench101(return_X_y=True, as_frame=True)
        assert list(X.columns) == ["architecture"]
        assert y.name == "class_scene_validation_top1"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (VALID.replace("(2,", "(4,"), r"line 2, column net: expected a tuple of six numbers"),
            (VALID.replace("53.836585998535156", "nan"), "line 2, column val_accs: .* got 'nan'"),
            (VALID.replace("val_accs", "accs"), "line 1: no column 'val_accs'"),
        ],
    )
    def test_malformed_file(self, put, text, message):
        put("_VALID_CELLS", text.encode())
        with pytest.raises(ValueError, match=rf"tnb101_micro_valid_nets\.csv, {message}"):
            fetch_transnasbench101()


class TestAllTasks:
    @pytest.mark.parametrize("task", TASKS)
    def test_every_task(self, put, archive, task):
        put("_ALL_TASKS", archive)
        bunch = fetch_transnasbench101(task, cells="all")
        cells = list(itertools.product(range(4), repeat=6))
        assert bunch.data.tolist() == [SPACE.format(cell) for cell in cells]
        assert bunch.target.tolist() == [result_of(cell, task) for cell in cells]

    def test_valid_cells_are_those_without_a_useless_edge(self, put, archive):
        put("_ALL_TASKS", archive)
        bunch = fetch_transnasbench101("normal")
        assert bunch.target_names == ["normal_validation_ssim"]
        cells = SPACE.encode(bunch.data)
        assert_array_equal(SPACE.prune(cells), cells)
        assert len(cells) == 2128
        assert bunch.target.tolist() == [result_of(cell, "normal") for cell in cells.tolist()]

    def test_several_tasks(self, put, archive):
        put("_ALL_TASKS", archive)
        bunch = fetch_transnasbench101(["jigsaw", "class_scene"], cells="all")
        assert bunch.target.shape == (4096, 2)
        assert bunch.target_names == ["jigsaw_validation_top1", "class_scene_validation_top1"]
        assert_array_equal(bunch.target[:, 0], fetch_transnasbench101("jigsaw", cells="all").target)
        assert fetch_transnasbench101(["jigsaw"], cells="all").target.shape == (4096, 1)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda rows: rows[1:], "4095 results of 4095 cells on jigsaw"),
            (lambda rows: [*rows[1:], rows[1]], "4096 results of 4095 cells"),
            (lambda rows: [{**rows[0], "arch": "[1]"}, *rows[1:]], r"--jigsaw--0\.json: malformed"),
            (lambda rows: [{"idx": "0"}, *rows[1:]], "malformed: KeyError"),
            (lambda rows: [{**rows[0], "val_accuracy": None}, *rows[1:]], "malformed: TypeError"),
            (lambda rows: [{**rows[0], "val_accuracy": "inf"}, *rows[1:]], "a finite number"),
        ],
    )
    def test_malformed_file(self, put, tmp_path, change, message):
        def only_jigsaw(task, rows):
            return change(rows) if task == "jigsaw" else []

        put("_ALL_TASKS", make_archive(tmp_path / "source.zip", only_jigsaw))
        with pytest.raises(ValueError, match=message):
            fetch_transnasbench101("jigsaw")


class TestArguments:
    def test_unknown_task(self):
        with pytest.raises(ValueError, match="Did you mean 'class_scene'") as caught:
            fetch_transnasbench101("class_scenes")
        for task in TASKS:
            assert repr(task) in str(caught.value)

    def test_unknown_cells(self):
        with pytest.raises(ValueError, match="cells has to be 'valid' or 'all', got 'unique'"):
            fetch_transnasbench101(cells="unique")

    @pytest.mark.parametrize(
        ("arguments", "filename"),
        [
            ({}, "tnb101_micro_valid_nets.csv"),
            ({"task": ["class_scene"]}, "tnb101_micro_valid_nets.csv"),
            ({"task": "jigsaw"}, "all_benchmarks_zen.zip"),
            ({"cells": "all"}, "all_benchmarks_zen.zip"),
        ],
    )
    def test_missing_file_says_where_to_get_it(self, tmp_path, arguments, filename):
        with pytest.raises(FileNotFoundError, match="To provide the file yourself") as caught:
            fetch_transnasbench101(**arguments, data_home=tmp_path, download_if_missing=False)
        for help_ in ("https://raw.githubusercontent.com/", f"/{filename}", str(tmp_path)):
            assert help_ in str(caught.value)


@pytest.fixture(scope="module")
def data_home():
    """Folder with the real archive; without it the test is skipped."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("EMPROX_TEST_DATA") or default) / "transnasbench101"
    if not (folder / "all_benchmarks_zen.zip").is_file():
        pytest.skip(f"{folder / 'all_benchmarks_zen.zip'} is missing; see EMPROX_TEST_DATA")
    return folder


class TestRealFile:
    # Lowest and highest result, as the docstring gives them.
    RANGES = (
        (7.48, 54.94),
        (21.20, 45.59),
        (-1.094, -0.601),
        (0.03, 95.37),
        (91.64, 94.61),
        (0.206, 0.587),
        (0.001, 0.577),
    )

    def test_what_the_docstring_says(self, data_home):
        bunch = fetch_transnasbench101(list(TASKS), cells="all", data_home=data_home)
        assert bunch.target.shape == (4096, 7)
        ranges = np.column_stack([bunch.target.min(axis=0), bunch.target.max(axis=0)])
        assert_array_equal(np.abs(ranges - self.RANGES) <= 0.0051, True)
        assert len(set(bunch.data)) == 4096

    def test_first_cells_and_their_results(self, data_home):
        bunch = fetch_transnasbench101(
            ["class_scene", "class_object"], data_home=data_home, download_if_missing=False
        )
        assert bunch.target.shape == (2128, 2)
        # The first row of the table of valid cells is the first here, with the same result.
        assert bunch.data[0] == "64-41414-2_32_323"
        assert bunch.target[0].tolist() == [53.836585998535156, 42.7597541809082]
