"""What NetworkProperties says about networks."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from emprox import EmProxRegressor
from emprox.networks import capture
from emprox.properties import NetworkProperties

IMAGE = (1, 3, 32, 32)


class Residual(nn.Module):
    def __init__(self, branch, gated=False):
        super().__init__()
        self.branch, self.gated = branch, gated

    def forward(self, x):
        y = self.branch(x)
        return x + (y * x.mean((2, 3), keepdim=True).sigmoid() if self.gated else y)


def cnn(width=8, depth=2, kernel=3, activation=nn.ReLU, groups=1, gated=False):
    """A stem of stride 2, residual blocks, and a head."""

    def convolution():
        return nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=groups, bias=False)

    blocks = [
        Residual(nn.Sequential(convolution(), nn.BatchNorm2d(width), activation()), gated)
        for _ in range(depth)
    ]
    return nn.Sequential(
        nn.Conv2d(3, width, 3, stride=2, padding=1),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 10),
    )


def transformer(width=32, heads=4):
    layer = nn.TransformerEncoderLayer(width, heads, 2 * width, activation="gelu", batch_first=True)
    return nn.Sequential(nn.Embedding(100, width), nn.TransformerEncoder(layer, 2))


class Recurrent(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.lstm, self.head = nn.LSTM(8, width, batch_first=True), nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def all_kinds():
    vectors = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    volumes = nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(1))
    signals = nn.Sequential(nn.Conv1d(2, 4, 9, stride=4), nn.GELU(), nn.Conv1d(4, 4, 1))
    return [
        capture(cnn(), IMAGE),
        capture(transformer(), torch.zeros(1, 24, dtype=torch.long)),
        capture(Recurrent().to("meta"), (1, 12, 8)),
        capture(vectors, (1, 8)),
        capture(volumes, (1, 1, 8, 8, 8)),
        capture(signals, (1, 2, 64)),
        capture(nn.Identity(), IMAGE),
    ]


def describe(networks, **options):
    properties = NetworkProperties(**options).fit(networks)
    names = properties.get_feature_names_out().tolist()
    return dict(zip(names, properties.transform(networks).T, strict=True))


def test_sizes_are_those_of_the_network():
    networks = [capture(cnn(width), IMAGE) for width in (8, 16)]
    columns = describe(networks, groups=["size"])
    weights, work = columns["log10 weights"], columns["log10 multiply-adds"]
    assert weights == pytest.approx(np.log10([each.n_weights for each in networks]))
    assert work == pytest.approx(np.log10([each.multiply_adds for each in networks]))
    # 16 x 16 positions: the stem, two convolutions, and what they write.
    values = 256 * 3 * np.array([8, 16]) + 10
    assert columns["log10 values of layers"] == pytest.approx(np.log10(values))


def test_depth_counts_layers_on_paths():
    columns = describe([capture(cnn(depth=depth), IMAGE) for depth in (1, 6)], groups=["depth"])
    assert columns["log2 layers"] == pytest.approx(np.log2([3, 8]))
    assert columns["log2 most layers on a path"] == pytest.approx(np.log2([3, 8]))
    assert "log2 fewest layers on a path" not in columns  # The stem alone, in both.
    assert columns["log2 sums of branches"] == pytest.approx(np.log2([2, 7]))
    # Steps at half the side are two pixels: 2 of the first layer, 2 and 6 layers of 2.
    assert columns["log2 reach of kernels in pixels"] == pytest.approx(np.log2([9, 29]))


def test_kinds_of_layers_and_functions():
    plain, special = cnn(), cnn(kernel=5, activation=nn.SiLU, groups=8, gated=True)
    columns = describe([capture(each, IMAGE) for each in (plain, special)])
    assert columns["share of ReLU in activations"].tolist() == [1, 0]
    assert columns["share of SiLU in activations"].tolist() == [0, 1]
    assert columns["gates for each sum of branches"].tolist() == [0, 1]
    assert columns["log2 depthwise kernel by values"] == pytest.approx([0, np.log2(5)])
    # Two of 25 weights for each of 256 x 8 values, beside 27 of the stem.
    share = 2 * 25 / (2 * 25 + 27 + 80 / (256 * 8))
    assert columns["share of depthwise convolutions in multiply-adds"][1] == pytest.approx(share)


def test_heads_of_attention():
    tokens = torch.zeros(1, 24, dtype=torch.long)
    columns = describe(
        [capture(transformer(heads=heads), tokens) for heads in (2, 8)], groups=["attention"]
    )
    assert columns["log2 heads and windows"].tolist() == [1, 3]
    assert columns["log2 channels of a head"].tolist() == [4, 2]
    assert "log2 queries" not in columns


def test_strides_and_what_follows_what():
    overlapping, patches = cnn(), cnn(activation=nn.GELU)
    patches[0] = nn.Conv2d(3, 8, 4, stride=4)
    columns = describe([capture(each, IMAGE) for each in (overlapping, patches)])
    assert columns["log2 largest stride"].tolist() == [1, 2]
    assert columns["log2 kernel for each stride"] == pytest.approx([np.log2(1.5), 0])
    # The second block reads the sum of the first, and nothing else is read by layers but the stem.
    columns = describe([capture(cnn(depth=depth), IMAGE) for depth in (1, 3)])
    assert columns["share of sums in what layers read"] == pytest.approx([0, 2 / 4])


def test_every_kind_of_network_has_finite_columns():
    networks = all_kinds()
    for standardize in (False, True):
        properties = NetworkProperties(standardize=standardize).fit(networks)
        matrix = properties.transform(networks)
        assert np.isfinite(matrix).all()
        assert len(set(properties.get_feature_names_out())) == matrix.shape[1] > 60
    # Rows depend on nothing but their network.
    np.testing.assert_array_equal(properties.transform(networks[::-1])[::-1], matrix)


def test_standardized_columns_end_at_three():
    networks = [capture(cnn(width), IMAGE) for width in (8, 9, 10, 11, 12)]
    properties = NetworkProperties(standardize=True).fit(networks)
    np.testing.assert_allclose(properties.transform(networks).mean(axis=0), 0, atol=1e-9)
    far = properties.transform([capture(cnn(512, depth=9), IMAGE)])[0]
    ends = abs(far[[name == "log10 weights" for name in properties.get_feature_names_out()]])
    assert ends == 2 * 3
    assert abs(far).max() == 6


def test_one_network_is_enough():
    network = capture(cnn(), IMAGE)
    assert np.isfinite(NetworkProperties(standardize=True).fit_transform([network])).all()


def test_groups():
    networks = all_kinds()
    every = NetworkProperties().fit(networks)
    parts = [NetworkProperties(groups=[group]).fit(networks) for group in every.groups_]
    names = [name for part in parts for name in part.get_feature_names_out()]
    assert names == every.get_feature_names_out().tolist()
    with pytest.raises(ValueError, match="'size'"):
        NetworkProperties(groups=["colour"]).fit(networks)
    clone(every).fit(networks)


def test_the_regressor_learns_what_width_does():
    widths = np.arange(4, 36)
    networks = [capture(cnn(width), IMAGE) for width in widths]
    accuracies = 90 - 100 / widths
    model = EmProxRegressor("network", random_state=0).fit(networks[::2], accuracies[::2])
    assert np.median(abs(model.predict(networks[1::2]) - accuracies[1::2])) < 0.3
