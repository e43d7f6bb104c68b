import base64
import hashlib
import json
import struct

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emprox.datasets import fetch_nasbench101, read_nasbench101
from emprox.spaces import get_space

CHAIN = ("010001000", "input,conv3x3-bn-relu,output")
DIAMOND = ("0110000100010000", "input,conv3x3-bn-relu,maxpool3x3,output")


def record(data):
    """Write a record of a TFRecord file, without its two checksums."""
    return len(data).to_bytes(8, "little") + bytes(4) + data + bytes(4)


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


def row(cell, epochs=108, **values):
    encoded = base64.b64encode(metrics(**values)).decode()
    key = hashlib.md5(",".join(cell).encode()).hexdigest()
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


class TestRead:
    def test_mean_of_the_repeats(self, write):
        bunch = read_nasbench101(write(ROWS))
        assert bunch.data.tolist() == [":".join(DIAMOND), ":".join(CHAIN)]
        assert_allclose(bunch.target, [93, 83])
        assert bunch.space == "nasbench101"
        assert bunch.chance_level == 10
        assert bunch.module_hashes == [json.loads(ROWS[0])[0], json.loads(ROWS[2])[0]]
        for word in ("423,624", "Apache License 2.0", "1902.09635", "percent", "seconds"):
            assert word in bunch.DESCR

    @pytest.mark.parametrize(("repeat", "expected"), [(0, [93, 81]), (1, [95, 85]), (2, [91, 83])])
    def test_one_repeat(self, write, repeat, expected):
        assert_allclose(read_nasbench101(write(ROWS), repeat=repeat).target, expected)

    def test_every_target(self, write):
        names = [
            *("training_time", "train_accuracy", "validation_accuracy", "test_accuracy"),
            "trainable_parameters",
        ]
        bunch = read_nasbench101(write(ROWS), target=names)
        assert_allclose(bunch.target, [[1200, 99, 93, 91, 300], [600, 99, 83, 81, 150]])
        assert bunch.chance_level is None

    @pytest.mark.parametrize(("stage", "share"), [("start", 0.5), ("halfway", 0.75), ("final", 1)])
    def test_stages(self, write, stage, share):
        bunch = read_nasbench101(write(ROWS), stage=stage)
        assert_allclose(bunch.target, [93 * share, 83 * share])

    def test_epochs(self, write):
        bunch = read_nasbench101(write(ROWS), epochs=4)
        assert bunch.data.tolist() == [":".join(CHAIN), ":".join(DIAMOND)]
        assert_allclose(bunch.target, [25, 35])
        with pytest.raises(ValueError, match="4, 108"):
            read_nasbench101(write(ROWS), epochs=12)

    def test_wrong_parameters(self, write):
        path = write(ROWS)
        with pytest.raises(ValueError, match="final"):
            read_nasbench101(path, stage="end")
        for repeat in (3, -1, 1.5):
            with pytest.raises(ValueError, match="from 0 to 2"):
                read_nasbench101(path, repeat=repeat)
        with pytest.raises(FileNotFoundError):
            read_nasbench101(path.with_name("missing.tfrecord"))


