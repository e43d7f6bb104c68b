"""What all experiments share: the trials, and what is measured beside what is published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from emprox.model_selection import ArchitectureShuffleSplit, compare_predictors, evaluate_predictors

from .data import Data
from .numbers import TITLES, mean, spread
from .predictors import PREDICTORS, Predictor

N_KNOWN = 121
FIT_TIMES = (
    "Fit times are of other programs on another machine (one Intel Xeon E5-2698v4 in the paper)."
    " What can be compared are ratios within one run."
)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper about two predictors.

    Parameters
    ----------
    predictor, reference : str
        What is better than, or as good as, what.
    score : str
        In which column.
    text : str
        What the paper says, with its numbers.
    times : float, default=0
        For times: how many times less at least.
    strictly : bool, default=False
        For scores: whether it has to be better by more than noise, and not only as good.
    """

    predictor: str
    reference: str
    score: str
    text: str
    times: float = 0
    strictly: bool = False

    def test(self, trials: pd.DataFrame) -> dict[str, str]:
        """Say whether it holds, and by which numbers.

        A difference within two standard errors decides only that a predictor is as good, and only
        if it is ahead.
        """
        row = {"claim": self.text, "here": "not tested", "measured": "needs both predictors"}
        if {self.predictor, self.reference} - set(trials["predictor"]):
            return row
        if self.times:
            values = trials.pivot(index="split", columns="predictor", values=self.score)
            ratio = (values[self.reference] / values[self.predictor]).median()
            verdict = "holds" if ratio >= self.times else "does not hold"
            return row | {"here": verdict, "measured": f"{ratio:.3g} times (median)"}
        table = compare_predictors(trials, self.reference, self.score).set_index("predictor")
        difference, error = table.loc[self.predictor, ["mean_difference", "standard_error"]]
        is_noise = not abs(difference) > 2 * error
        if difference >= 0 and not (self.strictly and is_noise):
            verdict = "holds"
        else:
            verdict = "undecided" if is_noise else "does not hold"
        return row | {"here": verdict, "measured": f"{difference:+.3f} ± {error:.3f}"}


@dataclass(frozen=True)
class Experiment:
    """An experiment of the paper.

    Parameters
    ----------
    title : str
        What it is.
    load : callable
        Loads the data, given a folder of benchmark files or None.
    predictors : mapping of str to Predictor
        What is evaluated, by name.
    published : DataFrame, default=None
        The paper's numbers.
    claims : sequence of Claim, default=()
        The paper's claims.
    score : str, default="kendall_tau"
        The score of the pictures.
    remarks : sequence of str, default=()
        Why numbers differ from the paper's, for all predictors.
    on_demand : sequence of str, default=()
        Predictors that are only run if they are named.
    n_trials, first_trial, n_unseen : int
        Which trials, and how many architectures are predicted in each.
    """

    title: str
    load: Callable[[Path | None], Data]
    predictors: Mapping[str, Predictor] = field(repr=False)
    published: pd.DataFrame | None = field(default=None, repr=False)
    claims: Sequence[Claim] = ()
    score: str = "kendall_tau"
    remarks: Sequence[str] = ()
    on_demand: Sequence[str] = ()
    n_trials: int = 20
    first_trial: int = 0
    n_unseen: int = 1000

    def draws(self, n_trials: int | None = None) -> ArchitectureShuffleSplit:
        """Return the draws of known and unseen architectures."""
        return ArchitectureShuffleSplit(
            n_trials or self.n_trials,
            train_sizes=N_KNOWN,
            test_size=self.n_unseen,
            random_state=self.first_trial,
        )

    def run(
        self,
        data: Data,
        *,
        names: Sequence[str] = (),
        n_trials: int | None = None,
        results: Path | None = None,
        n_jobs: int | None = None,
    ) -> pd.DataFrame:
        """Evaluate the predictors, all that are not on demand unless some are named."""
        chosen = names or [name for name in self.predictors if name not in self.on_demand]
        trials = evaluate_predictors(
            {name: self.predictors[name].make(data) for name in chosen},
            data.X,
            data.y,
            cv=self.draws(n_trials),
            results=results,
            random_state=self.first_trial,
            n_jobs=n_jobs,
        )
        # As the paper has it: milliseconds for one architecture.
        query_time = 1000 * trials["score_time"] / self.n_unseen
        return trials.assign(query_time=query_time)

    def reasons(self, names: Sequence[str]) -> list[str]:
        """Return why numbers differ from the paper's."""
        of_predictors = [f"{name}: {self.predictors[name].remark}" for name in names]
        return [*self.remarks, *(text for text in of_predictors if not text.endswith(": "))]


