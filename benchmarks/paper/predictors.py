"""The predictors of the experiments, each with why its numbers differ from the paper's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline

from emprox import EmProxRegressor, make_emprox_pipeline
from emprox.encodings import GRAFEncoding
from emprox.predictors import (
    BANANASRegressor,
    GCNRegressor,
    NAORegressor,
    SemiNASRegressor,
    make_mlp,
    make_xgboost,
)

from .data import Data


@dataclass(frozen=True)
class Predictor:
    """A predictor that experiments evaluate.

    Parameters
    ----------
    make : callable
        Makes the unfitted estimator for some data.
    remark : str, default=""
        Why its numbers differ from the paper's, or what it is.
    """

    make: Callable[[Data], Any]
    remark: str = ""


def emprox(n_neighbors: int, embedding_dim: int | None = None, remark: str = "") -> Predictor:
    """Return the method as published."""
    options = {"n_neighbors": n_neighbors, "embedding_dim": embedding_dim}
    return Predictor(lambda data: make_emprox_pipeline(data.space, "paper", **options), remark)


_SEARCHED = (
    "In the paper its hyperparameters are searched in each trial, which is in its fit time. Here"
    " they are fixed, to values chosen on other trials: it is fitted far faster, and may well be"
    " more accurate."
)
_K60 = (
    "The authors' program stores the embeddings of every batch of every epoch, 6,050 points for 121"
    " cells, and 60 neighbours are few cells. Here the known cells are embedded once, as the text"
    " of the paper says, and 60 neighbours are half of them."
)

PREDICTORS: dict[str, Predictor] = {
    "emprox-k10": emprox(10),
    "emprox-k60": emprox(60, remark=_K60),
    "nao": Predictor(
        lambda data: NAORegressor(space=data.space),
        "The encoder-decoder of EmProx at twice the width, with a perceptron that costs next to"
        " nothing, for as many epochs: what makes it slower is the width. Why it takes 8.4 times as"
        " long in the paper does not follow from the paper.",
    ),
    "seminas": Predictor(
        lambda data: SemiNASRegressor(space=data.space),
        "NAO, trained once more with as many architectures again that it has labelled itself.",
    ),
    "xgb": Predictor(
        lambda data: make_xgboost(data.space, canonicalize=False),
        f"One-hot operations as they are written. {_SEARCHED}",
    ),
    "bananas": Predictor(
        lambda data: BANANASRegressor(space=data.space, canonicalize=False),
        f"The path encoding of cells as they are written. {_SEARCHED}",
    ),
    "mlp": Predictor(
        lambda data: make_mlp(data.space, canonicalize=False),
        f"One-hot operations as they are written. {_SEARCHED}",
    ),
    "bananas-canonical": Predictor(
        lambda data: BANANASRegressor(space=data.space), "Not in the paper: canonical forms."
    ),
    "gcn": Predictor(
        lambda data: GCNRegressor(space=data.space),
        "The paper names it as strong but too slow (Wen et al. 2019). On canonical forms.",
    ),
    "graf-forest": Predictor(
        lambda data: make_pipeline(GRAFEncoding(data.space), RandomForestRegressor()),
        "Not in the paper: graph features of canonical forms (Kadlecová et al. 2024).",
    ),
    "graf-xgb": Predictor(
        lambda data: make_xgboost(data.space, encoding="graf"),
        "Not in the paper: the same features, with gradient boosting.",
    ),
    "emprox-best": Predictor(
        lambda data: make_emprox_pipeline(data.space, "best"),
        "Not in the paper: neighbours in a metric learned on structural properties.",
    ),
    "emprox-kriging": Predictor(
        lambda data: EmProxRegressor(
            space=data.space, weights="kriging", chance_level=data.chance_level
        ),
        "Not in the paper: the prediction of the kernel of that metric. It knows the accuracy of a"
        " cell without a path, where there is one.",
    ),
}
