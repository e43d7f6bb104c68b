"""The paper's experiments, on the nearest data at hand: what ``emprox reproduce`` runs.

Each says which data it runs on and how they differ from the paper's, and sets the paper's numbers
beside its own.
"""

from ._experiment import Experiment
from ._registry import get_experiment, list_experiments
from ._report import Report

__all__ = ["Experiment", "Report", "get_experiment", "list_experiments"]
