"""Displays: pictures of architectures, predictions and evaluations, made as in scikit-learn.

Every display has class methods ``from_…`` that compute what is shown and draw it, and a method
``plot`` that draws it again. They need matplotlib: ``pip install "emprox[plot]"``.
"""

from ._budget_curve import BudgetCurveDisplay
from ._cell import CellDisplay
from ._embedding import EmbeddingDisplay
from ._neighbors import NeighborsDisplay
from ._network import NetworkDisplay
from ._rank_agreement import RankAgreementDisplay

__all__ = [
    "BudgetCurveDisplay",
    "CellDisplay",
    "EmbeddingDisplay",
    "NeighborsDisplay",
    "NetworkDisplay",
    "RankAgreementDisplay",
]
