"""
Your own PyTorch models
=======================

No benchmark is needed to predict accuracies: any family of PyTorch models will do. Here 300 small
convolutional networks have really been trained on the 8 x 8 digits of scikit-learn, by
``tools/train_digits_cnns.py``. Some of their accuracies count as known; what are the others, and
which network would one train next?
"""

# %%
# The table holds a line of text for each network, from which ``digits_cnns.py`` beside this file
# builds it, and the accuracy on 900 test images in percent, after 12 epochs. Some networks have
# learned nothing.
import csv
import sys
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).parent if "__file__" in globals() else Path()
sys.path.insert(0, str(EXAMPLES))

from digits_cnns import build_network

with (EXAMPLES / "data" / "digits_cnns.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
y = np.array([float(row["accuracy"]) for row in rows])
modules = [build_network(row["network"]) for row in rows]
print("accuracies, from the lowest to the highest:", np.quantile(y, [0, 0.25, 0.5, 0.75, 1]))
print("one of the networks:", rows[2]["network"])

# %%
# ``capture`` runs a module once, without values and without memory, and writes down every operation
# with its numbers. This takes milliseconds.
from emprox.networks import capture

networks = np.array([capture(module, (1, 1, 8, 8)) for module in modules], dtype=object)
networks[2].summary()

# %%
# A picture says more: layers in the order of the computation, in a column for each resolution. A
# branch, such as the 1 x 1 convolution in each block here, is drawn after the layer that it stands
# beside; lines below show what it really reads.
from emprox.inspection import NetworkDisplay

NetworkDisplay.from_network(networks[2])

# %%
# ``EmProxRegressor(space="network")`` takes networks, or the modules themselves. With
# ``space=NetworkSpace(inputs=(1, 1, 8, 8))`` it captures them on its own, and the first step
# is not needed. One in four accuracies is known:
from emprox import EmProxRegressor

order = np.random.default_rng(0).permutation(len(y))
known, new = order[:75], order[75:]
model = EmProxRegressor(space="network", random_state=0).fit(networks[known], y[known])

accuracy, std = model.predict(networks[new], return_std=True)
low, high = model.predict_interval(networks[new], coverage=0.9).T.clip(0, 100)


def name(index):
    """Say how many blocks a network has, and what the first one is."""
    blocks = rows[index]["network"].split()
    return f"{len(blocks)} blocks, the first {blocks[0]}"


for number in range(5):
    print(
        f"predicted {accuracy[number]:.1f} % (from {low[number]:.1f} to {high[number]:.1f}), true"
        f" {y[new[number]]:.1f} %: {name(new[number])}"
    )

# %%
# All of them, with their intervals. A prediction is uncertain where networks that are alike have
# different accuracies: many of these learn well or not at all.
import matplotlib.pyplot as plt

from emprox.metrics import kendall_tau

# sphinx_gallery_thumbnail_number = 2
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
errors = np.maximum(0, [accuracy - low, high - accuracy])
ax.errorbar(y[new], accuracy, errors, fmt="o", markersize=4, linewidth=0.5, color="#0072B2")
ax.plot([0, 100], [0, 100], "--", color="0.4")
ax.set(xlabel="true accuracy (%)", ylabel="predicted accuracy (%)", xlim=(0, 103), ylim=(0, 103))
inside = np.mean((low <= y[new]) & (y[new] <= high))
tau = kendall_tau(y[new], accuracy)
ax.set_title(f"Kendall's tau {tau:.2f}; {100 * inside:.0f} % are inside their 90 % interval")
plt.show()

# %%
# What the first prediction rests on: the nearest known networks, with their weights.
weights = model.neighbor_weights(networks[new[:1]])[0]
print(f"{accuracy[0]:.1f} % for {name(new[0])}, from")
for index in model.kneighbors(networks[new[:1]], return_distance=False)[0]:
    print(f"  {y[known[index]]:5.2f} %, weight {weights[index]:.2f}: {name(known[index])}")

# %%
# Is that more than counting would tell? Two rivals use the nearest networks by the number of
# weights, and by how often they have each operation and kernel. Means over five random halves:
from collections import Counter

from sklearn.dummy import DummyRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import ShuffleSplit
from sklearn.neighbors import KNeighborsRegressor

n_weights = np.log([[network.n_weights] for network in networks])
counts = [
    Counter(zip(network.operations.name, network.operations.kernel, strict=True))
    for network in networks
]
neighbors = KNeighborsRegressor(10, weights="distance")
models = {
    "mean": (DummyRegressor(), n_weights),
    "number of weights": (neighbors, n_weights),
    "counts of operations": (neighbors, DictVectorizer(sparse=False).fit_transform(counts)),
    "EmProx": (EmProxRegressor(space="network", random_state=0), networks),
}
halves = list(ShuffleSplit(5, test_size=0.5, random_state=0).split(y))
print(f"{'':20} mean absolute error   Kendall's tau")
for title, (rival, X) in models.items():
    errors, taus = [], []
    for train, test in halves:
        predictions = rival.fit(X[train], y[train]).predict(X[test])
        errors.append(mean_absolute_error(y[test], predictions))
        taus.append(kendall_tau(y[test], predictions) if np.ptp(predictions) else 0.0)
    print(f"{title:20} {np.mean(errors):19.1f}   {np.mean(taus):13.2f}")

# %%
# Which network should be trained next? ``score_samples`` ranks beyond the best known accuracy, and
# ``partial_fit`` adds what has been trained. A search that begins with ten random networks, and
# trains the three that rank highest ten times, has trained 40 of the 300. Beside it, the
# best of as many random ones.
found, lucky = [], []
for seed in range(5):
    order = np.random.default_rng(seed).permutation(len(y))
    trained, rest = list(order[:10]), list(order[10:])
    model = EmProxRegressor(space="network", random_state=0).fit(networks[trained], y[trained])
    for _ in range(10):
        best = np.argsort(model.score_samples(networks[rest]))[-3:]
        chosen = [rest[index] for index in best]
        model.partial_fit(networks[chosen], y[chosen])
        trained += chosen
        rest = [index for index in rest if index not in chosen]
    found.append(y[trained].max())
    lucky.append(y[order[: len(trained)]].max())
print(f"best of all 300: {y.max():.2f} %")
print(f"best of 40, mean of five searches: {np.mean(found):.2f} %")
print(f"best of 40 random ones: {np.mean(lucky):.2f} %")
