"""Features, embedding and neighbours in one estimator."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone, is_regressor
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import Tags, check_array, check_consistent_length, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from ._anchors import add_chance_anchor
from ._metric import ProximityMetric
from ._metric._target import TargetTransform
from ._recipes import RECIPES, get_recipe, make_embedder, make_features, make_neighbors
from ._side import SideInformation
from ._tokenizer import ArchitectureTokenizer
from ._uncertainty import ResidualCalibration, transform_columns
from .spaces import SearchSpace, get_space
from .spaces._nonempty import encode_some
from .utils._sklearn import Interval, StrOptions, fit_context

Array = NDArray[np.float64]

# Numbers of neighbours that n_neighbors="auto" chooses from.
_CANDIDATES = (3, 5, 10, 20, 30)
# Parts of the known architectures that are predicted from the others to measure uncertainty.
_N_PARTS = 5
# partial_fit(refit="auto") learns anew when there are so many known architectures for so many that
# were learned from: a tenth more.
_GROWTH = 11, 10
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
        Number of neighbours, k. None takes the recipe's: 8 for "best", 10 for the others, or all
        known architectures if these are fewer.
        ``"auto"`` takes the one of 3, 5, 10, 20 and 30 with the smallest leave-one-out error, as
        the mean square of what is left of the known accuracies once they are transformed like a
        `ProximityMetric` transforms them. It pays for noisy accuracies.
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
    _side: Any

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
    def fit(self, X: Any, y: ArrayLike, side: Any = None) -> EmProxRegressor:
        """Learn the embedding and remember the known architectures in it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Known architectures: a matrix, or with a `space` anything that it reads.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies, in percent or any other unit.
        side : mapping or tuple, default=None
            Accuracies on other tasks of the same space, of these or of any other architectures: a
            mapping of names to pairs (architectures, accuracies), or one such pair for all tasks,
            with a column for each and NaN for what is not known; see `SideInformation`. How much
            they count is learned. Needs a `space` and the recipe "best".

        Returns
        -------
        EmProxRegressor
            The regressor itself.

        Raises
        ------
        ValueError
            If X or y are empty, of different lengths, or not finite, or fewer architectures are
            known than there are neighbours to take; or if `side` is not as described.
        """
        if y is None:
            raise ValueError(
                f"requires y to be passed, but the target y is None: {type(self).__name__} learns"
                " from known accuracies"
            )
        targets = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        known, targets = self._check_known(X, targets, reset=True)
        self._learn(known, targets, side)
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
            computed again, unless there is side information. With False the embedding stays as it
            is and the new architectures become neighbours in it, or with ``weights="kriging"``
            enter the kernel prediction with everything else that was learned staying as it is; so
            `score_samples` only heeds them with ``"kriging"``. ``"auto"`` learns anew when there
            are a tenth more known architectures than the last time. What was given to `fit` as
            `side` is used again.

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
        after, before = _GROWTH
        grown = before * len(known) >= after * self._n_learned
        if refit is True or (refit == "auto" and grown):
            self._learn(known, targets, self._side, n_described=len(self._known))
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
            Standard deviations of measured accuracies around the predictions, in the unit of y;
            only with `return_std`. They are the widths of the intervals of `predict_interval`
            with a coverage of 90 % over 3.29, that of a normal distribution.
        """
        features = self._describe(X)
        if not return_std:
            return self._predict(features)
        mean, scores, stds = self._predict_with_scores(features)
        std = self._get_calibration().standard_deviations(scores, stds)
        return mean, std.reshape(mean.shape)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Predict intervals that hold the accuracies of new architectures.

        Conformal: the intervals are so wide that they hold the accuracies of the known
        architectures as often as `coverage` says, with the correction for a finite number of
        them, if these are predicted from the others: in five parts, for each of which everything
        that depends on accuracies is learned anew. This is done when it is first asked for after
        learning, and takes as long as four fits. It assumes that new architectures come from
        where the known ones do; `is_novel` tells where that is doubtful.

        How wide intervals are relative to each other follows from the posterior variance of the
        `metric_` or, if there is none, from how much the neighbours differ. All this is done with
        transformed accuracies (see `ProximityMetric`), so that intervals are not symmetric: bad
        architectures are harder to predict.

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
        mean, scores, stds = self._predict_with_scores(self._describe(X))
        intervals = self._get_calibration().intervals(scores, stds, coverage)
        return intervals.reshape(*mean.shape, 2)

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
            known architectures have at most to their nearest. 0 for a known architecture; for all
            others infinite if the known ones do not differ, or there is only one.
        """
        nearest = _nearest(self._to_places(self._describe(X)), self._places())
        usual = self._usual_distance()
        return np.divide(nearest, usual, np.where(nearest > 0, np.inf, 0), where=usual > 0)

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
            rows = encode_some(space, X)
            if reset:
                self._space = space
        check_consistent_length(rows, targets)
        return rows, targets

    def _learn(self, known: NDArray[Any], targets: Array, side: Any, n_described: int = 0) -> None:
        """Fit everything to the known architectures; the first features may be there already."""
        recipe = get_recipe(self.recipe)
        n_known, with_anchor, fitted_targets = len(known), known, targets
        if self.chance_level is not None and self.space is not None:
            with_anchor, fitted_targets = add_chance_anchor(
                known, targets, self._space, self.chance_level
            )
        # How much side columns count depends on all targets, so these features are computed again.
        reusable = self.space is not None and side is None
        if n_described and self.features_ is not None and reusable:
            transformer = self.features_
            fitted = np.concatenate(
                [self._features[:n_described], transformer.transform(with_anchor[n_described:])]
            )
        else:
            transformer = self._make_features(side)
            fitted = with_anchor
            if transformer is not None:
                fitted = transformer.fit_transform(with_anchor, fitted_targets)
        n_fitted = len(fitted_targets)
        n_neighbors = self.n_neighbors
        if n_neighbors is None:
            n_neighbors = min(recipe.n_neighbors, n_fitted)
        if not isinstance(n_neighbors, str) and n_neighbors > n_fitted:
            raise ValueError(
                f"n_neighbors={n_neighbors} is more than the number of known architectures,"
                f" n_samples={n_fitted}; set n_neighbors to at most {n_fitted}, or give more"
                " known architectures"
            )
        if self.embedder is None:
            embedder = make_embedder(self.recipe, self.space, random_state=self.random_state)
        else:
            embedder = clone(self.embedder)
        if hasattr(embedder, "set_output"):
            # Data frames between the parts would only cost time.
            embedder.set_output(transform="default")
        embedder.fit(fitted, fitted_targets)
        metric = embedder if isinstance(embedder, ProximityMetric) else None
        embedding = embedder.transform(fitted) if metric is None else metric.embedding_
        if metric is None and self.weights == "kriging":
            metric = ProximityMetric(random_state=self.random_state)
            metric.fit(embedding, fitted_targets)
        # Set all at once, so that an interrupt above leaves nothing half fitted.
        self.features_, self.embedder_, self.metric_ = transformer, embedder, metric
        self.embedding_, self._fitted_targets = embedding, fitted_targets
        self._known, self._targets, self._features = known, targets, fitted[:n_known]
        self._anchor_features, self._side = fitted[n_known:], side
        self._calibration: ResidualCalibration | None = None
        # Where each row of the embedding stands among the known; an anchor is behind them all.
        self._positions, self._n_learned = np.arange(n_fitted), n_known
        self._set_neighbors(n_neighbors)

    def _make_features(self, side: Any) -> Any:
        if side is not None:
            if self.space is None:
                raise ValueError("side information needs a search space; set space")
            if get_recipe(self.recipe).reads_tokens:
                raise ValueError(
                    f"recipe={self.recipe!r} reads nothing but tokens; side information needs"
                    " recipe='best'"
                )
            return SideInformation(self._space, side, random_state=self.random_state)
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
        self.embedding_ = np.concatenate([self.embedding_, embedding])
        if self.weights == "kriging":
            self.metric_.update(self._to_metric(features), targets[n_before:])
            if self.metric_ is self.embedder_:
                self.embedding_ = self.metric_.embedding_
        self._fitted_targets = np.concatenate([self._fitted_targets, targets[n_before:]])
        self._features = np.concatenate([self._features, features])
        positions = np.where(self._positions == n_before, len(known), self._positions)
        self._positions = np.concatenate([positions, np.arange(n_before, len(known))])
        self._known, self._targets = known, targets
        self._set_neighbors(self.n_neighbors_)

    def _set_neighbors(self, n_neighbors: int | str) -> None:
        if self.metric_ is not None:
            self._transforms = self.metric_.target_transforms_
        else:
            columns = _as_columns(self._fitted_targets).T
            self._transforms = [TargetTransform(column) for column in columns]
        if isinstance(n_neighbors, str):
            n_neighbors = self._choose_n_neighbors()
        self.n_neighbors_ = int(n_neighbors)
        weights = "distance" if self.weights == "kriging" else self.weights
        knn = make_neighbors(self.n_neighbors_, weights, self.n_jobs)
        self.knn_ = knn.fit(self.embedding_, self._fitted_targets)

    def _choose_n_neighbors(self) -> int:
        """Take the number with the smallest leave-one-out error."""
        targets = _as_columns(self._fitted_targets)
        candidates = [k for k in _CANDIDATES if k < len(targets)] or [1]
        if len(targets) == 1:
            return 1
        true = transform_columns(self._transforms, targets)
        errors = [
            np.square(transform_columns(self._transforms, self._leave_one_out(k)) - true).mean()
            for k in candidates
        ]
        return candidates[int(np.argmin(errors))]

    def _leave_one_out(self, n_neighbors: int) -> Array:
        """Predict each known architecture from the others."""
        # The metric knows an embedding for which a row's own accuracy was not used, as it was not
        # for the rows that were added since.
        apart = getattr(self.embedder_, "loo_embedding_", self.embedding_)
        apart = np.concatenate([apart, self.embedding_[len(apart) :]])
        distances = cdist(apart, self.embedding_)
        np.fill_diagonal(distances, np.inf)
        indices = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
        distances = np.take_along_axis(distances, indices, axis=1)
        weights = _as_weights(distances, self.weights)[:, :, None]
        neighbors = _as_columns(self._fitted_targets)[indices]
        return (weights * neighbors).sum(axis=1) / weights.sum(axis=1)

    def _get_calibration(self) -> ResidualCalibration:
        """Compare known architectures with what is predicted for them from the others."""
        if self._calibration is None:
            residuals, stds = self._cross_validate()
            self._calibration = ResidualCalibration(
                self._transforms, residuals, stds, add_mean_square=self.metric_ is None
            )
        return self._calibration

    def _cross_validate(self) -> tuple[Array, Array]:
        """Predict parts of the known architectures from the others, with deviations."""
        if _learns_from_targets(self.embedder_):
            X = np.concatenate([self._features[: self._n_learned], self._anchor_features])
            embedder = self.embedder_
        else:
            X = self.embedding_[: self._n_learned + len(self._anchor_features)]
            embedder = FunctionTransformer() if self.metric_ is None else self.metric_
        targets = self._fitted_targets[: len(X)]
        residuals, stds = np.empty((2, self._n_learned, _as_columns(targets).shape[1]))
        order = np.random.default_rng(0).permutation(self._n_learned)
        for part in np.array_split(order, min(_N_PARTS, self._n_learned)):
            # An anchor is never left out: how it is predicted says nothing about others.
            others = np.setdiff1d(np.arange(len(X)), part)
            if not len(others):
                return residuals[:0], stds[:0]
            model = EmProxRegressor(
                min(self.n_neighbors_, len(others)),
                embedder=embedder,
                weights=self.weights,
                random_state=deepcopy(self.random_state),
            )
            with warnings.catch_warnings():
                # Of what is rare in the whole there may be nothing in a part.
                warnings.simplefilter("ignore")
                model.fit(X[others], targets[others])
                _, scores, stds[part] = model._predict_with_scores(X[part])
            true = transform_columns(model._transforms, _as_columns(targets[part]))
            residuals[part] = true - scores
        return residuals, stds

    def _neighbor_std(self, distances: Array, indices: NDArray[np.int64], scores: Array) -> Array:
        """Return how much neighbours differ, transformed."""
        weights = _as_weights(distances, self.weights)[:, :, None]
        true = transform_columns(self._transforms, _as_columns(self._fitted_targets))
        squares = (true[indices] - scores[:, None]) ** 2
        return np.sqrt((weights * squares).sum(axis=1) / weights.sum(axis=1))

    def _predict(self, features: NDArray[Any]) -> Array:
        if self.weights == "kriging":
            return self.metric_.predict(self._to_metric(features))
        return self.knn_.predict(self.embedder_.transform(features))

    def _predict_with_scores(self, features: NDArray[Any]) -> tuple[Array, Array, Array]:
        """Return predictions, and transformed ones with deviations, up to a common factor."""
        mean = self._predict(features)
        if self.metric_ is not None:
            scores, stds = self.metric_.score_samples(self._to_metric(features), return_std=True)
        if self.weights != "kriging":
            scores = transform_columns(self._transforms, _as_columns(mean))
        if self.metric_ is None:
            distances, indices = self.knn_.kneighbors(self.embedder_.transform(features))
            stds = self._neighbor_std(distances, indices, scores)
        return mean, _as_columns(scores), _as_columns(stds)

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
        distinct = nearest[np.isfinite(nearest)]
        return float(np.quantile(distinct, _NOVEL_ABOVE)) if len(distinct) else 0.0

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
            # Whatever the embedder takes, X is checked before.
            tags.input_tags.allow_nan = tags.input_tags.sparse = False
        else:
            tags.input_tags = get_tags(make_embedder(self.recipe)).input_tags
        tags.target_tags.multi_output = True
        # Neighbours know the accuracies of what they were fitted to; kriging of an embedding of
        # numbers that are no tokens knows nothing.
        if self.weights == "kriging" and tags.input_tags.categorical and tags.regressor_tags:
            tags.regressor_tags.poor_score = True
        return tags


def _nearest(places: Array, known: Array) -> Array:
    """Return the distance of each place to the nearest known one."""
    rows = max(1, 2**22 // len(known))
    parts = [
        cdist(places[start : start + rows], known).min(axis=1)
        for start in range(0, len(places), rows)
    ]
    return np.concatenate(parts)


def _learns_from_targets(embedder: Any) -> bool:
    """Say whether an embedding depends on accuracies; ours says so by a weight of them."""
    return bool(
        is_regressor(embedder)
        or get_tags(embedder).target_tags.required
        or getattr(embedder, "target_weight", 0) > 0
    )


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
