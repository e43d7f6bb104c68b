"""Support vector regression on learning curves."""

from itertools import pairwise

import numpy as np
import pytest
from joblib import parallel_config
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


@pytest.mark.parametrize("n_epochs", [1, 2, 3, 5])
@pytest.mark.parametrize("n_others", [0, 1])
def test_is_the_best_of_the_search_on_curves_and_differences(n_epochs, n_others):
    def describe(rows):
        described = []
        for row in rows:
            first = [after - before for before, after in pairwise(row[:n_epochs])]
            second = [after - before for before, after in pairwise(first)]
            described.append([*row[:n_epochs], *first, *second, *row[n_epochs:]])
        return np.array(described)

    X = np.column_stack([CURVES[:, :n_epochs], *[1000 * SPEED] * n_others])
    model = LcSVR(other_columns=n_others, n_iter=15, cv=4, random_state=0).fit(X[:50], LIMIT[:50])
    results = model.search_.cv_results_
    assert (len(results["params"]), model.search_.n_splits_) == (15, 4)
    best = results["params"][int(np.argmax(results["mean_test_score"]))]
    svr = NuSVR(**{name.removeprefix("nusvr__"): value for name, value in best.items()})
    scaler = StandardScaler().fit(describe(X[:50]))
    mean, unit = LIMIT[:50].mean(), LIMIT[:50].std()
    svr.fit(scaler.transform(describe(X[:50])), (LIMIT[:50] - mean) / unit)
    expected = mean + unit * svr.predict(scaler.transform(describe(X[50:])))
    np.testing.assert_allclose(model.predict(X[50:]), expected, rtol=1e-9)


def test_settings_are_drawn_as_in_the_paper():
    settings = LcSVR(n_iter=50, random_state=0).fit(CURVES, LIMIT).search_.cv_results_["params"]
    for name, low, high in [("C", 1e-5, 10), ("nu", 0.01, 1), ("gamma", 1e-5, 10)]:
        values = np.array([setting[f"nusvr__{name}"] for setting in settings])
        assert low <= values.min() < values.max() <= high


def test_learns_more_than_the_last_accuracy():
    """A curve that still rises ends higher: differences tell."""
    X = CURVES[:, :3]
    svr = LcSVR(n_iter=30, random_state=0).fit(X[:50], LIMIT[:50])
    last = EarlyStoppingRegressor().fit(X[:50], LIMIT[:50])
    assert kendall_tau(LIMIT[50:], svr.predict(X[50:])) > 0.8
    assert kendall_tau(LIMIT[50:], last.predict(X[50:])) < 0.5


def test_other_columns_are_of_use():
    def tau(other_columns, X):
        model = LcSVR(other_columns=other_columns, n_iter=20, random_state=0)
        return kendall_tau(LIMIT[50:], model.fit(X[:50], LIMIT[:50]).predict(X[50:]))

    # After the first epoch neither limit nor speed is known.
    with_speed = np.column_stack([CURVES[:, :1], SPEED])
    assert tau(1, with_speed) > tau(0, CURVES[:, :1]) + 0.3
    with pytest.raises(ValueError, match="other_columns=2"):
        tau(2, with_speed)


def test_few_or_equal():
    model = LcSVR(n_iter=5, cv=10, random_state=0).fit(CURVES[:4], LIMIT[:4])
    assert model.search_.n_splits_ == 4
    assert np.isfinite(model.predict(CURVES)).all()
    with pytest.raises(ValueError, match="1 sample"):
        LcSVR().fit(CURVES[:1], LIMIT[:1])
    model = LcSVR(n_iter=5, random_state=0).fit(CURVES, np.full(80, 70))
    np.testing.assert_allclose(model.predict(CURVES), 70)
    model = LcSVR(n_iter=5, random_state=0).fit(np.full((20, 3), 10.0), LIMIT[:20])
    assert np.isfinite(model.predict(CURVES[:, :3])).all()


def test_missing_numbers():
    curves = CURVES.copy()
    curves[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        LcSVR(n_iter=2).fit(curves, LIMIT)
    with pytest.raises(ValueError, match="NaN"):
        LcSVR(n_iter=2).fit(CURVES[:3], np.array([1.0, None, 2.0], dtype=object))


def test_same_seed_same_bits_with_any_number_of_jobs():
    with parallel_config("threading"):
        predictions = [
            LcSVR(n_iter=8, n_jobs=n, random_state=3).fit(CURVES, LIMIT).predict(CURVES)
            for n in (None, None, 2)
        ]
    np.testing.assert_array_equal(predictions[0], predictions[1])
    np.testing.assert_array_equal(predictions[0], predictions[2])
    other = LcSVR(n_iter=8, random_state=4).fit(CURVES, LIMIT).predict(CURVES)
    assert not np.array_equal(predictions[0], other)


def test_grid_search():
    search = GridSearchCV(LcSVR(random_state=0), {"n_iter": [1, 20]}, cv=3).fit(CURVES, LIMIT)
    assert search.best_params_ == {"n_iter": 20}
