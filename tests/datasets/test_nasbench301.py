import hashlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from emprox.datasets import _nasbench301
from emprox.datasets._base import PublishedFile
from emprox.datasets._nasbench301 import fetch_nasbench301
from emprox.spaces._darts._space import DARTSSpace

COMPACT = (
    "(((0, 5), (1, 3), (1, 5), (2, 0), (1, 5), (2, 1), (0, 5), (4, 4)),"
    " ((0, 4), (1, 0), (0, 5), (2, 5), (0, 2), (3, 1), (2, 3), (4, 1)))"
)
GENOTYPE = (
    "Genotype(normal=[('dil_conv_3x3', 0), ('sep_conv_3x3', 1), ('dil_conv_3x3', 1),"
    " ('max_pool_3x3', 2), ('dil_conv_3x3', 1), ('avg_pool_3x3', 2), ('dil_conv_3x3', 0),"
    " ('sep_conv_5x5', 4)], normal_concat=range(2, 6), reduce=[('sep_conv_5x5', 0),"
    " ('max_pool_3x3', 1), ('dil_conv_3x3', 0), ('dil_conv_3x3', 2), ('skip_connect', 0),"
    " ('avg_pool_3x3', 3), ('sep_conv_3x3', 2), ('avg_pool_3x3', 4)], reduce_concat=range(2, 6))"
)
OTHER = COMPACT.replace("(0, 5)", "(0, 6)")
ROWS = [
    {"idx": "0", "arch": COMPACT, "flops": {"score": 166.1}, "val_accuracy": 97.25},
    {"idx": "1", "arch": OTHER, "flops": {"score": 170.9}, "val_accuracy": 97.5},
]


