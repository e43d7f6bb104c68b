"""What the regressors share that train a net on architectures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..lstm import ArchitectureTokenizer
from ..lstm._net import NetEstimator
from ..spaces import SearchSpace
from ..utils._sklearn import fit_context
from ._targets import Floats, TargetScale, check_accuracies


class NetRegressor(RegressorMixin, NetEstimator, ABC):
    """Base class of regressors that train a net on architectures of a space."""

    # A space may be any object that says it is one; get_space has the better error message.
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetEstimator._net_constraints,
        "space": [str, SearchSpace],
        "canonicalize": ["boolean"],
    }

    # Whether architectures of unknown accuracy are of use.
    _allow_nan: ClassVar[bool] = False

    space: str | SearchSpace
    canonicalize: bool
    _scale: TargetScale

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike) -> NetRegressor:
        """Train on architectures of known accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Known architectures, in any form that the space reads.
        y : array-like of shape (n_samples,)
            Their accuracies, in percent or any other unit; higher is better.

        Returns
        -------
        NetRegressor
            The regressor itself.

        Raises
        ------
        ArchitectureError
            If a sample is not an architecture of the space; says which and why.
        ValueError
            If X or y are empty, of different lengths, or not finite, a parameter is out of its
            range, or the space does not exist.
        """
        # What an interrupt leaves behind has to count as not fitted.
        self.__dict__.pop("net_", None)
        rows = self._read(X, reset=True)
        targets = check_accuracies(rows, y, allow_nan=self._allow_nan)
        if np.isnan(targets).all():
            raise ValueError(f"y is NaN for all {len(targets)} samples: one has to be known")
        self._scale = TargetScale(targets[~np.isnan(targets)])
        self._learn(rows, targets)
        return self

    def predict(self, X: Any) -> Any:
        """Predict accuracies.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Architectures, in any form that the space reads.

        Returns
        -------
        ndarray of shape (n_samples,)
            Accuracies, in the unit of y.
        """
        standardized = self._predict_standardized(X)
        return self._scale.inverse(standardized)

    def _standardize(self, targets: Floats) -> Tensor:
        return torch.from_numpy(self._scale.forward(targets)).float()

    @abstractmethod
    def _read(self, X: Any, reset: bool) -> NDArray[Any]:
        """Return a row of numbers for each architecture."""

    @abstractmethod
    def _learn(self, rows: NDArray[Any], targets: Floats) -> None:
        """Train, and set what a fitted regressor has, `net_` last."""

    @abstractmethod
    def _predict_standardized(self, X: Any) -> Floats:
        """Predict accuracies as the net learned them."""

    def _predict_each(self, predict: Callable[[Any], NDArray[np.float32]], X: Any) -> Floats:
        """Predict from the different rows of what `_read` returns."""
        check_is_fitted(self, "net_")
        return once_each(predict, self._read(X, reset=False))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(ArchitectureTokenizer(self.space)).input_tags
        return tags


def read_by(transformer: Any, X: Any, reset: bool) -> NDArray[Any]:
    """Write architectures as rows of an array, whatever scikit-learn is set to."""
    transformer.set_output(transform="default")
    return transformer.fit_transform(X) if reset else transformer.transform(X)


def once_each(predict: Callable[[NDArray[Any]], NDArray[np.float32]], rows: NDArray[Any]) -> Floats:
    """Predict from different rows: canonical forms repeat."""
    different, places = np.unique(rows, axis=0, return_inverse=True)
    return predict(different)[places.ravel()].astype(np.float64)


@torch.no_grad()
def draw_glorot_weights(module: nn.Module, seed: int) -> None:
    """Give a module that was built on the meta device the weights of Glorot and Bengio (2010).

    The last two dimensions of weights are the sizes of the layers that they join.
    """
    module.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
        else:
            bound = (6 / sum(parameter.shape[-2:])) ** 0.5
            parameter.uniform_(-bound, bound, generator=generator)
