import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import cross_val_score

from emprox import StructuralProperties
from emprox.datasets import load_nasbench201
from emprox.encodings import AdjacencyEncoding, GRAFEncoding, OneHotEncoding, PathEncoding
from emprox.metrics import kendall_tau
from emprox.predictors import make_xgboost
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


@pytest.fixture(params=["xgboost", "scikit-learn"])
def library(request):
    """Both libraries; a test of the one that is not installed is skipped."""
    if request.param == "xgboost":
        pytest.importorskip("xgboost")
    return request.param


def fast(model):
    """Let a model grow few trees."""
    name = "n_estimators" if "n_estimators" in model["regressor"].get_params() else "max_iter"
    return model.set_params(**{f"regressor__{name}": 20, "regressor__learning_rate": 0.3})


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_steps(encoding):
    model = make_xgboost("darts", encoding=encoding, canonicalize=False, library="scikit-learn")
    assert list(model.named_steps) == ["encoding", "regressor"]
    assert type(model["encoding"]) is ENCODINGS[encoding]
    assert model["encoding"].space == "darts"
    assert model["encoding"].canonicalize is False
    assert isinstance(model["regressor"], HistGradientBoostingRegressor)


def test_xgboost_is_taken_if_it_is_installed():
    xgboost = pytest.importorskip("xgboost")
    for library in ("auto", "xgboost"):
        regressor = make_xgboost("nasbench201", library=library, random_state=3)["regressor"]
        assert type(regressor) is xgboost.XGBRegressor
        assert regressor.random_state == 3
        assert regressor.n_jobs == 1


def test_scikit_learn_is_taken_if_xgboost_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    regressor = make_xgboost("nasbench201", random_state=3)["regressor"]
    assert isinstance(regressor, HistGradientBoostingRegressor)
    assert regressor.random_state == 3
    with pytest.raises(ImportError, match=r'library="xgboost" needs xgboost.*pip install "emprox'):
        make_xgboost("nasbench201", library="xgboost")


def test_a_broken_xgboost_is_not_hidden(monkeypatch, tmp_path):
    (tmp_path / "xgboost.py").write_text("import no_such_package_of_xgboost\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "xgboost"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match="no_such_package_of_xgboost"):
        make_xgboost("nasbench201")


@pytest.mark.parametrize(
    ("encoding", "least"), [("one-hot", 0.6), ("adjacency", 0.6), ("path", 0.3), ("graf", 0.75)]
)
def test_it_predicts(library, encoding, least):
    model = make_xgboost("nasbench201", encoding=encoding, library=library, random_state=0)
    predicted = model.fit(X[KNOWN], Y[KNOWN]).predict(X[REST])
    assert kendall_tau(Y[REST], predicted) > least


def test_seeds(library):
    def predict(seed):
        model = fast(
            make_xgboost("nasbench201", encoding="graf", library=library, random_state=seed)
        )
        return model.fit(X[KNOWN], Y[KNOWN]).predict(X[REST])

    np.testing.assert_array_equal(predict(0), predict(0))
    assert (predict(0) != predict(1)).any()
    np.testing.assert_array_equal(
        predict(np.random.RandomState(0)), predict(np.random.RandomState(0))
    )


def test_no_global_generator_is_used(library):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fast(make_xgboost("nasbench201", library=library, random_state=0)).fit(X[KNOWN], Y[KNOWN])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_forms_of_architectures(library):
    model = fast(make_xgboost("nasbench201", encoding="path", library=library, random_state=0))
    expected = model.fit(X[KNOWN], Y[KNOWN]).predict(X[REST])
    frame = pd.DataFrame({"cell": X}, index=range(1000, 1000 + len(X)))
    named = clone(model)
    # Names of columns may not hold what XGBoost refuses.
    named["encoding"].set_output(transform="pandas")
    named.fit(frame.iloc[KNOWN], pd.Series(Y[KNOWN]))
    np.testing.assert_array_equal(named.predict(frame.iloc[REST]), expected)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X[REST]), expected)


def test_cross_validation_and_other_steps(library):
    model = fast(make_xgboost("nasbench201", library=library, random_state=0))
    assert np.isfinite(cross_val_score(model, X[KNOWN], Y[KNOWN], cv=3)).all()
    model.set_params(encoding=StructuralProperties("nasbench201"))
    assert kendall_tau(Y[REST], model.fit(X[KNOWN], Y[KNOWN]).predict(X[REST])) > 0.6


def test_large_spaces_say_what_to_do():
    architectures = get_space("nasbench_nlp").sample(30, random_state=0)
    model = fast(make_xgboost("nasbench_nlp", encoding="path", library="scikit-learn"))
    with pytest.raises(ValueError, match="set n_paths"):
        model.fit(architectures, np.arange(30.0))
    model.set_params(encoding__n_paths=50).fit(architectures, np.arange(30.0))
    assert model["encoding"].n_features_out_ == 50


@pytest.mark.parametrize("missing", [np.nan, None])
def test_missing_accuracies(library, missing):
    y = np.array([1.0, missing, 2.0], dtype=object)
    with pytest.raises(ValueError, match=r"NaN|nan"):
        fast(make_xgboost("nasbench201", library=library)).fit(X[:3], y)


def test_errors():
    with pytest.raises(ValueError, match=r"unknown encoding 'onehot'; the encodings are 'one-hot'"):
        make_xgboost("nasbench201", encoding="onehot")
    with pytest.raises(ValueError, match=r"unknown encoding None.*step 'encoding'"):
        make_xgboost("nasbench201", encoding=None)
    with pytest.raises(ValueError, match=r"library has to be one of 'auto', .*got 'lightgbm'"):
        make_xgboost("nasbench201", library="lightgbm")
    with pytest.raises(ValueError, match="did you mean 'nasbench201'"):
        make_xgboost("nasbench2001", library="scikit-learn").fit(X[KNOWN], Y[KNOWN])
