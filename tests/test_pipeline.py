import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline

from emprox import (
    ArchitectureEmbedder,
    ArchitectureTokenizer,
    EmProxRegressor,
    ProximityMetric,
    StructuralProperties,
    add_chance_anchor,
    make_emprox_pipeline,
)
from emprox._pipeline import AnchoredPipeline
from emprox._recipes import RECIPES
from emprox.datasets import load_nasbench201
from emprox.metrics import kendall_tau, kendall_tau_scorer
from emprox.spaces import NASBench201Space

PATHLESS = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@pytest.fixture(scope="module")
def data():
    return load_nasbench201(return_X_y=True)


def test_is_a_plain_pipeline_with_the_promised_steps():
    model = make_emprox_pipeline("nasbench201", n_neighbors=7, embedding_dim=3, random_state=1)
    assert type(model) is Pipeline
    assert list(model.named_steps) == ["features", "metric", "knn"]
    assert isinstance(model["features"], StructuralProperties)
    assert isinstance(model["metric"], ProximityMetric)
    assert isinstance(model["knn"], KNeighborsRegressor)
    assert (model["knn"].n_neighbors, model["knn"].weights) == (7, "distance")
    assert (model["metric"].n_components, model["metric"].random_state) == (3, 1)


@pytest.mark.parametrize("recipe", ["lstm", "paper"])
def test_steps_of_the_recipes_with_an_lstm(recipe):
    model = make_emprox_pipeline(recipe=recipe, n_neighbors=7, embedding_dim=5, random_state=1)
    assert type(model) is Pipeline
    assert list(model.named_steps) == ["tokenizer", "embedder", "knn"]
    assert isinstance(model["embedder"], ArchitectureEmbedder)
    assert (model["embedder"].embedding_dim, model["embedder"].random_state) == (5, 1)


@pytest.mark.parametrize("recipe", RECIPES)
def test_number_of_neighbors_of_the_recipe(recipe):
    model = make_emprox_pipeline(recipe=recipe)
    assert model["knn"].n_neighbors == RECIPES[recipe].n_neighbors
    assert make_emprox_pipeline(recipe=recipe, n_neighbors=3)["knn"].n_neighbors == 3


def test_the_paper_recipe_is_the_papers_setting(data):
    X, y = data
    model = make_emprox_pipeline("nasbench201", "paper")
    assert (model["tokenizer"].sequence, model["tokenizer"].canonicalize) == ("adjacency", False)
    embedder = model["embedder"].get_params()
    expected = {
        "attention": "encoder",
        "embedding_dim": 32,
        "target_weight": 0,
        "lr": 1e-3,
        "weight_decay": 1e-4,
        "batch_size": 100,
        "dropout": 0.1,
        "gradient_clip": 5.0,
    }
    assert {name: embedder[name] for name in expected} == expected
    assert len(model.fit(X[:10], y[:10])["embedder"].history_) == 50


def test_the_chain_by_hand_is_the_same(data):
    X, y = data
    by_hand = make_pipeline(
        StructuralProperties("nasbench201", standardize=True),
        ProximityMetric(2, random_state=0),
        KNeighborsRegressor(5, weights="distance", algorithm="kd_tree"),
    )
    recipe = make_emprox_pipeline(n_neighbors=5, embedding_dim=2, random_state=0)
    predictions = [model.fit(X[:60], y[:60]).predict(X[60:90]) for model in (by_hand, recipe)]
    np.testing.assert_allclose(*predictions, rtol=1e-9)


def test_the_papers_chain_by_hand_is_the_same(data):
    X, y = data
    recipe = make_emprox_pipeline("nasbench201", "paper", embedding_dim=8, random_state=0)
    recipe.set_params(embedder__max_epochs=2)
    by_hand = make_pipeline(
        ArchitectureTokenizer("nasbench201", sequence="adjacency", canonicalize=False),
        clone(recipe["embedder"]),
        KNeighborsRegressor(10, weights="distance"),
    )
    predictions = [model.fit(X[:60], y[:60]).predict(X[60:90]) for model in (by_hand, recipe)]
    # scikit-learn's brute force is not exact at distance zero.
    np.testing.assert_allclose(*predictions, rtol=1e-4)


