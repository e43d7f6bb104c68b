"""
Architectures that nobody has trained
=====================================

Trained architectures are few, others can be written down by the thousand. Two ways to learn from
them as well: to let a predictor label them itself, and to learn the embedding from them.
"""

# %%
# Fifty cells have been trained. Another 500 are known as texts alone; as in scikit-learn's
# semi-supervised estimators a marker stands in the place of the target, NaN.
import numpy as np

from emprox.datasets import load_nasbench201

X, y = load_nasbench201(return_X_y=True)


def draw(trial):
    rows = np.random.default_rng(trial).permutation(len(X))
    known, unlabelled, new = np.split(rows[:1550], [50, 550])
    return X[known], y[known], X[unlabelled], X[new], y[new]


# %%
# SemiNAS is NAO, trained once more on cells that it has labelled itself. Both read the operations
# of canonical forms here.
from emprox.predictors import NAORegressor, SemiNASRegressor


def nao(X_known, y_known, X_unlabelled, seed):
    model = NAORegressor(
        space="nasbench201", sequence="operations", canonicalize=True, random_state=seed
    )
    return model.fit(X_known, y_known)


def seminas(X_known, y_known, X_unlabelled, seed):
    model = SemiNASRegressor(
        space="nasbench201", sequence="operations", canonicalize=True, random_state=seed
    )
    y_all = np.append(y_known, np.full(len(X_unlabelled), np.nan))
    return model.fit(np.append(X_known, X_unlabelled), y_all)


# %%
# The LSTM of EmProx learns to write sequences again and needs no accuracies: it can be trained on
# all 550 cells. The encoder that comes with the package has been trained on the whole space, and
# the known accuracies tell it which directions matter.
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from emprox import ArchitectureEmbedder, ArchitectureTokenizer, make_emprox_pipeline


def embedding_of_all(X_known, y_known, X_unlabelled, seed):
    embed = make_pipeline(
        ArchitectureTokenizer("nasbench201"), ArchitectureEmbedder(random_state=seed)
    ).fit(np.append(X_known, X_unlabelled))
    neighbors = KNeighborsRegressor(10, weights="distance")
    neighbors.fit(embed.transform(X_known), y_known)
    return make_pipeline(embed, neighbors)


def pretrained(X_known, y_known, X_unlabelled, seed):
    model = make_emprox_pipeline("nasbench201", "lstm", random_state=seed)
    return model.fit(X_known, y_known)


# %%
# Three draws of cells, the same for all.
from emprox.metrics import kendall_tau

methods = {
    "NAO, 50 known": nao,
    "SemiNAS, and 500 unlabelled": seminas,
    "LSTM trained on all 550": embedding_of_all,
    "LSTM pretrained on the space": pretrained,
}
scores = {name: [] for name in methods}
for trial in range(3):
    X_known, y_known, X_unlabelled, X_new, y_new = draw(trial)
    for name, fit in methods.items():
        model = fit(X_known, y_known, X_unlabelled, trial)
        scores[name].append(kendall_tau(y_new, model.predict(X_new)))
for name, taus in scores.items():
    print(f"{name:30} {np.mean(taus):.3f} ± {np.std(taus, ddof=1):.3f}")

# %%
# Unlabelled cells help SemiNAS a little. For the embedding it is not they that matter but what it
# is taught: to predict properties of the network while it is pretrained, and the known accuracies.
import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
means = [np.mean(taus) for taus in scores.values()]
ax.barh(list(scores), means, color="#56B4E9")
for row, taus in enumerate(scores.values()):
    ax.plot(taus, [row] * len(taus), "o", color="black", markersize=4)
ax.invert_yaxis()
ax.set(xlabel="Kendall's tau, 1,000 other cells (dots: draws)", xlim=(0, 1))
plt.show()
