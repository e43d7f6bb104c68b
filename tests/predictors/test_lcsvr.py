import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.svm import NuSVR

from emprox.metrics import kendall_tau
from emprox.predictors import EarlyStoppingRegressor, LcSVR


def make_curves(n_samples, seed=0):
    """Accuracies that approach a limit at some speed, and both, which decide on all."""
    rng = np.random.default_rng(seed)
    limit, speed = rng.uniform(60, 95, size=n_samples), rng.uniform(0.1, 1, size=n_samples)
    curves = limit[:, None] * (1 - np.exp(-speed[:, None] * np.arange(1, 6)))
    return curves, limit, speed


CURVES, LIMIT, SPEED = make_curves(80)


def expected_predictions(X, y, new, **parameters):
    """The same with loops, for a curve alone."""

    def describe(curves):
        rows = []
        for curve in curves:
            first = [after - before for before, after in pairwise(curve)]
            second = [after - before for before, after in pairwise(first)]
            rows.append([*curve, *first, *second])
        return np.array(rows)

    scaler = StandardScaler().fit(describe(X))
    target = (y - y.mean()) / y.std()
    svr = NuSVR(**parameters).fit(scaler.transform(describe(X)), target)
    return y.mean() + y.std() * svr.predict(scaler.transform(describe(new)))


@pytest.mark.parametrize("n_epochs", [1, 2, 3, 5])
def test_without_search(n_epochs):
    X, y = CURVES[:50, :n_epochs], LIMIT[:50]
    parameters = {"C": 3.0, "nu": 0.3, "gamma": 0.2}
    model = LcSVR(n_iter=0, **parameters).fit(X, y)
    new = CURVES[50:, :n_epochs]
    np.testing.assert_allclose(
        model.predict(new), expected_predictions(X, y, new, **parameters), rtol=1e-9
    )
    assert model.search_ is None
    assert model.best_params_ == parameters


def test_search_chooses_the_setting_with_the_smallest_error():
    X, y = CURVES[:50, :4], LIMIT[:50]
    model = LcSVR(n_iter=15, cv=4, random_state=0).fit(X, y)
    results = model.search_.cv_results_
    assert len(results["params"]) == 15
    assert model.search_.n_splits_ == 4
    best = results["params"][int(np.argmax(results["mean_test_score"]))]
    assert {f"nusvr__{name}": value for name, value in model.best_params_.items()} == best
    np.testing.assert_allclose(
        model.predict(CURVES[50:, :4]),
        expected_predictions(X, y, CURVES[50:, :4], **model.best_params_),
        rtol=1e-9,
    )
    for name, low, high in [("C", 1e-5, 10), ("nu", 0.01, 1), ("gamma", 1e-5, 10)]:
        values = np.array([params[f"nusvr__{name}"] for params in results["params"]])
        assert low <= values.min() < values.max() <= high


def test_learns_more_than_the_last_accuracy():
    """A curve that still rises ends higher: differences tell."""
    known, new = slice(50), slice(50, None)
    X = CURVES[:, :3]
    svr = LcSVR(n_iter=30, random_state=0).fit(X[known], LIMIT[known])
    last = EarlyStoppingRegressor().fit(X[known], LIMIT[known])
    assert kendall_tau(LIMIT[new], svr.predict(X[new])) > 0.8
    assert kendall_tau(LIMIT[new], last.predict(X[new])) < 0.5


