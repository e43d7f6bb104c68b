"""The chain from architectures to accuracies as one estimator."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from ._pipeline import RECIPES, make_emprox_pipeline
from .proximity import SideInformation
from .proximity._kernels import Floats
from .proximity._predictor import ProximityPredictor
from .proximity._rows import Known, check_known, check_rows
from .spaces import SearchSpace, get_space
from .spaces._network import is_network
from .utils._sklearn import Interval, StrOptions, fit_context
from .utils._targets import check_targets


class EmProxRegressor(ProximityPredictor):
    """Predict the accuracy of architectures from their nearest neighbours in an embedding.

    The Embedding Proximity score: architectures are embedded, and the accuracy of a new one is
    the mean over the k nearest architectures of known accuracy, weighted by inverse distance. An
    architecture at distance zero from known ones gets the mean of their accuracies. This is the
    pipeline of `make_emprox_pipeline`, which can also be fitted in parts and with side
    information, and whose last step, a `ProximityRegressor`, does the rest.

    Parameters
    ----------
    space : str or SearchSpace, default=None
        The search space; X then holds architectures, for example texts. ``"network"`` takes any
        PyTorch networks, as modules or captured; see `NetworkSpace`. With None X is a matrix:
        tokens for the recipes "lstm" and "paper", any features for "best", which are then
        standardised.
    recipe : {"best", "lstm", "paper"}, default="best"
        How architectures become an embedding; see `make_emprox_pipeline`.
    n_neighbors : int, "auto" or None, default=None
        Number of neighbours, k; see `ProximityRegressor`.
    embedding_dim : int, default=None
        Size of the embedding; None takes the recipe's.
    weights : {"distance", "uniform", "kriging"} or callable, default="distance"
        Weights of the neighbours; see `ProximityRegressor`. The paper's are ``"distance"``.
        ``"kriging"`` is a little more accurate.
    chance_level : float, default=None
        Accuracy of an architecture without a path from input to output, in the unit of y: 10 for
        a classification with ten classes in percent. It then counts as one more known
        architecture; see `add_chance_anchor`. Has no effect in spaces where all have a path.
    device : str, default="cpu"
        Torch device of the recipes "lstm" and "paper".
    verbose : int, default=0
        Verbosity of their embedder; 1 prints a line for each epoch.
    n_jobs : int, default=None
        Number of parallel jobs of the neighbour search.
    random_state : int, RandomState instance or None, default=None
        Seed of the metric and the embedder.

    Attributes
    ----------
    pipeline_ : sklearn.pipeline.Pipeline
        The fitted pipeline.
    metric_ : ProximityMetric or None
        The learned metric; None if the recipe learns none.
    n_neighbors_ : int
        Number of neighbours.
    embedding_ : ndarray of shape (n_known, n_columns)
        Embeddings of the known architectures.
    space_ : SearchSpace or None
        The search space; an open one as it was learned.
    X_ : ndarray of shape (n_known, n_columns)
        The known architectures in the order of their coming: decisions, or the matrix.
    y_ : ndarray of shape (n_known,) or (n_known, n_outputs)
        Their accuracies.
    emprox_version_ : str
        The version of emprox that made the estimator.
    n_features_in_ : int
        Number of columns of X; only without a `space`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had any; only without a `space`.

    See Also
    --------
    make_emprox_pipeline : The same chain as a `Pipeline`.
    emprox.proximity.ProximityRegressor : Its last step alone, on matrices.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022. Section 3.2.

    Examples
    --------
    >>> from emprox import EmProxRegressor
    >>> from emprox.datasets import load_nasbench201
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = EmProxRegressor("nasbench201", chance_level=10, random_state=0)
    >>> model.fit(X[:121], y[:121]).predict(X[121:124]).shape
    (3,)
    >>> mean, std = model.predict(X[121:124], return_std=True)
    >>> distances, indices = model.kneighbors(X[121:124])
    >>> indices.shape
    (3, 8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "space": [str, SearchSpace, None],
        "recipe": [StrOptions(set(RECIPES))],
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"}), None],
        "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
        "weights": [StrOptions({"distance", "uniform", "kriging"}), callable],
        "chance_level": [Interval(Real, None, None, closed="neither"), None],
        "device": [object],
        "verbose": ["verbose"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    space_: Any

    def __init__(
        self,
        space: str | SearchSpace | None = None,
        *,
        recipe: str = "best",
        n_neighbors: int | str | None = None,
        embedding_dim: int | None = None,
        weights: str | Callable[[Floats], Floats] = "distance",
        chance_level: float | None = None,
        device: str = "cpu",
        verbose: int = 0,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.space = space
        self.recipe = recipe
        self.n_neighbors = n_neighbors
        self.embedding_dim = embedding_dim
        self.weights = weights
        self.chance_level = chance_level
        self.device = device
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        side: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> EmProxRegressor:
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
        sample_weight : array-like of shape (n_samples,), default=None
            How many times each counts: how often it was trained.

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
        space = None if self.space is None else get_space(self.space)
        if space is not None:
            X = space.prepare(X)
            space = space.learn(X)
        return self._learn(space, self._read_known(space, X, y, sample_weight), side)

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        refit: bool | str = "auto",
    ) -> EmProxRegressor:
        """Add newly evaluated architectures to the known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            New architectures, as in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies.
        sample_weight : array-like of shape (n_samples,), default=None
            How many times each counts.
        refit : bool or "auto", default="auto"
            Whether to learn the embedding anew. With True the result is that of `fit` on all known
            architectures. With False the embedding stays as it is and the new architectures become
            neighbours in it; see `ProximityRegressor`. ``"auto"`` learns anew when there are a
            tenth more known architectures than the last time. What was given to `fit` as `side` is
            used again.

        Returns
        -------
        EmProxRegressor
            The regressor itself; it is fitted if it was not before.

        Raises
        ------
        ValueError
            If X and y are of different lengths, not finite, or do not match those given to `fit`,
            or `refit` is something else.
        """
        if not hasattr(self, "pipeline_"):
            return self.fit(X, y, sample_weight=sample_weight)
        space, decisions = self.space_, self._known.X
        if space is not None:
            X = space.prepare(X)
            space = space.extend(X)
        if space is not self.space_:
            # What is new to a learned space changes its decisions, but not its architectures.
            decisions = space.encode(self.space_.decode(decisions))
        new = self._read_known(space, X, y, sample_weight, reset=False)
        known = Known(decisions, *self._known[1:]).join(new)
        if self._learner._has_to_learn(refit, len(new.X)):
            groups = self._learner._groups_and(len(new.X))
            self._learn(space, known, self._side)
            if groups is not None:
                self.calibrate(groups[groups >= 0])
            return self
        # The pipeline may have been fitted before the space was last extended.
        is_same = space is getattr(self.pipeline_[0], "space_", None)
        features = self.pipeline_[:-1].transform(new.X if is_same else X)
        self._learner.partial_fit(features, new.y, new.weights, refit=False)
        return self._remember(space, known)

    @property
    def _learner(self) -> Any:
        check_is_fitted(self, "pipeline_")
        return self.pipeline_[-1]

    def _read_known(
        self, space: Any, X: Any, y: ArrayLike, weights: ArrayLike | None, reset: bool = True
    ) -> Known:
        """Read known architectures as decisions, or check a matrix."""
        targets = check_targets(y)
        rows = self._read_matrix(X, reset) if space is None else space.encode(X, at_least=1)
        return check_known(rows, targets, weights, None if reset else self._known.y.shape)

    def _read_matrix(self, X: Any, reset: bool) -> NDArray[Any]:
        is_list = isinstance(X, list | tuple) or getattr(X, "ndim", 2) == 1
        first = next(iter(X), None) if is_list else None
        if isinstance(first, str):
            raise ValueError("X holds texts: say which search space they are of, as space=…")
        if is_network(first):
            raise ValueError("X holds PyTorch networks: say so, with space='network'")
        return check_rows(validate_data(self, X, reset=reset))

    def _learn(self, space: Any, known: Known, side: Any) -> EmProxRegressor:
        """Fit a new pipeline to known architectures."""
        pipeline = self._make_pipeline(space, side)
        weights = None if (known.weights == 1).all() else known.weights
        pipeline.fit(known.X, known.y, sample_weight=weights)
        # Set all at once, so that an interrupt above leaves nothing half fitted.
        self.__dict__.pop("_emprox_version", None)
        self.pipeline_, self._side = pipeline, side
        return self._remember(space, known)

    def _remember(self, space: Any, known: Known) -> EmProxRegressor:
        self.space_, self._known, self.X_, self.y_ = space, known, known.X, known.y
        learner = self.pipeline_[-1]
        self.metric_, self.n_neighbors_ = learner.metric_, learner.n_neighbors_
        self.embedding_, self._n_features_out = learner.embedding_, learner._n_features_out
        return self

    def _make_pipeline(self, space: Any, side: Any = None) -> Pipeline:
        pipeline = make_emprox_pipeline(**{**self.get_params(deep=False), "space": space})
        if side is not None:
            if "features" not in pipeline.named_steps:
                raise ValueError("side information needs a space, and recipe='best'")
            described = SideInformation(space, side, random_state=self.random_state)
            pipeline.set_params(features=described)
        # Data frames between the steps would only cost time.
        return pipeline.set_output(transform="default")

    def _look_at(self, X: Any) -> tuple[Any, Any]:
        learner = self._learner
        if X is None:
            return learner, None
        if self.space is None:
            X = self._read_matrix(X, reset=False)
        return learner._look_at(self.pipeline_[:-1].transform(X))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if self.recipe in RECIPES:
            tags.input_tags = get_tags(self._make_pipeline(self.space)[0]).input_tags
            # Whatever the first step takes, the last one does not.
            tags.input_tags.allow_nan = tags.input_tags.sparse = False
        return tags
