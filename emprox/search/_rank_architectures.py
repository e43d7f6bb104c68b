"""Rank any number of architectures with a fitted model."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, check_scalar
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from ..spaces import ArchitectureError, SearchSpace, get_space
from ..spaces._transformer import read_listed
from ..utils._options import check_option
from ..utils._random import RandomState
from ..utils._threads import one_thread
from ._batches import Batch, draw_in_batches, read_in_batches
from ._selection import BatchRanker, BatchResult, Best, Entry


def rank_architectures(
    model: Any,
    candidates: Any = None,
    *,
    n_architectures: int | None = None,
    space: str | SearchSpace | None = None,
    random_state: RandomState = None,
    top: int = 100,
    exclude: Any = None,
    response_method: str = "auto",
    errors: str = "raise",
    batch_size: int = 10_000,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Bunch:
    """Find the architectures that a fitted model thinks best of, among any number of them.

    Candidates are read, scored and forgotten in batches, so that there may be millions of them,
    from a file or drawn at random from the search space. Each network is listed once, however many
    descriptions of it there are.

    Parameters
    ----------
    model : estimator
        A fitted model: an `EmProxRegressor` with a `space`, a pipeline of `make_emprox_pipeline`,
        or anything whose ``predict`` takes architectures. The larger its numbers, the better.
    candidates : iterable of architectures, default=None
        A list, array, Series or DataFrame of architectures in any form that the space reads, a
        decision matrix, an iterator over architectures, or a text file that is open, with one in
        each line. PyTorch modules are captured one by one as an iterator makes them. None
        draws `n_architectures` instead.
    n_architectures : int, default=None
        How many architectures to draw at random from the space, if there are no `candidates`. The
        same one may be drawn again.
    space : str or SearchSpace, default=None
        The search space; None takes the model's own. A model without one is given the candidates
        as they are (modules as `Network` objects), and those that are drawn as texts.
    random_state : int, Generator, RandomState or None, default=None
        Seed or generator of the draw.
    top : int, default=100
        How many networks to return.
    exclude : array-like of shape (n_excluded,), default=None
        Architectures that are not to be returned, in whatever description: for example those
        whose accuracy is known.
    response_method : {"auto", "score_samples", "predict"}, default="auto"
        What to rank by. ``"auto"`` takes ``score_samples`` where the model has it: predictions of
        neighbours end at the best known accuracy, so that they cannot tell the best candidates
        apart. Otherwise ``predict``.
    errors : {"raise", "skip"}, default="raise"
        What to do with a candidate that is no architecture of the space. ``"skip"`` goes on
        without it, and warns in the end.
    batch_size : int, default=10000
        How many candidates are ranked at once. Results do not depend on it.
    n_jobs : int, default=None
        Number of processes, as in joblib: None is 1 unless in a ``joblib.parallel_config``
        context, -1 takes all processors. Each computes with a single thread, and results do not
        depend on their number.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    sklearn.utils.Bunch
        With these attributes:

        architectures : ndarray of shape (n_found,), dtype object
            The best networks as texts, the best first; `top` of them unless there are fewer. A
            text among the candidates is returned as it was given. PyTorch networks are returned
            as `Network` objects.
        scores : ndarray of shape (n_found,)
            What they are ranked by: what the model gives for `architectures`.
        predictions : ndarray of shape (n_found,)
            What the model predicts for them.
        indices : ndarray of shape (n_found,)
            Where they stand among the candidates, beginning with 0.
        n_candidates : int
            Number of candidates.
        n_skipped : int
            Number of candidates that were skipped because they are no architectures.

    Raises
    ------
    ArchitectureError
        If a candidate is no architecture of the space, unless it is to be skipped; ``index`` is
        its position among all candidates. Also for what is wrong in `exclude`.
    ValueError
        If a parameter is out of range, the search space is not known, there are no candidates, or
        the model does not give one number for each architecture.
    TypeError
        If a single architecture is given instead of several.

    See Also
    --------
    EmProxRegressor.partial_fit : Add what a search has evaluated.

    Notes
    -----
    Of several descriptions of a network, the one with the highest score is listed. Scores that
    differ by less than about a billionth of themselves count as equal; then the candidate that
    came first is better. The last digits of a score depend on what else is in its batch: with a
    neural network, which computes in single precision, these are more, so that networks that are
    nearly equal may be listed in another order with another `batch_size`.

    Examples
    --------
    >>> from emprox import EmProxRegressor
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.search import rank_architectures
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = EmProxRegressor("nasbench201", chance_level=10, random_state=0)
    >>> model = model.fit(X[:121], y[:121])
    >>> best = rank_architectures(
    ...     model, n_architectures=2000, random_state=0, top=3, exclude=X[:121]
    ... )
    >>> best.architectures.shape, best.n_candidates
    ((3,), 2000)
    """
    for name, number in (("top", top), ("batch_size", batch_size)):
        check_scalar(number, name, Integral, min_val=1)
    check_option("errors", errors, ("raise", "skip"))
    check_option("response_method", response_method, ("auto", "score_samples", "predict"))
    if (candidates is None) == (n_architectures is None):
        raise ValueError("give either candidates or n_architectures, how many to draw")
    model = getattr(model, "best_estimator_", model)
    if isinstance(model, BaseEstimator) and hasattr(model, "fit"):
        check_is_fitted(model)
    if response_method == "auto":
        response_method = "score_samples" if hasattr(model, "score_samples") else "predict"
    own_space = _find_space(model)
    space = _check_space(space, own_space)
    if n_architectures is None:
        total = len(candidates) if hasattr(candidates, "__len__") else None
        batches: Iterator[Batch] = read_in_batches(space, candidates, batch_size)
    else:
        total = check_scalar(n_architectures, "n_architectures", Integral, min_val=1)
        batches = draw_in_batches(space, n_architectures, random_state, batch_size)
    ranker = BatchRanker(
        space=space,
        scorer=model,
        method=response_method,
        reads_decisions=own_space is not None and not space.is_catalogue,
        writes_texts=candidates is None and own_space is None,
        top=top,
        excluded=_to_excluded(exclude, space),
        skip_broken=errors == "skip",
    )
    best, n_candidates, broken = Best(top), 0, []
    with tqdm(total=total, desc="Ranking", unit="", unit_scale=True, disable=not verbose) as bar:
        for result in _rank_batches(ranker, batches, n_jobs):
            best.add(result.entries)
            n_candidates += result.n_candidates
            broken += result.broken
            bar.update(result.n_candidates)
    if not n_candidates:
        raise ValueError("found no candidates: at least one is required")
    if broken:
        first = min(broken, key=lambda error: error.index or 0)
        warnings.warn(
            f"{len(broken):,} of {n_candidates:,} candidates are no architectures of the space"
            f" {space.name!r} and were skipped; the first is {first}",
            stacklevel=2,
        )
    described = _describe(ranker, best.sorted())
    return Bunch(**described, n_candidates=n_candidates, n_skipped=len(broken))


def _rank_batches(
    ranker: BatchRanker, batches: Iterator[Batch], n_jobs: int | None
) -> Iterator[BatchResult]:
    """Rank batches in processes, which take only a few more batches than they work on."""
    failure = None

    def number() -> Iterator[tuple[int, Batch]]:
        # joblib takes batches in a thread of its own, where an error would be lost.
        nonlocal failure
        start = 0
        try:
            for batch in batches:
                yield start, batch
                start += len(batch)
        except Exception as error:
            failure = error

    parallel = Parallel(n_jobs, return_as="generator", batch_size=1, pre_dispatch="2*n_jobs")
    yield from parallel(delayed(ranker)(start, batch) for start, batch in number())
    if failure is not None:
        raise failure


def _find_space(model: Any) -> SearchSpace | None:
    """Return the space of a model that reads decision matrices of it."""
    first = model[0] if isinstance(model, Pipeline) else model
    space = getattr(first, "space_", None)
    return space if isinstance(space, SearchSpace) else None


def _check_space(space: str | SearchSpace | None, own_space: SearchSpace | None) -> SearchSpace:
    given = None if space is None else get_space(space)
    found = own_space or given
    if found is None:
        raise ValueError("the model does not say what search space it is for; give space=")
    if given is not None and given.name != found.name:
        raise ValueError(f"space is {given.name!r}, but the model is for {found.name!r}")
    return found


def _to_excluded(exclude: Any, space: SearchSpace) -> frozenset[Hashable]:
    """Return the keys of the networks to leave out."""
    if exclude is None or not len(exclude):
        return frozenset()
    try:
        extended, decisions = read_listed(space, exclude)
        return frozenset(extended.keys(decisions))
    except ArchitectureError as error:
        raise ArchitectureError(f"in exclude: {error.message}", error.index) from error


def _describe(ranker: BatchRanker, entries: list[Entry]) -> dict[str, Any]:
    """Return what is known of the best networks."""
    decisions = np.array([entry.decisions for entry in entries])
    items: Any = [entry.item for entry in entries]
    given = np.empty(len(entries), dtype=object)
    if ranker.space.is_catalogue:
        given[:] = items
    elif entries:
        texts = zip(items, ranker.space.format(decisions), strict=True)
        given[:] = [item if isinstance(item, str) else text for item, text in texts]
    if ranker.reads_decisions or any(item is None for item in items):
        items = decisions
    # Once more, because the last digits depend on what else was in the batch.
    with one_thread():
        scores = predictions = ranker.score(items)
        if entries and ranker.method != "predict":
            predictions = np.asarray(ranker.scorer.predict(items))
    return {
        "architectures": given,
        "scores": scores,
        "predictions": predictions,
        "indices": np.array([entry.index for entry in entries], dtype=np.int64),
    }
