"""What a search knows of each network: asked for, told, failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ._pool import Floats
from ._selection import Integers
from ._surrogates import Rows


@dataclass
class Trial:
    """A network that was asked for or told of."""

    architecture: Any
    decisions: Integers
    point: Floats
    source: str  # "design", "proposal", or "told" if it was never asked for
    expected: float = np.nan
    std: float = np.nan
    is_pending: bool = False
    accuracies: list[float] = field(default_factory=list)  # without those of failed trainings
    n_failed: int = 0

    @property
    def has_failed(self) -> bool:
        """Whether it was told of, but never with an accuracy."""
        return self.n_failed > 0 and not self.accuracies


class Evaluation(NamedTuple):
    """What was told at once of a network; a failed training has no accuracy."""

    key: bytes
    accuracy: float
    cost: float


def to_frame(trials: dict[bytes, Trial], evaluations: list[Evaluation]) -> pd.DataFrame:
    """Write evaluations in the order in which they were told, then those that are pending."""
    pending = [key for key, trial in trials.items() if trial.is_pending]
    keys = [evaluation.key for evaluation in evaluations] + pending
    known = [trials[key] for key in keys]
    missing = [np.nan] * len(pending)
    accuracies = np.array([evaluation.accuracy for evaluation in evaluations] + missing)
    status = np.where(np.isnan(accuracies), "failed", "done").astype(object)
    status[len(evaluations) :] = "pending"
    return pd.DataFrame(
        {
            "architecture": pd.Series([trial.architecture for trial in known], dtype=object),
            "accuracy": accuracies,
            "cost": [evaluation.cost for evaluation in evaluations] + missing,
            "status": status,
            "source": [trial.source for trial in known],
            "expected": [trial.expected for trial in known],
            "std": [trial.std for trial in known],
            "best": pd.Series(accuracies, dtype=float).cummax().ffill(),
        }
    )


def to_rows(trials: Iterable[Trial], empty: Rows) -> Rows:
    """Return the networks of trials; if there are none, what is empty."""
    some = list(trials)
    if not some:
        return empty
    return Rows(np.stack([trial.decisions for trial in some]), np.stack([t.point for t in some]))


def to_numbers(values: Any, name: str, n: int) -> Floats:
    """Read a number for each of n architectures; None and NaN, also for all of them, stay NaN."""
    if values is None:
        return np.full(n, np.nan)
    try:
        numbers = np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} have to be numbers, or None: {error}") from error
    if len(numbers) != n:
        raise ValueError(f"{len(numbers)} {name} for {n} architectures: give one for each")
    if np.isinf(numbers).any():
        raise ValueError(f"{name} are infinite: give None for what is not known")
    return numbers
