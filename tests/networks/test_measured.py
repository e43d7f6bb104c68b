import copy
import json
import math
import pickle
import random

import numpy as np
import pytest
import torch
from torch import nn

from emprox import make_emprox_pipeline
from emprox.networks import CaptureError, Network, capture
from emprox.predictors import jacobian_covariance
from emprox.properties import NetworkProperties
from emprox.spaces import ArchitectureError, NetworkSpace

NAMES = {"gradient norm", "SNIP", "synflow", "ZiCo", "NASWOT", "Jacobian covariance"}


class Chain(nn.Module):
    """Two linear layers of given weights, with or without a ReLU between."""

    def __init__(self, first, second, *, relu=True):
        super().__init__()
        self.first, self.second = (nn.Parameter(torch.tensor(each)) for each in (first, second))
        self.relu = relu

    def forward(self, x):
        x = x @ self.first.T
        return (x.relu() if self.relu else x) @ self.second.T


class Fails(nn.Module):
    """Fails on real values, at a call that can be chosen."""

    def __init__(self, fail_at):
        super().__init__()
        self.layer, self.calls, self.fail_at = nn.Linear(4, 2), [], fail_at

    def forward(self, x):
        self.calls.append(torch.rand(1))
        if len(self.calls) >= self.fail_at:
            raise KeyError("no such luck")
        return self.layer(x)


class OnlySinglePrecision(nn.Linear):
    def forward(self, x):
        if x.dtype == torch.float64:
            raise RuntimeError("not in double precision")
        return super().forward(x)


def small_cnn():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 5),
    )


def bits_of(module):
    tensors = [*module.state_dict().values(), *(each.grad for each in module.parameters())]
    return [None if each is None else each.numpy().tobytes() for each in tensors]


class TestByHand:
    def measure(self, batch, **kwargs):
        # Of a column of odds, class 0 has the logit 0.
        chain = Chain([[1.0, -2.0], [3.0, 1.0]], [[2.0, -1.0]], **kwargs)
        return capture(chain, (1, 2), batch=torch.tensor(batch)).measured

    def test_synflow(self):
        # |w2| |w1| 1 = 2 · (1 + 2) + 1 · (3 + 1) = 10, from each of two layers.
        assert self.measure([[1.0, 0.0], [0.0, 1.0]])["synflow"] == pytest.approx(20)

    def test_naswot(self):
        # Inputs of the ReLU are (1, 3) and (-2, 1): one of two units agrees.
        expected = sum(math.log(s + 1e-5) for s in (2 + 1, 2 - 1))
        assert self.measure([[1.0, 0.0], [0.0, 1.0]])["NASWOT"] == pytest.approx(expected)

    def test_jacobian_covariance(self):
        batch = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        chain = Chain([[1.0, -2.0], [3.0, 1.0]], [[2.0, -1.0]])
        measured = capture(chain, (1, 2), batch=batch).measured
        assert measured["Jacobian covariance"] == pytest.approx(jacobian_covariance(chain, batch))

    def test_gradients(self):
        batch = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]])
        measured = self.measure(batch.tolist(), relu=False)
        classes = torch.randint(2, (4,), generator=torch.Generator().manual_seed(0)).numpy()
        x, first, second = batch.numpy(), np.array([[1, -2], [3, 1]]), np.array([[2, -1]])

        def gradients(part):
            hidden = x[part] @ first.T
            odds = 1 / (1 + np.exp(-hidden @ second.T)) - classes[part][:, None]
            return second.T @ (odds.T @ x[part]) / len(odds), odds.T @ hidden / len(odds)

        whole, halves = gradients(slice(None)), [gradients(slice(2)), gradients(slice(2, None))]
        norm = sum(map(np.linalg.norm, whole))
        assert measured["gradient norm"] == pytest.approx(norm, rel=1e-5)
        snip = sum(abs(g * w).sum() for g, w in zip(whole, (first, second), strict=True))
        assert measured["SNIP"] == pytest.approx(snip, rel=1e-5)
        zico = 0
        for pair in zip(*halves, strict=True):
            mean, std = np.abs(pair).mean(axis=0), np.abs(pair).std(axis=0)
            zico += math.log((mean[std > 1e-7] / std[std > 1e-7]).sum())
        assert measured["ZiCo"] == pytest.approx(zico, rel=1e-4)


