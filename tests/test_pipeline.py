import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline

from emprox import (
    ArchitectureEmbedder,
    ArchitectureTokenizer,
    EmProxRegressor,
    make_emprox_pipeline,
)
from emprox.datasets import load_nasbench201
from emprox.metrics import kendall_tau, kendall_tau_scorer


@pytest.fixture(scope="module")
def data():
    return load_nasbench201(return_X_y=True)


def test_is_a_plain_pipeline_with_the_promised_steps():
    model = make_emprox_pipeline("nasbench201", n_neighbors=7, embedding_dim=5, random_state=1)
    assert type(model) is Pipeline
    assert list(model.named_steps) == ["tokenizer", "embedder", "knn"]
    assert isinstance(model["knn"], KNeighborsRegressor)
    assert (model["knn"].n_neighbors, model["knn"].weights) == (7, "distance")
    assert (model["embedder"].embedding_dim, model["embedder"].random_state) == (5, 1)


def test_the_paper_recipe_is_the_papers_setting():
    model = make_emprox_pipeline("nasbench201", "paper")
    assert (model["tokenizer"].sequence, model["tokenizer"].canonicalize) == ("adjacency", False)
    embedder = model["embedder"].get_params()
    expected = {
        "attention": "encoder",
        "embedding_dim": 32,
        "max_epochs": 50,
        "lr": 1e-3,
        "weight_decay": 1e-4,
        "batch_size": 100,
        "dropout": 0.1,
        "gradient_clip": 5.0,
    }
    assert {name: embedder[name] for name in expected} == expected


def test_the_chain_by_hand_is_the_same(data):
    X, y = data
    by_hand = make_pipeline(
        ArchitectureTokenizer("nasbench201", sequence="adjacency", canonicalize=False),
        ArchitectureEmbedder(8, attention="encoder", max_epochs=2, random_state=0),
        KNeighborsRegressor(10, weights="distance"),
    )
    recipe = make_emprox_pipeline("nasbench201", "paper", embedding_dim=8, random_state=0)
    recipe.set_params(embedder__max_epochs=2)
    predictions = [model.fit(X[:60], y[:60]).predict(X[60:90]) for model in (by_hand, recipe)]
    # scikit-learn's brute force is not exact at distance zero.
    np.testing.assert_allclose(*predictions, rtol=1e-4)


def test_it_predicts_unseen_cells(data):
    X, y = data
    model = make_emprox_pipeline("nasbench201", random_state=0).fit(X[:121], y[:121])
    predictions = model.predict(X[121:])
    assert predictions.shape == (15504,)
    assert kendall_tau(y[121:], predictions) > 0.6


def test_grid_search_over_neighbors_and_dimension(data, tmp_path):
    X, y = data
    grid = {"knn__n_neighbors": [3, 10], "embedder__embedding_dim": [4, 16]}
    model = make_emprox_pipeline("nasbench201", random_state=0, memory=str(tmp_path / "cache"))
    searches = [
        GridSearchCV(model, grid, scoring=kendall_tau_scorer, cv=3, n_jobs=n_jobs).fit(
            X[:90], y[:90]
        )
        for n_jobs in (1, 2)
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_array_equal(*scores)
    assert len(np.unique(scores[0])) == 4
    assert (scores[0] > 0.2).all()
    assert searches[0].best_estimator_.predict(X[90:95]).shape == (5,)
    file = tmp_path / "search.joblib"
    joblib.dump(searches[1], file)
    np.testing.assert_array_equal(
        joblib.load(file).predict(X[90:200]), searches[0].predict(X[90:200])
    )


def test_cross_validation_of_a_clone_is_the_same(data):
    X, y = data
    model = make_emprox_pipeline("nasbench201", random_state=0)
    model.set_params(embedder__max_epochs=1)
    first = cross_val_score(model, X[:60], y[:60], cv=3)
    np.testing.assert_array_equal(cross_val_score(clone(model), X[:60], y[:60], cv=3), first)


def test_pandas_in_and_between_the_steps():
    frame, y = load_nasbench201(return_X_y=True, as_frame=True)
    model = make_emprox_pipeline("nasbench201", random_state=0).set_output(transform="pandas")
    model.fit(frame.iloc[:50], y.iloc[:50])
    between = model[:-1].transform(frame.iloc[:5])
    assert isinstance(between, pd.DataFrame)
    assert between.shape == (5, 32)
    assert model[:-1].get_feature_names_out().tolist() == between.columns.tolist()
    plain = make_emprox_pipeline("nasbench201", random_state=0)
    plain.fit(frame["architecture"].tolist()[:50], y.to_numpy()[:50])
    np.testing.assert_array_equal(
        model.predict(frame.iloc[50:80]), plain.predict(frame["architecture"].tolist()[50:80])
    )


def test_notebook_representation(data):
    X, y = data
    model = make_emprox_pipeline("nasbench201", random_state=0)
    assert "ArchitectureEmbedder" in model._repr_html_()
    assert "ArchitectureEmbedder" in model.fit(X[:20], y[:20])._repr_html_()


def test_sample_weight_is_not_routed_by_accident(data):
    X, y = data
    model = make_emprox_pipeline("nasbench201", random_state=0)
    with pytest.raises((TypeError, ValueError), match="sample_weight"):
        model.fit(X[:20], y[:20], sample_weight=np.ones(20))


def test_metadata_routing(data):
    X, y = data
    with config_context(enable_metadata_routing=True):
        model = make_emprox_pipeline("nasbench201", random_state=0)
        search = GridSearchCV(model, {"knn__n_neighbors": [2, 5]}, cv=3).fit(X[:30], y[:30])
        assert search.predict(X[30:35]).shape == (5,)
        regressor = EmProxRegressor(3, space="nasbench201").set_predict_request(return_std=True)
        mean, std = (
            Pipeline([("emprox", regressor)]).fit(X[:30], y[:30]).predict(X[30:35], return_std=True)
        )
        assert mean.shape == std.shape == (5,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, np.r_[y[:-1], np.nan]), "NaN"),
        (lambda X, y: (X, np.r_[y[:-1], np.inf]), "infinity"),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
        (lambda X, y: (X[:0], y[:0]), "0 samples"),
        (lambda X, y: ([*X[:-1], "|conv~0|"], y), "architecture 29: "),
    ],
)
def test_wrong_input(data, change, message):
    X, y = change(data[0][:30], data[1][:30])
    model = make_emprox_pipeline("nasbench201", random_state=0)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)


def test_wrong_settings_of_a_step(data):
    X, y = data
    model = make_emprox_pipeline("nasbench201", n_neighbors=0)
    with pytest.raises(ValueError, match="'n_neighbors' parameter"):
        model.fit(X[:30], y[:30])
    with pytest.raises(NotFittedError):
        make_emprox_pipeline("nasbench201").predict(X[:5])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": "nasbench202"}, "unknown search space 'nasbench202'"),
        ({"recipe": "magic"}, "unknown recipe 'magic'; there are 'paper', 'lstm'"),
    ],
)
def test_unknown_names(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_emprox_pipeline(**arguments)


def test_fewer_known_than_neighbors(data):
    X, y = data
    model = make_emprox_pipeline("nasbench201", random_state=0).fit(X[:5], y[:5])
    with pytest.raises(ValueError, match="n_neighbors"):
        model.predict(X[5:10])
