"""Running a module so that neither it nor the process is changed, nor what it does by them."""

from __future__ import annotations

import itertools
import operator
import random
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.backends import mha
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules import module as hooks

from ._recorder import Recorder

_CONTAINERS = (dict, OrderedDict, list, set)
# Hooks of all modules, and which attention is used, are set for the whole process.
one_at_a_time = threading.RLock()


@contextmanager
def left_as_it_was(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and undo everything that running it changes."""
    parts = list(module.modules())
    scripts = [each for each in parts if isinstance(each, torch.jit.ScriptModule)]
    parts = [each for each in parts if not isinstance(each, torch.jit.ScriptModule)]
    were_training = [(each, each.training) for each in scripts if hasattr(each, "training")]
    attributes = [dict(each.__dict__) for each in parts]
    # Parameters, buffers, submodules and hooks are in containers of their own.
    contents = [
        [(held, held.copy() if held else ()) for held in each.values() if type(held) in _CONTAINERS]
        for each in attributes
    ]
    random_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - modules may draw from it
    try:
        for each in parts:
            # Not by eval(), which modules may define to do more.
            each.__dict__["training"] = False
        for each, _ in were_training:
            each.training = False
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(random_state)
        np.random.set_state(numpy_state)  # noqa: NPY002 - as above
        for each, was_training in were_training:
            each.training = was_training
        for each, before, containers in zip(parts, attributes, contents, strict=True):
            _refill(each.__dict__, before)
            for held, content in containers:
                _refill(held, content)


def _refill(held: Any, content: Any) -> None:
    """Give a container back what was in it, in the same order."""
    now, before = _flat(held), _flat(content)
    if len(now) != len(before) or not all(map(operator.is_, now, before)):
        held.clear()
        held.extend(content) if isinstance(held, list) else held.update(content)


def _flat(container: Any) -> list[Any]:
    if isinstance(container, dict):
        return list(itertools.chain(*container.items()))
    return list(container)


@contextmanager
def tracked_by(recorder: Recorder) -> Iterator[None]:
    """Tell a recorder which submodule runs."""
    handles = [
        hooks.register_module_forward_pre_hook(recorder.enter),
        hooks.register_module_forward_hook(recorder.leave),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def plain_torch(module: nn.Module) -> Iterator[None]:
    """Let modules run the same wherever they are captured, attention as products and a softmax."""
    devices = {"cpu", *(each.device.type for each in module.parameters())} - {"meta"}
    was_fast = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        with ExitStack() as stack:
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            # In inference mode operators arrive that consist of others.
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.no_grad())
            for device in devices:
                stack.enter_context(torch.autocast(device, enabled=False))
            if torch.empty(0).device.type != "cpu":
                stack.enter_context(torch.device("cpu"))
            yield
    finally:
        mha.set_fastpath_enabled(was_fast)
