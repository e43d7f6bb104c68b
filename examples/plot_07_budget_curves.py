"""
How many architectures have to be trained?
==========================================

Known accuracies are what costs. How good are predictors with 20, 50, 100 or 200 of them? Every
predictor gets the same random draws.
"""

# %%
# Any estimators with ``fit`` and ``predict`` can be compared: EmProx, boosted trees on graph
# features (GRAF) and on one-hot operations, and a feed-forward network.
from emprox import EmProxRegressor
from emprox.datasets import load_nasbench201
from emprox.predictors import make_mlp, make_xgboost

X, y = load_nasbench201(return_X_y=True)
predictors = {
    "EmProx": EmProxRegressor("nasbench201", chance_level=10, weights="kriging"),
    "trees on GRAF": make_xgboost("nasbench201", encoding="graf", library="scikit-learn"),
    "trees on one-hot": make_xgboost("nasbench201", library="scikit-learn"),
    "MLP on one-hot": make_mlp("nasbench201"),
}

# %%
# Five draws, to be quick. With ``results="trials.sqlite"`` an interrupted comparison goes on where
# it was, and with ``n_jobs`` draws run side by side. What comes out is a data frame.
from emprox.model_selection import (
    ArchitectureShuffleSplit,
    compare_predictors,
    evaluate_predictors,
)

cv = ArchitectureShuffleSplit(5, train_sizes=(20, 50, 100, 200), test_size=500, random_state=0)
trials = evaluate_predictors(predictors, X, y, cv=cv)
scores = trials.groupby(["train_size", "predictor"])[["kendall_tau", "mean_absolute_error"]]
scores.agg(["mean", "std"]).round(3)

# %%
# The curve of each predictor, with the standard error over the draws.
from emprox.inspection import BudgetCurveDisplay

BudgetCurveDisplay.from_evaluation(trials, metric="kendall_tau")

# %%
# Differences are paired, since all predictors see the same draws.
compare_predictors(trials, "trees on GRAF", "kendall_tau")
