"""Rivals that are plain pipelines of an encoding and a regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from ..encodings._by_name import make_encoding
from ..spaces import SearchSpace
from ..utils._optional_imports import import_optional
from ..utils._threads import one_blas_thread
from ._targets import check_accuracies


class StandardizedTargetRegressor(TransformedTargetRegressor):
    """A regressor of standardised accuracies, the same one for any number of threads.

    L-BFGS follows the last bits of matrix products, which depend on that number, to other minima.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> StandardizedTargetRegressor:
        """Fit on one thread to accuracies that are all there."""
        targets = check_accuracies(X, y)
        with one_blas_thread():
            return super().fit(X, targets)

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict on one thread."""
        with one_blas_thread():
            return super().predict(X)


def make_mlp(
    space: str | SearchSpace,
    *,
    encoding: str = "one-hot",
    canonicalize: bool = True,
    random_state: int | np.random.RandomState | None = None,
) -> Pipeline:
    """Make a pipeline that predicts accuracies with a feed-forward network.

    Its steps are ``encoding``, ``scaler`` (`StandardScaler`) and ``regressor``: scikit-learn's
    `MLPRegressor` on standardised accuracies, in a `TransformedTargetRegressor`. The result is a
    `Pipeline`: change the network with ``set_params(regressor__regressor__alpha=1)``.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures.
    encoding : {"one-hot", "adjacency", "path", "graf"}, default="one-hot"
        How architectures become numbers: as in the paper, or by another of `emprox.encodings`, of
        which "graf" is the most accurate.
    canonicalize : bool, default=True
        Whether to encode canonical forms. The paper does not.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights.

    Returns
    -------
    sklearn.pipeline.Pipeline
        The unfitted pipeline.

    Raises
    ------
    ValueError
        If the encoding does not exist.

    Notes
    -----
    The network has three hidden layers of 64 units. It is fitted by L-BFGS on all known
    architectures at once, until the gradient is below 1e-3: for some hundred of them that is
    faster and more accurate than Adam, whose many epochs scikit-learn ends with a warning.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022. Section 5, where MLP is one of the rivals.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.predictors import make_mlp
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = make_mlp("nasbench201", random_state=0)
    >>> model.fit(X[:121], y[:121]).predict(X[121:1121]).shape
    (1000,)
    """
    network = MLPRegressor(
        hidden_layer_sizes=(64, 64, 64),
        solver="lbfgs",
        alpha=0.2,
        # Ending early is a regularisation of its own: with 3e-4 Kendall is .03 lower.
        tol=1e-3,
        max_iter=5000,
        random_state=random_state,
    )
    return Pipeline(
        [
            ("encoding", make_encoding(encoding, space, canonicalize=canonicalize)),
            ("scaler", StandardScaler()),
            ("regressor", StandardizedTargetRegressor(network, transformer=StandardScaler())),
        ]
    )


class FiniteGradientBoostingRegressor(HistGradientBoostingRegressor):
    """scikit-learn's trees, which would take None among accuracies for a number."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> FiniteGradientBoostingRegressor:
        """Fit to accuracies that are all there."""
        return super().fit(X, check_accuracies(X, y))


def make_xgboost(
    space: str | SearchSpace,
    *,
    encoding: str = "one-hot",
    canonicalize: bool = True,
    library: str = "auto",
    random_state: int | np.random.RandomState | None = None,
) -> Pipeline:
    """Make a pipeline that predicts accuracies with gradient-boosted trees.

    Its steps are ``encoding`` and ``regressor``: XGBoost's `XGBRegressor`, or scikit-learn's
    `HistGradientBoostingRegressor`, with settings for some hundred known architectures. The result
    is a `Pipeline`: change anything with ``set_params(regressor__max_depth=6)``, or put another
    transformer of architectures in with ``set_params(encoding=StructuralProperties("darts"))``.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures.
    encoding : {"one-hot", "adjacency", "path", "graf"}, default="one-hot"
        How architectures become numbers: as in the paper, or by another of `emprox.encodings`, of
        which "graf" is the most accurate.
    canonicalize : bool, default=True
        Whether to encode canonical forms. The paper does not.
    library : {"auto", "xgboost", "scikit-learn"}, default="auto"
        Whose trees to take. ``"auto"`` takes those of XGBoost if it is installed
        (``pip install "emprox[rivals]"``), and scikit-learn's if it is not.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows and columns that a tree is grown from.

    Returns
    -------
    sklearn.pipeline.Pipeline
        The unfitted pipeline.

    Raises
    ------
    ImportError
        If `library` is "xgboost", and that is not installed.
    ValueError
        If the encoding or the library does not exist.

    References
    ----------
    Tianqi Chen and Carlos Guestrin. XGBoost: A Scalable Tree Boosting System. KDD 2016.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.predictors import make_xgboost
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = make_xgboost("nasbench201", encoding="graf", random_state=0)
    >>> model.fit(X[:121], y[:121]).predict(X[121:1121]).shape
    (1000,)
    """
    if library not in ("auto", "xgboost", "scikit-learn"):
        raise ValueError(f"library has to be 'auto', 'xgboost' or 'scikit-learn', got {library!r}")
    return Pipeline(
        [
            ("encoding", make_encoding(encoding, space, canonicalize=canonicalize)),
            ("regressor", _make_trees(library, random_state)),
        ]
    )


def _make_trees(library: str, random_state: int | np.random.RandomState | None) -> Any:
    # Settings of both were chosen on NAS-Bench-201 with 121 known architectures.
    if library != "scikit-learn":
        try:
            xgboost = import_optional("xgboost", extra="rivals", purpose='library="xgboost"')
        except ImportError as error:
            # A package that is there but broken is no reason to take another one in silence.
            if library != "auto" or error.name != "xgboost":
                raise
        else:
            return xgboost.XGBRegressor(
                n_estimators=1200,
                learning_rate=0.015,
                max_depth=4,
                subsample=0.7,
                colsample_bytree=0.5,
                # With so few rows more threads only wait for each other.
                n_jobs=1,
                random_state=random_state,
            )
    return FiniteGradientBoostingRegressor(
        max_iter=200,
        learning_rate=0.05,
        max_leaf_nodes=15,
        # The default of 20 leaves hardly a split for 100 rows: Kendall is .1 to .2 lower.
        min_samples_leaf=1,
        max_features=0.5,
        early_stopping=False,
        random_state=random_state,
    )
