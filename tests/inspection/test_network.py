import pickle
import sys
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from emprox.inspection import NetworkDisplay
from emprox.networks import capture


def conv(before, after, kernel=3, stride=1, groups=1):
    options = {"stride": stride, "padding": kernel // 2, "groups": groups, "bias": False}
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, **options), nn.BatchNorm2d(after), nn.ReLU()
    )


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


def inverted(width, kernel=3):
    """Expand, depthwise, project."""
    wide = 4 * width
    return Residual(
        conv(width, wide, 1), conv(wide, wide, kernel, groups=wide), conv(wide, width, 1)
    )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([conv(3, 8), conv(8, 16), conv(16, 32)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(32, 16, 2, 2), nn.ConvTranspose2d(16, 8, 2, 2)])
        self.merge = nn.ModuleList([conv(32, 16), conv(16, 8)])

    def forward(self, x):
        kept = []
        for layer in self.down:
            x = layer(x if not kept else nn.functional.max_pool2d(x, 2))
            kept.append(x)
        for up, merge, beside in zip(self.up, self.merge, kept[-2::-1], strict=True):
            x = merge(torch.cat([beside, up(x)], 1))
        return x


class Sentence(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(100, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 6)
        self.head = nn.Linear(32, 2)

    def forward(self, tokens):
        return self.head(self.encoder(self.embedding(tokens)).mean(1))


def residual_network():
    stages = [
        [conv(width // 2, width, stride=2), *(inverted(width) for _ in range(depth))]
        for width, depth in ((16, 3), (32, 5))
    ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)]
    return nn.Sequential(conv(3, 8), *stages[0], *stages[1], *head)


def varied(n_layers):
    rng = np.random.default_rng(0)
    widths = [3, *rng.integers(4, 40, n_layers).tolist()]
    kernels = rng.choice([1, 3, 5], n_layers).tolist()
    return nn.Sequential(*map(conv, widths, widths[1:], kernels))


IMAGE, TOKENS = (1, 3, 32, 32), torch.zeros(1, 20, dtype=torch.long)
NETWORKS = {
    "residual": (residual_network, IMAGE),
    "u-net": (UNet, IMAGE),
    "sentence": (Sentence, TOKENS),
    "mlp": (lambda: nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1)), (1, 20)),
    "deep": (lambda: varied(300), (1, 3, 16, 16)),
    "volume": (lambda: nn.Sequential(nn.Conv3d(1, 8, 3), nn.MaxPool3d(2)), (1, 1, 8, 8, 8)),
    "signal": (lambda: nn.Conv1d(2, 8, 5, stride=2), (1, 2, 100)),
    "no weights": (nn.ReLU, (1, 3)),
    "nothing": (nn.Identity, (1, 3)),
}


@cache
def network_of(name):
    build, inputs = NETWORKS[name]
    with torch.device("meta"):
        module = build()
    return capture(module, inputs)


def display_of(name, **options):
    return NetworkDisplay.from_network(network_of(name), **options)


def bars(display):
    """Left, lower, right and upper edges of all layers."""
    return np.array([path.get_extents().extents for path in display.bars_.get_paths()])


def texts(display):
    return [text.get_text() for text in display.texts_]


@pytest.mark.parametrize("size", [None, (6, 3), (3, 6)])
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_overlaps_or_is_cut(plt, name, size):
    ax = None if size is None else plt.subplots(figsize=size)[1]
    display = display_of(name, ax=ax)
    extents = bars(display)
    assert len(extents) == len(display.layers)
    assert (extents[1:, 0] > extents[:-1, 2]).all()
    box = display.ax_.get_window_extent()
    renderer = display.figure_.canvas.get_renderer()
    places = [text.get_window_extent(renderer) for text in display.texts_]
    for number, place in enumerate(places):
        assert box.x0 - 1 <= place.x0 <= place.x1 <= box.x1 + 1, texts(display)[number]
        assert box.y0 - 1 <= place.y0 <= place.y1 <= box.y1 + 1, texts(display)[number]
        for other in places[:number]:
            assert not place.shrunk(0.95, 0.8).overlaps(other.shrunk(0.95, 0.8))


