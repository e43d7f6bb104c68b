"""
Add a search space of your own
==============================

A space reads and writes its architectures, and knows which descriptions are the same network. Here
networks are four parallel branches, and in which order they are named does not matter.
"""

import numpy as np

from emprox import datasets, inspection, make_emprox_pipeline, model_selection, spaces


class Branches(spaces.SearchSpace):
    name, title = "branches", "Four parallel branches, each with one of five layers"
    operations = ("none", "relu_8", "relu_32", "tanh_8", "tanh_32")
    n_choices, default_sequence = (5, 5, 5, 5), "layers"
    sequences = {"layers": spaces.TokenSequence(4, ("padding", *operations), "all layers")}

    def _read(self, architecture):
        if isinstance(architecture, str) and architecture.startswith("{"):
            architecture = spaces.Architecture.from_string(architecture)
        if isinstance(architecture, spaces.Architecture):
            architecture = architecture.operations[1:-1]
        layers = architecture.split("|") if isinstance(architecture, str) else architecture
        known = [*self.operations, *range(5)]
        if np.array(layers, dtype=object).shape != (4,) or not all(x in known for x in layers):
            raise spaces.ArchitectureError(f"expected 4 of {self.operations}, got {layers!r}")
        return [known.index(layer) % 5 for layer in layers]

    def format(self, architecture):
        return "|".join(self.operations[choice] for choice in self._read(architecture))

    def decode(self, decisions):
        edges = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (2, 5), (3, 5), (4, 5)]
        names = np.array(self.operations)[self._check_decisions(decisions)].tolist()
        return [spaces.Architecture(("input", *row, "output"), edges, self.name) for row in names]

    def tokenize(self, decisions, sequence=None):
        return self._check_decisions(decisions) + 1

    def detokenize(self, tokens, sequence=None):
        return self._check_decisions(self._check_tokens(tokens, sequence) - 1)

    def canonicalize(self, decisions):
        return np.sort(self._check_decisions(decisions), axis=1)

    def relabel(self, decisions, random_state=None):
        return np.random.default_rng(random_state).permuted(decisions, axis=1)


# %%
# Checked and registered, it works like any other. The accuracies here are made up.
spaces.check_search_space(spaces.register_space(Branches(), overwrite=True))
X, y = datasets.make_architectures("branches", 300, random_state=1, return_X_y=True)
cv = model_selection.ArchitectureShuffleSplit(1, train_sizes=0.6, test_size=None, space="branches")
known, new = next(cv.set_params(random_state=0).split(X))
model = make_emprox_pipeline("branches", random_state=0).fit(X[known], y[known])
inspection.RankAgreementDisplay.from_predictions(y[new], model.predict(X[new]))
