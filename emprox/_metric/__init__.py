"""A metric learned from known accuracies, and the embedding and the predictions it gives."""

from ._proximity_metric import ProximityMetric

__all__ = ["ProximityMetric"]
