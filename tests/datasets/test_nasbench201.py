from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from emprox.datasets import fetch_nasbench201, load_nasbench201
from emprox.spaces import get_space

# The example of the paper's authors: tuple (4, 0, 3, 1, 4, 3)
CELL = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"
ALL_SKIP = (
    "|skip_connect~0|+|skip_connect~0|skip_connect~1|"
    "+|skip_connect~0|skip_connect~1|skip_connect~2|"
)
CHANCE_LEVELS = {"cifar10": 10, "cifar100": 1, "imagenet16-120": 0.8333333}
TARGETS = [
    *("baseline_accuracy", "ptq_accuracy", "qat_accuracy", "noisy_accuracy", "analog_accuracy"),
    *(
        f"{training}_drift_{seconds}s{suffix}"
        for training in ("baseline", "analog")
        for seconds in (60, 3600, 86400, 2592000)
        for suffix in ("", "_uncertainty")
    ),
]
ALL_NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def reaches_output(cell):
    """Whether a path without ``none`` leads from node 0 to node 3; worked out from the string."""
    reached = {0}
    for node, text in enumerate(cell.split("+"), start=1):
        edges = [edge.split("~") for edge in text.strip("|").split("|")]
        if any(name != "none" and int(source) in reached for name, source in edges):
            reached.add(node)
    return 3 in reached


class TestLoad:
    def test_known_values(self):
        # Read by eye from a disassembly of the source, which is in the order of the tuples
        names = [
            *("baseline_accuracy", "ptq_accuracy", "qat_accuracy", "noisy_accuracy"),
            *("analog_accuracy", "analog_drift_60s", "analog_drift_60s_uncertainty"),
            *("analog_drift_3600s", "analog_drift_3600s_uncertainty", "baseline_drift_2592000s"),
        ]
        X, y = load_nasbench201(target=names, return_X_y=True)
        (row,) = np.flatnonzero(X == ALL_SKIP)
        assert y[row].tolist() == [
            *(60.7836, 59.2256, 37.5616, 10.0),
            *(57.49, 87.4944, 0.3806),
            *(53.79, 2.82, 10.0),
        ]

    def test_every_cell_once(self):
        X, _ = load_nasbench201(return_X_y=True)
        space = get_space("nasbench201")
        decisions = list(map(tuple, space.encode(X).tolist()))
        assert sorted(decisions) == list(product(range(5), repeat=6))

    def test_chance_level_where_the_output_is_cut_off(self):
        X, y = load_nasbench201(return_X_y=True)
        cut_off = np.array([not reaches_output(cell) for cell in X])
        assert cut_off.sum() == 341
        assert_array_equal(y == 10, cut_off)

    def test_every_target_is_a_percentage(self):
        bunch = load_nasbench201(target=TARGETS)
        assert bunch.target.shape == (15625, 21)
        accuracy = np.array(["uncertainty" not in name for name in bunch.target_names])
        assert 7.97 == bunch.target[:, accuracy].min() < bunch.target[:, accuracy].max() == 94.0664
        assert 0 == bunch.target[:, ~accuracy].min() < bunch.target[:, ~accuracy].max() == 11.39
        words = ["percent", "15,625", "analog-nasbench 0.1.3", "Licen", "random"]
        for text in [*words, *(f"\n{name} " for name in TARGETS)]:
            assert text in bunch.DESCR


VALIDATION = """net,val_accs,aa_apgd-ce@Linf_eps-0.1
"(4, 0, 3, 1, 4, 3)",84.99,84.6
"(1, 1, 1, 1, 1, 1)",10.0,10.0
"""
IMAGENET = f"""net,net_str,val_accs
"(4, 0, 3, 1, 4, 3)",{CELL},32.699999857584636
"""
TEST = f"""CIFAR10TestAccuracy200Epochs,CIFAR100TestAccuracy200Epochs,\
ImageNetTestAccuracy200Epochs,ArchitectureString,UniqueString
85.86333333333334,52.913333294677734,26.6333332739936,{CELL},(0)@avg_pool_3x3
10.0,0.9999999992370605,0.8333333312140571,{ALL_NONE},#
"""


class TestFetch:
    @pytest.mark.parametrize(
        ("dataset", "split", "filename", "text", "X", "y"),
        [
            (
                *("cifar10", "validation", "robustness_targets.csv", VALIDATION),
                *([CELL, ALL_NONE], [84.99, 10.0]),
            ),
            (
                *("imagenet16-120", "validation", "nb201_ImageNet16-120_valid_nets.csv", IMAGENET),
                *([CELL], [32.699999857584636]),
            ),
            (
                *("cifar10", "test", "nats_bench.csv", TEST),
                *([CELL, ALL_NONE], [85.86333333333334, 10.0]),
            ),
            (
                *("cifar100", "test", "nats_bench.csv", TEST),
                *([CELL, ALL_NONE], [52.913333294677734, 0.9999999992370605]),
            ),
            (
                *("imagenet16-120", "test", "nats_bench.csv", TEST),
                *([CELL, ALL_NONE], [26.6333332739936, 0.8333333312140571]),
            ),
        ],
    )
    def test_reads_each_kind_of_file(self, publish, dataset, split, filename, text, X, y):
        publish(filename, text)
        bunch = fetch_nasbench201(dataset, split)
        assert bunch.data.tolist() == X
        assert bunch.target.tolist() == y
        assert bunch.target_names == [f"{dataset}_{split}_accuracy"]
        assert bunch.chance_level == pytest.approx(CHANCE_LEVELS[dataset])
        assert bunch.url.endswith(f"/{filename}")
        assert "multiple of 1/10,000" in bunch.DESCR


@pytest.fixture(scope="module")
def bunch(real_data):
    """Return the real CIFAR-10 validation accuracies."""
    return fetch_nasbench201(data_home=real_data("nasbench201", "robustness_targets.csv").parent)


class TestFetchRealFile:
    def test_known_values_in_the_order_of_the_file(self, bunch):
        assert bunch.data.shape == bunch.target.shape == (15625,)
        assert bunch.data[0] == CELL
        assert bunch.target[:4].tolist() == [84.99, 90.52, 88.4, 88.32]

    def test_what_the_description_says(self, bunch):
        assert len(set(bunch.data)) == 15625
        assert (bunch.target.min(), bunch.target.max()) == (10, 91.57)
        assert np.abs(bunch.target * 100 - np.rint(bunch.target * 100)).max() < 1e-9
        cut_off = np.array([not reaches_output(cell) for cell in bunch.data])
        assert_array_equal(bunch.target == 10, cut_off)
