"""The predictors that more than one experiment evaluates."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from ._experiment import Data, Predictor

_SEARCHED = (
    "In the paper its hyperparameters were searched in each trial, which is in its fit time. Here"
    " they are fixed, to values chosen on other trials of NAS-Bench-201: so it is fitted far"
    " faster, and may well be more accurate than in the paper."
)


def emprox(
    n_neighbors: int, remark: str = "", by_default: bool = True, embedding_dim: int | None = None
) -> Predictor:
    """Return the method as published."""

    def make(data: Data) -> Any:
        from .._pipeline import make_emprox_pipeline

        return make_emprox_pipeline(
            data.space, "paper", n_neighbors=n_neighbors, embedding_dim=embedding_dim
        )

    size = "" if embedding_dim is None else f", size {embedding_dim}"
    return Predictor(f"EmProx{size}, k = {n_neighbors}", make, remark, by_default)


def emprox_best() -> Predictor:
    """Return the default of emprox."""

    def make(data: Data) -> Any:
        from .._pipeline import make_emprox_pipeline

        return make_emprox_pipeline(data.space, "best")

    return Predictor(
        "emprox, recipe “best”",
        make,
        "Not in the paper: the default of this package, neighbours in a metric learned on"
        " structural properties of canonical forms.",
    )


def emprox_kriging() -> Predictor:
    """Return the most accurate setting of emprox."""

    def make(data: Data) -> Any:
        from .._regressor import EmProxRegressor

        return EmProxRegressor(space=data.space, weights="kriging", chance_level=data.chance_level)

    return Predictor(
        "emprox, kriging",
        make,
        "Not in the paper: the same metric, with the prediction of its kernel. Where there is one,"
        " it knows the accuracy of a cell without a path, which is that of guessing.",
    )


def _architecture_predictor(name: str, **parameters: Any) -> Callable[[Data], Any]:
    """Return what makes a predictor of this package that takes the space."""

    def make(data: Data) -> Any:
        from .. import predictors

        return getattr(predictors, name)(space=data.space, **parameters)

    return make


def nao(by_default: bool = True) -> Predictor:
    """Return NAO's predictor."""
    return Predictor(
        "NAO",
        _architecture_predictor("NAORegressor"),
        "The encoder-decoder of EmProx at twice the width, trained for as many epochs, with a"
        " multi-layer perceptron on the embedding. What makes it slower here is the width alone: at"
        " the same width it takes a few percent longer than EmProx, because the perceptron costs"
        " next to nothing beside the LSTMs. Why it takes 8.4 times as long in the paper does not"
        " follow from what the paper says.",
        by_default,
    )


def seminas(by_default: bool = True) -> Predictor:
    """Return SemiNAS."""
    return Predictor(
        "SemiNAS",
        _architecture_predictor("SemiNASRegressor"),
        "NAO, trained once more with architectures that it has labelled itself, here as many as are"
        " known, each of which counts ten times.",
        by_default,
    )


def xgboost() -> Predictor:
    """Return gradient boosting on the operations as they are written."""

    def make(data: Data) -> Any:
        from ..predictors import make_xgboost

        return make_xgboost(data.space, canonicalize=False)

    return Predictor(
        "XGB", make, f"On one-hot operations as they are written. {_SEARCHED}{_other_trees()}"
    )


def bananas() -> Predictor:
    """Return BANANAS on cells as they are written."""
    return Predictor(
        "BANANAS",
        _architecture_predictor("BANANASRegressor", canonicalize=False),
        f"Three feed-forward networks on the path encoding of cells as written. {_SEARCHED}",
    )


def bananas_canonical() -> Predictor:
    """Return BANANAS with this package's defaults."""
    return Predictor(
        "BANANAS, canonical forms",
        _architecture_predictor("BANANASRegressor"),
        "Not in the paper: the same on canonical forms, the default of this package.",
    )


def mlp() -> Predictor:
    """Return a feed-forward network on the operations as they are written."""

    def make(data: Data) -> Any:
        from ..predictors import make_mlp

        return make_mlp(data.space, canonicalize=False)

    return Predictor("MLP", make, f"On one-hot operations as they are written. {_SEARCHED}")


def _other_trees() -> str:
    """Say so if it is not XGBoost that runs."""
    if find_spec("xgboost") is not None:
        return ""
    return (
        " xgboost is not installed, so these are scikit-learn's trees"
        " (HistGradientBoostingRegressor)."
    )


def gcn() -> Predictor:
    """Return the graph network of Wen et al."""
    return Predictor(
        "GCN",
        _architecture_predictor("GCNRegressor"),
        "The paper names it as strong but too slow to be run there (Wen et al. 2019). On canonical"
        " forms, the default of this package.",
    )


def graf_forest() -> Predictor:
    """Return a random forest on graph features."""

    def make(data: Data) -> Any:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.pipeline import make_pipeline

        from ..encodings import GRAFEncoding

        return make_pipeline(GRAFEncoding(data.space), RandomForestRegressor())

    return Predictor(
        "GRAF + random forest",
        make,
        "Not in the paper: graph features of canonical forms (Kadlecová et al. 2024).",
    )


def graf_xgboost() -> Predictor:
    """Return gradient boosting on graph features."""

    def make(data: Data) -> Any:
        from ..predictors import make_xgboost

        return make_xgboost(data.space, encoding="graf")

    return Predictor(
        "GRAF + XGBoost",
        make,
        f"Not in the paper: the same features, with gradient boosting.{_other_trees()}",
    )