class TestLeftAsItWas:
    @pytest.mark.parametrize("training", [True, False])
    def test_module_and_random_numbers(self, training):
        module, batch = small_cnn().train(training), torch.randn(8, 3, 9, 9)
        module(batch).sum().backward()
        module[0].weight.requires_grad_(False)
        module[0].weight.data[0, 0, 0, 0] = -0.0
        before, given = bits_of(module), batch.clone()
        states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
        capture(module, (1, 3, 9, 9), batch=batch)
        assert bits_of(module) == before
        assert torch.equal(batch, given)
        assert not batch.requires_grad
        assert not module[0].weight.requires_grad
        assert all(each.training is training for each in module.modules())
        assert torch.equal(torch.get_rng_state(), states[0])
        assert random.getstate() == states[1]
        assert (np.random.get_state()[1] == states[2]).all()  # noqa: NPY002

    def test_after_an_error(self):
        module = Fails(fail_at=2)
        before, state = bits_of(module), torch.get_rng_state()
        with pytest.raises(CaptureError, match="no such luck"):
            capture(module, (1, 4), batch=True)
        assert bits_of(module) == before
        assert module.training
        assert torch.equal(torch.get_rng_state(), state)


class TestBatches:
    def test_without_there_are_no_scores(self):
        assert capture(small_cnn(), (1, 3, 9, 9)).measured == {}

    def test_same_module_has_same_scores(self):
        module = small_cnn()
        first, second = (capture(module, (1, 3, 9, 9), batch=True).measured for _ in range(2))
        assert first == second
        assert set(first) == NAMES
        assert all(map(math.isfinite, first.values()))

    def test_true_is_a_shape_with_more_samples(self):
        module = small_cnn()
        of_shape = capture(module, (1, 3, 9, 9), batch=(16, 3, 9, 9)).measured
        assert capture(module, (1, 3, 9, 9), batch=True).measured == of_shape

    def test_numbers_are_those_of_the_inputs(self):
        module = small_cnn()
        network = capture(module, (1, 3, 9, 9), batch=True)
        assert network == capture(module, (1, 3, 9, 9))
        assert network.input_shapes == ((1, 3, 9, 9),)

    def test_several_arguments_by_name(self):
        module = nn.Bilinear(3, 4, 2)
        network = capture(module, {"input1": (1, 3), "input2": (1, 4)}, batch=True)
        assert network.measured["gradient norm"] > 0

    @pytest.mark.parametrize(
        "make",
        [
            lambda: nn.LSTM(3, 4, batch_first=True),
            lambda: nn.TransformerEncoderLayer(3, 1, batch_first=True),
            lambda: nn.Sequential(nn.Linear(3, 4), nn.Hardswish(), nn.Linear(4, 3)),
            lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU()).half(),
            lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU()).double(),
        ],
    )
    def test_modules_of_all_kinds(self, make):
        measured = capture(make(), (1, 5, 3), batch=True).measured
        assert measured["gradient norm"] > 0
        assert measured["SNIP"] > 0

    def test_meta_device(self):
        with torch.device("meta"):
            module = small_cnn()
        with pytest.raises(CaptureError, match="meta"):
            capture(module, (1, 3, 9, 9), batch=True)

    @pytest.mark.parametrize("batch", [torch.zeros(4, 1, 9, 9), 16, False, "random"])
    def test_wrong_batch(self, batch):
        with pytest.raises(CaptureError, match="batch"):
            capture(small_cnn(), (1, 3, 9, 9), batch=batch)


