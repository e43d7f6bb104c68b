"""How accuracies become the numbers that the kernel machine fits, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class TargetTransform:
    """Stretch accuracies near the best known one, where differences matter, and standardise.

    With c = best + `headroom` * (best - median) of the known values, a value y becomes

        z = rank_share * rank(y) / sd(rank) + (1 - rank_share) * -log(c - y) / sd(log)

    standardised over the known values; rank is the share of known values below y, interpolated.
    z does not change if all values are multiplied by a positive number or shifted.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Known values; higher is better.
    rank_share : float, default=0.15
        Share of the rank, from 0 to 1.
    headroom : float, default=1.0
        Where the logarithm ends, in units of the distance from median to best.

    Attributes
    ----------
    limit_ : float
        c, the value at which the logarithm would become infinite.

    Notes
    -----
    `forward` is strictly increasing on all numbers, so that it also serves values that become
    known later. Below the least known value the rank stays 0 and the logarithm goes on; once c is
    e times as far as from the least known value, it goes on along its tangent, because it hardly
    changes any more. Above the best the rank stays 1, and beyond half the headroom the logarithm
    goes on along its tangent, because it ends at c. `inverse` interpolates linearly between the
    known pairs, and stays within the known values.
    """

    def __init__(self, y: Floats, rank_share: float = 0.15, headroom: float = 1.0) -> None:
        self.rank_share = rank_share
        values, counts = np.unique(y, return_counts=True)
        best, spread = values[-1], values[-1] - values[0]
        # Where more than half of the values share the best one, its distance to the median is 0.
        self._room = headroom * max(best - np.median(y), 0.01 * spread) or 1.0
        self.limit_ = best + self._room
        self._far = np.e * (self.limit_ - values[0])
        self._values = values
        self._ranks = (np.cumsum(counts) - 0.5 * counts) / len(y)
        self._mean, self._scale, self._rank_scale, self._log_scale = 0.0, 1.0, 1.0, 1.0
        if spread > 0:
            self._rank_scale = np.repeat(self._ranks, counts).std()
            self._log_scale = self._logarithm(y).std()
        z = self.forward(y)
        self._mean, self._scale = z.mean(), z.std() if spread > 0 else 1.0
        self._knots, self._knot_values = self.forward(values), values

    def _logarithm(self, y: Floats) -> Floats:
        """Return -log(c - y), continued along its tangents close to c and far from it."""
        margin = 0.5 * self._room
        distance = self.limit_ - y
        beyond = np.maximum(margin - distance, 0) / margin
        below = np.maximum(distance / self._far - 1, 0)
        return beyond - below - np.log(np.clip(distance, margin, self._far))

    def forward(self, y: Floats) -> Floats:
        """Transform values.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Values, in the unit of the known ones.

        Returns
        -------
        ndarray of shape (n,)
            Standardised values.
        """
        ranks = np.interp(y, self._values, self._ranks) / self._rank_scale
        logarithms = self._logarithm(y) / self._log_scale
        z = self.rank_share * ranks + (1 - self.rank_share) * logarithms
        return (z - self._mean) / self._scale

    def inverse(self, z: Floats, clip: bool = True) -> Floats:
        """Transform standardised values back.

        Parameters
        ----------
        z : ndarray of shape (n,)
            Standardised values.
        clip : bool, default=True
            Whether to stay between the least and the best of the known values. Otherwise what
            lies beyond them is what `forward` transforms to z, if there is such a value: with a
            rank share of 1 there is none.

        Returns
        -------
        ndarray of shape (n,)
            Values in the unit of the known ones.
        """
        values = np.interp(z, self._knots, self._knot_values)
        if clip or self.rank_share == 1:
            return values
        beyond = np.where(
            z > self._knots[-1], z - self._knots[-1], np.minimum(z - self._knots[0], 0)
        )
        # Beyond the known values only the logarithm changes.
        factor = self._scale * self._log_scale / (1 - self.rank_share)
        logarithms = self._logarithm(values) + beyond * factor
        return np.where(beyond == 0, values, self._invert_logarithm(logarithms))

    def _invert_logarithm(self, logarithms: Floats) -> Floats:
        margin = 0.5 * self._room
        beyond = np.maximum(logarithms + np.log(margin), 0)
        below = np.maximum(-logarithms - np.log(self._far), 0)
        distance = np.exp(np.clip(-logarithms, np.log(margin), np.log(self._far)))
        return self.limit_ - distance + margin * beyond - self._far * below

    def inverse_deviation(self, z: Floats, deviation: Floats) -> Floats:
        """Transform standard deviations back.

        Parameters
        ----------
        z : ndarray of shape (n,)
            Standardised values.
        deviation : ndarray of shape (n,)
            Their standard deviations.

        Returns
        -------
        ndarray of shape (n,)
            Half the distance between what one standard deviation above and one below transform
            back to. Values above the best known one are allowed there, so that the deviation
            does not vanish near it. Values below the least known one are not: there the
            logarithm would make a little into very much.
        """
        return 0.5 * (self.inverse(z + deviation, clip=False) - self.inverse(z - deviation))

    def extend(self, y: Floats) -> None:
        """Let `inverse` reach further known values; `forward` stays as it is.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Further known values.
        """
        self._knot_values = np.union1d(self._knot_values, y)
        self._knots = self.forward(self._knot_values)
