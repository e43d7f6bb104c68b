"""What the displays share: axes to draw into, checked numbers, and limits for the bulk of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from ..utils._optional_imports import import_optional

# In an inch.
_POINTS = 72


def check_libraries(display: type, *libraries: str) -> None:
    """Raise ImportError if one is missing, before anything is computed for it."""
    for library in ("matplotlib", *libraries):
        import_optional(library, extra="plot", purpose=display.__name__)


def get_axes(ax: Any, figsize: tuple[float, float] | None = None) -> Any:
    """Return the axes given, or those of a new figure."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax


def fill_figure(size: NDArray[np.float64]) -> Any:
    """Return the axes that fill a new figure of this size, in points."""
    import matplotlib.pyplot as plt

    return plt.figure(figsize=tuple(size / _POINTS)).add_axes((0, 0, 1, 1))


def size_in_points(ax: Any) -> tuple[float, float]:
    """Return the width and height of axes."""
    box = ax.get_window_extent()
    return box.width * _POINTS / ax.figure.dpi, box.height * _POINTS / ax.figure.dpi


def check_column(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Check that there is one finite number for each architecture."""
    column = check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
    if column.ndim != 1:
        raise ValueError(f"{name} has to hold one number for each, got the shape {column.shape}")
    return column


def robust_limits(values: NDArray[np.float64], n_ranges: float) -> tuple[float, float]:
    """Return the range of the values that lie not so many quartile ranges outside the quartiles."""
    first, third = np.percentile(values, [25, 75])
    fence = n_ranges * (third - first)
    inside = values[(values >= first - fence) & (values <= third + fence)]
    return float(inside.min()), float(inside.max())
