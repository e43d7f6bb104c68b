from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from emprox import from_torch
from emprox.spaces import ArchitectureError


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, (3, 1))
        self.project = nn.Conv2d(4, 8, 1, stride=2)

    def forward(self, x):
        y = self.conv2(F.relu(self.norm(self.conv1(x))))
        return torch.relu(y + self.project(x))


class Calls(nn.Module):
    """Runs any function on its inputs."""

    def __init__(self, function, **submodules):
        super().__init__()
        self.function = function
        for name, submodule in submodules.items():
            setattr(self, name, submodule)

    def forward(self, x):
        return self.function(self, x)


def operations(function, detail="main", **submodules):
    return from_torch(Calls(function, **submodules), detail=detail).operations[1:-1]


def test_residual_block_by_hand():
    found = from_torch(Residual(), space="mine")
    assert found.operations == (
        "input",
        "Conv2d(4, 8, 3x3, s2)",
        "BatchNorm2d(8)",
        "relu",
        "Conv2d(8, 8, 3x1)",
        "Conv2d(4, 8, 1x1, s2)",
        "add",
        "relu",
        "output",
    )
    chain = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6), (6, 7), (7, 8)]
    assert found.edges == tuple(sorted([*chain, (0, 5), (5, 6)]))
    assert found.space == "mine"


def unused(module, x):
    module.layer(x) + 1
    return x.relu()


def about_shapes(module, x):
    batch, channels = x.shape[0], x.size(1)
    return module.layer(x).reshape(batch, 2 * channels // 2, -1)


def in_place(module, x):
    y = x * 2
    y.add_(1)
    F.relu(y, inplace=True)
    torch.exp_(y)
    return y


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.register_buffer("shift", torch.ones(3))

    def forward(self, x):
        return x * self.scale + self.shift


BRANCHES = nn.ModuleList([nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 5, groups=1, dilation=2)])
CHAIN = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]


@pytest.mark.parametrize(
    ("module", "names", "edges"),
    [
        (
            Calls(lambda m, x: torch.cat([branch(x) for branch in m.layer], 1), layer=BRANCHES),
            ["Conv2d(3, 4, 1x1)", "Conv2d(3, 4, 5x5, d2)", "cat"],
            [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)],
        ),
        # A module that is used twice is two nodes.
        (
            Calls(lambda m, x: m.layer(m.layer(x)), layer=nn.Linear(5, 5)),
            ["Linear(5, 5)", "Linear(5, 5)"],
            CHAIN[:3],
        ),
        (Calls(unused, layer=nn.Linear(2, 2)), ["relu"], CHAIN[:2]),
        (Calls(about_shapes, layer=nn.Identity()), ["reshape"], CHAIN[:2]),
        (Calls(in_place), ["mul", "add", "relu", "exp"], CHAIN),
        (
            Scale(),
            ["parameter", "mul", "constant", "add"],
            [(0, 2), (1, 2), (2, 4), (3, 4), (4, 5)],
        ),
    ],
)
def test_graphs_by_hand(module, names, edges):
    found = from_torch(module)
    assert found.operations == ("input", *names, "output")
    assert found.edges == tuple(edges)


def test_an_operation_in_place_changes_what_comes_after():
    def forward(module, x):
        x = module.layer(x)
        module.relu(x)
        return x + 1

    layers = {"layer": nn.Linear(2, 2), "relu": nn.ReLU(inplace=True)}
    found = from_torch(Calls(forward, **layers))
    assert found.operations == ("input", "Linear(2, 2)", "ReLU", "add", "output")
    assert found.edges == ((0, 1), (1, 2), (2, 3), (3, 4))
    layers["relu"] = nn.ReLU()
    assert from_torch(Calls(forward, **layers)).operations == (
        "input",
        "Linear(2, 2)",
        "add",
        "output",
    )


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda m, x: x + 1, "add"),
        (lambda m, x: x.add(1), "add"),
        (lambda m, x: torch.add(x, 1), "add"),
        (lambda m, x: 1 + x, "add"),
        (lambda m, x: x / 2, "div"),
        (lambda m, x: torch.div(x, 2), "div"),
        (lambda m, x: -x, "neg"),
        (lambda m, x: x @ x, "matmul"),
        (lambda m, x: x[0], "getitem"),
        (lambda m, x: x.T, "T"),
        (lambda m, x: F.relu(x), "relu"),
        (lambda m, x: torch.relu(x), "relu"),
        (lambda m, x: F.max_pool2d(x, 2), "max_pool2d"),
        (lambda m, x: torch.concat([x, x]), "cat"),
    ],
)
def test_functions_have_one_name_however_they_are_called(function, name):
    assert operations(function) == (name,)


