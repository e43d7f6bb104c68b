"""The networks that spaces build, against what the benchmarks publish and the spaces state."""

import copy
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from emprox.networks import capture
from emprox.properties import StructuralProperties
from emprox.spaces import ArchitectureError, get_space, list_spaces

# A small network for each space, and the size of its images.
SMALL = {
    "darts": {"channels": 4, "n_cells": 1},
    "nasbench101": {"channels": 8, "n_cells": 1},
    "nasbench201": {"channels": 4, "n_cells": 1},
    "nasbench_macro": {"channels": 4},
    "natsbench_size": {},
    "transnasbench101_macro": {"channels": 4, "n_cells": 1},
    "transnasbench101_micro": {"channels": 4, "n_cells": 1},
}
PATHLESS = {"nasbench201": (1,) * 6, "transnasbench101_micro": (0,) * 6}


def n_weights(module):
    return sum(weights.numel() for weights in module.parameters())


def build_empty(name, architecture, **options):
    """Build a network without memory for its weights, for counting."""
    with torch.device("meta"):
        return get_space(name).to_torch(architecture, **options).eval()


def multiply_adds(network):
    """Count what torch counts, for one image."""
    with FlopCounterMode(display=False) as counter:
        network(network.example_input_array)
    return counter.get_total_flops() // 2


class TestPublishedSizes:
    @pytest.mark.parametrize(
        ("cell", "options", "weights", "work"),
        [
            ((2,) * 6, {}, 1_531_546, 220_119_690),
            ((1,) * 6, {}, 73_306, 7_783_050),
            ((2,) * 6, {"n_classes": 100}, 1_537_396, 220_125_540),
        ],
    )
    def test_of_nasbench201(self, cell, options, weights, work):
        network = build_empty("nasbench201", cell, **options)
        assert n_weights(network) == weights
        # The benchmark counts the biases of the last layer as multiply-adds.
        assert multiply_adds(network) == work - options.get("n_classes", 10)

    @pytest.mark.parametrize(
        ("text", "weights"),
        [("8:8:8:8:8", 11_714), ("8:8:16:40:40", 107_826), ("64:64:64:64:64", 713_674)],
    )
    def test_of_natsbench_size(self, text, weights):
        assert n_weights(build_empty("natsbench_size", text)) == weights

    def test_of_transnasbench101(self):
        network = build_empty("transnasbench101_micro", "64-41414-3_33_333")
        assert n_weights(network) == 41_435_727

    def test_of_the_cells_that_darts_and_p_darts_found(self):
        darts = {
            "normal": "sep_conv_3x3 0 sep_conv_3x3 1 sep_conv_3x3 0 sep_conv_3x3 1"
            " sep_conv_3x3 1 skip_connect 0 skip_connect 0 dil_conv_3x3 2",
            "reduce": "max_pool_3x3 0 max_pool_3x3 1 skip_connect 2 max_pool_3x3 1"
            " max_pool_3x3 0 skip_connect 2 skip_connect 2 max_pool_3x3 1",
        }
        p_darts = {
            "normal": "skip_connect 0 dil_conv_3x3 1 skip_connect 0 sep_conv_3x3 1"
            " sep_conv_3x3 1 sep_conv_3x3 3 sep_conv_3x3 0 dil_conv_5x5 4",
            "reduce": "avg_pool_3x3 0 sep_conv_5x5 1 sep_conv_3x3 0 dil_conv_5x5 2"
            " max_pool_3x3 0 dil_conv_3x3 1 dil_conv_3x3 1 dil_conv_5x5 3",
        }
        for cells, weights in ((darts, 3_349_342), (p_darts, 3_433_798)):
            words = {kind: text.split() for kind, text in cells.items()}
            genotype = {
                kind: list(zip(each[::2], map(int, each[1::2]), strict=True))
                for kind, each in words.items()
            }
            # The papers have 20 cells with 36 channels.
            assert n_weights(build_empty("darts", genotype, channels=36, n_cells=6)) == weights

    def test_of_nasbench101(self):
        default = Path(__file__).resolve().parents[3] / "shared" / "data"
        folder = Path(os.environ.get("EMPROX_TEST_DATA") or default)
        file = folder / "nasbench101" / "zc_nasbench101.json"
        if not file.is_file():
            pytest.skip(f"{file} is missing; EMPROX_TEST_DATA can say where it is")
        records = json.loads(file.read_text())["nasbench101"]["cifar10"]
        cells = sorted(key for key in records if key.startswith("("))[::25]
        for cell in cells:
            network = build_empty("nasbench101", cell)
            assert n_weights(network) == round(1e6 * records[cell]["params"])
            # The file's also has normalisations, additions and poolings.
            assert 0.8 < multiply_adds(network) / 1e6 / records[cell]["flops"] < 1

    def test_of_a_network_of_nasbench_macro_by_hand(self):
        network = build_empty("nasbench_macro", "00100000")
        stem = 27 * 32 + 2 * 32
        # From 64 channels to 192, 3x3 for each, and to 128; between them convolutions 1x1.
        block = 64 * 192 + 2 * 192 + 9 * 192 + 2 * 192 + 192 * 128 + 2 * 128
        identities = 32 * 64 + 2 * 64 + 128 * 256 + 2 * 256
        head = 256 * 1280 + 2 * 1280 + 1280 * 10 + 10
        assert n_weights(network) == stem + block + identities + head