class TestDamagedFiles:
    def test_truncated_anywhere(self, write):
        path = write(ROWS[:2])
        content = path.read_bytes()
        for length in set(range(1, len(content))) - {len(record(ROWS[0]))}:
            path.write_bytes(content[:length])
            number = 1 if length < len(record(ROWS[0])) else 2
            with pytest.raises(ValueError, match=rf"nasbench\.tfrecord.*within record {number}"):
                read_nasbench101(path)

    @pytest.mark.parametrize(
        ("wrong", "word"),
        [
            (b"\x0a\x02hi", "JSON"),
            (b"[" * 50_000, "JSON"),
            (b'{"a": 1}', "list"),
            (b"[1, 2, 3, 4, 5]", "list"),
            (row(CHAIN)[:-1] + b', "more"]', "list"),
            (row((CHAIN[0], DIAMOND[1])), "number of nodes"),
            (row(("01000", CHAIN[1])), "number of nodes"),
            (row(("010000000", CHAIN[1])), "path"),
            (row((CHAIN[0], "input,conv9,output")), "conv9"),
            (row((CHAIN[0], "input,conv3x3-bn-relu,input")), "output"),
            (row((CHAIN[0], "")), "nodes"),
            (row((CHAIN[0], "x" * 60_000)), "nodes"),
            (row(CHAIN, validation=1.5), "validation_accuracy.*150"),
            (row(CHAIN, validation=float("nan")), "validation_accuracy"),
        ],
    )
    def test_wrong_rows(self, write, wrong, word):
        path = write([ROWS[0], wrong])
        with pytest.raises(ValueError, match=f"nasbench.tfrecord, record 2: .*{word}") as caught:
            read_nasbench101(path)
        assert len(str(caught.value)) < 600

    @pytest.mark.parametrize(
        ("message", "word"),
        [
            (b"", "0 evaluations"),
            (nested(1, b"") * 3, "validation_accuracy"),
            (nested(1, b"") * 4, "4 evaluations"),
            ((varint(1 << 3) + b"\x01") * 3, "evaluations"),
            (metrics()[:-1], "not a complete protocol buffer"),
            (b"\xff" * 20, "more than 64 bits"),
            (b"\x0a\x05ab", "not complete"),
            (b"\x0b", "kind 3"),
        ],
    )
    def test_wrong_metrics(self, write, message, word):
        encoded = base64.b64encode(message).decode()
        path = write([json.dumps(["hash", 108, *CHAIN, encoded]).encode()])
        with pytest.raises(ValueError, match=f"record 1: .*{word}"):
            read_nasbench101(path)


class TestFetch:
    def test_all(self, publish, data_home):
        publish("nasbench_only108.tfrecord", b"".join(map(record, ROWS)))
        bunch = fetch_nasbench101(target=["test_accuracy"])
        assert bunch.data.tolist() == [":".join(DIAMOND), ":".join(CHAIN)]
        assert_allclose(bunch.target, [[91], [81]])
        assert bunch.filename == str(data_home / "nasbench_only108.tfrecord")
        assert len(bunch.module_hashes) == 2

    def test_naslib(self, publish):
        key = f"({', '.join([*DIAMOND[0], '0', '4', '2', '1'])})"
        entry = {"val_accuracy": 92.5, "params": 4.1, "snip": -3}
        table = {"nasbench101": {"cifar10": {key: entry}}}
        publish("zc_nasbench101.json", json.dumps(table))
        bunch = fetch_nasbench101("naslib", target=["validation_accuracy", "snip", "params"])
        assert bunch.data.tolist() == [":".join(DIAMOND)]
        assert bunch.target.tolist() == [[92.5, -3, 4.1]]
        assert "only 292" in bunch.DESCR

    def test_unknown_subset_or_target(self):
        with pytest.raises(ValueError, match="'all', 'naslib'"):
            fetch_nasbench101("full")
        with pytest.raises(ValueError, match="unknown target 'snip'"):
            fetch_nasbench101(target="snip")


PROXIES = ["epe_nas", "fisher", "grad_norm", "grasp", "jacov", "l2_norm"]
PROXIES += ["plain", "snip", "synflow"]


class TestRealFile:
    def test_every_target(self, real_data):
        home = real_data("nasbench101", "zc_nasbench101.json").parent
        names = ["validation_accuracy", "params", "flops", *PROXIES]
        bunch = fetch_nasbench101("naslib", target=names, data_home=home)
        assert bunch.target.shape == (500, 12)
        assert np.isfinite(bunch.target).all()
        assert all(name in bunch.DESCR for name in names)

    def test_what_the_description_says(self, real_data):
        home = real_data("nasbench101", "zc_nasbench101.json").parent
        bunch = fetch_nasbench101("naslib", data_home=home)
        assert (bunch.target.min().round(2), bunch.target.max().round(2)) == (73.38, 94.71)
        assert bunch.target.std() == pytest.approx(4.03, abs=0.005)
        images = bunch.target / 100 * 9984
        assert np.abs(images - np.rint(images)).max() < 1e-3
        space = get_space("nasbench101")
        canonical = space.canonicalize(space.encode(bunch.data))
        _, members = np.unique(canonical, axis=0, return_inverse=True)
        groups = [bunch.target[members.ravel() == group] for group in range(members.max() + 1)]
        assert len(groups) == 292
        assert max(map(len, groups)) == 55
        squares = sum(((values - values.mean()) ** 2).sum() for values in groups)
        assert np.sqrt(squares / (500 - 292)) == pytest.approx(0.28, abs=0.005)