class TestOtherColumns:
    # In the middle, so that the differences are wrong if it is taken for a part of the curve.
    X = np.column_stack([CURVES[:, :2], 1000 * SPEED, CURVES[:, 2:4]])
    NAMES = ("1", "2", "parameters", "3", "4")

    def fit_predict(self, X, other_columns):
        model = LcSVR(other_columns=other_columns, n_iter=0).fit(X[:50], LIMIT[:50])
        return model.predict(X[50:])

    def test_all_ways_to_say_which(self):
        at_the_end = np.column_stack([CURVES[:, :4], 1000 * SPEED])
        expected = self.fit_predict(at_the_end, 1)
        for other_columns in ([2], [-3], np.array([2]), (2, 2)):
            np.testing.assert_array_equal(self.fit_predict(self.X, other_columns), expected)
        frame = pd.DataFrame(self.X, columns=self.NAMES)
        model = LcSVR(other_columns=["parameters"], n_iter=0)
        model.fit(frame[:50], LIMIT[:50])
        np.testing.assert_array_equal(model.predict(frame[50:]), expected)
        assert not np.allclose(self.fit_predict(at_the_end, 0), expected)

    def test_order_of_the_curve_is_kept(self):
        two = self.fit_predict(np.column_stack([SPEED, CURVES[:, :3], LIMIT]), [0, 4])
        np.testing.assert_array_equal(
            two, self.fit_predict(np.column_stack([CURVES[:, :3], SPEED, LIMIT]), 2)
        )

    def test_they_are_of_use(self):
        def tau(other_columns, X):
            model = LcSVR(other_columns=other_columns, n_iter=20, random_state=0)
            return kendall_tau(LIMIT[50:], model.fit(X[:50], LIMIT[:50]).predict(X[50:]))

        # After the first epoch neither limit nor speed is known.
        with_speed = np.column_stack([CURVES[:, :1], SPEED])
        assert tau(1, with_speed) > tau(0, CURVES[:, :1]) + 0.3

    @pytest.mark.parametrize(
        ("other_columns", "message"),
        [
            (5, "other_columns=5 leaves no column of X for the curve, n_features=5"),
            (6, "other_columns=6 leaves no column"),
            (list(range(5)), "leaves no column of X for the curve"),
            ([5], "other_columns has 5, but X has 5 columns without names, n_features=5"),
            ([-6], "other_columns has -6, but"),
            (["size"], "other_columns has 'size', but X has 5 columns without names"),
            ([1.5], "other_columns has 1.5, but"),
            ([True, False], "other_columns has True, but"),
        ],
    )
    def test_errors(self, other_columns, message):
        with pytest.raises(ValueError, match=message):
            LcSVR(other_columns=other_columns, n_iter=0).fit(self.X, LIMIT)

    def test_unknown_name(self):
        frame = pd.DataFrame(self.X, columns=self.NAMES)
        model = LcSVR(other_columns=["size"], n_iter=0)
        with pytest.raises(ValueError, match=r"'size', but X has the columns \['1', '2', 'param"):
            model.fit(frame, LIMIT)


class TestFewSamples:
    def test_fewer_than_folds(self):
        model = LcSVR(n_iter=5, cv=10, random_state=0).fit(CURVES[:4], LIMIT[:4])
        assert model.search_.n_splits_ == 4
        assert np.isfinite(model.predict(CURVES)).all()

    def test_a_single_one(self):
        with pytest.raises(ValueError, match=r"n_samples=1 is too few to choose C.*set n_iter=0"):
            LcSVR().fit(CURVES[:1], LIMIT[:1])
        model = LcSVR(n_iter=0).fit(CURVES[:1], LIMIT[:1])
        np.testing.assert_allclose(model.predict(CURVES), LIMIT[0])

    def test_equal_accuracies(self):
        model = LcSVR(n_iter=5, random_state=0).fit(CURVES, np.full(80, 70))
        np.testing.assert_allclose(model.predict(CURVES), 70)

    def test_constant_curves(self):
        model = LcSVR(n_iter=5, random_state=0).fit(np.full((20, 3), 10.0), LIMIT[:20])
        assert np.isfinite(model.predict(CURVES[:, :3])).all()


def test_missing_accuracies():
    with pytest.raises(ValueError, match="NaN"):
        LcSVR(n_iter=0).fit(CURVES[:3], np.array([1.0, None, 2.0], dtype=object))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite(bad):
    curves = CURVES.copy()
    curves[3, 2] = bad
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        LcSVR(n_iter=0).fit(curves, LIMIT)


def test_same_seed_same_bits_with_any_number_of_jobs():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    with parallel_config("threading"):
        predictions = [
            LcSVR(n_iter=8, n_jobs=n, random_state=3).fit(CURVES, LIMIT).predict(CURVES)
            for n in (None, None, 2)
        ]
    np.testing.assert_array_equal(predictions[0], predictions[1])
    np.testing.assert_array_equal(predictions[0], predictions[2])
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    other = LcSVR(n_iter=8, random_state=4).fit(CURVES, LIMIT).predict(CURVES)
    assert not np.array_equal(predictions[0], other)


def test_grid_search_pickle_and_clone():
    grid = {"n_iter": [0], "gamma": [1e-5, 0.1]}
    search = GridSearchCV(LcSVR(C=10), grid, cv=3).fit(CURVES, LIMIT)
    assert search.best_params_["gamma"] == 0.1
    model = search.best_estimator_
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(CURVES), model.predict(CURVES))
    assert clone(model).get_params() == model.get_params()
