"""The transformation of accuracies."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from emprox._metric._target import TargetTransform

ACCURACIES = np.array([10.0, 60.0, 80.0, 88.0, 90.0])
# Differences of rounding size are no use in a test of strict order.
accuracies = st.lists(
    st.integers(0, 1000).map(lambda tenths: tenths / 10), min_size=1, max_size=30
).map(np.array)


def test_logarithm_by_hand():
    # The best is 90 and the median 80, so the logarithm ends at 100.
    transform = TargetTransform(ACCURACIES, rank_share=0)
    assert transform.limit_ == 100
    expected = -np.log([90, 40, 20, 12, 10])
    expected = (expected - expected.mean()) / expected.std()
    np.testing.assert_allclose(transform.forward(ACCURACIES), expected)


def test_ranks_by_hand():
    transform = TargetTransform(ACCURACIES, rank_share=1)
    expected = np.array([-2, -1, 0, 1, 2]) / np.sqrt(2)
    np.testing.assert_allclose(transform.forward(ACCURACIES), expected, atol=1e-15)
    assert transform.forward(np.array([70.0])).item() == pytest.approx(-0.5 / np.sqrt(2))


def test_equal_accuracies_share_a_rank():
    transform = TargetTransform(np.array([1.0, 1.0, 2.0]), rank_share=1)
    expected = np.array([1.5, 1.5, 3])
    expected = (expected - expected.mean()) / expected.std()
    np.testing.assert_allclose(transform.forward(np.array([1.0, 1.0, 2.0])), expected)


def test_mixture():
    mixed = TargetTransform(ACCURACIES, rank_share=0.4).forward(ACCURACIES)
    ranks = TargetTransform(ACCURACIES, rank_share=1).forward(ACCURACIES)
    logarithms = TargetTransform(ACCURACIES, rank_share=0).forward(ACCURACIES)
    expected = 0.4 * ranks + 0.6 * logarithms
    np.testing.assert_allclose(mixed, expected / expected.std(), atol=1e-14)


@given(accuracies, st.floats(0, 1))
def test_standardised(y, rank_share):
    z = TargetTransform(y, rank_share).forward(y)
    assert z.mean() == pytest.approx(0, abs=1e-9)
    assert z.std() == pytest.approx(1 if np.ptp(y) > 0 else 0, abs=1e-9)


@given(accuracies, st.floats(0, 0.95))
def test_strictly_increasing_everywhere(y, rank_share):
    transform = TargetTransform(y, rank_share)
    grid = np.linspace(y.min() - 50, y.max() + 50, 1001)
    assert (np.diff(transform.forward(grid)) > 0).all()


@given(accuracies, st.floats(0.01, 100), st.floats(-100, 100))
def test_unit_and_origin_do_not_matter(y, unit, origin):
    y = np.append(y, [0.0, 50.0])
    np.testing.assert_allclose(
        TargetTransform(unit * y + origin).forward(unit * y + origin),
        TargetTransform(y).forward(y),
        atol=1e-6,
    )


@given(accuracies, st.floats(0, 1))
def test_inverse_of_known_values(y, rank_share):
    transform = TargetTransform(y, rank_share)
    for clip in (True, False):
        inverted = transform.inverse(transform.forward(y), clip=clip)
        np.testing.assert_allclose(inverted, y, atol=1e-8)


@given(accuracies)
def test_inverse_stays_within_the_known_values(y):
    inverted = TargetTransform(y).inverse(np.linspace(-10, 10, 101))
    assert inverted.min() >= y.min()
    assert inverted.max() <= y.max()


@given(accuracies, st.floats(0, 0.95), st.floats(0.001, 3))
def test_inverse_without_clipping_beyond_the_known_values(y, rank_share, distance):
    assume(np.ptp(y) > 0)
    transform = TargetTransform(y, rank_share)
    beyond = np.array([y.min(), y.max()]) + np.array([-1, 1]) * distance * np.ptp(y)
    inverted = transform.inverse(transform.forward(beyond), clip=False)
    np.testing.assert_allclose(inverted, beyond, rtol=1e-7, atol=1e-7)


def test_inverse_without_clipping_of_anything():
    transform = TargetTransform(ACCURACIES)
    inverted = transform.inverse(np.array([-1e6, -3.0, 0.0, 3.0, 1e6]), clip=False)
    assert np.isfinite(inverted).all()
    assert (np.diff(inverted) > 0).all()


def test_far_below_the_known_values_by_hand():
    # The limit is 11, so that the least known value is 11 away from it, and the tangent starts at
    # 11 e: there the logarithm has the slope 1 / (11 e).
    transform = TargetTransform(np.array([0.0, 9.0, 10.0]), rank_share=0)
    assert transform.limit_ == 11
    below = 11 - 11 * np.array([1, np.e, 2 * np.e, 5 * np.e])
    steps = np.diff(transform.forward(below))
    np.testing.assert_allclose(steps / steps[0], [1, 1, 3])
    np.testing.assert_allclose(
        transform.inverse(transform.forward(below), clip=False), below, rtol=1e-9, atol=1e-9
    )


def test_ranks_alone_have_no_inverse_beyond_the_known_values():
    transform = TargetTransform(ACCURACIES, rank_share=1)
    np.testing.assert_array_equal(transform.inverse(np.array([-9.0, 9.0]), clip=False), [10, 90])


@pytest.mark.parametrize("y", [[5.0], [5.0, 5.0, 5.0], [0.1] * 7])
def test_equal_accuracies(y):
    y = np.array(y)
    transform = TargetTransform(y)
    assert (transform.forward(y) == 0).all()
    assert (transform.inverse(np.array([-1.0, 0.0, 1.0])) == y[0]).all()
    assert transform.forward(y[:1] + 1) > 0


def test_most_accuracies_are_the_best_one():
    y = np.array([0.0, 1.0, 1.0, 1.0])
    z = TargetTransform(y).forward(y)
    assert z[0] < z[1] == z[2] == z[3]


class TestInverseDeviation:
    def test_half_the_distance(self):
        transform = TargetTransform(ACCURACIES)
        z, deviation = transform.forward(np.array([80.0])), np.array([0.2])
        expected = (transform.inverse(z + 0.2) - transform.inverse(z - 0.2)) / 2
        np.testing.assert_allclose(transform.inverse_deviation(z, deviation), expected)

    def test_above_the_best(self):
        transform = TargetTransform(ACCURACIES)
        z, deviation = transform.forward(np.array([90.0])), np.array([0.2])
        upper = transform.inverse(z + 0.2, clip=False)
        assert upper > 90
        expected = (upper - transform.inverse(z - 0.2)) / 2
        np.testing.assert_allclose(transform.inverse_deviation(z, deviation), expected)

    def test_below_the_least(self):
        transform = TargetTransform(ACCURACIES)
        z, deviation = transform.forward(np.array([10.0])), np.array([0.2])
        expected = (transform.inverse(z + 0.2) - 10) / 2
        np.testing.assert_allclose(transform.inverse_deviation(z, deviation), expected)

    def test_finer_where_accuracies_are_good(self):
        transform = TargetTransform(ACCURACIES)
        deviations = transform.inverse_deviation(transform.forward(ACCURACIES), np.full(5, 0.1))
        assert (np.diff(deviations[1:]) < 0).all()


def test_extend():
    transform = TargetTransform(ACCURACIES)
    grid = np.linspace(0, 105, 50)
    before = transform.forward(grid)
    transform.extend(np.array([99.0, 5.0, 80.0]))
    np.testing.assert_array_equal(transform.forward(grid), before)
    new = np.array([99.0, 5.0])
    np.testing.assert_allclose(transform.inverse(transform.forward(new)), new)
    assert transform.inverse(np.array([1e3])) == 99
