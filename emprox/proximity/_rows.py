"""Equal rows as one, in an order that does not depend on theirs."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import validate_data

from ..utils._sklearn import check_sample_weight
from ..utils._targets import check_targets
from ._kernels import Floats

# Squares of larger numbers, and sums of these, would overflow.
_LARGEST = 1e150


def check_rows(X: Floats) -> Floats:
    """Refuse features that are too large to compute distances with."""
    too_large = np.abs(X).max(axis=1, initial=0).astype(np.float64) > _LARGEST
    if too_large.any():
        row = int(too_large.argmax())
        raise ValueError(
            f"X[{row}] holds {np.abs(X[row]).max():.3g}, which is too large to compute distances"
            f" with: scale the features, to less than {_LARGEST:.0e}"
        )
    return X


class Known(NamedTuple):
    """What is known: features, targets as they were given, weights, and which are anchors."""

    X: Floats
    y: Floats
    weights: Floats
    is_anchor: NDArray[np.bool_]

    @property
    def targets(self) -> Floats:
        """The targets, a column for each output."""
        return self.y.reshape(len(self.y), -1)

    def take(self, rows: NDArray[np.intp] | slice) -> Known:
        """Return some of the rows."""
        return Known(self.X[rows], self.y[rows], self.weights[rows], self.is_anchor[rows])

    def join(self, other: Known) -> Known:
        """Return the rows of both."""
        return Known(*(np.concatenate(parts) for parts in zip(self, other, strict=True)))

    def __reduce__(self) -> tuple[Any, ...]:
        # Features repeat their numbers, column by column.
        columns = zlib.compress(np.ascontiguousarray(self.X.T).tobytes())
        return _unpack, (columns, self.X.dtype, self.X.shape[::-1], *self[1:])


def _unpack(columns: bytes, dtype: Any, shape: tuple[int, ...], *others: Any) -> Known:
    X = np.frombuffer(zlib.decompress(columns), dtype).reshape(shape).T
    return Known(np.array(X, order="C"), *others)


def read_known(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    before: tuple[int, ...] | None = None,
) -> Known:
    """Check what an estimator is fitted to; `before` is the shape that y had the last time."""
    targets = check_targets(y)
    features = validate_data(estimator, X, reset=before is None, dtype=np.float64, copy=True)
    return check_known(check_rows(features), targets, sample_weight, before)


def check_known(
    X: NDArray[Any],
    targets: Floats,
    sample_weight: ArrayLike | None,
    before: tuple[int, ...] | None,
) -> Known:
    """Check that rows, targets and weights belong together."""
    check_consistent_length(X, targets)
    if before is not None and targets.shape[1:] != before[1:]:
        raise ValueError(f"y has the shape {targets.shape}, but fit was given {before}")
    weights = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weights.any():
        raise ValueError("sample_weight is zero everywhere: nothing is left to learn from")
    return Known(X, targets, weights, np.zeros(len(weights), dtype=bool))


class DistinctRows:
    """The different rows of a matrix, sorted: each stands for all rows that equal it."""

    # `order` lists the rows that count, those of a place one after the other; `first` is one of
    # each place; `place` says where each row went, -1 if its weight is zero; `weights` add up.
    def __init__(self, known: Known) -> None:
        X, weights = known.X, known.weights
        order = np.lexsort([weights, *known.targets.T[::-1], *X.T[::-1]])
        self.order = order[weights[order] > 0]
        rows = X[self.order]
        self._starts = np.flatnonzero(np.r_[True, (rows[1:] != rows[:-1]).any(axis=1)])
        self.first = self.order[self._starts]
        lengths = np.diff(self._starts, append=len(self.order))
        self.place = np.full(len(X), -1)
        self.place[self.order] = np.repeat(np.arange(len(lengths)), lengths)
        self.weights = np.add.reduceat(weights[self.order], self._starts)
        self._shares = weights[self.order] / np.repeat(self.weights, lengths)

    def average(self, values: Floats) -> Floats:
        """Average values of rows, of shape (n_rows, n_columns), over each place."""
        return np.add.reduceat(values[self.order] * self._shares[:, None], self._starts)
