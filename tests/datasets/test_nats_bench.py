import bz2
import pickle
import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest

from emprox.datasets import read_nats_bench

CELLS = [
    "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|",
]
SIZES = ["8:8:8:8:8", "8:16:24:32:40", "64:64:64:64:64"]
TESTED_ON = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}
SEEDS = (777, 888)
TARGETS = ["accuracy", "params", "flops", "latency", "training_time"]


def accuracy(number, epochs, trained_on, tested_on, seed):
    """Make up an accuracy in which everything shows that it depends on."""
    code = list(TESTED_ON).index(trained_on) * 3 + TESTED_ON[trained_on].index(tested_on)
    return 10.0 * number + epochs / 10 + code + (seed == 888) / 2


def make_run(number, architecture, epochs, trained_on, seed):
    """Make the record of one training, as the benchmark's ResultsCount writes it down."""
    return {
        "net_state_dict": None,
        "train_times": OrderedDict((epoch, 2.0 + number) for epoch in range(epochs)),
        "arch_config": {"channel": 16, "num_cells": 5, "arch_str": architecture, "class_num": 10},
        "params": np.float64(0.25 + number),
        "flop": 34.5 + number,
        "epochs": epochs,
        "latency": [0.01 * (number + 1)],
        "eval_acc1es": {
            # Before the last epoch, accuracies that must not be read.
            f"{name}@{epoch}": accuracy(number, epochs, trained_on, name, seed)
            if epoch == epochs - 1
            else -1.0
            for name in TESTED_ON[trained_on]
            for epoch in range(epochs)
        },
    }


def make_results(number, architecture, trainings=("12", "200")):
    return OrderedDict(
        (
            hp,
            {
                "arch_str": architecture,
                "all_results": {
                    (name, seed): make_run(number, architecture, int(hp), name, seed)
                    for name in TESTED_ON
                    for seed in SEEDS
                },
                "dataset_seed": {name: list(SEEDS) for name in TESTED_ON},
            },
        )
        for hp in trainings
    )


def save(content, path, protocol=4):
    path.write_bytes(bz2.compress(pickle.dumps(content, protocol)))


def make_meta(architectures, infos=None):
    return {"meta_archs": architectures, "arch2infos": infos, "total_archs": len(architectures)}


@pytest.fixture
def topology(tmp_path):
    """Write a folder in the official format."""
    folder = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    folder.mkdir()
    save(make_meta(CELLS), folder / "meta.pickle.pbz2")
    for number, cell in enumerate(CELLS):
        save(make_results(number, cell), folder / f"{number:06d}.pickle.pbz2")
    return folder


class TestFolder:
    @pytest.mark.parametrize(
        ("dataset", "split", "code"),
        [
            ("cifar10", "validation", 0),
            ("cifar10", "test", 3),
            ("cifar100", "validation", 6),
            ("cifar100", "test", 7),
            ("imagenet16-120", "validation", 9),
            ("imagenet16-120", "test", 10),
        ],
    )
    def test_each_data_set_and_split(self, topology, dataset, split, code):
        bunch = read_nats_bench(topology, dataset, split)
        assert bunch.data.tolist() == CELLS
        # 200 epochs, and the mean of two seeds that differ by a half.
        np.testing.assert_allclose(bunch.target, [code + 20.25 + 10 * n for n in range(3)])
        assert bunch.target_names == [f"{dataset}_{split}_accuracy"]
        assert bunch.space == "nasbench201"
        assert bunch.epochs == 200
        assert bunch.filename == str(topology)
        assert "NATS-Bench" in bunch.DESCR
        assert bunch.chance_level == {"cifar10": 10, "cifar100": 1}.get(dataset, 100 / 120)

    def test_other_targets_and_epochs(self, topology):
        bunch = read_nats_bench(topology, epochs=12, target=TARGETS)
        expected = [
            [1.45 + 10 * n, 0.25 + n, 34.5 + n, 0.01 * (n + 1), 12 * (2 + n)] for n in range(3)
        ]
        np.testing.assert_allclose(bunch.target, expected)
        assert bunch.epochs == 12
        assert bunch.target_names[1] == "cifar10_validation_params"

    def test_missing_architectures_are_left_out(self, topology):
        (topology / "000001.pickle.pbz2").unlink()
        assert read_nats_bench(topology).data.tolist() == [CELLS[0], CELLS[2]]

    def test_size_space(self, tmp_path):
        save(make_meta(SIZES), tmp_path / "meta.pickle.pbz2")
        for number, text in enumerate(SIZES):
            results = make_results(number, text, ("01", "12", "90"))
            save(results, tmp_path / f"{number:06d}.pickle.pbz2")
        bunch = read_nats_bench(tmp_path, "cifar100", "test")
        assert bunch.data.tolist() == SIZES
        assert bunch.space == "natsbench_size"
        assert bunch.epochs == 90
        assert read_nats_bench(tmp_path, epochs=1).epochs == 1

    def test_sizes_that_differ_between_seeds_are_those_of_seed_888(self, topology):
        results = make_results(0, CELLS[0])
        results["200"]["all_results"]["cifar10-valid", 777]["params"] = 9.0
        save(results, topology / "000000.pickle.pbz2")
        assert read_nats_bench(topology, target="params").target.tolist() == [0.25, 1.25, 2.25]

    def test_times_that_are_not_there_are_nan(self, topology):
        results = make_results(0, CELLS[0])
        for seed in SEEDS:
            run = results["200"]["all_results"]["cifar10-valid", seed]
            run["latency"] = run["train_times"] = None
        save(results, topology / "000000.pickle.pbz2")
        bunch = read_nats_bench(topology, target=["latency", "training_time"])
        assert np.isnan(bunch.target[0]).all()
        assert not np.isnan(bunch.target[1:]).any()


