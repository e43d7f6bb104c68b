"""The accuracies that regressors are fitted to: checked, and standardised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from ..utils._targets import check_targets

Floats = NDArray[np.float64]


class TargetScale:
    """Standardise accuracies, and back; if all are equal, they are 0, and back exactly theirs."""

    def __init__(self, y: Floats) -> None:
        self.mean = float(y.mean())
        # The computed deviation of equal numbers may be a rounding error.
        self.unit = float(y.std()) if np.ptp(y) > 0 else 0.0

    def forward(self, y: Floats) -> Floats:
        """Return by how many standard deviations accuracies are above the mean."""
        return (y - self.mean) / self.unit if self.unit > 0 else np.zeros_like(y)

    def inverse(self, z: Floats) -> Floats:
        """Undo `forward`."""
        return self.mean + self.unit * z


def check_accuracies(X: Any, y: ArrayLike | None, allow_nan: bool = False) -> Floats:
    """Return accuracies as a column of numbers as long as X, or say what is wrong with them."""
    accuracies = column_or_1d(check_targets(y, allow_nan=allow_nan), warn=True)
    check_consistent_length(X, accuracies)
    return accuracies
