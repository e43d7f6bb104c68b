"""Capturing PyTorch modules as networks."""

from __future__ import annotations

import operator
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..utils._texts import one_line, shown
from ._errors import CaptureError
from ._network import Network

if TYPE_CHECKING:
    from torch import nn


def capture(module: nn.Module, inputs: Any = None, *, batch: Any = None) -> Network:
    """Run a PyTorch module once, without values and without memory, and write down what it does.

    The module's own Python code runs, so that loops, branches on shapes and everything else just
    work, but no number is computed: tensors have shapes only. It takes some 50 microseconds an
    operation, whatever the size of the network. The module is described in evaluation mode. It is
    left as it was, and needs no second copy of its weights: real ones and those on the "meta"
    device do alike.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    inputs : tuple of int, tensor, tuple, list or mapping, default=None
        What to call it with: a shape with the batch in front, such as ``(1, 3, 224, 224)``, for
        floats; a tensor, such as ``torch.zeros(1, 128, dtype=torch.long)`` for tokens; several of
        these in a tuple or a list, as arguments in their order; or in a mapping by their names.
        Other values in these are handed over as they are. Values of tensors of integers are known
        to the module, those of floats are not. None takes what the module names itself: its
        ``example_input_array`` (Lightning), ``pretrained_cfg`` (timm) or ``dummy_inputs``
        (transformers).
    batch : True, tuple of int, tensor, tuple, list or mapping, default=None
        What to also run the module on with its weights, to score it untrained: what comes out is
        the network's ``measured``. Inputs as above with several samples, best real ones; of
        shapes random normal numbers of seed 0 are taken. True takes 16 random samples of the shape
        of ``inputs``; tensors of integers are repeated. None measures nothing.

    Returns
    -------
    Network
        What it computes. Numbers such as multiply-adds are those for the inputs as given; take a
        batch of one.

    Raises
    ------
    TypeError
        If it is not a module.
    CaptureError
        If no inputs are given and the module names none; if it has lazy layers that were never
        run; if what it does depends on values; or if it fails on such inputs. The message says
        in which submodule and in which line. If it is to be measured, but has no values, or
        fails on the batch.

    See Also
    --------
    emprox.EmProxRegressor : With ``space="network"`` it predicts the accuracies of networks.
    emprox.properties.NetworkProperties : Describes networks by numbers.

    Notes
    -----
    Every operator that PyTorch dispatches is seen, in the order of execution. Views are no
    operations. What does not depend on the input is none either, but its weights are counted
    where they are used. Multiply-adds are those of `torch.utils.flop_counter`, which counts
    convolutions and matrix products.

    Examples
    --------
    >>> from torch import nn
    >>> from emprox.networks import capture
    >>> module = nn.Sequential(
    ...     nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)
    ... )
    >>> network = capture(module, (1, 3, 32, 32))
    >>> network
    Network(Sequential: 314 weights, 194,480 multiply-adds, 2 layers)
    >>> [str(name) for name in network.operations.name]
    ['input', 'convolution', 'relu', 'mean', 'addmm', 'output']
    """
    # Only now: torch takes seconds to import.
    from torch import nn

    if not isinstance(module, nn.Module):
        raise TypeError(f"expected a torch.nn.Module, got {shown(module)}")
    module = _unwrapped(module)
    try:
        _check_not_lazy(module)
        network = _run(module, inputs)
        return network if batch is None else network._with_measured(_measure(module, inputs, batch))
    except RecursionError as error:
        raise CaptureError(
            f"{type(module).__name__} is nested too deeply: Python allows"
            f" {sys.getrecursionlimit():,} calls within each other, also where the module runs on"
            " values. Put its modules one after the other, or see sys.setrecursionlimit"
        ) from error


def without_memory() -> Any:
    """Return the context in which modules are made without memory for their weights."""
    import torch

    return torch.device("meta")