class TestSingleFile:
    def test_same_as_the_folder(self, topology, tmp_path):
        infos = {number: make_results(number, cell) for number, cell in enumerate(CELLS)}
        file = tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
        save(make_meta(CELLS, infos), file)
        bunch = read_nats_bench(file, "cifar100", "test", target=TARGETS)
        folder = read_nats_bench(topology, "cifar100", "test", target=TARGETS)
        assert bunch.data.tolist() == folder.data.tolist()
        np.testing.assert_array_equal(bunch.target, folder.target)


class TestWrongArguments:
    def test_unknown_combination_lists_the_known_ones(self, topology):
        with pytest.raises(ValueError, match=r"'imagenet16-120', 'test'"):
            read_nats_bench(topology, "cifar10-valid")

    def test_unknown_target_or_epochs(self, topology):
        with pytest.raises(ValueError, match="Did you mean 'params'"):
            read_nats_bench(topology, target="param")
        with pytest.raises(ValueError, match="12, 200"):
            read_nats_bench(topology, epochs=90)

    def test_nothing_there(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="NATS"):
            read_nats_bench(tmp_path / "NATS")
        with pytest.raises(FileNotFoundError, match=r"meta\.pickle\.pbz2 is missing"):
            read_nats_bench(tmp_path)
        save(make_meta(CELLS), tmp_path / "meta.pickle.pbz2")
        with pytest.raises(ValueError, match="no results"):
            read_nats_bench(tmp_path)

    @pytest.mark.parametrize("name", ["NAS-Bench-201-v1_1-096897.pth", "NATS-tss.tar", "table.csv"])
    def test_other_files(self, tmp_path, name):
        (tmp_path / name).touch()
        with pytest.raises(ValueError, match=f"{name}.*-simple.*fetch_nasbench201"):
            read_nats_bench(tmp_path / name)


def make_nan(results):
    results["200"]["all_results"]["cifar10-valid", 777]["params"] = np.nan


class TestMalformed:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda results: results["200"].update(arch_str=CELLS[1]), "the meta file says"),
            (lambda results: results["200"].pop("all_results"), "KeyError"),
            (make_nan, "finite"),
            (
                lambda results: results["200"]["dataset_seed"].update({"cifar10-valid": []}),
                "no run",
            ),
            (lambda results: results.update({"200": None}), "TypeError"),
        ],
    )
    def test_results(self, topology, change, message):
        results = make_results(0, CELLS[0])
        change(results)
        save(results, topology / "000000.pickle.pbz2")
        with pytest.raises(ValueError, match=message) as caught:
            read_nats_bench(topology)
        assert "000000.pickle.pbz2" in str(caught.value)

    @pytest.mark.parametrize("content", [b"", b"not bzip2", bz2.compress(b"no pickle")])
    def test_damaged_file(self, topology, content):
        (topology / "000002.pickle.pbz2").write_bytes(content)
        with pytest.raises(pickle.UnpicklingError, match=r"000002\.pickle\.pbz2 is damaged"):
            read_nats_bench(topology)


class TestSafety:
    def test_bombs_are_not_unpacked(self, topology):
        # A thousand bytes that unpack to a list of 120 million zeros.
        file = topology / "000000.pickle.pbz2"
        compressor = bz2.BZ2Compressor()
        content = compressor.compress(b"\x80\x04](")
        part = b"B" + (10**6).to_bytes(4, "little") + bytes(10**6)
        content += b"".join(compressor.compress(part) for _ in range(120))
        file.write_bytes(content + compressor.compress(b"e.") + compressor.flush())
        assert file.stat().st_size < 50_000
        tracemalloc.start()
        with pytest.raises(pickle.UnpicklingError, match=r"000000\.pickle\.pbz2"):
            read_nats_bench(topology)
        assert tracemalloc.get_traced_memory()[1] < 150_000_000
        tracemalloc.stop()
