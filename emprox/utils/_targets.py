"""Checks of known accuracies that scikit-learn leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array


def check_targets(y: Any, name: str = "y") -> NDArray[np.float64]:
    """Return known values as finite numbers, a row for each sample, or say what is wrong."""
    if y is None:
        raise ValueError(f"requires y to be passed, but the target {name} is None")
    if np.ma.isMaskedArray(y) and np.ma.getmaskarray(y).any():
        raise ValueError(f"{name} has masked values: leave out what is not known")
    if getattr(getattr(y, "dtype", None), "kind", "") in ("m", "M"):
        raise ValueError(f"{name} holds dates or durations, not numbers")
    try:
        # The sum of numbers may overflow where none of them does.
        with np.errstate(over="ignore", invalid="ignore"):
            return check_array(y, ensure_2d=False, dtype=np.float64, input_name=name)
    except OverflowError as error:
        raise ValueError(f"{name} holds a number that is too large for a float") from error
