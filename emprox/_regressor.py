"""Features, embedding and neighbours in one estimator."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Tags, check_array, check_consistent_length, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from ._anchors import add_chance_anchor
from ._metric import ProximityMetric
from ._recipes import RECIPES, get_recipe, make_embedder, make_features, make_neighbors
from ._tokenizer import ArchitectureTokenizer
from ._uncertainty import calibration_factor, conformal_quantile
from .spaces import SearchSpace, get_space
from .utils._sklearn import Interval, StrOptions, fit_context

Array = NDArray[np.float64]

# Numbers of neighbours that n_neighbors="auto" chooses from.
_CANDIDATES = (3, 5, 10, 20, 30)
# partial_fit(refit="auto") learns anew once there are so many times as many known architectures.
_GROWTH = 1.1
# An architecture is novel if it is further from the known ones than this share of these are from
# each other.
_NOVEL_ABOVE = 0.95


class EmProxRegressor(RegressorMixin, BaseEstimator):
    """Predict the accuracy of architectures from their nearest neighbours in an embedding.

    The Embedding Proximity score: architectures are embedded, and the accuracy of a new one is
    the mean over the k nearest architectures of known accuracy, weighted by inverse distance. An
    architecture at distance zero from known ones gets the mean of their accuracies.

    Parameters
    ----------
    n_neighbors : int, "auto" or None, default=None
        Number of neighbours, k. None takes the recipe's: 8 for "best", 10 for the others.
        ``"auto"`` takes the one of 3, 5, 10, 20 and 30 with the smallest leave-one-out error of
        the ranks of the known architectures.
    space : str or SearchSpace, default=None
        The search space; X then holds architectures, for example texts. With None X is a matrix:
        tokens for the recipes "lstm" and "paper", any features for "best", which are then
        standardised.
    recipe : {"best", "lstm", "paper"}, default="best"
        How architectures become an embedding; see `make_emprox_pipeline`.
    embedder : transformer, default=None
        What embeds the recipe's features or tokens; None stands for the recipe's own with this
        `random_state`. Features without a `space` are given to it as they are.
    weights : {"distance", "uniform", "kriging"} or callable, default="distance"
        Weights of the neighbours, as in scikit-learn's `KNeighborsRegressor`. The paper's are
        ``"distance"``. ``"kriging"`` predicts with the kernel of a `ProximityMetric` over all
        known architectures instead, which is a little more accurate.
    chance_level : float, default=None
        Accuracy of an architecture without a path from input to output, in the unit of y: 10 for
        a classification with ten classes in percent. It then counts as one more known
        architecture; see `add_chance_anchor`. Has no effect in spaces where all have a path.
    n_jobs : int, default=None
        Number of parallel jobs of the neighbour search.
    random_state : int, RandomState instance or None, default=None
        Seed of the default embedder. An `embedder` that is given has its own.

    Attributes
    ----------
    features_ : transformer or None
        What makes features or tokens of architectures; None if X is given to the embedder as it
        is.
    embedder_ : transformer
        The fitted embedder.
    metric_ : ProximityMetric or None
        The learned metric: the embedder itself, or with ``weights="kriging"`` a metric of the
        embedding; None if there is neither.
    knn_ : sklearn.neighbors.KNeighborsRegressor
        The neighbours in the embedding.
    n_neighbors_ : int
        Number of neighbours.
    embedding_ : ndarray of shape (n_known, embedding_dim)
        Embeddings of the known architectures. That of an anchor stands behind those that were
        learned from, and before those that were added since.
    n_features_in_ : int
        Number of columns of X; only without a `space`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had any; only without a `space`.

    See Also
    --------
    make_emprox_pipeline : The same chain as a `Pipeline`.
    ProximityMetric : The learned metric alone.
    ArchitectureEmbedder : The LSTM embedding alone.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022. Section 3.2.

    Examples
    --------
    >>> from emprox import EmProxRegressor
    >>> from emprox.datasets import load_nasbench201
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = EmProxRegressor(space="nasbench201", chance_level=10, random_state=0)
    >>> model.fit(X[:121], y[:121]).predict(X[121:124]).shape
    (3,)
    >>> mean, std = model.predict(X[121:124], return_std=True)
    >>> distances, indices = model.kneighbors(X[121:124])
    >>> indices.shape
    (3, 8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"}), None],
        "space": [str, SearchSpace, None],
        "recipe": [StrOptions(set(RECIPES))],
        "embedder": [TransformerMixin, None],
        "weights": [StrOptions({"distance", "uniform", "kriging"}), callable],
        "chance_level": [Interval(Real, None, None, closed="neither"), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    # Fitted; some are objects of a class that only the parameters determine.
    features_: Any
    embedder_: Any
    metric_: Any
    _space: SearchSpace
    _known: NDArray[Any]
    _features: NDArray[Any]
    _targets: Array
    _fitted_targets: Array
    _positions: NDArray[np.int64]

    def __init__(
        self,
        n_neighbors: int | str | None = None,
        *,
        space: str | SearchSpace | None = None,
        recipe: str = "best",
        embedder: TransformerMixin | None = None,
        weights: str | Callable[[Array], Array] = "distance",
        chance_level: float | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.space = space
        self.recipe = recipe
        self.embedder = embedder
        self.weights = weights
        self.chance_level = chance_level
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: ArrayLike) -> EmProxRegressor:
        """Learn the embedding and remember the known architectures in it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Known architectures: a matrix, or with a `space` anything that it reads.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies, in percent or any other unit.

        Returns
        -------
        EmProxRegressor
            The regressor itself.

        Raises
        ------
        ValueError
            If X or y are empty, of different lengths, or not finite, or fewer architectures are
            known than there are neighbours to take.
        """
        if y is None:
            raise ValueError(
                f"requires y to be passed, but the target y is None: {type(self).__name__} learns"
                " from known accuracies"
            )
        targets = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        known, targets = self._check_known(X, targets, reset=True)
        self._learn(known, targets)
        return self

    def partial_fit(self, X: Any, y: ArrayLike, refit: bool | str = "auto") -> EmProxRegressor:
        """Add newly evaluated architectures to the known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            New architectures, as in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies.
        refit : bool or "auto", default="auto"
            Whether to learn the embedding anew. With True the result is that of `fit` on all
            architectures in the order of their coming, with the features of those before not
            computed again. With False the embedding stays as it is and the new architectures
            become neighbours in it, or with ``weights="kriging"`` enter the kernel prediction with
            everything else that was learned staying as it is. ``"auto"`` learns anew when there
            are a tenth more known architectures than the last time.

        Returns
        -------
        EmProxRegressor
            The regressor itself; it is fitted if it was not before.

        Raises
        ------
        ValueError
            If X and y are of different lengths, not finite, or do not match those given to `fit`.
        """
        if refit not in (True, False, "auto"):
            raise ValueError(f"refit has to be True, False or 'auto', got {refit!r}")
        if not hasattr(self, "knn_"):
            return self.fit(X, y)
        targets = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if targets.shape[1:] != self._targets.shape[1:]:
            raise ValueError(
                f"y has the shape {targets.shape}, but fit was given {self._targets.shape}"
            )
        new, targets = self._check_known(X, targets, reset=False)
        known = np.concatenate([self._known, new])
        targets = np.concatenate([self._targets, targets])
        if refit is True or (refit == "auto" and len(known) >= _GROWTH * self._n_learned):
            self._learn(known, targets, n_described=len(self._known))
        else:
            self._append(known, targets, n_before=len(self._known))
        return self

    def predict(self, X: Any, return_std: bool = False) -> Array | tuple[Array, Array]:
        """Predict accuracies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Architectures.
        return_std : bool, default=False
            Whether to return standard deviations as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted accuracies, in the unit of y.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviations of the accuracies, in the unit of y; only with `return_std`. With
            ``weights="kriging"`` they follow from the posterior variance of the kernel, otherwise
            from how much the neighbours differ, and from how well each of them is predicted by
            the others. Either way they are scaled so that 90 % of the leave-one-out residuals of
            the known architectures lie within 1.645 of them.
        """
        features = self._describe(X)
        if not return_std:
            return self._predict(features)
        mean, std = self._predict_with_raw_std(features)
        return mean, std * self._calibration()

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Predict intervals that hold the accuracies of new architectures.

        Conformal: the intervals are so wide that they hold the accuracies of the known
        architectures, each left out, as often as `coverage` says, with the correction for a
        finite number of them. This assumes that new architectures come from where the known ones
        do, and nothing else; `is_novel` tells where that is doubtful.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Architectures.
        coverage : float, default=0.9
            Share of accuracies that are to lie in their interval, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            Lower and upper ends, in the unit of y. Infinite if too few architectures are known:
            the least number is ``coverage / (1 - coverage)``.

        Raises
        ------
        ValueError
            If `coverage` is not between 0 and 1.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage has to be between 0 and 1, got {coverage}")
        mean, std = self._predict_with_raw_std(self._describe(X))
        residuals, stds = self._leave_one_out()
        quantile = conformal_quantile(residuals, stds, coverage)
        reach = std * (quantile if mean.ndim == 2 else quantile[0])
        return np.stack([mean - reach, mean + reach], axis=-1)

    def score_samples(self, X: Any) -> Array:
        """Rank architectures, also beyond the best known accuracy.

        No prediction is better than the best known accuracy, so that the most promising
        architectures of a search may all be predicted alike. These scores have no such end.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Architectures.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The larger, the better. With a `metric_` its score, in standard deviations of the
            transformed target; without one the predictions.
        """
        features = self._describe(X)
        if self.metric_ is None:
            return self._predict(features)
        return self.metric_.score_samples(self._to_metric(features))

    def novelty(self, X: Any) -> Array:
        """Measure how far architectures are from all known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Architectures.

        Returns
        -------
        ndarray of shape (n_samples,)
            Distance to the nearest known architecture, among the features as the metric weights
            them or in the embedding if there is no metric, over the distance that 95 % of the
            known architectures have at most to their nearest. 0 for a known architecture.
        """
        return _nearest(self._to_places(self._describe(X)), self._places()) / self._usual_distance()

    def is_novel(self, X: Any) -> NDArray[np.bool_]:
        """Flag architectures that are unlike all known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Architectures.

        Returns
        -------
        ndarray of shape (n_samples,)
            Whether `novelty` is above 1: their predictions and intervals are guesses.
        """
        return self.novelty(X) > 1

    def kneighbors(
        self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> NDArray[np.int64] | tuple[Array, NDArray[np.int64]]:
        """Find the known architectures that a prediction is made from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,), default=None
            Architectures. None stands for the known ones, none of which is then its own
            neighbour.
        n_neighbors : int, default=None
            How many; None takes the regressor's own number.
        return_distance : bool, default=True
            Whether to return the distances.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_neighbors)
            Euclidean distances in the embedding, ascending; only with `return_distance`.
        indices : ndarray of shape (n_samples, n_neighbors)
            Positions of the neighbours among the known architectures, in the order of their
            coming. An anchor is one behind the last.
        """
        check_is_fitted(self, "knn_")
        embedding = None if X is None else self.embedder_.transform(self._describe(X))
        distances, rows = self.knn_.kneighbors(embedding, n_neighbors)
        indices = self._positions[rows]
        return (distances, indices) if return_distance else indices

    def _check_known(self, X: Any, targets: Array, reset: bool) -> tuple[NDArray[Any], Array]:
        """Read known architectures as decisions, or check a matrix."""
        if self.space is None:
            rows = validate_data(self, X, reset=reset)
        else:
            space = get_space(self.space).learn(X) if reset else self._space
            rows = space.encode(X)
            if not len(rows):
                raise ValueError("found no architectures (0 samples): at least one is required")
            if reset:
                self._space = space
        check_consistent_length(rows, targets)
        return rows, targets

    def _learn(self, known: NDArray[Any], targets: Array, n_described: int = 0) -> None:
        """Fit everything to the known architectures; the first features may be there already."""
        recipe = get_recipe(self.recipe)
        n_known, with_anchor, fitted_targets = len(known), known, targets
        if self.chance_level is not None and self.space is not None:
            with_anchor, fitted_targets = add_chance_anchor(
                known, targets, self._space, self.chance_level
            )
        if n_described and self.features_ is not None and self.space is not None:
            transformer = self.features_
            fitted = np.concatenate(
                [self._features[:n_described], transformer.transform(with_anchor[n_described:])]
            )
        else:
            transformer = self._make_features()
            fitted = with_anchor if transformer is None else transformer.fit_transform(with_anchor)
        n_neighbors = recipe.n_neighbors if self.n_neighbors is None else self.n_neighbors
        n_fitted = len(fitted_targets)
        if not isinstance(n_neighbors, str) and n_neighbors > n_fitted:
            raise ValueError(
                f"n_neighbors={n_neighbors} is more than the number of known architectures,"
                f" n_samples={n_fitted}; set n_neighbors to at most {n_fitted}, or give more"
                " known architectures"
            )
        if self.embedder is None:
            embedder = make_embedder(self.recipe, random_state=self.random_state)
        else:
            embedder = clone(self.embedder)
        embedding = embedder.fit(fitted, fitted_targets).transform(fitted)
        metric = embedder if isinstance(embedder, ProximityMetric) else None
        if metric is None and self.weights == "kriging":
            metric = ProximityMetric(random_state=self.random_state)
            metric.fit(embedding, fitted_targets)
        # Set all at once, so that an interrupt above leaves nothing half fitted.
        self.features_, self.embedder_, self.metric_ = transformer, embedder, metric
        self.embedding_, self._fitted_targets = embedding, fitted_targets
        self._known, self._targets, self._features = known, targets, fitted[:n_known]
        # Where each row of the embedding stands among the known; an anchor is behind them all.
        self._positions, self._n_learned = np.arange(n_fitted), n_known
        self._set_neighbors(n_neighbors)

    def _make_features(self) -> Any:
        if self.space is not None:
            return make_features(self._space, self.recipe)
        if self.embedder is None and not get_recipe(self.recipe).reads_tokens:
            return StandardScaler()
        return None

    def _append(self, known: NDArray[Any], targets: Array, n_before: int) -> None:
        """Add known architectures and leave what was learned as it is."""
        new = known[n_before:]
        features = new if self.features_ is None else self.features_.transform(new)
        embedding = self.embedder_.transform(features)
        if self.weights == "kriging":
            self.metric_.update(self._to_metric(features), targets[n_before:])
        self.embedding_ = np.concatenate([self.embedding_, embedding])
        self._fitted_targets = np.concatenate([self._fitted_targets, targets[n_before:]])
        self._features = np.concatenate([self._features, features])
        positions = np.where(self._positions == n_before, len(known), self._positions)
        self._positions = np.concatenate([positions, np.arange(n_before, len(known))])
        self._known, self._targets = known, targets
        self._set_neighbors(self.n_neighbors_)

    def _set_neighbors(self, n_neighbors: int | str) -> None:
        self._residuals_and_stds: tuple[Array, Array] | None = None
        if isinstance(n_neighbors, str):
            n_neighbors = self._choose_n_neighbors()
        self.n_neighbors_ = int(n_neighbors)
        weights = "distance" if self.weights == "kriging" else self.weights
        knn = make_neighbors(self.n_neighbors_, weights, self.n_jobs)
        self.knn_ = knn.fit(self.embedding_, self._fitted_targets)

    def _choose_n_neighbors(self) -> int:
        """Take the number with the smallest leave-one-out error of the ranks."""
        ranks = rankdata(self._fitted_targets, axis=0)
        candidates = [k for k in _CANDIDATES if k < len(ranks)] or [1]
        errors = [
            np.abs(rankdata(self._leave_one_out_means(k)[0], axis=0) - ranks).mean()
            for k in candidates
        ]
        return candidates[int(np.argmin(errors))]

    def _leave_one_out_means(self, n_neighbors: int) -> tuple[Array, Array, NDArray[np.int64]]:
        """Predict each known architecture from the others; return the evidence as well."""
        # The metric knows an embedding for which a row's own accuracy was not used.
        apart = getattr(self.embedder_, "loo_embedding_", self.embedding_)
        if len(apart) != len(self.embedding_):
            apart = self.embedding_
        distances = cdist(apart, self.embedding_)
        np.fill_diagonal(distances, np.inf)
        n_neighbors = min(n_neighbors, len(distances) - 1)
        indices = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
        distances = np.take_along_axis(distances, indices, axis=1)
        weights = _as_weights(distances, self.weights)[:, :, None]
        neighbors = _as_columns(self._fitted_targets)[indices]
        means = (weights * neighbors).sum(axis=1) / weights.sum(axis=1)
        return means, distances, indices

    def _leave_one_out(self) -> tuple[Array, Array]:
        """Return residuals and uncalibrated standard deviations of the known architectures."""
        if self._residuals_and_stds is None:
            targets = _as_columns(self._fitted_targets)
            if self.weights == "kriging":
                residuals = targets - _as_columns(self.metric_.loo_predictions_)
                stds = _as_columns(self.metric_.loo_std_)
            else:
                means, distances, indices = self._leave_one_out_means(self.n_neighbors_)
                residuals = targets - means
                stds = self._neighbor_std(distances, indices, means, residuals)
            self._residuals_and_stds = residuals, stds
        return self._residuals_and_stds

    def _neighbor_std(
        self, distances: Array, indices: NDArray[np.int64], means: Array, residuals: Array
    ) -> Array:
        """Combine how neighbours differ with how well each is predicted by the others."""
        weights = _as_weights(distances, self.weights)[:, :, None]
        neighbors = _as_columns(self._fitted_targets)[indices]
        squares = (neighbors - means[:, None]) ** 2 + residuals[indices] ** 2
        return np.sqrt((weights * squares).sum(axis=1) / weights.sum(axis=1))

    def _predict(self, features: NDArray[Any]) -> Array:
        if self.weights == "kriging":
            return self.metric_.predict(self._to_metric(features))
        return self.knn_.predict(self.embedder_.transform(features))

    def _predict_with_raw_std(self, features: NDArray[Any]) -> tuple[Array, Array]:
        if self.weights == "kriging":
            return self.metric_.predict(self._to_metric(features), return_std=True)
        embedding = self.embedder_.transform(features)
        mean = self.knn_.predict(embedding)
        distances, indices = self.knn_.kneighbors(embedding)
        residuals, _ = self._leave_one_out()
        std = self._neighbor_std(distances, indices, _as_columns(mean), residuals)
        return mean, std.reshape(mean.shape)

    def _calibration(self) -> Any:
        factor = calibration_factor(*self._leave_one_out())
        return factor if self._targets.ndim == 2 else factor[0]

    def _to_metric(self, features: NDArray[Any]) -> NDArray[Any]:
        """Return what the metric is given: the embedder's input, or its output."""
        return features if self.metric_ is self.embedder_ else self.embedder_.transform(features)

    def _to_places(self, features: NDArray[Any]) -> Array:
        """Return where architectures lie when it comes to novelty."""
        if self.metric_ is None:
            return self.embedder_.transform(features)
        weights = np.atleast_2d(self.metric_.feature_weights_).mean(axis=0)
        return self._to_metric(features) * np.sqrt(weights)

    def _places(self) -> Array:
        return self._to_places(self._features)

    def _usual_distance(self) -> float:
        places = self._places()
        distances = cdist(places, places)
        np.fill_diagonal(distances, np.inf)
        nearest = distances.min(axis=1)
        usual = (
            float(np.quantile(nearest[np.isfinite(nearest)], _NOVEL_ABOVE))
            if len(places) > 1
            else 0.0
        )
        return max(usual, np.finfo(np.float64).tiny)

    def _describe(self, X: Any) -> NDArray[Any]:
        check_is_fitted(self, "knn_")
        if self.space is None:
            X = validate_data(self, X, reset=False)
        return X if self.features_ is None else self.features_.transform(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if self.space is not None:
            tags.input_tags = get_tags(ArchitectureTokenizer()).input_tags
        elif self.embedder is not None:
            tags.input_tags = get_tags(self.embedder).input_tags
        else:
            tags.input_tags = get_tags(make_embedder(self.recipe)).input_tags
        tags.target_tags.multi_output = True
        return tags


def _nearest(places: Array, known: Array) -> Array:
    """Return the distance of each place to the nearest known one."""
    rows = max(1, 2**22 // len(known))
    parts = [
        cdist(places[start : start + rows], known).min(axis=1)
        for start in range(0, len(places), rows)
    ]
    return np.concatenate(parts)


def _as_columns(targets: Array) -> Array:
    return targets.reshape(len(targets), -1)


def _as_weights(distances: Array, weights: Any) -> Array:
    """Weight neighbours as `KNeighborsRegressor` does: those at distance zero shut others out."""
    if callable(weights):
        return weights(distances)
    if weights == "uniform":
        return np.ones_like(distances)
    equal = distances == 0
    with np.errstate(divide="ignore"):
        inverse = 1 / distances
    return np.where(equal.any(axis=1, keepdims=True), equal, inverse)
