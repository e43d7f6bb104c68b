import base64
import hashlib
import json
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from emprox.datasets import _nasbench101
from emprox.datasets._base import PublishedFile
from emprox.datasets._nasbench101 import fetch_nasbench101, read_nasbench101
from emprox.datasets._protobuf import read_fields
from emprox.datasets._tfrecord import make_record, masked_checksums, read_records

CHAIN = ("010001000", "input,conv3x3-bn-relu,output")
DIAMOND = ("0110000100010000", "input,conv3x3-bn-relu,maxpool3x3,output")


def crc32c(data):
    """Compute a CRC-32C bit by bit, from its polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def record(data):
    length = len(data).to_bytes(8, "little")
    head = length + masked(length).to_bytes(4, "little")
    return head + data + masked(data).to_bytes(4, "little")


def varint(number):
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def double(field, value):
    return varint(field << 3 | 1) + struct.pack("<d", value)


def nested(field, message):
    return varint(field << 3 | 2) + varint(len(message)) + message


def metrics(*, train=0.99, validation=0.93, test=0.92, seconds=1200.0, parameters=2_694_282):
    """Write a ModelMetrics message: at the start, halfway and at the end of training."""
    evaluations = []
    for part in (0.0, 0.5, 1.0):
        evaluations.append(
            double(1, 108 * part)
            + double(2, seconds * part)
            + double(3, train * (part + 1) / 2)
            + double(4, validation * (part + 1) / 2)
            + double(5, test * (part + 1) / 2)
            + nested(6, b"model.ckpt-" + str(part).encode())
        )
    fixed = varint(2 << 3) + varint(parameters) + double(3, seconds + 100)
    return b"".join(nested(1, evaluation) for evaluation in evaluations) + fixed


def row(cell, epochs=108, module_hash=None, **values):
    encoded = base64.b64encode(metrics(**values)).decode()
    key = module_hash or hashlib.md5(",".join(cell).encode()).hexdigest()
    return json.dumps([key, epochs, *cell, encoded]).encode()


# Two cells, three trainings each of 108 epochs and one of 4, in mixed order.
ROWS = [
    row(DIAMOND, validation=0.93, test=0.90, parameters=300),
    row(CHAIN, epochs=4, validation=0.25),
    row(CHAIN, validation=0.81, test=0.80, parameters=150, seconds=500.0),
    row(DIAMOND, validation=0.95, test=0.91, parameters=300),
    row(CHAIN, validation=0.85, test=0.82, parameters=150, seconds=700.0),
    row(CHAIN, validation=0.83, test=0.81, parameters=150, seconds=600.0),
    row(DIAMOND, epochs=4, validation=0.35),
    row(DIAMOND, validation=0.91, test=0.92, parameters=300),
]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file of rows and returns its path."""

    def write(rows, name="nasbench.tfrecord"):
        path = tmp_path / name
        path.write_bytes(b"".join(record(row) for row in rows))
        return path

    return write


class TestChecksums:
    def test_published_check_value(self):
        # The check value of CRC-32C in every catalogue of such sums
        assert crc32c(b"123456789") == 0xE3069283
        assert masked_checksums([b"123456789"])[0] == masked(b"123456789")

    def test_many_at_once(self):
        rng = np.random.default_rng(0)
        records = [rng.bytes(n) for n in rng.integers(0, 60, size=200)]
        assert masked_checksums(records).tolist() == [masked(data) for data in records]
        assert masked_checksums([]).tolist() == []

    def test_records(self, tmp_path):
        # More than one batch
        contents = [str(number).encode() * (number % 4) for number in range(5000)]
        path = tmp_path / "numbers.tfrecord"
        path.write_bytes(b"".join(map(make_record, contents)))
        assert list(read_records(path, 100)) == contents
        assert make_record(b"some data") == record(b"some data")


