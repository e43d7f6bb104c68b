import pickle

import numpy as np
import pytest
import sklearn.metrics
from numpy.testing import assert_allclose
from sklearn.datasets import make_regression
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsRegressor

from emprox import metrics
from emprox.metrics import get_scorer, get_scorer_names, kendall_tau

METRICS = {
    "kendall_tau": metrics.kendall_tau,
    "spearman_rho": metrics.spearman_rho,
    "pearson_r": metrics.pearson_r,
    "precision_at_k": metrics.precision_at_k,
    "neg_regret_at_k": metrics.regret_at_k,
    "neg_mean_absolute_error": sklearn.metrics.mean_absolute_error,
    "neg_root_mean_squared_error": sklearn.metrics.root_mean_squared_error,
}


@pytest.fixture(scope="module")
def data():
    return make_regression(n_samples=90, n_features=5, noise=30.0, random_state=0)


@pytest.mark.parametrize("name", METRICS)
def test_scorer_is_its_metric_with_greater_better(name, data):
    X, y = data
    weak = X[:, [2]]  # one feature, so that no score is perfect
    model = Ridge().fit(weak[:45], y[:45])
    sign = -1 if name.startswith("neg_") else 1
    expected = sign * METRICS[name](y[45:], model.predict(weak[45:]))
    assert expected != 0
    for scorer in (get_scorer(name), pickle.loads(pickle.dumps(get_scorer(name)))):
        assert scorer(model, weak[45:], y[45:]) == pytest.approx(expected)
    bad = Ridge().fit(X, -y)
    good = Ridge().fit(X, y)
    assert get_scorer(name)(good, X, y) > get_scorer(name)(bad, X, y)


def test_names():
    assert set(get_scorer_names()) == set(METRICS) | set(sklearn.metrics.get_scorer_names())
    assert get_scorer_names() == sorted(get_scorer_names())
    for name in metrics.__all__:
        if name.endswith("_scorer") and name != "get_scorer":
            assert getattr(metrics, name) is get_scorer(name.removesuffix("_scorer"))


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("kendal_tau", "kendall_tau"), ("spearman", "spearman_rho"), ("r_2", "r2"), ("xyzzy", "")],
)
def test_unknown_name_suggests_a_known_one(wrong, meant):
    with pytest.raises(ValueError, match=f"{wrong}.*{meant}"):
        get_scorer(wrong)


def test_grid_search_in_two_processes(data):
    X, y = data
    grid = {"n_neighbors": [1, 5, 20]}
    scoring = {name: get_scorer(name) for name in METRICS}
    search = GridSearchCV(
        KNeighborsRegressor(), grid, scoring=scoring, refit="kendall_tau", cv=3, n_jobs=2
    ).fit(X, y)
    assert all(np.isfinite(search.cv_results_[f"mean_test_{name}"]).all() for name in METRICS)
    taus = search.cv_results_["mean_test_kendall_tau"]
    assert search.best_params_ == {"n_neighbors": grid["n_neighbors"][np.argmax(taus)]}
    assert search.score(X, y) == pytest.approx(kendall_tau(y, search.predict(X)))


def test_constant_model_scores_zero_with_a_warning(data):
    X, y = data
    with pytest.warns(UndefinedMetricWarning, match="constant y_pred"):
        scores = cross_validate(DummyRegressor(), X, y, scoring=metrics.kendall_tau_scorer, cv=3)
    assert_allclose(scores["test_score"], 0)


def test_fold_smaller_than_k(data):
    X, y = data
    with pytest.raises(ValueError, match="k "):
        cross_validate(
            Ridge(), X, y, scoring=metrics.precision_at_k_scorer, cv=10, error_score="raise"
        )