@pytest.mark.parametrize(
    ("layer", "main"),
    [
        (nn.Conv1d(2, 4, 3, stride=2), "Conv1d(2, 4, 3, s2)"),
        (nn.Conv2d(2, 4, 3), "Conv2d(2, 4, 3x3)"),
        (
            nn.Conv2d(4, 4, 3, stride=(2, 1), groups=4, dilation=3),
            "Conv2d(4, 4, 3x3, s2x1, d3, g4)",
        ),
        (nn.ConvTranspose3d(2, 4, 3), "ConvTranspose3d(2, 4, 3x3x3)"),
        (nn.MaxPool2d(2), "MaxPool2d(2x2, s2)"),
        (nn.AvgPool1d(3, stride=1), "AvgPool1d(3)"),
        (nn.AdaptiveAvgPool2d(1), "AdaptiveAvgPool2d(1x1)"),
        (nn.Linear(3, 7), "Linear(3, 7)"),
        (nn.GroupNorm(2, 8), "GroupNorm(8, g2)"),
        (nn.LayerNorm((4, 6)), "LayerNorm(4x6)"),
        (nn.Embedding(100, 16), "Embedding(100, 16)"),
        (nn.MultiheadAttention(8, 2), "MultiheadAttention(8, h2)"),
        (nn.GRU(8, 16, num_layers=2), "GRU(8, 16, l2)"),
        (nn.LSTM(8, 16), "LSTM(8, 16)"),
        (nn.Dropout(0.25), "Dropout"),
        (nn.ReLU(), "ReLU"),
    ],
)
def test_main_parameters(layer, main):
    # Attention has three inputs and two results.
    def forward(module, x):
        return (
            module.layer(x, x, x) if isinstance(layer, nn.MultiheadAttention) else module.layer(x)
        )

    assert operations(forward, layer=layer) == (main,)
    assert operations(forward, "type", layer=layer) == (main.partition("(")[0],)
    full = operations(forward, "full", layer=layer)[0]
    assert full == (repr(layer) if layer.extra_repr() else type(layer).__name__)


def test_full_detail_of_functions():
    assert operations(lambda m, x: torch.flatten(x, 1), "full") == ("flatten(1)",)
    assert operations(lambda m, x: torch.cat([x, x.relu()], dim=1), "full") == (
        "relu",
        "cat(dim=1)",
    )
    assert operations(lambda m, x: x.reshape(x.size(0), -1), "full") == ("reshape(-1)",)
    assert operations(lambda m, x: x.reshape((x.size(0), -1)), "full") == ("reshape((…, -1))",)
    assert operations(lambda m, x: x.T, "full") == ("T",)


class TwoInputs(nn.Module):
    def forward(self, x, y, negate=False, unused=None):
        return {"sum": x + y, "x": -x if negate else x}


def test_several_inputs_and_outputs():
    plain = from_torch(TwoInputs(), concrete_args={"negate": False})
    assert plain.operations == ("input", "input", "add", "output")
    assert plain.edges == ((0, 2), (0, 3), (1, 2), (2, 3))
    negated = from_torch(TwoInputs(), concrete_args={"negate": True})
    assert negated.operations == ("input", "input", "add", "neg", "output")


class Gate(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def nested():
    layers = OrderedDict(first=nn.Linear(2, 2), gate=Gate())
    return nn.Sequential(OrderedDict(stem=nn.Linear(3, 2), body=nn.Sequential(layers)))


def test_a_module_that_cannot_be_traced_is_named():
    with pytest.raises(
        ArchitectureError,
        match=r"submodule 'body.gate' \(Gate\).*control flow.*leaf=\['body.gate'\].*concrete_args",
    ):
        from_torch(nested())
    with pytest.raises(ArchitectureError, match=r"Gate cannot be traced, .*leaf="):
        from_torch(Gate())
    with pytest.raises(ArchitectureError, match=r"TwoInputs cannot be traced.*concrete_args"):
        from_torch(TwoInputs())
    with pytest.raises(ArchitectureError, match="cannot be traced"):
        from_torch(Calls(lambda m, x: sum(x[i] for i in range(len(x)))))


@pytest.mark.parametrize("leaf", [["body.gate"], [Gate], ("body.gate", Gate)])
def test_leaf_modules_are_single_nodes(leaf):
    expected = ("input", "Linear(3, 2)", "Linear(2, 2)", "Gate", "output")
    assert from_torch(nested(), leaf=leaf).operations == expected


def test_wrong_arguments():
    with pytest.raises(TypeError, match=r"expected a torch.nn.Module"):
        from_torch(nn.Linear)
    with pytest.raises(ValueError, match="detail has to be"):
        from_torch(Residual(), detail="some")
    with pytest.raises(ValueError, match=r"leaf names \['body.gat'\]"):
        from_torch(nested(), leaf=["body.gat"])
    for single in ("body.gate", Gate):
        with pytest.raises(ValueError, match="put it in a list"):
            from_torch(nested(), leaf=single)


def test_layers_made_of_layers_of_different_width_are_different():
    layers = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, width) for width in (4, 6, 6)])
    first, second, third = operations(lambda m, x: m.all[2](m.all[1](m.all[0](x))), all=layers)
    assert first.startswith("TransformerEncoderLayer(")
    assert first != second == third
    assert operations(lambda m, x: m.all[0](x), "type", all=layers) == ("TransformerEncoderLayer",)


def test_the_mode_does_not_matter_and_is_left_as_it_was():
    def forward(module, x):
        x = F.dropout(module.layer(x), 0.5, module.training)
        return x + 1 if module.training else x

    module = Calls(forward, layer=nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    module.layer[0].eval()
    modes = [each.training for each in module.modules()]
    in_training = from_torch(module, detail="full")
    assert [each.training for each in module.modules()] == modes
    assert from_torch(module.eval(), detail="full") == in_training
    assert not module.training
