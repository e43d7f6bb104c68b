import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

from emprox import ArchitectureEmbedder, EmProxRegressor, make_emprox_pipeline
from emprox.datasets import load_nasbench201
from emprox.spaces import get_space

SPACE = get_space("nasbench201")


@pytest.fixture(scope="module")
def data():
    X, y = load_nasbench201(return_X_y=True)
    return X[:120], y[:120]


@pytest.fixture(scope="module")
def model(data):
    X, y = data
    return EmProxRegressor(5, space="nasbench201", random_state=0).fit(X[:80], y[:80])


def test_prediction_is_the_inverse_distance_weighted_mean(model, data):
    X, y = data
    distances, indices = model.kneighbors(X[80:])
    assert (distances > 0).any()
    for distance, index, prediction in zip(distances, indices, model.predict(X[80:]), strict=True):
        if distance[0] == 0:
            expected = y[index[distance == 0]].mean()
        else:
            expected = (y[index] / distance).sum() / (1 / distance).sum()
        assert prediction == pytest.approx(expected)


def test_distances_are_euclidean_in_the_embedding(model, data):
    X = data[0]
    embedding = model.embedder_.transform(model.tokenizer_.transform(X[80:])).astype(float)
    distances, indices = model.kneighbors(X[80:], n_neighbors=3)
    every = np.linalg.norm(embedding[:, None] - model.embedding_[None].astype(float), axis=2)
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :3], atol=1e-7)
    np.testing.assert_allclose(np.take_along_axis(every, indices, axis=1), distances, atol=1e-7)


def test_known_embeddings_are_those_that_transform_gives(model, data):
    tokens = model.tokenizer_.transform(data[0][:80])
    np.testing.assert_array_equal(model.embedder_.transform(tokens), model.embedding_)


def test_the_same_as_the_pipeline(data):
    X, y = data
    for recipe in ("lstm", "paper"):
        pipeline = make_emprox_pipeline("nasbench201", recipe, random_state=3)
        pipeline.set_params(embedder__max_epochs=2)
        regressor = EmProxRegressor(
            space="nasbench201", recipe=recipe, embedder=pipeline.named_steps["embedder"]
        )
        pipeline.fit(X[:80], y[:80])
        regressor.fit(X[:80], y[:80])
        np.testing.assert_array_equal(regressor.predict(X[80:]), pipeline.predict(X[80:]))


@pytest.mark.parametrize("n_neighbors", [1, 5, 40])
def test_a_known_architecture_gets_its_own_accuracy(data, n_neighbors):
    X, y = data
    canonical = SPACE.canonicalize(SPACE.encode(X))
    _, class_of = np.unique(canonical, axis=0, return_inverse=True)
    model = EmProxRegressor(n_neighbors, space="nasbench201", random_state=0).fit(X, y)
    predictions, spread = model.predict(X, return_std=True)
    for number, class_number in enumerate(class_of.ravel()):
        members = y[class_of.ravel() == class_number]
        if len(members) <= n_neighbors:
            assert predictions[number] == pytest.approx(members.mean(), abs=1e-9)
            assert spread[number] == pytest.approx(members.std(), abs=1e-9)


def test_spread_of_the_neighbors(model, data):
    X, y = data
    mean, std = model.predict(X[80:], return_std=True)
    np.testing.assert_array_equal(mean, model.predict(X[80:]))
    distances, indices = model.kneighbors(X[80:])
    row = int((distances[:, 0] > 0).argmax())
    weights = 1 / distances[row]
    variance = np.average((y[indices[row]] - mean[row]) ** 2, weights=weights)
    assert std[row] == pytest.approx(np.sqrt(variance))


@pytest.mark.parametrize("weights", ["uniform", "distance", lambda distances: np.exp(-distances)])
def test_weights(data, weights):
    X, y = data
    model = EmProxRegressor(7, space="nasbench201", weights=weights, random_state=0)
    mean, std = model.fit(X[:80], y[:80]).predict(X[80:], return_std=True)
    np.testing.assert_allclose(mean, model.knn_.predict(model._embed(X[80:])))
    assert (std >= 0).all()


def test_neighbors_of_the_known_leave_themselves_out(model):
    indices = model.kneighbors(return_distance=False)
    assert indices.shape == (80, 5)
    assert not (indices == np.arange(80)[:, None]).any()


