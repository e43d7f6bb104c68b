import pickle

import numpy as np
import pytest
import sklearn.metrics
from numpy.testing import assert_allclose
from sklearn.datasets import make_regression
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsRegressor

from emprox import metrics
from emprox.metrics import get_scorer, get_scorer_names, kendall_tau, precision_at_k

NAMES = {
    "kendall_tau": 1,
    "spearman_rho": 1,
    "pearson_r": 1,
    "precision_at_k": 1,
    "neg_regret_at_k": -1,
    "neg_mean_absolute_error": -1,
    "neg_root_mean_squared_error": -1,
}


@pytest.fixture(scope="module")
def data():
    return make_regression(n_samples=90, n_features=5, noise=30.0, random_state=0)


@pytest.mark.parametrize(("name", "sign"), NAMES.items())
def test_scorer_is_its_metric_with_greater_better(name, sign, data):
    X, y = data[0][:, [2]], data[1]  # one weak feature, so that no score is perfect
    model = Ridge().fit(X[:45], y[:45])
    metric = getattr(metrics, name.removeprefix("neg_"))
    expected = sign * metric(y[45:], model.predict(X[45:]))
    assert expected != 0
    assert get_scorer(name)(model, X[45:], y[45:]) == pytest.approx(expected)


@pytest.mark.parametrize("name", NAMES)
def test_better_models_score_higher(name, data):
    X, y = data
    good = Ridge().fit(X, y)
    bad = Ridge().fit(X, -y)
    assert get_scorer(name)(good, X, y) > get_scorer(name)(bad, X, y)


@pytest.mark.parametrize("name", NAMES)
def test_names_and_objects_agree(name):
    assert get_scorer(name) is getattr(metrics, f"{name}_scorer")
    assert f"{name}_scorer" in metrics.__all__
    assert name in get_scorer_names()


@pytest.mark.parametrize("name", NAMES)
def test_scorers_pickle(name, data):
    X, y = data
    scorer = get_scorer(name)
    model = Ridge().fit(X, y)
    assert pickle.loads(pickle.dumps(scorer))(model, X, y) == scorer(model, X, y)


def test_names_are_sorted_and_hold_those_of_scikit_learn():
    names = get_scorer_names()
    assert names == sorted(set(names))
    assert set(names) == set(NAMES) | set(sklearn.metrics.get_scorer_names())


def test_scorers_of_scikit_learn_by_name(data):
    X, y = data
    model = Ridge().fit(X, y)
    assert get_scorer("r2")(model, X, y) == pytest.approx(model.score(X, y))


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("kendal_tau", "kendall_tau"), ("spearman", "spearman_rho"), ("r_2", "r2")],
)
def test_unknown_name_suggests_a_known_one(wrong, meant):
    with pytest.raises(ValueError, match=f"named '{wrong}'. Did you mean '{meant}'?") as error:
        get_scorer(wrong)
    assert all(f"'{name}'" in str(error.value) for name in NAMES)


def test_unknown_name_like_no_other():
    with pytest.raises(ValueError, match=r"named 'xyzzy'\. The scorers of emprox are"):
        get_scorer("xyzzy")


def test_name_must_be_a_string():
    with pytest.raises(TypeError, match="name must be a string, got 5 of type int"):
        get_scorer(5)


def test_grid_search_in_two_processes(data):
    X, y = data
    grid = {"n_neighbors": [1, 5, 20]}
    scoring = {name: get_scorer(name) for name in NAMES}
    two, one = (
        GridSearchCV(
            KNeighborsRegressor(), grid, scoring=scoring, refit="kendall_tau", cv=3, n_jobs=n_jobs
        ).fit(X, y)
        for n_jobs in (2, 1)
    )
    for name in NAMES:
        column = f"mean_test_{name}"
        assert np.isfinite(two.cv_results_[column]).all()
        assert_allclose(two.cv_results_[column], one.cv_results_[column])
    taus = two.cv_results_["mean_test_kendall_tau"]
    assert two.best_params_ == {"n_neighbors": grid["n_neighbors"][np.argmax(taus)]}


def test_grid_search_with_one_scorer(data):
    X, y = data
    search = GridSearchCV(
        KNeighborsRegressor(),
        {"n_neighbors": [5, 10]},
        scoring=metrics.kendall_tau_scorer,
        cv=3,
        n_jobs=2,
    ).fit(X, y)
    assert search.score(X, y) == pytest.approx(kendall_tau(y, search.predict(X)))


def test_multioutput_targets_are_averaged(data):
    X, y = data
    model = Ridge().fit(X, np.c_[y, -y])
    assert metrics.kendall_tau_scorer(model, X, np.c_[y, -y]) == pytest.approx(
        kendall_tau(y, model.predict(X)[:, 0])
    )


def test_constant_model_scores_zero_with_a_warning(data):
    X, y = data
    with pytest.warns(UndefinedMetricWarning, match="constant y_pred"):
        scores = cross_validate(DummyRegressor(), X, y, scoring=metrics.kendall_tau_scorer, cv=3)
    assert_allclose(scores["test_score"], 0)


def test_fold_smaller_than_k(data):
    X, y = data
    with pytest.raises(ValueError, match="k must be from 1 to the number of samples, 9; got 10"):
        cross_validate(
            Ridge(), X, y, scoring=metrics.precision_at_k_scorer, cv=10, error_score="raise"
        )


def test_scorer_with_another_k(data):
    X, y = data
    scorer = make_scorer(precision_at_k, k=3)
    model = Ridge().fit(X, y)
    assert scorer(model, X, y) == precision_at_k(y, model.predict(X), k=3)
    scores = cross_validate(Ridge(), X, y, scoring=scorer, cv=10, error_score="raise")
    assert scores["test_score"].shape == (10,)
