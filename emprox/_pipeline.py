"""The whole chain from architectures to accuracies, as a plain pipeline."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
from sklearn.pipeline import Pipeline

from ._anchors import add_chance_anchor
from ._recipes import get_recipe, make_embedder, make_features, make_neighbors
from .spaces import SearchSpace


class AnchoredPipeline(Pipeline):
    """A pipeline that adds a known anchor to the architectures that it is fitted to.

    Parameters
    ----------
    steps : list of (str, estimator)
        The steps; the first takes architectures.
    space : str or SearchSpace
        The search space of the architectures.
    chance_level : float
        Accuracy of an architecture without a path; see `add_chance_anchor`.
    memory : str or joblib.Memory, default=None
        Where to cache fitted steps.
    verbose : bool, default=False
        Whether to print the time that each step takes.

    See Also
    --------
    make_emprox_pipeline : Makes one if it is given a ``chance_level``.
    """

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        space: str | SearchSpace,
        chance_level: float,
        memory: str | joblib.Memory | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(steps, memory=memory, verbose=verbose)
        self.space = space
        self.chance_level = chance_level

    def fit(self, X: Any, y: Any = None, **params: Any) -> AnchoredPipeline:
        """Add the anchor and fit all steps.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Known architectures.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies.
        **params : dict
            Parameters for the steps.

        Returns
        -------
        AnchoredPipeline
            The pipeline itself.
        """
        if y is not None:
            X, y = add_chance_anchor(X, y, self.space, self.chance_level)
        return super().fit(X, y, **params)

    def __getitem__(self, index: Any) -> Any:
        """Return one step, or a plain pipeline of some."""
        if isinstance(index, slice):
            return Pipeline(self.steps, memory=self.memory, verbose=self.verbose)[index]
        return super().__getitem__(index)


def make_emprox_pipeline(
    space: str | SearchSpace = "nasbench201",
    recipe: str = "best",
    *,
    n_neighbors: int | None = None,
    embedding_dim: int | None = None,
    chance_level: float | None = None,
    device: str = "cpu",
    verbose: int = 0,
    random_state: int | np.random.RandomState | None = None,
    memory: str | joblib.Memory | None = None,
) -> Pipeline:
    """Make a pipeline that predicts the accuracies of architectures.

    The steps of the recipe "best" are ``features`` (`StructuralProperties`), ``metric``
    (`ProximityMetric`) and ``knn`` (scikit-learn's `KNeighborsRegressor` with inverse-distance
    weights). Those of the other recipes are ``tokenizer`` (`ArchitectureTokenizer`), ``embedder``
    (`ArchitectureEmbedder`) and ``knn``. The result is a `Pipeline`: change anything with
    `set_params`, or tune it with `GridSearchCV`.

    Parameters
    ----------
    space : str or SearchSpace, default="nasbench201"
        The search space of the architectures.
    recipe : {"best", "lstm", "paper"}, default="best"
        ``"best"`` learns a metric on structural properties, and is the most accurate and the
        fastest. ``"paper"`` is the method as published: an LSTM autoencoder of the flattened
        adjacency matrix, no canonical form, attention over the encoder's outputs, 50 epochs.
        ``"lstm"`` is the best that its shape gives.
    n_neighbors : int, default=None
        Number of neighbours, k; None takes the recipe's: 8 for "best", 10 for the others.
    embedding_dim : int, default=None
        Size of the embedding; None takes the recipe's.
    chance_level : float, default=None
        Accuracy of an architecture without a path from input to output, in the unit of y: 10 for
        a classification with ten classes in percent. It then counts as one more known
        architecture, the last one. None if it is not known, or the target is something else.
    device : str, default="cpu"
        Torch device of the recipes "lstm" and "paper".
    verbose : int, default=0
        Verbosity of their embedder; 1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the metric or the embedder.
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
    EmProxRegressor : The same chain as one estimator that also shows neighbours and uncertainty.
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
    settings = get_recipe(recipe)
    features = make_features(space, recipe)
    neighbors = make_neighbors(settings.n_neighbors if n_neighbors is None else n_neighbors)
    parameters: dict[str, Any] = {"random_state": random_state}
    if settings.reads_tokens:
        parameters |= {"device": device, "verbose": verbose}
    if embedding_dim is not None:
        parameters["embedding_dim" if settings.reads_tokens else "n_components"] = embedding_dim
    embedder = make_embedder(recipe, space, **parameters)
    names = ("tokenizer", "embedder") if settings.reads_tokens else ("features", "metric")
    steps = [(names[0], features), (names[1], embedder), ("knn", neighbors)]
    if chance_level is None:
        return Pipeline(steps, memory=memory)
    return AnchoredPipeline(steps, space=space, chance_level=chance_level, memory=memory)
