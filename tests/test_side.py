import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator

from emprox import EmProxRegressor, ProximityMetric, StructuralProperties
from emprox._metric._kernel import matern32
from emprox._metric._target import TargetTransform
from emprox._side import SideInformation
from emprox._side import _side_information as module
from emprox._side._shared_ridge import CONSTANT, RIDGES, SharedKernelRidge, gradient_weights
from emprox._side._tasks import read_tasks
from emprox._side._weights import RIDGES as EVIDENCE_RIDGES
from emprox._side._weights import _evidence, side_shares
from emprox.datasets import load_nasbench201
from emprox.spaces import ArchitectureError, get_space, list_spaces

SPACE = get_space("nasbench201")
# Two descriptions of one cell: what is behind an edge without a signal does not matter.
SAME = ["|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|", (1, 1, 2, 1, 0, 1)]


@pytest.fixture(scope="module")
def data():
    targets = ["baseline_accuracy", "qat_accuracy", "baseline_drift_2592000s"]
    X, Y = load_nasbench201(target=targets, return_X_y=True)
    return X[:1200], Y[:1200]


def side_columns(model, X):
    """Return what is put beside the structure, of shape (n, n_tasks, 2), before it is weighted."""
    columns = model.transform(X)[:, model.properties_.n_features_out_ :]
    return (columns / model._factors).reshape(len(X), -1, 2)


class TestReading:
    def test_a_pair_for_all_tasks_or_one_for_each(self, data):
        X, Y = data
        table = Y[:30, 1:].copy()
        table[:10, 0] = np.nan
        table[20:, 1] = np.nan
        one = read_tasks(SPACE, (X[:30], table))
        each = {"task 0": (X[10:30], Y[10:30, 1]), "task 1": (X[:20], Y[:20, 2])}
        other = read_tasks(SPACE, each)
        assert one.names == other.names == ["task 0", "task 1"]
        np.testing.assert_array_equal(one.decisions, other.decisions)
        np.testing.assert_allclose(one.accuracies, other.accuracies)
        assert np.isnan(one.accuracies).sum(axis=0).min() > 0

    def test_equal_architectures_are_one(self, data):
        cells = [SAME[0], SAME[1], data[0][0]]
        tasks = read_tasks(SPACE, (cells, [[70.0, np.nan], [80.0, 5.0], [90.0, np.nan]]))
        assert len(tasks.decisions) == 2
        row = int(np.flatnonzero(~np.isnan(tasks.accuracies[:, 1]))[0])
        np.testing.assert_array_equal(tasks.accuracies[row], [75.0, 5.0])
        np.testing.assert_array_equal(tasks.accuracies[1 - row], [90.0, np.nan])

    def test_names_of_a_data_frame(self, data):
        frame = pd.DataFrame(data[1][:5, 1:], columns=["quantised", "drift"])
        assert read_tasks(SPACE, (pd.Series(data[0][:5]), frame)).names == ["quantised", "drift"]

    def test_one_dimensional_accuracies(self, data):
        assert read_tasks(SPACE, (data[0][:5], data[1][:5, 1])).names == ["task 0"]

    @pytest.mark.parametrize(
        ("tasks", "message"),
        [
            (None, r"side information has to be a pair .* or a mapping .*, got NoneType"),
            (([SAME[0]], [1.0], 3), "got 3 items"),
            ({}, "there are no side tasks"),
            ({"a": [SAME[0]]}, r"side task 'a' has to be a pair .*, got 1 items"),
            ({"a": {"b": 1}}, "side task 'a' has to be a pair .*, got dict"),
            ({"a": ([SAME[0]], [np.nan])}, "side task 'a' contains NaN"),
            ({"a": ([SAME[0]], [np.inf])}, "side task 'a' contains infinity"),
            ({"a": (SAME, [1.0])}, "side task 'a' has 2 architectures, but 1 accuracies"),
            ({"a": (SAME, [[1.0], [2.0]])}, r"side task 'a' has accuracies of shape \(2, 1\)"),
            ({"a": ([], [])}, "0 sample"),
            ((SAME, [1.0]), "side information has 2 architectures, but 1 accuracies"),
            ((SAME, [1.0, np.inf]), "contains infinity; what is not known has to be NaN"),
            ((SAME, [[1.0, np.nan]] * 2), "side task 'task 1' has no known accuracy"),
            ({"a": ([SAME[0], "conv"], [1.0, 2.0])}, "side task 'a': architecture 1: "),
            (([SAME[0], "conv"], [1.0, 2.0]), "side information: architecture 1: "),
        ],
    )
    def test_wrong_tasks(self, tasks, message):
        with pytest.raises(ValueError, match=message):
            SideInformation(tasks=tasks).fit(SAME, [50.0, 60.0])

    def test_unknown_architecture_is_an_architecture_error(self):
        with pytest.raises(ArchitectureError):
            SideInformation(tasks={"a": (["conv"], [1.0])}).fit(SAME, [50.0, 60.0])


