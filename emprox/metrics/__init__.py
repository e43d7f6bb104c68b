"""How well predicted accuracies rank and match the true ones: metrics, scorers and a report.

Every metric is a function of ``(y_true, y_pred)``. For ``scoring=`` in ``GridSearchCV`` and
``cross_validate`` there is a scorer of each, greater being better, under the names that
:func:`get_scorer` knows.
"""

from ._ranking import kendall_tau, pearson_r, precision_at_k, regret_at_k, spearman_rho
from ._scorers import (
    get_scorer,
    get_scorer_names,
    kendall_tau_scorer,
    neg_regret_at_k_scorer,
    pearson_r_scorer,
    precision_at_k_scorer,
    regression_report,
    spearman_rho_scorer,
)

__all__ = [
    "get_scorer",
    "get_scorer_names",
    "kendall_tau",
    "kendall_tau_scorer",
    "neg_regret_at_k_scorer",
    "pearson_r",
    "pearson_r_scorer",
    "precision_at_k",
    "precision_at_k_scorer",
    "regression_report",
    "regret_at_k",
    "spearman_rho",
    "spearman_rho_scorer",
]
