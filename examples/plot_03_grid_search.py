"""
Grid search over the neighbours and the size of the embedding
=============================================================

The pipeline is an estimator like any other: ``GridSearchCV`` tunes it. The cache keeps what one
setting has computed of the cells for all others.
"""

# %%
import tempfile

from sklearn.model_selection import GridSearchCV

from emprox import make_emprox_pipeline
from emprox.datasets import load_nasbench201
from emprox.metrics import get_scorer, kendall_tau

X, y = load_nasbench201(return_X_y=True)

with tempfile.TemporaryDirectory() as cache:
    model = make_emprox_pipeline("nasbench201", chance_level=10, random_state=0, memory=cache)
    grid = {"knn__n_neighbors": [3, 5, 10, 20, 40], "knn__metric__embedding_dim": [1, 2, 4, 8]}
    search = GridSearchCV(model, grid, scoring=get_scorer("kendall_tau"), cv=5, n_jobs=2)
    search.fit(X[:121], y[:121])

print("best:", search.best_params_)
print("Kendall's tau on 2,000 other cells:", kendall_tau(y[121:2121], search.predict(X[121:2121])))

# %%
# The size of the embedding hardly matters, nor does the number of neighbours.
import matplotlib.pyplot as plt
import numpy as np

scores = search.cv_results_["mean_test_score"].reshape(4, 5)
spread = search.cv_results_["std_test_score"].reshape(4, 5)
figure, axes = plt.subplots(layout="constrained")
for size, mean, std in zip(grid["knn__metric__embedding_dim"], scores, spread, strict=True):
    axes.errorbar(
        np.array(grid["knn__n_neighbors"]) * (1 + size / 200), mean, std / 5**0.5, label=size
    )
axes.set(
    xscale="log",
    xticks=grid["knn__n_neighbors"],
    xticklabels=grid["knn__n_neighbors"],
    xlabel="number of neighbours",
    ylabel="Kendall's tau, mean over 5 folds (bars: standard error)",
)
axes.minorticks_off()
axes.legend(title="embedding size")
plt.show()
