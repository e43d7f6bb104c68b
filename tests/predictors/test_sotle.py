import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import GridSearchCV

from emprox.metrics import kendall_tau_scorer
from emprox.predictors import SoTLERegressor

LOSSES = np.array([[2.0, 1.0, 0.5], [2.1, 1.5, 1.0], [1.9, 1.2, 0.7]])


def one_epoch(*losses):
    return np.array(losses, dtype=float)[:, None]


@pytest.mark.parametrize(
    ("n_summed", "scores"),
    [(1, [-0.5, -1.0, -0.7]), (2, [-1.5, -2.5, -1.9]), (None, [-3.5, -4.6, -3.8])],
)
def test_score_is_minus_the_sum_of_the_last_losses(n_summed, scores):
    model = SoTLERegressor(n_summed).fit(LOSSES, [3, 1, 2])
    np.testing.assert_allclose(model.score_samples(LOSSES), scores)
    uncalibrated = SoTLERegressor(n_summed, calibrate=False).fit(LOSSES)
    np.testing.assert_array_equal(uncalibrated.predict(LOSSES), model.score_samples(LOSSES))


def test_another_number_of_epochs():
    with pytest.raises(ValueError, match="n_summed=4"):
        SoTLERegressor(4).fit(LOSSES, [3, 1, 2])
    model = SoTLERegressor().fit(LOSSES, [3, 1, 2])
    with pytest.raises(ValueError, match="expecting 3"):
        model.predict(LOSSES[:, :2])


class TestCalibration:
    def test_by_hand(self):
        # The middle two are in the wrong order: one block at the score -2.5 with accuracy 85.
        model = SoTLERegressor().fit(one_epoch(1, 2, 3, 4), [90, 80, 90, 70])
        predictions = model.predict(one_epoch(1, 1.75, 2.5, 3.25, 4))
        np.testing.assert_allclose(predictions, [90, 87.5, 85, 77.5, 70])

    def test_beyond_the_known_scores_by_hand(self):
        # Slope 10; a loss that is less by t gives 10 t / (1 + 10 t / 20) more, 20 being the range.
        model = SoTLERegressor().fit(one_epoch(1, 2, 3), [90, 80, 70])
        predictions = model.predict(one_epoch(0.5, -1, 4, 1e9))
        np.testing.assert_allclose(predictions, [90 + 5 / 1.25, 90 + 20 / 2, 70 - 10 / 1.5, 50])

    def test_equal_scores_count_with_their_mean(self):
        model = SoTLERegressor().fit(one_epoch(1, 1, 1, 2), [90, 80, 70, 60])
        np.testing.assert_allclose(model.predict(one_epoch(1, 1.5)), [80, 70])

    def test_is_isotonic_regression_at_the_centres_of_its_blocks(self):
        rng = np.random.default_rng(0)
        losses = rng.integers(0, 40, size=100) / 10
        y = 80 - 5 * losses + rng.normal(scale=4, size=100)
        isotonic = IsotonicRegression().fit(-losses, y)
        fitted = isotonic.predict(-losses)
        model = SoTLERegressor().fit(losses[:, None], y)
        levels = np.unique(fitted)
        assert 3 < len(levels) < len(np.unique(losses))
        centres = [losses[fitted == level].mean() for level in levels]
        np.testing.assert_allclose(model.predict(one_epoch(*centres)), levels)

    @given(
        losses=arrays(float, st.integers(1, 30), elements=st.integers(-50, 50)),
        y=arrays(float, 30, elements=st.integers(0, 10)),
    )
    def test_keeps_the_order_of_the_scores(self, losses, y):
        """Also where accuracies are equal, go the other way, or are far from the known ones."""
        model = SoTLERegressor().fit(losses[:, None], y[: len(losses)])
        new = one_epoch(*np.linspace(-200, 200, 801))
        predictions = model.predict(new)
        assert (np.diff(predictions) < 0).all()
        assert np.ptp(predictions) < 3 * (np.ptp(y[: len(losses)]) or 1)

    def test_accuracies_that_go_the_other_way(self):
        model = SoTLERegressor().fit(one_epoch(1, 2, 3), [70, 80, 90])
        predictions = model.predict(one_epoch(1, 2, 3))
        assert predictions[0] > predictions[1] > predictions[2]
        np.testing.assert_allclose(predictions, 80, atol=0.2)

    def test_does_not_depend_on_units(self):
        rng = np.random.default_rng(0)
        losses, y = rng.uniform(size=(20, 1)), rng.uniform(size=20)
        new = rng.uniform(-1, 2, size=(20, 1))
        predictions = SoTLERegressor().fit(losses, y).predict(new)
        scaled = SoTLERegressor().fit(1000 * losses + 5, 100 * y - 3).predict(1000 * new + 5)
        np.testing.assert_allclose(scaled, 100 * predictions - 3)

    def test_known_accuracies_are_needed(self):
        with pytest.raises(ValueError, match="requires y to be passed"):
            SoTLERegressor().fit(LOSSES)
        with pytest.raises(ValueError, match="NaN"):
            SoTLERegressor().fit(LOSSES, np.array([1, None, 2], dtype=object))


class TestInterplay:
    def test_grid_search(self):
        rng = np.random.default_rng(0)
        y = rng.uniform(80, 90, size=60)
        # The last epoch says all, those before nothing.
        losses = np.column_stack([rng.normal(scale=9, size=(60, 4)), -y])
        grid = {"n_summed": [1, 2, None]}
        search = GridSearchCV(SoTLERegressor(), grid, scoring=kendall_tau_scorer, cv=3).fit(
            losses, y
        )
        assert search.best_params_ == {"n_summed": 1}
        assert search.best_score_ == 1
        np.testing.assert_allclose(search.predict(losses), y)
