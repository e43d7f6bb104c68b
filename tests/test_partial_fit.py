"""Newly evaluated architectures enter without starting over, and the numbers are the same."""

import pickle

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from emprox import ArchitectureEmbedder, EmProxRegressor, ProximityMetric
from emprox.datasets import load_nasbench201
from emprox.properties import StructuralProperties
from emprox.spaces import get_space

SPACE = get_space("nasbench201")
# Known at first, after the first addition, after the second.
FIRST, SECOND, THIRD = 40, 41, 60


@pytest.fixture(scope="module")
def data():
    X, y = load_nasbench201(return_X_y=True)
    return X[:100], y[:100]


def make(**parameters):
    return EmProxRegressor(**{"space": "nasbench201", "random_state": 0, **parameters})


def fit_in_parts(model, data, refit):
    X, y = data
    model.fit(X[:FIRST], y[:FIRST])
    model.partial_fit(X[FIRST:SECOND], y[FIRST:SECOND], refit=refit)
    return model.partial_fit(X[SECOND:THIRD], y[SECOND:THIRD], refit=refit)


def check_same(model, other, X, rtol=1e-9):
    """Check that two models say the same about architectures."""
    for method in ("predict", "score_samples", "predict_interval", "novelty"):
        left, right = getattr(model, method)(X), getattr(other, method)(X)
        np.testing.assert_allclose(left, right, rtol=rtol, atol=rtol, err_msg=method)
    std, other_std = (m.predict(X, return_std=True)[1] for m in (model, other))
    np.testing.assert_allclose(std, other_std, rtol=rtol)
    distances, indices = model.kneighbors(X)
    other_distances, other_indices = other.kneighbors(X)
    np.testing.assert_array_equal(indices, other_indices)
    np.testing.assert_allclose(distances, other_distances, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(model.embedding_, other.embedding_, rtol=rtol, atol=rtol)
    assert model.n_neighbors_ == other.n_neighbors_


class TestRefit:
    """``refit=True`` is the same as a fresh fit to all."""

    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"chance_level": 10},
            {"weights": "kriging"},
            {"weights": "kriging", "chance_level": 10},
            {"n_neighbors": "auto", "weights": "uniform"},
            {"recipe": "lstm", "embedder": ArchitectureEmbedder(4, max_epochs=1, random_state=0)},
            {"embedder": StandardScaler(), "weights": "kriging"},
        ],
        ids=lambda parameters: " ".join(map(str, parameters.values())).split("(")[0] or "default",
    )
    def test_is_a_fresh_fit(self, data, parameters):
        X, y = data
        model = fit_in_parts(make(**parameters), data, refit=True)
        check_same(model, make(**parameters).fit(X[:THIRD], y[:THIRD]), X)

    def test_several_targets(self, data):
        X, y = data
        both = np.column_stack([y, -y])
        model = fit_in_parts(make(), (X, both), refit=True)
        check_same(model, make().fit(X[:THIRD], both[:THIRD]), X)

    def test_matrix(self, data):
        """Without a space, features are standardised anew."""
        X, y = data
        properties = StructuralProperties("nasbench201").fit_transform(X)
        model = fit_in_parts(make(space=None), (properties, y), refit=True)
        fresh = make(space=None).fit(properties[:THIRD], y[:THIRD])
        check_same(model, fresh, properties)
        np.testing.assert_array_equal(model.features_.mean_, properties[:THIRD].mean(axis=0))

    def test_describes_the_new_ones_only(self, data, monkeypatch):
        X, y = data
        model = make(chance_level=10).fit(X[:FIRST], y[:FIRST])
        described = []
        transform = StructuralProperties.transform

        def counting(self, X):
            described.append(len(X))
            return transform(self, X)

        monkeypatch.setattr(StructuralProperties, "transform", counting)
        monkeypatch.setattr(StructuralProperties, "fit", None)
        monkeypatch.setattr(StructuralProperties, "fit_transform", None)
        model.partial_fit(X[FIRST:SECOND], y[FIRST:SECOND], refit=True)
        # The new one and the anchor.
        assert sum(described) <= 2

    def test_auto(self, data):
        """It learns anew when there are a tenth more than the last time."""
        X, y = data
        model = make().fit(X[:51], y[:51])
        expected, n_learned = make().fit(X[:51], y[:51]), 51
        for n_known in range(52, 72):
            model.partial_fit(X[n_known - 1 : n_known], y[n_known - 1 : n_known])
            if n_known in (57, 63, 70):  # 1.1 x 51 = 56.1, 1.1 x 57 = 62.7, 1.1 x 63 = 69.3
                expected, n_learned = make().fit(X[:n_known], y[:n_known]), n_known
            features = expected.features_.transform(X)
            np.testing.assert_allclose(
                model.embedder_.transform(features),
                expected.embedder_.transform(features),
                rtol=1e-9,
                atol=1e-12,
            )
            assert len(model.embedding_) == n_known >= n_learned


