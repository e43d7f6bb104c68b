"""Accuracies on other tasks of the same search space, as further columns."""

from ._side_information import SideInformation

__all__ = ["SideInformation"]
