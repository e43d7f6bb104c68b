import numpy as np
import pytest
from scipy.stats import norm

from emprox._metric._target import TargetTransform
from emprox._uncertainty import ResidualCalibration, transform_columns


class Doubled:
    """A transformation that everything can be worked out with by hand."""

    def forward(self, y):
        return 2 * y

    def inverse(self, z, clip):
        assert not clip
        return z / 2


def column(*values):
    return np.array(values, dtype=float)[:, None]


# The last one, 10 over 2, is as large as the fifth.
RESIDUALS = column(1, -2, 3, -4, 5, -6, 7, -8, 9, -10)
STDS = column(1, 1, 1, 1, 1, 1, 1, 1, 1, 2)
# Ratios in order: 1, 2, 3, 4, 5, 5, 6, 7, 8, 9.


@pytest.fixture
def calibration():
    return ResidualCalibration([Doubled()], RESIDUALS, STDS)


@pytest.mark.parametrize(
    # The rank is the ceiling of 11 * coverage.
    ("coverage", "ratio"),
    [(0.01, 1), (0.09, 1), (0.1, 2), (0.5, 5), (0.6, 6), (0.72, 7), (0.73, 8), (0.9, 9)],
)
def test_intervals_by_hand(calibration, coverage, ratio):
    intervals = calibration.intervals(column(100, 60), column(1, 4), coverage)
    expected = [[[50 - ratio / 2, 50 + ratio / 2]], [[30 - 2 * ratio, 30 + 2 * ratio]]]
    np.testing.assert_allclose(intervals, expected)


def test_too_few_samples_for_a_coverage(calibration):
    intervals = calibration.intervals(column(100, 60), column(1, 4), 0.91)
    np.testing.assert_array_equal(intervals, [[[-np.inf, np.inf]]] * 2)


def test_rounding_of_the_rank():
    """In floating point .55 * 100 is a little more than 55."""
    samples = np.arange(1.0, 100)[:, None]
    calibration = ResidualCalibration([Doubled()], samples, np.ones((99, 1)))
    np.testing.assert_allclose(calibration.intervals(column(0), column(1), 0.55), [[[-27.5, 27.5]]])


def test_standard_deviations_are_widths_of_intervals(calibration):
    scores, stds = column(100, 60), column(1, 4)
    lower, upper = np.moveaxis(calibration.intervals(scores, stds, 0.9), -1, 0)
    expected = (upper - lower) / (norm.ppf(0.95) - norm.ppf(0.05))
    np.testing.assert_allclose(calibration.standard_deviations(scores, stds), expected)


def test_standard_deviations_from_few_samples():
    few = ResidualCalibration([Doubled()], RESIDUALS[:4], STDS[:4])
    assert np.isinf(few.intervals(column(0), column(1), 0.9)).all()
    # The largest of four ratios is 4: the interval is from -2 to 2.
    std = few.standard_deviations(column(0), column(1))
    np.testing.assert_allclose(std, 4 / (2 * norm.ppf(0.95)))
    none = ResidualCalibration([Doubled()], RESIDUALS[:0], STDS[:0])
    assert np.isinf(none.standard_deviations(column(0, 1), column(1, 1))).all()
    assert np.isinf(none.intervals(column(0), column(1), 0.01)).all()


def test_mean_square_is_added():
    # Residuals 3 and 4 on the transformed scale: a mean square of 12.5.
    residuals, stds = column(3, 4), column(2, 0)
    calibration = ResidualCalibration([Doubled()], residuals, stds, add_mean_square=True)
    ratios = [3 / np.sqrt(16.5), 4 / np.sqrt(12.5)]
    for coverage, ratio in zip((1 / 3, 2 / 3), ratios, strict=True):
        ((interval,),) = calibration.intervals(column(0), column(1), coverage)
        np.testing.assert_allclose(interval, np.array([-0.5, 0.5]) * ratio * np.sqrt(13.5))


def test_perfect_predictions():
    calibration = ResidualCalibration([Doubled()], 0 * STDS, 0 * STDS, add_mean_square=True)
    np.testing.assert_array_equal(calibration.intervals(column(4), column(0), 0.9), [[[2, 2]]])
    np.testing.assert_array_equal(calibration.standard_deviations(column(4), column(0)), [[0]])


def test_outputs_are_apart():
    residuals, stds = np.hstack([RESIDUALS, 10 * RESIDUALS]), np.hstack([STDS, STDS])
    both = ResidualCalibration([Doubled(), Doubled()], residuals, stds)
    intervals = both.intervals(np.zeros((3, 2)), np.ones((3, 2)), 0.5)
    assert intervals.shape == (3, 2, 2)
    np.testing.assert_allclose(intervals[:, 1], 10 * intervals[:, 0])
    std = both.standard_deviations(np.zeros((3, 2)), np.ones((3, 2)))
    np.testing.assert_allclose(std[:, 1], 10 * std[:, 0])


def test_transform_columns():
    targets = np.array([[1.0, 10.0], [2.0, 30.0], [4.0, 20.0]])
    transforms = [TargetTransform(targets[:, 0]), TargetTransform(targets[:, 1])]
    expected = np.column_stack([transforms[i].forward(targets[:, i]) for i in (0, 1)])
    np.testing.assert_array_equal(transform_columns(transforms, targets), expected)


def test_is_conformal():
    """Whatever the distribution: of new accuracies, as many are held as promised, on average."""
    rng = np.random.default_rng(0)
    shares = {0.5: [], 0.8: [], 0.95: []}
    for _ in range(400):
        spread = rng.uniform(0.1, 3, size=119)
        y = 90 - rng.standard_exponential(119) * spread
        known, new = slice(0, 19), slice(19, None)
        transform = TargetTransform(y[known])
        residuals = transform.forward(y[known])[:, None]
        calibration = ResidualCalibration([transform], residuals, spread[known, None])
        scores = np.zeros((100, 1))
        for coverage, held in shares.items():
            lower, upper = calibration.intervals(scores, spread[new, None], coverage)[:, 0].T
            held.append(np.mean((lower <= y[new]) & (y[new] <= upper)))
    for coverage, held in shares.items():
        # The transformation knows the known ones, which costs a little.
        assert np.mean(held) == pytest.approx(coverage, abs=0.03)


def test_ends_where_accuracies_do():
    y = np.array([60.0, 80, 85, 88, 89, 90, 90.5, 91, 91.5, 92, 92.2, 92.4])
    transform = TargetTransform(y)
    middle = transform.forward(y)[:, None]
    calibration = ResidualCalibration([transform], middle, np.ones((12, 1)))
    intervals = calibration.intervals(middle, np.full((12, 1), 0.3), 0.9)[:, 0]
    below, above = y - intervals[:, 0], intervals[:, 1] - y
    assert (below > 0).all()
    assert (above > 0).all()
    # The better, the narrower; and narrower above than below.
    assert (np.diff(below + above) < 0).all()
    assert (below > above)[-6:].all()
    assert intervals[:, 1].max() < transform.limit_ + 1
    assert intervals[:, 0].min() < 60