@pytest.mark.parametrize("name", NETWORKS)
def test_shares_are_those_of_the_network(name):
    network = network_of(name)
    display = NetworkDisplay.from_network(network)
    assert display.stages["multiply_adds"].sum() == network.multiply_adds
    # None of these shares weights.
    assert display.stages["weights"].sum() == network.n_weights
    assert display.shares.groupby("column").sum().equals(display.stages.drop(columns="label"))
    heights = np.array([bar.get_height() for bar in display.shares_])
    halves = np.split(heights, 2)
    for half, quantity in zip(halves, ("multiply_adds", "weights"), strict=True):
        shares = display.shares[quantity].to_numpy()
        if shares.any():
            np.testing.assert_allclose(np.sort(half) / half.sum(), np.sort(shares) / shares.sum())


def test_repeated_blocks_are_drawn_once():
    display = display_of("residual")
    folded = display.layers[display.layers["copies"] > 1]
    assert folded["copies"].tolist() == [3, 3, 3, 5, 5, 5]
    assert folded["kind"].tolist() == 2 * [
        "1x1 convolution",
        "grouped or depthwise",
        "1x1 convolution",
    ]
    assert folded["channels"].tolist() == [64, 64, 16, 128, 128, 32]
    assert sum("3" in text for text in texts(display)) > 2
    # The sum around each block.
    first = folded.index[0]
    assert (first - 1, first + 2, True) in display.skips
    assert len(display.skips_) == len(display.skips)


def test_transformer():
    display = display_of("sentence")
    layers = display.layers
    assert layers["copies"].max() == 6
    block = layers[layers["copies"] == 6]["kind"].tolist()
    assert block.count("attention") == 2
    assert display.stages["label"].iloc[0].startswith("20 tokens")


def test_columns_are_stages():
    display = display_of("residual")
    sizes = [label.split("\n")[0] for label in display.stages["label"]]
    assert [size.split()[0] for size in sizes] == ["32", "16", "8", "1"]
    heights = np.diff(bars(display)[:, [1, 3]])[:, 0]
    assert (np.diff(heights[np.unique(display.layers["column"], return_index=True)[1]]) < 0).all()
    wide = display.layers["channels"].to_numpy()
    widths = np.diff(bars(display)[:, [0, 2]])[:, 0]
    assert (np.diff(widths[np.argsort(wide, kind="stable")]) > -1e-9).all()


def test_u_net_goes_down_and_up_again():
    display = display_of("u-net")
    sizes = [label.split()[0] for label in display.stages["label"]]
    assert sizes == ["32", "16", "8", "16", "32"]
    layers = display.layers
    across = {tuple(layers.loc[[start, end], "column"]) for start, end, _ in display.skips}
    assert {(0, 4), (1, 3)} <= across


def test_many_different_layers():
    display = display_of("deep")
    assert len(display.layers) > 250
    assert display.figure_.get_size_inches()[0] < 20


def test_axes_given_and_drawn_again(plt):
    _, axes = plt.subplots(1, 2, figsize=(12, 5))
    display = display_of("mlp", ax=axes[0])
    assert display.ax_ is axes[0]
    assert display.plot(axes[1]) is display
    assert display.ax_ is axes[1]
    assert display.figure_ is axes[1].figure


def test_same_every_time_and_pickles(tmp_path):
    first, second = display_of("residual"), display_of("residual")
    assert (bars(first) == bars(second)).all()
    again = pickle.loads(pickle.dumps(first))
    assert again.layers.equals(first.layers)
    assert again.shares.equals(first.shares)
    first.figure_.savefig(tmp_path / "network.svg")


def test_name_with_a_dollar():
    module = type("Cheap$Net$", (nn.Linear,), {})(3, 2)
    display = NetworkDisplay.from_network(capture(module, (1, 3)))
    display.figure_.canvas.draw()
    assert any("Cheap$Net$" in text for text in texts(display))


def test_bad_input(plt):
    with pytest.raises(TypeError, match="capture"):
        NetworkDisplay.from_network(nn.Linear(3, 2))
    assert not plt.get_fignums()


def test_missing_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="NetworkDisplay needs matplotlib"):
        NetworkDisplay.from_network(None)