def among(*names: str) -> dict[str, Predictor]:
    """Return some of the predictors."""
    return {name: PREDICTORS[name] for name in names}


def describe(trials: pd.DataFrame, published: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return mean ± standard deviation over the trials, and below it what the paper has."""
    groups = trials.groupby("predictor", sort=False)
    table = pd.DataFrame(
        {
            title: [
                f"{values.mean():.{decimals}f} ± {values.std():.{decimals}f}".replace(" ± nan", "")
                for _, values in groups[score]
            ]
            for score, (title, decimals) in TITLES.items()
        },
        index=pd.MultiIndex.from_product([list(groups.groups), ["here"]]),
    )
    if published is None:
        return table
    rows = [name for name in groups.groups if name in published.index]
    paper = published.loc[rows].fillna("-")
    paper.columns = table.columns
    paper.index = pd.MultiIndex.from_product([rows, ["paper"]])
    order = [(name, of) for name in groups.groups for of in ("here", "paper")]
    return pd.concat([table, paper]).reindex(
        [row for row in order if row[1] == "here" or row[0] in rows]
    )


def draw(trials: pd.DataFrame, experiment: Experiment, folder: Path) -> None:
    """Draw the score of each predictor beside the paper's, and against the time to fit."""
    import matplotlib.pyplot as plt

    published = experiment.published
    score, title = experiment.score, TITLES[experiment.score][0]
    summary = trials.groupby("predictor", sort=False)[[score, "fit_time"]].agg(["mean", "std"])
    here, bars = summary[score, "mean"].to_frame("here"), summary[score, "std"].to_frame("here")
    here["paper"] = [mean(published, name, score) for name in summary.index]
    bars["paper"] = [spread(published, name, score) for name in summary.index]
    # matplotlib 3.7 cannot draw bars none of which is known.
    known = here[::-1].dropna(axis=1, how="all")
    ax = known.plot.barh(
        xerr=bars.loc[known.index, known.columns], figsize=(7, 1.5 + 0.4 * len(here)), capsize=2
    )
    ax.set(xlabel=f"{title}; mean and standard deviation over trials", ylabel="")
    ax.figure.savefig(folder / f"{score.replace('_', '-')}.png", bbox_inches="tight")
    plt.close(ax.figure)

    figure, ax = plt.subplots(figsize=(7, 5))
    seconds = {
        "here": summary["fit_time", "mean"],
        "paper": [mean(published, name, "fit_time") for name in summary.index],
    }
    for name, marker in (("here", "o"), ("paper", "s")):
        ax.plot(seconds[name], here[name], marker, label=name)
        for label, x, y in zip(summary.index, seconds[name], here[name], strict=True):
            if x == x and y == y:
                ax.annotate(label, (x, y), (5, 3), textcoords="offset points", fontsize=8)
    ax.set(xlabel="fit time (s)", ylabel=title, xscale="log")
    ax.legend()
    figure.savefig(folder / "fit-time.png", bbox_inches="tight")
    plt.close(figure)


def report(trials: pd.DataFrame, experiment: Experiment, folder: Path) -> dict[str, pd.DataFrame]:
    """Draw, and return claims and numbers."""
    draw(trials, experiment, folder)
    return {
        "claims": pd.DataFrame([claim.test(trials) for claim in experiment.claims]),
        "numbers": describe(trials, experiment.published),
    }