def stated(name, architectures, what):
    """Return what the properties say of the cells, all kinds together."""
    properties = StructuralProperties(name, groups=["counts"]).set_output(transform="pandas")
    columns = properties.fit(architectures).transform(architectures)
    numbers = [columns[column] for column in columns if column.endswith(what)]
    assert numbers
    return np.expm1(np.array(numbers)).sum(axis=0)


def built(network):
    """Count weights of cells and their work, of normalisations as well as properties count it."""
    work = []

    def count(module, inputs, output):
        if isinstance(module, nn.BatchNorm2d):
            work.append(n_weights(module) * output[0, 0].numel())

    hooks = [module.register_forward_hook(count) for module in network.cells.modules()]
    with FlopCounterMode(display=False) as counter:
        network(network.example_input_array)
    for hook in hooks:
        hook.remove()
    cells = sum(
        sum(flops.values())
        for where, flops in counter.get_flop_counts().items()
        if where.count(".") == 2 and ".cells." in where
    )
    return n_weights(network.cells), cells // 2 + sum(work)


class TestWhatSpacesState:
    """Built and stated differ by what is between cells, the same for all networks of a space."""

    @pytest.mark.parametrize(
        ("name", "work"),
        [
            ("nasbench201", True),
            ("darts", True),
            ("transnasbench101_macro", True),
            ("nasbench_macro", False),
        ],
    )
    def test_exactly(self, name, work):
        space = get_space(name)
        decisions = space.sample(6, random_state=0)
        if name == "darts":
            # A skip connection that reduces the resolution has weights that nobody states.
            reduce = decisions[:, 17::2]
            reduce[reduce == 2] = 0
        texts = space.format(decisions)
        counted = np.array([built(build_empty(name, text)) for text in texts])
        expected = [stated(name, texts, what) for what in ("log weights", "log multiply-adds")]
        difference = counted - np.transpose(expected)
        for column in range(1 + work):
            np.testing.assert_allclose(difference[:, column], difference[0, column], atol=2)
            assert np.ptp(counted[:, column]) > 0

    @pytest.mark.parametrize(
        ("name", "tolerance"),
        [("natsbench_size", 0.01), ("nasbench101", 0.25), ("transnasbench101_micro", 0.25)],
    )
    def test_nearly(self, name, tolerance):
        # Where the channels change within a cell, properties take one number for all.
        space = get_space(name)
        texts = space.format(space.sample(20, random_state=0))
        counted = np.array([n_weights(build_empty(name, text).cells) for text in texts])
        expected = stated(name, texts, "log weights")
        assert (expected > 0).sum() > 10
        # A skip connection that reduces the resolution has weights that nobody states.
        ratios = counted[expected > 0] / expected[expected > 0]
        assert abs(np.log(ratios)).max() < tolerance


def small(name, architecture=None, **options):
    space = get_space(name)
    if architecture is None:
        (architecture,) = space.format(space.sample(1, random_state=3))
    torch.manual_seed(0)
    return space.to_torch(architecture, **{"n_classes": 3, **SMALL[name], **options})


