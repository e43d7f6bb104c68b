"""Fair splits of architectures, and the comparison of predictors on them.

The splitters are cross-validators, for ``cv=`` in ``GridSearchCV`` and ``cross_validate``: with a
space, no network is in the test set that was trained on under another name.
"""

from ._compare import compare_predictors
from ._evaluate import evaluate_predictors
from ._splits import ArchitectureShuffleSplit, MutationSplit, isomorphism_groups

__all__ = [
    "ArchitectureShuffleSplit",
    "MutationSplit",
    "compare_predictors",
    "evaluate_predictors",
    "isomorphism_groups",
]
