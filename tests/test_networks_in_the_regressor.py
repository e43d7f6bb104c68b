"""PyTorch networks from the first to the last step: everything that works on cells, on modules."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from emprox import EmProxRegressor, SideInformation, make_emprox_pipeline
from emprox.inspection import CellDisplay, EmbeddingDisplay, NeighborsDisplay
from emprox.model_selection import (
    ArchitectureShuffleSplit,
    MutationSplit,
    evaluate_predictors,
    isomorphism_groups,
)
from emprox.networks import Network, capture
from emprox.properties import NetworkProperties
from emprox.search import rank_architectures
from emprox.spaces import ArchitectureError, NetworkSpace, check_architecture_estimator

INPUTS = (1, 3, 16, 16)
SPACE = NetworkSpace(INPUTS)


class CNN(nn.Module):
    """A small network."""

    def __init__(self, width, depth, kernel):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, stride=2, padding=1)
        self.body = nn.ModuleList(
            nn.Conv2d(width, width, kernel, padding=kernel // 2) for _ in range(depth)
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = self.stem(x).relu()
        for layer in self.body:
            x = x + layer(x).relu()
        return self.head(x.mean((2, 3)))


def accuracy(width, depth, kernel):
    return 60 + 6 * np.log2(width) + 3 * np.sqrt(depth) + kernel


CHOICES = [
    (width, depth, kernel) for width in (4, 6, 8, 12) for depth in (1, 2, 3) for kernel in (1, 3)
]
CHOICES = [CHOICES[place] for place in np.random.default_rng(0).permutation(len(CHOICES))]
with torch.device("meta"):
    MODULES = [CNN(*choice) for choice in CHOICES]
NETWORKS = [capture(module, INPUTS) for module in MODULES]
# Every other one captured, and one as text.
MIXED = [each[number % 2] for number, each in enumerate(zip(MODULES, NETWORKS, strict=True))]
MIXED[3] = NETWORKS[3].to_json()
Y = np.array([accuracy(*choice) for choice in CHOICES])
N_KNOWN = 18
NEW = slice(N_KNOWN, None)


@pytest.fixture
def runs():
    """List the modules that were run."""
    seen = []

    def see(module, arguments):
        if isinstance(module, CNN):
            seen.append(module)

    handle = register_module_forward_pre_hook(see)
    yield seen
    handle.remove()


def regressor(**parameters):
    return EmProxRegressor(SPACE, random_state=0, **parameters)


@pytest.fixture(scope="module")
def model():
    return regressor().fit(MIXED[:N_KNOWN], Y[:N_KNOWN])


class TestPredicting:
    def test_modules_networks_and_texts_are_the_same(self, model):
        expected = model.predict(NETWORKS)
        assert np.corrcoef(expected[NEW], Y[NEW])[0, 1] > 0.9
        for X in (MODULES, MIXED, tuple(MIXED), pd.Series(MODULES), pd.DataFrame({"x": MIXED})):
            np.testing.assert_array_equal(model.predict(X), expected)
        np.testing.assert_array_equal(
            regressor().fit(NETWORKS[:N_KNOWN], Y[:N_KNOWN]).predict(NETWORKS), expected
        )

    def test_the_name_alone_is_enough_for_networks(self, model):
        named = EmProxRegressor("network", random_state=0).fit(NETWORKS[:N_KNOWN], Y[:N_KNOWN])
        np.testing.assert_array_equal(named.predict(NETWORKS), model.predict(NETWORKS))
        with pytest.raises(ArchitectureError, match="NetworkSpace"):
            named.predict(MODULES)
        module = CNN(4, 1, 1)
        module.example_input_array = torch.zeros(INPUTS)
        assert named.predict([module]) == model.predict([module])

    def test_a_pipeline_says_the_same(self, model):
        pipeline = make_emprox_pipeline(SPACE, random_state=0).fit(MIXED[:N_KNOWN], Y[:N_KNOWN])
        assert isinstance(pipeline.named_steps["features"], NetworkProperties)
        np.testing.assert_array_equal(pipeline.predict(MODULES), model.predict(MODULES))

    def test_intervals_deviations_and_scores(self, model):
        mean, std = model.predict(MODULES[NEW], return_std=True)
        assert (std > 0).all()
        low, high = model.predict_interval(MODULES[NEW], coverage=0.8).T
        assert ((low <= mean) & (mean <= high)).all()
        assert model.score_samples(MODULES[NEW]).shape == mean.shape
        assert model.score(MODULES[NEW], Y[NEW]) > 0.8

    def test_neighbours(self, model):
        distances, indices = model.kneighbors(MODULES[:N_KNOWN], 1)
        np.testing.assert_array_equal(indices[:, 0], np.arange(N_KNOWN))
        np.testing.assert_allclose(distances, 0, atol=1e-6)
        assert model.neighbor_weights(MODULES[NEW]).shape == (len(MODULES) - N_KNOWN, N_KNOWN)

    def test_what_is_unlike_all_others_is_novel(self, model):
        transformer = nn.Sequential(nn.Flatten(2), nn.TransformerEncoderLayer(256, 4, 64))
        assert model.is_novel([transformer])[0]
        assert not model.is_novel(MODULES[:N_KNOWN]).any()

    def test_each_module_is_captured_once(self, runs):
        model = regressor().fit(MODULES[:10], Y[:10])
        assert len(runs) == 10
        model.predict(MODULES[:15])
        assert len(runs) == 25
        model.partial_fit(MODULES[10:12], Y[10:12], refit=False)
        assert len(runs) == 27
        make_emprox_pipeline(SPACE).fit(MODULES[:10], Y[:10]).predict([MODULES[0]] * 3)
        assert len(runs) == 38

    def test_chance_level_has_no_effect(self, model):
        level = regressor(chance_level=10).fit(NETWORKS[:N_KNOWN], Y[:N_KNOWN])
        np.testing.assert_array_equal(level.predict(NETWORKS), model.predict(NETWORKS))

    def test_several_targets_and_weights(self):
        weights = np.where(np.arange(len(Y)) < 12, 1.0, 0.0)
        twice = np.column_stack([Y, -Y])
        model = regressor().fit(MODULES, twice, sample_weight=weights)
        assert model.predict(MODULES).shape == twice.shape
        assert set(np.unique(model.kneighbors(MODULES)[1])) <= set(range(12))


class TestScikitLearn:
    def test_contract(self):
        for estimator in (regressor(), make_emprox_pipeline(SPACE, random_state=0)):
            check_architecture_estimator(estimator, SPACE, architectures=MODULES)
        for networks in (NETWORKS, [network.to_json() for network in NETWORKS]):
            for estimator in (EmProxRegressor("network", random_state=0), NetworkProperties()):
                check_architecture_estimator(estimator, "network", architectures=networks)

    def test_cross_validation(self):
        objects = np.empty(len(MODULES), dtype=object)
        objects[:] = MODULES
        cv = KFold(3)
        expected = cross_val_predict(regressor(), NETWORKS, Y, cv=cv)
        for X in (MODULES, MIXED, objects, pd.Series(MODULES)):
            np.testing.assert_array_equal(cross_val_predict(regressor(), X, Y, cv=cv), expected)
        scores = cross_validate(regressor(), MODULES, Y, cv=cv, error_score="raise")
        assert np.isfinite(scores["test_score"]).all()

    def test_grid_search(self):
        search = GridSearchCV(regressor(), {"n_neighbors": [2, 4]}, cv=3, error_score="raise")
        search.fit(MODULES, Y)
        assert search.best_params_["n_neighbors"] in (2, 4)
        assert search.predict(MODULES[:2]).shape == (2,)
        rank = rank_architectures(search, MODULES, top=2)
        assert len(rank.indices) == 2

    def test_clone_and_pickle(self, model):
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.predict(MODULES), model.predict(MODULES))
        assert again.space_ == model.space_
        assert again.space_.networks == tuple(NETWORKS[:N_KNOWN])
        assert clone(model).space is SPACE

    def test_data_frames_out(self):
        model = regressor().set_output(transform="pandas").fit(MODULES, Y)
        table = model.transform(pd.Series(MODULES[:3], index=["a", "b", "c"]))
        assert list(table.index) == ["a", "b", "c"]
        properties = NetworkProperties(SPACE).set_output(transform="pandas")
        assert properties.fit_transform(MODULES).shape[0] == len(MODULES)

    def test_other_regressors_behind_the_properties(self):
        model = make_pipeline(NetworkProperties(SPACE, standardize=True), KNeighborsRegressor(2))
        model.fit(MODULES[:N_KNOWN], Y[:N_KNOWN])
        assert np.corrcoef(model.predict(MODULES[NEW]), Y[NEW])[0, 1] > 0.5
        assert len(rank_architectures(model, MODULES, top=3).architectures) == 3


class TestPartialFit:
    @pytest.mark.parametrize("refit", [True, "auto"])
    def test_learning_anew_is_fitting_all(self, refit):
        model = regressor().partial_fit(MODULES[:10], Y[:10])
        model.partial_fit(MIXED[10:], Y[10:], refit=refit)
        expected = regressor().fit(MODULES, Y).predict(MODULES)
        np.testing.assert_allclose(model.predict(MODULES), expected, rtol=1e-9)

    def test_new_ones_become_neighbours(self):
        model = regressor().fit(MODULES[:12], Y[:12])
        for n in (12, 13, 13, 14):  # the third brings one that was there before
            model.partial_fit(MODULES[n : n + 1], Y[n : n + 1], refit=False)
        assert model.space_.networks == tuple(NETWORKS[:15])
        assert len(model.X_) == 16
        assert model.kneighbors(MODULES[14:15], 1)[1] == [[15]]
        assert model.predict(MODULES[12:13])[0] == pytest.approx(Y[12])


class TestSideInformation:
    def test_of_these_and_of_other_networks(self):
        side = {"halved": (MODULES[6:], Y[6:] / 2), "negated": (NETWORKS[:12], -Y[:12])}
        model = regressor().fit(MIXED[:12], Y[:12], side=side)
        without = regressor().fit(MIXED[:12], Y[:12])
        error, before = (np.abs(m.predict(MODULES[12:]) - Y[12:]).mean() for m in (model, without))
        assert error < before
        assert model.space_.networks == tuple(NETWORKS[:12])
        np.testing.assert_array_equal(model.predict(MODULES), model.predict(NETWORKS))
        # What is new to all of them, and more known ones.
        assert np.isfinite(model.predict([CNN(10, 2, 3)])).all()
        model.partial_fit(MODULES[12:15], Y[12:15])
        assert model.predict(MODULES[12:13])[0] == pytest.approx(Y[12])

    def test_pairs_for_all_tasks(self):
        table = pd.DataFrame({"a": Y, "b": np.where(Y > 80, Y, np.nan)})
        described = SideInformation(SPACE, (MODULES, table), random_state=0)
        columns = described.fit_transform(MODULES[:8], Y[:8])
        assert list(described.get_feature_names_out()[-2:]) == ["b predicted", "b known"]
        np.testing.assert_array_equal(described.transform(NETWORKS[:8]), columns)

    def test_what_is_wrong_is_named(self):
        side = {"other": ([MODULES[0], nn.Linear(7, 1)], [1.0, 2.0])}
        with pytest.raises(ArchitectureError, match="'other': architecture 1: Linear fails"):
            regressor().fit(MODULES[:8], Y[:8], side=side)


class TestRanking:
    def test_any_container_and_a_generator(self, model):
        best = np.argsort(-model.score_samples(NETWORKS), kind="stable")[:5]
        for candidates in (MODULES, pd.Series(MIXED), (each for each in MIXED)):
            ranking = rank_architectures(model, candidates, top=5, batch_size=7)
            np.testing.assert_array_equal(ranking.indices, best)
            assert ranking.architectures.tolist() == [NETWORKS[place] for place in best]
            np.testing.assert_allclose(ranking.predictions, model.predict(NETWORKS)[best])
        with_texts = rank_architectures(model, [each.to_json() for each in NETWORKS], top=5)
        np.testing.assert_array_equal(with_texts.indices, best)
        np.testing.assert_array_equal(
            rank_architectures(model, model.X_, top=1).indices,
            [model.score_samples(NETWORKS[:N_KNOWN]).argmax()],
        )

    def test_modules_of_a_generator_are_captured_as_they_come(self, model, runs):
        counts = []

        def make():
            for choice in CHOICES:
                yield CNN(*choice)
                counts.append(len(runs))

        rank_architectures(model, make(), top=1)
        assert counts == [*range(1, len(CHOICES) + 1)]

    def test_equal_networks_and_known_ones(self, model):
        candidates = [*MODULES, CNN(16, 4, 3), *NETWORKS, CNN(16, 4, 3)]
        ranking = rank_architectures(
            model, candidates, top=99, exclude=MODULES[:N_KNOWN], batch_size=11
        )
        assert sorted(ranking.indices) == [*range(N_KNOWN, len(MODULES) + 1)]
        assert ranking.n_candidates == len(candidates)

    def test_broken_ones(self, model):
        candidates = [MODULES[0], nn.Linear(7, 1), MODULES[20], "no network"]
        with pytest.raises(ArchitectureError, match="Linear fails") as caught:
            rank_architectures(model, candidates)
        assert caught.value.index == 1
        with pytest.warns(UserWarning, match="2 of 4"):
            ranking = rank_architectures(model, candidates, errors="skip")
        assert sorted(ranking.indices) == [0, 2]
        assert ranking.n_skipped == 2

    def test_processes(self, model):
        one, two = (
            rank_architectures(model, MODULES, top=4, batch_size=6, n_jobs=n) for n in (1, 2)
        )
        np.testing.assert_array_equal(one.indices, two.indices)
        assert one.architectures.tolist() == two.architectures.tolist()

    def test_what_makes_no_sense(self, model):
        with pytest.raises(TypeError, match="into a list"):
            rank_architectures(model, nn.Sequential(nn.Conv2d(3, 4, 3)))
        with pytest.raises(ValueError, match="drawn at random"):
            rank_architectures(model, n_architectures=10)


class TestEvaluation:
    def test_results_are_kept(self, tmp_path, runs):
        cv = ArchitectureShuffleSplit(2, train_sizes=(8, 12), test_size=6, random_state=0)
        options = {"cv": cv, "results": tmp_path / "results.sqlite", "error_score": "raise"}
        first = evaluate_predictors({"emprox": regressor()}, MODULES, Y, **options)
        assert np.isfinite(first["kendall_tau"]).all()
        runs.clear()
        again = evaluate_predictors({"emprox": regressor()}, MODULES, Y, **options)
        assert len(runs) == 0
        pd.testing.assert_frame_equal(first, again)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
    def test_weights_are_part_of_what_is_kept(self, tmp_path, runs, dtype):
        modules = [CNN(*choice).to(dtype) for choice in CHOICES[:9]]
        cv = ArchitectureShuffleSplit(1, train_sizes=6, test_size=3, random_state=0)
        options = {"cv": cv, "results": tmp_path / "results.sqlite", "error_score": "raise"}
        n_runs = []
        for change in (False, False, True):
            if change:
                with torch.no_grad():
                    modules[0].head.bias += 1
            runs.clear()
            evaluate_predictors({"emprox": regressor()}, modules, Y[:9], **options)
            n_runs.append(len(runs))
        assert n_runs == [9, 0, 9]

    def test_equal_networks_stay_on_one_side(self):
        X = [*MODULES[:10], *NETWORKS[:10]]
        assert isomorphism_groups(X, SPACE).tolist() == [*range(10)] * 2
        cv = ArchitectureShuffleSplit(3, train_sizes=8, test_size=None, space=SPACE, random_state=0)
        for train, test in cv.split(X):
            assert not set(train % 10) & set(test % 10)
        with pytest.raises(ValueError, match="mutation"):
            next(MutationSplit(space=SPACE).split(X, np.arange(20)))


class TestDisplays:
    def test_neighbours_are_drawn_by_stages(self, model):
        new = CNN(10, 2, 3)
        display = NeighborsDisplay.from_estimator(model, new)
        assert display.prediction == model.predict([new])[0]
        query, *known = (graphs[0].nodes[0]["label"] for graphs in display.graphs)
        assert query == SPACE.learn([new]).format([[0]])[0]
        assert known == model.space_.format(model.X_[display.neighbors.index])
        pipeline = make_emprox_pipeline(SPACE, random_state=0).fit(MODULES, Y)
        display = NeighborsDisplay.from_estimator(pipeline, new, X_known=MODULES, y_known=Y)
        assert len(display.cells_) > 1

    def test_map(self, model):
        display = EmbeddingDisplay.from_estimator(model, MODULES, Y, method="pca")
        assert display.coordinates.shape == (len(MODULES), 2)

    def test_one_network(self):
        display = CellDisplay.from_architecture(SPACE, MODULES[0])
        labels = [label for _, label in display.graphs[0].nodes(data="label")]
        assert labels[0].startswith("CNN, ")
        assert labels[1].startswith("convolution, ")


class TestWrongInput:
    @pytest.mark.parametrize("items", [MODULES, NETWORKS])
    def test_without_the_space(self, items):
        with pytest.raises(ValueError, match="space='network'"):
            EmProxRegressor().fit(items, Y)

    def test_a_single_module(self, model):
        sequential = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        for call in (lambda: model.predict(sequential), lambda: regressor().fit(sequential, [1.0])):
            with pytest.raises(TypeError, match="into a list"):
                call()

    @pytest.mark.parametrize("recipe", ["lstm", "paper"])
    def test_recipes_that_read_tokens(self, recipe):
        with pytest.raises(ValueError, match="recipe='best'"):
            regressor(recipe=recipe).fit(MODULES, Y)

    def test_none_and_too_few(self, model):
        with pytest.raises(ValueError, match="0 sample"):
            regressor().fit([], [])
        with pytest.raises(ValueError, match="0 architectures"):
            model.predict([])
        with pytest.raises(ValueError, match="inconsistent"):
            regressor().fit(MODULES, Y[:-1])

    def test_modules_are_left_as_they_were(self):
        module = CNN(4, 1, 3).train()
        before = {name: value.clone() for name, value in module.state_dict().items()}
        regressor().fit([module, *MODULES[:9]], Y[:10]).predict([module])
        assert module.training
        assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
        assert isinstance(NETWORKS[0], Network)