class TestRead:
    def test_mean_of_the_repeats(self, write):
        bunch = read_nasbench101(write(ROWS))
        assert bunch.data.tolist() == [":".join(DIAMOND), ":".join(CHAIN)]
        assert bunch.data.dtype == object
        np.testing.assert_allclose(bunch.target, [93, 83])
        assert bunch.target_names == ["validation_accuracy"]
        assert bunch.feature_names == ["architecture"]
        assert bunch.space == "nasbench101"
        assert bunch.frame is None
        assert bunch.module_hashes == [json.loads(ROWS[0])[0], json.loads(ROWS[2])[0]]
        assert bunch.filename.endswith("nasbench.tfrecord")
        for word in ("423,624", "Apache License 2.0", "1902.09635", "percent", "seconds"):
            assert word in bunch.DESCR

    @pytest.mark.parametrize(("repeat", "expected"), [(0, [93, 81]), (1, [95, 85]), (2, [91, 83])])
    def test_one_repeat(self, write, repeat, expected):
        np.testing.assert_allclose(read_nasbench101(write(ROWS), repeat=repeat).target, expected)

    def test_every_target(self, write):
        names = [
            *("training_time", "train_accuracy", "validation_accuracy", "test_accuracy"),
            "trainable_parameters",
        ]
        bunch = read_nasbench101(write(ROWS), target=names)
        np.testing.assert_allclose(bunch.target, [[1200, 99, 93, 91, 300], [600, 99, 83, 81, 150]])
        assert bunch.target_names == names

    @pytest.mark.parametrize(("stage", "share"), [("start", 0.5), ("halfway", 0.75), ("final", 1)])
    def test_stages(self, write, stage, share):
        bunch = read_nasbench101(write(ROWS), stage=stage)
        np.testing.assert_allclose(bunch.target, [93 * share, 83 * share])

    def test_epochs(self, write):
        bunch = read_nasbench101(write(ROWS), epochs=4)
        assert bunch.data.tolist() == [":".join(CHAIN), ":".join(DIAMOND)]
        np.testing.assert_allclose(bunch.target, [25, 35])
        with pytest.raises(ValueError, match=r"no training of 12 epochs; it has: 4, 108"):
            read_nasbench101(write(ROWS), epochs=12)

    def test_pandas(self, write):
        pytest.importorskip("pandas")
        X, y = read_nasbench101(write(ROWS), return_X_y=True, as_frame=True)
        assert list(X.columns) == ["architecture"]
        assert y.name == "validation_accuracy"

    def test_wrong_parameters(self, write):
        path = write(ROWS)
        with pytest.raises(ValueError, match="Did you mean 'test_accuracy'"):
            read_nasbench101(path, target="test_acuracy")
        with pytest.raises(ValueError, match="stage has to be one of start, halfway, final"):
            read_nasbench101(path, stage="end")
        for repeat in (3, -1):
            with pytest.raises(ValueError, match="repeat has to be None or from 0 to 2"):
                read_nasbench101(path, repeat=repeat)
        with pytest.raises(FileNotFoundError):
            read_nasbench101(path.with_name("missing.tfrecord"))


