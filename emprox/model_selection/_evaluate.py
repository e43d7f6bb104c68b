"""Repeated trials of any predictors on any data."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import groupby, islice
from numbers import Integral
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import FitFailedWarning
from tqdm.auto import tqdm

from ..utils._texts import one_line
from ._evaluation import Evaluation
from ._journal import Journal, Key, describe_data, key_of
from ._trial import Row, Sample, draw_trial, one_thread_each, run_task

Indices = NDArray[np.intp]

# scikit-learn takes no larger number for a random_state.
_LAST_TRIAL = 2**32 - 1


def evaluate_predictors(
    estimators: Mapping[str, Any],
    X: Any,
    y: ArrayLike,
    *,
    train_sizes: Sequence[int] = (121,),
    n_trials: int = 20,
    first_trial: int = 0,
    test_size: int | None = 1000,
    groups: ArrayLike | None = None,
    n_jobs: int | None = None,
    results_file: str | os.PathLike[str] | None = None,
    verbose: int = 0,
) -> Evaluation:
    """Compare predictors on the same random draws of known and unseen architectures.

    The protocol of the EmProx paper [1]_. In each trial architectures are drawn without
    replacement, the known ones first; every predictor is fitted to them, predicts the same
    others, and is scored.

    Parameters
    ----------
    estimators : mapping of str to estimator
        The predictors by name: regressors with scikit-learn's interface. They are cloned, and all
        their parameters called `random_state` are set to the number of the trial.
    X : array-like of shape (n_samples,) or (n_samples, n_features)
        Architectures, in whatever form the estimators take: texts, objects or a matrix, in a
        list, an array, a Series or a DataFrame.
    y : array-like of shape (n_samples,)
        Their accuracies, in percent or any other unit; a DataFrame with one column will do.
    train_sizes : sequence of int, default=(121,)
        Numbers of known architectures. Smaller training sets are the beginning of larger ones,
        and all sizes predict the same architectures.
    n_trials : int, default=20
        How many times architectures are drawn.
    first_trial : int, default=0
        Number of the first trial. Trials that settings were chosen on should not be those that
        are reported.
    test_size : int or None, default=1000
        Number of architectures to predict, at least 2; None takes all the rest. With fewer than
        10 the precision at 10 is NaN.
    groups : array-like of shape (n_samples,), default=None
        With groups, such as those of `isomorphism_groups`, no architecture is predicted that
        shares its group with one of the largest training set.
    n_jobs : int, default=None
        Number of tasks at a time; a task is one fit. None is 1, or what
        ``joblib.parallel_config`` says, whose backend is used, so that for example dask can
        spread the tasks over machines.
    results_file : str or path-like, default=None
        A file in which every result is kept as soon as it is there. If it is there already, what
        is in it is not done again; see the notes.
    verbose : int, default=0
        Whether to show a progress bar on standard error.

    Returns
    -------
    Evaluation
        One row for each predictor, train size and trial, in this order, with errors,
        correlations, precision at 10 and times.

    Raises
    ------
    TypeError
        If an estimator is a class, lacks ``fit``, ``predict`` or ``get_params``, or a name is not
        a string.
    ValueError
        If there are no estimators, not enough architectures for `train_sizes` and `test_size`,
        accuracies that are not finite, or trials beyond 2**32 - 1; or if the results in
        `results_file` are of other data or of other parameters, or the file is something else.
    BlockingIOError
        If another evaluation is writing to `results_file`.
    OSError
        If `results_file` cannot be written. What was written before is kept.

    Warns
    -----
    FitFailedWarning
        For each predictor that raised an exception in some task. The row of such a task has the
        text in its ``error``; the other tasks go on.

    See Also
    --------
    Evaluation : Means, paired tests and tables of the results.
    BudgetSplit : Similar splits for ``cross_validate``.

    Notes
    -----
    In trial t the positions ``numpy.random.default_rng(t).choice(n_samples, max(train_sizes) +
    test_size, replace=False)`` are drawn: first the known architectures, then the others. With
    `groups` it is ``permutation(n_samples)`` of the same generator: the known ones are its
    beginning, and the others the next that are not in a group of theirs.

    Correlations with constant predictions count as 0.

    Each task computes with one thread of BLAS, OpenMP and torch. Predictors take turns within each
    trial, so that ratios of times mean something on a busy machine. With several jobs times are
    not reliable, because tasks compete for caches and memory. The first fit in a process also
    pays for what is imported and compiled then.

    A `results_file` has one JSON object in each line. After the process has been killed, the same
    call does what is missing. Tasks that failed are tried again. There may be more trials, other
    estimators, and other train sizes if the largest is the same; results of what is not asked for
    stay in the file. Changed parameters of an estimator are noticed, apart from `random_state`,
    `n_jobs` and `verbose`; changed code is not. Delete the file to begin anew.

    References
    ----------
    .. [1] G. Franken, P. Singh and J. Vanschoren, "Faster Performance Estimation for NAS with
       Embedding Proximity Score", 2022, section 4.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from emprox import StructuralProperties
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.model_selection import evaluate_predictors
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> predictors = {
    ...     f"{k} neighbours": make_pipeline(
    ...         StructuralProperties("nasbench201", standardize=True), KNeighborsRegressor(k)
    ...     )
    ...     for k in (1, 8)
    ... }
    >>> evaluation = evaluate_predictors(predictors, X, y, n_trials=3, test_size=100)
    >>> print(evaluation.to_markdown(["kendall_tau", "mean_absolute_error"]))
    | Predictor | Kendall | MAE |
    | --- | --- | --- |
    | 1 neighbours | ... ± ... | ... ± ... |
    | 8 neighbours | ... ± ... | ... ± ... |
    """
    estimators = _check_estimators(estimators)
    targets = _check_targets(X, y)
    sizes = _check_train_sizes(train_sizes)
    _check_whole("n_trials", n_trials, 1)
    _check_whole("first_trial", first_trial, 0)
    draws = _Draws(len(targets), sizes[-1], test_size, _check_groups(groups, len(targets)))
    trials = range(first_trial, first_trial + n_trials)
    if trials[-1] > _LAST_TRIAL:
        raise ValueError(
            f"the last trial would be {trials[-1]}, but trials are seeds, of which {_LAST_TRIAL} is"
            " the last: lower first_trial or n_trials"
        )
    for trial in trials if draws.may_fail else ():
        draws.draw(trial)
    effective_n_jobs(n_jobs)  # raises if it is none

    keys = [(name, size, trial) for trial in trials for size in sizes for name in estimators]
    rows: dict[Key, Row] = {}
    with ExitStack() as stack:
        journal = None
        if results_file is not None:
            data = describe_data(X, targets, draws.groups, sizes[-1], draws.test_size)
            journal = stack.enter_context(Journal(Path(results_file), data, estimators))
            rows |= journal.rows
        missing = [key for key in keys if key not in rows or rows[key]["error"]]
        bar = stack.enter_context(
            tqdm(
                total=len(keys),
                initial=len(keys) - len(missing),
                desc="Evaluating",
                unit="fit",
                disable=not verbose,
            )
        )
        # OpenBLAS heeds a limit for the process only if it comes from the main thread.
        stack.enter_context(one_thread_each())
        tasks = _tasks(missing, estimators, X, targets, draws)
        for row in stack.enter_context(closing(_as_finished(tasks, n_jobs))):
            if journal is not None:
                journal.append(row)
            rows[key_of(row)] = row
            bar.set_postfix_str(f"{row['predictor']}, trial {row['trial']}", refresh=False)
            bar.update()

    evaluation = Evaluation(
        rows[name, size, trial] for name in estimators for size in sizes for trial in trials
    )
    _warn_of_failures(evaluation)
    return evaluation


class _Draws:
    """Which architectures are known and which are predicted in each trial."""

    def __init__(
        self,
        n_samples: int,
        n_known: int,
        test_size: int | None,
        groups: NDArray[Any] | None,
    ) -> None:
        if test_size is not None:
            _check_whole("test_size", test_size, 2)
            test_size = int(test_size)
        n_drawn = n_known + (2 if test_size is None else test_size)
        if n_drawn > n_samples:
            at_most = n_samples - n_known
            advice = f"test_size to at most {at_most}, or " if at_most >= 2 else ""
            raise ValueError(
                f"the largest of train_sizes, {n_known}, and"
                f" {'at least 2' if test_size is None else test_size} architectures to predict are"
                f" {n_drawn}, but there are only {n_samples} architectures: lower {advice}the"
                " train_sizes"
            )
        self._n_samples = n_samples
        self._n_known = n_known
        self.test_size = test_size
        self._n_drawn = n_samples if test_size is None else n_drawn
        self.groups = groups

    @property
    def may_fail(self) -> bool:
        """Whether there may be too few architectures in some trial."""
        return self.groups is not None

    def draw(self, trial: int) -> tuple[Indices, Indices]:
        """Return the positions of the known architectures and of those to predict."""
        if self.groups is None:
            n_unseen = self._n_drawn - self._n_known
            return draw_trial(self._n_samples, self._n_known, n_unseen, trial)
        drawn = np.random.default_rng(trial).permutation(self._n_samples)
        known, others = drawn[: self._n_known], drawn[self._n_known :]
        others = others[~np.isin(self.groups[others], self.groups[known])]
        n_wanted = 2 if self.test_size is None else self.test_size
        if len(others) < n_wanted:
            raise ValueError(
                f"in trial {trial} only {len(others)} architectures are in no group of the"
                f" {self._n_known} known ones, which is not enough for test_size={n_wanted}: lower"
                " test_size or train_sizes"
            )
        return known, others[: self.test_size]


def _tasks(
    keys: Iterable[Key], estimators: Mapping[str, Any], X: Any, y: Any, draws: _Draws
) -> Iterator[tuple[str, Any, int, Sample, Sample]]:
    """Yield the arguments of tasks, with no more of the data than each needs."""
    for trial, of_trial in groupby(keys, key=itemgetter(2)):
        known, others = draws.draw(trial)
        unseen = _rows(X, others), y[others]
        for name, size, _ in of_trial:
            yield name, estimators[name], trial, (_rows(X, known[:size]), y[known[:size]]), unseen


def _rows(X: Any, positions: Indices) -> Any:
    if hasattr(X, "iloc"):
        return X.iloc[positions]
    if hasattr(X, "shape"):
        return X[positions]
    return [X[position] for position in positions]


def _as_finished(
    tasks: Iterator[tuple[str, Any, int, Sample, Sample]], n_jobs: int | None
) -> Generator[Row, None, None]:
    """Run tasks, and yield the rows in the order in which they are finished."""
    calls = (delayed(run_task)(*task) for task in tasks)
    # Batches of several tasks would keep back what is finished, and memory that is shared between
    # processes cannot be written to: with it an estimator would fail in parallel only.
    options = {"n_jobs": n_jobs, "batch_size": 1, "max_nbytes": None}
    try:
        parallel = Parallel(return_as="generator_unordered", **options)
    except ValueError:
        # Some backends return all results at the end, such as multiprocessing, or that of ray.
        with Parallel(**options) as parallel:
            n_at_once = effective_n_jobs(n_jobs)
            while chunk := list(islice(calls, n_at_once)):
                yield from parallel(chunk)
        return
    outputs = parallel(calls)
    try:
        # Not "yield from", which would close them before warnings are caught.
        for row in outputs:  # noqa: UP028
            yield row
    finally:
        with warnings.catch_warnings():
            # What joblib says about results that nobody took is no news if writing them failed.
            warnings.simplefilter("ignore")
            outputs.close()


def _check_estimators(estimators: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(estimators, Mapping):
        raise TypeError(
            "estimators has to be a mapping of names to estimators, such as {'knn':"
            f" KNeighborsRegressor()}}, got {type(estimators).__name__}"
        )
    if not estimators:
        raise ValueError("estimators is empty: give at least one, with its name")
    for name, estimator in estimators.items():
        if not isinstance(name, str):
            raise TypeError(f"names of estimators have to be strings, got {name!r}")
        if not name.strip():
            raise ValueError("an estimator has an empty name")
        if isinstance(estimator, type):
            raise TypeError(
                f"the estimator {name!r} is a class; give an instance: {estimator.__name__}(...)"
            )
        lacking = [
            method
            for method in ("fit", "predict", "get_params", "set_params")
            if not hasattr(estimator, method)
        ]
        if lacking:
            raise TypeError(
                f"the estimator {name!r}, {estimator!r}, has no {' and no '.join(lacking)}: it has"
                " to be a regressor with scikit-learn's interface"
            )
    return dict(estimators)


def _check_targets(X: Any, y: ArrayLike) -> NDArray[np.float64]:
    try:
        targets = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"y has to hold numbers: {error}") from error
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim != 1:
        raise ValueError(
            f"y has to hold one accuracy for each architecture, got the shape {targets.shape}"
        )
    if not hasattr(X, "shape") and not isinstance(X, Sequence):
        raise TypeError(f"X has to be a list, array, Series or DataFrame, got {type(X).__name__}")
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    if n_samples != len(targets):
        raise ValueError(
            f"X has {n_samples} architectures, but y has {len(targets)} accuracies: they have to"
            " be of the same length"
        )
    bad = np.flatnonzero(~np.isfinite(targets))
    if len(bad):
        raise ValueError(
            f"y is NaN or infinite for {len(bad)} of {len(targets)} architectures, the first at"
            f" position {bad[0]}: predictions can only be scored where the accuracy is known;"
            " leave these architectures out"
        )
    return targets


def _check_train_sizes(train_sizes: Sequence[int]) -> list[int]:
    if isinstance(train_sizes, str) or not isinstance(train_sizes, Iterable):
        raise TypeError(
            f"train_sizes has to be a sequence of whole numbers, such as (121,), got"
            f" {train_sizes!r}"
        )
    sizes = list(train_sizes)
    if not sizes:
        raise ValueError("train_sizes is empty: give at least one number of known architectures")
    for size in sizes:
        _check_whole("each of train_sizes", size, 1)
    if len(set(sizes)) < len(sizes):
        raise ValueError(f"train_sizes has duplicates: {sizes}")
    return sorted(int(size) for size in sizes)


def _check_groups(groups: ArrayLike | None, n_samples: int) -> NDArray[Any] | None:
    if groups is None:
        return None
    checked = np.asarray(groups)
    if checked.shape != (n_samples,):
        raise ValueError(
            f"groups has to hold one group for each of the {n_samples} architectures, got the"
            f" shape {checked.shape}"
        )
    return checked


def _check_whole(name: str, number: Any, lowest: int) -> None:
    if isinstance(number, bool) or not isinstance(number, Integral):
        raise TypeError(f"{name} has to be a whole number, got {number!r}")
    if number < lowest:
        raise ValueError(f"{name} has to be at least {lowest}, got {number}")


def _warn_of_failures(evaluation: Evaluation) -> None:
    for predictor in evaluation.predictors:
        failed = [row for row in evaluation.failures if row["predictor"] == predictor]
        if failed:
            n_tasks = sum(row["predictor"] == predictor for row in evaluation.rows)
            first = failed[0]
            warnings.warn(
                f"{predictor!r} failed in {len(failed)} of {n_tasks} tasks, first in trial"
                f" {first['trial']} with {first['train_size']} known architectures:"
                f" {one_line(first['error'], 300)} (Evaluation.failures has all)",
                FitFailedWarning,
                stacklevel=3,
            )
