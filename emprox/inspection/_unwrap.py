"""What a display needs of a fitted estimator, whatever it is wrapped in."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def unwrap(estimator: Any) -> tuple[list[Any], Any]:
    """Return the transformers inside a search, pipeline or `EmProxRegressor`, and the last step."""
    check_is_fitted(estimator)
    for inner in ("best_estimator_", "pipeline_"):
        if hasattr(estimator, inner):
            return unwrap(getattr(estimator, inner))
    if not isinstance(estimator, Pipeline):
        return [], estimator
    *steps, last = (step for _, step in estimator.steps if step not in (None, "passthrough"))
    transformers, last = unwrap(last)
    return [*steps, *transformers], last


def transform(transformers: list[Any], X: Any) -> Any:
    """Pass samples through transformers, one after the other."""
    for transformer in transformers:
        X = transformer.transform(X)
    return X