@pytest.mark.parametrize(("chance_level", "least"), [(None, 0.78), (10, 0.78)])
def test_it_predicts_unseen_cells(data, chance_level, least):
    X, y = data
    model = make_emprox_pipeline("nasbench201", chance_level=chance_level, random_state=0)
    predictions = model.fit(X[:121], y[:121]).predict(X[121:])
    assert predictions.shape == (15504,)
    assert kendall_tau(y[121:], predictions) > least


def test_grid_search_over_neighbors_and_dimension(data, tmp_path):
    X, y = data
    grid = {"knn__n_neighbors": [3, 10], "metric__n_components": [1, 4]}
    model = make_emprox_pipeline("nasbench201", random_state=0, memory=str(tmp_path / "cache"))
    search = GridSearchCV(model, grid, scoring=kendall_tau_scorer, cv=3).fit(X[:90], y[:90])
    scores = search.cv_results_["mean_test_score"]
    assert len(np.unique(scores)) == 4
    assert (scores > 0.5).all()
    assert search.best_estimator_.predict(X[90:95]).shape == (5,)
    file = tmp_path / "search.joblib"
    joblib.dump(search, file)
    np.testing.assert_allclose(
        joblib.load(file).predict(X[90:200]), search.predict(X[90:200]), rtol=1e-9
    )


def test_grid_search_over_an_lstm(data):
    X, y = data
    grid = {"embedder__embedding_dim": [4, 16]}
    model = make_emprox_pipeline(recipe="lstm", random_state=0).set_params(embedder__max_epochs=1)
    search = GridSearchCV(model, grid, scoring=kendall_tau_scorer, cv=3).fit(X[:60], y[:60])
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 2


@pytest.mark.parametrize("recipe", ["best", "lstm"])
def test_cross_validation_of_a_clone_is_the_same(data, recipe):
    X, y = data
    model = make_emprox_pipeline("nasbench201", recipe, random_state=0)
    if recipe == "lstm":
        model.set_params(embedder__max_epochs=1)
    first = cross_val_score(model, X[:60], y[:60], cv=3)
    np.testing.assert_allclose(
        cross_val_score(clone(model), X[:60], y[:60], cv=3), first, rtol=1e-6
    )


@pytest.mark.parametrize(("recipe", "n_columns"), [("best", 4), ("lstm", 32)])
def test_pandas_in_and_between_the_steps(recipe, n_columns):
    frame, y = load_nasbench201(return_X_y=True, as_frame=True)
    model = make_emprox_pipeline(recipe=recipe, embedding_dim=n_columns, random_state=0)
    plain = clone(model)
    model.set_output(transform="pandas").fit(frame.iloc[:50], y.iloc[:50])
    between = model[:-1].transform(frame.iloc[:5])
    assert isinstance(between, pd.DataFrame)
    assert between.shape == (5, n_columns)
    assert model[:-1].get_feature_names_out().tolist() == between.columns.tolist()
    plain.fit(frame["architecture"].tolist()[:50], y.to_numpy()[:50])
    np.testing.assert_allclose(
        model.predict(frame.iloc[50:80]),
        plain.predict(frame["architecture"].tolist()[50:80]),
        rtol=1e-9,
    )


@pytest.mark.parametrize(("recipe", "step"), [("best", "ProximityMetric"), ("lstm", "Embedder")])
def test_notebook_representation(data, recipe, step):
    X, y = data
    model = make_emprox_pipeline("nasbench201", recipe, random_state=0)
    assert step in model._repr_html_()
    assert step in model.fit(X[:20], y[:20])._repr_html_()


