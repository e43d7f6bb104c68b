"""The accuracies that regressors are fitted to: checked, and standardised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d

Floats = NDArray[np.float64]


class TargetScale:
    """Standardise accuracies, and back.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        The known accuracies.

    Attributes
    ----------
    mean : float
        Their mean.
    unit : float
        Their standard deviation; exactly 0 if they are all the same.
    """

    def __init__(self, y: Floats) -> None:
        self.mean = float(y.mean())
        # The computed deviation of equal numbers may be a rounding error.
        self.unit = float(y.std()) if np.ptp(y) > 0 else 0.0

    def forward(self, y: Floats) -> Floats:
        """Standardise accuracies.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Accuracies.

        Returns
        -------
        ndarray of shape (n,)
            By how many standard deviations they are above the mean; all 0 if there is none.
        """
        return (y - self.mean) / self.unit if self.unit > 0 else np.zeros_like(y)

    def inverse(self, z: Floats) -> Floats:
        """Undo `forward`; all is the mean if the known accuracies are the same.

        Parameters
        ----------
        z : ndarray of shape (n,)
            Standardised accuracies.

        Returns
        -------
        ndarray of shape (n,)
            Accuracies.
        """
        return self.mean + self.unit * z


def check_targets(estimator: Any, X: Any, y: ArrayLike, **checks: Any) -> Floats:
    """Check the accuracies that a regressor is fitted to.

    Parameters
    ----------
    estimator : estimator
        The regressor, for the error message.
    X : ndarray of shape (n_samples, n_columns)
        The samples, which have been checked.
    y : array-like of shape (n_samples,)
        The accuracies.
    **checks : dict
        What `sklearn.utils.check_array` is to do otherwise.

    Returns
    -------
    ndarray of shape (n_samples,)
        The accuracies.

    Raises
    ------
    ValueError
        If there are none, they are not finite, or they do not fit X.
    """
    if y is None:
        raise ValueError(
            f"requires y to be passed, but the target y is None: {type(estimator).__name__} learns"
            " from known accuracies"
        )
    targets = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", **checks)
    targets = column_or_1d(targets, warn=True)
    check_consistent_length(X, targets)
    return targets
