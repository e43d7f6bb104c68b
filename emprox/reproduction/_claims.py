"""Whether the paper's claims hold in a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ._numbers import (
    KENDALL,
    Metric,
    fit_time_ratio,
    is_noise,
    paired,
    write_difference,
    write_ratio,
)
from ._report import Table

if TYPE_CHECKING:
    from ..model_selection import Evaluation


_BOTH = "needs both predictors"


class Verdict(Enum):
    """What a run says about a claim."""

    HOLDS = "holds"
    FAILS = "does not hold"
    UNDECIDED = "undecided"
    NOT_TESTED = "not tested"


@dataclass(frozen=True)
class Finding:
    """A claim that was tested.

    Parameters
    ----------
    claim : str
        The claim.
    paper : str
        What the paper says about it.
    here : str
        What this run says.
    verdict : Verdict
        Whether it holds.
    """

    claim: str
    paper: str
    here: str
    verdict: Verdict


@dataclass(frozen=True)
class AsGood:
    """The claim that one predictor is at least as good as another.

    Parameters
    ----------
    claim : str
        The claim.
    paper : str
        The paper's numbers.
    predictor : str
        Which is as good, or better.
    reference : str
        As which.
    metric : Metric, default=KENDALL
        In what.
    strictly : bool, default=False
        Whether it has to be better by more than noise.
    """

    claim: str
    paper: str
    predictor: str
    reference: str
    metric: Metric = KENDALL
    strictly: bool = False

    def test(self, evaluation: Evaluation, train_size: int) -> Finding:
        """Compare them, paired over the trials.

        Parameters
        ----------
        evaluation : Evaluation
            The run.
        train_size : int
            Number of known architectures.

        Returns
        -------
        Finding
            What came out. A difference within two standard errors decides only that a predictor
            is as good, and only if it is ahead.
        """
        found = paired(evaluation, self.metric, self.predictor, self.reference, train_size)
        if found is None:
            return Finding(self.claim, self.paper, _BOTH, Verdict.NOT_TESTED)
        here = f"difference {write_difference(found, self.metric.decimals)}"
        if is_noise(found):
            one = found.n_trials == 1
            here += ", one trial" if one else ", within 2 standard errors of 0"
        if found.mean_difference >= 0 and not (self.strictly and is_noise(found)):
            verdict = Verdict.HOLDS
        else:
            verdict = Verdict.UNDECIDED if is_noise(found) else Verdict.FAILS
        return Finding(self.claim, self.paper, here, verdict)


@dataclass(frozen=True)
class Faster:
    """The claim that one predictor is fitted so many times faster than another.

    Parameters
    ----------
    claim : str
        The claim.
    paper : str
        The paper's numbers.
    predictor : str
        Which is faster.
    reference : str
        Than which.
    times : float
        How many times at least.
    """

    claim: str
    paper: str
    predictor: str
    reference: str
    times: float

    def test(self, evaluation: Evaluation, train_size: int) -> Finding:
        """Compare their fit times within each trial.

        Parameters
        ----------
        evaluation : Evaluation
            The run.
        train_size : int
            Number of known architectures.

        Returns
        -------
        Finding
            What came out.
        """
        ratio = fit_time_ratio(evaluation, self.reference, self.predictor, train_size)
        if math.isnan(ratio):
            here, verdict = _BOTH, Verdict.NOT_TESTED
        else:
            here = f"{write_ratio(ratio)} times (median)"
            verdict = Verdict.HOLDS if ratio >= self.times else Verdict.FAILS
        return Finding(self.claim, self.paper, here, verdict)


Claim = AsGood | Faster


def claims_table(claims: Sequence[Claim], evaluation: Evaluation, train_size: int) -> Table:
    """Test claims and list what came out.

    Parameters
    ----------
    claims : sequence of claim
        The claims.
    evaluation : Evaluation
        The run.
    train_size : int
        Number of known architectures.

    Returns
    -------
    Table
        A row for each claim.
    """
    findings = [claim.test(evaluation, train_size) for claim in claims]
    rows = [
        (finding.claim, finding.verdict.value, finding.here, finding.paper) for finding in findings
    ]
    return Table(("the paper's claim", "here", "measured here", "in the paper"), rows, n_texts=4)