def test_several_targets(data):
    X, y = data
    both = np.column_stack([y, 100 - y])
    model = EmProxRegressor(5, space="nasbench201", random_state=0).fit(X[:80], both[:80])
    mean, std = model.predict(X[80:], return_std=True)
    assert mean.shape == std.shape == (40, 2)
    np.testing.assert_allclose(mean.sum(axis=1), 100)
    np.testing.assert_allclose(std[:, 0], std[:, 1])
    single = EmProxRegressor(5, space="nasbench201", random_state=0).fit(X[:80], y[:80])
    np.testing.assert_allclose(single.predict(X[80:]), mean[:, 0])


def test_token_matrix_and_frames(data):
    X, y = data
    tokens = SPACE.tokenize(SPACE.encode(X), "operations")
    frame = pd.DataFrame(tokens, columns=list("abcdef"))
    model = EmProxRegressor(5, random_state=0).fit(frame, pd.Series(y))
    assert model.n_features_in_ == 6
    assert model.feature_names_in_.tolist() == list("abcdef")
    expected = EmProxRegressor(5, random_state=0).fit(tokens, y).predict(tokens)
    np.testing.assert_array_equal(model.predict(frame), expected)


def test_another_embedder(data):
    X, y = data
    tokens = SPACE.tokenize(SPACE.encode(X), "operations")
    model = EmProxRegressor(5, embedder=StandardScaler()).fit(tokens, y)
    assert model.embedding_.shape == (120, 6)
    np.testing.assert_allclose(model.embedding_.mean(axis=0), 0, atol=1e-12)


def test_pickle(model, data):
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(data[0]), model.predict(data[0]))


def test_nested_parameters():
    model = EmProxRegressor(embedder=ArchitectureEmbedder())
    model.set_params(embedder__embedding_dim=7, n_neighbors=3)
    assert model.embedder.embedding_dim == 7


TOKENS = np.tile(np.arange(1, 7), (20, 1))
TOKENS[:, 0] = np.arange(20) % 5
ACCURACIES = np.linspace(80, 90, 20)


def fit(X=TOKENS, y=ACCURACIES, **parameters):
    return EmProxRegressor(**{"n_neighbors": 3, **parameters}).fit(X, y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": np.empty((0, 6)), "y": []}, "0 sample"),
        ({"X": TOKENS[:1], "y": [90.0]}, "n_neighbors=3 is more than .* n_samples=1"),
        ({"X": TOKENS[:2], "y": [90.0, 80.0]}, "set n_neighbors to at most 2"),
        ({"y": np.r_[ACCURACIES[:-1], np.nan]}, "y contains NaN"),
        ({"y": np.r_[ACCURACIES[:-1], np.inf]}, "y contains infinity"),
        ({"y": ACCURACIES[:-1]}, r"inconsistent numbers of samples: \[20, 19\]"),
        ({"y": None}, "requires y to be passed"),
        ({"y": ["good"] * 20}, "could not convert string to float"),
        ({"n_neighbors": 0}, "'n_neighbors' parameter"),
        ({"n_neighbors": 2.5}, "'n_neighbors' parameter"),
        ({"weights": "closeness"}, "'weights' parameter"),
        ({"recipe": "best of all"}, "'recipe' parameter"),
        ({"space": "nasbench202"}, "unknown search space"),
        ({"X": -TOKENS}, "Negative values in data"),
        ({"X": TOKENS + 0.5}, "whole numbers"),
        ({"X": ["|none~0|"] * 20}, "Expected 2D array|put an ArchitectureTokenizer"),
        ({"X": ["|none~0|"] * 20, "space": "nasbench201"}, "architecture 0: "),
    ],
)
def test_wrong_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit(**arguments)


def test_wrong_input_at_prediction(model):
    with pytest.raises(ValueError, match="architecture 1: unknown operation 'conv'"):
        model.predict(["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", ("conv",) * 6])
    with pytest.raises(ValueError, match="5 features, but EmProxRegressor is expecting 6"):
        fit().predict(TOKENS[:, :5])
    with pytest.raises(NotFittedError):
        EmProxRegressor().predict(TOKENS)
    with pytest.raises(NotFittedError):
        EmProxRegressor().kneighbors(TOKENS)
