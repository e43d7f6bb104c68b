"""The rivals: what else predicts the accuracy of an architecture, as strong as it can be made.

Every rival is a method of `_protocol`: a regressor on columns of the architectures, which are
one-hot decisions, GRAF's columns, or our own structural properties. What could be chosen was chosen
on the trials 100 to 115 of NAS-Bench-201, 121 known, and stays so everywhere:

- XGBoost, with the settings of `make_xgboost`: depth among 2, 3, 4 and 6, learning rate among .1,
  .03 and .015 with 300, 600 and 1,200 trees, the shares of rows and of columns for a tree, smallest
  weight of a leaf, penalty of the weights, absolute error instead of squares.
- Random forest and extra trees: the share of columns for a split, among all, a half and a third,
  and the smallest leaf. Extra trees want all of GRAF's columns and a third of the properties.
- The Gaussian process: Matérn 3/2 or 5/2, one length scale for all columns. One for each column
  took 45 to 80 seconds for a fit. On GRAF's columns it was no better (four trials), on properties
  Kendall was .855 instead of .848 in those trials.
- kNN by inverse distance: 3, 5 or 10 neighbours.
- The target: as it is, as normal quantiles, or as the logarithm of the error in percent, for the
  trees and for the Gaussian process, which is weak (Kendall .74 to .78) without the logarithm.
- GRAF's columns: of canonical forms, where GRAF as published describes cells as they are written,
  and with the fewest operations on a path, which it does not have. Without these two Kendall of
  XGBoost is .81 instead of .82.

Histogram gradient boosting of scikit-learn was left out: with a smallest leaf of 1 instead of 20 it
is close to XGBoost (Kendall .815 and .821 on GRAF's columns, eight trials).

`BORROWED` are the regressors that also get the target transform of the recipe "best", `LogGap`. On
our own properties such a Gaussian process is the recipe without its learned metric.
"""

from __future__ import annotations

import numpy as np
from _protocol import Method
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor, VotingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emprox import StructuralProperties, add_chance_anchor
from emprox.encodings import GRAFEncoding, OneHotEncoding
from emprox.predictors import make_xgboost


class LogGap(RegressorMixin, BaseEstimator):
    """Let a regressor predict the logarithm of the gap to an accuracy just out of reach.

    That accuracy is the best known one, plus .8 of what it is above the median. So the differences
    among good architectures count for more.

    Parameters
    ----------
    regressor : regressor
        What predicts.
    """

    def __init__(self, regressor):
        self.regressor = regressor

    def fit(self, X, y):
        self.limit_ = y.max() + max(0.8 * (y.max() - np.median(y)), 1e-9)
        self.regressor_ = clone(self.regressor).fit(X, -np.log(self.limit_ - y))
        return self

    def predict(self, X):
        return self.limit_ - np.exp(-self.regressor_.predict(X))


class WithAnchor(RegressorMixin, BaseEstimator):
    """Tell a model one more architecture: one without a path, whose accuracy is that of chance.

    Parameters
    ----------
    model : regressor
        What predicts from architectures.
    space : str or SearchSpace
        The search space.
    chance_level : float
        Accuracy of chance.
    """

    def __init__(self, model, space, chance_level):
        self.model = model
        self.space = space
        self.chance_level = chance_level

    def fit(self, X, y):
        self.model_ = clone(self.model)
        self.model_.fit(*add_chance_anchor(self.space, X, y, self.chance_level))
        return self

    def predict(self, X):
        return self.model_.predict(X)


def log_error(accuracies):
    """Return the negative logarithm of the error, both in percent."""
    return -np.log(100 - accuracies)


def from_log_error(values):
    """Return the accuracy whose negative logarithm of the error this is."""
    return 100 - np.exp(-values)


def with_log_error(make_regressor):
    """Let a regressor predict the logarithm of the error; the target has to be below 100 %."""
    return lambda seed: TransformedTargetRegressor(
        make_regressor(seed), func=log_error, inverse_func=from_log_error
    )


