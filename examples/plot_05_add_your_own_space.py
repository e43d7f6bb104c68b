"""
Add a search space of your own
==============================

A plain list of decisions needs no class. A space with a graph says what its decisions are, what
graph they make, and which descriptions are the same network.
"""

# %%
# A list of decisions: their names and their choices, some of them ordered, some only where another
# decision makes sense of them.
from emprox import spaces

transformers = spaces.SequenceSpace(
    {
        "layers": [2, 4, 8],
        "width": [64, 128, 256],
        "attention": ["full", "local"],
        "window": [8, 16],
    },
    conditions={"window": {"attention": ["local"]}},
    name="transformers",
)
print(transformers.encode([{"layers": 4, "width": 64, "attention": "local", "window": 16}]))

# %%
# Networks of four parallel branches, whose order does not matter. What a branch does to a signal
# lets the properties of the whole network be computed.
import numpy as np

from emprox.graphs import WIRE, Graphs

LAYERS = ("none", "relu 8", "relu 32", "tanh 8", "tanh 32")


class Branches(spaces.SearchSpace):
    name = "branches"
    choices = {f"branch {number}": LAYERS for number in range(4)}
    signal_operations = (
        spaces.SignalOperation("none", "block"),
        *(spaces.SignalOperation(layer, "renew", mixing=int(layer[5:])) for layer in LAYERS[1:]),
    )

    def graphs(self, decisions):
        # Node 0 is the input, nodes 1 to 4 are the branches, and node 5 adds them up.
        nodes = np.pad(decisions, ((0, 0), (1, 1)), constant_values=WIRE)
        edges = [(0, branch) for branch in range(1, 5)] + [(branch, 5) for branch in range(1, 5)]
        return (Graphs(nodes, edges, LAYERS),)

    def canonicalize(self, decisions):
        return np.sort(decisions, axis=1)


# %%
# Checked and registered, it works like any other. The accuracies here are made up.
from emprox import EmProxRegressor, datasets, inspection, model_selection

spaces.check_search_space(spaces.register_space(Branches(), overwrite=True))
X, y = datasets.make_architectures("branches", 300, random_state=1, return_X_y=True)
print(X[0])
cv = model_selection.ArchitectureShuffleSplit(
    1, train_sizes=60, test_size=50, space="branches", random_state=0
)
known, new = next(cv.split(X))
model = EmProxRegressor("branches", random_state=0).fit(X[known], y[known])
inspection.RankAgreementDisplay.from_predictions(y[new], model.predict(X[new]))
