"""What all experiments share: data, predictors, running and what a report says about both."""

from __future__ import annotations

import os
import platform
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .. import __version__
from ..utils._texts import one_line
from ._paper import CITATION, PAPER_TRAIN_SIZE
from ._report import Block, Bullets, Command, Report, Section, Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..model_selection import Evaluation


@dataclass(frozen=True)
class Data:
    """Architectures with accuracies, and what they have to do with the paper's.

    Parameters
    ----------
    name : str
        What they are called in headings.
    X : ndarray of shape (n_architectures,) of str
        The architectures.
    y : ndarray of shape (n_architectures,)
        Their accuracies, in percent.
    space : str
        Name of the search space.
    chance_level : float or None
        Accuracy of guessing in percent; None if the space has no architecture that guesses.
    source : str
        Which data these are.
    differences : sequence of str
        How they differ from the paper's.
    is_stand_in : bool, default=False
        Whether they stand in for data that could not be had.
    """

    name: str
    X: NDArray[Any] = field(repr=False)
    y: NDArray[np.float64] = field(repr=False)
    space: str
    chance_level: float | None
    source: str
    differences: Sequence[str]
    is_stand_in: bool = False

    def notice(self) -> list[Block]:
        """Say which data these are and how they differ from the paper's.

        Returns
        -------
        list of block
            What stands first in every report.
        """
        warning = "These are not the paper's data. " if self.is_stand_in else ""
        return [
            Text(f"Data: {warning}{self.source}"),
            Text("How they differ from the paper's:"),
            Bullets(self.differences),
        ]


@dataclass(frozen=True)
class Predictor:
    """A predictor that an experiment evaluates.

    Parameters
    ----------
    title : str
        What it is called in tables.
    make : callable
        Makes the unfitted estimator for some data.
    remark : str, default=""
        Why its numbers differ from the paper's, or what it is.
    by_default : bool, default=True
        Whether it runs if no predictors are named.
    """

    title: str
    make: Callable[[Data], Any]
    remark: str = ""
    by_default: bool = True


@dataclass(frozen=True)
class Run:
    """An experiment that was run.

    Parameters
    ----------
    data : Data
        The data.
    predictors : dict of str to Predictor
        The predictors.
    trials : range
        The trials.
    train_sizes : tuple of int
        Numbers of known architectures.
    test_size : int
        Number of predicted architectures.
    n_jobs : int or None
        Number of processes.
    evaluation : Evaluation
        What came out.
    """

    data: Data
    predictors: Mapping[str, Predictor]
    trials: range
    train_sizes: tuple[int, ...]
    test_size: int
    n_jobs: int | None
    evaluation: Evaluation

    @property
    def main_size(self) -> int:
        """The number of known architectures that claims are tested with: the paper's, if run.

        Returns
        -------
        int
            121, or the largest.
        """
        if PAPER_TRAIN_SIZE in self.train_sizes:
            return PAPER_TRAIN_SIZE
        return max(self.train_sizes)


