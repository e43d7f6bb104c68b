"""What cannot be captured says so: what is wrong, where, and what to do."""

import pytest
import torch
from torch import library as operators
from torch import nn
from torch.nn import functional as F

from emprox.networks import CaptureError, capture


class Computes(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.function = forward

    def forward(self, x):
        return self.function(x)


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        if self.linear(x).sum() > 0:
            return x
        return -x


def error_of(module, inputs=None):
    with pytest.raises(CaptureError) as caught:
        capture(module, inputs)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 800
    return message


def test_what_is_no_module():
    for other in (nn.Linear, F.relu, None, "resnet18"):
        with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module"):
            capture(other, (1, 3))


def test_lazy_layers_are_named():
    message = error_of(nn.Sequential(nn.ReLU(), nn.LazyLinear(4)), (1, 8))
    assert "'1'" in message
    assert "lazy" in message
    module = nn.Sequential(nn.ReLU(), nn.LazyLinear(4))
    module(torch.zeros(1, 8))
    assert capture(module, (1, 8)).n_weights == 36


def test_branches_on_values_say_where_they_are():
    message = error_of(nn.Sequential(nn.Linear(4, 4), Branching()), (1, 4))
    assert "needs values" in message
    assert "'1' (Branching)" in message
    line = Branching.forward.__code__.co_firstlineno + 1
    assert f"line {line} of test_capture_errors.py" in message


# Some of these would end the process if they got at the memory of tensors that have none.
@pytest.mark.parametrize(
    "forward",
    [
        lambda x: x * x.tolist()[0][0],
        lambda x: x * x.numpy().max(),
        lambda x: x * torch.from_numpy(x.detach().cpu().numpy()),
        lambda x: x * float(x.sum()),
        lambda x: x * x.sum().item(),
        lambda x: x * int(x.sum()),
        lambda x: x[: x.sum().long()],
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x if torch.equal(x, x + 1) else -x,
        lambda x: x if torch.allclose(x, x + 1) else -x,
        lambda x: torch.nonzero(x),
        lambda x: torch.where(x > 0)[0],
        lambda x: x[x > 0],
        lambda x: torch.masked_select(x, x > 0),
        lambda x: torch.unique(x),
        lambda x: torch.bincount(x.long().flatten()),
        lambda x: F.one_hot(x.long()),
        lambda x: torch.tensor([x[0, 0], x[0, 1]]),
        lambda x: torch.repeat_interleave(x, x[:, 0].long(), 0),
        lambda x: torch.tensor(x.tolist()),
    ],
)
def test_every_way_to_ask_for_values(forward):
    assert "needs values" in error_of(Computes(forward), (2, 4))


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: torch.tensor_split(x, x[0].long())[0],
        lambda x: x.to_sparse(),
        lambda x: memoryview(x),
        lambda x: x.untyped_storage()[0],
        lambda x: torch.utils.dlpack.to_dlpack(x),
        lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8).dequantize(),
        lambda x: x @ x,
        lambda x: undefined_name,  # noqa: F821
        lambda x: "text",
        lambda x: None,
        lambda x: [None, {}],
        lambda x: torch.zeros(3),
    ],
)
def test_other_failures(forward):
    assert "Computes" in error_of(Computes(forward), (2, 4))


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: f"{x} {x!r} {x.sum()}" and x + 1,
        lambda x: x + len(x) + hash(x) * 0,
        lambda x: x + (x.data_ptr() > 0),
        lambda x: torch.linalg.inv(x @ x.T),
        lambda x: torch.linalg.svd(x)[0],
        lambda x: torch.linalg.eigh(x @ x.T)[0],
        lambda x: torch.linalg.cholesky(x @ x.T),
        lambda x: torch.linalg.solve(x @ x.T, x),
        lambda x: torch.linalg.qr(x)[0],
        lambda x: F.gumbel_softmax(x) + torch.randn_like(x),
        lambda x: torch.vmap(torch.sin)(x),
    ],
)
def test_what_needs_no_values_after_all(forward):
    assert len(capture(Computes(forward), (2, 4)).operations.kind) > 2


def test_no_inputs_given():
    message = error_of(nn.Linear(4, 4))
    assert "no inputs" in message
    assert "capture(module, (1, 3, 224, 224))" in message


@pytest.mark.parametrize(
    "inputs",
    [
        "1, 3, 8, 8",
        (),
        [],
        {},
        5,
        2.5,
        True,
        (1.0, 3.0, 8.0, 8.0),
        (True, False),
        (-1, 3, 8, 8),
        (0, 3, 8, 8),
        (1, 3, 8),
        (1, 3, 8, 8, 8),
        (3, 8),
        (1, 4, 8, 8),
        [(1, 3, 8, 8), (1, 3, 8, 8)],
        {"x": (1, 3, 8, 8)},
        [[(1, 3, 8, 8)]],
        [None, None],
        torch.zeros(1, 3, 8, 8, dtype=torch.long),
        torch.zeros(0),
        (10**12, 3, 10**12, 8),
        (10**30, 3, 8, 8),
        object(),
    ],
    ids=str,
)
def test_wrong_inputs(inputs):
    assert "shape" in error_of(nn.Conv2d(3, 4, 3), inputs)


def test_integers_where_floats_are_needed_and_the_other_way_round():
    assert "torch.long" in error_of(nn.Embedding(10, 4), (1, 8))


def test_hooks_that_raise():
    def fail(*_):
        raise KeyError("not here")

    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    module[1].register_forward_hook(fail)
    message = error_of(module, (1, 4))
    assert "KeyError" in message
    assert "test_capture_errors.py" in message


@pytest.mark.filterwarnings("ignore")  # Quantisation moves to another package.
def test_quantised_modules():
    if len(torch.backends.quantized.supported_engines) < 2:
        pytest.skip("this PyTorch cannot quantise")
    module = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)))
    message = error_of(module, (1, 4))
    assert "linear_dynamic" in message
    assert "before it is quantised" in message


def test_operators_of_others():
    @operators.custom_op("emprox_tests::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    assert "twice" in error_of(Computes(twice), (2, 4))
    twice.register_fake(torch.empty_like)
    names = capture(Computes(twice), (2, 4)).operations.name.tolist()
    assert names == ["input", "twice", "output"]


def test_modules_nested_too_deeply():
    module = nn.ReLU()
    for _ in range(10_000):
        module = nn.Sequential(module)
    assert "nested" in error_of(module, (1, 4))


def test_running_out_of_memory_is_no_capture_error():
    def forward(x):
        raise MemoryError

    with pytest.raises(MemoryError):
        capture(Computes(forward), (1, 4))


def test_an_interrupt_is_no_capture_error():
    def forward(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture(Computes(forward), (1, 4))
