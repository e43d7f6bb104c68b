"""Networks as values: equal, hashable, immutable, small, written and read, summarised."""

import copy
import json
import pickle
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import nn

from emprox.networks import KINDS, Network, capture


class Block(nn.Module):
    def __init__(self, inside, outside):
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, stride=2, padding=1)
        self.norm, self.gate = nn.BatchNorm2d(outside), nn.Conv2d(outside, outside, 1)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu()
        return x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()


def build(width=8):
    blocks = [Block(3, width), Block(width, 2 * width)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, 10)]
    return nn.Sequential(*blocks, *head)


SHAPE = (1, 3, 16, 16)


@pytest.fixture
def network():
    return capture(build(), SHAPE)


def test_networks_are_equal_if_they_compute_the_same(network):
    class OfAnotherName(nn.Module):
        def __init__(self):
            super().__init__()
            self.renamed = build()

        def forward(self, x):
            return self.renamed(x)

    other = capture(OfAnotherName(), SHAPE)
    assert other.name != network.name
    assert other == network
    assert hash(other) == hash(network)
    assert len({network, other, capture(build(), SHAPE), capture(build(16), SHAPE)}) == 2
    assert capture(build(), (1, 3, 32, 32)) != network
    assert network != network.name
    assert network != 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (nn.ReLU(), nn.GELU()),
        (nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=2, dilation=2)),
        (nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1, bias=False)),
        (nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1, groups=3)),
        (nn.MaxPool2d(2), nn.AvgPool2d(2)),
        (nn.MaxPool2d(2, 2), nn.MaxPool2d(3, 2, padding=1)),
    ],
)
def test_small_differences_matter(one, other):
    assert capture(one, SHAPE) != capture(other, SHAPE)


def test_networks_are_immutable(network):
    for name in ("name", "n_weights", "operations", "anything"):
        with pytest.raises(AttributeError, match=name):
            setattr(network, name, 1)
        with pytest.raises(AttributeError, match=name):
            delattr(network, name)
    with pytest.raises(ValueError, match="read-only"):
        network.edges[0] = 0
    for each in network.operations:
        with pytest.raises((ValueError, TypeError)):
            each[0] = each[1]


def test_networks_are_written_and_read(network):
    text = network.to_json()
    again = Network.from_json(text)
    assert again == network
    assert again.to_json() == text
    assert (again.name, again.input_shapes) == ("Sequential", (SHAPE,))
    for each in (pickle.loads(pickle.dumps(network)), copy.copy(network), copy.deepcopy(network)):
        assert each == network
        assert each.to_json() == text
    assert len(pickle.dumps(network)) < 2_000


def test_numbers_are_of_plain_types(network):
    for name in ("n_weights", "weight_bytes", "multiply_adds", "peak_activation"):
        assert type(getattr(network, name)) is int
    assert type(network.name) is str
    for shape in (*network.input_shapes, *network.output_shapes, *network.operations.shape):
        assert type(shape) is tuple
        assert all(type(size) is int for size in shape)
    assert network.edges.dtype == np.int64
    assert isinstance(network.measured, MappingProxyType | dict)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("edges"),
        lambda content: content.pop("n_weights"),
        lambda content: content.update(format=99),
        lambda content: content.update(n_weights="many"),
        lambda content: content.update(name=3),
        lambda content: content.update(input_shapes=3),
        lambda content: content.update(edges=[[1, 0]]),
        lambda content: content.update(edges=[[0, 10_000]]),
        lambda content: content.update(edges=[[-1, 0]]),
        lambda content: content.update(edges=[[0, 1, 2]]),
        lambda content: content["operations"].pop("kernel"),
        lambda content: content["operations"].update(kernel=[1]),
        lambda content: content["operations"]["kind"].__setitem__(0, "unheard of"),
        lambda content: content["operations"]["kernel"].__setitem__(0, "three"),
        lambda content: content["operations"]["kernel"].__setitem__(0, 10**30),
        lambda content: content["operations"]["shape"].__setitem__(0, ["a"]),
        lambda content: content.update(operations=[]),
    ],
)
def test_texts_that_are_no_networks(network, change):
    content = json.loads(network.to_json())
    change(content)
    with pytest.raises(ValueError, match="not a network"):
        Network.from_json(json.dumps(content))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '"text"', "[" * 100_000, "{}"])
def test_texts_that_are_nothing_of_the_kind(text):
    with pytest.raises(ValueError, match="not a network"):
        Network.from_json(text)


def test_table_of_operations(network):
    table = network.table()
    assert table.columns.tolist() == list(network.operations._fields)
    assert len(table) == len(network.operations.kind)
    convolution = table[table.kind == "convolution"].iloc[0]
    assert (convolution["where"], convolution["shape"]) == ("0.conv", (1, 8, 8, 8))
    assert (convolution.n_weights, convolution.kernel, convolution.stride) == (224, 3, 2)
    assert table.n_weights.sum() == network.n_weights
    assert set(table.kind) <= set(KINDS)


def test_summary_by_stages(network):
    # What squeezes an image to a single site belongs to the stage around it.
    assert network.stages().tolist() == [0, *[1] * 7, *[2] * 7, *[3] * 3]
    summary = network.summary()
    assert summary.positions.tolist() == [64, 16, 1]
    assert summary.layers.tolist() == [2, 2, 1]
    assert summary.weights.sum() == network.n_weights
    assert summary.multiply_adds.sum() == network.multiply_adds
    assert "2 convolution" in summary.operations.iloc[0]


def test_text_and_html(network):
    assert repr(network).startswith("Network(Sequential: 1,954 weights")
    html = network._repr_html_()
    assert "1,954 weights" in html
    assert "<table" in html
    network = capture(type("<b>", (nn.ReLU,), {})(), (1, 3))
    assert "<b>" not in network._repr_html_()


def test_summaries_of_networks_without_layers():
    network = capture(nn.Identity(), (1, 3))
    assert len(network.summary()) == 0
    assert "Network" in network._repr_html_()
    assert network.stages().tolist() == [0, 0]
    assert capture(nn.Threshold(0.1, 0.0), torch.zeros(())).operations.shape[1] == ()
