"""Accuracies on other tasks, beside the structure of architectures."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau
from sklearn import config_context
from sklearn.base import clone

from emprox import EmProxRegressor, SideInformation, StructuralProperties, make_emprox_pipeline
from emprox.datasets import load_nasbench201
from emprox.spaces import get_space, list_spaces

SPACE = get_space("nasbench201")
# Two descriptions of one cell: what is behind an edge without a signal does not matter.
SAME = ["|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|", (1, 1, 2, 1, 0, 1)]


@pytest.fixture(scope="module")
def data():
    targets = ["baseline_accuracy", "qat_accuracy", "baseline_drift_2592000s"]
    X, Y = load_nasbench201(target=targets, return_X_y=True)
    return X[:1200], Y[:1200]


def describe(tasks, X, y, **parameters):
    """Fit to the known architectures; return the model and what it says of them."""
    model = SideInformation("nasbench201", tasks, random_state=0, **parameters)
    return model, model.fit_transform(X, y)


class TestTasks:
    def test_a_pair_for_all_tasks_or_one_for_each(self, data):
        X, Y = data
        table = Y[:30, 1:].copy()
        table[:10, 0] = np.nan
        table[20:, 1] = np.nan
        frame = pd.DataFrame(table, columns=["quantised", "drift"])
        each = {"quantised": (X[10:30], Y[10:30, 1]), "drift": (X[:20], Y[:20, 2])}
        one, columns = describe((pd.Series(X[:30]), frame), X[:50], Y[:50, 0])
        _, expected = describe(each, X[:50], Y[:50, 0])
        np.testing.assert_allclose(columns, expected, atol=1e-9)
        assert one.task_names_ == ["quantised", "drift"]
        assert describe((X[:5], Y[:5, 1]), X[:9], Y[:9, 0])[0].task_names_ == ["task 0"]

    def test_equal_architectures_are_one(self, data):
        X, Y = data
        twice = {"a": ([*SAME, *X[:20]], [70.0, 80.0, *Y[:20, 1]])}
        once = {"a": ([SAME[1], *X[:20]], [75.0, *Y[:20, 1]])}
        columns = [describe(tasks, X[:50], Y[:50, 0])[1] for tasks in (twice, once)]
        np.testing.assert_allclose(*columns, atol=1e-9)

    @pytest.mark.parametrize(
        ("tasks", "word"),
        [
            (None, "pair"),
            (([SAME[0]], [1.0], 3), "pair"),
            ({}, "no side tasks"),
            ({"a": [SAME[0]]}, "'a'.* pair"),
            ({"a": ([SAME[0]], [np.nan])}, "'a'.* NaN"),
            ({"a": ([SAME[0]], ["good"])}, "'a'"),
            ({"a": (SAME, [1.0])}, "'a' has 2"),
            ({"a": (SAME, [[1.0], [2.0]])}, "'a'.*shape"),
            ((SAME, [1.0, np.inf]), "infinity"),
            ((SAME, [[1.0, np.nan]] * 2), "'task 1'"),
            ({"a": ([SAME[0], "conv"], [1.0, 2.0])}, "'a': architecture 1"),
            (([SAME[0], "conv"], [1.0, 2.0]), "side information: architecture 1"),
        ],
    )
    def test_wrong_tasks(self, tasks, word):
        with pytest.raises(ValueError, match=word):
            describe(tasks, SAME, [50.0, 60.0])


class TestColumns:
    def test_known_and_predicted(self, data):
        X, Y = data
        # Different cells, so that none stands for others.
        _, first = np.unique(SPACE.canonicalize(SPACE.encode(X)), axis=0, return_index=True)
        X, Y = X[first], Y[first, 1]
        inside, outside = np.arange(200), np.arange(200, len(X))
        model, _ = describe({"quantised": (X[inside], Y[inside])}, X[100:300], Y[100:300])
        predicted, known = model.transform(X)[:, -2:].T / np.sqrt(model.shares_).T
        # What is known is the accuracy, in the right order; of others, what is predicted.
        np.testing.assert_array_equal(known[inside].argsort(), Y[inside].argsort())
        np.testing.assert_allclose(known[outside], predicted[outside], rtol=1e-9)
        # No architecture is predicted from itself.
        for rows in (inside, outside):
            assert 0.6 < kendalltau(predicted[rows], Y[rows])[0] < 0.95
        correlation = np.corrcoef(predicted[inside], known[inside])[0, 1]
        assert model.predictability_[0] == pytest.approx(correlation**2)

    def test_structure_comes_first_and_stays_as_it_is(self, data):
        X, Y = data
        model, columns = describe((X[:300], Y[:300, 1:]), X[:50], Y[:50, 0])
        structure = StructuralProperties("nasbench201", standardize=True).fit_transform(X[:50])
        np.testing.assert_array_equal(columns[:, :-4], structure)
        names = model.get_feature_names_out()
        assert len(names) == columns.shape[1] == model.n_features_out_
        expected = ["task 0 predicted", "task 0 known", "task 1 predicted", "task 1 known"]
        assert names[-4:].tolist() == expected

    def test_rows_do_not_depend_on_each_other(self, data):
        X, Y = data
        model, fitted = describe((X[100:400], Y[100:400, 1:]), X[:50], Y[:50, 0])
        np.testing.assert_allclose(model.transform(X[:50]), fitted, atol=1e-9)
        np.testing.assert_allclose(model.transform(X[20:30]), fitted[20:30], atol=1e-9)
        np.testing.assert_allclose(*model.transform(SAME), atol=1e-9)

    def test_the_order_of_tasks_and_of_their_architectures_does_not_matter(self, data):
        X, Y = data
        order = np.random.default_rng(0).permutation(300)
        one = {"a": (X[:300], Y[:300, 1]), "b": (X[200:500], Y[200:500, 2])}
        other = {"b": one["b"], "a": (X[order], Y[order, 1])}
        (first, columns), (second, swapped) = (
            describe(tasks, X[:50], Y[:50, 0]) for tasks in (one, other)
        )
        np.testing.assert_allclose(swapped[:, [-2, -1, -4, -3]], columns[:, -4:], atol=1e-6)
        np.testing.assert_allclose(first.shares_, second.shares_[::-1], rtol=1e-6)

    def test_noise_is_not_predictable_and_hardly_counts(self, data):
        X, Y = data
        noise = np.random.default_rng(0).normal(size=1200)
        tasks = {"noise": (X, noise), "quantised": (X, Y[:, 1])}
        model, _ = describe(tasks, X[:100], Y[:100, 0])
        assert model.predictability_[0] < 0.1 < 0.5 < model.predictability_[1]
        assert model.shares_[0].sum() < model.shares_[1].sum() / 20

    def test_deterministic(self, data):
        X, Y = data
        tasks = (X[:900], Y[:900, 1:])
        model, first = describe(tasks, X[:250], Y[:250, 0], n_reference=100)
        again = clone(model).fit_transform(X[:250], Y[:250, 0])
        np.testing.assert_array_equal(first, again)
        other = clone(model).set_params(random_state=1).fit_transform(X[:250], Y[:250, 0])
        assert np.abs(first - other).max() > 1e-3
        loaded = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(loaded.transform(X[:9]), model.transform(X[:9]))

    @pytest.mark.parametrize("n_side", [1, 3])
    @pytest.mark.parametrize("n_known", [1, 2, 3])
    def test_very_little_known(self, data, n_side, n_known):
        X, Y = data
        tasks = {"a": (X[50 : 50 + n_side], Y[50 : 50 + n_side, 1])}
        assert np.isfinite(describe(tasks, X[:n_known], Y[:n_known, 0])[1]).all()
        equal = {"a": (X[:20], np.full(20, 5.0))}
        assert np.ptp(describe(equal, X[:n_known], Y[:n_known, 0])[1][:, -2:]) < 1e-9

    @pytest.mark.parametrize("name", [n for n in list_spaces() if not get_space(n).is_open])
    def test_every_space(self, name):
        space, rng = get_space(name), np.random.default_rng(0)
        decisions = space.encode(space.sample(40, random_state=0))
        tasks = {"a": (decisions[:20], rng.normal(size=20)), "b": (decisions[10:], np.arange(30))}
        model = SideInformation(space, tasks, random_state=0)
        columns = model.fit_transform(decisions[15:], rng.normal(size=25))
        np.testing.assert_allclose(model.transform(decisions[15:]), columns, atol=1e-9)

    def test_a_space_that_is_learned(self):
        rows = list(map(tuple, np.random.default_rng(0).integers(0, 4, size=(60, 5)).tolist()))
        y = np.array([sum(row) for row in rows], dtype=float)
        model = SideInformation("sequence", {"a": (rows, -y)}, random_state=0)
        assert model.fit(rows[:30], y[:30]).shares_.sum() > 0.1
        assert model.transform(rows).shape == (60, model.n_features_out_)


def make(**parameters):
    return EmProxRegressor(
        **{"space": "nasbench201", "chance_level": 10, "random_state": 0, **parameters}
    )


class TestInAModel:
    @pytest.mark.parametrize("weights", ["distance", "kriging"])
    def test_helps_and_noise_does_no_harm(self, data, weights):
        X, Y = data
        noise = np.random.default_rng(0).normal(size=(1200, 2))
        taus = []
        for start in (0, 100, 200):
            known, y = slice(start, start + 20), Y[start : start + 20, 0]
            model = make(weights=weights, chance_level=None)
            taus.append(
                [
                    kendalltau(model.fit(X[known], y, side=side).predict(X[300:]), Y[300:, 0])[0]
                    for side in (None, (X, Y[:, 1]), (X, noise))
                ]
            )
        without, informed, misled = np.mean(taus, axis=0)
        assert informed > without + 0.03
        assert misled > without - 0.02

    @pytest.mark.parametrize("output", ["default", "pandas"])
    def test_is_the_pipeline(self, data, output):
        X, Y = data
        side = {"quantised": (X[500:], Y[500:, 1])}
        with config_context(transform_output=output):
            model = make().fit(X[:40], Y[:40, 0], side=side)
            pipeline = make_emprox_pipeline("nasbench201", chance_level=10, random_state=0)
            pipeline.set_params(features=SideInformation("nasbench201", random_state=0))
            pipeline.fit(X[:40], Y[:40, 0], side=side)
            expected = pipeline.predict(X[100:200])
            np.testing.assert_allclose(model.predict(X[100:200]), expected, rtol=1e-9)

    @pytest.mark.parametrize("weights", ["distance", "kriging"])
    def test_more_architectures(self, data, weights):
        X, Y = data
        side = (X[500:800], Y[500:800, 1:])
        model = make(weights=weights).fit(X[:40], Y[:40, 0], side=side)
        model.partial_fit(X[40:60], Y[40:60, 0], refit=True)
        fresh = make(weights=weights).fit(X[:60], Y[:60, 0], side=side)
        np.testing.assert_array_equal(model.predict(X[100:200]), fresh.predict(X[100:200]))
        model.partial_fit(X[60:62], Y[60:62, 0], refit=False)
        assert kendalltau(model.predict(X[800:]), Y[800:, 0])[0] > 0.75
        # Without side information it forgets what there was.
        model.fit(X[:40], Y[:40, 0]).partial_fit(X[40:60], Y[40:60, 0], refit=True)
        plain = make(weights=weights).fit(X[:60], Y[:60, 0])
        np.testing.assert_array_equal(model.predict(X[100:200]), plain.predict(X[100:200]))
