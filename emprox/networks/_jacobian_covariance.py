"""A score of an untrained network, from how its Jacobians at different inputs correlate."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parameter import is_lazy

# Keeps logarithm and reciprocal finite where an eigenvalue is zero; as in the paper.
_K = 1e-5
# The Jacobian of a sample counts as constant if it varies by less than so many units of rounding.
_ROUNDING = 10


def jacobian_covariance(module: nn.Module, batch: Tensor) -> float:
    """Score an untrained network by how differently it reacts to different inputs.

    The Jacobian of the outputs with respect to the inputs is taken at each sample of a batch. A
    network that can tell the samples apart has Jacobians that hardly correlate. With the
    eigenvalues s of their correlation matrix and k = 1e-5 the score is

        -sum(log(s + k) + 1 / (s + k))

    which is highest, about minus the number of samples, if no two of them correlate.

    Parameters
    ----------
    module : torch.nn.Module
        The network, as initialised. It takes the batch and returns a tensor with a row for each
        sample. It is run in the mode in which it is: a new module in that of training, as the
        authors do.
    batch : torch.Tensor of shape (n_samples, ...)
        Inputs, for example images; at least two samples of at least two numbers each. Scores of
        different batches do not compare.

    Returns
    -------
    float
        The score; the larger, the better.

    Raises
    ------
    ValueError
        If `batch` is no batch of finite floating-point numbers, the module has parameters that are
        not initialised, or an output that has no row for each sample or cannot be differentiated,
        or the Jacobian is not finite.

    Notes
    -----
    As the authors do, the row of a sample is the gradient of the sum of all outputs of the whole
    batch with respect to that sample, also through mean and variance of the batch.

    Take fewer samples than a sample has numbers. With more, Jacobians have to correlate in any
    network: eigenvalues are zero, and rounding decides on their share of the score.

    Where all entries of a sample's row are equal, such as zeros in a network that ignores its
    input, there is no correlation. Such samples count as fully correlated with each other, and as
    uncorrelated with the rest: the score is the lowest there is, as that of a linear network.

    Module, batch and torch's random generators are left as they were.

    References
    ----------
    Joseph Mellor, Jack Turner, Amos Storkey and Elliot J. Crowley. Neural Architecture Search
    without Training. arXiv:2006.04647v1, 2020. Section 3. (The later versions have another score.)

    Examples
    --------
    >>> import torch
    >>> from emprox.predictors import jacobian_covariance
    >>> generator = torch.Generator().manual_seed(0)
    >>> batch = torch.randn(8, 20, generator=generator)
    >>> linear = torch.nn.Linear(20, 3)
    >>> deep = torch.nn.Sequential(torch.nn.Linear(20, 50), torch.nn.Tanh(), torch.nn.Linear(50, 3))
    >>> jacobian_covariance(linear, batch) < jacobian_covariance(deep, batch)
    True
    """
    _check_arguments(module, batch)
    rows = _input_gradients(module, batch).flatten(1)
    rounding = _ROUNDING * torch.finfo(rows.dtype).eps
    return _score(rows.double().cpu().numpy(), rounding)


def _check_arguments(module: nn.Module, batch: Tensor) -> None:
    if not batch.is_floating_point() or not torch.isfinite(batch).all():
        raise ValueError(f"batch has to hold finite floating-point numbers, got {batch.dtype}")
    if batch.ndim < 2 or len(batch) < 2 or batch[0].numel() < 2:
        raise ValueError(
            "batch needs at least two samples of at least two numbers each, or there is nothing to"
            f" correlate; got the shape {tuple(batch.shape)}"
        )
    if any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers())):
        raise ValueError("module has parameters that are not initialised; run module(batch) once")


def _input_gradients(module: nn.Module, batch: Tensor) -> Tensor:
    """Return the gradient of the sum of all outputs, of the shape of the batch."""
    devices = [batch.device] if batch.device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices),
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        inputs = batch.detach().clone().requires_grad_()
        buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
        # The module gets a copy, as it could not change a leaf in place.
        outputs = functional_call(module, buffers, (inputs.clone(),))
        if outputs.shape[:1] != batch.shape[:1]:
            raise ValueError(
                f"module has to return a row for each of the {len(batch)} samples, got the shape"
                f" {tuple(outputs.shape)}"
            )
        gradients = None
        if outputs.requires_grad and outputs.is_floating_point():
            (gradients,) = torch.autograd.grad(outputs.sum(), inputs, allow_unused=True)
    if gradients is None:
        # Cells without a path from input to output ignore it; that is no mistake.
        if outputs.is_floating_point() and (outputs == outputs[:1]).all():
            return torch.zeros_like(batch)
        raise ValueError(
            f"the output of module (dtype={outputs.dtype}) depends on batch, but cannot be"
            " differentiated: look for detach, no_grad, argmax or numpy in it"
        )
    if not torch.isfinite(gradients).all():
        raise ValueError("the Jacobian contains NaN or infinity")
    return gradients


def _score(rows: NDArray[np.float64], rounding: float) -> float:
    """Score rows, one for each sample."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    # Squares of very large or small numbers leave the range of floats.
    rows = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)
    centred = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    constant = norms <= rounding * np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(centred, norms, out=np.zeros_like(rows), where=~constant)
    correlations = unit @ unit.T + constant * constant.T
    # Rounding leaves zeros a little negative.
    shifted = np.maximum(np.linalg.eigvalsh(correlations), 0) + _K
    return float(-(np.log(shifted) + 1 / shifted).sum())
