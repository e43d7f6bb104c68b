"""What NetworkProperties says about the paths and signals of networks."""

import math
from collections import defaultdict

import numpy as np
import pytest
import torch
from torch import nn

from emprox.networks import capture
from emprox.properties import NetworkProperties

IMAGE = (1, 8, 16, 16)
NUMBER_OF_PATHS = "wide 1, narrow 1, depthwise 1, pooling 1, attention 1"


class Branches(nn.Module):
    """Adds up, concatenates or multiplies what some modules compute of the same input."""

    def __init__(self, *branches, join="add"):
        super().__init__()
        self.branches, self.join = nn.ModuleList(branches), join

    def forward(self, x):
        first, *others = (branch(x) for branch in self.branches)
        if self.join == "concatenate":
            return torch.cat([first, *others], 1)
        for other in others:
            first = first + other if self.join == "add" else first * other
        return first


def conv(kernel=3, norm=True, activation=nn.ReLU, groups=1):
    layers = [nn.Conv2d(8, 8, kernel, padding=kernel // 2, groups=groups)]
    layers += [nn.BatchNorm2d(8)] if norm else []
    return nn.Sequential(*layers, activation())


def residual(*layers):
    return Branches(nn.Identity(), nn.Sequential(*layers))


def describe(*modules, group, shape=IMAGE):
    """Return the columns of networks as dicts; columns that are the same for all are left out."""
    networks = [capture(module, shape) for module in modules]
    properties = NetworkProperties(groups=[group]).fit([*networks, capture(nn.GELU(), (1, 1, 2))])
    names = properties.get_feature_names_out()
    rows = properties.transform(networks)
    return [defaultdict(float, zip(names, row, strict=True)) for row in rows]


def paths(*modules, **kwargs):
    return describe(*modules, group="paths", **kwargs)


def signals(*modules, **kwargs):
    return describe(*modules, group="signals", **kwargs)


def number_of_paths(columns):
    return math.exp(columns[f"log soft paths ({NUMBER_OF_PATHS})"])


class TestPaths:
    def test_counts_the_paths_through_blocks(self):
        columns = paths(nn.Sequential(residual(conv()), residual(conv(), conv()), residual(conv())))
        assert number_of_paths(columns[0]) == pytest.approx(8)

    def test_adds_up_the_products_of_gains(self):
        block = Branches(nn.Identity(), conv(3), conv(1), nn.Sequential(conv(3), conv(1)))
        columns = paths(block)[0]
        gains = "wide 3, narrow 1.5, depthwise 1.5, pooling 1, attention 2"
        assert columns[f"log soft paths ({gains})"] == pytest.approx(math.log(1 + 3 + 1.5 + 4.5))

    def test_measures_the_most_the_fewest_and_the_mean(self):
        columns = paths(Branches(conv(), nn.Sequential(conv(5), conv(1), conv()), conv(1)))[0]
        found = [
            math.expm1(columns[f"log {which} {what} of a path"])
            for which in ("most", "fewest", "mean")
            for what in ("layers", "radius")
        ]
        assert found == pytest.approx([3, 3, 1, 0, 5 / 3, 4 / 3])

    def test_a_gate_is_no_path(self):
        squeeze = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid()]
        gated = nn.Sequential(conv(), Branches(nn.Identity(), nn.Sequential(*squeeze), join="mul"))
        assert number_of_paths(paths(gated)[0]) == pytest.approx(1)

    def test_the_keys_of_attention_are_no_path(self):
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        assert number_of_paths(paths(layer, shape=(1, 5, 8))[0]) == pytest.approx(4)

    def test_does_not_overflow(self):
        blocks = [residual(nn.BatchNorm2d(8), residual(conv(1))) for _ in range(300)]
        columns = paths(nn.Sequential(*blocks), shape=(1, 8, 2, 2))[0]
        assert columns[f"log soft paths ({NUMBER_OF_PATHS})"] == pytest.approx(300 * math.log(3))


class TestSignals:
    def test_normalised_signals_of_independent_layers_add_up(self):
        norm = nn.BatchNorm2d(8)
        columns = signals(
            nn.Sequential(norm, residual(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))),
            nn.Sequential(norm, Branches(nn.Identity(), nn.BatchNorm2d(8))),
        )
        # Two independent ones, and a signal twice.
        found = [math.exp(each["log variance of the output"]) for each in columns]
        assert found == pytest.approx([2, 4], rel=1e-5)

    def test_rectification_makes_inputs_more_alike(self):
        columns = signals(nn.Sequential(*(conv() for _ in range(3))), conv())
        c = 0.8
        kernel = (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / (2 * math.pi)
        expected = (kernel - 1 / (2 * math.pi)) / (1 / 2 - 1 / (2 * math.pi))
        assert columns[1]["correlation of outputs"] == pytest.approx(expected)
        assert columns[0]["correlation of outputs"] < expected

    def test_layers_without_normalisation_lose_power(self):
        layers = [nn.Conv2d(8, 8, 1) for _ in range(4)]
        columns = signals(nn.Sequential(*layers))[0]
        assert columns["log power of the output"] == pytest.approx(4 * math.log(1 / 3), abs=1e-3)
        assert columns["log jacobian"] == pytest.approx(4 * math.log(1 / 3), abs=1e-6)

    @pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.Tanh, nn.Sigmoid, nn.Hardswish])
    def test_agrees_with_what_is_measured(self, activation):
        torch.manual_seed(0)
        module = nn.Sequential(
            *(nn.Sequential(nn.Linear(1000, 1000, bias=False), activation()) for _ in range(2)),
        )
        first = torch.randn(200, 1000)
        second = 0.8 * first + 0.6 * torch.randn(200, 1000)
        with torch.no_grad():
            outputs, others = module(first), module(second)
        deviations, others = outputs - outputs.mean(0), others - others.mean(0)
        correlation = (deviations * others).mean() / deviations.square().mean()
        columns = signals(module, shape=(1, 1000))[0]
        power = outputs.square().mean().item()
        assert columns["log power of the output"] == pytest.approx(math.log(power), abs=0.15)
        assert columns["correlation of outputs"] == pytest.approx(correlation.item(), abs=0.03)

    def test_gradients_are_those_that_are_measured(self):
        torch.manual_seed(0)
        module = nn.Sequential(
            *(nn.Sequential(nn.Linear(500, 500, bias=False), nn.Tanh()) for _ in range(4))
        )
        outputs = module(torch.randn(300, 500))
        weights = [layer[0].weight for layer in module]
        gradients = torch.autograd.grad((outputs * torch.randn(300, 500)).sum(), weights)
        first, *_, last = (gradient.square().mean().log().item() for gradient in gradients)
        column = signals(module, shape=(1, 500))[0]["log gradient of the first over the last layer"]
        assert column == pytest.approx(first - last, abs=0.2)

    def test_does_not_overflow(self):
        vanishing = [nn.Sequential(nn.Linear(4, 4), nn.Sigmoid()) for _ in range(1000)]
        exploding = [Branches(nn.Linear(4, 4), nn.Identity(), nn.ReLU()) for _ in range(1000)]
        for columns in signals(nn.Sequential(*vanishing), nn.Sequential(*exploding), shape=(1, 4)):
            assert np.isfinite(list(columns.values())).all()


