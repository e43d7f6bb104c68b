import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy.stats import kendalltau
from torch import nn

from emprox.datasets import fetch_timm_results, load_imagenet_networks
from emprox.networks import Network, capture

PUBLISHED = """model,img_size,top1,top1_err,top5,top5_err,param_count,crop_pct,interpolation
eva_giant_patch14_560.m30m_ft_in22k_in1k,560,89.790,10.210,98.990,1.010,"1,014.45",1.000,bicubic
resnet50.a1_in1k,288,81.2,18.8,95.1,4.9,25.56,1.0,bicubic
"""


@pytest.fixture(scope="module")
def data():
    return load_imagenet_networks()


@pytest.fixture(scope="module")
def everything():
    return load_imagenet_networks(training="any", target=["top1", "top5"])


class TestNetworks:
    def test_shapes(self, data, everything):
        assert data.data.shape == data.target.shape == (421,)
        assert everything.target.shape == (694, 2)
        assert len(set(everything.family)) == 75
        for bunch in (data, everything):
            assert all(isinstance(network, Network) for network in bunch.data)
            for name in ("model", "family", "training", "image_size"):
                assert bunch[name].shape == bunch.data.shape
            sizes = [(1, 3, size, size) for size in bunch.image_size]
            assert [network.input_shapes[0] for network in bunch.data] == sizes
            assert {network.output_shapes for network in bunch.data} == {((1, 1000),)}
        assert data.space == "network"
        assert data.chance_level == 0.1

    def test_from_scratch_is_the_best_recipe_of_each_network(self, data, everything):
        table = pd.DataFrame(
            {
                "name": [model.partition(".")[0] for model in everything.model],
                "size": everything.image_size,
                "top1": everything.target[:, 0],
            }
        )
        table = table[everything.training == "from scratch"]
        best = table.groupby(["name", "size"])["top1"].max()
        names = [model.partition(".")[0] for model in data.model]
        found = pd.Series(data.target, pd.MultiIndex.from_arrays([names, data.image_size]))
        assert found.to_dict() == best.to_dict()
        assert set(data.training) == {"from scratch"}

    def test_known_networks(self, everything):
        table = pd.DataFrame({"network": everything.data, "top1": everything.target[:, 0]})
        table = table.set_index([everything.model, everything.image_size])
        vgg, top1 = table.loc[("vgg16.tv_in1k", 224)]
        assert (vgg.n_weights, top1) == (138_357_544, 71.594)
        # Thirteen, and two that timm has in place of the first linear layers.
        assert (vgg.operations.kind == "convolution").sum() == 15
        # 15.47 G multiply-adds, as the literature has it.
        assert round(vgg.multiply_adds / 1e9, 2) == 15.47

    def test_what_is_bundled_is_what_is_captured_today(self, data):
        """If this fails, what capture writes down has changed, and the tool has to run again."""
        layers, source = [], 3
        for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(depth):
                layers += [nn.Conv2d(source, width, 3, padding=1), nn.ReLU(inplace=True)]
                source = width
            layers.append(nn.MaxPool2d(2))
        layers += [nn.Conv2d(512, 4096, 7), nn.ReLU(inplace=True), nn.Conv2d(4096, 4096, 1)]
        layers += [nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Identity()]
        with torch.device("meta"):
            vgg = nn.Sequential(*layers, nn.Linear(4096, 1000))
        captured = capture(vgg, (1, 3, 224, 224))
        bundled = data.data[data.model.tolist().index("vgg16.tv_in1k")]
        assert captured == bundled
        assert captured.peak_activation == bundled.peak_activation
        assert captured.operations.kind.tolist() == bundled.operations.kind.tolist()

    def test_trainings_are_the_parts_of_the_whole(self, everything):
        assert load_imagenet_networks(training="more data").data.shape == (153,)
        sizes = {name: (everything.training == name).sum() for name in set(everything.training)}
        assert sum(sizes.values()) == 694
        for training in sizes.keys() - {"from scratch"}:
            assert len(load_imagenet_networks(training=training).data) == sizes[training]

    def test_forms(self, data):
        frame = load_imagenet_networks(as_frame=True)
        assert list(frame.frame.columns) == ["architecture", "top1"]
        assert_array_equal(frame.data["architecture"].to_numpy(), data.data)
        X, y = load_imagenet_networks(target="top5", return_X_y=True)
        assert_array_equal(X, data.data)
        assert (y > data.target).all()

    @pytest.mark.parametrize(("option", "value"), [("training", "scratch"), ("target", "top3")])
    def test_unknown_options(self, option, value):
        with pytest.raises(ValueError, match=option):
            load_imagenet_networks(**{option: value})

    def test_order_is_random(self, data):
        first = data.target[:100]
        assert abs(first.mean() - data.target.mean()) < data.target.std() / 2
        assert len(set(data.family[:100])) > 30

    def test_changes_of_a_user_are_no_changes_for_the_next(self, data):
        mine = load_imagenet_networks()
        mine.target[:] = 0
        mine.model[:] = ""
        again = load_imagenet_networks()
        assert_array_equal(again.target, data.target)
        assert_array_equal(again.model, data.model)

    def test_description(self, data, everything):
        text = " ".join(data.DESCR.split())
        assert "Apache" in text
        counts = pd.Series(everything.training).value_counts()
        for name, count in counts.items():
            assert re.search(rf"{name} +{count}\b", data.DESCR)
        numbers = [f"{v:.2f}" for v in (data.target.min(), data.target.mean(), data.target.max())]
        assert re.search("top1 +" + " +".join(numbers), data.DESCR)
        weights = [network.n_weights for network in data.data]
        assert f"number of weights: {kendalltau(weights, data.target)[0]:.3f}" in text

    def test_networks_are_read_once(self, data, everything):
        assert load_imagenet_networks().data[0] is data.data[0]
        assert set(map(id, data.data)) <= set(map(id, everything.data))

    def test_is_quick_and_needs_no_torch(self):
        code = (
            "import sys, time; from emprox.datasets import load_imagenet_networks;"
            " start = time.process_time(); load_imagenet_networks();"
            " print(time.process_time() - start); sys.exit('torch' in sys.modules)"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, "")
        assert float(result.stdout) < 3  # half a second on an idle machine