def test_sample_weight_is_not_routed_by_accident(data):
    X, y = data
    for chance_level in (None, 10):
        model = make_emprox_pipeline("nasbench201", chance_level=chance_level, random_state=0)
        with pytest.raises((TypeError, ValueError), match="sample_weight"):
            model.fit(X[:20], y[:20], sample_weight=np.ones(20))


@pytest.mark.parametrize("chance_level", [None, 10])
def test_metadata_routing(data, chance_level):
    X, y = data
    with config_context(enable_metadata_routing=True):
        model = make_emprox_pipeline("nasbench201", chance_level=chance_level, random_state=0)
        search = GridSearchCV(model, {"knn__n_neighbors": [2, 5]}, cv=3).fit(X[:30], y[:30])
        assert search.predict(X[30:35]).shape == (5,)
        regressor = EmProxRegressor(3, space="nasbench201").set_predict_request(return_std=True)
        steps = [("emprox", regressor)]
        chain = (
            Pipeline(steps)
            if chance_level is None
            else AnchoredPipeline(steps, space="nasbench201", chance_level=chance_level)
        )
        mean, std = chain.fit(X[:30], y[:30]).predict(X[30:35], return_std=True)
        assert mean.shape == std.shape == (5,)


def test_several_targets(data):
    X, y = data
    both = np.column_stack([y, 100 - y])
    model = make_emprox_pipeline(random_state=0).fit(X[:60], both[:60])
    np.testing.assert_allclose(model.predict(X[60:90]).sum(axis=1), 100)


