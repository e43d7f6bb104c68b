"""What a search believes about networks: by kriging, or by any regressor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.base import clone

from ..proximity import ProximityMetric
from ..utils._targets import check_targets
from ._pool import Floats
from ._selection import Integers

# Nodes and weights of a mean over the normal distribution.
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(24)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


@dataclass
class Rows:
    """Networks as decisions and as standardised properties."""

    decisions: Integers
    points: Floats

    def __len__(self) -> int:
        return len(self.decisions)

    def take(self, places: Any) -> Rows:
        """Return some of them."""
        return Rows(self.decisions[places], self.points[places])

    def join(self, other: Rows) -> Rows:
        """Return these and others."""
        return Rows(
            np.concatenate([self.decisions, other.decisions]),
            np.concatenate([self.points, other.points]),
        )


class Surrogate(Protocol):
    """A model of the accuracy. Its scores are on a scale of its own: the larger, the better."""

    def fit(self, known: Rows, accuracies: Floats) -> None:
        """Learn from evaluations, of which there may be several of a network."""

    def expect(self, pending: Rows) -> None:
        """Go on as if pending evaluations had the results that are expected of them."""

    def score(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return scores and their standard deviations."""

    def predict(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return expected accuracies and their standard deviations."""

    def gains(self, rows: Rows, best: float) -> Floats:
        """Return by how much more than the best each is expected to reach, if it does at all."""


class KrigingSurrogate:
    """Kriging of transformed accuracies with the metric of the recipe "best"."""

    def __init__(self, anchor: Floats | None, chance_level: float | None) -> None:
        self._anchor, self._chance_level = anchor, chance_level

    def fit(self, known: Rows, accuracies: Floats) -> None:
        """Learn; a network that can only guess is one more, unless all others are worse."""
        points, level = known.points, self._chance_level
        if self._anchor is not None and level is not None and accuracies.max() > level:
            points = np.concatenate([points, self._anchor])
            accuracies = np.append(accuracies, level)
        self._metric = ProximityMetric(random_state=0).fit(points, accuracies)

    def expect(self, pending: Rows) -> None:
        """Add what is expected; the expectation of everything else stays as it is."""
        self._metric.update(pending.points, self._metric.predict(pending.points))

    def score(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return transformed accuracies."""
        scores, stds = self._metric.score_samples(rows.points, return_std=True)
        return np.asarray(scores), np.asarray(stds)

    def predict(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return accuracies."""
        means, stds = self._metric.predict(rows.points, return_std=True)
        return np.asarray(means), np.asarray(stds)

    def gains(self, rows: Rows, best: float) -> Floats:
        """Return expected gains, without the luck of a measurement."""
        scores, stds = self.score(rows)
        machine = self._metric._machines[0]
        stds = np.sqrt(np.maximum(np.square(stds) - machine.ridge * machine.signal_variance, 0))
        nodes = (scores[:, None] + stds[:, None] * _NODES).reshape(-1, 1)
        found = self._metric.target_transforms_.inverse(nodes, clip=False).reshape(len(rows), -1)
        return np.maximum(found - best, 0) @ _NODE_WEIGHTS


class EstimatorSurrogate:
    """Any regressor of architectures."""

    def __init__(self, estimator: Any, write: Callable[[Rows], NDArray[Any]]) -> None:
        self._estimator, self._write = estimator, write

    def fit(self, known: Rows, accuracies: Floats) -> None:
        """Learn."""
        self._known, self._accuracies = known, accuracies
        self._fitted = clone(self._estimator).fit(self._write(known), accuracies)

    def expect(self, pending: Rows) -> None:
        """Learn anew, with what is expected."""
        expected = self.predict(pending)[0]
        self.fit(self._known.join(pending), np.concatenate([self._accuracies, expected]))

    def score(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return accuracies; scores instead from a model that cannot say how sure it is."""
        X = self._write(rows)
        try:
            return self._predict(X, return_std=True)
        except TypeError:
            method = getattr(self._fitted, "score_samples", self._fitted.predict)
            return self._check(method(X), len(X)), np.zeros(len(X))

    def predict(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return accuracies; with deviations of 0 from a model that has none."""
        X = self._write(rows)
        try:
            return self._predict(X, return_std=True)
        except TypeError:
            return self._check(self._fitted.predict(X), len(X)), np.zeros(len(X))

    def gains(self, rows: Rows, best: float) -> Floats:
        """Return expected gains of normal distributions."""
        means, stds = self.predict(rows)
        return expected_improvement(means, stds, best)

    def _predict(self, X: NDArray[Any], **options: bool) -> tuple[Floats, Floats]:
        mean, std = self._fitted.predict(X, **options)
        return self._check(mean, len(X)), self._check(std, len(X))

    def _check(self, values: Any, n: int) -> Floats:
        numbers = check_targets(values, f"what {type(self._estimator).__name__} predicts")
        if numbers.shape != (n,):
            raise ValueError(
                f"a search takes one number for each architecture, but"
                f" {type(self._estimator).__name__} gives an array of shape {numbers.shape} for {n}"
            )
        return numbers


def expected_improvement(means: Floats, stds: Floats, best: float) -> Floats:
    """Return the mean of what a normal variable is above the best, and of 0 where it is not."""
    stds = np.maximum(stds, 1e-12)
    z = (means - best) / stds
    return stds * (z * norm.cdf(z) + norm.pdf(z))
