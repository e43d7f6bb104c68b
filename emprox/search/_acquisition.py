"""How much a search wants to evaluate each network."""

from __future__ import annotations

import numpy as np

from ..proximity import ProximityMetric
from ._pool import Floats
from ._surrogates import Rows, Surrogate, expected_improvement

ACQUISITIONS = ("confidence", "expected_improvement", "thompson", "mean")
# How many standard deviations of what was evaluated a sure failure costs.
_PENALTY = 3.0


class Wish:
    """What a search wants, by a model of what was told."""

    def __init__(
        self,
        model: Surrogate,
        evaluated: Rows,
        failed: Rows,
        acquisition: str,
        exploration: float,
        rng: np.random.Generator,
    ) -> None:
        self.model, self._acquisition, self._exploration = model, acquisition, exploration
        self._evaluated, self._rng, self._risk = evaluated, rng, None
        if len(failed):
            outcomes = np.repeat([0.0, 1.0], [len(evaluated), len(failed)])
            points = np.concatenate([evaluated.points, failed.points])
            self._risk = ProximityMetric(random_state=0).fit(points, outcomes)

    def __call__(self, rows: Rows) -> Floats:
        """Say how much each network is worth an evaluation."""
        scores, stds = self.model.score(rows)
        failures = None if self._risk is None else np.asarray(self._risk.predict(rows.points))
        if self._acquisition == "expected_improvement":
            best = self.model.score(self._evaluated)[0].max()
            wanted = expected_improvement(scores, stds, best)
            return wanted if failures is None else wanted * (1 - failures)
        if failures is not None:
            spread = self.model.score(self._evaluated)[0].std()
            scores = scores - _PENALTY * spread * failures
        if self._acquisition == "mean":
            return scores
        luck = self._rng.standard_normal(len(rows)) if self._acquisition == "thompson" else 1.0
        return scores + self._exploration * stds * luck
