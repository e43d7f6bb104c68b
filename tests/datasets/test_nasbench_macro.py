import hashlib
import json

import pytest

from emprox.datasets import _nasbench_macro
from emprox.datasets._base import PublishedFile
from emprox.datasets._nasbench_macro import fetch_nasbench_macro
from emprox.spaces._nasbench_macro import NASBenchMacroSpace

NETWORK = {
    "test_acc": [92.5, 93.0, 93.25],
    "mean_acc": 92.91666666666667,
    "std": 0.31180478223116176,
    "params": 1234567,
    "flops": 89012345,
}
OTHER = {
    "test_acc": [85.0, 85.0, 85.0],
    "mean_acc": 85.0,
    "std": 0.0,
    "params": 400000,
    "flops": 2**31,
}
NETWORKS = {"21020211": NETWORK, "00000000": OTHER}


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Return a function that puts a file into the data home, as if it were the published one."""
    monkeypatch.setenv("EMPROX_DATA_HOME", str(tmp_path))

    def put(networks):
        text = networks if isinstance(networks, str) else json.dumps(networks)
        published = _nasbench_macro._FILE
        (tmp_path / published.filename).write_text(text)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        file = PublishedFile(published.filename, published.url, sha256)
        monkeypatch.setattr(_nasbench_macro, "_FILE", file)

    return put


def test_bunch(put, tmp_path):
    put(NETWORKS)
    bunch = fetch_nasbench_macro()
    assert bunch.data.tolist() == ["21020211", "00000000"]
    assert bunch.data.dtype == object
    assert bunch.target.tolist() == [92.91666666666667, 85.0]
    assert bunch.target_names == ["mean_accuracy"]
    assert bunch.feature_names == ["architecture"]
    assert bunch.space == NASBenchMacroSpace.name
    assert NASBenchMacroSpace().encode(bunch.data).shape == (2, 8)
    assert bunch.frame is None
    assert bunch.filename == str(tmp_path / "nas-bench-macro_cifar10.json")
    assert bunch.url.endswith("/data/nas-bench-macro_cifar10.json")
    for word in ("percent", "3,969", "Apache License 2.0", "best test"):
        assert word in bunch.DESCR


def test_every_target(put):
    put(NETWORKS)
    names = list(_nasbench_macro._TARGETS)
    X, y = fetch_nasbench_macro(target=names, return_X_y=True)
    assert len(X) == 2
    assert y.tolist() == [
        [92.91666666666667, 92.5, 93.0, 93.25, 0.31180478223116176, 1234567, 89012345],
        [85.0, 85.0, 85.0, 85.0, 0.0, 400000, 2**31],
    ]


def test_as_frame(put):
    pytest.importorskip("pandas")
    put(NETWORKS)
    frame = fetch_nasbench_macro(target=["flops", "params"], as_frame=True).frame
    assert list(frame.columns) == ["architecture", "flops", "params"]
    assert frame.architecture.tolist() == ["21020211", "00000000"]


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ("{", "is not JSON"),
        ([1, 2], "expected networks by their digits"),
        ({}, "expected networks by their digits"),
        ({"2102021": NETWORK}, "network '2102021': malformed: .*eight digits"),
        ({"21020213": NETWORK}, "network '21020213': malformed: .*eight digits"),
        ({"21020211": None}, "network '21020211': malformed: TypeError"),
        ({"21020211": {**NETWORK, "test_acc": [92.5]}}, "expected 3 test accuracies, got 1"),
        ({"21020211": {**NETWORK, "mean_acc": 929.2}}, "a percentage between 0 and 100, got 929.2"),
        ({"21020211": {"test_acc": [1, 2, 3]}}, "malformed: KeyError"),
    ],
)
def test_malformed_file(put, networks, message):
    put(networks)
    with pytest.raises(ValueError, match=message) as caught:
        fetch_nasbench_macro()
    assert "nas-bench-macro_cifar10.json" in str(caught.value)


def test_unknown_target():
    with pytest.raises(ValueError, match="Did you mean 'mean_accuracy'"):
        fetch_nasbench_macro(target="mean_acc")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nas-bench-macro_cifar10\.json is missing"):
        fetch_nasbench_macro(data_home=tmp_path, download_if_missing=False)


def test_wrong_file(tmp_path):
    (tmp_path / "nas-bench-macro_cifar10.json").write_text("{}")
    with pytest.raises(OSError, match="expected sha256 686dee8363cc21cc"):
        fetch_nasbench_macro(data_home=tmp_path)