def _unwrapped(module: Any) -> nn.Module:
    """Find the module in wrappers that compile it, or run it on several devices."""
    from torch.nn.parallel import DataParallel, DistributedDataParallel

    while True:
        if isinstance(module, DataParallel | DistributedDataParallel):
            module = module.module
        elif type(module).__name__ == "OptimizedModule":
            module = module._orig_mod
        else:
            return module


def _check_not_lazy(module: nn.Module) -> None:
    from torch.nn.parameter import is_lazy

    for name, each in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(each):
            raise CaptureError(
                f"{type(module).__name__} has a lazy layer, {name.rpartition('.')[0]!r}, whose size"
                " is not known before it has run: call the module once on real data, then capture"
            )


def _run(module: nn.Module, inputs: Any) -> Network:
    import torch

    from ._isolation import left_as_it_was, one_at_a_time, plain_torch, tracked_by
    from ._recorder import NotRecordedError, Recorder, map_inputs
    from ._values import ValuesFromRecorder

    name = type(module).__name__
    args, kwargs = _arguments(module, inputs)
    recorder = Recorder(module)
    given: list[tuple[int, ...]] = []

    def without_values(tensor: torch.Tensor) -> torch.Tensor:
        given.append(tuple(tensor.shape))
        return recorder.add_input(tensor)

    try:
        with ExitStack() as stack:
            stack.enter_context(one_at_a_time)
            stack.enter_context(left_as_it_was(module))
            stack.enter_context(tracked_by(recorder))
            stack.enter_context(plain_torch(module))
            args, kwargs = map_inputs(without_values, args), map_inputs(without_values, kwargs)
            if not given:
                raise CaptureError(f"inputs of {name} hold no tensor and no shape: {shown(inputs)}")
            stack.enter_context(ValuesFromRecorder(recorder))
            stack.enter_context(recorder)
            output = module(*args, **kwargs)
    except (CaptureError, MemoryError, RecursionError):
        raise
    # Anything can go wrong where a module runs on what it was not made for.
    except Exception as error:
        where = _place_of(error, module, recorder.where)
        if "called on meta tensors" in str(error):
            error = NotRecordedError.for_values("what it does depends on what is in a tensor")
        if isinstance(error, NotRecordedError):
            raise CaptureError(f"{name} cannot be captured{where}: {error}") from error
        shapes = ", ".join(map(str, given))
        raise CaptureError(
            f"{name} fails on inputs of shape {shapes}{where}: {type(error).__name__}:"
            f" {one_line(str(error), 300)}. Give inputs that it can be called with, the batch in"
            " front, and integers as a tensor of dtype torch.long"
        ) from error
    output_shapes = recorder.add_output(output)
    if not output_shapes:
        raise CaptureError(
            f"{name} returned no tensor that depends on its inputs, but {shown(output)}: return a"
            " tensor, or several in a tuple, list, dict or dataclass"
        )
    return Network._from_operations(
        recorder.operations,
        name=name,
        input_shapes=tuple(given),
        output_shapes=output_shapes,
        n_weights=sum(each.numel() for each in recorder.weights),
        weight_bytes=sum(each.numel() * each.element_size() for each in recorder.weights),
        multiply_adds=recorder.multiply_adds,
        peak_activation=recorder.peak_activation(),
        weight_sizes=recorder.weight_sizes,
    )


def _measure(module: nn.Module, inputs: Any, batch: Any) -> dict[str, float]:
    from ._measured import filled, measure, several
    from ._recorder import tensors_in

    name = type(module).__name__
    if any(each.is_meta for each in (*module.parameters(), *module.buffers())):
        raise CaptureError(
            f'{name} cannot be measured, as its weights are on the "meta" device, without values:'
            " build it on the CPU, or capture it with batch=None"
        )
    arguments = _arguments(module, inputs if batch is True else batch)
    if all(each.ndim == 0 for each in tensors_in(arguments)):
        raise CaptureError(
            f"batch has to be True, a shape, a tensor, or several of them, got {shown(batch)}"
        )
    args, kwargs = filled(several(arguments) if batch is True else arguments)
    try:
        return measure(module, args, kwargs)
    except MemoryError:
        raise
    # Anything can go wrong where a module runs on what it was not made for.
    except Exception as error:
        raise CaptureError(
            f"{name} cannot be measured on this batch: {type(error).__name__}:"
            f" {one_line(str(error), 300)}. Give a batch that it can be called with, the samples in"
            " front, or capture it with batch=None"
        ) from error


