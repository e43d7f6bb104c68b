"""What the neural networks that predict standardised accuracies are trained with."""

from __future__ import annotations

from typing import Any

import numpy as np
import skorch
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from skorch.callbacks import LRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from .._net import train

Floats = NDArray[np.float64]

# The losses that these regressors have in common, by the name that scikit-learn has for them.
LOSSES: dict[str, type[nn.Module]] = {
    "absolute_error": nn.L1Loss,
    "squared_error": nn.MSELoss,
}


class TargetScale:
    """Standardise accuracies, and back.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        The known accuracies.

    Attributes
    ----------
    mean : float
        Their mean.
    unit : float
        Their standard deviation; exactly 0 if they are all the same.
    """

    def __init__(self, y: Floats) -> None:
        self.mean = float(y.mean())
        # The computed deviation of equal numbers may be a rounding error.
        self.unit = float(y.std()) if np.ptp(y) > 0 else 0.0

    def forward(self, y: Floats) -> Floats:
        """Standardise accuracies.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Accuracies.

        Returns
        -------
        ndarray of shape (n,)
            By how many standard deviations they are above the mean; all 0 if there is none.
        """
        return (y - self.mean) / self.unit if self.unit > 0 else np.zeros_like(y)

    def inverse(self, z: Floats) -> Floats:
        """Undo `forward`; all is the mean if the known accuracies are the same.

        Parameters
        ----------
        z : ndarray of shape (n,)
            Standardised accuracies.

        Returns
        -------
        ndarray of shape (n,)
            Accuracies.
        """
        return self.mean + self.unit * z


def check_targets(estimator: Any, X: Any, y: ArrayLike) -> Floats:
    """Check the accuracies that a regressor is fitted to.

    Parameters
    ----------
    estimator : estimator
        The regressor, for the error message.
    X : ndarray of shape (n_samples, n_columns)
        The samples, which have been checked.
    y : array-like of shape (n_samples,)
        The accuracies.

    Returns
    -------
    ndarray of shape (n_samples,)
        The accuracies.

    Raises
    ------
    ValueError
        If there are none, they are not finite, or they do not fit X.
    """
    if y is None:
        raise ValueError(
            f"requires y to be passed, but the target y is None: {type(estimator).__name__} learns"
            " from known accuracies"
        )
    targets = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    targets = column_or_1d(targets, warn=True)
    check_consistent_length(X, targets)
    return targets


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
