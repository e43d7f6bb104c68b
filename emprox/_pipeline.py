"""The whole chain from architectures to accuracies, as a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import joblib
import numpy as np
import sklearn
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter

from .properties._of_space import properties_of
from .proximity import ProximityMetric, ProximityRegressor
from .proximity._anchors import add_chance_anchor, warn_without_anchor
from .proximity._kernels import Floats
from .spaces import SearchSpace, get_space
from .utils._options import check_option

RECIPES = ("best", "lstm", "paper")


class ArchitecturePipeline(Pipeline):
    """A pipeline that also learns from an architecture that can only guess.

    Parameters
    ----------
    steps : list of (str, estimator)
        The steps; the first takes architectures, the last is a `ProximityRegressor`.
    space : str, SearchSpace or None, default=None
        The search space of the architectures; None if the first step takes a matrix.
    chance_level : float, default=None
        Accuracy of an architecture without a path; see `make_emprox_pipeline`.
    memory : str or joblib.Memory, default=None
        Where to cache fitted steps.
    verbose : bool, default=False
        Whether to print the time that each step takes.

    See Also
    --------
    make_emprox_pipeline : Makes one.
    """

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        space: str | SearchSpace | None = None,
        chance_level: float | None = None,
        memory: str | joblib.Memory | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(steps, memory=memory, verbose=verbose)
        self.space = space
        self.chance_level = chance_level

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        *,
        side: Any = None,
        sample_weight: ArrayLike | None = None,
        **params: Any,
    ) -> ArchitecturePipeline:
        """Add the architecture that can only guess, if there is one, and fit all steps.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Known architectures.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies.
        side : mapping or pair, default=None
            Accuracies on other tasks, for a first step `SideInformation`.
        sample_weight : array-like of shape (n_samples,), default=None
            How many times each counts: how often it was trained. For all steps that take it.
        **params : dict
            Parameters for the steps.

        Returns
        -------
        ArchitecturePipeline
            The pipeline itself.

        Raises
        ------
        ValueError
            If the chance level is better than all known accuracies, or no step takes `side`.
        """
        n_anchors = 0
        if self.chance_level is not None and self.space is None:
            raise ValueError("chance_level says how good an architecture is, but space is None")
        if y is not None and self.space is not None:
            space = get_space(self.space)
            if self.chance_level is None:
                warn_without_anchor(space, X)
            elif space.pathless is not None:
                X, y = add_chance_anchor(space, X, y, self.chance_level)
                n_anchors = 1
        if sample_weight is not None:
            sample_weight = np.append(np.asarray(sample_weight), np.ones(n_anchors))
        for name, value in (("side", side), ("sample_weight", sample_weight)):
            if value is not None:
                params |= self._for_steps(name, value)
        # Another last step takes the anchor for a sample like others.
        if n_anchors and isinstance(self.steps[-1][1], ProximityRegressor):
            params |= _name_for(self.steps[-1:], "n_anchors", n_anchors)
        return super().fit(X, y, **params)

    def fit_transform(self, X: Any, y: ArrayLike | None = None, **params: Any) -> Floats:
        """Fit all steps, and embed the architectures.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Known architectures.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies.
        **params : dict
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            The embedding.
        """
        return self.fit(X, y, **params).transform(X)

    def _for_steps(self, name: str, value: Any) -> dict[str, Any]:
        """Return a parameter of fit for all steps that take it."""
        takers = [
            step
            for step in self.steps
            if hasattr(step[1], "fit") and has_fit_parameter(step[1], name)
        ]
        if not takers:
            raise ValueError(f"no step of the pipeline takes {name}")
        return _name_for(takers, name, value)


def _name_for(steps: list[tuple[str, Any]], name: str, value: Any) -> dict[str, Any]:
    """Return a parameter of fit for some steps, as scikit-learn reads it."""
    if sklearn.get_config()["enable_metadata_routing"]:
        return {name: value}
    return {f"{step}__{name}": value for step, _ in steps}


def make_emprox_pipeline(
    space: str | SearchSpace | None,
    recipe: str = "best",
    *,
    n_neighbors: int | str | None = None,
    embedding_dim: int | None = None,
    weights: str | Callable[[Floats], Floats] = "distance",
    chance_level: float | None = None,
    device: str = "cpu",
    verbose: int = 0,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    memory: str | joblib.Memory | None = None,
) -> Pipeline:
    """Make a pipeline that predicts the accuracies of architectures.

    The steps of the recipe "best" are ``features`` (`StructuralProperties`, or `NetworkProperties`
    for PyTorch networks) and ``knn`` (`ProximityRegressor`: a learned metric, and the nearest
    neighbours in it). Those of the other
    recipes are ``tokenizer`` (`ArchitectureTokenizer`), ``embedder`` (`ArchitectureEmbedder`) and
    ``knn``. The result is a `Pipeline`: change anything with `set_params`, or tune it with
    `GridSearchCV`.

    Parameters
    ----------
    space : str, SearchSpace or None
        The search space of the architectures; None if X is a matrix: of tokens for the recipes
        "lstm" and "paper", of any features for "best", which are then standardised.
    recipe : {"best", "lstm", "paper"}, default="best"
        ``"best"`` learns a metric on structural properties, and is the most accurate and the
        fastest. ``"paper"`` is the method as published: an LSTM autoencoder of the flattened
        adjacency matrix, no canonical form, attention over the encoder's outputs, 50 epochs.
        ``"lstm"`` is the best that its shape gives.
    n_neighbors : int, "auto" or None, default=None
        Number of neighbours, k; see `ProximityRegressor`.
    embedding_dim : int, default=None
        Size of the embedding; None takes 4 for "best", 16 for "lstm" and 32 for "paper".
    weights : {"distance", "uniform", "kriging"} or callable, default="distance"
        Weights of the neighbours; see `ProximityRegressor`.
    chance_level : float, default=None
        Accuracy of an architecture without a path from input to output, in the unit of y: 10 for
        a classification with ten classes in percent. It then counts as one more known
        architecture. None if it is not known, or the target is something else. Has no effect in
        spaces where all have a path.
    device : str, default="cpu"
        Torch device of the recipes "lstm" and "paper".
    verbose : int, default=0
        Verbosity of their embedder; 1 prints a line for each epoch.
    n_jobs : int, default=None
        Number of parallel jobs of the neighbour search.
    random_state : int, RandomState instance or None, default=None
        Seed of the metric and the embedder.
    memory : str or joblib.Memory, default=None
        Where to cache fitted steps, so that a search over ``knn__n_neighbors`` trains each
        embedder once.

    Returns
    -------
    sklearn.pipeline.Pipeline
        The unfitted pipeline.

    Raises
    ------
    ValueError
        If the space or the recipe does not exist.

    See Also
    --------
    EmProxRegressor : The same chain as one estimator, which can also be fitted in parts.
    add_chance_anchor : What `chance_level` does.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022.

    Examples
    --------
    >>> from emprox import make_emprox_pipeline
    >>> from emprox.datasets import load_nasbench201
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = make_emprox_pipeline("nasbench201", chance_level=10, random_state=0)
    >>> model.fit(X[:121], y[:121]).predict(X[121:]).shape
    (15504,)
    """
    check_option("recipe", recipe, RECIPES)
    metric = None
    if recipe != "paper":
        # What an encoder predicts is less sure than properties: more machines are averaged.
        n_estimators = 16 if recipe == "lstm" else 4
        size = n_estimators if embedding_dim is None else embedding_dim
        metric = ProximityMetric(size, n_estimators=n_estimators, random_state=random_state)
    knn = ProximityRegressor(
        n_neighbors, metric=metric, weights=weights, n_jobs=n_jobs, random_state=random_state
    )
    # As published, nothing is known beforehand, and nothing asks for it.
    known = None if recipe == "paper" and chance_level is None else space
    kind = partial(ArchitecturePipeline, space=known, chance_level=chance_level, memory=memory)
    if recipe == "best":
        if space is None:
            return kind([("scaler", StandardScaler()), ("knn", knn)])
        return kind([("features", properties_of(space)), ("knn", knn)])
    # Only now: torch takes seconds to import, and the default recipe does without.
    from .lstm import ArchitectureEmbedder, ArchitectureTokenizer
    from .lstm._pretrained import find_pretrained

    parameters: dict[str, Any] = {"attention": "encoder", "max_epochs": 50}
    sequence, canonicalize, pretrained = "adjacency", False, None
    if recipe == "lstm":
        # If there is no pretrained encoder, few steps on purpose: learning to reconstruct makes
        # neighbours worse, not better.
        parameters = {"max_epochs": 10, "learning_rate": 2e-3, "batch_size": 128}
        parameters["output"] = "properties"
        canonicalize = True
        if space is not None:
            found = get_space(space)
            sequence = found.proximity_sequence
            pretrained = find_pretrained(found, sequence, canonicalize)
        if pretrained is not None:
            parameters |= {"pretrained": pretrained, "max_epochs": None}
    elif embedding_dim is not None:
        parameters["embedding_dim"] = embedding_dim
    embedder = ArchitectureEmbedder(
        **parameters, device=device, verbose=verbose, random_state=random_state
    )
    steps = [("embedder", embedder), ("knn", knn)]
    if space is not None:
        tokenizer = ArchitectureTokenizer(space, sequence=sequence, canonicalize=canonicalize)
        steps.insert(0, ("tokenizer", tokenizer))
    return kind(steps)
