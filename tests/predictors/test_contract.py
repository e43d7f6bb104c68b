"""What every neural predictor of architectures keeps, beyond `check_architecture_estimator`."""

import numpy as np
import pytest
import skorch
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from emprox.predictors import BANANASRegressor, GCNRegressor, NAORegressor, SemiNASRegressor
from emprox.spaces import get_space

SPACE = get_space("nasbench201")
X = SPACE.encode(SPACE.sample(60, random_state=0))
# Known without training: the convolutions on the way.
Y = 10 * np.isin(SPACE.canonicalize(X), [2, 3]).sum(axis=1).astype(float)
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


def fit_predict(model, seed=0):
    return clone(model).set_params(random_state=seed).fit(X, Y).predict(X)


def test_the_same_seed_gives_the_same_bits_also_in_threads(model):
    def state():
        return (
            np.random.get_state()[1].tolist(),  # noqa: NPY002 - it is the global one
            torch.get_rng_state().tolist(),
            torch.get_num_threads(),
            torch.is_grad_enabled(),
        )

    before, expected = state(), fit_predict(model)
    assert np.ptp(fit_predict(model, seed=1) - expected) > 0
    threads = Parallel(2, backend="threading")
    for predicted in threads(delayed(fit_predict)(model) for _ in range(2)):
        np.testing.assert_array_equal(predicted, expected)
    assert state() == before


def test_a_prediction_is_the_same_bits_whatever_else_is_predicted(model):
    model.fit(X, Y)
    together = model.predict(X)
    alone = np.concatenate([model.predict(X[[row]]) for row in range(10)])
    np.testing.assert_array_equal(alone, together[:10])
    np.testing.assert_array_equal(model.predict(X[::-1])[::-1], together)


def test_an_interrupt_leaves_nothing_half_fitted(model, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    model.fit(X, Y)
    monkeypatch.setattr(skorch.NeuralNet, "fit_loop", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize("accuracy", [0.1, 91.1])
def test_equal_accuracies(model, accuracy):
    # The computed mean and deviation of 0.1, three times, are off by a rounding error.
    model.fit(X[:3], np.full(3, accuracy))
    np.testing.assert_allclose(model.predict(X[:3]), accuracy, rtol=1e-15)


def test_the_unit_does_not_matter(model):
    # Twice as much, so that standardised accuracies are the same bits.
    expected = 2 * fit_predict(model)
    np.testing.assert_allclose(model.fit(X, 2 * Y).predict(X), expected, rtol=1e-6)


@pytest.mark.parametrize("n_known", [1, 2])
def test_few_architectures(model, n_known):
    model.fit(X[:n_known], Y[:n_known])
    assert np.isfinite(model.predict(X[:n_known])).all()


def test_in_a_search_on_two_processes(model):
    grid, scoring = {"learning_rate": [1e-3, 1e-2]}, "neg_mean_absolute_error"
    search = GridSearchCV(model, grid, cv=2, scoring=scoring, n_jobs=2).fit(X, Y)
    expected = clone(model).set_params(**search.best_params_).fit(X, Y).predict(X)
    np.testing.assert_array_equal(search.predict(X), expected)


def test_verbose(model, capsys):
    model.fit(X, Y)
    assert capsys.readouterr() == ("", "")
    model.set_params(verbose=1).fit(X, Y)
    assert "train_loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("y", "word"),
    [
        (None, "y"),
        (np.full(60, np.nan), "NaN"),
        (np.stack([Y, Y], axis=1), "1d"),
        (["good"] * 60, "float"),
        (np.ma.masked_less(Y, 10), "masked"),
    ],
)
def test_wrong_accuracies(model, y, word):
    with pytest.raises(ValueError, match=word):
        model.fit(X, y)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("space", None),
        ("space", "nasbench2001"),
        ("max_epochs", -1),
        ("learning_rate", 0),
        ("batch_size", 0),
    ],
)
def test_wrong_parameters(model, parameter, value):
    with pytest.raises(ValueError, match=parameter):
        model.set_params(**{parameter: value}).fit(X, Y)
