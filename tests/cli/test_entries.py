"""Naming modules and functions of one's own, as all commands that take them do."""

import sys

import click
import pytest

from emprox.cli._entries import capture_entry, load_entry

MODELS = """
print("imported")
import torch
from torch import nn

class MyNet(nn.Sequential):
    def __init__(self, width=8):
        super().__init__(nn.Conv2d(3, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

class NeedsValues(MyNet):
    def __init__(self):
        super().__init__()
        self.rates = [rate.item() for rate in torch.linspace(0, 1, 3)]

class Fails(MyNet):
    def __init__(self):
        raise RuntimeError("out of\\nluck")

class Holder:
    Inner = MyNet

def build(width):
    return MyNet(int(width))

net = MyNet()
number = 3
returns_number = lambda: 3
"""


@pytest.fixture(autouse=True)
def _models(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(MODELS)
    (tmp_path / "imports_missing.py").write_text("\nimport no_such_module\n")
    (tmp_path / "wrong.py").write_text("def f(:")
    (tmp_path / "exits.py").write_text("raise SystemExit(2)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield
    for name in ("my_models", "imports_missing", "wrong", "exits"):
        sys.modules.pop(name, None)


def capture(reference, *arguments):
    return capture_entry(reference, load_entry(reference), *arguments, inputs=(1, 3, 32, 32))


@pytest.mark.parametrize("name", ["MyNet", "net", "NeedsValues", "Holder.Inner"])
def test_modules_and_what_makes_them(name, capsys):
    assert capture(f"my_models:{name}").n_weights == 8 * 28
    # What the user's code prints must not end up in a CSV file.
    assert capsys.readouterr().out == ""


def test_functions_with_arguments():
    assert capture("my_models:build", "16").n_weights == 16 * 28


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("my_models", "my_models:MyNet"),
        ("my_models:", "my_models:MyNet"),
        ("my_models.py:MyNet", "my_models for my_models.py"),
        ("missing:MyNet", "no module 'missing'"),
        ("missing.inner:MyNet", "no module 'missing'"),
        ("my_models.inner:MyNet", "no module 'my_models.inner'"),
        ("my_models:MyNets", "did you mean MyNet?"),
        ("my_models:build", "width"),
        ("my_models:Fails", "RuntimeError: out of luck"),
        ("my_models:number", "my_models:number is 3"),
        ("my_models:returns_number", "returned 3"),
        ("imports_missing:net", "line 2 of imports_missing.py"),
        ("wrong:net", "SyntaxError"),
        ("exits:net", "SystemExit"),
    ],
)
def test_errors_say_what_to_do(reference, words):
    with pytest.raises(click.ClickException) as caught:
        capture(reference)
    assert words in caught.value.message
    assert "\n" not in caught.value.message
