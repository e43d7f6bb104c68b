"""How accuracies become the numbers that the kernel machine fits, and back."""

from __future__ import annotations

import numpy as np

from ._kernels import Floats


class TargetTransform:
    """Stretch accuracies near the best known one, where differences matter, and standardise."""

    # With c = 2 best - median of the known values, z is the standardised
    #     rank_share * rank(y) / sd(rank) + (1 - rank_share) * -log(c - y) / sd(log)
    # where rank is the share of known values below y, interpolated. It does not change if all
    # values are multiplied by a positive number or shifted. The logarithm goes on along its tangent
    # halfway from best to c, and where c is e times as far as from the least known value, so that
    # `forward` strictly increases on all numbers.
    def __init__(self, y: Floats, weights: Floats | None = None, rank_share: float = 0.15) -> None:
        self.rank_share = rank_share
        # Exact: numbers of any size become at most 1, and the best one 0.
        self._exponent = int(np.frexp(np.abs(y).max())[1])
        self._best = float(np.ldexp(y.max(), -self._exponent))
        known = self._scale_down(y)
        values, places = np.unique(known, return_inverse=True)
        counts = np.bincount(places, weights).astype(np.float64)
        spread = -values[0]
        # Where more than half of the values share the best one, its distance to the median is 0.
        self._room = max(-_median(values, counts), 0.01 * spread) or 1.0
        self._far = np.e * (self._room + spread)
        self._values = values
        self._ranks = (np.cumsum(counts) - 0.5 * counts) / counts.sum()
        self._mean, self._scale, self._rank_scale, self._log_scale = 0.0, 1.0, 1.0, 1.0
        if spread > 0:
            self._rank_scale = _mean_and_deviation(self._ranks, counts)[1]
            self._log_scale = _mean_and_deviation(self._logarithm(values), counts)[1]
            self._mean, self._scale = _mean_and_deviation(self._forward(values), counts)
        else:
            self._mean = float(self._forward(values)[0])
        self._set_knots(np.unique(np.ldexp(y, -self._exponent)))

    def forward(self, y: Floats) -> Floats:
        """Transform values, of shape (n,)."""
        return self._forward(self._scale_down(y))

    def inverse(self, z: Floats, clip: bool = True) -> Floats:
        """Transform back, with `clip` to what lies between the known values."""
        values = np.interp(z, self._knots, self._knot_values)
        if not clip and self.rank_share < 1 and len(self._knots) > 1:
            beyond = z - np.clip(z, self._knots[0], self._knots[-1])
            # Beyond the known values only the logarithm changes.
            factor = self._scale * self._log_scale / (1 - self.rank_share)
            logarithms = self._logarithm(values - self._best) + beyond * factor
            further = self._invert_logarithm(logarithms) + self._best
            values = np.where(beyond == 0, values, further)
        largest = np.finfo(np.float64).max
        with np.errstate(over="ignore"):
            scaled = np.ldexp(values, self._exponent)
        return np.clip(scaled, -largest, largest)

    def extend(self, y: Floats) -> None:
        """Let `inverse` reach further known values; `forward` stays as it is."""
        self._set_knots(np.union1d(self._knot_values, np.ldexp(y, -self._exponent)))

    def _scale_down(self, y: Floats) -> Floats:
        return np.ldexp(y, -self._exponent) - self._best

    def _set_knots(self, values: Floats) -> None:
        self._knots, self._knot_values = self._forward(values - self._best), values

    def _forward(self, values: Floats) -> Floats:
        ranks = np.interp(values, self._values, self._ranks) / self._rank_scale
        logarithms = self._logarithm(values) / self._log_scale
        z = self.rank_share * ranks + (1 - self.rank_share) * logarithms
        return (z - self._mean) / self._scale

    def _logarithm(self, values: Floats) -> Floats:
        """Return -log(c - y), continued along its tangents close to c and far from it."""
        margin = 0.5 * self._room
        distance = self._room - values
        beyond = np.maximum(margin - distance, 0) / margin
        below = np.maximum(distance / self._far - 1, 0)
        return beyond - below - np.log(np.clip(distance, margin, self._far))

    def _invert_logarithm(self, logarithms: Floats) -> Floats:
        margin = 0.5 * self._room
        beyond = np.maximum(logarithms + np.log(margin), 0)
        below = np.maximum(-logarithms - np.log(self._far), 0)
        distance = np.exp(np.clip(-logarithms, np.log(margin), np.log(self._far)))
        return self._room - distance + margin * beyond - self._far * below


class TargetTransforms:
    """A `TargetTransform` for each output: everything is of shape (n, n_outputs)."""

    def __init__(self, y: Floats, weights: Floats, rank_share: float = 0.15) -> None:
        self._outputs = [TargetTransform(output, weights, rank_share) for output in y.T]

    def forward(self, y: Floats) -> Floats:
        """Transform values."""
        return self._each("forward", y)

    def inverse(self, z: Floats, **options: bool) -> Floats:
        """Transform standardised values back."""
        return self._each("inverse", z, **options)

    def inverse_deviation(self, z: Floats, deviation: Floats) -> Floats:
        """Return half the distance of what lies one deviation above and below, transformed back."""
        # Beyond the best, so that it does not vanish there; but not below the least known value,
        # where the logarithm would make a little into very much.
        return 0.5 * self.inverse(z + deviation, clip=False) - 0.5 * self.inverse(z - deviation)

    def extend(self, y: Floats) -> None:
        """Let `inverse` reach further known values."""
        for transform, output in zip(self._outputs, y.T, strict=True):
            transform.extend(output)

    def _each(self, method: str, *columns: Floats, **options: bool) -> Floats:
        outputs = zip(self._outputs, *(part.T for part in columns), strict=True)
        return np.stack(
            [getattr(transform, method)(*parts, **options) for transform, *parts in outputs], axis=1
        )


def _median(values: Floats, counts: Floats) -> float:
    """Return the median of sorted values, the mean of two where it lies between them."""
    total, half = np.cumsum(counts), counts.sum() / 2
    low, high = np.searchsorted(total, half), np.searchsorted(total, half, side="right")
    return float(0.5 * (values[low] + values[min(high, len(values) - 1)]))


def _mean_and_deviation(values: Floats, counts: Floats) -> tuple[float, float]:
    mean = np.average(values, weights=counts)
    return float(mean), float(np.sqrt(np.average(np.square(values - mean), weights=counts)))
