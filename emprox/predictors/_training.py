"""What the neural networks that predict standardised accuracies are trained with."""

from __future__ import annotations

from typing import Any

import skorch
import torch
from skorch.callbacks import LRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from .._net import train

# The losses that these regressors have in common, by the name that scikit-learn has for them.
LOSSES: dict[str, type[nn.Module]] = {
    "absolute_error": nn.L1Loss,
    "squared_error": nn.MSELoss,
}


@torch.no_grad()
def draw_glorot_weights(module: nn.Module, seed: int) -> None:
    """Give a module that was built on the meta device the weights of Glorot and Bengio (2010).

    Parameters
    ----------
    module : torch.nn.Module
        Parameters whose name ends in "bias" become 0; the others are weights, whose last two
        dimensions are the sizes of the layers that they join. It moves to the CPU.
    seed : int
        Seed of a generator of their own.
    """
    module.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
        else:
            bound = (6 / sum(parameter.shape[-2:])) ** 0.5
            parameter.uniform_(-bound, bound, generator=generator)


def train_to_zero(
    module: nn.Module, criterion: nn.Module, inputs: Tensor, targets: Tensor, **settings: Any
) -> skorch.NeuralNet:
    """Train a module with a learning rate that falls to zero along a cosine.

    Parameters
    ----------
    module : torch.nn.Module
        What to train.
    criterion : torch.nn.Module
        The loss of ``module(inputs)`` and the targets.
    inputs, targets : torch.Tensor
        Samples along the first dimension.
    **settings : dict
        Everything else that `emprox._net.train` asks for, except `callbacks` and
        `gradient_clip`.

    Returns
    -------
    skorch.NeuralNet
        The trained net.
    """
    schedule = LRScheduler(CosineAnnealingLR, T_max=settings["max_epochs"])
    return train(
        module,
        criterion,
        inputs,
        targets,
        callbacks=[("learning_rate", schedule)],
        gradient_clip=None,
        **settings,
    )
