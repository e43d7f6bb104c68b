"""The predictor of BANANAS: feed-forward networks on the paths of an architecture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..encodings import PathEncoding
from ..lstm._net import evaluate
from ..spaces import SearchSpace
from ..utils._sklearn import Interval, StrOptions
from ._base import NetRegressor, draw_glorot_weights, read_by
from ._targets import Floats

# So many rows go through the networks at once.
_ROWS_AT_ONCE = 2**12


class Ensemble(nn.Module):
    """Feed-forward networks of the same shape, all computed at once."""

    def __init__(self, n_estimators: int, sizes: Sequence[int], seed: int) -> None:
        super().__init__()
        self.n_estimators = n_estimators
        # On the meta device no weight is drawn, so that the global generator is left alone.
        with torch.device("meta"):
            self.layers = nn.ModuleList(
                LinearLayers(n_estimators, *both) for both in pairwise([*sizes, 1])
            )
        draw_glorot_weights(self, seed)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return standardised accuracies (n_samples, n_estimators)."""
        hidden = inputs.expand(self.n_estimators, *inputs.shape)
        for layer in self.layers[:-1]:
            hidden = functional.relu(layer(hidden))
        return self.layers[-1](hidden).squeeze(-1).T


class LinearLayers(nn.Module):
    """A linear layer of each network of an ensemble."""

    def __init__(self, n_estimators: int, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_estimators, n_inputs, n_outputs))
        self.bias = nn.Parameter(torch.empty(n_estimators, 1, n_outputs))

    def forward(self, hidden: Tensor) -> Tensor:
        """Compute the layer (n_estimators, n_samples, n_outputs)."""
        return torch.baddbmm(self.bias, hidden, self.weight)


class EnsembleLoss(nn.Module):
    """Mean absolute error over networks and samples, relative to an upper bound if there is one."""

    def __init__(self, upper_bound: float | None) -> None:
        super().__init__()
        self.upper_bound = upper_bound

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compare predictions (n_samples, n_estimators) with standardised accuracies."""
        errors = (outputs - targets[:, None]).abs().mean(dim=1)
        if self.upper_bound is not None:
            errors = errors / (self.upper_bound - targets)
        return errors.mean()


@dataclass(eq=False, repr=False)
class BANANASRegressor(NetRegressor):
    """Predict the accuracy of architectures with an ensemble of networks on their paths.

    The predictor of BANANAS: an architecture is encoded by which of all possible paths of
    operations it has from the input to the output. A few deep and narrow feed-forward networks
    predict its accuracy; their mean is the prediction, and how they differ says how sure it is.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.
    n_estimators : int, default=3
        Number of networks.
    hidden_layer_sizes : tuple of int, default=(20, 20, 20, 20, 20, 20, 20, 20, 20, 20)
        Size of each hidden layer.
    loss : {"absolute_error", "percentage_error"}, default="absolute_error"
        What training minimises. ``"percentage_error"`` is the paper's: the absolute error, divided
        by how far the true one is from an upper bound, the best known plus a standard deviation, so
        that good architectures count most.
    max_epochs : int, default=150
        Passes over the training data.
    learning_rate : float, default=0.01
        Learning rate of Adam.
    weight_decay : float, default=0.0
        Weight decay of Adam.
    batch_size : int, default=32
        Architectures in a batch.
    canonicalize : bool, default=True
        Whether to encode canonical forms. The paper does not.
    n_paths : int, default=None
        Number of paths to keep, the most probable ones; None keeps all.
    device : str or torch.device, default="cpu"
        Where to train and predict, for example ``"cuda"``.
    verbose : int, default=0
        0 is silent, 1 prints a line for each epoch.
    random_state : int, RandomState instance or None, default=None
        Determines weights and the order of the samples.

    Attributes
    ----------
    encoder_ : PathEncoding
        What makes the columns that the networks are given.
    net_ : skorch.NeuralNet
        The trained networks; ``net_.module_`` is the torch module.

    See Also
    --------
    emprox.encodings.PathEncoding : The path encoding alone.

    References
    ----------
    Colin White, Willie Neiswanger and Yash Savani. BANANAS: Bayesian Optimization with Neural
    Architectures for Neural Architecture Search. AAAI 2021. Sections 3 and 4.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.predictors import BANANASRegressor
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = BANANASRegressor("nasbench201", max_epochs=5, random_state=0)
    >>> mean, std = model.fit(X[:20], y[:20]).predict(X[20:23], return_std=True)
    >>> mean.shape, std.shape
    ((3,), (3,))
    """

    space: str | SearchSpace
    _: KW_ONLY
    n_estimators: int = 3
    hidden_layer_sizes: Sequence[int] = (20,) * 10
    loss: str = "absolute_error"
    max_epochs: int = 150
    learning_rate: float = 0.01
    weight_decay: float = 0.0
    batch_size: int = 32
    canonicalize: bool = True
    n_paths: int | None = None
    device: str | torch.device = "cpu"
    verbose: int = 0
    random_state: int | np.random.RandomState | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetRegressor._parameter_constraints,
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like"],
        "loss": [StrOptions({"absolute_error", "percentage_error"})],
        "n_paths": [Interval(Integral, 1, None, closed="left"), None],
    }

    def predict(self, X: Any, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Predict accuracies.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Architectures, in any form that the space reads.
        return_std : bool, default=False
            Whether to return how much the networks differ as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,)
            Predicted accuracies, in the unit of y.
        std : ndarray of shape (n_samples,)
            Standard deviation of the networks' predictions, in the unit of y; only with
            `return_std`. It does not count what all networks miss, nor the noise of accuracies.
        """
        members = self._predict_standardized(X)
        mean = self._scale.inverse(members.mean(axis=1))
        if not return_std:
            return mean
        spread = members.std(axis=1, ddof=min(1, members.shape[1] - 1))
        return mean, self._scale.unit * spread

    def _read(self, X: Any, reset: bool) -> Floats:
        if reset:
            self.encoder_ = PathEncoding(
                self.space, canonicalize=self.canonicalize, n_paths=self.n_paths
            )
        return read_by(self.encoder_, X, reset)

    def _learn(self, rows: Floats, targets: Floats) -> None:
        sizes = list(self.hidden_layer_sizes)
        if not sizes or not all(isinstance(size, Integral) and size > 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes has to hold whole numbers from 1, got {sizes}")
        seed = self._draw_seed(1)
        self.net_ = self._train(
            Ensemble(int(self.n_estimators), [rows.shape[1], *sizes], seed),
            EnsembleLoss(self._bound(targets)),
            torch.from_numpy(rows).float(),
            self._standardize(targets),
            seed=seed,
        )

    def _predict_standardized(self, X: Any) -> Floats:
        def predict(rows: Floats) -> NDArray[np.float32]:
            columns = torch.from_numpy(rows)
            return evaluate(self.net_, Ensemble.forward, columns, _ROWS_AT_ONCE).float().numpy()

        return self._predict_each(predict, X)

    def _bound(self, targets: Floats) -> float | None:
        """Return the upper bound, standardised, if the loss has one."""
        if self.loss != "percentage_error":
            return None
        unit = self._scale.unit or 1.0
        return (float(targets.max()) + unit - self._scale.mean) / unit
