"""
Training a little, or not at all
================================

Instead of the architecture, a predictor can look at the first epochs of its training. That costs
something for every candidate. How many epochs does it take to know as much as EmProx knows without
any?
"""

# %%
# 5,425 cells of NAS-Bench-201 were trained on small images of digits for 12 epochs. Their curves
# ship with the package. 121 cells are known with curves and final accuracies, 1,000 others are
# predicted.
from emprox.datasets import load_digits_cells

data = load_digits_cells()
known, new = slice(0, 121), slice(121, 1121)
y_known, y_new = data.target[known], data.target[new]

# %%
# SoTL-E ranks by the training loss of the last epoch seen, early stopping by its validation
# accuracy. LcSVR is a support vector regression on the curve of validation accuracies and its
# differences.
from emprox.metrics import kendall_tau
from emprox.predictors import EarlyStoppingRegressor, LcSVR, SoTLERegressor

predictors = {
    "SoTL-E": (SoTLERegressor(), data.train_loss),
    "early stopping": (EarlyStoppingRegressor(), data.validation_accuracy),
    "LcSVR": (LcSVR(n_iter=20, random_state=0), data.validation_accuracy),
}
epochs = [1, 2, 3, 4, 6, 8, 10, 12]
scores = {name: [] for name in predictors}
for n_epochs in epochs:
    for name, (predictor, curves) in predictors.items():
        seen = curves[:, :n_epochs]
        predictor.fit(seen[known], y_known)
        scores[name].append(kendall_tau(y_new, predictor.predict(seen[new])))

# %%
# EmProx sees the architecture alone.
from emprox import EmProxRegressor

model = EmProxRegressor("nasbench201", weights="kriging", chance_level=10, random_state=0)
without_training = kendall_tau(y_new, model.fit(data.data[known], y_known).predict(data.data[new]))
print(f"EmProx, no epoch: {without_training:.3f}")
for name, values in scores.items():
    print(f"{name}: " + ", ".join(f"{value:.3f}" for value in values))

# %%
# It takes a third to half of the training until the curves say as much. A curve that is nearly
# complete says more: it belongs to the very training whose end is to be predicted, and knows its
# luck.
import matplotlib.pyplot as plt

figure, ax = plt.subplots(layout="constrained")
ax.axhline(without_training, color="#0072B2", label="EmProx, architecture alone")
styles = {"SoTL-E": "#E69F00", "early stopping": "#009E73", "LcSVR": "#CC79A7"}
for marker, (name, color) in zip("osD", styles.items(), strict=True):
    ax.plot(epochs, scores[name], color=color, marker=marker, label=name)
ax.set(
    xlabel="epochs seen, of 12", ylabel="Kendall's tau with the final test accuracy", ylim=(0, 1)
)
ax.legend(loc="lower right")
plt.show()
