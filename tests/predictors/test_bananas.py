"""BANANASRegressor: the networks, their loss, and the regressor around them."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import config_context

from emprox.datasets import load_nasbench201
from emprox.encodings import PathEncoding
from emprox.metrics import kendall_tau
from emprox.predictors import _bananas
from emprox.predictors._bananas import BANANASRegressor, Ensemble, EnsembleLoss
from emprox.spaces import get_space

SPACE = get_space("nasbench201")


def small(**parameters):
    settings = {"hidden_sizes": (8, 8), "max_epochs": 5, "random_state": 0}
    return BANANASRegressor(**{**settings, **parameters})


@pytest.fixture(scope="module")
def cells():
    decisions = SPACE.sample_decisions(80, random_state=0)
    texts = np.array([SPACE.format(row) for row in decisions], dtype=object)
    # Known without training: the convolutions on the way.
    y = 10 * np.isin(SPACE.canonicalize(decisions), [2, 3]).sum(axis=1).astype(float)
    return texts, y


@pytest.fixture(scope="module")
def matrix():
    rng = np.random.default_rng(0)
    X = rng.normal(3, 2, (60, 4))
    return X, X[:, 0] - 2 * X[:, 1]


class TestEnsemble:
    def test_members_are_plain_networks(self):
        ensemble = Ensemble(3, [5, 4, 6], seed=0).double()
        with torch.no_grad():
            for number, layer in enumerate(ensemble.layers):
                layer.bias += torch.linspace(-1, 1, layer.bias.numel()).reshape(layer.bias.shape)
                assert layer.weight.shape[0] == 3, number
        X = np.random.default_rng(0).normal(size=(7, 5))
        expected = np.empty((7, 3))
        for member in range(3):
            hidden = X
            for number, layer in enumerate(ensemble.layers):
                weight, bias = layer.weight[member].detach(), layer.bias[member].detach()
                hidden = hidden @ weight.numpy() + bias.numpy()
                if number < 2:
                    hidden = hidden.clip(min=0)
            expected[:, member] = hidden[:, 0]
        predicted = ensemble(torch.from_numpy(X)).detach().numpy()
        np.testing.assert_allclose(predicted, expected, rtol=1e-12)

    def test_first_weights(self):
        ensemble = Ensemble(50, [30, 20], seed=0)
        weight, bias = ensemble.layers[0].weight, ensemble.layers[0].bias
        # Uniform within Glorot's bound: sqrt(6 / (30 + 20)).
        bound = 0.12**0.5
        assert 0.99 * bound < weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)
        assert (bias == 0).all()

    def test_loss(self):
        predicted = torch.tensor([[1.0, 3.0], [0.0, -1.0]])
        true = torch.tensor([2.0, 1.0])
        # Errors 1, 1 and 1, 2; the bound is 2 above the first and 3 above the second.
        assert EnsembleLoss(None)(predicted, true).item() == pytest.approx(5 / 4)
        assert EnsembleLoss(4.0)(predicted, true).item() == pytest.approx((1 / 2 + 1.5 / 3) / 2)


class TestPredictions:
    def test_it_learns_from_cells(self):
        X, y = load_nasbench201(return_X_y=True)
        model = BANANASRegressor(space=SPACE, max_epochs=60, random_state=0)
        predicted = model.fit(X[:121], y[:121]).predict(X[1000:2000])
        assert kendall_tau(y[1000:2000], predicted) > 0.6

    def test_it_learns_from_a_matrix(self, matrix):
        X, y = matrix
        model = BANANASRegressor(hidden_sizes=(20, 20), max_epochs=100, random_state=0)
        assert model.fit(X[:40], y[:40]).score(X[40:], y[40:]) > 0.8

    def test_a_space_is_the_path_encoding(self, cells):
        X, y = cells
        model = small(space=SPACE).fit(X, y)
        columns = PathEncoding(SPACE).fit_transform(X)
        np.testing.assert_array_equal(model.encoder_.transform(X), columns)
        assert model.net_.module_.layers[0].weight.shape[1] == columns.shape[1]

    def test_parameters_of_the_encoding(self, cells):
        X, y = cells
        model = small(space=SPACE, n_paths=10, canonicalize=False).fit(X, y)
        expected = PathEncoding(SPACE, n_paths=10, canonicalize=False).fit_transform(X)
        np.testing.assert_array_equal(model.encoder_.transform(X), expected)

    def test_mean_and_spread_of_the_members(self, cells):
        X, y = cells
        model = small(space=SPACE, n_estimators=4).fit(X, y)
        mean, std = model.predict(X, return_std=True)
        np.testing.assert_array_equal(model.predict(X), mean)
        module = model.net_.module_.double()
        columns = torch.from_numpy(PathEncoding(SPACE).fit_transform(X))
        members = y.mean() + y.std() * module(columns).detach().numpy()
        np.testing.assert_allclose(mean, members.mean(axis=1), rtol=1e-5)
        np.testing.assert_allclose(std, members.std(axis=1, ddof=1), rtol=1e-4)
        assert std.min() > 0

    def test_a_single_network_has_no_spread(self, cells):
        X, y = cells
        std = small(space=SPACE, n_estimators=1).fit(X, y).predict(X, return_std=True)[1]
        np.testing.assert_array_equal(std, np.zeros(len(X)))

    def test_a_prediction_depends_on_its_own_row_alone(self, cells, monkeypatch):
        X, y = cells
        model = small(space=SPACE).fit(X, y)
        together = model.predict(X)
        alone = np.concatenate([model.predict(X[[i]]) for i in range(len(X))])
        np.testing.assert_array_equal(alone, together)
        np.testing.assert_array_equal(model.predict(X[::-1])[::-1], together)
        monkeypatch.setattr(_bananas, "_ROWS_AT_ONCE", 7)
        np.testing.assert_array_equal(model.predict(X), together)

    def test_the_unit_does_not_matter(self, cells):
        X, y = cells
        for loss in ("absolute_error", "percentage_error"):
            expected, spread = small(space=SPACE, loss=loss).fit(X, y).predict(X, return_std=True)
            # Twice as much, so that standardised accuracies are the same bits.
            twice = small(space=SPACE, loss=loss).fit(X, 2 * y)
            predicted, std = twice.predict(X, return_std=True)
            np.testing.assert_allclose(predicted, 2 * expected, rtol=1e-12)
            np.testing.assert_allclose(std, 2 * spread, rtol=1e-12)

    def test_the_unit_of_columns_does_not_matter(self, matrix):
        X, y = matrix
        expected = small().fit(X, y).predict(X)
        predicted = small().fit(1024 * X, y).predict(1024 * X)
        np.testing.assert_allclose(predicted, expected, rtol=1e-5)

    @pytest.mark.parametrize("loss", ["absolute_error", "percentage_error"])
    def test_equal_accuracies(self, cells, loss):
        X, _ = cells
        model = small(space=SPACE, loss=loss).fit(X[:9], np.full(9, 91.1))
        mean, std = model.predict(X, return_std=True)
        np.testing.assert_allclose(mean, 91.1, rtol=1e-15)
        np.testing.assert_array_equal(std, np.zeros(len(X)))

    @pytest.mark.parametrize("n_known", [1, 2])
    def test_few_architectures(self, cells, n_known):
        X, y = cells
        model = small(space=SPACE).fit(X[:n_known], y[:n_known])
        assert np.isfinite(model.predict(X, return_std=True)).all()

    def test_an_upper_bound_makes_good_architectures_count(self, cells):
        X, y = np.repeat(cells[0][:1], 10), np.array([0.0] * 6 + [10.0] * 4)

        def predict(**parameters):
            model = small(space=SPACE, max_epochs=100, lr=0.02, **parameters)
            return model.fit(X, y).predict(X[:1]).item()

        # The median; with the bound at 11 each of the four counts as much as eleven others.
        assert predict() == pytest.approx(0, abs=0.5)
        assert predict(loss="percentage_error", upper_bound=11) == pytest.approx(10, abs=0.5)
        assert predict(loss="percentage_error", upper_bound=1e6) == pytest.approx(0, abs=0.5)

    @pytest.mark.parametrize("name", ["darts", "nasbench101", "transnasbench101_micro"])
    def test_other_spaces(self, name):
        X = get_space(name).sample(12, random_state=0)
        model = small(space=name, n_paths=50).fit(X, np.arange(12.0))
        assert model.predict(X).std() > 0


class TestInput:
    def test_pandas(self, cells, matrix):
        X, y = cells
        expected = small(space=SPACE).fit(X, y).predict(X)
        frame = pd.DataFrame({"architecture": X}, index=range(100, 180))
        with config_context(transform_output="pandas"):
            model = small(space=SPACE).fit(frame, pd.Series(y, index=frame.index))
            np.testing.assert_array_equal(model.predict(frame), expected)
        X, y = matrix
        named = pd.DataFrame(X, columns=list("abcd"))
        assert list(small().fit(named, y).feature_names_in_) == list("abcd")

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"n_estimators": 0}, "n_estimators"),
            ({"hidden_sizes": ()}, "hidden_sizes has to hold"),
            ({"hidden_sizes": (20, 0)}, "whole numbers from 1, got"),
            ({"hidden_sizes": (20, 1.5)}, "whole numbers from 1, got"),
            ({"loss": "squared_error"}, "loss"),
            ({"max_epochs": 0}, "max_epochs"),
            ({"loss": "percentage_error", "upper_bound": 10}, "has to be above all accuracies"),
        ],
    )
    def test_wrong_parameters(self, cells, parameters, message):
        with pytest.raises(ValueError, match=message):
            small(**{"space": SPACE, **parameters}).fit(*cells)
