"""One operation of a network, with the numbers that an operator's arguments tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

from torch import Tensor
from torch.utils.flop_counter import flop_registry

from ._kinds import KIND_OF
from ._meta import map_tensors


@dataclass(slots=True)
class Operation:
    """One operation of a network, the operations that it reads, and the weights."""

    name: str
    kind: str
    where: str
    shape: tuple[int, ...]
    sources: set[int] = field(default_factory=set)
    weights: frozenset[int] = frozenset()
    multiply_adds: int = 0
    in_channels: int = 1
    out_channels: int = 1
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    transposed: bool = False


def count_multiply_adds(func: Any, args: Any, kwargs: Any, output: Any) -> int:
    """Count as PyTorch does: a multiplication and an addition are two of its operations."""
    count = flop_registry.get(func.overloadpacket)
    if count is None:
        return 0
    of_shapes = getattr(count, "__wrapped__", None)
    if of_shapes is None:
        return count(*args, **kwargs, out_val=output) // 2
    args, kwargs, output = map_tensors(lambda each: each.shape, [args, kwargs, output])
    return of_shapes(*args, **kwargs, out_shape=output) // 2


def describe(operation: Operation, args: Any, channels: int, is_activation: Any) -> None:
    """Fill in what the arguments of an operator say; `channels` are those that it reads."""
    name = operation.name
    operation.kind = KIND_OF.get(name, "other")
    operation.in_channels = channels
    operation.out_channels = _channels(operation.shape, channels)
    if operation.kind == "convolution":
        # It has other names on some devices and in TorchScript.
        operation.name = "convolution"
        _describe_convolution(operation, *args[:2], *args[3:9])
    elif operation.kind == "linear":
        left, right = args[1:3] if name.startswith(("add", "badd")) else args[:2]
        _describe_product(operation, left, right, is_activation)
    elif operation.kind == "embedding":
        operation.in_channels, operation.out_channels = args[0].shape
    elif operation.kind == "pooling":
        sizes = [each for each in args[1:4] if isinstance(each, list | tuple) and each]
        if "adaptive" in name:
            operation.kernel = max(1, args[0].shape[-1] // max(1, operation.shape[-1]))
            operation.stride = operation.kernel
        elif sizes:
            operation.kernel, operation.stride = max(sizes[0]), max(sizes[min(1, len(sizes) - 1)])
    elif operation.kind == "concatenation" and name == "cat":
        operation.out_channels = operation.shape[args[1] if len(args) > 1 else 0]


def _channels(shape: tuple[int, ...], channels: int) -> int:
    """Find the channels of a result: those of what it was computed from, if it still has them."""
    if not shape or channels in shape:
        return channels if shape else 1
    return shape[1] if len(shape) > 3 else shape[-1]


def _describe_convolution(
    operation: Operation,
    x: Tensor,
    weight: Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> None:
    operation.in_channels = weight.shape[0] if transposed else weight.shape[1] * groups
    operation.out_channels = weight.shape[1] * groups if transposed else weight.shape[0]
    operation.kernel = max(weight.shape[2:], default=1)
    operation.stride, operation.dilation = max(stride, default=1), max(dilation, default=1)
    operation.groups, operation.transposed = groups, bool(transposed)


def _describe_product(
    operation: Operation, left: Tensor, right: Tensor, is_activation: Any
) -> None:
    if is_activation(left) and is_activation(right):
        operation.kind = "matmul"
    operation.in_channels = left.shape[-1]
    operation.out_channels = right.shape[-1] if right.dim() > 1 else 1
    if operation.name == "linear":
        operation.out_channels = right.shape[0]
    elif is_activation(right) and not is_activation(left) and left.dim() > 1:
        # The weight stands on the left.
        operation.out_channels = left.shape[-2]
    operation.groups = prod(left.shape[:-2])