def with_log_gap(make_regressor):
    """Let a regressor predict the logarithm of the gap; see `LogGap`."""
    return lambda seed: LogGap(make_regressor(seed))


def neighbors(n_neighbors):
    """Return a factory of kNN by inverse distance."""
    return lambda seed: KNeighborsRegressor(n_neighbors, weights="distance")


def random_forest(seed):
    """Return a random forest."""
    return RandomForestRegressor(300, max_features=1 / 3, random_state=seed)


def extra_trees(max_features):
    """Return a factory of extra trees."""
    return lambda seed: ExtraTreesRegressor(300, max_features=max_features, random_state=seed)


def xgboost(seed):
    """Return gradient boosting."""
    return make_xgboost("nasbench201", library="xgboost", random_state=seed)["regressor"]


def xgboost_and_extra_trees(max_features):
    """Return a factory of the mean of the two."""
    return lambda seed: VotingRegressor(
        [("xgboost", xgboost(seed)), ("extra_trees", extra_trees(max_features)(seed))]
    )


def gaussian_process(seed):
    """Return a Gaussian process whose scales are fitted by maximum likelihood."""
    kernel = ConstantKernel() * Matern(10.0, (0.1, 1e4), nu=1.5) + WhiteKernel(0.1, (1e-6, 10.0))
    return GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed)


def one_hot_as_written(space):
    """Return the one-hot decisions of architectures as they are written."""
    return OneHotEncoding(space, canonicalize=False)


def standardised_graf(space):
    """Return GRAF's columns, standardised."""
    return make_pipeline(GRAFEncoding(space), StandardScaler())


def properties(space):
    """Return our own properties, standardised over the space and weighted as the recipe has it."""
    return StructuralProperties(space, standardize=True)


def on(columns, make_regressor) -> Method:
    """Return the method that fits a regressor to columns of the architectures."""
    return lambda space, seed: make_pipeline(columns(space), make_regressor(seed))


def with_anchor(method: Method, chance_level: float) -> Method:
    """Return the method that is told the accuracy of an architecture without a path."""
    return lambda space, seed: WithAnchor(method(space, seed), space, chance_level)


ONE_HOT: dict[str, Method] = {
    "kNN, one-hot as written": on(one_hot_as_written, neighbors(10)),
    "kNN, one-hot": on(OneHotEncoding, neighbors(10)),
    "extra trees, one-hot": on(OneHotEncoding, extra_trees(1.0)),
    "XGBoost, one-hot": on(OneHotEncoding, xgboost),
}
GRAF: dict[str, Method] = {
    "kNN, GRAF": on(standardised_graf, neighbors(10)),
    "random forest, GRAF": on(GRAFEncoding, random_forest),
    "extra trees, GRAF": on(GRAFEncoding, extra_trees(1.0)),
    "XGBoost, GRAF": on(GRAFEncoding, xgboost),
}
PROPERTIES: dict[str, Method] = {
    "kNN, properties": on(properties, neighbors(5)),
    "random forest, properties": on(properties, random_forest),
    "extra trees, properties": on(properties, extra_trees(1 / 3)),
    "XGBoost, properties": on(properties, xgboost),
    "XGBoost + extra trees, properties": on(properties, xgboost_and_extra_trees(1 / 3)),
}
# For accuracies in percent.
LOG_ERROR: dict[str, Method] = {
    "XGBoost of log error, GRAF": on(GRAFEncoding, with_log_error(xgboost)),
    "Gaussian process of log error, GRAF": on(standardised_graf, with_log_error(gaussian_process)),
    "Gaussian process of log error, properties": on(properties, with_log_error(gaussian_process)),
}
BORROWED: dict[str, Method] = {
    "XGBoost of log gap, GRAF": on(GRAFEncoding, with_log_gap(xgboost)),
    "Gaussian process of log gap, GRAF": on(standardised_graf, with_log_gap(gaussian_process)),
    "Gaussian process of log gap, properties": on(properties, with_log_gap(gaussian_process)),
}