class TestSharedKernelRidge:
    def test_left_out_is_what_the_others_predict(self):
        rng = np.random.default_rng(0)
        samples = rng.normal(size=(25, 4))
        targets = np.column_stack([np.sin(samples[:, 0]), rng.normal(size=25)])
        ridge = SharedKernelRidge(samples, targets)
        points = ridge._known
        distances = np.linalg.norm(points[:, None] - points[None], axis=2)
        kernel = matern32(distances) + CONSTANT
        for target in range(2):
            values = targets[:, target] - targets[:, target].mean()
            errors = []
            for choice in RIDGES:
                left_out = [
                    kernel[i, rest]
                    @ np.linalg.solve(
                        kernel[np.ix_(rest, rest)] + choice * np.eye(24), values[rest]
                    )
                    for i in range(25)
                    for rest in [np.delete(np.arange(25), i)]
                ]
                errors.append((np.square(values - left_out).mean(), left_out))
            best = min(errors, key=lambda pair: pair[0])[1]
            np.testing.assert_allclose(
                ridge.left_out[:, target], best + targets[:, target].mean(), atol=1e-8
            )

    def test_predictions(self):
        rng = np.random.default_rng(1)
        samples = rng.uniform(-1, 1, size=(200, 5))
        targets = np.column_stack([samples[:, 0] ** 2, samples[:, 1] * samples[:, 0]])
        new = rng.uniform(-1, 1, size=(50, 5))
        predicted = SharedKernelRidge(samples, targets).predict(new)
        true = np.column_stack([new[:, 0] ** 2, new[:, 1] * new[:, 0]])
        assert np.corrcoef(predicted[:, 0], true[:, 0])[0, 1] > 0.95
        assert np.corrcoef(predicted[:, 1], true[:, 1])[0, 1] > 0.95

    def test_columns_that_matter_weigh_most(self):
        rng = np.random.default_rng(2)
        samples = rng.normal(size=(100, 3))
        samples[:, 2] = 0
        weights = gradient_weights(samples, np.sin(samples[:, :1]))
        assert weights[0] == 1 > weights[1] > weights[2] == 0
        # Not if there is nothing to explain.
        np.testing.assert_array_equal(gradient_weights(samples, np.zeros((100, 1))), 1)


