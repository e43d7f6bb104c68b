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
    "EmProx": EmProxRegressor(space="nasbench201", weights="kriging"),
    "trees on GRAF": make_xgboost("nasbench201", encoding="graf", library="scikit-learn"),
    "trees on one-hot": make_xgboost("nasbench201", library="scikit-learn"),
    "MLP on one-hot": make_mlp("nasbench201"),
}

# %%
# Five draws, to be quick. With ``results_file="trials.jsonl"`` an interrupted comparison goes on
# where it was, and with ``n_jobs`` draws run side by side.
from emprox.model_selection import evaluate_predictors

evaluation = evaluate_predictors(
    predictors, X, y, train_sizes=(20, 50, 100, 200), n_trials=5, test_size=500
)
print(evaluation.to_markdown(metrics=["kendall_tau", "mean_absolute_error"], train_size=100))

# %%
# The curve of each predictor, with the standard error over the draws.
from emprox.inspection import BudgetCurveDisplay

BudgetCurveDisplay.from_evaluation(evaluation, metric="kendall_tau")

# %%
# Differences are paired, since all predictors see the same draws.
for comparison in evaluation.compare("trees on GRAF", metric="kendall_tau", train_size=100):
    print(
        f"{comparison.predictor:17} {comparison.mean_difference:+.3f}"
        f" ± {comparison.standard_error:.3f} in Kendall's tau"
    )
