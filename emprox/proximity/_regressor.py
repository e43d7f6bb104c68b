"""Neighbours in a learned metric, as the last step of a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.model_selection import GroupKFold
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from ..utils._sklearn import Interval, StrOptions, fit_context
from ..utils._texts import shown
from ._kernels import Floats
from ._metric import ProximityMetric
from ._neighbors import NeighborMeans, make_search, usual_distance
from ._predictor import ProximityPredictor
from ._rows import DistinctRows, Known, check_rows, read_known
from ._transform import TargetTransforms
from ._uncertainty import ResidualCalibration

# Neighbours that are taken if nothing is said: of a learned metric, and of an embedding.
_N_NEIGHBORS, _N_NEIGHBORS_OF_EMBEDDING = 8, 10
# What n_neighbors="auto" chooses from.
_CANDIDATES = (3, 5, 10, 20, 30)
# Parts of the known samples that are predicted from the others to measure uncertainty. Of more
# samples, one part holds enough of them, and the others would take long.
_N_PARTS = 5
_SAMPLES_FOR_ONE_PART = 500
# partial_fit(refit="auto") learns anew when there are so many known samples for so many that
# were learned from: a tenth more.
_GROWTH = 11, 10
# What follows from the rest, and is found again when it is asked for.
_FOLLOWING = "_novelty", "_search"


class ProximityRegressor(ProximityPredictor):
    """Predict accuracies from the nearest known samples in a learned metric.

    The last step of `make_emprox_pipeline`, on matrices: a `ProximityMetric` embeds the samples,
    and the accuracy of a new one is the mean over the k nearest known ones, weighted by inverse
    distance. A sample at distance zero from a known one gets its accuracy. Known samples with
    equal features are one, whose accuracy is their mean, and which counts as often as there are.

    Parameters
    ----------
    n_neighbors : int, "auto" or None, default=None
        Number of neighbours, k. None takes 8 with a metric and 10 without, or all known samples if
        these are fewer. ``"auto"`` takes the one of 3, 5, 10, 20 and 30 with the smallest
        leave-one-out error, as the mean square of what is left of the known accuracies once they
        are transformed like a `ProximityMetric` transforms them. It pays for noisy accuracies.
    metric : "learned", ProximityMetric or None, default="learned"
        What embeds the samples: ``"learned"`` is a `ProximityMetric` with this `random_state`;
        None takes the samples as they are, for features that are an embedding already.
    weights : {"distance", "uniform", "kriging"} or callable, default="distance"
        Weights of the neighbours, as in scikit-learn's `KNeighborsRegressor`. ``"kriging"``
        predicts with the kernel of the metric over all known samples instead, which is a little
        more accurate.
    n_jobs : int, default=None
        Number of parallel jobs of the neighbour search.
    random_state : int, RandomState instance or None, default=None
        Seed of the learned metric.

    Attributes
    ----------
    metric_ : ProximityMetric or None
        The learned metric.
    n_neighbors_ : int
        Number of neighbours.
    embedding_ : ndarray of shape (n_samples, n_columns)
        Embeddings of the known samples.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had any.

    See Also
    --------
    EmProxRegressor : Reads architectures.
    ProximityMetric : The metric alone.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022. Section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.proximity import ProximityRegressor
    >>> X = np.random.default_rng(0).normal(size=(60, 5))
    >>> y = 90 - X[:, 0] ** 2
    >>> model = ProximityRegressor(random_state=0).fit(X[:50], y[:50])
    >>> mean, std = model.predict(X[50:], return_std=True)
    >>> distances, indices = model.kneighbors(X[50:])
    >>> indices.shape
    (10, 8)
    """

    # A pipeline hands these on, if metadata routing is enabled.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"sample_weight": True, "n_anchors": True}

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"}), None],
        "metric": [StrOptions({"learned"}), ProximityMetric, None],
        "weights": [StrOptions({"distance", "uniform", "kriging"}), callable],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    metric_: Any
    _calibration: ResidualCalibration | None
    _groups: NDArray[np.int64] | None
    _novelty: tuple[Floats | float, Any, float] | None
    _search: Any

    def __init__(
        self,
        n_neighbors: int | str | None = None,
        *,
        metric: str | ProximityMetric | None = "learned",
        weights: str | Callable[[Floats], Floats] = "distance",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.weights = weights
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        n_anchors: int = 0,
    ) -> ProximityRegressor:
        """Learn the metric and remember the known samples in it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of the known samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies, in percent or any other unit.
        sample_weight : array-like of shape (n_samples,), default=None
            How many times each counts: how often it was trained.
        n_anchors : int, default=0
            The last so many are known without having been evaluated. They teach the metric and
            take part in predictions, but `kneighbors` does not list them, and they say nothing
            about uncertainty.

        Returns
        -------
        ProximityRegressor
            The regressor itself.

        Raises
        ------
        ValueError
            If X or y are empty, of different lengths, or not finite, or there are fewer known
            samples than `n_neighbors`.
        """
        known = read_known(self, X, y, sample_weight)
        n_known = len(known.X) - n_anchors
        if n_anchors < 0 or n_known < 1:
            raise ValueError(f"n_anchors={n_anchors}, but there are {len(known.X)} samples")
        known.is_anchor[n_known:] = True
        if self.weights == "kriging" and self.metric is None:
            raise ValueError("weights='kriging' predicts with a metric, but metric is None")
        n_neighbors = self.n_neighbors
        if isinstance(n_neighbors, Integral) and n_neighbors > n_known:
            raise ValueError(
                f"n_neighbors={n_neighbors} is more than the number of known samples,"
                f" n_samples={n_known}; set n_neighbors to at most {n_known}, or give more"
            )
        return self._learn(known, n_neighbors)

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        refit: bool | str = "auto",
    ) -> ProximityRegressor:
        """Add newly evaluated samples to the known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of the new samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies.
        sample_weight : array-like of shape (n_samples,), default=None
            How many times each counts.
        refit : bool or "auto", default="auto"
            Whether to learn the metric anew. With True the result is that of `fit` on all known
            samples. With False the metric stays as it is and the new samples become neighbours in
            it, or with ``weights="kriging"`` enter the kernel prediction with everything else that
            was learned staying as it is; so `score_samples` only heeds them with ``"kriging"``.
            ``"auto"`` learns anew when there are a tenth more known samples than the last time.

        Returns
        -------
        ProximityRegressor
            The regressor itself; it is fitted if it was not before.

        Raises
        ------
        ValueError
            If X and y are of different lengths, not finite, or do not match those given to `fit`,
            or `refit` is something else.
        """
        if not hasattr(self, "embedding_"):
            return self.fit(X, y, sample_weight)
        new = read_known(self, X, y, sample_weight, self._known.y.shape)
        known = self._known.join(new)
        groups = self._groups_and(len(new.X))
        if self._has_to_learn(refit, len(new.X)):
            self._learn(known, self.n_neighbors)._groups = groups
            return self
        if self.weights == "kriging":
            embedding = self.metric_.update(new.X, new.y, new.weights).embedding_
        else:
            embedding = np.concatenate([self._embedding, self._embed(new.X)])
        self._groups = groups
        self._set_known(known, embedding, self.n_neighbors_)
        return self

    def _set_groups(self, groups: ArrayLike) -> None:
        """Take labels of the known samples that are no anchors."""
        evaluated = ~self._known.is_anchor
        labels = column_or_1d(groups)
        if len(labels) != evaluated.sum():
            raise ValueError(
                f"groups has {len(labels)} labels, but there are {evaluated.sum()} known samples"
            )
        names, numbers = np.unique(labels, return_inverse=True)
        if len(names) < 2:
            raise ValueError(f"groups are all {shown(names.tolist()[0])}: at least two are needed")
        self._groups = np.full(len(evaluated), -1)
        self._groups[evaluated] = numbers
        self._calibration = self._novelty = None

    def _groups_and(self, n_new: int) -> NDArray[np.int64] | None:
        """Return the groups of the known samples and some new ones, each of which is its own."""
        groups = self._groups
        return None if groups is None else np.r_[groups, groups.max() + 1 + np.arange(n_new)]

    def _look_at(self, X: Any) -> tuple[Any, Any]:
        check_is_fitted(self, "embedding_")
        if X is None:
            return self, None
        return self, check_rows(validate_data(self, X, reset=False, dtype=np.float64))

    def _has_to_learn(self, refit: bool | str, n_new: int) -> bool:
        """Decide whether to learn anew with some new samples."""
        if isinstance(refit, bool | np.bool_):
            return bool(refit)
        # 1 would be taken for True, and is not.
        if not isinstance(refit, str) or refit != "auto":
            raise ValueError(f"refit has to be True, False or 'auto', got {refit!r}")
        after, before = _GROWTH
        n_known = len(self.embedding_) + n_new
        return bool(before * n_known >= after * (self._n_learned - self._known.is_anchor.sum()))

    def _learn(self, known: Known, n_neighbors: int | str | None) -> ProximityRegressor:
        """Learn the metric of known samples."""
        metric: Any = self.metric
        embedding, rows = known.X, None
        if metric is not None:
            is_own = isinstance(metric, str)
            metric = ProximityMetric(random_state=self.random_state) if is_own else clone(metric)
            embedding, rows = metric._learn(known).embedding_, metric._rows
        if n_neighbors is None:
            usual = _N_NEIGHBORS_OF_EMBEDDING if metric is None else _N_NEIGHBORS
            n_neighbors = min(usual, len(known.X))
        # Set all at once, so that an interrupt above leaves nothing half fitted.
        self.metric_, self._n_learned, self._calibration = metric, len(known.X), None
        self._groups = None
        self._set_known(known, embedding, n_neighbors, rows)
        return self

    def _set_known(
        self,
        known: Known,
        embedding: Floats,
        n_neighbors: int | str,
        rows: DistinctRows | None = None,
    ) -> None:
        rows = rows or DistinctRows(known)
        if self.metric_ is None:
            order = rows.order
            transforms = TargetTransforms(known.targets[order], known.weights[order])
        else:
            transforms = self.metric_.target_transforms_
        means = NeighborMeans(
            embedding[rows.first],
            rows.average(known.targets),
            rows.weights,
            "distance" if self.weights == "kriging" else self.weights,
            self.n_jobs,
        )
        if isinstance(n_neighbors, str):
            # An embedding for which a sample's own accuracy was not used.
            apart = embedding if self.metric_ is None else self.metric_.loo_embedding_
            n_neighbors = _choose_n_neighbors(means, apart[rows.first], transforms)
        self._known, self._embedding = known, embedding
        self._transforms, self._means = transforms, means
        self._novelty = self._search = None
        self.n_neighbors_ = int(n_neighbors)
        self._n_features_out = embedding.shape[1]
        self.embedding_ = embedding[~known.is_anchor]

    def _evaluate(
        self, features: Floats, return_std: bool = False
    ) -> tuple[Floats, Floats, Floats]:
        """Return predictions, and transformed ones with deviations, up to a common factor."""
        embedding = features
        if self.metric_ is not None:
            embedding, scores, stds = self.metric_._evaluate(features, return_std)
            if self.weights == "kriging":
                return self._transforms.inverse(scores), scores, stds
        places, weights = self._means.find(embedding, self.n_neighbors_)
        mean = self._means.average(places, weights)
        if not return_std:
            return mean, mean, mean
        scores = self._transforms.forward(mean)
        if self.metric_ is None:
            known = self._transforms.forward(self._means.values)
            squares = np.square(known[places] - scores[:, None])
            stds = np.sqrt(np.einsum("nk,nko->no", weights, squares))
        return mean, scores, stds

    def _calibrate(self) -> ResidualCalibration:
        """Compare known samples with what is predicted for them from the others."""
        if self._calibration is None:
            residuals, stds = self._predict_left_out()
            self._calibration = ResidualCalibration(
                self._transforms, residuals, stds, add_mean_square=self.metric_ is None
            )
        return self._calibration

    def _predict_left_out(self) -> tuple[Floats, Floats]:
        """Predict parts of the known samples from the others, with deviations."""
        learned = self._known.take(slice(self._n_learned))
        # An anchor is never left out: how it is predicted says nothing about others.
        rows = DistinctRows(learned).order
        order = np.random.default_rng(0).permutation(rows[~learned.is_anchor[rows]])
        parts = _split(order, None if self._groups is None else self._groups[order])
        if len(order) > _SAMPLES_FOR_ONE_PART:
            parts = parts[:1]
        residuals = [np.empty((0, learned.targets.shape[1]))]
        stds = residuals.copy()
        for part in parts:
            others = np.setdiff1d(rows, part)
            if not len(others):
                break
            model = clone(self)._learn(learned.take(others), self.n_neighbors_)
            _, scores, deviations = model._evaluate(learned.X[part], return_std=True)
            true = model._transforms.forward(learned.targets[part])
            residuals.append(true - scores)
            stds.append(deviations)
        return np.concatenate(residuals), np.concatenate(stds)

    def _embed(self, features: Floats) -> Floats:
        return features if self.metric_ is None else self.metric_._evaluate(features)[0]

    def _measure_novelty(self) -> tuple[Floats | float, Any, float]:
        """Return what makes features distances, a search for known ones, and how close they are."""
        if self._novelty is None:
            scales = 1.0 if self.metric_ is None else np.sqrt(self.metric_.feature_weights_)
            evaluated = ~self._known.is_anchor & (self._known.weights > 0)
            points, first = np.unique(self._known.X[evaluated], axis=0, return_index=True)
            groups = None if self._groups is None else self._groups[evaluated][first]
            search = make_search(points * scales, 1, self.n_jobs)
            self._novelty = scales, search, usual_distance(points * scales, groups)
        return self._novelty

    def _search_rows(self) -> tuple[Any, NDArray[np.intp]]:
        """Return a search among the samples that count, and the rows that they are."""
        rows = np.flatnonzero(self._known.weights[~self._known.is_anchor] > 0)
        if self._search is None:
            self._search = make_search(self.embedding_[rows], 1, self.n_jobs)
        return self._search, rows

    def _weigh_rows(self, embedding: Floats) -> Floats:
        """Return the share of each row in predictions."""
        if self.weights == "kriging":
            raise ValueError("weights='kriging' does not predict from neighbours")
        known = self._known
        rows = DistinctRows(known)
        places, weights = self._means.find(embedding, self.n_neighbors_)
        of_places = np.zeros((len(places), len(rows.first) + 1))
        np.put_along_axis(of_places, places, weights, axis=1)
        # Rows of no weight have the place -1, where nothing is.
        shares = known.weights / np.append(rows.weights, 1.0)[rows.place]
        return (of_places[:, rows.place] * shares)[:, ~known.is_anchor]

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: None if name in _FOLLOWING else state[name] for name in state}


def _split(rows: NDArray[np.intp], groups: NDArray[np.int64] | None) -> list[NDArray[np.intp]]:
    """Split rows into parts, none of which shares a group with another."""
    if groups is None:
        return np.array_split(rows, min(_N_PARTS, len(rows)))
    n_parts = min(_N_PARTS, len(np.unique(groups)))
    if n_parts < 2:
        return [rows]
    folds = GroupKFold(n_parts, shuffle=True, random_state=0).split(rows, groups=groups)
    return [rows[part] for _, part in folds]


def _choose_n_neighbors(means: NeighborMeans, apart: Floats, transforms: TargetTransforms) -> int:
    """Take the number with the smallest leave-one-out error."""
    if len(apart) == 1:
        return 1
    true = transforms.forward(means.values)
    errors = {}
    for n_neighbors in [k for k in _CANDIDATES if k < len(apart)] or [1]:
        predicted = means.average(*means.find_others(apart, n_neighbors))
        squares = np.square(transforms.forward(predicted) - true)
        errors[n_neighbors] = np.average(squares, axis=0, weights=means.importance).mean()
    return min(errors, key=lambda k: errors[k])