def archive(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(f"flops/benchmark--nasbench301--{name}--0.json", content)
    return path


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Return a function that puts an archive into the data home, as if it were the published."""
    monkeypatch.setenv("EMPROX_DATA_HOME", str(tmp_path))

    def publish():
        sha256 = hashlib.sha256((tmp_path / "9x_all.zip").read_bytes()).hexdigest()
        file = PublishedFile("9x_all.zip", _nasbench301._FILE.url, sha256)
        monkeypatch.setattr(_nasbench301, "_FILE", file)

    def put(**members):
        archive(tmp_path / "9x_all.zip", members)
        publish()

    put.publish = publish
    return put


class TestFetch:
    def test_bunch(self, put, tmp_path):
        put(svhn=json.dumps(ROWS))
        bunch = fetch_nasbench301()
        assert bunch.data[0] == GENOTYPE
        assert bunch.data.dtype == object
        assert bunch.target.tolist() == [97.25, 97.5]
        assert bunch.target_names == ["svhn_accuracy"]
        assert bunch.feature_names == ["architecture"]
        assert bunch.space == "darts"
        assert bunch.frame is None
        assert bunch.filename == str(tmp_path / "9x_all.zip")
        assert bunch.url.startswith("https://raw.githubusercontent.com/automl/NASLib/")
        assert "Apache License" in bunch.DESCR

    def test_several_data_sets_are_joined_by_network(self, put):
        other = [{**row, "val_accuracy": row["val_accuracy"] / 2} for row in reversed(ROWS)]
        put(svhn=json.dumps(ROWS), ninapro=json.dumps(other))
        X, y = fetch_nasbench301(["svhn", "ninapro"], return_X_y=True)
        assert X[0] == GENOTYPE
        assert y.tolist() == [[97.25, 48.625], [97.5, 48.75]]
        assert fetch_nasbench301(["ninapro"]).target.shape == (2, 1)

    def test_as_frame(self, put):
        pytest.importorskip("pandas")
        put(scifar100=json.dumps(ROWS))
        X, y = fetch_nasbench301("scifar100", return_X_y=True, as_frame=True)
        assert list(X.columns) == ["architecture"]
        assert y.name == "scifar100_accuracy"

    def test_unknown_data_set(self):
        with pytest.raises(ValueError, match="Did you mean 'svhn'"):
            fetch_nasbench301("svnh")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("[1,", "member .*svhn.*: not JSON"),
            ("[" * 100_000, "not JSON"),
            ("[]", "expected a list of networks"),
            ("{}", "expected a list of networks"),
            ("[3]", "network 0: malformed"),
            (json.dumps([ROWS[0], {"arch": COMPACT}]), "network 1: malformed: KeyError"),
            (json.dumps([{**ROWS[0], "val_accuracy": 101}]), "between 0 and 100"),
            (json.dumps([{**ROWS[0], "val_accuracy": None}]), "network 0: malformed: TypeError"),
            (json.dumps([{**ROWS[0], "arch": "__import__('os')"}]), "not allowed in a genotype"),
        ],
    )
    def test_malformed_member(self, put, content, message):
        put(svhn=content)
        with pytest.raises(ValueError, match=message):
            fetch_nasbench301()

    def test_other_networks(self, put):
        put(svhn=json.dumps(ROWS), ninapro=json.dumps(ROWS[:1]))
        with pytest.raises(ValueError, match="networks of ninapro are not those of svhn"):
            fetch_nasbench301(["svhn", "ninapro"])

    def test_foreign_archive(self, put):
        put(imagenet=json.dumps(ROWS))
        with pytest.raises(ValueError, match="it has no flops/benchmark--nasbench301--svhn--0"):
            fetch_nasbench301()

    @pytest.mark.parametrize("damage", ["truncated", "no archive", "wrong content"])
    def test_damaged_archive(self, put, tmp_path, damage):
        put(svhn=json.dumps(ROWS))
        file = tmp_path / "9x_all.zip"
        content = file.read_bytes()
        changed = {
            "truncated": content[:-30],
            "no archive": b"hello",
            "wrong content": content.replace(b"97.25", b"98.25"),
        }
        file.write_bytes(changed[damage])
        with pytest.raises(OSError, match=r"is not the published file 9x_all\.zip"):
            fetch_nasbench301()
        # Even with the right hash, what is no archive is called so.
        put.publish()
        with pytest.raises(ValueError, match="is not a complete zip archive"):
            fetch_nasbench301()

    def test_a_member_that_is_too_large_is_not_unpacked(self, put, tmp_path):
        with zipfile.ZipFile(tmp_path / "9x_all.zip", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("flops/benchmark--nasbench301--svhn--0.json", b" " * 60_000_000)
        put.publish()
        with pytest.raises(ValueError, match="60,000,000 bytes are too many"):
            fetch_nasbench301()

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"9x_all\.zip is missing[\s\S]*raw\.github"):
            fetch_nasbench301(data_home=tmp_path, download_if_missing=False)


@pytest.fixture(scope="module")
def bunch():
    """Return the real accuracies of all three data sets."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("EMPROX_TEST_DATA") or default) / "darts"
    if not (folder / "9x_all.zip").is_file():
        pytest.skip(f"{folder / '9x_all.zip'} is missing; EMPROX_TEST_DATA can say where it is")
    names = ["svhn", "ninapro", "scifar100"]
    return fetch_nasbench301(names, data_home=folder, download_if_missing=False)


class TestFetchRealFile:
    def test_known_values_in_the_order_of_the_file(self, bunch):
        assert bunch.data.shape == (199,)
        assert bunch.target.shape == (199, 3)
        assert bunch.data[0] == GENOTYPE
        assert bunch.target[0, 0] == 97.26874345757145
        assert bunch.target_names == ["svhn_accuracy", "ninapro_accuracy", "scifar100_accuracy"]

    def test_what_the_description_says(self, bunch):
        space = DARTSSpace()
        assert len({space.isomorphism_key(cell) for cell in bunch.data}) == 199
        for name, column in zip(bunch.target_names, bunch.target.T, strict=True):
            (line,) = [line for line in bunch.DESCR.splitlines() if line.startswith(name)]
            written = [float(word) for word in line.split()[1:4]]
            assert written == [round(v, 2) for v in (column.min(), np.median(column), column.max())]
        assert bunch.target.std(axis=0).round(2).tolist() == [0.13, 0.67, 1.81]
        for column, n_images in zip(bunch.target.T, (26_032, 659, 10_000), strict=True):
            counts = column / 100 * n_images
            assert np.abs(counts - np.rint(counts)).max() < 2e-3
        correlations = np.corrcoef(bunch.target.T)[np.triu_indices(3, 1)]
        assert np.abs(correlations).max() < 0.125

    def test_the_archive_repeats_the_accuracies(self, bunch):
        members = {}
        with zipfile.ZipFile(bunch.filename) as file:
            for name in file.namelist():
                if name.endswith("nasbench301--svhn--0.json"):
                    rows = json.loads(file.read(name))
                    members[name] = {row["arch"]: row["val_accuracy"] for row in rows}
        assert len(members) == 13
        first = next(iter(members.values()))
        assert all(member == first for member in members.values())
        assert_array_equal(sorted(first.values()), np.sort(bunch.target[:, 0]))
