"""Fair splits of architectures: no network in the test set that was trained on under another name.

The splitters are cross-validators, for ``cv=`` in ``GridSearchCV`` and ``cross_validate``.
"""

from ._base import isomorphism_groups
from ._budget import BudgetSplit
from ._isomorphism import IsomorphismShuffleSplit
from ._mutation import MutationSplit

__all__ = ["BudgetSplit", "IsomorphismShuffleSplit", "MutationSplit", "isomorphism_groups"]
