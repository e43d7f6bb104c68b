"""What estimators share whose net reads token sequences."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import skorch
import torch
from numpy.typing import NDArray
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from ._net import NetEstimator, evaluate

Tokens = NDArray[np.int64]

# So many tokens go through a net at once: enough for speed, little enough for any memory.
_TOKENS_AT_ONCE = 2**13


class TokenNetEstimator(NetEstimator):
    """Base class of estimators whose net reads token sequences.

    The net knows a token by its place in the vocabulary, from 1; 0 stands for all others, and for
    the start.
    """

    _gradient_clip = 5.0

    vocabulary_: Tokens
    legal_tokens_: NDArray[np.bool_]

    def _train(self, *args: Any, **settings: Any) -> skorch.NeuralNet:
        net = super()._train(*args, **settings)
        with torch.no_grad():
            # Tokens that did not occur are embedded like the average token.
            weight = net.module_.encoder.token_embedding.weight
            weight[0] = weight[1:].mean(dim=0)
        return net

    def _learn_vocabulary(self, tokens: Tokens) -> None:
        self.vocabulary_ = np.unique(tokens)
        self.legal_tokens_ = (tokens[:, :, None] == self.vocabulary_).any(axis=0)

    def _to_indices(self, tokens: Tokens) -> Tensor:
        places = places_in(self.vocabulary_, tokens)
        if not places.all():
            new = np.setdiff1d(tokens, self.vocabulary_)
            warnings.warn(
                f"{int((places == 0).any(axis=1).sum())} of {len(tokens)} samples hold tokens that"
                f" did not occur in fit ({', '.join(map(str, new[:5]))}"
                f"{', …' if len(new) > 5 else ''}); they are embedded like the average token",
                stacklevel=4,
            )
        return torch.from_numpy(places)

    def _to_tokens(self, indices: Tensor) -> Tokens:
        return self.vocabulary_[indices.numpy() - 1]

    def _illegal(self) -> Tensor:
        """Mark the tokens that cannot stand at each position, the start token among them."""
        illegal = np.pad(~self.legal_tokens_, ((0, 0), (1, 0)), constant_values=True)
        return torch.from_numpy(illegal).to(self.net_.device)

    def _evaluate(
        self, net: skorch.NeuralNet, function: Callable[[Any, Tensor], Tensor], samples: Tensor
    ) -> Tensor:
        """Apply a function of the evaluated module to samples that stand for token sequences."""
        return evaluate(net, function, samples, max(1, _TOKENS_AT_ONCE // len(self.legal_tokens_)))

    def _known_indices(self, X: Any) -> Tensor:
        check_is_fitted(self, "net_")
        return self._to_indices(self._read_tokens(X, reset=False))

    def _read_tokens(self, X: Any, reset: bool) -> Tokens:
        array = validate_data(self, X, reset=reset, dtype=np.float64)
        wrong = (array < 0) | (array % 1 != 0)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            # scikit-learn looks for the first words.
            raise ValueError(
                "Negative values in data, or fractions: tokens are whole numbers from 0, as"
                f" ArchitectureTokenizer writes them, but row {row} has {array[row, column]}"
            )
        return array.astype(np.int64)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        return tags


def places_in(vocabulary: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each value in a sorted vocabulary, from 1; 0 where it is not in it."""
    places = np.searchsorted(vocabulary, values).clip(max=len(vocabulary) - 1)
    return np.where(vocabulary[places] == values, places + 1, 0)