class TestFrozen:
    """``refit=False`` keeps what was learned."""

    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"n_neighbors": 3, "weights": "uniform"},
            {"recipe": "lstm", "embedder": ArchitectureEmbedder(4, max_epochs=1, random_state=0)},
        ],
        ids=["best", "uniform", "lstm"],
    )
    def test_new_ones_are_neighbors_in_the_frozen_embedding(self, data, parameters):
        X, y = data
        model = fit_in_parts(make(**parameters), data, refit=False)
        frozen = make(**parameters).fit(X[:FIRST], y[:FIRST])
        features = frozen.features_.transform(X)
        embedding = np.concatenate(
            [
                frozen.embedding_,
                # In the same parts as they came, which the last digits depend on.
                frozen.embedder_.transform(frozen.features_.transform(X[FIRST:SECOND])),
                frozen.embedder_.transform(frozen.features_.transform(X[SECOND:THIRD])),
            ]
        )
        np.testing.assert_array_equal(model.embedding_, embedding)
        neighbors = KNeighborsRegressor(
            frozen.n_neighbors_, weights=frozen.weights, algorithm="kd_tree"
        ).fit(embedding, y[:THIRD])
        queries = frozen.embedder_.transform(features)
        np.testing.assert_array_equal(model.predict(X), neighbors.predict(queries))
        for found, expected in zip(model.kneighbors(X), neighbors.kneighbors(queries), strict=True):
            np.testing.assert_array_equal(found, expected)

    def test_a_new_known_one_gets_its_own_accuracy(self, data):
        X, y = data
        model = make().fit(X[:FIRST], y[:FIRST])
        apart = [
            index
            for index in range(FIRST, THIRD)
            if SPACE.isomorphism_key(X[index]) not in set(map(SPACE.isomorphism_key, X[:FIRST]))
        ]
        new = apart[0]
        assert model.predict(X[[new]]) != pytest.approx(y[new], abs=1e-6)
        model.partial_fit(X[[new]], y[[new]], refit=False)
        assert model.predict(X[[new]]) == pytest.approx(y[new], abs=1e-6)

    def test_positions(self, data):
        """Indices of neighbours are in the order of coming, and an anchor is behind them all."""
        X, y = data
        _, first = np.unique(SPACE.canonicalize(SPACE.encode(X)), axis=0, return_index=True)
        different = np.sort(first[y[first] > 10])  # no two the same network, none without a path
        X, y = X[different], y[different]
        model = fit_in_parts(make(chance_level=10, n_neighbors=1), (X, y), refit=False)
        known = [*SPACE.encode(X[:THIRD]), SPACE.pathless]
        distances, indices = model.kneighbors(np.array(known))
        np.testing.assert_allclose(distances, 0, atol=1e-9)
        np.testing.assert_array_equal(indices[:, 0], np.arange(THIRD + 1))
        np.testing.assert_allclose(model.predict(known), [*y[:THIRD], 10])


def solve_anew(metric, features, y, queries):
    """Predict by kriging with the metric's weights, ridge and target transform, from scratch."""
    (ensemble,), (transform,) = metric._ensembles, metric.target_transforms_
    values = []
    for weights in ensemble.column_weights:
        known, new = ((rows - metric._center) * weights for rows in (features, queries))

        def kernel(left, right):
            scaled = np.sqrt(3) * cdist(left, right)
            return (1 + scaled) * np.exp(-scaled) + 10

        matrix = kernel(known, known) + ensemble.ridge * np.eye(len(known))
        dual = np.linalg.solve(matrix, transform.forward(y))
        values.append(kernel(new, known) @ dual)
    scores = ensemble.member_weights @ np.array(values)
    return scores, transform.inverse(scores)