class TestShares:
    def test_evidence_is_the_largest_likelihood(self):
        rng = np.random.default_rng(0)
        points = rng.normal(size=(12, 2))
        values = rng.normal(size=12)
        distances = np.square(points[:, None] - points[None]).sum(axis=2)
        typical = distances[~np.eye(12, dtype=bool)].mean()
        kernel = matern32(np.sqrt(distances / typical) / 2) + CONSTANT
        likelihoods = []
        for ridge in EVIDENCE_RIDGES:
            covariance = kernel + ridge * np.eye(12)
            scales = np.logspace(-3, 3, 20001)
            quadratic = values @ np.linalg.solve(covariance, values)
            scale = scales[np.argmin(12 * np.log(scales) + quadratic / scales)]
            likelihoods.append(multivariate_normal(cov=scale * covariance).logpdf(values))
        # The constants that do not depend on the kernel are left out.
        constant = -6 * np.log(2 * np.pi) - 6
        expected = np.log(np.exp(likelihoods).sum()) - constant
        assert _evidence(distances, values) == pytest.approx(expected, abs=1e-4)

    @pytest.mark.parametrize("seed", range(5))
    def test_a_column_that_tells_counts_and_noise_does_not(self, seed):
        rng = np.random.default_rng(seed)
        structure = rng.normal(size=(100, 5))
        tells, noise = rng.normal(size=(2, 100))
        target = structure[:, 0] + tells
        both, odds = np.column_stack([tells, noise]), np.ones(2)
        shares = side_shares(structure, both, target, odds)
        assert shares[0] > 0.5
        assert shares[1] < shares[0] / 3
        assert side_shares(structure, noise[:, None], structure[:, 0], odds[:1]) < 1e-3
        # The same whichever way it points, and in whatever unit the target is.
        np.testing.assert_allclose(side_shares(structure, -both, 7 * target, odds), shares)
        other = side_shares(structure, both, structure[:, 0], odds)
        outputs = np.column_stack([target, structure[:, 0]])
        np.testing.assert_allclose(
            side_shares(structure, both, outputs, odds), (shares + other) / 2
        )

    def test_unlikely_columns_count_less(self):
        rng = np.random.default_rng(0)
        structure, columns = rng.normal(size=(15, 20)), rng.normal(size=(15, 2))
        target = rng.normal(size=15)
        few, many = (
            side_shares(structure, columns, target, np.array([odds, 1.0])) for odds in (0.01, 1.0)
        )
        assert few[0] < many[0] / 5

    @pytest.mark.parametrize(
        ("structure", "target"),
        [
            (np.eye(5), np.full(5, 90.0)),
            (np.ones((5, 3)), np.arange(5.0)),
            (np.ones((1, 3)), np.array([90.0])),
        ],
    )
    def test_nothing_to_find_out(self, structure, target):
        columns = np.random.default_rng(0).normal(size=(len(target), 4))
        shares = side_shares(structure, columns, target, np.ones(4))
        np.testing.assert_allclose(shares, 0.5**2 / 2 / 4)


