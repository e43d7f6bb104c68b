"""
The embedding as a map
======================

A prediction from neighbours is as good as the neighbourhood: cells that lie together have to have
similar accuracies. Two embeddings of the same cells, in two dimensions.
"""

# %%
# The paper embeds a cell as a sequence of tokens with an LSTM encoder-decoder, which learns to
# write the sequence again and never sees an accuracy. The default of this package learns from the
# known accuracies which structural properties matter.
from emprox import make_emprox_pipeline
from emprox.datasets import load_nasbench201

X, y = load_nasbench201(return_X_y=True)
X_known, y_known = X[:121], y[:121]
X_new, y_new = X[121:821], y[121:821]

models = {
    "recipe='paper'": make_emprox_pipeline("nasbench201", "paper", random_state=0),
    "recipe='best'": make_emprox_pipeline("nasbench201", "best", chance_level=10, random_state=0),
}
for model in models.values():
    model.fit(X_known, y_known)

# %%
# Both maps show 700 cells that neither model has seen. Colours are true accuracies; the scale
# leaves out the few cells that hardly learn at all.
import matplotlib.pyplot as plt

from emprox.inspection import EmbeddingDisplay

figure, axes = plt.subplots(ncols=2, figsize=(11, 4.5), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    EmbeddingDisplay.from_estimator(
        model, X_new, y_new, random_state=0, ax=ax, target_name="accuracy (%)"
    )
    ax.set_title(name)
plt.show()

# %%
# The same as a number: by how much the accuracy of a cell differs from those of its ten nearest
# in the embedding, beside what two random cells differ by.
import numpy as np
from sklearn.neighbors import NearestNeighbors

for name, model in models.items():
    embedding = model.transform(X_new)
    nearest = NearestNeighbors(n_neighbors=11).fit(embedding).kneighbors(return_distance=False)
    difference = np.abs(y_new[nearest] - y_new[:, None]).mean()
    print(f"{name:15} {difference:.2f} percentage points")
print(f"{'two at random':15} {np.abs(y_new - y_new[:, None]).mean():.2f} percentage points")
