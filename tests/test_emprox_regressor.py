"""Architectures in, accuracies out: the estimator, and the pipeline that it fits."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import emprox
from emprox import (
    EmProxRegressor,
    ProximityMetric,
    ProximityRegressor,
    StructuralProperties,
    add_chance_anchor,
    make_emprox_pipeline,
)
from emprox.datasets import load_nasbench201, make_architectures
from emprox.lstm import ArchitectureEmbedder, ArchitectureTokenizer
from emprox.metrics import kendall_tau, kendall_tau_scorer
from emprox.spaces import ArchitectureError, get_space, list_spaces

SPACE = get_space("nasbench201")
RECIPES = ("best", "lstm", "paper")
# Nothing reads what its only convolution makes.
PATHLESS = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"
WITH_PATHLESS = {"nasbench201", "nasbench_asr", "transnasbench101_micro"}
METHODS = ("predict", "predict_interval", "score_samples", "novelty", "transform")


@pytest.fixture(scope="module")
def data():
    X, y = load_nasbench201(return_X_y=True)
    return X[:200], y[:200]


@pytest.fixture(scope="module")
def passing(data):
    """Cells with a path."""
    X, y = data
    return X[y > 15][:60], y[y > 15][:60]


def make(**parameters):
    return EmProxRegressor(
        **{"space": "nasbench201", "chance_level": 10, "random_state": 0, **parameters}
    )


def chain(**parameters):
    return make_emprox_pipeline(
        **{"space": "nasbench201", "chance_level": 10, "random_state": 0, **parameters}
    )


def classes_of(X):
    """Number the classes of isomorphic cells."""
    canonical = SPACE.canonicalize(SPACE.encode(X))
    return np.unique(canonical, axis=0, return_inverse=True)[1].ravel()


class TestOneChain:
    @pytest.mark.parametrize("recipe", RECIPES)
    @pytest.mark.parametrize("chance_level", [None, 10])
    @pytest.mark.parametrize("n_known", [5, 60])
    def test_regressor_and_pipeline_say_the_same(self, data, recipe, chance_level, n_known):
        X, y = data
        if recipe == "paper" and n_known == 60:
            pytest.skip("the long training of few says the same")
        parameters = {"recipe": recipe, "chance_level": chance_level}
        regressor, pipeline = (
            kind(**parameters).fit(X[:n_known], y[:n_known]) for kind in (make, chain)
        )
        np.testing.assert_array_equal(regressor.predict(X), pipeline.predict(X))
        np.testing.assert_array_equal(regressor.transform(X), pipeline.transform(X))
        np.testing.assert_array_equal(regressor.score_samples(X), pipeline.score_samples(X))
        learner, features = pipeline[-1], pipeline[:-1].transform(X)
        for method in METHODS:
            expected = getattr(learner, method)(features)
            np.testing.assert_array_equal(getattr(regressor, method)(X), expected)
        assert regressor.kneighbors(X)[1].max() < n_known

    def test_properties_and_learner_by_hand(self, data):
        X, y = data
        by_hand = make_pipeline(
            StructuralProperties("nasbench201", standardize=True),
            ProximityMetric(2, random_state=0),
            KNeighborsRegressor(5, weights="distance", algorithm="kd_tree"),
        )
        # Without equal cells, which the recipe takes as one.
        _, first = np.unique(classes_of(X), return_index=True)
        model = chain(n_neighbors=5, embedding_dim=2, chance_level=None)
        predictions = [m.fit(X[first[:60]], y[first[:60]]).predict(X) for m in (by_hand, model)]
        np.testing.assert_allclose(*predictions, rtol=1e-9)
        known = add_chance_anchor("nasbench201", X[:60], y[:60], 10)
        by_hand = make_pipeline(by_hand[0], ProximityRegressor(random_state=0)).fit(*known)
        np.testing.assert_array_equal(chain().fit(X[:60], y[:60]).predict(X), by_hand.predict(X))

    def test_the_papers_chain_by_hand(self, data):
        X, y = data
        by_hand = make_pipeline(
            ArchitectureTokenizer("nasbench201", sequence="adjacency", canonicalize=False),
            ArchitectureEmbedder(attention="encoder", max_epochs=2, random_state=0),
            KNeighborsRegressor(10, weights="distance", algorithm="kd_tree"),
        )
        recipe = chain(recipe="paper", chance_level=None).set_params(embedder__max_epochs=2)
        assert isinstance(recipe, Pipeline)
        predictions = [model.fit(X[:60], y[:60]).predict(X) for model in (by_hand, recipe)]
        np.testing.assert_allclose(*predictions, rtol=1e-6)
        embedder = chain(recipe="paper")["embedder"].get_params()
        expected = {"attention": "encoder", "embedding_dim": 32, "max_epochs": 50, "dropout": 0.1}
        assert {name: embedder[name] for name in expected} == expected

    @pytest.mark.parametrize("kind", [make, chain])
    def test_predicts_unseen_cells(self, kind):
        X, y = load_nasbench201(return_X_y=True)
        predictions = kind().fit(X[:121], y[:121]).predict(X[121:3121])
        assert kendall_tau(y[121:3121], predictions) > 0.78

    @pytest.mark.parametrize("kind", [make, chain])
    def test_another_description_of_a_known_cell_gets_its_accuracy(self, kind):
        X, y = load_nasbench201(return_X_y=True)
        model = kind().fit(X[:100], y[:100])
        classes = classes_of(X)
        others = 100 + np.flatnonzero(np.isin(classes[100:], classes[:100]))
        assert len(others) > 200
        expected = [y[:100][classes[:100] == classes[other]].mean() for other in others]
        np.testing.assert_allclose(model.predict(X[others]), expected, atol=1e-9)
        one_by_one = [model.predict(X[[other]])[0] for other in others[:20]]
        np.testing.assert_allclose(one_by_one, expected[:20], atol=1e-9)

    @pytest.mark.parametrize("kind", [make, chain])
    def test_sample_weight(self, data, kind):
        X, y = data
        weights = np.random.default_rng(0).integers(0, 3, 60)
        rows = np.repeat(np.arange(60), weights)
        weighted = kind().fit(X[:60], y[:60], sample_weight=weights)
        repeated = kind().fit(X[rows], y[rows])
        np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7)


class TestChanceLevel:
    @pytest.mark.parametrize("kind", [make, chain])
    @pytest.mark.parametrize("weights", ["distance", "kriging"])
    def test_an_architecture_without_a_path_is_a_guess(self, passing, kind, weights):
        assert kind(weights=weights).fit(*passing).predict([PATHLESS]) < 13
        without = kind(weights=weights, chance_level=None).fit(*passing)
        assert without.predict([PATHLESS]) > 15

    def test_warns_where_it_would_help(self, data, passing):
        X, y = data
        warned = "(?s).*without a path.*chance_level"
        for kind in (make, chain):
            with pytest.warns(UserWarning, match=warned):
                kind(chance_level=None).fit(*passing)
        for model, known in (
            (make(), passing),
            (make(chance_level=None), (X[:60], y[:60])),  # which hold one
            (EmProxRegressor(), (SPACE.encode(X[:60]), y[:60])),
        ):
            with warnings.catch_warnings():
                warnings.filterwarnings("error", warned)
                model.fit(*known).predict(known[0], return_std=True)

    def test_has_no_effect_where_all_have_a_path(self):
        X, y = make_architectures("nasbench_macro", 40, random_state=0, return_X_y=True)
        plain, anchored = (
            make(space="nasbench_macro", chance_level=level).fit(X[:30], y[:30])
            for level in (None, 10)
        )
        np.testing.assert_array_equal(plain.predict(X), anchored.predict(X))

    @pytest.mark.parametrize("kind", [make, chain])
    @pytest.mark.parametrize("level", [np.nan, np.inf, 1000, 10])
    def test_impossible_levels(self, passing, kind, level):
        X, y = passing
        y = y / 100 if level == 10 else y
        with pytest.raises(ValueError, match="chance_level"):
            kind(chance_level=level).fit(X, y)

    def test_needs_a_space(self):
        with pytest.raises(ValueError, match="space"):
            EmProxRegressor(chance_level=10).fit(np.eye(3), [1.0, 2.0, 30.0])

    def test_memory_and_grid_search(self, passing, tmp_path):
        X, y = passing
        model = chain(memory=str(tmp_path))
        grid = {"knn__n_neighbors": [3, 8], "chance_level": [10, 50]}
        search = GridSearchCV(model, grid, scoring=kendall_tau_scorer, cv=3).fit(X, y)
        assert search.predict([PATHLESS]) == search.best_params_["chance_level"]
        assert any(tmp_path.rglob("*.pkl"))
        assert cross_val_predict(chain(), X, y, cv=3).shape == (60,)


class TestAddChanceAnchor:
    CELLS = (
        "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
        "|none~0|+|avg_pool_3x3~0|none~1|+|none~0|none~1|nor_conv_1x1~2|",
    )

    def test_adds_one_row_that_can_only_guess(self):
        frame = pd.DataFrame({"architecture": self.CELLS})
        targets = pd.DataFrame({"cifar10": [91.5, 88.0], "digits": [97.0, 96.5]})
        X, y = add_chance_anchor("nasbench201", frame["architecture"], targets, 10.5)
        np.testing.assert_array_equal(X[:2], SPACE.encode(self.CELLS))
        np.testing.assert_array_equal(X[2], SPACE.operations.index("none"))
        np.testing.assert_array_equal(y, [[91.5, 97], [88, 96.5], [10.5, 10.5]])

    @pytest.mark.parametrize("name", [n for n in list_spaces() if not get_space(n).is_open])
    def test_every_space(self, name):
        cells, _ = make_architectures(name, 5, random_state=0, return_X_y=True)
        X, y = add_chance_anchor(name, cells, np.arange(5) + 10, 10)
        assert len(X) == len(y) == (6 if name in WITH_PATHLESS else 5)
        np.testing.assert_array_equal(X[:5], get_space(name).encode(cells))
        assert get_space(name).is_valid(X).all()

    def test_wrong_input(self):
        with pytest.raises(ArchitectureError, match="architecture 1"):
            add_chance_anchor("nasbench201", [self.CELLS[0], "|conv~0|"], [91.5, 88], 10)
        for cells, y, level in (
            (self.CELLS, [91.5], 10),
            (self.CELLS, ["good", "bad"], 10),
            (self.CELLS, [91.5, None], 10),
            ([], [], 10),
        ):
            with pytest.raises(ValueError, match=r"sample|float|NaN|architectures|chance_level"):
                add_chance_anchor("nasbench201", cells, y, level)


class TestPartialFit:
    @pytest.mark.parametrize(
        "parameters", [{}, {"weights": "kriging"}, {"n_neighbors": "auto"}, {"recipe": "lstm"}]
    )
    def test_refit_is_a_fresh_fit(self, data, parameters):
        X, y = data
        model = make(**parameters).fit(X[:40], y[:40])
        # In any form that the space reads.
        model.partial_fit(SPACE.encode(X[40:41]), y[40:41], refit=True)
        model.partial_fit(SPACE.decode(SPACE.encode(X[41:60])), list(y[41:60]), refit=True)
        fresh = make(**parameters).fit(X[:60], y[:60])
        for method in METHODS:
            expected = getattr(fresh, method)(X)
            np.testing.assert_allclose(getattr(model, method)(X), expected, rtol=1e-6, atol=1e-9)

    @pytest.mark.parametrize("weights", ["distance", "kriging"])
    def test_neighbors_are_rows_in_the_order_of_coming(self, data, weights):
        X, y = data
        _, first = np.unique(classes_of(X), return_index=True)
        X, y = X[np.sort(first)], y[np.sort(first)]
        model = make(n_neighbors=1, weights=weights).fit(X[:40], y[:40])
        for rows in (slice(40, 41), slice(41, 60)):
            model.partial_fit(X[rows], y[rows], refit=False)
        np.testing.assert_array_equal(model.kneighbors(X[:60])[1][:, 0], np.arange(60))
        np.testing.assert_array_equal(model.X_, SPACE.encode(X[:60]))
        np.testing.assert_array_equal(model.y_, y[:60])
        if weights == "distance":
            np.testing.assert_allclose(model.predict(X[:60]), y[:60], atol=1e-6)

    @pytest.mark.parametrize("refit", [True, False])
    def test_a_learned_space_grows(self, refit):
        rows = list(map(tuple, np.random.default_rng(0).integers(0, 3, size=(60, 5)).tolist()))
        new = [(3, 0, 1, 2, 0), (0, 1, 2, 3, 3)]
        y = np.array([sum(row) for row in rows + new], dtype=float)
        model = EmProxRegressor("sequence", random_state=0).fit(rows, y[:60])
        model.partial_fit(new, y[60:], refit=refit)
        assert model.space_.decode(model.X_) == model.space_.decode(model.space_.encode(rows + new))
        if refit:
            fresh = EmProxRegressor("sequence", random_state=0).fit(rows + new, y)
            np.testing.assert_allclose(model.predict(rows), fresh.predict(rows))
        assert np.isfinite(model.predict([(3, 3, 3, 3, 4)])).all()

    def test_matrix_is_standardised_anew(self, data):
        X, y = data
        matrix = StructuralProperties("nasbench201").fit_transform(X)
        model = EmProxRegressor(random_state=0).partial_fit(matrix[:40], y[:40])
        model.partial_fit(matrix[40:60], y[40:60])
        fresh = EmProxRegressor(random_state=0).fit(matrix[:60], y[:60])
        np.testing.assert_allclose(model.predict(matrix), fresh.predict(matrix), rtol=1e-9)


class TestMatrices:
    FRAME = pd.DataFrame(
        np.random.default_rng(0).normal(size=(50, 4)) * [1, 10, 100, 1e-3] + [0, 5, 5, 5],
        columns=["depth", "width", "parameters", "rate"],
    )
    TARGET = (FRAME["depth"] + FRAME["width"] / 10 + np.sin(FRAME["parameters"] / 50)).rename("y")

    def test_are_standardised(self):
        by_hand = make_pipeline(StandardScaler(), ProximityRegressor(random_state=0))
        model = EmProxRegressor(random_state=0).fit(self.FRAME, self.TARGET)
        by_hand.fit(self.FRAME.to_numpy(), self.TARGET)
        new = self.FRAME + 0.1
        np.testing.assert_array_equal(model.predict(new), by_hand.predict(new.to_numpy()))
        assert model.feature_names_in_.tolist() == self.FRAME.columns.tolist()
        with pytest.raises(ValueError, match="feature names"):
            model.predict(self.FRAME.rename(columns={"width": "height"}))
        predictions = cross_val_predict(EmProxRegressor(), self.FRAME, self.TARGET, cv=5)
        assert kendall_tau(self.TARGET, predictions) > 0.5

    @pytest.mark.parametrize("recipe", ["lstm", "paper"])
    def test_tokens(self, data, recipe):
        X, y = data
        tokens = SPACE.tokenize(SPACE.encode(X[:30]), "operations")
        frame = pd.DataFrame(tokens, columns=list("abcdef"))
        model = EmProxRegressor(recipe=recipe, random_state=0).fit(frame, pd.Series(y[:30]))
        assert model.n_features_in_ == 6
        assert np.isfinite(model.predict(frame)).all()
        for wrong in (-tokens, tokens + 0.5):
            with pytest.raises(ValueError, match=r"Negative|whole"):
                EmProxRegressor(recipe=recipe).fit(wrong, y[:30])

    @pytest.mark.parametrize("kind", [list, np.array, pd.Series])
    def test_texts_need_a_space(self, data, kind):
        with pytest.raises(ValueError, match="space="):
            EmProxRegressor().fit(kind(data[0][:20].tolist()), data[1][:20])


class TestScikitLearn:
    @pytest.mark.parametrize("recipe", ["best", "lstm"])
    def test_pickle(self, data, recipe):
        X, y = data
        model = make(recipe=recipe).fit(X[:60], y[:60])
        again = pickle.loads(pickle.dumps(model))
        for method in METHODS:
            expected = getattr(model, method)(X)
            np.testing.assert_allclose(getattr(again, method)(X), expected, rtol=1e-6, atol=1e-9)

    def test_learner_of_a_pickle_is_small(self):
        X, y = load_nasbench201(return_X_y=True)
        model = make().fit(X[:121], y[:121])
        model.predict(X[:9], return_std=True)
        model.novelty(X[:9])
        assert len(pickle.dumps(model.pipeline_[-1])) < 180_000

    def test_pickles_of_other_versions_warn(self, data, monkeypatch):
        X, y = data
        model = make().fit(X[:20], y[:20])
        assert model.emprox_version_ == emprox.__version__
        monkeypatch.setattr("emprox.utils._versions.__version__", "0.0.1")
        old = pickle.dumps(model)
        monkeypatch.undo()
        with pytest.warns(UserWarning, match=r"0\.0\.1"):
            again = pickle.loads(old)
        assert again.emprox_version_ == "0.0.1"
        assert again.fit(X[:20], y[:20]).emprox_version_ == emprox.__version__

    def test_parameters(self, passing):
        pipeline = clone(chain().set_params(chance_level=20, knn__metric__embedding_dim=2))
        assert pipeline.get_params()["chance_level"] == 20
        assert pipeline.fit(*passing).predict([PATHLESS]) == pytest.approx(20)
        assert pipeline.transform(passing[0]).shape == (60, 2)
        assert pipeline.fit_transform(*passing).shape == (60, 2)
        model = clone(make(recipe="lstm", embedding_dim=3)).fit(*passing)
        assert model.embedding_.shape == (60, 3)
        assert "chance_level=10" in repr(make())
        assert "ProximityRegressor" in pipeline._repr_html_()

    @pytest.mark.parametrize("kind", [make, chain])
    def test_data_frames(self, data, kind):
        X, y = data
        frame, target = pd.DataFrame({"architecture": X}), pd.Series(y)
        plain = kind().fit(X[:40], y[:40])
        expected, places = plain.predict(X), plain.transform(X)
        with config_context(transform_output="pandas"):
            model = kind().fit(frame[:40], target[:40])
            np.testing.assert_array_equal(model.predict(frame["architecture"]), expected)
            embedding = model.transform(frame)
        assert isinstance(embedding, pd.DataFrame)
        np.testing.assert_array_equal(embedding, places)

    @pytest.mark.parametrize("kind", [make, chain])
    def test_metadata_routing(self, passing, kind):
        X, y = passing
        expected = kind().fit(X, y).predict(X)
        with config_context(enable_metadata_routing=True):
            model = kind().fit(X, y, sample_weight=np.ones(60))
            np.testing.assert_allclose(model.predict(X), expected)
            regressor = make().set_predict_request(return_std=True)
            steps = Pipeline([("emprox", regressor)]).fit(X, y)
            assert np.shape(steps.predict(X[:5], return_std=True)) == (2, 5)

    def test_not_fitted(self, data):
        for method in ("is_novel", "kneighbors", "neighbor_weights", *METHODS):
            for model, X in ((EmProxRegressor(), np.eye(3)), (make(), data[0])):
                with pytest.raises(NotFittedError):
                    getattr(model, method)(X)


@pytest.mark.parametrize("kind", [make, chain])
@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda X, y: (X, [*y[:-1], np.nan]), "NaN"),
        (lambda X, y: (X, y[:-1]), "samples"),
        (lambda X, y: (X[:0], y[:0]), r"sample|architectures"),
        (lambda X, y: ([*X[:-1], "|conv~0|"], y), "architecture 29"),
    ],
)
@pytest.mark.parametrize("recipe", ["best", "lstm"])
def test_wrong_input(data, recipe, change, word, kind):
    X, y = change(data[0][:30], data[1][:30])
    for chance_level in (None, 10):
        with pytest.raises(ValueError, match=word):
            kind(recipe=recipe, chance_level=chance_level).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"space": "nasbench202"}, "nasbench202"),
        ({"recipe": "magic"}, "recipe"),
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"weights": "closeness"}, "weights"),
        ({"embedding_dim": 0}, "embedding_dim"),
    ],
)
@pytest.mark.parametrize("kind", [make, chain])
def test_wrong_parameters(data, kind, parameters, word):
    with pytest.raises(ValueError, match=word):
        kind(**parameters).fit(data[0][:30], data[1][:30])
