"""Running operators on tensors without values, and remembering what they gave."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten
META = torch.device("meta")
_MOST_REMEMBERED = 5_000
_remembered: dict[Any, Any] = {}
_IN_PLACE = object()


def run_without_values(func: Any, args: Any, kwargs: Any) -> Any:
    """Run an operator on meta tensors, or make what it gave on others of the same shapes."""
    # Many kernels of the meta device are written in Python, and take up to milliseconds.
    if not _depends_on_shapes_alone(func):
        return func(*args, **kwargs)
    key = func, _signature(args), _signature(list(kwargs.items())), torch.get_default_dtype()
    try:
        known = _remembered.get(key)
    except TypeError:  # An argument that cannot be a key, such as an object of TorchScript.
        return func(*args, **kwargs)
    if known is None:
        known = output = (_CHEAPER.get(func) or func)(*args, **kwargs)
        if func._schema.is_mutable:
            if output is not args[0] or key[1] != _signature(args):
                return output
            known = _IN_PLACE
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[key] = known
    return args[0] if known is _IN_PLACE else map_tensors(like, known)


def like(tensor: Tensor) -> Tensor:
    """Make a tensor without values of the same shape, in memory of its own."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=META)


def map_tensors(change: Any, value: Any) -> Any:
    """Change the tensors in the arguments or the result of an operator."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {name: map_tensors(change, each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [map_tensors(change, each) for each in value]
    return value


def _elementwise(x: Tensor, *_: Any, **__: Any) -> Tensor:
    return aten.silu.default(x) if x.is_floating_point() else aten.abs.default(x)


def _batch_norm(x: Tensor, *args: Any) -> Any:
    *parameters, is_training, _momentum, _eps = args
    if any(each is not None and each.shape != x.shape[1:2] for each in parameters):
        raise RuntimeError(f"its {x.shape[1]} channels are normalized by statistics of others")
    statistics = x.shape[1] if is_training else 0
    return _elementwise(x), x.new_empty(statistics), x.new_empty(statistics)


def _layer_norm(x: Tensor, shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    n_before = x.dim() - len(shape)
    if any(tuple(each) != x.shape[n_before:] for each in (shape, *_shapes_of(weight, bias))):
        raise RuntimeError(f"a tensor of shape {tuple(x.shape)} is normalized over {shape}")
    statistics = x.shape[:n_before] + (1,) * len(shape)
    return x.new_empty(x.shape), x.new_empty(statistics), x.new_empty(statistics)


def _shapes_of(*tensors: Any) -> list[Any]:
    return [each.shape for each in tensors if each is not None]


# Kernels that are slow on the meta device, and others that give tensors like theirs.
_ACTIVATIONS = ("relu", "gelu", "hardswish", "hardsigmoid", "hardtanh", "elu", "leaky_relu", "mish")
_CHEAPER_BY_NAME: dict[str, Any] = {
    **dict.fromkeys(_ACTIVATIONS, _elementwise),
    **{f"{name}_": lambda x, *_, **__: x for name in _ACTIVATIONS},
    "_safe_softmax": lambda x, dim, dtype=None: torch.softmax(x, dim, dtype),
    # What TorchScript calls; old versions of PyTorch fail on it.
    "_convolution": lambda *args, **_: aten.convolution.default(*args[:9]),
    "addmm": lambda bias, left, right, **_: aten.mm.default(left, right),
    "native_batch_norm": _batch_norm,
    "native_layer_norm": _layer_norm,
}
# Not all versions of PyTorch have all operators.
_CHEAPER = {
    getattr(aten, name).default: function
    for name, function in _CHEAPER_BY_NAME.items()
    if hasattr(aten, name)
}


@cache
def _depends_on_shapes_alone(func: Any) -> bool:
    """Say whether what an operator returns is new, or its first argument changed in place."""
    schema = func._schema
    if schema.is_mutable:
        changed = [each for each in schema.arguments if each.alias_info is not None]
        return (
            [each.name for each in changed] == ["self"]
            and len(schema.returns) == 1
            and torch.Tag.inplace_view not in func.tags
        )
    return all(each.alias_info is None for each in schema.returns)


def _signature(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.shape, value.stride(), value.dtype
    if isinstance(value, (list, tuple)):
        return tuple([_signature(each) for each in value])
    # True, 1 and 1.0 are equal, but give tensors of different dtypes.
    return type(value), value
