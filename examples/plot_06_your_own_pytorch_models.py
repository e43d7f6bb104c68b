"""
Your own PyTorch models
=======================

No benchmark is needed to predict accuracies: any family of PyTorch models is a search space. Here
300 small convolutional networks have really been trained on the 8 x 8 digits of scikit-learn, by
``tools/train_digits_cnns.py``. Half of the accuracies count as known; what are the others?
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
networks = [build_network(row["network"]) for row in rows]
print("accuracies, from the lowest to the highest:", np.quantile(y, [0, 0.25, 0.5, 0.75, 1]))
print(networks[2])

# %%
# ``from_torch`` traces a module into a graph: each layer and each function is a node, labelled with
# its type and its main parameters.
from emprox import from_torch

graphs = [from_torch(network) for network in networks]
for node, operation in enumerate(graphs[2].operations):
    before = [source for source, target in graphs[2].edges if target == node]
    print(f"{node:3} {operation:26} after {before}")

# %%
# The space of such graphs learns its operations and its size from them. Since all architectures
# are known beforehand, and only accuracies are missing, all of them go into the space and into the
# training of the embedding, which looks at no accuracy.
from emprox import ArchitectureEmbedder, ArchitectureTokenizer
from emprox.spaces import DAGSpace

tokenizer = ArchitectureTokenizer(DAGSpace())
tokens = tokenizer.fit_transform(graphs)
space = tokenizer.space_
print(len(space.operations), "operations, up to", space.max_nodes, "nodes")
print(" ".join(tokenizer.vocabulary_[token] for token in tokens[2] if token))

embedder = ArchitectureEmbedder(
    64, max_epochs=10, learning_rate=2e-3, batch_size=128, random_state=0
)
embedding = embedder.fit_transform(tokens)

# %%
# Accuracies are predicted from the ten nearest known networks. Three rivals need no graph: the mean
# of the known accuracies, the nearest networks by the number of parameters, and the nearest by how
# often they have each operation. The numbers are means over 20 random halves.
from sklearn.dummy import DummyRegressor
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import ShuffleSplit, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor

from emprox.metrics import kendall_tau

n_parameters = np.array([[np.log(float(row["parameters"]))] for row in rows])
counts = np.array([[graph.operations.count(name) for name in space.operations] for graph in graphs])
neighbors = KNeighborsRegressor(10, weights="distance")
rivals = {
    "mean": (DummyRegressor(), n_parameters),
    "number of parameters": (neighbors, n_parameters),
    "operation counts": (neighbors, counts),
    "embedding of the graph": (neighbors, embedding),
}
halves = list(ShuffleSplit(20, test_size=0.5, random_state=0).split(y))
print(f"{'':24} mean absolute error   Kendall's tau")
for name, (model, X) in rivals.items():
    errors, taus = [], []
    for known, new in halves:
        predictions = model.fit(X[known], y[known]).predict(X[new])
        errors.append(mean_absolute_error(y[new], predictions))
        taus.append(kendall_tau(y[new], predictions) if np.ptp(predictions) else 0.0)
    print(f"{name:24} {np.mean(errors):19.1f}   {np.mean(taus):13.2f}")

# %%
# The graph says more than the number of parameters does. But the embedding does not know which
# layers matter for the accuracy, as it has been trained without any, and for networks as simple as
# these, counting layers does better. Every accuracy predicted from nine tenths of the others:
from emprox.inspection import RankAgreementDisplay

RankAgreementDisplay.from_predictions(y, cross_val_predict(neighbors, embedding, y, cv=10))
