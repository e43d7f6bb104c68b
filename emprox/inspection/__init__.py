"""Displays: pictures of predictions and embeddings, as scikit-learn's displays are made.

Every display has class methods ``from_…`` that compute what is shown and draw it, and a method
``plot`` that draws it again. They need matplotlib: ``pip install "emprox[plot]"``.
"""

from ._embedding import EmbeddingDisplay
from ._rank_agreement import RankAgreementDisplay

__all__ = ["EmbeddingDisplay", "RankAgreementDisplay"]
