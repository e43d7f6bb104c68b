"""Scores of untrained networks, from one batch."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _NormBase
from torch.utils._python_dispatch import TorchDispatchMode

from ._isolation import left_as_it_was
from ._jacobian_covariance import jacobian_covariance
from ._kinds import KIND_OF
from ._recorder import map_inputs, tensors_in

_N_SAMPLES = 16
# Keeps the logarithm of eigenvalues finite.
_K = 1e-5
_NOT_DEFINED = (RuntimeError, ValueError, TypeError)


def filled(value: Any) -> Any:
    """Give tensors without values random normal ones, of seed 0."""
    generator = torch.Generator().manual_seed(0)

    def fill(tensor: Tensor) -> Tensor:
        if not tensor.is_meta:
            return tensor
        return torch.randn(tensor.shape, generator=generator).to(tensor.dtype)

    return map_inputs(fill, value)


def several(value: Any) -> Any:
    """Make a batch of samples without values of inputs; repeat tensors of integers."""
    n_given = next((len(each) for each in tensors_in(value) if each.ndim), 1)

    def repeat(tensor: Tensor) -> Tensor:
        if tensor.ndim and len(tensor) == n_given:
            tensor = tensor[torch.arange(_N_SAMPLES) % n_given]
        return tensor.to("meta") if tensor.is_floating_point() else tensor

    return map_inputs(repeat, value)


def measure(module: nn.Module, args: Any, kwargs: Any) -> dict[str, float]:
    """Score an untrained network on one batch, on copies of the module.

    Parameters
    ----------
    module : torch.nn.Module
        The network, as initialised.
    args, kwargs : sequence and mapping
        What it is called with: tensors with a row for each sample.

    Returns
    -------
    dict of str to float
        With the loss L, the mean cross-entropy of the outputs and classes that are drawn with seed
        0, and the sums over the weights w, which are the parameters of two or more dimensions:

        - "gradient norm": the sum over weights of ``||dL/dw||``;
        - "SNIP": ``sum(|w dL/dw|)``;
        - "synflow": ``sum(|w dR/dw|)``, where R is the sum of the outputs of the network with the
          absolute values of its parameters, of an input of ones, in double precision;
        - "ZiCo": the sum over weights of ``log(sum(mean |dL/dw| / std |dL/dw|))``, mean and
          standard deviation over the halves of the batch;
        - "NASWOT": ``sum(log(s + 1e-5))`` of the eigenvalues s of the matrix of how many inputs of
          activations are positive, or are not, for both of two samples;
        - "Jacobian covariance": see `emprox.predictors.jacobian_covariance`.

        NaN where a score is not defined or not finite.

    Notes
    -----
    Networks run in evaluation mode but for batch normalisation, which takes mean and variance of
    the batch; not for synflow, where it takes those of the untrained module, 0 and 1.

    References
    ----------
    Mohamed Abdelfattah, Abhinav Mehrotra, Łukasz Dudziak and Nicholas Lane. Zero-Cost Proxies for
    Lightweight NAS. ICLR 2021. (Gradient norm; SNIP and synflow as scores of networks.)

    Namhoon Lee, Thalaiyasingam Ajanthan and Philip Torr. SNIP: Single-shot Network Pruning based on
    Connection Sensitivity. ICLR 2019.

    Hidenori Tanaka, Daniel Kunin, Daniel Yamins and Surya Ganguli. Pruning neural networks without
    any data by iteratively conserving synaptic flow. NeurIPS 2020.

    Joe Mellor, Jack Turner, Amos Storkey and Elliot Crowley. Neural Architecture Search without
    Training. ICML 2021. (NASWOT.)

    Guihong Li, Yuedong Yang, Kartikeya Bhardwaj and Radu Marculescu. ZiCo: Zero-shot NAS via
    Inverse Coefficient of Variation on Gradients. ICLR 2023.
    """
    with left_as_it_was(module), torch.inference_mode(False), torch.enable_grad():
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - modules draw from the global one
        torch.manual_seed(0)
        network = _Trial(module, args, kwargs)
        scores = {
            **network.gradient_scores(),
            "synflow": _defined(_synflow, module, args, kwargs),
            "ZiCo": _defined(network.zico),
            "NASWOT": _defined(network.naswot),
            "Jacobian covariance": _defined(network.jacobian_covariance),
        }
    return {name: value if math.isfinite(value) else math.nan for name, value in scores.items()}


class _Trial(nn.Module):
    """A copy of a module, called with its inputs or part of them, that returns a row a sample."""

    def __init__(self, module: nn.Module, args: Any, kwargs: Any, *, double: bool = False) -> None:
        super().__init__()
        self.module = _trainable_copy(module, double=double)
        self.weights = [
            each for each in self.module.parameters() if each.requires_grad and each.ndim > 1
        ]
        floats = [each for each in self.module.parameters() if each.is_floating_point()]
        device = floats[0].device if floats else torch.device("cpu")
        dtype = floats[0].dtype if floats else torch.float64 if double else torch.float32

        def prepare(tensor: Tensor) -> Tensor:
            return tensor.detach().to(device, dtype if tensor.is_floating_point() else None)

        self.inputs = map_inputs(prepare, (list(args), dict(kwargs)))
        self.n_samples = next(len(each) for each in tensors_in(self.inputs) if each.ndim)
        for each in self.module.modules():
            each.training = isinstance(each, _NormBase)

    def forward(self, first: Tensor | None = None, part: slice = slice(None)) -> Tensor:
        """Run a part of the samples, perhaps with other values of the first floats."""
        own = self.first_floats() if first is not None else None

        def take(tensor: Tensor) -> Tensor:
            if first is not None and tensor is own:
                return first
            is_batch = tensor.ndim > 0 and len(tensor) == self.n_samples
            # Modules may change what they are given.
            return (tensor[part] if is_batch else tensor).clone()

        args, kwargs = map_inputs(take, self.inputs)
        n_samples = len(range(self.n_samples)[part])
        for each in tensors_in(self.module(*args, **kwargs)):
            if each.is_floating_point() and each.shape[:1] == (n_samples,):
                return each.flatten(1)
        raise ValueError(f"it returned no floats with a row for each of the {n_samples} samples")

    def first_floats(self) -> Tensor | None:
        return next((e for e in tensors_in(self.inputs) if e.is_floating_point() and e.ndim), None)

    def gradients(self, part: slice = slice(None)) -> list[Tensor]:
        """Return the gradients of the loss with respect to the weights."""
        outputs = self(part=part)
        if outputs.shape[1] == 1:
            # A single output is the logarithm of the odds.
            outputs = functional.pad(outputs, (1, 0))
        generator = torch.Generator().manual_seed(0)
        classes = torch.randint(outputs.shape[1], (self.n_samples,), generator=generator)[part]
        loss = functional.cross_entropy(outputs, classes.to(outputs.device))
        return _gradients(loss, self.weights)

    def gradient_scores(self) -> dict[str, float]:
        gradients = self.gradients()
        pairs = zip(self.weights, gradients, strict=True)
        return {
            "gradient norm": sum(float(each.norm()) for each in gradients),
            "SNIP": sum(float((weight.detach() * each).abs().sum()) for weight, each in pairs),
        }

    def zico(self) -> float:
        half = self.n_samples // 2
        halves = [self.gradients(part) for part in (slice(half), slice(half, None))]
        score = 0.0
        for pair in zip(*halves, strict=True):
            size = torch.stack(pair).double().abs()
            mean, std = size.mean(dim=0), size.std(dim=0, correction=0)
            varies = std != 0
            if varies.any():
                score += math.log((mean[varies] / std[varies]).sum())
        return score if half else math.nan

    def naswot(self) -> float:
        codes = _ActivationCodes(self.n_samples)
        with codes:
            self()
        if not codes.found:
            return math.nan
        eigenvalues = torch.linalg.eigvalsh(codes.agreements)
        return float(torch.log(eigenvalues.clamp(min=0) + _K).sum())

    def jacobian_covariance(self) -> float:
        first = self.first_floats()
        return math.nan if first is None else jacobian_covariance(self, first)


class _ActivationCodes(TorchDispatchMode):
    """Counts, for pairs of samples, the units of activations that are on or off for both."""

    def __init__(self, n_samples: int) -> None:
        super().__init__()
        self.n_samples, self.found = n_samples, False
        self.agreements = torch.zeros(n_samples, n_samples, dtype=torch.float64)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.partition("::")[2].rstrip("_")
        if KIND_OF.get(name) == "activation" and args[0].shape[:1] == (self.n_samples,):
            on = (args[0].detach() > 0).flatten(1).cpu().double()
            self.agreements += on @ on.T + (1 - on) @ (1 - on).T
            self.found = True
        return func(*args, **(kwargs or {}))


def _synflow(module: nn.Module, args: Any, kwargs: Any) -> float:
    def ones(tensor: Tensor) -> Tensor:
        return torch.ones_like(tensor) if tensor.is_floating_point() else tensor

    network = _Trial(module, *map_inputs(ones, (args, kwargs)), double=True)
    for part in network.module.modules():
        part.training = False
    with torch.no_grad():
        for parameter in network.module.parameters():
            parameter.abs_()
    outputs = network(part=slice(1))
    pairs = zip(network.weights, _gradients(outputs.sum(), network.weights), strict=True)
    return sum(float((weight.detach() * each).abs().sum()) for weight, each in pairs)


def _trainable_copy(module: nn.Module, *, double: bool) -> nn.Module:
    """Copy a module, in floats of at least 32 bits, all of whose parameters have gradients."""
    copied = copy.deepcopy(module)
    dtypes = {each.dtype for each in copied.parameters() if each.is_floating_point()}
    if double:
        copied.double()
    elif dtypes - {torch.float32, torch.float64}:
        copied.float()
    for each in copied.parameters():
        each.grad = None
        each.requires_grad_(each.is_floating_point())
    return copied


def _gradients(value: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
    """Differentiate; what a value does not depend on has a gradient of zero."""
    if not weights or not value.requires_grad:
        return [torch.zeros_like(each) for each in weights]
    return list(torch.autograd.grad(value, weights, allow_unused=True, materialize_grads=True))


def _defined(score: Any, *args: Any) -> float:
    """Compute a score, or NaN where the network, which ran before, does not have it."""
    try:
        return float(score(*args))
    except _NOT_DEFINED:
        return math.nan
