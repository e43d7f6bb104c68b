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
# The space "dag" takes any such graphs: it learns its operations and its size from them. EmProx
# describes each by its operations and paths, and learns from the known accuracies which of these
# count. Three rivals need no graph: the mean of the known accuracies, the nearest networks by the
# number of parameters, and the nearest by how often they have each operation. The numbers are means
# over five random halves.
from sklearn.dummy import DummyRegressor
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import ShuffleSplit, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor

from emprox import EmProxRegressor
from emprox.metrics import kendall_tau
from emprox.spaces import get_space

operations = get_space("dag").learn(graphs).operations
print(len(operations), "operations in all networks")
n_parameters = np.array([[np.log(float(row["parameters"]))] for row in rows])
counts = np.array([[graph.operations.count(name) for name in operations] for graph in graphs])
neighbors = KNeighborsRegressor(10, weights="distance")
emprox = EmProxRegressor("dag", random_state=0)
models = {
    "mean": (DummyRegressor(), n_parameters),
    "number of parameters": (neighbors, n_parameters),
    "operation counts": (neighbors, counts),
    "EmProx": (emprox, np.array(graphs, dtype=object)),
}
halves = list(ShuffleSplit(5, test_size=0.5, random_state=0).split(y))
print(f"{'':20} mean absolute error   Kendall's tau")
for name, (model, X) in models.items():
    errors, taus = [], []
    for known, new in halves:
        predictions = model.fit(X[known], y[known]).predict(X[new])
        errors.append(mean_absolute_error(y[new], predictions))
        taus.append(kendall_tau(y[new], predictions) if np.ptp(predictions) else 0.0)
    print(f"{name:20} {np.mean(errors):19.1f}   {np.mean(taus):13.2f}")

# %%
# Counting layers says more than the number of parameters does, and how they are connected says far
# more. Every accuracy predicted from four fifths of the others:
from emprox.inspection import RankAgreementDisplay

predictions = cross_val_predict(emprox, graphs, y, cv=5)
RankAgreementDisplay.from_predictions(y, predictions, target_name="accuracy (%)")
