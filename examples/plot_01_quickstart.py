"""
Quickstart: predict the accuracy of architectures
=================================================

A hundred and twenty-one cells of NAS-Bench-201 have been trained, and the accuracy of thousands of
others is wanted without training them.
"""

# %%
# The cells come as the strings that NAS-Bench-201 uses, the accuracies in percent. The rows of the
# bundled table are in random order, so that the first ones are a random sample.
from emprox.datasets import load_nasbench201

X, y = load_nasbench201(return_X_y=True)
X_known, y_known = X[:121], y[:121]
X_new, y_new = X[121:1121], y[121:1121]
print(X_known[0], y_known[0])

# %%
# A pipeline describes each cell by structural properties, embeds it with a metric that is learned
# from the known accuracies, and takes the mean accuracy of the nearest known cells, weighted by
# inverse distance. A cell without a path from input to output can only guess: in ten classes, it is
# known to be right in 10 % of the cases.
from emprox import make_emprox_pipeline

model = make_emprox_pipeline("nasbench201", chance_level=10, random_state=0)
model.fit(X_known, y_known)
predictions = model.predict(X_new)

# %%
# How good are the predictions? What counts in a search is the order, which Kendall's tau measures.
from emprox.metrics import regression_report

for metric, value in regression_report(y_new, predictions).items():
    print(f"{metric:26} {value:.3f}")

# %%
# Predicted against true accuracy. Cells far from the diagonal are those that the known cells say
# little about.
from emprox.inspection import RankAgreementDisplay

RankAgreementDisplay.from_predictions(y_new, predictions, target_name="accuracy (%)")

# %%
# The embedding in two dimensions, coloured by accuracy: cells of similar accuracy lie together,
# which is why neighbours predict.
from emprox.inspection import EmbeddingDisplay

EmbeddingDisplay.from_estimator(model, X_new, y_new, target_name="accuracy (%)")