class TestBoth:
    @pytest.mark.parametrize("group", ["paths", "signals"])
    def test_same_for_the_same_network_written_otherwise(self, group):
        one = nn.Sequential(conv(), Branches(nn.Identity(), conv(5), conv(1)), conv())
        other = nn.Sequential(
            nn.Identity(), nn.Sequential(conv(), Branches(conv(1), nn.Identity(), conv(5))), conv()
        )
        columns, others = describe(one, other, group=group)
        assert columns == pytest.approx(others)

    @pytest.mark.parametrize("group", ["paths", "signals"])
    def test_what_is_not_used_does_not_count(self, group):
        class Unused(nn.Module):
            def __init__(self):
                super().__init__()
                self.used, self.unused = conv(), conv(5)

            def forward(self, x):
                self.unused(x)
                return self.used(x)

        columns, others = describe(conv(), Unused(), group=group)
        assert columns == others

    @pytest.mark.parametrize("group", ["paths", "signals"])
    @pytest.mark.parametrize(
        ("module", "shape"),
        [
            (nn.Linear(3, 1), (1, 3)),
            (nn.LSTM(3, 4, batch_first=True, device="meta"), (1, 7, 3)),
            (nn.TransformerEncoderLayer(8, 2, 16), (5, 1, 8)),
            (nn.Sequential(nn.Conv1d(4, 4, 3), nn.MaxPool1d(2)), (1, 4, 16)),
            (nn.Conv3d(4, 8, 3), (1, 4, 8, 8, 8)),
            (nn.ReLU(), (1, 2)),
            (Branches(nn.Conv2d(8, 8, 1), nn.AvgPool2d(1), join="concatenate"), IMAGE),
            (Branches(nn.Conv2d(8, 8, 1), nn.GELU(), join="multiply"), IMAGE),
        ],
    )
    def test_describes_every_network(self, group, module, shape):
        columns = describe(module, group=group, shape=shape)[0]
        assert np.isfinite(list(columns.values())).all()
