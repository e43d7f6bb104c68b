"""A search that is asked what to train next and told what came of it."""

from __future__ import annotations

from copy import copy, deepcopy
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_scalar

from ..spaces import SearchSpace
from ..utils._options import check_option
from ..utils._random import RandomState, as_generator
from ..utils._threads import one_blas_thread
from ._acquisition import ACQUISITIONS, Wish
from ._candidates import Candidates
from ._known import Evaluation, Trial, to_frame, to_numbers, to_rows
from ._pool import Floats, read_pool, to_array, to_keys
from ._surrogates import EstimatorSurrogate, KrigingSurrogate, Rows, Surrogate

# So many of the best networks are varied, where candidates are not all there is.
_N_PARENTS = 10
# Expected gains are computed for so many of the most promising networks.
_N_FOR_GAIN = 200


class ArchitectureSearch:
    """Search for the best network with few trainings: ask what to train, tell what came of it.

    The first networks are chosen by `choose_architectures`; all others by a model of everything
    told so far. Nothing is proposed twice, in whatever description. Trainings may run at the same
    time, fail, or be repeated.

    Parameters
    ----------
    candidates : str, SearchSpace or iterable of architectures
        A search space or its name, or architectures, as in `choose_architectures`. All networks
        of a space of up to a million architectures are candidates; in a larger one, proposals are
        random ones and variations of the best, improved step by step.
    space : str or SearchSpace, default=None
        The search space of `candidates`, unless these are one.
    estimator : estimator, default=None
        A regressor of architectures, given as texts in a space and otherwise as they are, with
        ``predict(X, return_std=True)``, or else ``score_samples`` or ``predict``. None takes
        kriging with a `ProximityMetric` on structural properties, as `EmProxRegressor` does.
    acquisition : {"confidence", "expected_improvement", "thompson", "mean"}, \
default="confidence"
        What the next network is the best by: the expected score plus `exploration` standard
        deviations; the expected improvement; the expected score plus a random number, normal with
        `exploration` standard deviations; or the expected score alone.
    exploration : float, default=2.0
        How much it counts that little is known of a network; see `acquisition`.
    n_initial : int, default=5
        How many networks are chosen without a model, if nothing is known.
    chance_level : float, default=None
        Accuracy of an architecture without a path from input to output, in the unit of the
        accuracies; see `add_chance_anchor`. With it, such an architecture is never proposed, and
        one counts as known.
    random_state : int, Generator, RandomState or None, default=None
        Seed or generator. With the same seed and the same results told, proposals are the same.

    Attributes
    ----------
    best_ : object
        The architecture with the highest expected accuracy among those evaluated: by the model,
        which does not take a lucky training for a good network.
    best_accuracy_ : float
        What the model expects of it.
    history_ : DataFrame
        Everything told, in order, and then what is pending: `architecture`; `accuracy`, NaN if it
        failed; `cost`; `status`, "done", "failed" or "pending"; `source`, "design", "proposal" or
        "told"; `expected` accuracy and its `std` when it was proposed; and `best`, the highest
        accuracy so far.
    space_ : SearchSpace
        The search space.

    See Also
    --------
    choose_architectures : The first networks alone.
    rank_architectures : Rank any number of architectures with a fitted model.

    Notes
    -----
    A pending evaluation counts as if its result were the expected one, which leaves expectations as
    they are and makes them surer around it: several workers get different networks. Failed
    trainings are kept out of the accuracies; how likely a failure is is learned apart, and counts
    against a network. A search can be pickled at any time and goes on as it would have.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.search import ArchitectureSearch
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> accuracies = dict(zip(X, y))
    >>> search = ArchitectureSearch("nasbench201", chance_level=10, random_state=0)
    >>> for _ in range(5):
    ...     cells = search.ask(4)
    ...     search.tell(cells, [accuracies[cell] for cell in cells])
    >>> search.history_.shape
    (20, 8)
    >>> bool(accuracies[search.best_] > 92)
    True
    """

    def __init__(
        self,
        candidates: Any,
        *,
        space: str | SearchSpace | None = None,
        estimator: Any = None,
        acquisition: str = "confidence",
        exploration: float = 2.0,
        n_initial: int = 5,
        chance_level: float | None = None,
        random_state: RandomState = None,
    ) -> None:
        check_option("acquisition", acquisition, ACQUISITIONS)
        check_scalar(exploration, "exploration", Real, min_val=0)
        check_scalar(n_initial, "n_initial", Integral, min_val=2)
        self.estimator, self.acquisition, self.exploration = estimator, acquisition, exploration
        self.n_initial, self.chance_level = n_initial, chance_level
        self._rng = as_generator(random_state)
        pool = read_pool(candidates, space, self._rng)
        self._candidates = Candidates(pool, int(self._rng.integers(2**32)))
        self._design: list[int] = []
        self._trials: dict[bytes, Trial] = {}
        self._evaluations: list[Evaluation] = []
        pathless = None if chance_level is None else pool.space.pathless
        self._anchor = None if pathless is None else self._candidates.describe(pathless[None])

    def ask(self, n: int = 1) -> NDArray[Any]:
        """Propose networks to train. They count as pending until they are told of.

        Parameters
        ----------
        n : int, default=1
            How many.

        Returns
        -------
        ndarray of shape (n,) or (n, n_decisions)
            The networks, as texts if the candidates are a space, else as they were given; fewer
            than `n` if there are no more that were neither proposed nor told of.

        Raises
        ------
        ValueError
            If there is none left.
        """
        check_scalar(n, "n", Integral, min_val=1)
        with one_blas_thread():
            chosen = self._take_from_design(n)
            if len(chosen) < n and self._has_model:
                chosen += self._propose(n - len(chosen))
        if not chosen:
            raise ValueError("all candidates were proposed or told of: there is none left")
        return to_array([trial.architecture for trial in chosen])

    def tell(
        self, architectures: Any, accuracies: ArrayLike, costs: ArrayLike | None = None
    ) -> None:
        """Take note of results, of what was asked for or anything else.

        Parameters
        ----------
        architectures : array-like of shape (n_architectures,)
            Architectures in any description, also ones that were never asked for. The same one
            may be told of several times: its results are then noisy measurements.
        accuracies : array-like of shape (n_architectures,)
            Their accuracies, the higher the better; None or NaN for a training that failed.
        costs : array-like of shape (n_architectures,), default=None
            What each has cost, in any unit: kept in `history_`.

        Raises
        ------
        ArchitectureError
            If something is no architecture of the space. Nothing is then taken note of.
        ValueError
            If the lengths differ, or an accuracy is infinite.
        """
        items, rows = self._candidates.read(architectures)
        values = to_numbers(accuracies, "accuracies", len(rows))
        spent = to_numbers(costs, "costs", len(rows))
        for number, key in enumerate(to_keys(rows.decisions)):
            trial = self._trials.get(key)
            if trial is None:
                trial = Trial(items[number], rows.decisions[number], rows.points[number], "told")
                self._trials[key] = trial
            trial.is_pending = False
            value = float(values[number])
            if np.isnan(value):
                trial.n_failed += 1
            else:
                trial.accuracies.append(value)
            self._evaluations.append(Evaluation(key, value, float(spent[number])))

    def expected_gain(self) -> float:
        """Say what the next training is worth.

        Returns
        -------
        float
            By how many points the next network that `ask` could propose is expected to be better
            than `best_accuracy_`, 0 if it is not: the expected improvement, without the luck of a
            measurement. Near 0 the search may stop. NaN while there are fewer than two accuracies,
            and 0 if there are no candidates left.
        """
        if not self._has_model:
            return np.nan
        with one_blas_thread():
            model = self._learn()
            # On copies, so that asking for the gain changes no proposal.
            rows = self._find_most_wanted(model, copy(self._candidates), deepcopy(self._rng))
            if not len(rows):
                return 0.0
            best = self._sort_evaluated(model)[1][0]
            return float(model.gains(rows.take(slice(_N_FOR_GAIN)), best).max())

    @property
    def space_(self) -> SearchSpace:
        """The search space; one of networks holds all that were read."""
        return self._candidates.space

    @property
    def best_(self) -> Any:
        """The evaluated architecture with the highest expected accuracy."""
        return self._sort_evaluated()[0][0].architecture

    @property
    def best_accuracy_(self) -> float:
        """What is expected of it."""
        return float(self._sort_evaluated()[1][0])

    @property
    def history_(self) -> pd.DataFrame:
        """Everything told, and what is pending."""
        return to_frame(self._trials, self._evaluations)

    @property
    def _has_model(self) -> bool:
        """Whether there is something to learn from."""
        return sum(bool(trial.accuracies) for trial in self._trials.values()) >= 2

    def _taken(self) -> set[bytes]:
        """Return the keys of networks that are not to be proposed."""
        return {*self._trials, *([] if self._anchor is None else to_keys(self._anchor.decisions))}

    def _rows(self, trials: Any) -> Rows:
        return to_rows(trials, self._candidates.everything.take(slice(0)))

    def _learn(self) -> Surrogate:
        """Fit a model to everything told, and let it expect what is pending."""
        model: Surrogate
        if self.estimator is None:
            anchor = None if self._anchor is None else self._anchor.points
            model = KrigingSurrogate(anchor, self.chance_level)
        else:
            model = EstimatorSurrogate(self.estimator, self._candidates.architectures)
        trials = [trial for trial in self._trials.values() if trial.accuracies]
        each = np.repeat(np.arange(len(trials)), [len(trial.accuracies) for trial in trials])
        accuracies = np.concatenate([trial.accuracies for trial in trials])
        model.fit(self._rows(trials).take(each), accuracies)
        pending = self._rows(trial for trial in self._trials.values() if trial.is_pending)
        if len(pending):
            model.expect(pending)
        return model

    def _sort_evaluated(self, model: Surrogate | None = None) -> tuple[list[Trial], Floats]:
        """Sort what was evaluated by what is expected of it, the best first."""
        trials = [trial for trial in self._trials.values() if trial.accuracies]
        if not trials:
            raise AttributeError("no accuracy was told yet, so there is no best architecture")
        means = np.array([np.mean(trial.accuracies) for trial in trials])
        if self._has_model:
            means = (model or self._learn()).predict(self._rows(trials))[0]
        order = np.argsort(-means, kind="stable")
        return [trials[place] for place in order.tolist()], means[order]

    def _make_wish(self, model: Surrogate, rng: np.random.Generator) -> Wish:
        trials = self._trials.values()
        return Wish(
            model,
            self._rows(trial for trial in trials if trial.accuracies),
            self._rows(trial for trial in trials if trial.has_failed),
            self.acquisition,
            self.exploration,
            rng,
        )

    def _find_most_wanted(
        self, model: Surrogate, candidates: Candidates, rng: np.random.Generator
    ) -> Rows:
        """Return what could be proposed, the most wanted first."""
        best = self._rows([])
        if candidates.can_be_varied:
            best = self._rows(self._sort_evaluated(model)[0][:_N_PARENTS])
        wish = self._make_wish(model, rng)
        return candidates.most_wanted(wish, len(self._trials), self._taken(), best.decisions, rng)

    def _take_from_design(self, n: int) -> list[Trial]:
        """Choose without a model: the first networks, and more while there is nothing to learn."""
        trials = self._trials.values()
        missing = self.n_initial - sum(not trial.has_failed for trial in trials)
        if not self._has_model:
            missing = max(missing, n)
        n, taken = min(n, missing), self._taken()
        if n <= 0:
            return []
        free = set(self._candidates.free(taken).tolist())
        self._design = [place for place in self._design if place in free]
        if len(self._design) < n:
            known = self._rows(trials).points
            if self._anchor is not None:
                known = np.concatenate([known, self._anchor.points])
            n_chosen = max(n, missing)
            self._design = self._candidates.design(n_chosen, known, taken).tolist()
        places, self._design = self._design[:n], self._design[n:]
        return self._remember(self._candidates.everything.take(places), "design")

    def _propose(self, n: int) -> list[Trial]:
        """Choose by the model, one after the other."""
        model = self._learn()
        rows = self._find_most_wanted(model, self._candidates, self._rng)
        best = rows.take(slice(1))
        chosen: list[Trial] = []
        while len(chosen) < n and len(rows):
            if chosen:
                # What was chosen counts as evaluated, with the result that is expected.
                model.expect(best)
                wanted = self._make_wish(model, self._rng)(rows)
                rows = rows.take(np.argsort(-wanted, kind="stable"))
            best = rows.take(slice(1))
            if self._candidates.can_be_varied:
                wish = self._make_wish(model, self._rng)
                best = self._candidates.climb(wish, best, self._taken(), self._rng)
            chosen += self._remember(best, "proposal", model)
            taken = self._taken()
            rows = rows.take([key not in taken for key in to_keys(rows.decisions)])
        return chosen

    def _remember(self, rows: Rows, source: str, model: Surrogate | None = None) -> list[Trial]:
        """Note what is proposed as pending."""
        expected = np.full((2, len(rows)), np.nan)
        if model is not None:
            expected = np.stack(model.predict(rows))
        items, keys = self._candidates.architectures(rows), to_keys(rows.decisions)
        for number, key in enumerate(keys):
            decisions, point = rows.decisions[number], rows.points[number]
            trial = Trial(items[number], decisions, point, source, *expected[:, number].tolist())
            trial.is_pending = True
            self._trials[key] = trial
        return [self._trials[key] for key in keys]
