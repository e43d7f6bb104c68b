"""What every neural predictor of architectures keeps."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import skorch
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from emprox import ArchitectureTokenizer
from emprox.predictors import BANANASRegressor, GCNRegressor, NAORegressor, SemiNASRegressor
from emprox.spaces import get_space

SPACE = get_space("nasbench201")
DECISIONS = SPACE.encode(SPACE.sample(60, random_state=0))
X = ArchitectureTokenizer(SPACE, canonicalize=False).fit(DECISIONS)
X = X.inverse_transform(X.transform(DECISIONS))
# Known without training: the convolutions on the way.
Y = 10 * np.isin(SPACE.canonicalize(DECISIONS), [2, 3]).sum(axis=1).astype(float)
COMMON = {"space": "nasbench201", "max_epochs": 3, "random_state": 0}
MODELS = {
    "BANANAS": BANANASRegressor(**COMMON, hidden_layer_sizes=(8, 8)),
    "GCN": GCNRegressor(**COMMON, n_layers=2, hidden_size=8),
    "NAO": NAORegressor(**COMMON, embedding_dim=8),
    "SemiNAS": SemiNASRegressor(**COMMON, embedding_dim=8),
}


@pytest.fixture(params=MODELS)
def model(request):
    return clone(MODELS[request.param])


@pytest.fixture(scope="module")
def fitted_models():
    return {name: clone(model).fit(X, Y) for name, model in MODELS.items()}


@pytest.fixture(params=MODELS)
def fitted(request, fitted_models):
    """A model that is fitted to all architectures; tests leave it as it is."""
    return fitted_models[request.param]


def fit_predict(model, seed=0):
    return clone(model).set_params(random_state=seed).fit(X, Y).predict(X)


class TestReproducibility:
    def test_the_same_seed_gives_the_same_bits(self, fitted):
        expected = fitted.predict(X)
        np.testing.assert_array_equal(fit_predict(fitted), expected)
        assert np.ptp(fit_predict(fitted, seed=1) - expected) > 0

    def test_the_same_bits_in_other_threads(self, fitted):
        threads = Parallel(2, backend="threading")
        for predicted in threads(delayed(fit_predict)(fitted) for _ in range(2)):
            np.testing.assert_array_equal(predicted, fitted.predict(X))

    def test_nothing_global_is_touched(self, model):
        def state():
            return (
                np.random.get_state()[1].tolist(),  # noqa: NPY002 - it is the global one
                torch.get_rng_state().tolist(),
                torch.get_num_threads(),
                torch.is_grad_enabled(),
            )

        before = state()
        fit_predict(model)
        assert state() == before

    def test_pickle(self, fitted, tmp_path):
        copy = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))
        joblib.dump(fitted, tmp_path / "model.joblib")
        copy = joblib.load(tmp_path / "model.joblib")
        np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))

    def test_an_earlier_fit_is_forgotten(self, fitted):
        model = clone(fitted).fit(X[:20], Y[:20])
        np.testing.assert_array_equal(model.fit(X, Y).predict(X), fitted.predict(X))

    def test_an_interrupt_leaves_nothing_half_fitted(self, model, monkeypatch):
        model.fit(X, Y)

        def interrupt(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr(skorch.NeuralNet, "fit_loop", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y)
        with pytest.raises(NotFittedError):
            model.predict(X)


class TestPredictions:
    def test_any_form_of_architectures(self, fitted):
        expected = fitted.predict(X)
        frame = pd.DataFrame({"architecture": X}, index=range(100, 160))
        for other in (X.tolist(), pd.Series(X), frame, SPACE.decode(DECISIONS), DECISIONS):
            np.testing.assert_array_equal(fitted.predict(other), expected)
        model = clone(fitted).fit(frame, pd.Series(Y, index=frame.index))
        np.testing.assert_array_equal(model.predict(X), expected)

    def test_a_prediction_depends_on_its_own_architecture_alone(self, fitted):
        together = fitted.predict(X)
        alone = np.concatenate([fitted.predict(X[[row]]) for row in range(10)])
        np.testing.assert_array_equal(alone, together[:10])
        np.testing.assert_array_equal(fitted.predict(X[::-1])[::-1], together)

    @pytest.mark.parametrize("accuracy", [0.1, 91.1])
    def test_equal_accuracies(self, model, accuracy):
        # The computed mean and deviation of 0.1, three times, are off by a rounding error.
        model.fit(X[:3], np.full(3, accuracy))
        np.testing.assert_allclose(model.predict(X[:3]), accuracy, rtol=1e-15)

    @pytest.mark.parametrize("n_known", [1, 2])
    def test_few_architectures(self, model, n_known):
        model.fit(X[:n_known], Y[:n_known])
        assert np.isfinite(model.predict(X[:n_known])).all()

    def test_in_a_search_on_two_processes(self, model):
        grid, scoring = {"learning_rate": [1e-3, 1e-2]}, "neg_mean_absolute_error"
        search = GridSearchCV(model, grid, cv=2, scoring=scoring, n_jobs=2)
        search.fit(X, Y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        expected = clone(model).set_params(**search.best_params_).fit(X, Y).predict(X)
        np.testing.assert_array_equal(search.predict(X), expected)

    def test_verbose(self, model, capsys):
        model.fit(X, Y)
        assert capsys.readouterr() == ("", "")
        model.set_params(verbose=1).fit(X, Y)
        assert "train_loss" in capsys.readouterr().out


class TestBadInput:
    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (None, "requires y to be passed"),
            ([1.0], "inconsistent numbers of samples"),
            (np.full(60, np.nan), "NaN"),
            ([*Y[:-1], -np.inf], "infinity"),
            (np.where(np.arange(60) == 3, np.inf, Y), "Input y contains infinity"),
            (np.stack([Y, Y], axis=1), "1d array"),
            (["good"] * 60, "could not convert string to float"),
        ],
    )
    def test_wrong_accuracies(self, model, y, message):
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)

    def test_wrong_architectures(self, fitted):
        with pytest.raises(ValueError, match="architecture 1: "):
            clone(fitted).fit([X[0], "nonsense"], [1.0, 2.0])
        with pytest.raises(ValueError, match="architecture 1: "):
            fitted.predict([X[0], "nonsense"])
        for method in (fitted.predict, lambda empty: clone(fitted).fit(empty, [])):
            with pytest.raises(ValueError, match="0 samples"):
                method([])

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"space": None}, "space"),
            ({"space": "nasbench2001"}, "did you mean 'nasbench201'"),
            ({"device": "cuda:77"}, "use device='cpu'"),
            ({"max_epochs": -1}, "max_epochs"),
            ({"learning_rate": 0}, "learning_rate"),
            ({"batch_size": 0}, "batch_size"),
        ],
    )
    def test_wrong_parameters(self, model, parameters, message):
        with pytest.raises(ValueError, match=message):
            model.set_params(**parameters).fit(X, Y)

    def test_not_fitted(self, model):
        with pytest.raises(NotFittedError):
            model.predict(X)
