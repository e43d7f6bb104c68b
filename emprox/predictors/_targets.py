"""The accuracies that regressors are fitted to: checked, and standardised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d

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


def check_targets(estimator: Any, X: Any, y: ArrayLike | None, **checks: Any) -> Floats:
    """Return accuracies as a column of numbers as long as X, or say what is wrong with them."""
    if y is None:
        raise ValueError(
            f"requires y to be passed, but the target y is None: {type(estimator).__name__} learns"
            " from known accuracies"
        )
    targets = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", **checks)
    targets = column_or_1d(targets, warn=True)
    check_consistent_length(X, targets)
    return targets
