import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from emprox.predictors import jacobian_covariance

K = 1e-5


def seeded(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class Function(nn.Module):
    """Any function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class HalfSquares(nn.Module):
    """The gradient with respect to a sample is the sample itself."""

    def forward(self, x):
        return 0.5 * x.flatten(1).square().sum(dim=1, keepdim=True)


def of_eigenvalues(*eigenvalues):
    return -sum(math.log(value + K) + 1 / (value + K) for value in eigenvalues)


class TestByHand:
    @pytest.mark.parametrize(
        ("batch", "eigenvalues"),
        [
            # No correlation, which centring brings about in the second case.
            ([[1, 0, -1], [1, -2, 1]], (1, 1)),
            ([[6, 5, 4], [1, -2, 1]], (1, 1)),
            # Correlation 1, -1 and 1/2; eigenvalues are 1 plus and minus that.
            ([[1, 2, 3], [10, 20, 30]], (2, 0)),
            ([[1, 2, 3], [3, 2, 1]], (2, 0)),
            ([[1, 0, -1], [1, -1, 0]], (1.5, 0.5)),
            # The third is uncorrelated with two equal ones.
            ([[1, 0, -1], [1, 0, -1], [1, -2, 1]], (2, 1, 0)),
            # Constant rows: one with itself alone, two with each other.
            ([[1, 0, -1], [3, 3, 3]], (1, 1)),
            ([[1, 0, -1], [0.1, 0.1, 0.1], [0, 0, 0]], (2, 1, 0)),
            ([[0, 0, 0], [0.1, 0.1, 0.1], [7, 7, 7]], (3, 0, 0)),
        ],
    )
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_score(self, batch, eigenvalues, dtype):
        score = jacobian_covariance(HalfSquares(), torch.tensor(batch, dtype=dtype))
        assert isinstance(score, float)
        # An eigenvalue of zero is only found up to the rounding of the type.
        rel = 1e-9 if dtype == torch.float64 or 0 not in eigenvalues else 0.05
        assert score == pytest.approx(of_eigenvalues(*eigenvalues), rel=rel)

    def test_scale_and_offset_of_gradients_do_not_matter(self):
        batch = seeded(5, 7, dtype=torch.float64)
        expected = jacobian_covariance(HalfSquares(), batch)
        for scale in (1e-200, 1e-3, 1e200):
            module = Function(lambda x, scale=scale: scale * (x.square() / 2 + 3 * x))
            assert jacobian_covariance(module, batch) == pytest.approx(expected, rel=1e-6)


def double_loop(module, batch):
    """The definition, with every entry of the Jacobian and of the correlation on its own."""
    module = copy.deepcopy(module)
    jacobian = torch.autograd.functional.jacobian(module, batch)
    n_samples, n_outputs = jacobian.shape[:2]
    rows = torch.zeros(n_samples, batch[0].numel(), dtype=torch.float64)
    for sample in range(n_samples):
        for output in range(n_outputs):
            rows += jacobian[sample, output].reshape(n_samples, -1).double()
    correlations = np.empty((n_samples, n_samples))
    for i in range(n_samples):
        for j in range(n_samples):
            left, right = (rows[k] - rows[k].mean() for k in (i, j))
            correlations[i, j] = (left @ right) / (left.norm() * right.norm())
    eigenvalues = np.linalg.eigvals(correlations).real
    return -np.sum(np.log(eigenvalues + K) + 1 / (eigenvalues + K))


def make_network(dropout=0.0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv2d(4, 4, 3),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(36, 3),
        )


@pytest.fixture
def network():
    return make_network().double()


@pytest.mark.parametrize("training", [True, False])
def test_against_a_double_loop(network, training):
    network.train(training)
    batch = seeded(6, 2, 5, 5, dtype=torch.float64)
    score = jacobian_covariance(network, batch)
    assert score == pytest.approx(double_loop(network, batch), rel=1e-6)


def test_the_mode_of_the_module_counts(network):
    batch = 5 * seeded(6, 2, 5, 5, dtype=torch.float64)
    training = jacobian_covariance(network, batch)
    assert jacobian_covariance(network.eval(), batch) != pytest.approx(training, rel=1e-6)


def test_single_precision_is_close(network):
    batch = seeded(6, 2, 5, 5, dtype=torch.float64)
    single = jacobian_covariance(network.float(), batch.float())
    assert single == pytest.approx(jacobian_covariance(network.double(), batch), rel=1e-3)


def test_linear_is_lowest_and_uncorrelated_highest():
    batch = seeded(10, 8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        linear, network = (
            nn.Linear(8, 3),
            nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 3)),
        )
    lowest, score = jacobian_covariance(linear, batch), jacobian_covariance(network, batch)
    assert lowest == pytest.approx(of_eigenvalues(10, *9 * [0]), rel=0.05)
    assert lowest < score < of_eigenvalues(*10 * [1])


class TestNothingIsChanged:
    def test_module_batch_and_generators(self):
        network, batch = make_network(dropout=0.5), seeded(6, 2, 5, 5)
        network[0].weight.grad = torch.ones_like(network[0].weight)
        network[4].eval()
        network[7].weight.requires_grad_(False)
        state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        objects = [id(tensor) for tensor in (*network.parameters(), *network.buffers())]
        modes = [module.training for module in network.modules()]
        kept, generator = batch.clone(), torch.random.get_rng_state()

        first = jacobian_covariance(network, batch)

        assert torch.equal(torch.random.get_rng_state(), generator)
        assert jacobian_covariance(network, batch) == first
        assert [module.training for module in network.modules()] == modes
        after = [id(tensor) for tensor in (*network.parameters(), *network.buffers())]
        assert after == objects
        assert network.state_dict().keys() == state.keys()
        for name, tensor in network.state_dict().items():
            assert torch.equal(tensor, state[name]), name
        assert torch.equal(network[0].weight.grad, torch.ones_like(network[0].weight))
        assert all(p.grad is None for name, p in network.named_parameters() if name != "0.weight")
        assert not network[7].weight.requires_grad
        assert torch.equal(batch, kept)
        assert not batch.requires_grad
        assert batch.grad is None

    def test_after_an_error(self):
        network, batch = make_network(dropout=0.5), seeded(6, 2, 5, 5)
        failing = nn.Sequential(network, nn.Linear(4, 4))
        mean, generator = network[1].running_mean.clone(), torch.random.get_rng_state()
        with pytest.raises(RuntimeError, match="shapes"):
            jacobian_covariance(failing, batch)
        assert torch.equal(network[1].running_mean, mean)
        assert torch.equal(torch.random.get_rng_state(), generator)


class TestIgnoredInput:
    """Such as a cell without a path from its input to its output."""

    @pytest.mark.parametrize(
        "module",
        [
            Function(torch.zeros_like),
            Function(lambda x: 0 * x),
            nn.Sequential(Function(torch.zeros_like), nn.Linear(3, 4)),
        ],
    )
    def test_lowest_score(self, module):
        score = jacobian_covariance(module, seeded(5, 3))
        assert score == pytest.approx(of_eigenvalues(5, 0, 0, 0, 0), rel=1e-6)


class TestErrors:
    @pytest.mark.parametrize("shape", [(1, 3), (4, 1), (4, 1, 1), (4,), (), (0, 3), (4, 0)])
    def test_small_batch(self, shape):
        with pytest.raises(ValueError, match="at least two samples"):
            jacobian_covariance(HalfSquares(), torch.ones(shape))

    @pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
    def test_type_of_batch(self, dtype):
        with pytest.raises(ValueError, match="floating-point"):
            jacobian_covariance(HalfSquares(), torch.ones(4, 3).to(dtype))

    @pytest.mark.parametrize(
        ("function", "word"),
        [
            (lambda x: x.detach(), "differentiated"),
            (lambda x: x.argmax(dim=1), "int64"),
            (lambda x: torch.complex(x, x), "complex64"),
            (lambda x: x.sum(), "4 samples"),
            (lambda x: x.mean(dim=0), "4 samples"),
            (lambda x: (x - 1).clamp(min=0).sqrt(), "NaN"),
        ],
    )
    def test_outputs(self, function, word):
        with pytest.raises(ValueError, match=word):
            jacobian_covariance(Function(function), torch.arange(12.0).reshape(4, 3))

    def test_non_finite_weights_and_batch(self):
        module = nn.Linear(3, 2)
        with pytest.raises(ValueError, match="finite"):
            jacobian_covariance(module, torch.tensor([[1.0, math.nan], [1, 2]]))
        nn.init.constant_(module.weight, math.nan)
        with pytest.raises(ValueError, match="NaN"):
            jacobian_covariance(module, seeded(4, 3))

    @pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")  # of torch 2.2
    def test_lazy_module(self):
        with pytest.raises(ValueError, match="not initialised"):
            jacobian_covariance(nn.LazyLinear(3), seeded(4, 3))
