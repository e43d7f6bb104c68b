"""What the displays share: axes to draw into, and limits that a few outliers do not decide."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..utils._optional_imports import import_optional

# In an inch.
POINTS = 72


def check_matplotlib(display: type) -> None:
    """Raise ImportError if matplotlib is missing, before anything is computed for it."""
    import_optional("matplotlib", extra="plot", purpose=display.__name__)


def get_axes(ax: Any, display: object) -> Any:
    """Return the axes given, or those of a new figure."""
    if ax is not None:
        return ax
    plt = import_optional("matplotlib.pyplot", extra="plot", purpose=type(display).__name__)
    return plt.subplots(layout="constrained")[1]


def size_in_points(ax: Any) -> tuple[float, float]:
    """Return the width and height of axes, in points."""
    box = ax.get_window_extent()
    return tuple(side * POINTS / ax.figure.dpi for side in (box.width, box.height))


def robust_limits(values: NDArray[np.float64], n_ranges: float) -> tuple[float, float]:
    """Return the range of the values without those far from the bulk of them.

    Some architectures do not learn at all and stay at chance level; they would leave little of
    the picture to all others.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        The values.
    n_ranges : float
        How many times the distance between the quartiles a value may lie outside of them: after
        Tukey 1.5 is outside and 3 far out.

    Returns
    -------
    low, high : float
        The limits.
    """
    first, third = np.percentile(values, [25, 75])
    fence = n_ranges * (third - first)
    inside = values[(values >= first - fence) & (values <= third + fence)]
    return float(inside.min()), float(inside.max())
