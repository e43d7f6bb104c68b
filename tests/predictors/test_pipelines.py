"""make_mlp and make_xgboost: plain pipelines of an encoding and a regressor."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import cross_val_score
from threadpoolctl import threadpool_limits

from emprox import StructuralProperties
from emprox.datasets import load_nasbench201
from emprox.encodings import AdjacencyEncoding, GRAFEncoding, OneHotEncoding, PathEncoding
from emprox.metrics import kendall_tau
from emprox.predictors import make_mlp, make_xgboost
from emprox.spaces import get_space

ENCODINGS = {
    "one-hot": OneHotEncoding,
    "adjacency": AdjacencyEncoding,
    "path": PathEncoding,
    "graf": GRAFEncoding,
}
X, Y = load_nasbench201(return_X_y=True)
drawn = np.random.default_rng(0).permutation(len(X))
KNOWN, REST = drawn[:100], drawn[100:400]


def mlp(**parameters):
    return make_mlp("nasbench201", **{"random_state": 0, **parameters})


def xgboost(**parameters):
    pytest.importorskip("xgboost")
    model = make_xgboost("nasbench201", **{"random_state": 0, **parameters})
    return model.set_params(regressor__n_estimators=100, regressor__learning_rate=0.1)


def scikit_learn(**parameters):
    settings = {"random_state": 0, "library": "scikit-learn", **parameters}
    return make_xgboost("nasbench201", **settings).set_params(regressor__max_iter=100)


@pytest.fixture(params=[mlp, xgboost, scikit_learn])
def make(request):
    return request.param


def fit_predict(model):
    return model.fit(X[KNOWN], Y[KNOWN]).predict(X[REST])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_steps(encoding):
    settings = {"encoding": encoding, "canonicalize": False, "random_state": 3}
    network = make_mlp("darts", **settings)
    assert list(network.named_steps) == ["encoding", "scaler", "regressor"]
    assert isinstance(network["regressor"], TransformedTargetRegressor)
    assert network.get_params()["regressor__regressor__random_state"] == 3
    trees = make_xgboost("darts", library="scikit-learn", **settings)
    assert list(trees.named_steps) == ["encoding", "regressor"]
    assert isinstance(trees["regressor"], HistGradientBoostingRegressor)
    for model in (network, trees):
        assert type(model["encoding"]) is ENCODINGS[encoding]
        assert (model["encoding"].space, model["encoding"].canonicalize) == ("darts", False)


def test_which_library(monkeypatch, tmp_path):
    library = pytest.importorskip("xgboost")
    for name in ("auto", "xgboost"):
        regressor = make_xgboost("nasbench201", library=name)["regressor"]
        assert type(regressor) is library.XGBRegressor
    monkeypatch.setitem(sys.modules, "xgboost", None)
    regressor = make_xgboost("nasbench201")["regressor"]
    assert isinstance(regressor, HistGradientBoostingRegressor)
    with pytest.raises(ImportError, match="pip install"):
        make_xgboost("nasbench201", library="xgboost")
    # One that is broken is not hidden.
    (tmp_path / "xgboost.py").write_text("import no_such_package_of_xgboost\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "xgboost"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match="no_such_package_of_xgboost"):
        make_xgboost("nasbench201")


@pytest.mark.parametrize(
    ("encoding", "least"), [("one-hot", 0.55), ("adjacency", 0.55), ("path", 0.3), ("graf", 0.7)]
)
def test_predicts_without_a_warning(make, encoding, least):
    assert kendall_tau(Y[REST], fit_predict(make(encoding=encoding))) > least


@pytest.mark.parametrize("n_known", [2, 10, 1000])
def test_converges_with_few_and_many(n_known):
    known = drawn[:n_known]
    assert np.isfinite(mlp().fit(X[known], Y[known]).predict(X[REST])).all()


@pytest.mark.parametrize("exponent", [-20, 20])
def test_the_unit_of_the_target_does_not_matter(exponent):
    # A power of two is a unit without rounding, which L-BFGS would amplify.
    scaled = mlp().fit(X[KNOWN], 2.0**exponent * Y[KNOWN]).predict(X[REST])
    np.testing.assert_allclose(scaled, 2.0**exponent * fit_predict(mlp()), rtol=1e-9)


def test_the_number_of_threads_does_not_matter():
    expected = fit_predict(mlp())
    for n_threads in (1, 2, 4):
        with threadpool_limits(n_threads, user_api="blas"):
            np.testing.assert_array_equal(fit_predict(mlp()), expected)


def test_seeds(make):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is the global one
    np.testing.assert_array_equal(fit_predict(make()), fit_predict(make()))
    assert (fit_predict(make()) != fit_predict(make(random_state=1))).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_data_frames_pickles_and_cross_validation(make):
    model = make(encoding="path")
    expected = fit_predict(model)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X[REST]), expected)
    frame = pd.DataFrame({"cell": X}, index=range(1000, 1000 + len(X)))
    named = clone(model)
    # Names of columns may not hold what XGBoost refuses.
    named["encoding"].set_output(transform="pandas")
    named.fit(frame.iloc[KNOWN], pd.Series(Y[KNOWN]))
    np.testing.assert_array_equal(named.predict(frame.iloc[REST]), expected)
    assert np.isfinite(cross_val_score(make(), X[KNOWN], Y[KNOWN], cv=3)).all()


def test_another_transformer_of_architectures(make):
    model = make().set_params(encoding=StructuralProperties("nasbench201"))
    assert kendall_tau(Y[REST], fit_predict(model)) > 0.6


def test_large_spaces_say_what_to_do():
    space = get_space("nasbench_nlp")
    architectures = space.encode(space.sample(30, random_state=0))
    model = make_xgboost("nasbench_nlp", encoding="path", library="scikit-learn")
    with pytest.raises(ValueError, match="n_paths"):
        model.fit(architectures, np.arange(30.0))
    model.set_params(encoding__n_paths=50, regressor__max_iter=2)
    assert model.fit(architectures, np.arange(30.0))["encoding"].n_features_out_ == 50


@pytest.mark.parametrize("missing", [np.nan, None])
def test_missing_accuracies(make, missing):
    with pytest.raises(ValueError, match=r"(?i)nan"):
        make().fit(X[:3], np.array([1.0, missing, 2.0], dtype=object))


def test_errors(make):
    with pytest.raises(ValueError, match="'one-hot'"):
        make(encoding="onehot")
    with pytest.raises(ValueError, match="'auto'"):
        make_xgboost("nasbench201", library="lightgbm")
    with pytest.raises(ValueError, match="did you mean 'nasbench201'"):
        make_mlp("nasbench2001").fit(X[KNOWN], Y[KNOWN])
