import importlib.metadata
import importlib.util
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn

from emprox.networks import Network

TOOL = Path(__file__).parents[2] / "tools" / "build_imagenet_networks.py"
HEADER = "model,img_size,top1,top1_err,top5,top5_err,param_count,crop_pct,interpolation"
# A convolution of 3 x 3 from 3 to 1,000 channels, with bias.
MILLIONS = 28_000 / 1e6


def make(architecture, size):
    """Build what timm would."""
    if architecture == "gone":
        raise RuntimeError("Unknown model (gone)")
    return nn.Sequential(nn.Conv2d(3, 1000, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.fixture
def tool(monkeypatch):
    spec = importlib.util.spec_from_file_location("build_imagenet_networks", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "build", make)
    licence = SimpleNamespace(read_text=lambda name: "licence")
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: licence)
    return module


@pytest.fixture
def table(tmp_path):
    """Return a function that writes timm's table of three rows of two networks."""

    def write(name="b", millions=MILLIONS):
        rows = [
            f"a.x_in1k,32,80,20,95,5,{MILLIONS:.2f},1.0,bicubic",
            f"a.in21k_ft_in1k,32,82,18,96,4,{MILLIONS:.2f},1.0,bicubic",
            f'{name}.x_in1k,48,81,19,96,4,"{millions:.2f}",1.0,bicubic',
        ]
        path = tmp_path / "results.csv"
        path.write_text("\n".join([HEADER, *rows, ""]))
        return path

    return write


def test_each_network_once(tool, table, tmp_path, capsys):
    output = tmp_path / "networks.zip"
    tool.main([str(table()), "--output", str(output)])
    assert "3 rows, 2 networks" in capsys.readouterr().out
    with zipfile.ZipFile(output) as archive:
        networks = [Network.from_json(line) for line in archive.read("networks.jsonl").splitlines()]
        rows = archive.read("results.csv").decode().splitlines()
        assert archive.read("LICENSE") == b"licence"
    assert [network.input_shapes for network in networks] == [((1, 3, n, n),) for n in (32, 48)]
    assert rows[0] == "model,family,training,img_size,top1,top5,network"
    assert sorted(rows[1:]) == [
        "a.in21k_ft_in1k,a,more data,32,82,96,0",
        "a.x_in1k,a,from scratch,32,80,95,0",
        "b.x_in1k,b,from scratch,48,81,96,1",
    ]
    before = output.read_bytes()
    tool.main([str(table()), "--output", str(output)])
    assert output.read_bytes() == before


def test_goes_on_where_it_was_interrupted(tool, table, tmp_path, monkeypatch):
    output = tmp_path / "networks.zip"
    journal = tmp_path / "networks.zip.journal"
    tool.main([str(table()), "--output", str(output)])
    complete = journal.read_text()
    journal.write_text(complete[:-20])
    built = []
    monkeypatch.setattr(tool, "build", lambda *key: built.append(key) or make(*key))
    tool.main([str(table()), "--output", str(output)])
    assert built == [("b", 48)]
    assert journal.read_text() == complete
    assert [json.loads(line)[:2] for line in complete.splitlines()] == [["a", 32], ["b", 48]]


@pytest.mark.parametrize(
    ("change", "words"),
    [({"name": "gone"}, "gone at 48: RuntimeError"), ({"millions": 7}, "b.x_in1k at 48: 0.0280 M")],
)
def test_problems_are_listed(tool, table, tmp_path, change, words):
    output = tmp_path / "networks.zip"
    with pytest.raises(SystemExit, match=words):
        tool.main([str(table(**change)), "--output", str(output)])
    assert not output.exists()