class TestNotDefined:
    def test_no_activation(self):
        assert math.isnan(capture(nn.Linear(4, 2), (1, 4), batch=True).measured["NASWOT"])

    def test_integers(self):
        module = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 3))
        inputs = torch.randint(9, (1, 3))
        measured = capture(module, inputs, batch=torch.randint(9, (8, 3))).measured
        assert math.isnan(measured["Jacobian covariance"])
        assert measured["synflow"] > 0
        assert measured["gradient norm"] > 0

    def test_infinite_weights(self):
        module = nn.Linear(4, 2)
        nn.init.constant_(module.weight, math.inf)
        assert all(map(math.isnan, capture(module, (1, 4), batch=True).measured.values()))

    def test_no_double_precision(self):
        measured = capture(OnlySinglePrecision(4, 2), (1, 4), batch=True).measured
        assert math.isnan(measured["synflow"])
        assert measured["SNIP"] > 0

    def test_no_weights(self):
        measured = capture(nn.Sequential(nn.Flatten(), nn.ReLU()), (1, 2, 3), batch=True).measured
        assert measured["gradient norm"] == 0
        assert math.isfinite(measured["NASWOT"])


class TestNetwork:
    def test_copies_keep_scores(self):
        network = capture(nn.Linear(4, 2), (1, 4), batch=True)
        assert math.isnan(network.measured["NASWOT"])
        for other in (
            Network.from_json(network.to_json()),
            pickle.loads(pickle.dumps(network)),
            copy.deepcopy(network),
        ):
            np.testing.assert_equal(dict(other.measured), dict(network.measured))

    def test_json_has_no_nan(self):
        text = capture(nn.Linear(4, 2), (1, 4), batch=True).to_json()
        assert json.loads(text)["measured"]["NASWOT"] is None

    def test_read_only(self):
        network = capture(nn.Linear(4, 2), (1, 4), batch=True)
        with pytest.raises(TypeError):
            network.measured["SNIP"] = 1.0
        with pytest.raises(AttributeError):
            network.measured = {}


class TestProperties:
    modules = tuple(
        nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 1)) for width in range(2, 12)
    )

    def test_columns(self):
        networks = [capture(each, (1, 4), batch=True) for each in self.modules]
        properties = NetworkProperties(groups=["measured"]).fit(networks)
        names = list(properties.get_feature_names_out())
        columns = properties.transform(networks)
        assert len(names) == len(NAMES)
        np.testing.assert_allclose(
            columns[:, names.index("log10 synflow")],
            np.log10([each.measured["synflow"] for each in networks]),
        )
        # The heavier tail is that of bad networks.
        covariances = [each.measured["Jacobian covariance"] for each in networks]
        column = columns[:, names.index("-log10 -Jacobian covariance")]
        assert (np.argsort(column) == np.argsort(covariances)).all()

    def test_what_is_not_defined_is_at_the_mean(self):
        networks = [capture(each, (1, 4), batch=True) for each in (*self.modules, nn.Linear(4, 1))]
        raw = NetworkProperties(groups=["measured"]).fit(networks)
        column = list(raw.get_feature_names_out()).index("NASWOT")
        values = raw.transform(networks)[:, column]
        assert values[-1] == pytest.approx(values[:-1].mean())
        standardised = NetworkProperties(groups=["measured"], standardize=True).fit(networks)
        assert standardised.transform(networks)[-1, column] == pytest.approx(0)

    def test_not_among_auto(self):
        networks = [capture(each, (1, 4), batch=True) for each in self.modules]
        assert "measured" not in NetworkProperties().fit(networks).groups_

    def test_scores_of_other_weights_of_the_same_network(self):
        torch.manual_seed(0)
        first, second = (capture(nn.Linear(4, 2), (1, 4), batch=True) for _ in range(2))
        assert first == second
        properties = NetworkProperties(groups=["size", "measured"])
        one, other = (properties.fit([each]).transform([each]) for each in (first, second))
        assert not np.allclose(one, other)

    def test_not_measured(self):
        measured = capture(self.modules[0], (1, 4), batch=True)
        with pytest.raises(ArchitectureError, match="batch") as caught:
            NetworkProperties(groups=["measured"]).fit([measured, capture(self.modules[1], (1, 4))])
        assert caught.value.index == 1

    def test_space_measures_modules(self):
        space = NetworkSpace((1, 4), batch=torch.randn(8, 4))
        pipeline = make_emprox_pipeline(space, random_state=0)
        pipeline.set_params(features__groups=["size", "measured"])
        y = np.arange(10.0)
        predictions = pipeline.fit(self.modules, y).predict(self.modules[::-1])
        assert np.corrcoef(predictions, y[::-1])[0, 1] > 0.5
        assert space != NetworkSpace((1, 4))
