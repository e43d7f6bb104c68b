"""Repeated trials of any predictors on any data."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import check_cv
from sklearn.utils import check_array, column_or_1d, indexable

from .._version import __version__
from ..metrics import get_scorer
from ..metrics._scorers import METRICS
from ..utils._sklearn import safe_indexing
from ._hashing import fingerprint
from ._results import ResultsFile
from ._splits import ArchitectureShuffleSplit, Split

Row = dict[str, Any]
Sample = tuple[Any, NDArray[np.float64]]
# The function of each score, and whether it is a metric of predictions or a scorer.
Scores = dict[str, tuple[bool, Callable[..., Any]]]

_FIRST_COLUMNS = ["predictor", "split", "train_size", "fit_time", "score_time"]

# All but those at k, which need as many architectures.
_DEFAULT_SCORING = [name for name in METRICS if not name.endswith("_at_k")]


def evaluate_predictors(
    predictors: Mapping[str, Any],
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    cv: Any = None,
    scoring: str | Iterable[str] | Mapping[str, Any] | None = None,
    results: str | os.PathLike[str] | None = None,
    error_score: float | Literal["raise"] = np.nan,
    random_state: int | None = 0,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> pd.DataFrame:
    """Compare predictors on the same splits into known and unseen architectures.

    Parameters
    ----------
    predictors : mapping of str to estimator
        The predictors by name: regressors with scikit-learn's interface, which are cloned.
    X : array-like of shape (n_samples,) or (n_samples, n_features)
        Architectures, in whatever form the predictors take: texts, objects or a matrix, in a
        list, an array, a Series or a DataFrame.
    y : array-like of shape (n_samples,)
        Their accuracies, in any unit.
    groups : array-like of shape (n_samples,), default=None
        Groups for the splitter, such as those of `isomorphism_groups`.
    cv : int, splitter or iterable of (train, test), default=None
        The splits, as in ``cross_validate``. None is `ArchitectureShuffleSplit`: 20 draws of 121
        known and 1,000 unseen architectures, seeded by `random_state`.
    scoring : str, iterable of str, dict or None, default=None
        Names of metrics of `emprox.metrics` or of scorers, or a dict of names to these or to
        callables ``(estimator, X, y)``. A metric is reported as it is, a mean absolute error as a
        positive number; a scorer is greater where it is better. None is Kendall's tau, Spearman's
        rho, Pearson's r, mean absolute error and root mean squared error.
    results : str or path-like, default=None
        An SQLite file in which every finished trial is kept at once. What is in it already is not
        computed again. Several processes may use it at a time.
    error_score : "raise" or float, default=nan
        What the scores of a trial are in which something was raised; "raise" raises it.
    random_state : int or None, default=0
        In draw s all parameters of a predictor that are called `random_state` are set to
        ``random_state + s``. None leaves them as they are.
    n_jobs : int, default=None
        Number of trials at a time, in joblib's backend.
    verbose : int, default=0
        How much joblib tells about the progress.

    Returns
    -------
    DataFrame
        A row for each predictor and split, with the columns ``predictor``, ``split`` (the number
        of the draw: nested training sets with the same test set share it), ``train_size``,
        ``fit_time`` and ``score_time`` (seconds to fit, and to predict the test set), one for each
        score, and ``error``: what was raised, or missing.

    Raises
    ------
    TypeError
        If a predictor is no estimator, or with `results` one holds something whose
        content cannot be told, such as a lock.
    ValueError
        If there are no predictors, too few architectures, accuracies that are not finite, or
        `results` is a file of something else or is damaged.
    OSError
        If `results` cannot be read or written.

    Warns
    -----
    FitFailedWarning
        For each predictor that raised something in some trial.

    See Also
    --------
    compare_predictors : Paired differences of the rows.
    emprox.inspection.BudgetCurveDisplay : A curve over the training sizes.

    Notes
    -----
    The predictors take turns in each split, so that with one job ratios of times mean something on
    a busy machine. The first fit in a process also pays for what is imported then.

    A trial is found in `results` by a hash of the predictor with all its parameters, the code of
    functions and of classes that have no version, X, y, the split, the metrics and the versions of
    the packages that they are from: whatever changes is computed anew. Failed trials are tried
    again.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from emprox import StructuralProperties
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.model_selection import ArchitectureShuffleSplit, evaluate_predictors
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> predictors = {
    ...     f"{k} neighbours": make_pipeline(
    ...         StructuralProperties("nasbench201", standardize=True), KNeighborsRegressor(k)
    ...     )
    ...     for k in (1, 8)
    ... }
    >>> cv = ArchitectureShuffleSplit(3, test_size=100, random_state=0)
    >>> trials = evaluate_predictors(predictors, X, y, cv=cv)
    >>> trials.shape
    (6, 11)
    >>> trials.groupby("predictor")["kendall_tau"].agg(["mean", "std"]).round(2).shape
    (2, 2)
    """
    if not isinstance(predictors, Mapping) or not predictors:
        raise ValueError(f"give a mapping of names to predictors, not {predictors!r:.100}")
    if not (error_score == "raise" or isinstance(error_score, Real)):
        raise ValueError(f"error_score has to be 'raise' or a number, got {error_score!r}")
    scores = _check_scoring(scoring)
    targets = column_or_1d(check_array(y, ensure_2d=False, dtype=np.float64, input_name="y"))
    X, targets, groups = indexable(X, targets, groups)
    splitter = ArchitectureShuffleSplit(random_state=random_state) if cv is None else cv
    splits = [
        (np.asarray(train), np.asarray(test))
        for train, test in check_cv(splitter).split(X, targets, groups)
    ]
    file = None if results is None else ResultsFile(results)
    finished = {} if file is None else file.read()
    data = None if file is None else fingerprint("X", __version__, X, targets)
    trials = []
    for draw, split in zip(_number_draws(splits), splits, strict=True):
        for name, predictor in predictors.items():
            model = _seeded(predictor, None if random_state is None else random_state + draw)
            key = fingerprint(name, data, model, split, scores) if data else ""
            trials.append((name, draw, split, model, key))

    def tasks() -> Iterator[Any]:
        for name, _, split, model, key in trials:
            if key not in finished:
                known, unseen = (
                    (safe_indexing(X, part), safe_indexing(targets, part)) for part in split
                )
                store = file and (file, key, name)
                yield delayed(_run_trial)(model, known, unseen, scores, error_score, store)

    # An estimator may write to what it is given, which it could not to memory that is shared.
    computed = iter(Parallel(n_jobs=n_jobs, verbose=verbose, max_nbytes=None)(tasks()))
    rows = [
        {"predictor": name, "split": draw, **(finished.get(key) or next(computed))}
        for name, draw, _, _, key in trials
    ]
    # In each split the predictors took turns.
    order = [row for name in predictors for row in rows if row["predictor"] == name]
    table = pd.DataFrame(order, columns=[*_FIRST_COLUMNS, *scores, "error"])
    _warn_of_failures(table)
    return table


def _run_trial(
    model: Any,
    known: Sample,
    unseen: Sample,
    scores: Scores,
    error_score: float | Literal["raise"],
    store: tuple[ResultsFile, str, str] | None,
) -> Row:
    """Fit a model, measure it, and keep the result."""
    row: Row = {"train_size": len(known[1]), "fit_time": np.nan, "score_time": np.nan}
    row |= dict.fromkeys(scores, error_score) | {"error": None}
    try:
        start = time.perf_counter()
        model.fit(*known)
        fitted = time.perf_counter()
        predictions = model.predict(unseen[0])
        row |= {"fit_time": fitted - start, "score_time": time.perf_counter() - fitted}
        for name, (is_metric, score) in scores.items():
            arguments = (unseen[1], predictions) if is_metric else (model, *unseen)
            row[name] = float(score(*arguments))
    except Exception as error:
        if error_score == "raise":
            raise
        row |= dict.fromkeys(scores, error_score)
        return row | {"error": f"{type(error).__name__}: {error}"}
    if store is not None:
        file, key, predictor = store
        file.write(key, predictor, row)
    return row


def _number_draws(splits: list[Split]) -> Iterator[int]:
    """Yield the draw of each split: nested training sets with the same test set share it."""
    draw = -1
    known = unseen = np.empty(0, dtype=np.intp)
    for train, test in splits:
        is_nested = len(train) > len(known) and np.array_equal(train[: len(known)], known)
        if not (is_nested and np.array_equal(test, unseen)):
            draw += 1
        known, unseen = train, test
        yield draw


def _seeded(predictor: Any, seed: int | None) -> Any:
    """Return an unfitted copy whose parameters called random_state are set."""
    copy = clone(predictor)
    if seed is not None:
        names = [name for name in copy.get_params() if name.split("__")[-1] == "random_state"]
        copy.set_params(**dict.fromkeys(names, seed))
    return copy


def _check_scoring(scoring: Any) -> Scores:
    """Return the function of each score, and whether it is a metric of predictions."""
    if scoring is None:
        scoring = _DEFAULT_SCORING
    if not isinstance(scoring, Mapping):
        scoring = {name: name for name in ([scoring] if isinstance(scoring, str) else scoring)}
    scores: Scores = {}
    for name, score in scoring.items():
        if name in (*_FIRST_COLUMNS, "error"):
            raise ValueError(f"no score can be called {name!r}, which is another column")
        if isinstance(score, str) and score in METRICS:
            scores[name] = True, METRICS[score][0]
        else:
            scores[name] = False, get_scorer(score) if isinstance(score, str) else score
    return scores


def _warn_of_failures(trials: pd.DataFrame) -> None:
    for name, failed in trials[trials["error"].notna()].groupby("predictor", sort=False):
        message = (
            f"{name!r} failed in {len(failed)} of {(trials['predictor'] == name).sum()} trials;"
            f" the column 'error' says why, first: {failed['error'].iloc[0]:.300}"
        )
        warnings.warn(message, FitFailedWarning, stacklevel=3)
