"""The whole chain from architectures to accuracies, as a plain pipeline."""

from __future__ import annotations

import joblib
import numpy as np
from sklearn.pipeline import Pipeline

from ._recipes import make_embedder, make_tokenizer
from ._regressor import make_neighbors
from .spaces import SearchSpace


def make_emprox_pipeline(
    space: str | SearchSpace = "nasbench201",
    recipe: str = "lstm",
    *,
    n_neighbors: int = 10,
    embedding_dim: int = 32,
    device: str = "cpu",
    verbose: int = 0,
    random_state: int | np.random.RandomState | None = None,
    memory: str | joblib.Memory | None = None,
) -> Pipeline:
    """Make a pipeline that predicts the accuracies of architectures.

    The steps are ``tokenizer`` (`ArchitectureTokenizer`), ``embedder`` (`ArchitectureEmbedder`)
    and ``knn`` (scikit-learn's `KNeighborsRegressor` with inverse-distance weights). The result
    is a plain `Pipeline`: change anything with `set_params`, or tune it with `GridSearchCV`.

    Parameters
    ----------
    space : str or SearchSpace, default="nasbench201"
        The search space of the architectures.
    recipe : {"lstm", "paper"}, default="lstm"
        ``"paper"`` is the method as published: the flattened adjacency matrix, no canonical
        form, attention over the encoder's outputs, 50 epochs. ``"lstm"`` writes the canonical
        form in the sequence that the space has for prediction, and trains for 10 epochs only:
        learning to reconstruct for longer makes neighbours worse, not better.
    n_neighbors : int, default=10
        Number of neighbours, k.
    embedding_dim : int, default=32
        Size of the embedding.
    device : str, default="cpu"
        Torch device of the embedder.
    verbose : int, default=0
        Verbosity of the embedder; 1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the embedder.
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
    EmProxRegressor : The same chain as one estimator that also shows neighbours and spread.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022.

    Examples
    --------
    >>> from emprox import make_emprox_pipeline
    >>> from emprox.datasets import load_nasbench201
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = make_emprox_pipeline("nasbench201", random_state=0).fit(X[:121], y[:121])
    >>> model.predict(X[121:]).shape
    (15504,)
    """
    embedder = make_embedder(
        recipe,
        embedding_dim=embedding_dim,
        device=device,
        verbose=verbose,
        random_state=random_state,
    )
    steps = [
        ("tokenizer", make_tokenizer(space, recipe)),
        ("embedder", embedder),
        ("knn", make_neighbors(n_neighbors)),
    ]
    return Pipeline(steps, memory=memory)
