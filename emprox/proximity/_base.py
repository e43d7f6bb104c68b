"""What the metric and all that predicts with it have in common."""

from __future__ import annotations

from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils import Tags

from ..utils._versions import VersionedMixin
from ._kernels import Floats
from ._rows import Known


class EmbeddingRegressor(
    VersionedMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    RegressorMixin,
    BaseEstimator,
):
    """Base class of what embeds samples, and predicts from where they are."""

    _known: Known

    def _shape(self, columns: Floats) -> Floats:
        return columns if self._known.y.ndim > 1 else columns[:, 0]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
