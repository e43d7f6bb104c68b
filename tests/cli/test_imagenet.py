"""Predicting ImageNet accuracies of networks of one's own."""

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from torch import nn

from emprox.datasets import load_imagenet_networks, load_imagenet_regressor
from emprox.networks import capture

MODELS = """
import torch
from torch import nn

class Plain(nn.Sequential):
    def __init__(self, width=32):
        layers = []
        for source, target in ((3, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(source, target, 3, stride=2, padding=1), nn.ReLU()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 1000))

def wide():
    return Plain(64)

class Gray(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

class OnlySmall(Plain):
    def forward(self, image):
        assert image.shape[-1] == 64, "images of 64 pixels, please"
        return super().forward(image)

class Chooses(Plain):
    def forward(self, image):
        return super().forward(image if image.sum() > 0 else -image)
"""


@pytest.fixture(autouse=True)
def _models(tmp_path, monkeypatch):
    (tmp_path / "nets.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield
    sys.modules.pop("nets", None)


@pytest.fixture(scope="module")
def known():
    return load_imagenet_networks()


def test_a_known_network_is_predicted_about_right(run, known):
    index = int((known.model == "vgg16.tv_in1k").argmax())
    Path("vgg.json").write_text(known.data[index].to_json())
    result = run("imagenet", "vgg.json", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    (record,) = json.loads(result.stdout)
    assert record["network"] == "vgg.json"
    assert abs(record["top1"] - known.target[index]) < 2
    assert record["lower"] < record["top1"] < record["upper"] <= 100
    assert record["novelty"] == 0
    assert record["weights"] == 138_357_544
    nearest = record["nearest"]
    assert len(nearest) == 5
    assert nearest[0] == {
        "network": "vgg16.tv_in1k",
        "input_size": 224,
        "top1": 71.594,
        "weights": 138_357_544,
        "multiply_adds": record["multiply_adds"],
    }


def test_numbers_are_those_of_the_python_api(run):
    result = run("imagenet", "nets:Plain", "nets:wide", "--input-size", 160, "--output", "-")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["network"] for row in rows] == ["nets:Plain", "nets:wide"]
    sys.path.insert(0, ".")
    import nets

    model = load_imagenet_regressor()
    networks = [capture(make(), (1, 3, 160, 160)) for make in (nets.Plain, nets.wide)]
    for row, network, top1, (lower, upper), novelty in zip(
        rows,
        networks,
        model.predict(networks),
        model.predict_interval(networks),
        model.novelty(networks),
        strict=True,
    ):
        numbers = [float(row[name]) for name in ("top1", "lower", "upper", "novelty")]
        assert numbers == [round(float(value), 2) for value in (top1, lower, upper, novelty)]
        assert int(row["weights"]) == network.n_weights
        assert int(row["multiply_adds"]) == network.multiply_adds
        assert len(row["nearest"].split()) == 5


def test_tables(run):
    result = run("imagenet", "nets:Plain", "nets:wide", "--n-neighbors", 3)
    assert (result.exit_code, result.stderr) == (0, "")
    first, *rest = result.stdout.split("\nKnown networks nearest to ")
    assert [line.split()[0] for line in first.splitlines()[2:4]] == ["nets:Plain", "nets:wide"]
    assert "90 % interval" in first
    # Three convolutions are no network that anybody has trained on ImageNet.
    assert "nets:Plain is unlike all known networks" in result.stdout
    assert [text.partition(":\n")[0] for text in rest] == ["nets:Plain", "nets:wide"]
    for text in rest:
        assert len([line for line in text.splitlines() if "in1k" in line]) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nets:Gray"], "nets:Gray"),
        (["nets:OnlySmall"], "images of 64 pixels, please"),
        (["nets:OnlySmall"], "--input-size"),
        (["nets:Chooses"], "needs values"),
        (["nets:Missing"], "nets has no 'Missing'"),
        (["gone.json"], "gone.json: No such file"),
        (["wrong.json"], "wrong.json"),
        (["gray.json"], "three channels"),
        (["nets:Plain", "--output", "no/folder.csv"], "no/folder.csv"),
        (["vector.json", "--output", "vector.json"], "vector.json is an input too"),
    ],
)
def test_errors(run, arguments, words):
    Path("wrong.json").write_text("{}")
    gray = nn.Sequential(nn.Conv2d(1, 8, 3))
    Path("gray.json").write_text(capture(gray, (1, 1, 8, 8)).to_json())
    Path("vector.json").write_text(capture(nn.Linear(3, 3), (1, 3)).to_json())
    result = run("imagenet", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["nets:Plain", "--json", "--output", "-"], ["nets:Plain", "--input-size", "0"]],
)
def test_wrong_use(run, arguments):
    assert run("imagenet", *arguments).exit_code == 2
