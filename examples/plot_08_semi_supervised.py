"""
Learn from architectures that nobody has trained
================================================

Trained architectures are few, others can be written down by the thousand. Can a predictor learn
from those as well?
"""

# %%
# A draw has 50 cells of known accuracy, 500 unlabelled ones, and 1,000 to predict.
import numpy as np

from emprox.datasets import load_nasbench201

X, y = load_nasbench201(return_X_y=True)


def draw(seed):
    cells = np.random.default_rng(seed).choice(len(X), 1550, replace=False)
    known, unlabelled, new = np.split(cells, [50, 550])
    return (X[known], y[known], X[unlabelled], X[new]), y[new]


# %%
# SemiNAS is made for this: it trains NAO on the known cells, labels the others with it, and goes
# on training with both. An accuracy that is not known is NaN. As it takes many more steps than
# NAO, NAO with as many is compared as well.
from emprox.predictors import NAORegressor, SemiNASRegressor

settings = {"space": "nasbench201", "sequence": "operations", "canonicalize": True}


def predict_nao(known, y_known, unlabelled, new, *, max_epochs=50):
    model = NAORegressor(**settings, max_epochs=max_epochs, random_state=0)
    return model.fit(known, y_known).predict(new)


def predict_seminas(known, y_known, unlabelled, new):
    cells = np.concatenate([known, unlabelled])
    accuracies = np.concatenate([y_known, np.full(len(unlabelled), np.nan)])
    return SemiNASRegressor(**settings, random_state=0).fit(cells, accuracies).predict(new)


# %%
# The embedding of EmProx needs no accuracies: it can be trained on all 550 descriptions, and
# neighbours be looked for among the 50. The encoder can also learn to predict structural
# properties of a cell, which are known without training it.
from sklearn.neighbors import KNeighborsRegressor

from emprox import ArchitectureEmbedder, ArchitectureTokenizer, StructuralProperties

tokenizer = ArchitectureTokenizer("nasbench201", sequence="paths").fit(X)
describe = StructuralProperties("nasbench201", standardize=True).fit(X)


def predict_from_neighbors(embedder, known, y_known, new):
    embed = [embedder.transform(tokenizer.transform(cells)) for cells in (known, new)]
    return KNeighborsRegressor(10, weights="distance").fit(embed[0], y_known).predict(embed[1])


def predict_lstm(known, y_known, unlabelled, new, *, everything=True, properties=False):
    cells = np.concatenate([known, unlabelled]) if everything else known
    embedder = ArchitectureEmbedder(max_epochs=20, random_state=0)
    embedder.fit(
        tokenizer.transform(cells), properties=describe.transform(cells) if properties else None
    )
    return predict_from_neighbors(embedder, known, y_known, new)


# %%
# An encoder that has learned both from every cell of the space ships with the package. Two
# recipes let the accuracies say which cells are alike: "lstm", which starts from this encoder,
# and "best", which has seen no unlabelled cell at all.
from emprox import make_emprox_pipeline


def predict_pretrained(known, y_known, unlabelled, new):
    embedder = ArchitectureEmbedder.from_pretrained("nasbench201", random_state=0)
    return predict_from_neighbors(embedder, known, y_known, new)


def predict_with_recipe(known, y_known, unlabelled, new, *, recipe):
    model = make_emprox_pipeline("nasbench201", recipe, chance_level=10, random_state=0)
    return model.fit(known, y_known).predict(new)


# %%
# All of them on the same three draws.
from functools import partial

from emprox.metrics import kendall_tau

ways = {
    "NAO, known cells": predict_nao,
    "NAO, as many steps as SemiNAS": partial(predict_nao, max_epochs=600),
    "SemiNAS, known and unlabelled": predict_seminas,
    "LSTM, known cells": partial(predict_lstm, everything=False),
    "LSTM, known and unlabelled": predict_lstm,
    "… and their properties": partial(predict_lstm, properties=True),
    "LSTM, pretrained": predict_pretrained,
    'recipe "lstm"': partial(predict_with_recipe, recipe="lstm"),
    'recipe "best"': partial(predict_with_recipe, recipe="best"),
}
scores = {name: [] for name in ways}
for seed in range(3):
    learned_from, truth = draw(seed)
    for name, predict in ways.items():
        scores[name].append(kendall_tau(truth, predict(*learned_from)))
for name, values in scores.items():
    print(f"{name:30} {np.mean(values):.3f}")

# %%
# What SemiNAS gains comes from its longer training: NAO with as many steps needs no other cells
# for it. Learning to write more cells makes neighbours worse, because the embedding then holds
# how a cell is written; learning their properties helps. Letting the fifty accuracies say which
# cells are alike helps again, and then no unlabelled cell is needed. Bars are means, dots are
# draws.
import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
names = list(ways)[::-1]
colors = ["#0072B2" if "recipe" in name else "#9ecae1" for name in names]
ax.barh(names, [np.mean(scores[name]) for name in names], color=colors)
for place, name in enumerate(names):
    ax.plot(scores[name], [place] * 3, "o", color="black", markersize=3)
ax.set(xlabel="Kendall's tau, 1,000 unseen cells", xlim=(0, 1))
plt.show()