class TestColumns:
    def test_known_and_predicted(self, data):
        X, Y = data
        # Different cells, so that none stands for others.
        _, first = np.unique(SPACE.canonicalize(SPACE.encode(X)), axis=0, return_index=True)
        X, Y = X[first], Y[first, 1]
        inside, outside = np.arange(200), np.arange(200, len(X))
        side = {"quantised": (X[inside], Y[inside])}
        model = SideInformation(tasks=side, random_state=0).fit(X[100:300], Y[100:300])
        predicted, known = side_columns(model, X)[:, 0].T
        expected = TargetTransform(Y[inside]).forward(Y[inside])
        np.testing.assert_allclose(known[inside], expected, atol=1e-9)
        np.testing.assert_allclose(known[outside], predicted[outside], atol=1e-12)
        # No architecture is predicted from itself.
        for rows in (inside, outside):
            assert 0.6 < kendalltau(predicted[rows], Y[rows])[0] < 0.95
        correlation = np.corrcoef(predicted[inside], known[inside])[0, 1]
        assert model.predictability_[0] == pytest.approx(correlation**2)

    def test_structure_comes_first_and_stays_as_it_is(self, data):
        X, Y = data
        model = SideInformation(tasks=(X[:300], Y[:300, 1:]), random_state=0)
        columns = model.fit_transform(X[:50], Y[:50, 0])
        structure = StructuralProperties("nasbench201", standardize=True).fit_transform(X[:50])
        np.testing.assert_array_equal(columns[:, : structure.shape[1]], structure)
        assert columns.shape == (50, structure.shape[1] + 4) == (50, model.n_features_out_)
        names = model.get_feature_names_out()
        assert len(names) == columns.shape[1]
        expected = ["task 0 predicted", "task 0 known", "task 1 predicted", "task 1 known"]
        assert names[-4:].tolist() == expected
        # A share is the squared distance along a column of unit variance over that of the rest.
        raw = side_columns(model, X[:50]).reshape(50, 4)
        shares = (columns[:, -4:].var(axis=0) / raw.var(axis=0)) / structure.var(axis=0).sum()
        np.testing.assert_allclose(shares, model.shares_.ravel())

    def test_rows_do_not_depend_on_each_other(self, data):
        X, Y = data
        model = SideInformation(tasks=(X[100:400], Y[100:400, 1:]), random_state=0)
        fitted = model.fit_transform(X[:50], Y[:50, 0])
        np.testing.assert_allclose(model.transform(X[:50]), fitted, atol=1e-9)
        np.testing.assert_allclose(model.transform(X[20:30]), fitted[20:30], atol=1e-9)
        np.testing.assert_allclose(model.transform(SAME)[0], model.transform(SAME)[1], atol=1e-9)

    def test_the_order_of_tasks_and_of_their_architectures_does_not_matter(self, data):
        X, Y = data
        order = np.random.default_rng(0).permutation(300)
        one = {"a": (X[:300], Y[:300, 1]), "b": (X[200:500], Y[200:500, 2])}
        other = {"b": one["b"], "a": (X[order], Y[order, 1])}
        models = [
            SideInformation(tasks=t, random_state=0).fit(X[:50], Y[:50, 0]) for t in (one, other)
        ]
        columns = [side_columns(model, X[:600]) for model in models]
        np.testing.assert_allclose(columns[0], columns[1][:, ::-1], atol=1e-9)
        np.testing.assert_allclose(models[0].shares_, models[1].shares_[::-1], rtol=1e-6)

    def test_tasks_share_a_kernel_where_they_can(self, data):
        X, Y = data
        table = Y[:300, 1:].copy()
        model = SideInformation(tasks=(X[:300], table), n_reference=100, random_state=0)
        assert len(model.fit(X[:20], Y[:20, 0])._ridges) == 1
        # Enough is known of both to take the same reference.
        table[:50, 0] = np.nan
        table[100:120, 1] = np.nan
        assert len(model.fit(X[:20], Y[:20, 0])._ridges) == 1
        apart = {"a": (X[:300], Y[:300, 1]), "b": (X[300:600], Y[300:600, 2])}
        assert len(clone(model).set_params(tasks=apart).fit(X[:20], Y[:20, 0])._ridges) == 2

    def test_noise_is_not_predictable_and_hardly_counts(self, data):
        X, Y = data
        noise = np.random.default_rng(0).normal(size=1200)
        tasks = {"noise": (X, noise), "quantised": (X, Y[:, 1])}
        model = SideInformation(tasks=tasks, random_state=0).fit(X[:100], Y[:100, 0])
        assert model.predictability_[0] < 0.1 < 0.5 < model.predictability_[1]
        assert model.shares_[0].sum() < model.shares_[1].sum() / 20

    def test_deterministic(self, data):
        X, Y = data
        models = [
            SideInformation(tasks=(X[:900], Y[:900, 1:]), n_reference=100, random_state=seed)
            for seed in (0, 0, 1)
        ]
        first, again, other = (model.fit_transform(X[:250], Y[:250, 0]) for model in models)
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 1e-3
        loaded = pickle.loads(pickle.dumps(models[0]))
        np.testing.assert_array_equal(loaded.transform(X[:9]), models[0].transform(X[:9]))

    @pytest.mark.parametrize("n_side", [1, 2, 3])
    @pytest.mark.parametrize("n_known", [1, 2, 3])
    def test_very_little_known(self, data, n_side, n_known):
        X, Y = data
        tasks = {"a": (X[50 : 50 + n_side], Y[50 : 50 + n_side, 1])}
        columns = SideInformation(tasks=tasks).fit_transform(X[:n_known], Y[:n_known, 0])
        assert np.isfinite(columns).all()

    def test_all_equal_accuracies(self, data):
        X, Y = data
        model = SideInformation(tasks=(X[:20], np.full(20, 5.0))).fit(X[:20], Y[:20, 0])
        assert model.predictability_[0] == 0
        np.testing.assert_allclose(side_columns(model, X[:30]), 0, atol=1e-9)

    @pytest.mark.parametrize("name", [n for n in list_spaces() if not get_space(n).is_open])
    def test_every_space(self, name):
        space = get_space(name)
        decisions = space.sample_decisions(40, random_state=0)
        rng = np.random.default_rng(0)
        tasks = {"a": (decisions[:20], rng.normal(size=20)), "b": (decisions[10:], np.arange(30))}
        model = SideInformation(space, tasks, random_state=0)
        columns = model.fit_transform(decisions[15:], rng.normal(size=25))
        assert np.isfinite(columns).all()
        np.testing.assert_allclose(model.transform(decisions[15:]), columns, atol=1e-9)

    def test_a_space_that_is_learned_from_the_known_architectures(self):
        rng = np.random.default_rng(0)
        rows = [tuple(row) for row in rng.integers(0, 4, size=(60, 5)).tolist()]
        y = np.array([sum(row) for row in rows], dtype=float)
        model = SideInformation("sequence", {"a": (rows, -y)}, random_state=0).fit(
            rows[:30], y[:30]
        )
        assert model.shares_.sum() > 0.1
        assert model.transform(rows).shape == (60, model.n_features_out_)

    def test_wrong_input(self, data):
        X, Y = data
        model = SideInformation(tasks=(X[:9], Y[:9, 1]))
        with pytest.raises(ValueError, match="requires y to be passed"):
            model.fit(X[:5], None)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            model.fit(X[:5], Y[:4, 0])
        with pytest.raises(ValueError, match="y contains NaN"):
            model.fit(X[:2], [1.0, np.nan])
        with pytest.raises(ValueError, match="0 sample"):
            model.fit([], [])
        with pytest.raises(ValueError, match="'n_reference' parameter"):
            clone(model).set_params(n_reference=0).fit(X[:5], Y[:5, 0])
        with pytest.raises(NotFittedError):
            model.transform(X)
        with pytest.raises(ArchitectureError, match="architecture 1"):
            model.fit(X[:5], Y[:5, 0]).transform([SAME[0], "conv"])

    def test_estimator_checks(self):
        # scikit-learn cannot make architectures: it checks that they can be cloned, and says so.
        with pytest.warns(SkipTestWarning, match="requires input"):
            results = check_estimator(SideInformation())
        assert [result["status"] for result in results] == ["passed"]