class TestResults:
    def test_columns(self, publish):
        publish("results-imagenet.csv", PUBLISHED)
        table = fetch_timm_results()
        assert table.shape == (2, 13)
        assert table.param_count.tolist() == [1014.45, 25.56]
        assert table.architecture.tolist() == ["eva_giant_patch14_560", "resnet50"]
        assert table.tag.tolist() == ["m30m_ft_in22k_in1k", "a1_in1k"]
        assert table.family.tolist() == ["eva", "resnet"]
        assert table.training.tolist() == ["more data", "from scratch"]

    @pytest.mark.parametrize(
        ("tag", "training"),
        [
            ("ra4_e3600_r256_in1k", "from scratch"),
            ("1200ep_in1k", "from scratch"),
            ("sail_in1k_384", "from scratch"),
            ("tf_adv_in1k", "from scratch"),
            ("fb_in22k_ft_in1k_384", "more data"),
            ("clip_laion2b_soup_ft_in12k_in1k_320", "more data"),
            ("fb_swsl_ig1b_ft_in1k", "more data"),
            ("fb_ssl_yfcc100m_ft_in1k", "more data"),
            ("dist_in22k_ft_in1k", "more data"),
            ("ns_jft_in1k", "more data"),
            ("fb_distilled_in1k", "distillation"),
            ("ssld_stage2_ft_in1k", "distillation"),
            ("fcmae_ft_in1k", "self-supervised"),
            ("ft_in1k", "unclear"),
            ("miil_green_in1k", "unclear"),
            ("", "unclear"),
        ],
    )
    def test_training_by_tag(self, publish, tag, training):
        publish("results-imagenet.csv", PUBLISHED.replace("a1_in1k", tag))
        assert fetch_timm_results().training[1] == training

    def test_the_bundled_networks_are_those_of_the_table(self, real_data, everything):
        table = pd.read_csv(real_data("timm", "results-imagenet.part.csv"), thousands=",")
        rows = table.set_index(["model", "img_size"]).loc[
            list(zip(everything.model, everything.image_size, strict=True))
        ]
        assert len(rows) == len(table)
        assert_array_equal(rows[["top1", "top5"]].to_numpy(), everything.target)
        millions = np.array([network.n_weights for network in everything.data]) / 1e6
        assert np.abs(millions - rows.param_count).max() < 0.00501
