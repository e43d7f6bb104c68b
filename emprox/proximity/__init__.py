"""The learner on matrices: a distance learned from known accuracies, and neighbours in it."""

from ._anchors import add_chance_anchor
from ._metric import ProximityMetric
from ._regressor import ProximityRegressor
from ._side_information import SideInformation

__all__ = ["ProximityMetric", "ProximityRegressor", "SideInformation", "add_chance_anchor"]
