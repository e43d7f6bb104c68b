"""The networks of the example on PyTorch models, and the tool that measures them."""

import csv
import importlib.util
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "examples" / "data" / "digits_cnns.csv"


@pytest.fixture(scope="module")
def tool():
    file = ROOT / "tools" / "train_digits_cnns.py"
    spec = importlib.util.spec_from_file_location("train_digits_cnns", file)
    module = importlib.util.module_from_spec(spec)
    path = sys.path.copy()
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = path


@pytest.fixture(scope="module")
def rows():
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_holds_the_networks_that_the_seeds_draw(tool, rows):
    assert [int(row["seed"]) for row in rows] == tool.distinct_seeds(300)
    assert len({row["network"] for row in rows}) == 300
    for row in rows:
        assert row["network"] == tool.sample_network(int(row["seed"]))
        assert 0 <= float(row["accuracy"]) <= 100


def test_every_network_can_be_built_and_has_its_parameters(tool, rows):
    images = torch.zeros(2, 1, 8, 8)
    for row in rows[::10]:
        network = tool.build_network(row["network"])
        assert network(images).shape == (2, 10)
        assert sum(p.numel() for p in network.parameters()) == int(row["parameters"])


def test_a_network_by_hand(tool):
    network = tool.build_network("branches-3-4-2-batch-tanh-none-add conv-1-8-1-none-relu-max-none")
    # Half of the first block's channels come from each branch; 8 channels of 2 x 2 pixels are left.
    first = 2 * (9 + 1) + 2 * (1 + 1) + 2 * 4 + 4 * (1 + 1)
    assert sum(p.numel() for p in network.parameters()) == first + 8 * (4 + 1) + 10 * (32 + 1)


def test_an_interrupted_run_goes_on(tool, tmp_path, monkeypatch):
    trained = []

    def make_row(seed, known, test):
        trained.append(seed)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return [seed, "network", 10, 50.0, 0.1]

    monkeypatch.setattr(tool, "make_row", make_row)
    monkeypatch.setattr(torch, "set_num_threads", lambda n_threads: None)
    table = tmp_path / "new" / "table.csv"
    with pytest.raises(KeyboardInterrupt):
        tool.main([str(table), "--networks", "5"])
    # As if the machine had gone down in the middle of the third line.
    with table.open("a") as file:
        file.write("2,netw")
    tool.main([str(table), "--networks", "5"])
    seeds = tool.distinct_seeds(5)
    assert trained == [*seeds[:3], *seeds[2:]]
    with table.open(newline="") as file:
        assert [int(row["seed"]) for row in csv.DictReader(file)] == seeds
    tool.main([str(table), "--networks", "5"])
    assert len(trained) == 6


def test_training_is_repeatable(tool, rows, monkeypatch):
    monkeypatch.setattr(tool, "EPOCHS", 1)
    known, test = tool.load_images()
    assert len(test[0]) == 900
    first, second = (tool.make_row(1, known, test)[:4] for _ in range(2))
    assert first == second
