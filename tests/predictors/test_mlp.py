import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from emprox.datasets import load_nasbench201
from emprox.encodings import GRAFEncoding, OneHotEncoding
from emprox.metrics import kendall_tau
from emprox.predictors import make_mlp

X, Y = load_nasbench201(return_X_y=True)
drawn = np.random.default_rng(0).permutation(len(X))
KNOWN, REST = drawn[:100], drawn[100:400]


def test_steps():
    model = make_mlp("darts", canonicalize=False, random_state=3)
    assert list(model.named_steps) == ["encoding", "scaler", "regressor"]
    assert type(model["encoding"]) is OneHotEncoding
    assert model["encoding"].canonicalize is False
    assert type(make_mlp("nasbench201", encoding="graf")["encoding"]) is GRAFEncoding
    assert isinstance(model["regressor"], TransformedTargetRegressor)
    assert isinstance(model["regressor"].regressor, MLPRegressor)
    assert model.get_params()["regressor__regressor__random_state"] == 3


@pytest.mark.parametrize(
    ("encoding", "least"), [("one-hot", 0.6), ("adjacency", 0.6), ("path", 0.5), ("graf", 0.72)]
)
def test_it_predicts_without_a_warning(encoding, least):
    # Warnings are errors here.
    model = make_mlp("nasbench201", encoding=encoding, random_state=0).fit(X[KNOWN], Y[KNOWN])
    assert kendall_tau(Y[REST], model.predict(X[REST])) > least


@pytest.mark.parametrize("n_known", [2, 10, 1000])
def test_it_converges_with_few_and_many(n_known):
    known = drawn[:n_known]
    predicted = make_mlp("nasbench201", random_state=0).fit(X[known], Y[known]).predict(X[REST])
    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("exponent", [-20, 20])
def test_the_unit_of_the_target_does_not_matter(exponent):
    plain = make_mlp("nasbench201", random_state=0).fit(X[KNOWN], Y[KNOWN]).predict(X[REST])
    # A power of two is a unit without rounding, which L-BFGS would amplify.
    scaled = (
        make_mlp("nasbench201", random_state=0)
        .fit(X[KNOWN], 2.0**exponent * Y[KNOWN])
        .predict(X[REST])
    )
    assert_allclose(scaled, 2.0**exponent * plain, rtol=1e-9)


def test_seeds():
    def predict(seed):
        return make_mlp("nasbench201", random_state=seed).fit(X[KNOWN], Y[KNOWN]).predict(X[REST])

    before = np.random.get_state()[1].copy()  # noqa: NPY002
    np.testing.assert_array_equal(predict(0), predict(0))
    assert (predict(0) != predict(1)).any()
    make_mlp("nasbench201", random_state=np.random.RandomState(1)).fit(X[KNOWN], Y[KNOWN])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_forms_of_architectures():
    model = make_mlp("nasbench201", random_state=0)
    expected = model.fit(X[KNOWN], Y[KNOWN]).predict(X[REST])
    frame = pd.DataFrame({"cell": X})
    named = clone(model).fit(frame.iloc[KNOWN], pd.Series(Y[KNOWN]))
    np.testing.assert_array_equal(named.predict(frame.iloc[REST]), expected)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X[REST]), expected)


def test_in_a_search():
    grid = {"encoding__canonicalize": [True, False]}
    search = GridSearchCV(make_mlp("nasbench201", random_state=0), grid, cv=2).fit(
        X[KNOWN], Y[KNOWN]
    )
    assert search.best_params_["encoding__canonicalize"] is True


def test_the_number_of_threads_does_not_matter():
    expected = make_mlp("nasbench201", random_state=0).fit(X[KNOWN], Y[KNOWN]).predict(X[REST])
    for n_threads in (1, 2, 4):
        with threadpool_limits(n_threads, user_api="blas"):
            model = make_mlp("nasbench201", random_state=0).fit(X[KNOWN], Y[KNOWN])
            np.testing.assert_array_equal(model.predict(X[REST]), expected)


@pytest.mark.parametrize("missing", [np.nan, None])
def test_missing_accuracies(missing):
    with pytest.raises(ValueError, match="NaN"):
        make_mlp("nasbench201").fit(X[:3], [1.0, missing, 2.0])


def test_errors():
    with pytest.raises(ValueError, match=r"unknown encoding 'onehot'; the encodings are 'one-hot'"):
        make_mlp("nasbench201", encoding="onehot")
