"""Fair splits of architectures, and the comparison of predictors on them.

The splitters are cross-validators, for ``cv=`` in ``GridSearchCV`` and ``cross_validate``: no
network is in the test set that was trained on under another name.
"""

from ._base import isomorphism_groups
from ._budget import BudgetSplit
from ._comparison import Comparison
from ._evaluate import evaluate_predictors
from ._evaluation import Evaluation
from ._isomorphism import IsomorphismShuffleSplit
from ._mutation import MutationSplit

__all__ = [
    "BudgetSplit",
    "Comparison",
    "Evaluation",
    "IsomorphismShuffleSplit",
    "MutationSplit",
    "evaluate_predictors",
    "isomorphism_groups",
]
