"""What known targets add to an embedding."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._modules import Autoencoder
from .proximity import ProximityMetric

Floats = NDArray[np.float64]

# So many kernel machines at least are averaged, if the embedding has fewer columns than that.
MIN_MEMBERS = 8
# Into so many stretches at most a sequence is cut, so that long ones do not make too many numbers.
N_STRETCHES = 32
# The last bits of a sum depend on what else is computed with it; so many decimals, of numbers whose
# standard deviation is about 1, do not.
DECIMALS = 5


def describe(module: Autoencoder, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Embed token sequences, and say of them what the targets may depend on.

    Parameters
    ----------
    module : Autoencoder
        The trained module.
    tokens : Tensor of shape (n_samples, length)
        Token indices.

    Returns
    -------
    embedding : Tensor of shape (n_samples, embedding_dim)
        Embeddings.
    description : Tensor of shape (n_samples, n_features)
        The properties that the module predicts; if it predicts none, the embedding and the means
        of the encoder's outputs in each stretch of the sequence.
    """
    outputs, embedding = module.encoder(tokens)
    if module.property_head is not None:
        return embedding, module.property_head(embedding)
    stretches = outputs.tensor_split(min(N_STRETCHES, outputs.shape[1]), dim=1)
    return embedding, torch.cat([embedding, *(part.mean(dim=1) for part in stretches)], dim=1)


class TargetPart:
    """Columns beside an embedding, or in its place, in which equal targets are close.

    The notes of `ArchitectureEmbedder` say what is computed.

    Parameters
    ----------
    weight : float
        Share of the columns in the squared distances, more than 0 and at most 1.
    n_columns : int
        How many, for all targets together; there is at least one for each.
    seed : int
        Seed of the `ProximityMetric`.
    """

    def __init__(self, weight: float, n_columns: int, seed: int) -> None:
        self.weight = weight
        self.n_columns = n_columns
        self.seed = seed

    def fit(
        self, embedding: Tensor, description: Tensor, has_properties: bool, y: Floats
    ) -> TargetPart:
        """Learn from architectures whose targets are known.

        Parameters
        ----------
        embedding : Tensor of shape (n_samples, embedding_dim)
            Their embeddings.
        description : Tensor of shape (n_samples, n_features)
            Their descriptions, from `describe`.
        has_properties : bool
            Whether the descriptions consist of properties, whose scale has a meaning.
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Their targets.

        Returns
        -------
        TargetPart
            The object itself.
        """
        n_targets = y.shape[1] if y.ndim == 2 else 1
        n_components = max(1, self.n_columns // n_targets)
        # Whatever scikit-learn is told to put out elsewhere, here it is arrays.
        self.metric = ProximityMetric(
            n_components, n_estimators=max(n_components, MIN_MEMBERS), random_state=self.seed
        ).set_output(transform="default")
        self.n_columns = n_components * n_targets
        features, size = description.numpy(), embedding.shape[1]
        spread = np.linalg.norm(embedding.numpy().std(axis=0))
        self._center, self._scale = np.zeros(features.shape[1]), np.ones(features.shape[1])
        if not has_properties:
            self._center, self._scale = features.mean(axis=0), _scales(features.std(axis=0), size)
        self.metric.fit((features - self._center) / self._scale, y)
        own = np.linalg.norm(self.metric.embedding_.std(axis=0))
        self._factor = float(spread / own) if own > 0 and spread > 0 else 1.0
        return self

    def join(self, embedding: Tensor, description: Tensor) -> Tensor:
        """Put the columns beside the embedding, or in its place if they are all that counts.

        Parameters
        ----------
        embedding : Tensor of shape (n_samples, embedding_dim)
            Embeddings.
        description : Tensor of shape (n_samples, n_features)
            Descriptions.

        Returns
        -------
        Tensor of shape (n_samples, n_columns) or (n_samples, embedding_dim + n_columns)
            Embeddings to which targets are known.
        """
        features = (description.numpy() - self._center) / self._scale
        numbers = self.metric.transform(features).round(DECIMALS)
        columns = torch.from_numpy(numbers * (self._factor * self.weight**0.5))
        if self.weight == 1:
            return columns
        return torch.cat([embedding * (1 - self.weight) ** 0.5, columns], dim=1)

    def split(self, embedding: Floats) -> Floats:
        """Undo `join`.

        Parameters
        ----------
        embedding : ndarray of shape (n_samples, embedding_dim + n_columns)
            Embeddings to which targets are known.

        Returns
        -------
        ndarray of shape (n_samples, embedding_dim)
            Embeddings.

        Raises
        ------
        ValueError
            If the columns are all that counts.
        """
        if self.weight == 1:
            raise ValueError(
                "with target_weight=1 the embedding holds what the targets say, and nothing to"
                " decode; take a smaller target_weight, or reconstruct(X)"
            )
        return embedding[:, : -self.n_columns] / (1 - self.weight) ** 0.5


def _scales(spreads: Floats, size: int) -> Floats:
    """Return what to divide by: each column of the embedding by its own, the others by the same.

    So both have the same sum of variances. Where nothing varies but rounding, it is infinity.
    """
    scales = np.where(spreads > 1e-9, spreads, np.inf)
    n_varying = max(1, np.isfinite(scales[:size]).sum())
    others = np.linalg.norm(spreads[size:]) / n_varying**0.5
    return np.where(np.arange(len(spreads)) < size, scales, others if others > 1e-9 else np.inf)
