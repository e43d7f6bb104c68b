"""Embedding and neighbours in one estimator."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils import Tags, check_array, check_consistent_length, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from ._embedder import ArchitectureEmbedder
from ._recipes import RECIPES, make_embedder, make_tokenizer
from ._tokenizer import ArchitectureTokenizer
from .spaces import SearchSpace
from .utils._sklearn import Interval, StrOptions, fit_context


class EmProxRegressor(RegressorMixin, BaseEstimator):
    """Predict the accuracy of architectures from their nearest neighbours in an embedding.

    The Embedding Proximity score: architectures are embedded, and the accuracy of a new one is
    the mean over the k nearest architectures of known accuracy, weighted by inverse distance. An
    architecture at distance zero from known ones gets the mean of their accuracies.

    Parameters
    ----------
    n_neighbors : int, default=10
        Number of neighbours, k.
    space : str or SearchSpace, default=None
        With a search space X holds architectures, for example texts, and an
        `ArchitectureTokenizer` stands in front of the embedder. With None X is a token matrix.
    recipe : {"lstm", "paper"}, default="lstm"
        How tokenizer and embedder are set; see `make_emprox_pipeline`.
    embedder : transformer, default=None
        What embeds the token matrix; None stands for the recipe's `ArchitectureEmbedder` with
        this `random_state`.
    weights : {"distance", "uniform"} or callable, default="distance"
        Weights of the neighbours, as in scikit-learn's `KNeighborsRegressor`. The paper's are
        ``"distance"``.
    n_jobs : int, default=None
        Number of parallel jobs of the neighbour search.
    random_state : int, RandomState instance or None, default=None
        Seed of the default embedder. An `embedder` that is given has its own.

    Attributes
    ----------
    embedder_ : transformer
        The fitted embedder.
    tokenizer_ : ArchitectureTokenizer or None
        The fitted tokenizer; None without a `space`.
    knn_ : sklearn.neighbors.KNeighborsRegressor
        The neighbours in the embedding.
    embedding_ : ndarray of shape (n_samples, embedding_dim)
        Embeddings of the known architectures, taken once after training.
    n_features_in_ : int
        Length of the token sequences; only without a `space`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had any; only without a `space`.

    See Also
    --------
    make_emprox_pipeline : The same chain as a plain `Pipeline`.
    ArchitectureEmbedder : The embedding alone.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022. Section 3.2.

    Examples
    --------
    >>> from emprox import ArchitectureEmbedder, EmProxRegressor
    >>> from emprox.datasets import load_nasbench201
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> embedder = ArchitectureEmbedder(8, max_epochs=2, random_state=0)
    >>> model = EmProxRegressor(5, space="nasbench201", embedder=embedder).fit(X[:50], y[:50])
    >>> model.predict(X[50:53]).shape
    (3,)
    >>> distances, indices = model.kneighbors(X[50:53])
    >>> indices.shape
    (3, 5)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "space": [str, SearchSpace, None],
        "recipe": [StrOptions(set(RECIPES))],
        "embedder": [TransformerMixin, None],
        "weights": [StrOptions({"distance", "uniform"}), callable],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_neighbors: int = 10,
        *,
        space: str | SearchSpace | None = None,
        recipe: str = "lstm",
        embedder: TransformerMixin | None = None,
        weights: str | Callable[[NDArray[Any]], NDArray[Any]] = "distance",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.space = space
        self.recipe = recipe
        self.embedder = embedder
        self.weights = weights
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: ArrayLike) -> EmProxRegressor:
        """Learn the embedding and remember the known architectures in it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Known architectures: a token matrix, or with a `space` anything that it reads.
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
        X = self._check_architectures(X, reset=True)
        check_consistent_length(X, targets)
        n_samples = len(targets)
        if self.n_neighbors > n_samples:
            raise ValueError(
                f"n_neighbors={self.n_neighbors} is more than the number of known architectures,"
                f" n_samples={n_samples}; set n_neighbors to at most {n_samples}, or give more"
                " known architectures"
            )
        if self.embedder is None:
            embedder = make_embedder(self.recipe, random_state=self.random_state)
        else:
            embedder = clone(self.embedder)
        tokenizer = None if self.space is None else make_tokenizer(self.space, self.recipe)
        tokens = X if tokenizer is None else tokenizer.fit_transform(X)
        embedding = embedder.fit(tokens, targets).transform(tokens)
        knn = make_neighbors(self.n_neighbors, self.weights, self.n_jobs)
        # Set all at once, so that an interrupt above leaves nothing half fitted.
        self.knn_ = knn.fit(embedding, targets)
        self.tokenizer_, self.embedder_, self.embedding_ = tokenizer, embedder, embedding
        self._targets: NDArray[np.float64] = targets
        return self

    def predict(
        self, X: Any, return_std: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict accuracies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Architectures.
        return_std : bool, default=False
            Whether to return the spread of the neighbours as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted accuracies, in the unit of y.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Weighted standard deviation of the neighbours' accuracies around their mean, in the
            unit of y; only with `return_std`. It says how much the neighbours disagree, and is
            not calibrated.
        """
        embedding = self._embed(X)
        mean = self.knn_.predict(embedding)
        if not return_std:
            return mean
        distances, indices = self.knn_.kneighbors(embedding)
        weights = _as_weights(distances, self.weights)
        neighbors = self._targets[indices]
        if neighbors.ndim == 3:
            weights = weights[:, :, None]
        deviations = (neighbors - mean[:, None]) ** 2
        return mean, np.sqrt((weights * deviations).sum(axis=1) / weights.sum(axis=1))

    def kneighbors(
        self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> NDArray[np.int64] | tuple[NDArray[np.float64], NDArray[np.int64]]:
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
            Positions of the neighbours among the architectures given to `fit`.
        """
        check_is_fitted(self, "knn_")
        embedding = None if X is None else self._embed(X)
        return self.knn_.kneighbors(embedding, n_neighbors, return_distance)

    def _embed(self, X: Any) -> NDArray[Any]:
        check_is_fitted(self, "knn_")
        X = self._check_architectures(X, reset=False)
        tokens = X if self.tokenizer_ is None else self.tokenizer_.transform(X)
        return self.embedder_.transform(tokens)

    def _check_architectures(self, X: Any, reset: bool) -> Any:
        """Check a token matrix; architectures of a space are checked by the tokenizer."""
        if self.space is None:
            return validate_data(self, X, reset=reset)
        return X

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if self.space is not None:
            tags.input_tags = get_tags(ArchitectureTokenizer()).input_tags
        else:
            embedder = ArchitectureEmbedder() if self.embedder is None else self.embedder
            tags.input_tags = get_tags(embedder).input_tags
        tags.target_tags.multi_output = True
        return tags


def make_neighbors(
    n_neighbors: int, weights: Any = "distance", n_jobs: int | None = None
) -> KNeighborsRegressor:
    """Build the neighbours step of EmProx.

    Parameters
    ----------
    n_neighbors : int
        Number of neighbours, k.
    weights : {"distance", "uniform"} or callable, default="distance"
        Weights of the neighbours.
    n_jobs : int, default=None
        Number of parallel jobs.

    Returns
    -------
    sklearn.neighbors.KNeighborsRegressor
        The unfitted regressor.
    """
    # The tree subtracts coordinates, so that equal embeddings are at distance zero exactly; brute
    # force expands the square and leaves about 1e-8, which lets the other neighbours in.
    return KNeighborsRegressor(n_neighbors, weights=weights, algorithm="kd_tree", n_jobs=n_jobs)


def _as_weights(distances: NDArray[np.float64], weights: Any) -> NDArray[np.float64]:
    """Weight neighbours as `KNeighborsRegressor` does: those at distance zero shut others out."""
    if callable(weights):
        return weights(distances)
    if weights == "uniform":
        return np.ones_like(distances)
    equal = distances == 0
    with np.errstate(divide="ignore"):
        inverse = 1 / distances
    return np.where(equal.any(axis=1, keepdims=True), equal, inverse)
