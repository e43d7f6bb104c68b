import importlib.util
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kendalltau

from emprox.datasets import load_digits_cells
from emprox.spaces import get_space

ROOT = Path(__file__).parents[2]
ALL_NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@pytest.fixture(scope="module")
def data():
    return load_digits_cells()


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools" / "train_digits_cells.py"
    spec = importlib.util.spec_from_file_location("train_digits_cells", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def operations(space, cell):
    return tuple(space.operations[choice] for choice in space.encode([cell])[0])


class TestLoad:
    def test_every_canonical_cell_is_there_once(self, data, tool):
        space = get_space("nasbench201")
        canonical = space.canonicalize(list(product(range(5), repeat=6)))
        there = space.encode(list(data.data))
        assert_array_equal(np.unique(there, axis=0), np.unique(canonical, axis=0))
        assert len(there) == len(np.unique(there, axis=0)) == 5425
        assert ["".join(map(str, row)) for row in there.tolist()] == tool.canonical_cells()

    def test_bunch(self, data):
        assert data.target.shape == (5425,)
        assert data.train_loss.shape == data.validation_accuracy.shape == (5425, 12)
        assert data.repeated.shape == (400,)
        assert data.repeated_test_accuracy.shape == (400, 3)
        assert_array_equal(data.repeated_test_accuracy[:, 0], data.target[data.repeated])
        for curve in (data.train_loss, data.validation_accuracy):
            assert np.isfinite(curve).all()

    def test_accuracies_are_counts_of_images(self, data):
        for accuracies, n_images in [(data.target, 649), (data.validation_accuracy, 648)]:
            counts = accuracies * n_images / 100
            # Three digits behind the point are kept.
            assert_allclose(counts, counts.round(), atol=0.005)

    def test_targets(self, data):
        X, y = load_digits_cells(target=["parameters", "multiply_adds"], return_X_y=True)
        assert_array_equal(X, data.data)
        assert_array_equal(y, np.column_stack([data.parameters, data.multiply_adds]))
        assert (data.training_seconds > 0).all()

    def test_a_cell_without_a_path_stays_at_chance(self, data):
        (row,) = np.flatnonzero(data.data == ALL_NONE)
        assert 8 < data.target[row] < 12
        assert_allclose(data.train_loss[row], np.log(10), atol=0.05)

    def test_description_holds_the_numbers(self, data):
        for name, values in [
            ("test_accuracy", data.target),
            ("validation_accuracy", data.validation_accuracy[:, -1]),
        ]:
            numbers = [f"{value:.2f}" for value in (values.min(), values.mean(), values.max())]
            assert re.search(rf"^{name} +" + " +".join(numbers), data.DESCR, re.MULTILINE)
        text = " ".join(data.DESCR.split())
        deviation = np.sqrt(data.repeated_test_accuracy.var(axis=1, ddof=1).mean())
        assert f"standard deviation of {deviation:.2f}" in text
        tau = kendalltau(*data.repeated_test_accuracy[:, :2].T)[0]
        assert f"Kendall correlation of {tau:.3f}" in text


class TestTool:
    def test_counts_by_hand(self, tool, data):
        # Stem 9 x 8, its normalisation 16; from 8 to 16 channels 9 x 8 x 16 and 32; last
        # normalisation 32; linear 16 x 10 + 10. The cell adds a 3x3 convolution to each stage.
        by_hand = 72 + 16 + 1152 + 32 + 32 + 170 + (9 * 8 * 8 + 16) + (9 * 16 * 16 + 32)
        # Pixels: 64 before the stride and 16 after it.
        adds = 72 * 64 + 1152 * 16 + 160 + 9 * 8 * 8 * 64 + 9 * 16 * 16 * 16
        cell = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
        (row,) = np.flatnonzero(data.data == cell)
        assert data.parameters[row] == by_hand
        assert data.multiply_adds[row] == adds

    def test_table_agrees_with_the_networks(self, tool, data):
        space = get_space("nasbench201")
        for row in range(0, 5425, 271):
            network = tool.build_network(operations(space, data.data[row]))
            n_parameters = sum(parameter.numel() for parameter in network.parameters())
            assert data.parameters[row] == n_parameters
            assert data.multiply_adds[row] == tool.count_multiply_adds(network)

    def test_cell_by_hand(self, tool):
        names = ["skip_connect", "none", "skip_connect", "avg_pool_3x3", "none", "skip_connect"]
        # Edges 0->1 skip, 0->3 skip, 1->2 average, 2->3 skip: the input and its average.
        cell = tool.Cell(tuple(names), 8)
        inputs = torch.arange(8 * 64.0).reshape(1, 8, 8, 8)
        average = torch.nn.functional.avg_pool2d(inputs, 3, 1, 1, count_include_pad=False)
        assert_allclose(cell(inputs), inputs + average)
