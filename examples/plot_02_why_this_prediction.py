"""
Why this prediction?
====================

A prediction rests on a few known cells. They can be shown, with their distances, their accuracies
and the weights with which they count; and the prediction says how sure it is.
"""

# %%
# Fit on 121 known cells, and take one that is not among them.
from emprox import EmProxRegressor
from emprox.datasets import load_nasbench201

X, y = load_nasbench201(return_X_y=True)
model = EmProxRegressor("nasbench201", chance_level=10, random_state=0).fit(X[:121], y[:121])

cell = X[1000]
prediction, deviation = model.predict([cell], return_std=True)
low, high = model.predict_interval([cell], coverage=0.9)[0]
print(cell)
print(f"predicted {prediction[0]:.2f} % with a standard deviation of {deviation[0]:.2f}")
print(f"90 % interval from {low:.2f} to {high:.2f} %; the true accuracy is {y[1000]:.2f} %")

# %%
# The cell as a graph of its operations. What no path from the input to the output uses is dashed.
from emprox.inspection import CellDisplay

CellDisplay.from_architecture("nasbench201", cell)

# %%
# What the prediction rests on: the nearest known cells, in the metric that the model has learned.
# Cells that look different can be near each other, if what the metric looks at is similar.
from emprox.inspection import NeighborsDisplay

# sphinx_gallery_thumbnail_number = 2
NeighborsDisplay.from_estimator(model, cell, max_neighbors=5, target_name="accuracy (%)")

# %%
# Are intervals honest? Over a thousand cells, nine in ten true accuracies should lie inside.
intervals = model.predict_interval(X[121:1121], coverage=0.9)
inside = (intervals[:, 0] <= y[121:1121]) & (y[121:1121] <= intervals[:, 1])
print(f"{100 * inside.mean():.1f} % of the true accuracies lie in their 90 % interval")