def _arguments(module: nn.Module, inputs: Any) -> tuple[list[Any], dict[str, Any]]:
    """Read inputs as arguments of the module's forward, tensors in place of shapes."""
    inputs = _with_tensors(module, _own_inputs(module) if inputs is None else inputs)
    if isinstance(inputs, Mapping):
        return [], {str(key): each for key, each in inputs.items()}
    return (list(inputs) if type(inputs) in (list, tuple) else [inputs]), {}


def _own_inputs(module: nn.Module) -> Any:
    """Find the example inputs that a module names itself."""
    example = getattr(module, "example_input_array", None)
    if example is not None:
        return example
    for attribute in ("pretrained_cfg", "default_cfg"):
        config = getattr(module, attribute, None)
        if isinstance(config, Mapping) and "input_size" in config:
            return (1, *config["input_size"])
    if getattr(module, "main_input_name", None) == "pixel_values":
        config = module.config
        size = getattr(config, "image_size", 224)
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        return {"pixel_values": (1, getattr(config, "num_channels", 3), height, width)}
    example = getattr(module, "dummy_inputs", None)
    if isinstance(example, Mapping):
        return example
    raise CaptureError(
        f"no inputs are given, and {type(module).__name__} names none: say what it is called"
        " with, as a shape with the batch in front, such as capture(module, (1, 3, 224, 224)), or"
        " a tensor; for all modules of an estimator with space=NetworkSpace(inputs=…)"
    )


def _with_tensors(module: nn.Module, value: Any) -> Any:
    """Put tensors without memory in place of shapes; leave what else there is as it is."""
    import torch

    if isinstance(value, np.ndarray):
        return torch.as_tensor(value)
    if isinstance(value, Mapping):
        return {key: _with_tensors(module, each) for key, each in value.items()}
    if not isinstance(value, (list, tuple)):
        return value
    if not _is_shape(value):
        parts = [_with_tensors(module, each) for each in value]
        return parts if isinstance(value, list) else tuple(parts) if type(value) is tuple else value
    sizes = [operator.index(each) for each in value]
    if min(sizes) < 1:
        raise CaptureError(f"a shape has to be of positive numbers, got {shown(value)}")
    floats = (each.dtype for each in module.parameters() if each.is_floating_point())
    try:
        return torch.empty(sizes, dtype=next(floats, torch.float32), device="meta")
    except (RuntimeError, TypeError) as error:
        raise CaptureError(f"no tensor can have the shape {shown(value)}") from error


def _is_shape(value: Any) -> bool:
    return len(value) > 0 and all(
        hasattr(each, "__index__") and np.ndim(each) == 0 and not isinstance(each, (bool, np.bool_))
        for each in value
    )


def _place_of(error: Exception, module: nn.Module, where: str) -> str:
    """Say in which submodule, and in which line of the user's code, it went wrong."""
    import torch

    ours = tuple(f"{Path(file).parent}{os.sep}" for file in (torch.__file__, __file__))
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(ours) and not frame.filename.startswith("<frozen")
    ]
    try:
        kind = type(module.get_submodule(where)).__name__
    except AttributeError:
        kind = type(module).__name__
    text = f" in its submodule {where!r} ({kind})" if where else ""
    # The first frame may be of whoever called.
    if frames:
        text += f" (line {frames[-1].lineno} of {Path(frames[-1].filename).name})"
    return text
