"""One task of an evaluation: fit a predictor once, predict, and measure."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import UndefinedMetricWarning
from threadpoolctl import ThreadpoolController

from ..metrics import (
    kendall_tau,
    mean_absolute_error,
    pearson_r,
    precision_at_k,
    root_mean_squared_error,
    spearman_rho,
)

Row = dict[str, Any]
Sample = tuple[Any, NDArray[np.float64]]

# How many architectures make the top. Fewer predicted ones than that have no precision.
_K = 10
_SCORES: dict[str, Callable[..., Any]] = {
    "mean_absolute_error": mean_absolute_error,
    "root_mean_squared_error": root_mean_squared_error,
    "pearson_r": pearson_r,
    "spearman_rho": spearman_rho,
    "kendall_tau": kendall_tau,
    "precision_at_10": lambda true, pred: (
        precision_at_k(true, pred, k=_K) if len(true) >= _K else np.nan
    ),
}


def run_task(predictor: str, estimator: Any, trial: int, known: Sample, unseen: Sample) -> Row:
    """Fit an estimator to known architectures and score its predictions of others.

    Parameters
    ----------
    predictor : str
        Its name.
    estimator : estimator
        An estimator, which is left as it is.
    trial : int
        Number of the trial, and the seed.
    known, unseen : tuple
        Architectures and accuracies to learn from, and to predict.

    Returns
    -------
    dict
        A row of the table. If anything raises, the text of the exception is in ``error`` and the
        metrics and times are NaN.
    """
    measured = [*_SCORES, "fit_seconds", "query_milliseconds"]
    row: Row = {"predictor": predictor, "train_size": len(known[1]), "trial": trial}
    row |= dict.fromkeys(measured, np.nan) | {"error": ""}
    try:
        with one_thread_each():
            row |= _measure(seeded(estimator, trial), known, unseen)
    except Exception as error:
        row["error"] = f"{type(error).__name__}: {error}"
    return row


def draw_trial(
    n_samples: int, n_known: int, n_unseen: int, trial: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw architectures for a trial, without replacement.

    Parameters
    ----------
    n_samples : int
        How many there are.
    n_known, n_unseen : int
        How many to learn from, and how many to predict.
    trial : int
        Number of the trial, and the seed.

    Returns
    -------
    known, unseen : ndarray of shape (n_known,) and (n_unseen,)
        Their positions.
    """
    drawn = np.random.default_rng(trial).choice(n_samples, n_known + n_unseen, replace=False)
    return drawn[:n_known], drawn[n_known:]


def seeded(estimator: Any, seed: int) -> Any:
    """Return an unfitted copy of an estimator whose parameters called random_state are set.

    Parameters
    ----------
    estimator : estimator
        An estimator, which is left as it is.
    seed : int
        The seed.

    Returns
    -------
    estimator
        The copy.
    """
    copy = clone(estimator)
    names = [name for name in copy.get_params(deep=True) if name.split("__")[-1] == "random_state"]
    return copy.set_params(**dict.fromkeys(names, seed))


def _measure(estimator: Any, known: Sample, unseen: Sample) -> dict[str, float]:
    start = time.perf_counter()
    estimator.fit(*known)
    fitted = time.perf_counter()
    predictions = estimator.predict(unseen[0])
    predicted = time.perf_counter()
    values = _score(unseen[1], predictions)
    values["fit_seconds"] = fitted - start
    values["query_milliseconds"] = 1000 * (predicted - fitted) * 1000 / len(unseen[1])
    return values


def _score(true: NDArray[np.float64], predictions: Any) -> dict[str, float]:
    # A predictor of constants is a result, not a reason to warn in every trial. What is ignored
    # is ignored in all threads of the process, which must therefore take turns.
    with _SCORING, warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return {name: float(score(true, predictions)) for name, score in _SCORES.items()}


class _ProcessLimit:
    """The limit of what counts for all threads of the process: BLAS, and the default of torch.

    The first to come sets it and the last to go restores it: were each to restore what it found,
    tasks that overlap would leave the limit behind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._has_torch = False
        self._restore = ExitStack()

    def enter(self, controller: ThreadpoolController) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._restore.enter_context(controller.select(user_api="blas").limit(limits=1))
                self._has_torch = False
            # Importing torch takes seconds, which an evaluation without it should not. The first
            # fit may be what imports it.
            torch = sys.modules.get("torch")
            if torch is not None and not self._has_torch:
                self._has_torch = True
                self._restore.callback(torch.set_num_threads, torch.get_num_threads())
                torch.set_num_threads(1)
            self._n_inside += 1

    def leave(self) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._restore.close()


_PROCESS_LIMIT = _ProcessLimit()
_SCORING = threading.Lock()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep BLAS, OpenMP and torch to one thread for each thread that tasks run in.

    Yields
    ------
    None
        What was before is restored when left, by the last if tasks overlap.
    """
    # Made anew each time, since libraries are loaded as they are needed.
    controller = ThreadpoolController()
    _PROCESS_LIMIT.enter(controller)
    try:
        # The number of OpenMP threads belongs to the thread that asks.
        with controller.select(user_api="openmp").limit(limits=1):
            yield
    finally:
        _PROCESS_LIMIT.leave()