def tau(model, X, y):
    return kendalltau(model.predict(X), y)[0]


def regressor(**parameters):
    return EmProxRegressor(**{"space": "nasbench201", "random_state": 0, **parameters})


class TestRegressor:
    @pytest.mark.parametrize("weights", ["distance", "kriging"])
    def test_side_information_helps_and_noise_does_no_harm(self, data, weights):
        X, Y = data
        noise = np.random.default_rng(0).normal(size=(1200, 2))
        gains, losses = [], []
        for start in (0, 100, 200):
            known, y = slice(start, start + 20), Y[start : start + 20, 0]
            model = regressor(weights=weights)
            scores = [
                tau(model.fit(X[known], y, side=side), X[300:], Y[300:, 0])
                for side in (None, (X, Y[:, 1]), (X, noise))
            ]
            gains.append(scores[1] - scores[0])
            losses.append(scores[0] - scores[2])
        assert np.mean(gains) > 0.03
        assert np.mean(losses) < 0.02

    def test_it_is_the_chain(self, data):
        X, Y = data
        side = {"quantised": (X[500:], Y[500:, 1])}
        model = regressor(weights="kriging").fit(X[:40], Y[:40, 0], side=side)
        features = SideInformation("nasbench201", side, random_state=0)
        metric = ProximityMetric(random_state=0).fit(
            features.fit_transform(X[:40], Y[:40, 0]), Y[:40, 0]
        )
        # The recipe may set more of the metric than its seed.
        metric.set_params(**model.embedder_.get_params())
        metric.fit(features.transform(X[:40]), Y[:40, 0])
        expected = metric.predict(features.transform(X[100:200]))
        np.testing.assert_allclose(model.predict(X[100:200]), expected, rtol=1e-6)
        assert isinstance(model.features_, SideInformation)

    @pytest.mark.parametrize("weights", ["distance", "kriging"])
    def test_everything_else_goes_on_working(self, data, weights):
        X, Y = data
        side = (X[500:800], Y[500:800, 1:])
        model = regressor(weights=weights, chance_level=10).fit(X[:40], Y[:40, 0], side=side)
        mean, std = model.predict(X[100:150], return_std=True)
        assert np.isfinite(mean).all()
        assert (std > 0).any()
        intervals = model.predict_interval(X[100:150], coverage=0.8)
        assert (intervals[:, 0] <= intervals[:, 1]).all()
        assert np.isfinite(model.score_samples(X[100:150])).all()
        assert (model.novelty(X[:40]) < 1e-3).all()
        assert model.kneighbors(X[100:150])[0].shape[0] == 50
        np.testing.assert_allclose(
            pickle.loads(pickle.dumps(model)).predict(X[100:150]), mean, rtol=1e-9
        )

    @pytest.mark.parametrize("weights", ["distance", "kriging"])
    def test_more_architectures(self, data, weights):
        X, Y = data
        side = (X[500:800], Y[500:800, 1:])
        model = regressor(weights=weights).fit(X[:40], Y[:40, 0], side=side)
        model.partial_fit(X[40:60], Y[40:60, 0], refit=True)
        fresh = regressor(weights=weights).fit(X[:60], Y[:60, 0], side=side)
        np.testing.assert_array_equal(model.predict(X[100:200]), fresh.predict(X[100:200]))
        shares = model.features_.shares_
        model.partial_fit(X[60:62], Y[60:62, 0], refit=False)
        np.testing.assert_array_equal(model.features_.shares_, shares)
        assert tau(model, X[800:], Y[800:, 0]) > 0.75
        # Without side information it forgets what there was.
        model.fit(X[:40], Y[:40, 0])
        assert not isinstance(model.features_, SideInformation)
        model.partial_fit(X[40:60], Y[40:60, 0], refit=True)
        assert not isinstance(model.features_, SideInformation)

    def test_several_targets(self, data):
        X, Y = data
        model = regressor().fit(X[:40], Y[:40, :2], side=(X[500:800], Y[500:800, 2]))
        assert model.predict(X[100:110]).shape == (10, 2)

    def test_wrong_input(self, data):
        X, Y = data
        side = (X[:9], Y[:9, 1])
        with pytest.raises(ValueError, match="side information needs a search space"):
            EmProxRegressor().fit(SPACE.encode(X[:20]), Y[:20, 0], side=side)
        with pytest.raises(ValueError, match="side information needs recipe='best'"):
            regressor(recipe="paper").fit(X[:20], Y[:20, 0], side=side)
        with pytest.raises(ValueError, match="there are no side tasks"):
            regressor().fit(X[:20], Y[:20, 0], side={})


def test_evidence_comes_from_so_many_known_at_most(data, monkeypatch):
    X, Y = data
    sizes = []

    def count(structure, columns, targets, odds):
        sizes.append((len(structure), len(columns), len(targets)))
        return side_shares(structure, columns, targets, odds)

    monkeypatch.setattr(module, "side_shares", count)
    SideInformation(tasks=(X[:50], Y[:50, 1])).fit(X[:300], Y[:300, 0])
    assert sizes == [(module.MAX_KNOWN,) * 3]
