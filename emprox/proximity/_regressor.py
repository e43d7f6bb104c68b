"""Neighbours in a learned metric, as the last step of a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import Tags, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from ..utils._sklearn import Interval, StrOptions, fit_context
from ..utils._targets import check_targets
from ..utils._versions import VersionedMixin
from ._metric import ProximityMetric
from ._neighbors import NeighborMeans, make_search, nearest_distances, usual_distance
from ._rows import DistinctRows, Known, check_rows, check_weights, pack, unpack
from ._transform import TargetTransform
from ._uncertainty import ResidualCalibration, transform_columns

Floats = NDArray[np.float64]

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


class ProximityRegressor(
    VersionedMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    RegressorMixin,
    BaseEstimator,
):
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

    embedding_: Floats
    metric_: Any
    n_neighbors_: int
    _known: Known
    _embedding: Floats
    _n_learned: int
    _transforms: list[TargetTransform]
    _means: NeighborMeans
    _calibration: ResidualCalibration | None
    _novelty: tuple[Floats, float] | None
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
        known = self._read_known(X, y, sample_weight, reset=True)
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
        check_refit(refit)
        if not hasattr(self, "embedding_"):
            return self.fit(X, y, sample_weight)
        new = self._read_known(X, y, sample_weight, reset=False)
        known = self._known.join(new)
        if refit == "auto":
            refit = self._has_outgrown(len(new.X))
        if refit:
            return self._learn(known, self.n_neighbors)
        if self.metric_ is None:
            embedding = known.X
        elif self.weights == "kriging":
            embedding = self.metric_.update(new.X, new.y, new.weights).embedding_
        else:
            embedding = np.concatenate([self._embedding, self.metric_.transform(new.X)])
        self._set_known(known, embedding, self.n_neighbors_)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Predict accuracies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of samples.
        return_std : bool, default=False
            Whether to return standard deviations as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted accuracies, in the unit of y.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviations of measured accuracies around the predictions, in the unit of y;
            only with `return_std`. They are the widths of the intervals of `predict_interval`
            with a coverage of 90 % over 3.29, that of a normal distribution.
        """
        mean, scores, stds = self._evaluate(self._read(X), return_std)
        if not return_std:
            return self._shape(mean)
        std = self._calibrate().standard_deviations(scores, stds)
        return self._shape(mean), self._shape(std)

    def predict_interval(self, X: ArrayLike, coverage: float = 0.9) -> Floats:
        """Predict intervals that hold the accuracies of new samples.

        Conformal: the intervals are so wide that they hold the accuracies of known samples as
        often as `coverage` says, with the correction for a finite number of them, if these are
        predicted from the others: in five parts, for each of which the metric is learned anew; of
        more than 500 samples, one part. This is done when it is first asked for after learning. It
        assumes that new samples come from where the known ones do; `is_novel` tells where that is
        doubtful.

        How wide intervals are relative to each other follows from the posterior variance of the
        `metric_` or, if there is none, from how much the neighbours differ. All this is done with
        transformed accuracies (see `ProximityMetric`), so that intervals are not symmetric: bad
        architectures are harder to predict.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of samples.
        coverage : float, default=0.9
            Share of accuracies that are to lie in their interval, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            Lower and upper ends, in the unit of y. Infinite if too few samples are known: the
            least number is ``coverage / (1 - coverage)``.

        Raises
        ------
        ValueError
            If `coverage` is not between 0 and 1.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage has to be between 0 and 1, got {coverage}")
        _, scores, stds = self._evaluate(self._read(X), return_std=True)
        return self._shape(self._calibrate().intervals(scores, stds, coverage))

    def score_samples(self, X: ArrayLike) -> Floats:
        """Rank samples, also beyond the best known accuracy.

        No prediction is better than the best known accuracy, so that the most promising
        architectures of a search may all be predicted alike. These scores have no such end.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The larger, the better. With a `metric_` its score, in standard deviations of the
            transformed target; without one the predictions.
        """
        features = self._read(X)
        if self.metric_ is None:
            return self._shape(self._evaluate(features, return_std=False)[0])
        return self.metric_.score_samples(features)

    def transform(self, X: ArrayLike) -> Floats:
        """Embed samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of samples.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            What the metric makes of them; without one, the features.
        """
        features = self._read(X)
        return features if self.metric_ is None else self.metric_.transform(features)

    def novelty(self, X: ArrayLike) -> Floats:
        """Measure how far samples are from all known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Distance to the nearest known sample, among the features as the metric weights them,
            over the distance that 95 % of the known samples have at most to their nearest. 0 for a
            known sample; for all others infinite if the known ones do not differ, or there is only
            one.
        """
        points = self._read(X) * self._feature_scales()
        if self._novelty is None:
            evaluated = ~self._known.is_anchor & (self._known.weights > 0)
            known = np.unique(self._known.X[evaluated], axis=0) * self._feature_scales()
            self._novelty = known, usual_distance(known)
        known, usual = self._novelty
        nearest = nearest_distances(points, known)
        return np.divide(nearest, usual, np.where(nearest > 0, np.inf, 0), where=usual > 0)

    def is_novel(self, X: ArrayLike) -> NDArray[np.bool_]:
        """Flag samples that are unlike all known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Whether `novelty` is above 1: their predictions and intervals are guesses.
        """
        return self.novelty(X) > 1

    def kneighbors(
        self,
        X: ArrayLike | None = None,
        n_neighbors: int | None = None,
        return_distance: bool = True,
    ) -> NDArray[np.int64] | tuple[Floats, NDArray[np.int64]]:
        """Find the known samples that a prediction is made from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            Features of samples. None stands for the known ones, none of which is then its own
            neighbour.
        n_neighbors : int, default=None
            How many; None takes `n_neighbors_`, or all known samples if these are fewer.
        return_distance : bool, default=True
            Whether to return the distances.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_neighbors)
            Euclidean distances in the embedding, ascending; only with `return_distance`.
        indices : ndarray of shape (n_samples, n_neighbors)
            Rows of what was given to `fit` and `partial_fit`, in the order of their coming;
            anchors, and samples of no weight, are left out. Rows of equal features are listed
            apart, though a prediction takes them as one.
        """
        embedding = None if X is None else self.transform(X)
        check_is_fitted(self, "embedding_")
        listed = (self._known.weights > 0)[~self._known.is_anchor]
        if self._search is None:
            self._search = make_search(self.embedding_[listed], 1, self.n_jobs)
        if n_neighbors is None:
            n_neighbors = min(self.n_neighbors_, int(listed.sum()) - (X is None))
        distances, found = self._search.kneighbors(embedding, n_neighbors)
        indices = np.flatnonzero(listed)[found]
        return (distances, indices) if return_distance else indices

    def neighbor_weights(self, X: ArrayLike) -> Floats:
        """Say how much each known sample counts in predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of samples.

        Returns
        -------
        ndarray of shape (n_samples, n_known)
            The share of each row of what was given to `fit` and `partial_fit`. Predictions are the
            means of their accuracies with these weights, and with those of anchors, which make up
            what is missing to a sum of 1.

        Raises
        ------
        ValueError
            With ``weights="kriging"``, which does not predict from neighbours.
        """
        embedding = self.transform(X)
        if self.weights == "kriging":
            raise ValueError("weights='kriging' does not predict from neighbours")
        known = self._known
        rows = DistinctRows(known.X, known.targets, known.weights)
        places, weights = self._means.find(embedding, self.n_neighbors_)
        of_places = np.zeros((len(places), len(rows.first) + 1))
        np.put_along_axis(of_places, places, weights, axis=1)
        # Rows of no weight have the place -1, where nothing is.
        shares = known.weights / np.append(rows.weights, 1.0)[rows.place]
        return (of_places[:, rows.place] * shares)[:, ~known.is_anchor]

    def _read_known(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, reset: bool
    ) -> Known:
        targets = check_targets(y)
        features = validate_data(self, X, reset=reset, dtype=np.float64, copy=True)
        check_consistent_length(features, targets)
        if not reset and targets.shape[1:] != self._known.y.shape[1:]:
            raise ValueError(
                f"y has the shape {targets.shape}, but fit was given {self._known.y.shape}"
            )
        weights = check_weights(sample_weight, features)
        return Known(check_rows(features), targets, weights, np.zeros(len(weights), dtype=bool))

    def _read(self, X: ArrayLike) -> Floats:
        check_is_fitted(self, "embedding_")
        return check_rows(validate_data(self, X, reset=False, dtype=np.float64))

    def _has_outgrown(self, n_new: int) -> bool:
        """Say whether with some new samples there are a tenth more than were learned from."""
        after, before = _GROWTH
        n_known = len(self.embedding_) + n_new
        return before * n_known >= after * (self._n_learned - self._known.is_anchor.sum())

    def _learn(self, known: Known, n_neighbors: int | str | None) -> ProximityRegressor:
        """Learn the metric of known samples."""
        metric, embedding = self._make_metric(), known.X
        if metric is not None:
            embedding = metric.fit(known.X, known.y, known.weights).embedding_
        if n_neighbors is None:
            usual = _N_NEIGHBORS_OF_EMBEDDING if metric is None else _N_NEIGHBORS
            n_neighbors = min(usual, len(known.X))
        # Set all at once, so that an interrupt above leaves nothing half fitted.
        self.metric_, self._n_learned, self._calibration = metric, len(known.X), None
        self._set_known(known, embedding, n_neighbors)
        return self

    def _make_metric(self) -> ProximityMetric | None:
        if self.metric is None:
            return None
        if isinstance(self.metric, str):
            metric = ProximityMetric(random_state=self.random_state)
        else:
            metric = clone(self.metric)
        # Whatever scikit-learn is told to put out elsewhere, here it is arrays.
        return metric.set_output(transform="default")

    def _set_known(self, known: Known, embedding: Floats, n_neighbors: int | str) -> None:
        targets = known.targets
        rows = DistinctRows(known.X, targets, known.weights)
        if self.metric_ is not None:
            transforms = self.metric_.target_transforms_
        else:
            transforms = [
                TargetTransform(column, known.weights[rows.order])
                for column in targets[rows.order].T
            ]
        means = NeighborMeans(
            embedding[rows.first],
            rows.average(targets),
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
        self._novelty = None
        self._search = None
        self.n_neighbors_ = int(n_neighbors)
        self._n_features_out = embedding.shape[1]
        self.embedding_ = embedding[~known.is_anchor]

    def _evaluate(self, features: Floats, return_std: bool) -> tuple[Floats, Floats, Floats]:
        """Return predictions, and transformed ones with deviations, up to a common factor."""
        embedding = features
        if self.metric_ is not None:
            embedding, scores, stds = self.metric_._evaluate(features, return_std)
            if self.weights == "kriging":
                return self.metric_._to_accuracies(scores), scores, stds
        places, weights = self._means.find(embedding, self.n_neighbors_)
        mean = self._means.average(places, weights)
        if not return_std:
            return mean, mean, mean
        scores = transform_columns(self._transforms, mean)
        if self.metric_ is None:
            known = transform_columns(self._transforms, self._means.values)
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
        rows = DistinctRows(learned.X, learned.targets, learned.weights).order
        order = np.random.default_rng(0).permutation(rows[~learned.is_anchor[rows]])
        parts = np.array_split(order, min(_N_PARTS, len(order)))
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
            true = transform_columns(model._transforms, learned.targets[part])
            residuals.append(true - scores)
            stds.append(deviations)
        return np.concatenate(residuals), np.concatenate(stds)

    def _feature_scales(self) -> Floats | float:
        """Return what makes features distances, when it comes to novelty."""
        return 1.0 if self.metric_ is None else np.sqrt(self.metric_.feature_weights_)

    def _shape(self, columns: Floats) -> Floats:
        return columns if self._known.y.ndim > 1 else columns[:, 0]

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "_known" in state:
            # What follows from the rest is left out.
            state |= {"_known": (pack(self._known.X), *self._known[1:])}
            state |= {"_novelty": None, "_search": None}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_known" in state:
            packed, *others = state["_known"]
            self._known = Known(unpack(packed), *others)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def check_refit(refit: Any) -> None:
    """Refuse what is neither a bool nor "auto": 1 would be taken for True, and is not."""
    if not (isinstance(refit, bool | np.bool_) or (isinstance(refit, str) and refit == "auto")):
        raise ValueError(f"refit has to be True, False or 'auto', got {refit!r}")


def _choose_n_neighbors(
    means: NeighborMeans, apart: Floats, transforms: list[TargetTransform]
) -> int:
    """Take the number with the smallest leave-one-out error."""
    if len(apart) == 1:
        return 1
    true = transform_columns(transforms, means.values)
    errors = {}
    for n_neighbors in [k for k in _CANDIDATES if k < len(apart)] or [1]:
        predicted = means.average(*means.find_others(apart, n_neighbors))
        squares = np.square(transform_columns(transforms, predicted) - true)
        errors[n_neighbors] = np.average(squares, axis=0, weights=means.importance).mean()
    return min(errors, key=lambda k: errors[k])