class TestKriging:
    @pytest.mark.parametrize("chance_level", [None, 10])
    def test_is_solving_anew_with_what_was_learned(self, data, chance_level):
        X, y = data
        model = fit_in_parts(make(weights="kriging", chance_level=chance_level), data, refit=False)
        frozen = make(weights="kriging", chance_level=chance_level).fit(X[:FIRST], y[:FIRST])
        assert model.metric_.ridges_ == frozen.metric_.ridges_
        np.testing.assert_array_equal(
            model.metric_.feature_weights_, frozen.metric_.feature_weights_
        )
        known, accuracies = SPACE.encode(X[:THIRD]), y[:THIRD]
        if chance_level is not None:
            known = np.insert(known, FIRST, SPACE.pathless, axis=0)
            accuracies = np.insert(accuracies, FIRST, chance_level)
        features, queries = map(model.features_.transform, (known, X))
        scores, predictions = solve_anew(model.metric_, features, accuracies, queries)
        np.testing.assert_allclose(model.score_samples(X), scores, atol=1e-9)
        np.testing.assert_allclose(model.predict(X), predictions, atol=1e-8)

    def test_one_by_one(self, data):
        X, y = data
        model = make(weights="kriging").fit(X[:FIRST], y[:FIRST])
        for index in range(FIRST, THIRD):
            model.partial_fit(X[[index]], y[[index]], refit=False)
        at_once = fit_in_parts(make(weights="kriging"), data, refit=False)
        check_same(model, at_once, X, rtol=1e-8)

    def test_leave_one_out(self, data):
        """Predictions of the known ones, each from the others with what was learned."""
        X, y = data
        model = fit_in_parts(make(weights="kriging"), data, refit=False)
        features = model.features_.transform(X[:THIRD])
        for left_out in (0, FIRST, THIRD - 1):
            others = np.arange(THIRD) != left_out
            _, (prediction,) = solve_anew(
                model.metric_, features[others], y[:THIRD][others], features[[left_out]]
            )
            assert model.metric_.loo_predictions_[left_out] == pytest.approx(prediction, abs=1e-8)

    def test_uncertainty_shrinks_where_something_is_known(self, data):
        X, y = data
        model = make(weights="kriging").fit(X[:FIRST], y[:FIRST])
        before = model.metric_.score_samples(model.features_.transform(X[[70]]), return_std=True)[1]
        model.partial_fit(X[[70]], y[[70]], refit=False)
        after = model.metric_.score_samples(model.features_.transform(X[[70]]), return_std=True)[1]
        assert after < before

    def test_after_pickling(self, data):
        X, y = data
        model = make(weights="kriging").fit(X[:FIRST], y[:FIRST])
        model.partial_fit(X[FIRST:SECOND], y[FIRST:SECOND], refit=False)
        model = pickle.loads(pickle.dumps(model))
        model.partial_fit(X[SECOND:THIRD], y[SECOND:THIRD], refit=False)
        check_same(model, fit_in_parts(make(weights="kriging"), data, refit=False), X)


class TestParameters:
    def test_first_call_fits(self, data):
        X, y = data
        model = make().partial_fit(X[:FIRST], y[:FIRST])
        check_same(model, make().fit(X[:FIRST], y[:FIRST]), X)

    def test_any_form(self, data):
        X, y = data
        forms = (
            X[:FIRST],
            SPACE.encode(X[FIRST:SECOND]),
            SPACE.decode(SPACE.encode(X[SECOND:THIRD])),
        )
        model = make().fit(forms[0], y[:FIRST])
        model.partial_fit(forms[1], y[FIRST:SECOND], refit=True)
        model.partial_fit(forms[2], list(y[SECOND:THIRD]), refit=True)
        check_same(model, make().fit(X[:THIRD], y[:THIRD]), X)

    def test_fit_forgets(self, data):
        X, y = data
        for refit in (True, False):
            model = fit_in_parts(make(weights="kriging"), data, refit).fit(X[60:], y[60:])
            check_same(model, make(weights="kriging").fit(X[60:], y[60:]), X)

    @pytest.mark.parametrize(
        ("X", "y", "refit", "message"),
        [
            ([(0,) * 6], [90.0], "always", "refit has to be True, False or 'auto', got 'always'"),
            ([(0,) * 6], [90.0, 91.0], False, "inconsistent numbers of samples"),
            ([(0,) * 6], [[90.0, 1.0]], False, r"y has the shape \(1, 2\), but fit was given \(40"),
            ([(0,) * 6], [np.nan], True, "contains NaN"),
            ([], [], True, "0"),
            ([(0,) * 6, (0, 9, 0, 0, 0, 0)], [90.0, 90.0], False, "architecture 1: unknown oper"),
        ],
    )
    @pytest.mark.parametrize("weights", ["distance", "kriging"])
    def test_errors_change_nothing(self, data, X, y, refit, message, weights):
        known, accuracies = data
        model = make(weights=weights).fit(known[:FIRST], accuracies[:FIRST])
        before = model.predict(known)
        with pytest.raises(ValueError, match=message):
            model.partial_fit(X, y, refit=refit)
        np.testing.assert_array_equal(model.predict(known), before)
        assert len(model.embedding_) == FIRST

    def test_matrix_of_another_width(self, data):
        X, y = data
        matrix = SPACE.encode(X)
        model = EmProxRegressor(embedder=ProximityMetric()).fit(matrix[:FIRST], y[:FIRST])
        with pytest.raises(
            ValueError, match="X has 5 features, but EmProxRegressor is expecting 6"
        ):
            model.partial_fit(matrix[FIRST:, :5], y[FIRST:])
