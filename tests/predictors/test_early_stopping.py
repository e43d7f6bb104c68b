import numpy as np
import pytest

from emprox.metrics import kendall_tau
from emprox.predictors import EarlyStoppingRegressor

ACCURACIES = np.array([[40.0, 60.0, 61.0], [55.0, 70.0, 80.0], [30.0, 40.0, 62.0]])
FINAL = (88.0, 93.0, 80.0)


@pytest.mark.parametrize(
    ("epoch", "column"), [(1, 0), (2, 1), (3, 2), (-1, 2), (-2, 1), (-3, 0), (np.int64(2), 1)]
)
def test_score_is_the_accuracy_after_the_epoch(epoch, column):
    model = EarlyStoppingRegressor(epoch).fit(ACCURACIES, FINAL)
    np.testing.assert_array_equal(model.score_samples(ACCURACIES), ACCURACIES[:, column])
    uncalibrated = EarlyStoppingRegressor(epoch, calibrate=False).fit(ACCURACIES)
    np.testing.assert_array_equal(uncalibrated.predict(ACCURACIES), ACCURACIES[:, column])


@pytest.mark.parametrize("epoch", [4, -4, 0, 1.5, None])
def test_wrong_epoch(epoch):
    with pytest.raises(ValueError, match="epoch"):
        EarlyStoppingRegressor(epoch).fit(ACCURACIES, FINAL)


def test_calibration_by_hand():
    model = EarlyStoppingRegressor(2).fit(ACCURACIES, FINAL)
    np.testing.assert_allclose(model.predict(ACCURACIES), FINAL)
    between = np.array([[0, 65.0, 0], [0, 50.0, 0]])
    np.testing.assert_allclose(model.predict(between), [90.5, 84])


def test_ranks_as_the_accuracies_do():
    rng = np.random.default_rng(0)
    final = rng.uniform(80, 95, size=200)
    seen = final[:, None] - 20 + rng.normal(scale=[8, 4], size=(200, 2))
    model = EarlyStoppingRegressor().fit(seen[:100], final[:100])
    predictions = model.predict(seen[100:])
    assert kendall_tau(seen[100:, 1], predictions) == 1
    error = np.abs(final[100:] - predictions).mean()
    assert error < np.abs(final[100:] - final[:100].mean()).mean()
    # Accuracies after an epoch are far from final ones, which is what calibration is for.
    assert error < np.abs(final[100:] - seen[100:, 1]).mean() / 4
