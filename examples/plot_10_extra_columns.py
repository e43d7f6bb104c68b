"""
Data frames, and columns of your own
====================================

Architectures often come in a data frame, with more that is known of them: parameters,
multiply-adds, a latency. ``ColumnTransformer`` puts them beside the properties of the architecture.
"""

# %%
# NAS-Bench-201 cells that were really trained on small images of digits, with their sizes.
from emprox.datasets import load_digits_cells

data = load_digits_cells(as_frame=True)
frame = data.data.assign(parameters=data.parameters, multiply_adds=data.multiply_adds)
known, new = slice(0, 121), slice(121, 1121)
frame.head()

# %%
# Every transformer of the package takes a column of architectures and can give data frames back,
# with a name for each column.
from emprox import ArchitectureTokenizer

tokenizer = ArchitectureTokenizer("nasbench201").set_output(transform="pandas")
tokenizer.fit_transform(frame[["architecture"]]).head()

# %%
# One step describes the architecture, another scales the numbers; the metric learns how much each
# counts.
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from emprox import ProximityMetric, StructuralProperties


def build(columns):
    return make_pipeline(
        ColumnTransformer(columns),
        ProximityMetric(random_state=0),
        KNeighborsRegressor(8, weights="distance"),
    )


architecture = (
    "architecture",
    StructuralProperties("nasbench201", standardize=True),
    ["architecture"],
)
size = (
    "size",
    make_pipeline(FunctionTransformer(np.log), StandardScaler()),
    ["parameters", "multiply_adds"],
)
models = {
    "size": build([size]),
    "architecture": build([architecture]),
    "architecture and size": build([architecture, size]),
}

# %%
# Size alone says something. The architecture says far more, and knows its size: the properties
# count operations, so that the further columns add next to nothing here. Something that was
# measured, such as a latency, could.
import matplotlib.pyplot as plt

from emprox.metrics import kendall_tau

scores = {}
for name, model in models.items():
    model.fit(frame[known], data.target[known])
    scores[name] = kendall_tau(data.target[new], model.predict(frame[new]))
    print(f"{name:22} {scores[name]:.3f}")

figure, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
bars = ax.barh(list(scores), list(scores.values()), color="#0072B2")
ax.bar_label(bars, fmt="%.3f", padding=3)
ax.set(xlabel="Kendall's tau, 1,000 unseen cells", xlim=(0, 1))
plt.show()
