"""
As the surrogate of an optimisation library
===========================================

Bayesian optimisation libraries let the model be replaced by any scikit-learn regressor that says
how sure it is. Here scikit-optimize searches the cells of NAS-Bench-201, with EmProx as its
surrogate, with its own extra trees, and at random.
"""

# %%
# The optimiser sees six choices among five operations. It minimises, so that the surrogate turns
# the sign of the accuracies around; and it writes a row of operations as the text of a cell.
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from emprox import EmProxRegressor
from emprox.spaces import get_space

space = get_space("nasbench201")


class Surrogate(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.model_ = EmProxRegressor(space=space, weights="kriging", random_state=0)
        self.model_.fit(self.cells(X), -np.asarray(y))
        return self

    def predict(self, X, return_std=False):
        accuracy, deviation = self.model_.predict(self.cells(X), return_std=True)
        return (-accuracy, deviation) if return_std else -accuracy

    @staticmethod
    def cells(X):
        return [space.format(tuple(row)) for row in X]


# %%
# Training a cell is a look into the bundled table.
from emprox.datasets import load_nasbench201

X, y = load_nasbench201(return_X_y=True)
accuracies = dict(zip(X, y, strict=True))

# %%
# Everything else is scikit-optimize as it comes: it asks for a cell, is told its accuracy, and
# weighs by expected improvement what is promising against what is unknown. The first ten cells are
# random. If the most promising of a thousand random cells is known already, it takes another one at
# random, and warns.
import warnings

from skopt import Optimizer
from skopt.space import Categorical

N_EVALUATIONS = 60


def search(surrogate, transform, seed):
    optimizer = Optimizer(
        [Categorical(space.operations, transform=transform) for _ in space.edges],
        base_estimator=surrogate,
        n_initial_points=10,
        acq_func="EI",
        acq_optimizer="sampling",
        acq_optimizer_kwargs={"n_points": 1000},
        random_state=seed,
    )
    warnings.filterwarnings("ignore", "The objective has been evaluated")
    found = []
    for _ in range(N_EVALUATIONS):
        cell = optimizer.ask()
        found.append(accuracies[space.format(tuple(cell))])
        optimizer.tell(cell, -found[-1])
    return np.maximum.accumulate(found)


seeds = range(4)
curves = {
    "EmProx": [search(Surrogate(), "identity", seed) for seed in seeds],
    "extra trees, the library's own": [search("ET", "onehot", seed) for seed in seeds],
    "random search": [
        np.maximum.accumulate(np.random.default_rng(seed).choice(y, N_EVALUATIONS))
        for seed in range(200)
    ],
}
for name, best in curves.items():
    print(f"{name}: {np.mean(best, axis=0)[-1]:.2f} % after {N_EVALUATIONS} evaluations")

# %%
# The best accuracy found so far, mean over the searches, and the best that there is.
import matplotlib.pyplot as plt

figure, ax = plt.subplots(layout="constrained")
styles = {"EmProx": "-", "extra trees, the library's own": "--", "random search": ":"}
colors = ["#0072B2", "#E69F00", "#555555"]
for color, (name, line) in zip(colors, styles.items(), strict=True):
    numbers = np.arange(1, N_EVALUATIONS + 1)
    ax.plot(numbers, np.mean(curves[name], axis=0), line, color=color, label=name)
ax.axhline(y.max(), color="black", linewidth=0.8, label="best of all 15,625 cells")
ax.set(xlabel="cells trained", ylabel="best accuracy found so far (%)", ylim=(90.5, y.max() + 0.2))
ax.legend()
plt.show()