class TestAnchoredPipeline:
    def make(self, **parameters):
        return make_emprox_pipeline(**{"chance_level": 10, "random_state": 0, **parameters})

    def test_only_with_a_chance_level(self):
        assert type(self.make()) is AnchoredPipeline
        assert isinstance(self.make(), Pipeline)
        assert type(self.make(chance_level=None)) is Pipeline
        # Zero is a level as any other.
        assert type(self.make(chance_level=0)) is AnchoredPipeline

    @pytest.mark.parametrize("recipe", ["best", "lstm"])
    def test_is_a_pipeline_that_is_given_the_anchor(self, data, recipe):
        X, y = data
        anchored = self.make(recipe=recipe)
        plain = self.make(recipe=recipe, chance_level=None)
        if recipe == "lstm":
            for model in (anchored, plain):
                model.set_params(embedder__max_epochs=1)
        plain.fit(*add_chance_anchor(X[:60], y[:60], "nasbench201", 10))
        anchored.fit(X[:60], y[:60])
        np.testing.assert_array_equal(anchored.predict(X[60:90]), plain.predict(X[60:90]))

    def test_knows_what_cannot_learn(self, data):
        X, y = data
        known = np.flatnonzero(y > 15)[:60]
        assert self.make().fit(X[known], y[known]).predict([PATHLESS]) == pytest.approx(10)
        plain = self.make(chance_level=None).fit(X[known], y[known])
        assert plain.predict([PATHLESS]) > 15

    def test_in_a_space_without_such_an_architecture(self):
        # In NAS-Bench-Macro every layer hands something on.
        X = np.random.default_rng(0).integers(3, size=(40, 8))
        y = X.sum(axis=1) + 0.1 * X[:, 0]
        for space, models in {
            "nasbench_macro": [
                make_emprox_pipeline("nasbench_macro", chance_level=level, random_state=0)
                for level in (None, 10)
            ]
        }.items():
            predictions = [model.fit(X[:30], y[:30]).predict(X) for model in models]
            np.testing.assert_array_equal(*predictions, err_msg=space)

    def test_parameters(self, data):
        X, y = data
        space = NASBench201Space()
        model = self.make(space=space, chance_level=5)
        parameters = model.get_params()
        assert (parameters["space"], parameters["chance_level"]) == (space, 5)
        assert parameters["metric__random_state"] == 0
        assert model.get_params(deep=False).keys() >= {"steps", "space", "chance_level", "memory"}
        model.set_params(chance_level=20, knn__n_neighbors=3)
        assert model.chance_level == 20
        known = np.flatnonzero(y > 15)[:40]
        again = clone(model)
        assert type(again) is AnchoredPipeline
        assert (again.chance_level, again["knn"].n_neighbors) == (20, 3)
        assert again.fit(X[known], y[known]).predict([PATHLESS]) == pytest.approx(20)
        with pytest.raises(NotFittedError):
            model.predict(X[:3])

    def test_grid_search(self, data):
        X, y = data
        grid = {"knn__n_neighbors": [3, 8], "chance_level": [10, 50]}
        search = GridSearchCV(self.make(), grid, scoring=kendall_tau_scorer, cv=3)
        search.fit(X[:90], y[:90])
        assert search.best_params_["chance_level"] == 10
        assert type(search.best_estimator_) is AnchoredPipeline
        assert search.predict(X[90:95]).shape == (5,)

    def test_cross_validation_holds_out_no_anchor(self, data):
        X, y = data
        assert cross_val_predict(self.make(), X[:60], y[:60], cv=3).shape == (60,)

    def test_memory(self, data, tmp_path):
        X, y = data
        model = self.make(memory=str(tmp_path / "cache"))
        first = model.fit(X[:40], y[:40]).predict(X[40:60])
        assert any((tmp_path / "cache").rglob("*.pkl"))
        again = model.set_params(knn__n_neighbors=8).fit(X[:40], y[:40]).predict(X[40:60])
        np.testing.assert_allclose(first, again, rtol=1e-9)

    def test_pickle_and_representation(self, data, tmp_path):
        X, y = data
        model = self.make().fit(X[:40], y[:40])
        joblib.dump(model, tmp_path / "model.joblib")
        again = joblib.load(tmp_path / "model.joblib")
        np.testing.assert_allclose(again.predict(X[40:60]), model.predict(X[40:60]), rtol=1e-9)
        assert "chance_level=10" in repr(model)
        assert "AnchoredPipeline" in model._repr_html_()

    def test_several_targets_and_pandas(self):
        frame, y = load_nasbench201(return_X_y=True, as_frame=True)
        known = np.flatnonzero(y > 15)[:40]
        both = pd.DataFrame({"a": y, "b": y - 1})
        model = self.make().set_output(transform="pandas").fit(frame.iloc[known], both.iloc[known])
        np.testing.assert_allclose(model.predict([PATHLESS]), [[10, 10]])

    def test_steps(self, data):
        X, y = data
        model = self.make().fit(X[:40], y[:40])
        assert model["knn"] is model[2] is model.named_steps["knn"]
        assert type(model[:-1]) is Pipeline
        embedding = model[:-1].transform(X[40:60])
        np.testing.assert_array_equal(model["knn"].predict(embedding), model.predict(X[40:60]))

    def test_needs_accuracies(self, data):
        with pytest.raises((TypeError, ValueError), match=r"requires y|argument: 'y'"):
            self.make().fit(data[0][:20])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, np.r_[y[:-1], np.nan]), "NaN"),
        (lambda X, y: (X, np.r_[y[:-1], np.inf]), "infinity"),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
        (lambda X, y: (X[:0], y[:0]), "0 samples|no samples|no architectures"),
        (lambda X, y: ([*X[:-1], "|conv~0|"], y), "architecture 29: "),
    ],
)
@pytest.mark.parametrize("recipe", ["best", "lstm"])
def test_wrong_input(data, recipe, change, message):
    X, y = change(data[0][:30], data[1][:30])
    model = make_emprox_pipeline("nasbench201", recipe, random_state=0)
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
        ({"recipe": "magic"}, "unknown recipe 'magic'; there are 'best', 'lstm', 'paper'"),
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