class TestDamagedFiles:
    def test_truncated_anywhere(self, tmp_path):
        content = record(b"first") + record(b"second")
        path = tmp_path / "cut.tfrecord"
        for length in set(range(1, len(content))) - {len(record(b"first"))}:
            path.write_bytes(content[:length])
            with pytest.raises(ValueError, match=r"cut\.tfrecord is truncated: it ends within"):
                list(read_records(path, 100))

    def test_any_wrong_bit(self, tmp_path):
        content = record(b"first") + record(b"second")
        path = tmp_path / "wrong.tfrecord"
        for position in range(8 * len(content)):
            damaged = bytearray(content)
            damaged[position // 8] ^= 1 << position % 8
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=r"is damaged|is no TFRecord file"):
                list(read_records(path, 100))

    def test_says_which_record(self, write):
        path = write(ROWS[:3])
        content = bytearray(path.read_bytes())
        content[-5] ^= 1
        path.write_bytes(content)
        with pytest.raises(ValueError, match="damaged: the checksum of record 3 is wrong"):
            read_nasbench101(path)

    @pytest.mark.parametrize("content", [b"<html>not found</html>", b"\x1f\x8b" + bytes(100)])
    def test_other_kinds_of_file(self, tmp_path, content):
        path = tmp_path / "nasbench.tfrecord"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is no TFRecord file"):
            read_nasbench101(path)

    def test_enormous_record(self, tmp_path):
        path = tmp_path / "images.tfrecord"
        length = (2**60).to_bytes(8, "little")
        path.write_bytes(length + masked(length).to_bytes(4, "little") + b"data")
        with pytest.raises(ValueError, match="this is some other TFRecord file"):
            read_nasbench101(path)

    def test_empty(self, write):
        with pytest.raises(ValueError, match="holds no training of 108 epochs; it has: none"):
            read_nasbench101(write([]))

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            (b"\x0a\x02hi", "not a row of NAS-Bench-101, which is JSON"),
            (b"[" * 50_000, "not a row of NAS-Bench-101, which is JSON"),
            (b'{"a": 1}', "which is a list of the hash"),
            (b"[1, 2, 3, 4, 5]", "which is a list of the hash"),
            (row(CHAIN)[:-1] + b', "more"]', "which is a list of the hash"),
            (row((CHAIN[0], DIAMOND[1])), "differ in the number of nodes"),
            (row(("01000", CHAIN[1])), "square matrix"),
            (row(("010000000", CHAIN[1])), "no path leads from the input to the output"),
            (row((CHAIN[0], "input,conv9,output")), "unknown operation 'conv9'"),
            (row((CHAIN[0], "input,conv3x3-bn-relu,input")), "from input to output"),
            (row((CHAIN[0], "")), "from input to output"),
            (row(CHAIN, validation=1.5), "validation_accuracy has to be between 0 and 1, got 1.5"),
            (row(CHAIN, validation=float("nan")), "the metrics have no validation_accuracy"),
        ],
    )
    def test_wrong_rows(self, write, wrong, message):
        path = write([ROWS[0], wrong])
        with pytest.raises(ValueError, match=f"nasbench.tfrecord, record 2: .*{message}"):
            read_nasbench101(path)

    @pytest.mark.parametrize(
        ("message", "error"),
        [
            (b"", "the metrics have 0 evaluations, not three"),
            (nested(1, b"") * 3, "the metrics have no validation_accuracy"),
            (nested(1, b"") * 4, "the metrics have 4 evaluations, not three"),
            (nested(1, varint(4 << 3) + b"\x01") * 3, None),  # accuracy 1 as a whole number
            (varint(1 << 3) + b"\x01", "the metrics have 1 evaluations, not three"),
            ((varint(1 << 3) + b"\x01") * 3, "not three"),
            (metrics()[:-1], "not a complete protocol buffer"),
            (b"\xff" * 20, "more than 64 bits"),
            (b"\x0a\x05ab", "the last field is not complete"),
            (b"\x0b", "a field of the unknown kind 3"),
        ],
    )
    def test_wrong_metrics(self, write, message, error):
        encoded = base64.b64encode(message).decode()
        path = write([json.dumps(["hash", 108, *CHAIN, encoded]).encode()])
        if error is None:
            assert read_nasbench101(path).target.tolist() == [100]
        else:
            with pytest.raises(ValueError, match=f"record 1: .*{error}"):
                read_nasbench101(path)

    def test_metrics_not_in_base64(self, write):
        with pytest.raises(ValueError, match="record 1: the metrics are not in base64"):
            read_nasbench101(write([json.dumps(["hash", 108, *CHAIN, "a*b"]).encode()]))


