"""
How good will this network be on ImageNet?
==========================================

Training a network on ImageNet takes days. Hundreds of networks have been trained already, by many
people, and their accuracies are published. emprox comes with these: with what the networks compute,
not with their weights. So it can say of any other network how good it would be.
"""

# %%
# A network of one's own is any PyTorch module. Here are two. The first is the ResNet of 2015, which
# is not among the known networks, though some of its descendants are.
import torch
from torch import nn


def conv(before, after, kernel=1, stride=1, groups=1):
    layer = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(after))


class Bottleneck(nn.Module):
    def __init__(self, before, width, stride):
        super().__init__()
        self.layers = nn.Sequential(
            conv(before, width),
            nn.ReLU(),
            conv(width, width, 3, stride),
            nn.ReLU(),
            conv(width, 4 * width),
        )
        has_same_shape = stride == 1 and before == 4 * width
        self.shortcut = nn.Identity() if has_same_shape else conv(before, 4 * width, 1, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.layers(x))


def resnet(depths=(3, 4, 6, 3)):
    layers, channels = [conv(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for stage, depth in enumerate(depths):
        for block in range(depth):
            stride = 2 if stage > 0 and block == 0 else 1
            layers.append(Bottleneck(channels, 64 * 2**stage, stride))
            channels = 4 * 64 * 2**stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


# %%
# The second is made up: depthwise convolutions at high resolution, attention at low resolution.


class Mixer(nn.Module):
    """A depthwise convolution and two linear layers, around which the input is passed."""

    def __init__(self, width):
        super().__init__()
        self.spatial = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.channels = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        y = self.channels(self.norm(self.spatial(x).permute(0, 2, 3, 1)))
        return x + y.permute(0, 3, 1, 2)


class Hybrid(nn.Module):
    def __init__(self, width=64, depth=3):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 4, 4)
        self.stages = nn.ModuleList()
        for stage in range(2):
            blocks = [Mixer(width * 2**stage) for _ in range(depth)]
            down = nn.Conv2d(width * 2**stage, 2 * width * 2**stage, 2, 2)
            self.stages.append(nn.Sequential(*blocks, down))
        width *= 4
        layer = nn.TransformerEncoderLayer(
            width, width // 32, 4 * width, activation="gelu", batch_first=True, norm_first=True
        )
        self.tokens = nn.TransformerEncoder(layer, 3 * depth, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1000))

    def forward(self, x):
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.head(self.tokens(x.flatten(2).transpose(1, 2)).mean(1))


# %%
# ``capture`` runs a module once without values, to see what it computes. Built on the device
# "meta", a module has no weights, and a large one is there at once.
from emprox.networks import capture

IMAGE = (1, 3, 224, 224)
with torch.device("meta"):
    networks = {
        "ResNet-50": capture(resnet(), IMAGE),
        "ResNet-101": capture(resnet((3, 4, 23, 3)), IMAGE),
        "hybrid": capture(Hybrid(), IMAGE),
    }
for name, network in networks.items():
    print(f"{name:11} {network}")

# %%
# What is it that has been captured?
from emprox.inspection import NetworkDisplay

NetworkDisplay.from_network(networks["hybrid"])

# %%
# ``load_imagenet_regressor`` has learned from networks of timm that were trained on
# ImageNet-1k alone. It says which top-1 accuracy to expect of one that is trained as well as
# the known ones were, how sure that is, and which known ones are most like it.
from emprox.datasets import load_imagenet_networks, load_imagenet_regressor

model = load_imagenet_regressor()
known = load_imagenet_networks()
captured = list(networks.values())
accuracy, std = model.predict(captured, return_std=True)
intervals = model.predict_interval(captured, coverage=0.9)
_, similar = model.similar(captured, n_neighbors=4)
for number, name in enumerate(networks):
    low, high = intervals[number]
    print(f"{name}: {accuracy[number]:.1f} %, 90 % interval from {low:.1f} to {high:.1f} %")
    print(f"    unlike everything known: {model.is_novel([captured[number]])[0]}")
    for index in similar[number]:
        size = known.image_size[index]
        print(f"    like {known.model[index]} at {size} pixels: {known.target[index]:.1f} %")

# %%
# For the ResNets the answer is known: torchvision's first weights have 76.1 and 77.4 %, those of a
# recipe of 2021 have 80.4 and 81.5 % [1]_. The recipe is what no description of a network tells.
# Most of the known networks were trained with one of recent years, and that is what is predicted.
#
# What should be trained at all? Sixteen sizes of the hybrid, with standard deviations. Grey are the
# known networks.
import matplotlib.pyplot as plt
import numpy as np

# sphinx_gallery_thumbnail_number = 2
with torch.device("meta"):
    family = [
        capture(Hybrid(width, depth), IMAGE) for depth in (1, 2, 3, 4) for width in (32, 48, 64, 96)
    ]
expected, std = model.predict(family, return_std=True)
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
of_known = [network.multiply_adds / 1e9 for network in known.data]
ax.scatter(of_known, known.target, s=8, color="0.75", label="known networks")
costs = np.reshape([network.multiply_adds / 1e9 for network in family], (4, 4))
for depth in range(4):
    part = slice(4 * depth, 4 * depth + 4)
    style = {"color": plt.get_cmap("viridis")(depth / 4), "label": f"hybrid, depth {depth + 1}"}
    ax.errorbar(costs[depth], expected[part], std[part], fmt="o-", **style)
ax.set(xscale="log", xlabel="multiply-adds (G)", ylabel="top-1 accuracy (%)", ylim=(60, 88))
ax.legend()
plt.show()

# %%
# Networks of timm or torchvision are predicted in the same way. With them installed,
# ``capture(timm.create_model("resnet50"))`` finds the size of images itself, and
# ``capture(torchvision.models.swin_t(), (1, 3, 224, 224))`` is told it. From the shell,
# ``emprox imagenet my_models:Hybrid`` answers for a class of ``my_models.py``.
#
# .. [1] Wightman, Touvron and Jégou. ResNet strikes back: An improved training procedure in timm.
#    2021.
