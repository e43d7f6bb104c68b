"""
As the surrogate of an optimisation library
===========================================

Bayesian optimisation asks a surrogate model which architecture to train next. `scikit-optimize
<https://scikit-optimize.github.io>`_ takes any scikit-learn regressor for that, if it can say how
sure it is. How much better are the cells that it finds if the surrogate is EmProx?
"""

# %%
# The library describes a cell by six choices among five operations, and minimises. A few lines
# translate: rows of choices become texts of cells, and errors become accuracies.
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from emprox import EmProxRegressor
from emprox.spaces import get_space

space = get_space("nasbench201")


def write_cells(rows):
    return space.format(space.encode([tuple(row) for row in rows]))


class EmProxSurrogate(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.model_ = EmProxRegressor(space, weights="kriging", chance_level=10, random_state=0)
        self.model_.fit(write_cells(X), 100 - np.asarray(y))
        return self

    def predict(self, X, return_std=False):
        accuracy, std = self.model_.predict(write_cells(X), return_std=True)
        return (100 - accuracy, std) if return_std else 100 - accuracy


# %%
# Everything else is scikit-optimize as it comes. A search starts with ten random cells, the same
# for every surrogate, and evaluates forty in all; training a cell is a look into the bundled table.
# Expected improvement weighs what is promising against what is unknown.
import warnings

from skopt import Optimizer
from skopt.space import Categorical

from emprox.datasets import load_nasbench201

X, y = load_nasbench201(return_X_y=True)
errors = dict(zip(X, 100 - y, strict=True))
# If the best candidate is known already, scikit-optimize takes a random cell instead, and warns.
warnings.filterwarnings("ignore", message="The objective has been evaluated at point")


def search(surrogate, transform, seed):
    optimizer = Optimizer(
        [Categorical(space.operations, transform=transform) for _ in space.edges],
        base_estimator=surrogate,
        n_initial_points=10,
        acq_func="EI",
        acq_optimizer="sampling",
        acq_optimizer_kwargs={"n_points": 500},
        random_state=seed,
    )
    rows = np.random.default_rng(seed).choice(space.operations, (10, 6)).tolist()
    optimizer.tell(rows, [errors[cell] for cell in write_cells(rows)])
    while len(optimizer.yi) < 40:
        row = optimizer.ask()
        optimizer.tell(row, errors[write_cells([row])[0]])
    return 100 - np.array(optimizer.yi)


# %%
# The default surrogate of scikit-optimize is a Gaussian process that compares cells choice by
# choice.
searches = {
    "EmProx": [search(EmProxSurrogate(), "identity", seed) for seed in range(5)],
    "Gaussian process": [search("GP", "onehot", seed) for seed in range(5)],
    "random search": [np.random.default_rng(seed).choice(y, 40) for seed in range(200)],
}
best_so_far = {name: np.maximum.accumulate(found, axis=1) for name, found in searches.items()}
for name, best in best_so_far.items():
    print(f"{name:16} {best[:, 19].mean():.2f} % after 20 cells, {best[:, 39].mean():.2f} after 40")

# %%
# The best accuracy found so far: the mean over the searches with its standard error.
import matplotlib.pyplot as plt

figure, ax = plt.subplots(layout="constrained")
numbers = np.arange(1, 41)
for color, (name, best) in zip(["#0072B2", "#E69F00", "#555555"], best_so_far.items(), strict=True):
    mean, error = best.mean(axis=0), best.std(axis=0, ddof=1) / len(best) ** 0.5
    ax.plot(numbers, mean, color=color, label=name)
    ax.fill_between(numbers, mean - error, mean + error, color=color, alpha=0.2, linewidth=0)
ax.axhline(y.max(), color="black", linewidth=0.8, label="best of all 15,625 cells")
ax.axvline(10, color="black", linewidth=0.8, linestyle=":", label="end of the random start")
ax.set(xlabel="cells trained", ylabel="best accuracy found so far (%)", ylim=(91, y.max() + 0.2))
ax.legend(loc="lower right")
plt.show()

# %%
# In so few evaluations the Gaussian process does no better than chance here. EmProx knows what a
# cell computes, and that one without a path can only guess: with it the search comes close to the
# best cell of all. If the candidates can be listed, no library is needed:
# :func:`emprox.search.rank_architectures` ranks them, and ``partial_fit`` adds what was evaluated.
