"""The predictor of BANANAS: an ensemble of feed-forward networks on the path encoding."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn
from torch.nn import functional

from .._net import check_device, evaluated, in_batches, train
from .._tokenizer import ArchitectureTokenizer
from ..encodings import PathEncoding
from ..spaces import SearchSpace
from ..utils._sklearn import Interval, StrOptions, fit_context
from ._targets import TargetScale, check_targets
from ._training import draw_glorot_weights

Floats = NDArray[np.float64]

# So many rows go through the networks at once.
_ROWS_AT_ONCE = 2**12


class Ensemble(nn.Module):
    """Feed-forward networks of the same shape, all computed at once.

    Parameters
    ----------
    n_members : int
        Number of networks.
    sizes : sequence of int
        Number of columns, then the size of each hidden layer.
    seed : int
        Seed of the weights.
    """

    def __init__(self, n_members: int, sizes: Sequence[int], seed: int) -> None:
        super().__init__()
        self.n_members = n_members
        # On the meta device no weight is drawn, so that the global generator is left alone.
        with torch.device("meta"):
            self.layers = nn.ModuleList(_Layers(n_members, *both) for both in pairwise([*sizes, 1]))
        draw_glorot_weights(self, seed)

    def forward(self, inputs: Tensor) -> Tensor:
        """Predict accuracies.

        Parameters
        ----------
        inputs : Tensor of shape (n_samples, n_columns)
            Encoded architectures.

        Returns
        -------
        Tensor of shape (n_samples, n_members)
            Standardised accuracies.
        """
        hidden = inputs.expand(self.n_members, *inputs.shape)
        for layer in self.layers[:-1]:
            hidden = functional.relu(layer(hidden))
        return self.layers[-1](hidden).squeeze(-1).T


class _Layers(nn.Module):
    """A linear layer of each network of an ensemble."""

    def __init__(self, n_members: int, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_members, n_inputs, n_outputs))
        self.bias = nn.Parameter(torch.empty(n_members, 1, n_outputs))

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, hidden, self.weight)


class EnsembleLoss(nn.Module):
    """Mean over the members of an ensemble of the mean absolute error.

    Parameters
    ----------
    upper_bound : float or None
        A standardised accuracy that is never reached: errors are then divided by how far the true
        accuracy is from it.
    """

    def __init__(self, upper_bound: float | None) -> None:
        super().__init__()
        self.upper_bound = upper_bound

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compare predictions with what is known.

        Parameters
        ----------
        outputs : Tensor of shape (n_samples, n_members)
            Predictions.
        targets : Tensor of shape (n_samples,)
            Standardised accuracies.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        errors = (outputs - targets[:, None]).abs().mean(dim=1)
        if self.upper_bound is not None:
            errors = errors / (self.upper_bound - targets)
        return errors.mean()


class BANANASRegressor(RegressorMixin, BaseEstimator):
    """Predict the accuracy of architectures with an ensemble of networks on their paths.

    The predictor of BANANAS: an architecture is encoded by which of all possible paths of
    operations it has from the input to the output; a few deep and narrow feed-forward networks
    that differ in their first weights predict its accuracy. The mean of their predictions is the
    prediction, and how much they differ says how sure it is.

    Parameters
    ----------
    space : str or SearchSpace, default=None
        The search space; X then holds architectures, for example texts. With None X is any matrix
        of numbers, whose columns are standardised.
    n_estimators : int, default=3
        Number of networks.
    hidden_sizes : tuple of int, default=(20, 20, 20, 20, 20, 20, 20, 20, 20, 20)
        Size of each hidden layer.
    loss : {"absolute_error", "percentage_error"}, default="absolute_error"
        What training minimises. ``"percentage_error"`` is the paper's: the absolute error, divided
        by how far the true accuracy is from `upper_bound`, so that good architectures count most.
    upper_bound : float, default=None
        An accuracy that no architecture reaches, in the unit of y; only for
        ``"percentage_error"``. None stands for the best known accuracy plus one standard deviation
        of the known ones.
    max_epochs : int, default=150
        Passes over the training data.
    lr : float, default=0.01
        Learning rate of Adam.
    weight_decay : float, default=0.0
        Weight decay of Adam.
    batch_size : int, default=32
        Architectures in a batch.
    canonicalize : bool, default=True
        Whether to encode canonical forms. The paper does not. No effect without a `space`.
    n_paths : int, default=None
        Number of paths to keep, the most probable ones; None keeps all. No effect without a
        `space`.
    device : str or torch.device, default="cpu"
        Where to train and predict, for example ``"cuda"``.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, 2 prints skorch's table as well.
    random_state : int, RandomState instance or None, default=None
        Determines weights and the order of the samples. The same seed gives the same predictions,
        bit by bit, on the same machine.

    Attributes
    ----------
    encoder_ : PathEncoding or StandardScaler
        What makes the columns that the networks are given.
    net_ : skorch.NeuralNet
        The trained networks; ``net_.module_`` is the torch module.
    n_features_in_ : int
        Number of columns of X; only without a `space`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had any; only without a `space`.

    See Also
    --------
    emprox.encodings.PathEncoding : The path encoding alone.
    GCNRegressor : Graph convolutions over the operations.
    emprox.EmProxRegressor : Neighbours in an embedding.

    Notes
    -----
    Accuracies are standardised for training. The networks are trained together, on the same
    batches. Trained in single precision, evaluated in double and rounded back, so that a prediction
    does not depend on what else is predicted with it.

    References
    ----------
    Colin White, Willie Neiswanger and Yash Savani. BANANAS: Bayesian Optimization with Neural
    Architectures for Neural Architecture Search. AAAI 2021. Sections 3 and 4.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.predictors import BANANASRegressor
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = BANANASRegressor(space="nasbench201", max_epochs=5, random_state=0)
    >>> mean, std = model.fit(X[:20], y[:20]).predict(X[20:23], return_std=True)
    >>> mean.shape, std.shape
    ((3,), (3,))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "space": [str, SearchSpace, None],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "hidden_sizes": ["array-like"],
        "loss": [StrOptions({"absolute_error", "percentage_error"})],
        "upper_bound": [Interval(Real, None, None, closed="neither"), None],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "canonicalize": ["boolean"],
        "n_paths": [Interval(Integral, 1, None, closed="left"), None],
        "device": [str, torch.device],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # Fitted.
    encoder_: PathEncoding | StandardScaler
    _scale: TargetScale

    def __init__(
        self,
        *,
        space: str | SearchSpace | None = None,
        n_estimators: int = 3,
        hidden_sizes: Sequence[int] = (20,) * 10,
        loss: str = "absolute_error",
        upper_bound: float | None = None,
        max_epochs: int = 150,
        lr: float = 0.01,
        weight_decay: float = 0.0,
        batch_size: int = 32,
        canonicalize: bool = True,
        n_paths: int | None = None,
        device: str | torch.device = "cpu",
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.space = space
        self.n_estimators = n_estimators
        self.hidden_sizes = hidden_sizes
        self.loss = loss
        self.upper_bound = upper_bound
        self.max_epochs = max_epochs
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.canonicalize = canonicalize
        self.n_paths = n_paths
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike) -> BANANASRegressor:
        """Train on architectures of known accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Known architectures: a matrix, or with a `space` anything that it reads.
        y : array-like of shape (n_samples,)
            Their accuracies, in percent or any other unit.

        Returns
        -------
        BANANASRegressor
            The regressor itself.

        Raises
        ------
        ValueError
            If X or y are empty, of different lengths, or not finite, a parameter is out of its
            range, the device does not exist, an accuracy is not below `upper_bound`, or the space
            has too many paths.
        """
        # What an interrupt leaves behind has to count as not fitted.
        self.__dict__.pop("net_", None)
        sizes = self._check_hidden_sizes()
        encoder, columns = self._fit_encoder(X)
        targets = check_targets(self, columns, y)
        device = check_device(self.device)
        scale = TargetScale(targets)
        criterion = EnsembleLoss(self._bound(targets, scale))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        net = train(
            Ensemble(int(self.n_estimators), [columns.shape[1], *sizes], seed),
            criterion,
            torch.from_numpy(columns).float(),
            torch.from_numpy(scale.forward(targets)).float(),
            max_epochs=int(self.max_epochs),
            lr=self.lr,
            batch_size=int(self.batch_size),
            weight_decay=self.weight_decay,
            gradient_clip=None,
            callbacks=None,
            device=device,
            verbose=int(self.verbose),
            seed=seed,
            description=type(self).__name__,
        )
        self.encoder_, self._scale, self.net_ = encoder, scale, net
        return self

    def predict(self, X: Any, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Predict accuracies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Architectures.
        return_std : bool, default=False
            Whether to return how much the networks differ as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,)
            Predicted accuracies, in the unit of y.
        std : ndarray of shape (n_samples,)
            Standard deviation of the networks' predictions, in the unit of y: the square root of
            the unbiased variance, 0 if there is only one; only with `return_std`. It does not
            count what all networks miss, nor the noise of accuracies.
        """
        check_is_fitted(self, "net_")
        if self.space is None:
            X = validate_data(self, X, reset=False, dtype=np.float64)
        columns = torch.from_numpy(self.encoder_.transform(X))
        module, device = evaluated(self.net_.module_), self.net_.device

        def predict(batch: Tensor) -> Tensor:
            return module(batch.to(device)).float().cpu()

        members = in_batches(predict, columns, _ROWS_AT_ONCE).numpy().astype(np.float64)
        mean = self._scale.inverse(members.mean(axis=1))
        if not return_std:
            return mean
        spread = members.std(axis=1, ddof=min(1, members.shape[1] - 1))
        return mean, self._scale.unit * spread

    def _check_hidden_sizes(self) -> list[int]:
        sizes = list(self.hidden_sizes)
        wrong = [size for size in sizes if not isinstance(size, Integral) or size < 1]
        if wrong or not sizes:
            raise ValueError(
                "hidden_sizes has to hold the size of each hidden layer, whole numbers from 1, got"
                f" {self.hidden_sizes!r}"
            )
        return [int(size) for size in sizes]

    def _fit_encoder(self, X: Any) -> tuple[PathEncoding | StandardScaler, Floats]:
        """Make what makes columns, and the columns of the known architectures."""
        encoder: PathEncoding | StandardScaler = StandardScaler()
        if self.space is None:
            X = validate_data(self, X, dtype=np.float64)
        else:
            encoder = PathEncoding(self.space, canonicalize=self.canonicalize, n_paths=self.n_paths)
        # Data frames in between would only cost time.
        encoder.set_output(transform="default")
        return encoder, encoder.fit_transform(X)

    def _bound(self, targets: Floats, scale: TargetScale) -> float | None:
        """Return the upper bound, standardised, if the loss has one."""
        if self.loss != "percentage_error":
            return None
        best, unit = float(targets.max()), scale.unit or 1.0
        bound = best + unit if self.upper_bound is None else float(self.upper_bound)
        if bound <= best:
            raise ValueError(
                f"upper_bound={self.upper_bound} has to be above all accuracies, but one is {best};"
                " None finds a bound from the accuracies"
            )
        return (bound - scale.mean) / unit

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if self.space is not None:
            tags.input_tags = get_tags(ArchitectureTokenizer()).input_tags
        return tags
