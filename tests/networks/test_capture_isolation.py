"""Capturing changes neither the module nor the process, and is not changed by the process."""

import contextlib
import copy
import gc
import random
import resource
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from emprox.networks import CaptureError, capture

SHAPE = (2, 3, 8, 8)


class Careless(nn.Module):
    """Changes in its forward everything that it can get at."""

    def __init__(self, fails_with=None):
        super().__init__()
        self.conv, self.norm, self.dropout = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout()
        self.scripted = torch.jit.script(nn.Sequential(nn.BatchNorm2d(4), nn.Dropout()))
        self.frozen = nn.BatchNorm2d(4).eval()
        self.weighted = nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 1))
        self.spectral = nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 1))
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("memory", torch.zeros(2, 4, 6, 6))
        self.seen, self.shapes, self.last = [], {"first": None}, None
        self.fails_with = fails_with
        self.train()
        self.frozen.eval()
        self.conv.bias.requires_grad_(False)
        self.conv.weight.grad = torch.ones_like(self.conv.weight)

    def forward(self, x):
        self.calls += 1
        self.memory.copy_(F.relu(self.conv(x)))
        self.conv.bias.add_(1)
        self.conv.weight.data = self.conv.weight.data * 2
        self.last = self.new = self.norm(self.conv(x))
        self.seen.append(self.last)
        self.shapes["first"] = self.shapes["second"] = x.shape
        self.extra = nn.Linear(3, 3)
        self.register_buffer("late", torch.zeros(3))
        self.norm.register_forward_hook(lambda *_: None)
        self.norm.reset_running_stats()
        x = self.spectral(self.weighted(self.frozen(self.scripted(self.dropout(self.last)))))
        random.random()
        np.random.rand(3)  # noqa: NPY002
        x = x + torch.randn(4, 1, 1) + torch.rand(1)
        if self.fails_with is not None:
            raise self.fails_with
        return x


def state_of(module):
    """Everything that can be seen of a module."""
    return {
        "modes": [each.training for each in module.modules()],
        "names": [name for name, _ in module.named_modules()],
        "tensors": [(name, id(each)) for name, each in module.named_parameters()]
        + [(name, id(each)) for name, each in module.named_buffers()],
        "values": {name: each.clone() for name, each in module.state_dict().items()},
        "gradients": [each.grad for each in module.parameters()],
        "requires_grad": [each.requires_grad for each in module.parameters()],
        "hooks": [len(each._forward_hooks) for each in module.modules()],
        "attributes": [sorted(vars(each)) for each in module.modules()],
        "lists": copy.copy(module.seen),
        "dicts": copy.copy(module.shapes),
        "last": module.last,
        "random": (random.getstate(), torch.get_rng_state(), np.random.get_state()[1]),  # noqa: NPY002
        "hooks of all modules": len(torch.nn.modules.module._global_forward_hooks),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "attention": torch.backends.cuda.flash_sdp_enabled(),
        "gradient mode": torch.is_grad_enabled(),
    }


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("error", [None, ValueError("no"), KeyboardInterrupt()], ids=repr)
def test_a_module_is_left_as_it_was(error):
    module = Careless(error)
    before = state_of(module)
    raises = {None: contextlib.nullcontext(), KeyboardInterrupt: pytest.raises(KeyboardInterrupt)}
    kind = type(error) if error else None
    with raises.get(kind, pytest.raises(CaptureError)):
        capture(module, SHAPE)
    torch.testing.assert_close(state_of(module)["values"], before.pop("values"), rtol=0, atol=0)
    after = state_of(module)
    for key, value in before.items():
        if key == "gradients":
            assert all(a is b for a, b in zip(value, after[key], strict=True))
        elif key == "random":
            assert value[0] == after[key][0]
            assert torch.equal(value[1], after[key][1])
            assert np.array_equal(value[2], after[key][2])
        else:
            assert value == after[key], key


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_modules_are_captured_in_evaluation_mode():
    module = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(3), torch.jit.script(nn.Dropout()))
    names = capture(module.train(), (1, 3)).operations.name.tolist()
    assert names == ["input", "native_batch_norm", "output"]

    class Folding(nn.Linear):
        def train(self, mode=True):
            raise AssertionError("a layer may do anything here, such as to merge its weights")

    assert capture(Folding(3, 3), (1, 3)).n_weights == 12


CONTEXTS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "meta": lambda: torch.device("meta"),
    "FlopCounterMode": lambda: FlopCounterMode(display=False),
    "deterministic": lambda: (
        torch.utils.deterministic.fill_uninitialized_memory and contextlib.nullcontext()
    ),
}


@pytest.mark.parametrize("context", CONTEXTS)
def test_contexts_make_no_difference(context):
    def module():
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        return nn.Sequential(nn.Linear(4, 8), layer, nn.LSTM(8, 4, batch_first=True))

    expected = capture(module(), (1, 5, 4))
    before = module()
    with CONTEXTS[context]():
        assert capture(before, (1, 5, 4)) == expected
        assert capture(module(), (1, 5, 4)) == expected
        assert capture(before, torch.zeros(1, 5, 4)) == expected


def test_the_default_dtype_makes_no_difference_but_to_bytes():
    expected = capture(nn.Linear(4, 8), (1, 4))
    torch.set_default_dtype(torch.float64)
    try:
        network = capture(nn.Linear(4, 8), (1, 4))
    finally:
        torch.set_default_dtype(torch.float32)
    assert network == expected
    assert network.weight_bytes == 2 * expected.weight_bytes


def test_threads_do_not_disturb_each_other():
    modules = [nn.Sequential(*(nn.Linear(4, 4) for _ in range(n))) for n in (3, 5, 7, 9)]
    expected = [capture(module, (1, 4)) for module in modules]
    modules.append(modules[0])
    expected.append(expected[0])
    found = [[] for _ in modules]
    running = threading.Event()

    def capture_often(module, results):
        results.extend(capture(module, (1, 4)) for _ in range(10))

    module = nn.Linear(4, 4)

    def run_on_values():
        while not running.is_set():
            module(torch.zeros(1, 4))
            modules[1](torch.zeros(1, 4))

    other = threading.Thread(target=run_on_values)
    threads = [
        threading.Thread(target=capture_often, args=pair)
        for pair in zip(modules, found, strict=True)
    ]
    other.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    running.set()
    other.join()
    assert found == [[network] * 10 for network in expected]
    assert not torch.nn.modules.module._global_forward_hooks
    assert all(part.training for module in modules for part in module.modules())


def test_a_capture_within_a_capture():
    inner = nn.Linear(4, 4)

    class Outer(nn.Module):
        def forward(self, x):
            self.network = capture(inner, (1, 4))
            assert self.network.n_weights == 20
            return x.relu()

    assert capture(Outer(), (1, 4)).operations.name.tolist() == ["input", "relu", "output"]


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_real_weights_are_not_copied():
    width = 7_000
    module = nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(4)))
    capture(nn.Linear(2, 2), (1, 2))
    before = peak_memory()
    network = capture(module, (64, width))
    assert network.weight_bytes == 4 * 4 * width**2
    assert peak_memory() - before < 50


def test_many_captures_take_no_more_memory():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())

    def capture_often(times):
        for _ in range(times):
            capture(module, (1, 3, 10, 10))
            with contextlib.suppress(CaptureError):
                capture(module, (1, 4, 10, 10))
        gc.collect()
        return len(gc.get_objects()), peak_memory()

    capture_often(20)
    n_objects, before = capture_often(2)
    n_objects_later, later = capture_often(100)
    assert n_objects_later - n_objects < 50
    assert later - before < 5