def test_fields_of_all_kinds():
    message = (
        varint(1 << 3)
        + varint(2**63)
        + double(2, -1.5)
        + nested(3, b"\x00\xff")
        + (varint(300 << 3 | 5) + struct.pack("<f", 0.25))
    )
    assert list(read_fields(message)) == [(1, 2**63), (2, -1.5), (3, b"\x00\xff"), (300, 0.25)]


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Return a function that puts a file into the data home, as if it were the published one."""
    monkeypatch.setenv("EMPROX_DATA_HOME", str(tmp_path))

    def put(name, content):
        file = getattr(_nasbench101, name)
        (tmp_path / file.filename).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        monkeypatch.setattr(_nasbench101, name, PublishedFile(file.filename, file.url, sha256))

    return put


KEY = f"({', '.join([*DIAMOND[0], '0', '4', '2', '1'])})"
TABLE = {"nasbench101": {"cifar10": {KEY: {"val_accuracy": 92.5, "params": 4.1, "snip": -3}}}}


class TestFetch:
    def test_all(self, put, tmp_path):
        put("_OFFICIAL", b"".join(record(row) for row in ROWS))
        bunch = fetch_nasbench101()
        assert bunch.data.tolist() == [":".join(DIAMOND), ":".join(CHAIN)]
        np.testing.assert_allclose(bunch.target, [93, 83])
        assert bunch.filename == str(tmp_path / "nasbench_only108.tfrecord")
        assert bunch.url == "https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord"
        assert len(bunch.module_hashes) == 2
        X, y = fetch_nasbench101(target=["test_accuracy"], return_X_y=True)
        assert_array_equal(X, bunch.data)
        np.testing.assert_allclose(y, [[91], [81]])

    def test_naslib(self, put):
        put("_NASLIB", json.dumps(TABLE).encode())
        bunch = fetch_nasbench101("naslib", target=["validation_accuracy", "snip", "params"])
        assert bunch.data.tolist() == [":".join(DIAMOND)]
        assert bunch.target.tolist() == [[92.5, -3, 4.1]]
        assert bunch.url.startswith("https://raw.githubusercontent.com/automl/NASLib/0b116007d4")
        assert "only 292" in bunch.DESCR

    def test_unknown_subset_or_target(self, tmp_path):
        with pytest.raises(ValueError, match="subset has to be 'all' or 'naslib', got 'full'"):
            fetch_nasbench101("full")
        with pytest.raises(ValueError, match="unknown target 'snip'"):
            fetch_nasbench101(target="snip", data_home=tmp_path)
        with pytest.raises(ValueError, match="unknown target 'test_accuracy'"):
            fetch_nasbench101("naslib", target="test_accuracy", data_home=tmp_path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "is not NASLib's table"),
            ("[1]", "is not NASLib's table"),
            ('{"nasbench101": {}}', "is not NASLib's table"),
            ('{"nasbench101": {"cifar10": []}}', "is not NASLib's table"),
            ('{"nasbench101": {"cifar10": {}}}', "holds no cell"),
            (json.dumps(TABLE).replace("92.5", "925"), "entry 1: .*between 0 and 100"),
            (json.dumps(TABLE).replace("92.5", "NaN"), "entry 1: expected a number .* got nan"),
            (json.dumps(TABLE).replace("92.5", '"92"'), "entry 1: expected a number"),
            (json.dumps(TABLE).replace("val_acc", "acc"), "entry 1: .*val_accuracy, got None"),
            (json.dumps(TABLE).replace("(0, 1", "(0, 2"), "entry 1: .*zeros and ones"),
            (json.dumps(TABLE).replace("(0", "(exit()"), "entry 1: expected the entries"),
        ],
    )
    def test_malformed_table(self, put, content, message):
        put("_NASLIB", content.encode())
        with pytest.raises(ValueError, match=rf"zc_nasbench101\.json.* {message}|{message}"):
            fetch_nasbench101("naslib")

    @pytest.mark.parametrize(
        ("subset", "name"),
        [("all", "nasbench_only108.tfrecord"), ("naslib", "zc_nasbench101.json")],
    )
    def test_missing_or_wrong_file(self, tmp_path, subset, name):
        with pytest.raises(FileNotFoundError, match=f"{name} is missing"):
            fetch_nasbench101(subset, data_home=tmp_path, download_if_missing=False)
        (tmp_path / name).write_bytes(b"<html>log in first</html>")
        with pytest.raises(OSError, match=r"expected sha256 [0-9a-f]{64}, found"):
            fetch_nasbench101(subset, data_home=tmp_path)

    def test_without_pandas(self, put, monkeypatch):
        put("_NASLIB", json.dumps(TABLE).encode())
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match="as_frame=True needs pandas"):
            fetch_nasbench101("naslib", as_frame=True)


@pytest.fixture(scope="module")
def data_home():
    """Folder with the real ``zc_nasbench101.json``; without it the test is skipped."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("EMPROX_TEST_DATA") or default) / "nasbench101"
    file = folder / "zc_nasbench101.json"
    if not file.is_file():
        pytest.skip(f"{file} is missing; EMPROX_TEST_DATA can say where it is")
    return folder


class TestFetchRealFile:
    def test_known_values(self, data_home):
        bunch = fetch_nasbench101("naslib", data_home=data_home, download_if_missing=False)
        assert bunch.data.shape == bunch.target.shape == (500,)
        assert bunch.data[0] == (
            "0111101000001100000010000110000001100000000000000:input,maxpool3x3,maxpool3x3,"
            "conv3x3-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,output"
        )
        assert bunch.target[0] == 92.578125

    def test_what_the_description_says(self, data_home):
        bunch = fetch_nasbench101("naslib", data_home=data_home, download_if_missing=False)
        assert (bunch.target.min().round(2), bunch.target.max().round(2)) == (73.38, 94.71)
        assert bunch.target.std() == pytest.approx(4.03, abs=0.005)
        images = bunch.target / 100 * 9984
        assert np.abs(images - np.rint(images)).max() < 1e-3
        keys = _nasbench101._SPACE.canonicalize(_nasbench101._SPACE.encode(bunch.data))
        _, members = np.unique(keys, axis=0, return_inverse=True)
        groups = [bunch.target[members.ravel() == group] for group in range(members.max() + 1)]
        assert len(groups) == 292
        assert max(map(len, groups)) == 55
        squares = sum(((values - values.mean()) ** 2).sum() for values in groups)
        assert np.sqrt(squares / (500 - 292)) == pytest.approx(0.28, abs=0.005)

    def test_every_target(self, data_home):
        names = list(_nasbench101._NASLIB_TARGETS)
        bunch = fetch_nasbench101("naslib", target=names, data_home=data_home)
        assert bunch.target.shape == (500, 12)
        assert np.isfinite(bunch.target).all()
        for name in names:
            assert name in bunch.DESCR
