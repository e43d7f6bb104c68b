"""The embedding as a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_array, check_consistent_length

from ..utils._options import check_option
from ..utils._threads import one_thread
from ._axes import check_column, check_libraries, get_axes, robust_limits
from ._unwrap import transform, unwrap

_AXES = {"tsne": "t-SNE dimension", "pca": "principal component"}


@dataclass(kw_only=True, eq=False, repr=False)
class EmbeddingDisplay:
    """Map of an embedding in two dimensions, coloured by accuracy.

    Where predictions from neighbours work, architectures of the same colour lie together.
    Accuracies far from the bulk of them, such as those at chance level, have the colour at the end
    of the scale. This is Figure 5 of the paper [1]_.

    Use `from_estimator` or `from_embedding` to make one.

    Parameters
    ----------
    coordinates : ndarray of shape (n_samples, 2)
        Where on the map the architectures lie.
    y : ndarray of shape (n_samples,)
        Their accuracies.
    method : {"tsne", "pca"}
        How the embedding was reduced to two dimensions.
    target_name : str, default="accuracy"
        What the colours show.

    Attributes
    ----------
    scatter_ : matplotlib.collections.PathCollection
        A point for each architecture.
    colorbar_ : matplotlib.colorbar.Colorbar
        The scale of the colours.
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        Where it is drawn.

    See Also
    --------
    RankAgreementDisplay : Predicted against true accuracies.
    emprox.ArchitectureEmbedder : Makes the embedding.

    Notes
    -----
    t-SNE keeps neighbours together; distances between groups mean nothing. Architectures with the
    same embedding form dense groups.

    References
    ----------
    .. [1] Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding
       Proximity Score. 2022.

    Examples
    --------
    >>> from emprox import make_emprox_pipeline
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.inspection import EmbeddingDisplay
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = make_emprox_pipeline("nasbench201", random_state=0).fit(X[:50], y[:50])
    >>> display = EmbeddingDisplay.from_estimator(model, X[50:100], y[50:100], method="pca")
    >>> display.coordinates.shape
    (50, 2)
    """

    coordinates: NDArray[np.float64]
    y: NDArray[np.float64]
    method: str
    target_name: str = "accuracy"

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike, **options: Any
    ) -> EmbeddingDisplay:
        """Embed architectures with a fitted estimator and draw the map.

        Parameters
        ----------
        estimator : estimator
            A fitted `EmProxRegressor`, transformer or pipeline, or a search, such as
            `GridSearchCV`, for one of these. The embedding is what enters the last step, or what
            the last step makes of it if it is a transformer, as a `ProximityRegressor` is.
        X : array-like of shape (n_samples,) or (n_samples, n_features)
            Architectures.
        y : array-like of shape (n_samples,)
            Their accuracies.
        **options : dict
            Arguments of `from_embedding`.

        Returns
        -------
        EmbeddingDisplay
            The display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no embedding.
        """
        steps, last = unwrap(estimator)
        if hasattr(last, "transform"):
            steps = [*steps, last]
        if not steps:
            raise TypeError(
                f"{type(last).__name__} has no embedding: expected an EmProxRegressor, a"
                " transformer, or a pipeline or search of more than one step"
            )
        return cls.from_embedding(transform(steps, X), y, **options)

    @classmethod
    def from_embedding(
        cls,
        embedding: ArrayLike,
        y: ArrayLike,
        *,
        method: str = "tsne",
        random_state: int | np.random.RandomState | None = None,
        target_name: str = "accuracy",
        ax: Any = None,
    ) -> EmbeddingDisplay:
        """Draw the map of an embedding.

        Parameters
        ----------
        embedding : array-like of shape (n_samples, embedding_dim)
            Embeddings of architectures; at least three different ones.
        y : array-like of shape (n_samples,)
            The accuracies of the architectures.
        method : {"tsne", "pca"}, default="tsne"
            How to reduce the embedding to two dimensions.
        random_state : int, RandomState instance or None, default=None
            Seed of the method.
        target_name : str, default="accuracy"
            What y is, with its unit if it is to be written: ``"latency (ms)"``.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.

        Returns
        -------
        EmbeddingDisplay
            The display.

        Raises
        ------
        ValueError
            If the inputs are not finite or of different lengths, there are too few different
            embeddings, or the method does not exist.
        """
        check_libraries(cls)
        check_option("method", method, _AXES)
        vectors = check_array(embedding, dtype=np.float64, input_name="embedding")
        target = check_column(y, "y")
        check_consistent_length(vectors, target)
        n_distinct, n_dimensions = np.unique(vectors, axis=0).shape
        if n_distinct < 3 or n_dimensions < 2:
            raise ValueError("a map needs at least 3 different embeddings of at least 2 dimensions")
        reducer = PCA(2, random_state=random_state)
        if method == "tsne":
            perplexity = min(30, (len(vectors) - 1) / 3)
            reducer = TSNE(perplexity=perplexity, random_state=random_state)
        # The steps of t-SNE are so short that threads cost more than they bring; and with one, the
        # map does not depend on how many processors there are.
        with one_thread():
            coordinates = reducer.fit_transform(vectors).astype(np.float64)
        display = cls(coordinates=coordinates, y=target, method=method, target_name=target_name)
        return display.plot(ax)

    def plot(self, ax: Any = None) -> EmbeddingDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.

        Returns
        -------
        EmbeddingDisplay
            The display itself.
        """
        ax = get_axes(ax)
        low, high = robust_limits(self.y, 1.5)
        # Light colours are hard to see on white without an edge.
        look = {"s": 16, "edgecolors": "0.3", "linewidths": 0.3, "cmap": "viridis"}
        self.scatter_ = ax.scatter(*self.coordinates.T, c=self.y, vmin=low, vmax=high, **look)
        beyond = {(True, False): "min", (False, True): "max", (True, True): "both"}
        extend = beyond.get((self.y.min() < low, self.y.max() > high), "neither")
        bar = {"label": self.target_name, "extend": extend}
        self.colorbar_ = ax.figure.colorbar(self.scatter_, ax=ax, **bar)
        axis = _AXES[self.method]
        ax.set(xlabel=f"{axis} 1", ylabel=f"{axis} 2", xticks=[], yticks=[])
        self.ax_, self.figure_ = ax, ax.figure
        return self