class Experiment(ABC):
    """An experiment of the paper.

    Attributes
    ----------
    name : str
        What the command calls it.
    title : str
        What it is.
    n_trials, first_trial : int
        Which trials it has unless told otherwise.
    train_sizes : tuple of int
        Numbers of known architectures, unless told otherwise.
    test_size : int
        Number of predicted architectures, unless told otherwise.

    Examples
    --------
    >>> from emprox.reproduction import get_experiment
    >>> experiment = get_experiment("table1")
    >>> data = experiment.load("no-such-folder", download=False)
    >>> data.is_stand_in, data.X.shape
    (True, (15625,))
    >>> run = experiment.run(data, predictors=["emprox-best"], n_trials=2, test_size=100)
    >>> sorted(run.evaluation.values("kendall_tau", "emprox-best", 121))
    [0, 1]
    >>> report = experiment.report(run, plots=False)
    >>> report.to_markdown().splitlines()[0]
    '# Table 1 of the paper: predictors compared on CIFAR-10'
    """

    name: ClassVar[str]
    title: ClassVar[str]
    n_trials: ClassVar[int] = 20
    first_trial: ClassVar[int] = 0
    train_sizes: ClassVar[tuple[int, ...]] = (PAPER_TRAIN_SIZE,)
    test_size: ClassVar[int] = 1000

    @abstractmethod
    def load(
        self, data_home: str | os.PathLike[str] | None = None, *, download: bool = True
    ) -> Data:
        """Load the paper's data, or the nearest that can be had.

        Parameters
        ----------
        data_home : str or path-like, default=None
            Folder of benchmark files, as in `emprox.datasets.get_data_home`.
        download : bool, default=True
            Whether to download a file that is not there.

        Returns
        -------
        Data
            The data; they say which they are.

        Raises
        ------
        OSError
            If a file in the folder is not the published one, or there is nothing near the paper's
            data; the message says which file to put where.
        """

    @abstractmethod
    def predictors(self) -> dict[str, Predictor]:
        """Return what can be evaluated.

        Returns
        -------
        dict of str to Predictor
            The predictors by the names that `run` takes.
        """

    @abstractmethod
    def sections(self, run: Run, plots: bool) -> list[Section]:
        """Write what this experiment has to say, but for the data and how it was run.

        Parameters
        ----------
        run : Run
            The experiment that was run.
        plots : bool
            Whether to draw pictures.

        Returns
        -------
        list of Section
            The sections of the report.
        """

    def choose(self, predictors: Sequence[str] | None) -> dict[str, Predictor]:
        """Look up predictors by name.

        Parameters
        ----------
        predictors : sequence of str or None
            Their names; None takes those that run by default.

        Returns
        -------
        dict of str to Predictor
            Those predictors, in the order of the experiment.

        Raises
        ------
        ValueError
            If there is no such predictor, or none is named.
        """
        available = self.predictors()
        if predictors is None:
            return {name: row for name, row in available.items() if row.by_default}
        for name in predictors:
            if name not in available:
                raise ValueError(
                    f"{self.name} has no predictor {name!r}; there are {', '.join(available)}"
                )
        if not predictors:
            raise ValueError(f"no predictor is named; there are {', '.join(available)}")
        return {name: row for name, row in available.items() if name in predictors}

    def run(
        self,
        data: Data,
        *,
        predictors: Sequence[str] | None = None,
        n_trials: int | None = None,
        first_trial: int | None = None,
        train_sizes: Sequence[int] | None = None,
        test_size: int | None = None,
        n_jobs: int | None = None,
        results_file: str | os.PathLike[str] | None = None,
        verbose: int = 0,
    ) -> Run:
        """Fit and evaluate the predictors.

        Parameters
        ----------
        data : Data
            What `load` returned.
        predictors : sequence of str, default=None
            Which predictors; None takes those that run by default.
        n_trials : int, default=None
            Number of trials; None takes the experiment's.
        first_trial : int, default=None
            The first trial; None takes the experiment's.
        train_sizes : sequence of int, default=None
            Numbers of known architectures; None takes the experiment's.
        test_size : int, default=None
            Number of predicted architectures; None takes the experiment's.
        n_jobs : int, default=None
            Number of processes.
        results_file : str or path-like, default=None
            Where to keep each trial once it is done. A run that was stopped goes on from there.
        verbose : int, default=0
            1 shows a progress bar.

        Returns
        -------
        Run
            The experiment that was run.

        Raises
        ------
        ValueError
            If there is no such predictor, or there are fewer architectures than are to be drawn.
        """
        chosen = self.choose(predictors)
        start = self.first_trial if first_trial is None else first_trial
        trials = range(start, start + (self.n_trials if n_trials is None else n_trials))
        sizes = tuple(self.train_sizes if train_sizes is None else sorted(set(train_sizes)))
        n_predicted = self.test_size if test_size is None else test_size
        if max(sizes) + n_predicted > len(data.X):
            raise ValueError(
                f"{max(sizes):,} known and {n_predicted:,} predicted architectures are"
                f" {max(sizes) + n_predicted:,}, but there are only {len(data.X):,}"
            )
        from ..model_selection import evaluate_predictors

        evaluation = evaluate_predictors(
            {name: row.make(data) for name, row in chosen.items()},
            data.X,
            data.y,
            train_sizes=sizes,
            n_trials=len(trials),
            first_trial=start,
            test_size=n_predicted,
            n_jobs=n_jobs,
            results_file=results_file,
            verbose=verbose,
        )
        return Run(data, chosen, trials, sizes, n_predicted, n_jobs, evaluation)

    def report(self, run: Run, *, plots: bool = True) -> Report:
        """Write the report.

        Parameters
        ----------
        run : Run
            What `run` returned.
        plots : bool, default=True
            Whether to draw pictures. Needs matplotlib.

        Returns
        -------
        Report
            The report.

        Raises
        ------
        ImportError
            If there are to be pictures and matplotlib is not installed.
        """
        sections = [*_failures(run), *self.sections(run, plots), self._conditions(run)]
        return Report(self.title, run.data.notice(), sections)

    def command(self, run: Run) -> str:
        """Write the command that makes a run again.

        Parameters
        ----------
        run : Run
            The experiment that was run.

        Returns
        -------
        str
            The command, for the same data and no more options than it needs.
        """
        options = []
        if len(run.trials) != self.n_trials:
            options.append(f"--trials {len(run.trials)}")
        if run.trials.start != self.first_trial:
            options.append(f"--first-trial {run.trials.start}")
        if run.train_sizes != self.train_sizes:
            options.append(f"--train-sizes {','.join(map(str, run.train_sizes))}")
        if run.test_size != self.test_size:
            options.append(f"--test-size {run.test_size}")
        if list(run.predictors) != list(self.choose(None)):
            options.append(f"--predictors {','.join(run.predictors)}")
        if run.n_jobs not in (None, 1):
            options.append(f"--n-jobs {run.n_jobs}")
        return " ".join(["emprox reproduce", self.name, *options])

    def _conditions(self, run: Run) -> Section:
        sizes = " or ".join(f"{size:,}" for size in run.train_sizes)
        last = run.trials[-1]
        trials = f"trial {last}" if len(run.trials) == 1 else f"trials {run.trials[0]} to {last}"
        times = (
            "All predictors of a trial ran one after the other, so that ratios of times hold where"
            " times do not; of results that were measured in several sittings not even these may."
            if run.n_jobs in (None, 1)
            else f"{run.n_jobs} trials ran side by side, which makes times longer and their ratios"
            " less sure."
        )
        return Section(
            "How this was measured",
            [
                Bullets(
                    [
                        f"{run.data.name}: {sizes} known and {run.test_size:,} predicted"
                        f" architectures, {trials}. Trial t draws with"
                        " numpy.random.default_rng(t), and every random_state is t.",
                        "Means and standard deviations are over trials. A fit time runs from"
                        " texts to a fitted predictor, a query time from texts to predictions, for"
                        " one architecture of all that are predicted together. What is loaded or"
                        " worked out once in a process is in the time of the first fit.",
                        times,
                        _environment(),
                        f"The paper: {CITATION}",
                    ]
                ),
                Text("To do it again:"),
                Command(self.command(run)),
            ],
        )


def explain(error: Exception) -> str:
    """Return why data cannot be had, without the name of a parameter that nobody set."""
    return str(error).replace("download_if_missing=False", "nothing is to be downloaded")


def _failures(run: Run) -> list[Section]:
    """Say first which trials failed, if any did."""
    failed = Counter(
        (row["predictor"], row["train_size"], row["error"]) for row in run.evaluation.failures
    )
    lines = [
        f"{run.predictors[name].title}, {size:,} known: {count} of {len(run.trials)} trials:"
        f" {one_line(error, 300)}"
        for (name, size, error), count in failed.items()
    ]
    return [Section("Trials that failed", [Bullets(lines)], is_summary=True)] if lines else []


def _environment() -> str:
    versions = [f"emprox {__version__}"]
    for package in ("numpy", "scikit-learn", "torch", "xgboost"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    return (
        f"Python {platform.python_version()}, {', '.join(versions)}; {_processor()},"
        f" {os.cpu_count()} logical processors."
    )


def _processor() -> str:
    """Return the name of the processor, as exactly as the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