def images(n_channels=3, side=32, n=4):
    return torch.randn(n, n_channels, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", SMALL)
class TestEveryNetwork:
    def test_trains_a_step_and_runs_after_it(self, name):
        network = small(name)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        loss = functional.cross_entropy(network(images()), torch.tensor([0, 1, 2, 0]))
        loss.backward()
        assert all(weights.grad.isfinite().all() for weights in network.parameters())
        optimizer.step()
        network.eval()
        with torch.no_grad():
            alone = network(images())[:1], network(images()[:1])
        torch.testing.assert_close(*alone, rtol=1e-4, atol=1e-4)

    def test_copies_are_the_same(self, name):
        network = small(name).eval()
        for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            assert torch.equal(again(images()), network(images()))
            assert repr(again) == repr(network)

    def test_channels_of_images_and_odd_resolutions(self, name):
        network = small(name, in_channels=1).eval()
        assert network.example_input_array.shape[1] == 1
        for side in (28, 33, 47):
            assert network(images(1, side, n=2)).shape == (2, 3)

    def test_reads_every_form_of_an_architecture(self, name):
        space = get_space(name)
        decisions = space.sample(1, random_state=3)
        forms = [*space.format(decisions), *space.decode(decisions), decisions[0]]
        forms += [tuple(decisions[0].tolist()), space.decode(decisions)[0].to_string()]
        assert len({repr(small(name, form)) for form in forms}) == 1

    def test_can_be_captured_as_it_is(self, name):
        network = small(name)
        captured = capture(network)
        assert captured.n_weights == n_weights(network)
        assert captured.input_shapes == (tuple(network.example_input_array.shape),)
        assert captured.multiply_adds == multiply_adds(network.eval())


@pytest.mark.parametrize("name", PATHLESS)
def test_a_cell_without_a_path_ignores_its_input(name):
    network = small(name, PATHLESS[name])
    loss = functional.cross_entropy(network(images()), torch.tensor([0, 1, 2, 0]))
    loss.backward()
    logits = network.eval()(images())
    assert logits.shape == (4, 3)
    assert torch.equal(logits[0], logits[1])
    assert "no path" in repr(network)


def test_dead_edges_are_not_built():
    # Edge 1 -> 3 leaves a node that nothing leads to, edge 0 -> 2 leads to one that nothing leaves.
    dead, live = (1, 2, 3, 1, 2, 1), (1, 1, 3, 1, 1, 1)
    assert repr(small("nasbench201", dead)) == repr(small("nasbench201", live))


class TestByHand:
    """The order of layers, which counts do not show."""

    def test_nasbench201(self):
        space = get_space("nasbench201")
        cell = "|nor_conv_3x3~0|+|avg_pool_3x3~0|none~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"
        cell = cell.replace("none~2", "skip_connect~2")
        torch.manual_seed(0)
        network = space.to_torch(cell, n_cells=1, channels=2, n_classes=3).double().eval()
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point():
                tensor.data.uniform_(0.5, 1.5)
        state = iter(network.state_dict().values())

        def take(n):
            return [next(state) for _ in range(n)]

        def norm(x):
            weight, bias, mean, variance, _ = take(5)
            return functional.batch_norm(x, mean, variance, weight, bias)

        def conv(x, kernel, stride=1):
            (weight,) = take(1)
            assert weight.shape[-1] == kernel
            return norm(functional.conv2d(x, weight, None, stride, kernel // 2))

        def run_cell(x):
            first = conv(x.relu(), 3)
            pooled = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
            return x + conv(first.relu(), 1) + pooled

        def reduce(x):
            body = conv(conv(x.relu(), 3, stride=2).relu(), 3)
            return functional.conv2d(functional.avg_pool2d(x, 2), *take(1)) + body

        x = images().double()
        found = network(x)
        x = run_cell(reduce(run_cell(reduce(run_cell(conv(x, 3))))))
        pooled = norm(x).relu().mean(dim=(2, 3))
        weight, bias = take(2)
        torch.testing.assert_close(found, pooled @ weight.T + bias)
        assert not list(state)

    def test_nasbench101_concatenates_adds_and_truncates(self):
        # Nodes 1 and 2 share the 5 channels of the output as 3 and 2; node 2 also reads node 1.
        matrix = np.zeros((4, 4), dtype=int)
        matrix[[0, 0, 0, 1, 1, 2], [1, 2, 3, 2, 3, 3]] = 1
        operations = ["input", "maxpool3x3", "conv1x1-bn-relu", "output"]
        space = get_space("nasbench101")
        network = space.to_torch((matrix, operations), channels=5, n_cells=1, n_classes=2).eval()
        cell = network.cells[0]
        to_1, to_2, to_output = cell.projections.values()
        pool, convolution = cell.operations.values()
        x = network.stem(images())
        first = pool(to_1(x))
        second = convolution(first[:, :2] + to_2(x))
        assert (first.shape[1], second.shape[1]) == (3, 2)
        expected = torch.cat([first, second], dim=1) + to_output(x)
        torch.testing.assert_close(cell(x), expected)
        assert [type(layer) for layer in convolution] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]


class TestErrors:
    def test_spaces_without_networks(self):
        others = set(list_spaces()) - set(SMALL)
        assert others
        for name in others:
            with pytest.raises(ValueError, match="nasbench201") as error:
                get_space(name).to_torch("anything")
            assert name in str(error.value)

    @pytest.mark.parametrize("name", SMALL)
    def test_unknown_architectures(self, name):
        for item in ("no such thing", None, (), 3):
            with pytest.raises(ArchitectureError):
                get_space(name).to_torch(item)

    @pytest.mark.parametrize("option", ["n_classes", "channels", "in_channels", "n_cells"])
    @pytest.mark.parametrize("value", [0, -1, 2.5, "16", True, [3]])
    def test_numbers(self, option, value):
        with pytest.raises(ValueError, match=option):
            get_space("nasbench201").to_torch((2,) * 6, **{option: value})

    def test_options_that_a_space_does_not_have(self):
        for name, option in (("natsbench_size", "channels"), ("nasbench_macro", "n_cells")):
            with pytest.raises(ValueError, match=option):
                small(name, **{option: 3})

    def test_too_few_channels(self):
        with pytest.raises(ValueError, match="channels has to be 2"):
            get_space("transnasbench101_macro").to_torch("64-1234-basic", channels=1)
        matrix = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0] * 4]
        operations = ["input", "maxpool3x3", "maxpool3x3", "output"]
        with pytest.raises(ValueError, match="channels has to be 2"):
            get_space("nasbench101").to_torch((matrix, operations), channels=1)
