import itertools
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import UndefinedMetricWarning

from emprox.metrics import (
    kendall_tau,
    pearson_r,
    precision_at_k,
    regression_report,
    regret_at_k,
    spearman_rho,
)

CORRELATIONS = [kendall_tau, spearman_rho, pearson_r]
TOP_METRICS = [precision_at_k, regret_at_k]

TRUE = [70.0, 80.0, 90.0, 94.0]
PRED = [72.0, 71.0, 91.0, 93.0]


def kendall_tau_b_by_pairs(y_true, y_pred):
    pairs = list(itertools.combinations(range(len(y_true)), 2))
    true = np.array([np.sign(y_true[i] - y_true[j]) for i, j in pairs])
    pred = np.array([np.sign(y_pred[i] - y_pred[j]) for i, j in pairs])
    return (true * pred).sum() / np.sqrt(np.abs(true).sum() * np.abs(pred).sum())


def spearman_rho_by_counting(y_true, y_pred):
    true, pred = (
        np.array([sum(b < a for b in y) + (sum(b == a for b in y) + 1) / 2 for a in y])
        for y in (y_true, y_pred)
    )
    return np.corrcoef(true, pred)[0, 1]


def mean_over_orders(metric, y_true, y_pred, k):
    """Average a metric of the chosen samples over all ways to sort the predictions."""
    orders = [
        order
        for order in itertools.permutations(range(len(y_true)))
        if all(y_pred[i] >= y_pred[j] for i, j in itertools.pairwise(order))
    ]
    return np.mean([metric(y_true, list(order[:k])) for order in orders])


def precision_of_chosen(y_true, chosen):
    kth_best = sorted(y_true, reverse=True)[len(chosen) - 1]
    return np.mean([y_true[i] >= kth_best for i in chosen])


def regret_of_chosen(y_true, chosen):
    return max(y_true) - max(y_true[i] for i in chosen)


# Few distinct values, so that ties are common.
tied_pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=7).map(
    lambda pairs: np.array(pairs, dtype=float).T
)
not_constant_pairs = tied_pairs.filter(lambda pair: (np.ptp(pair, axis=1) > 0).all())
# Thousandths, so that no monotone transform below makes two values equal by rounding.
distinct_accuracies = st.lists(st.integers(1, 100_000), min_size=2, max_size=30, unique=True).map(
    lambda values: np.array(values) / 1000
)


class TestCorrelations:
    @pytest.mark.parametrize(
        ("metric", "expected"),
        [
            (kendall_tau, (5 - 1) / 6),
            (spearman_rho, 1 - 6 * 2 / (4 * 15)),
            (pearson_r, 347.5 / np.sqrt(347.0 * 422.75)),
        ],
    )
    def test_values_by_hand(self, metric, expected):
        assert metric(TRUE, PRED) == pytest.approx(expected)
        assert type(metric(TRUE, PRED)) is float

    @given(not_constant_pairs)
    def test_kendall_tau_by_pairs(self, pair):
        assert kendall_tau(*pair) == pytest.approx(kendall_tau_b_by_pairs(*pair))

    @given(not_constant_pairs)
    def test_spearman_rho_by_counting(self, pair):
        assert spearman_rho(*pair) == pytest.approx(spearman_rho_by_counting(*pair))

    @given(not_constant_pairs)
    def test_pearson_r_by_numpy(self, pair):
        assert pearson_r(*pair) == pytest.approx(np.corrcoef(*pair)[0, 1])

    @pytest.mark.parametrize("metric", CORRELATIONS)
    @given(y=distinct_accuracies)
    def test_perfect_and_reversed(self, metric, y):
        assert metric(y, y) == pytest.approx(1)
        assert metric(y, 100 - y) == pytest.approx(-1)

    @pytest.mark.parametrize("metric", CORRELATIONS)
    @pytest.mark.parametrize(
        ("y_true", "y_pred", "reason"),
        [
            (TRUE, [90.0] * 4, "constant y_pred"),
            ([90.0] * 4, PRED, "constant y_true"),
            ([0.0] * 4, [0.0] * 4, "constant y_true"),
            ([90.0], [91.0], "fewer than two samples"),
        ],
    )
    def test_undefined_is_zero_with_a_warning(self, metric, y_true, y_pred, reason):
        with pytest.warns(UndefinedMetricWarning, match=reason) as caught:
            assert metric(y_true, y_pred) == 0.0
        assert len(caught) == 1
        assert caught[0].filename == __file__

    def test_pearson_r_takes_rounding_error_for_constant(self):
        y_pred = [0.3, 0.1 + 0.2, 0.3, 0.3]
        assert y_pred[0] != y_pred[1]
        with pytest.warns(UndefinedMetricWarning, match="constant y_pred"):
            assert pearson_r(TRUE, y_pred) == 0.0

    @pytest.mark.parametrize("exponent", range(-15, -5))
    def test_pearson_r_lets_no_warning_of_scipy_through(self, exponent):
        y_pred = 90 * (1 + np.arange(4.0) * 10.0**exponent)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            assert pearson_r(TRUE, y_pred) in (
                0.0,
                pytest.approx(pearson_r(TRUE, range(4)), rel=0.1),
            )

    @pytest.mark.parametrize("metric", CORRELATIONS)
    def test_huge_and_tiny_values(self, metric):
        expected = metric(TRUE, PRED)
        assert metric(np.array(TRUE) * 1e306, np.array(PRED) * 1e-306) == pytest.approx(expected)


class TestTopMetrics:
    @pytest.mark.parametrize(
        ("k", "precision", "regret"),
        # Predicted order: 85, 94, 90, 91.
        [(1, 0 / 1, 94 - 85), (2, 1 / 2, 0), (3, 2 / 3, 0), (4, 4 / 4, 0)],
    )
    def test_values_by_hand(self, k, precision, regret):
        y_true, y_pred = [94, 91, 90, 85], [3, 1, 2, 4]
        assert precision_at_k(y_true, y_pred, k=k) == pytest.approx(precision)
        assert regret_at_k(y_true, y_pred, k=k) == regret
        assert type(precision_at_k(y_true, y_pred, k=k)) is float
        assert type(regret_at_k(y_true, y_pred, k=k)) is float

    def test_k_is_ten_by_default(self):
        y_true = np.arange(25)
        y_pred = np.r_[np.arange(15, 25), np.arange(15)]  # the ten best predicted are 0 ... 9
        y_pred[5] = -1  # ... with 24 in the place of 5
        assert precision_at_k(y_true, y_pred) == pytest.approx(1 / 10)
        assert regret_at_k(y_true, y_pred) == 0
        assert regret_at_k(y_true, y_pred, k=9) == 24 - 9

    @settings(deadline=None)
    @given(pair=tied_pairs, data=st.data())
    def test_ties_are_broken_by_expectation(self, pair, data):
        k = data.draw(st.integers(1, pair.shape[1]))
        precision = mean_over_orders(precision_of_chosen, *pair, k)
        regret = mean_over_orders(regret_of_chosen, *pair, k)
        assert precision_at_k(*pair, k=k) == pytest.approx(precision)
        assert regret_at_k(*pair, k=k) == pytest.approx(regret)

    @given(y=distinct_accuracies, data=st.data())
    def test_perfect_and_reversed(self, y, data):
        k = data.draw(st.integers(1, len(y)))
        assert precision_at_k(y, y, k=k) == 1
        assert regret_at_k(y, y, k=k) == 0
        assert precision_at_k(y, -y, k=k) == pytest.approx(max(0, 2 * k - len(y)) / k)
        assert regret_at_k(y, -y, k=k) == y.max() - np.sort(y)[k - 1]

    @pytest.mark.parametrize("metric", [*TOP_METRICS, regression_report])
    def test_invalid_k(self, metric):
        for k in (0, -3, 5):
            with pytest.raises(ValueError, match="k "):
                metric(TRUE, PRED, k=k)
        for k in (2.0, "2", None):
            with pytest.raises(TypeError, match="k "):
                metric(TRUE, PRED, k=k)


ALL_METRICS = [
    *CORRELATIONS,
    pytest.param(partial(precision_at_k, k=2), id="precision_at_k"),
    pytest.param(partial(regret_at_k, k=2), id="regret_at_k"),
]


@pytest.mark.parametrize("metric", ALL_METRICS)
class TestInput:
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_not_finite(self, metric, bad):
        with pytest.raises(ValueError, match=r"y_true contains (NaN|infinity)"):
            metric([bad, *TRUE[1:]], PRED)
        with pytest.raises(ValueError, match=r"y_pred contains (NaN|infinity)"):
            metric(TRUE, [*PRED[:-1], bad])

    @pytest.mark.parametrize(
        ("y_true", "y_pred"),
        [
            (TRUE, PRED[:3]),
            (np.c_[TRUE, TRUE], PRED),
            ([], []),
            (np.ones((4, 1, 1)), np.ones((4, 1, 1))),
            (TRUE, ["good", "bad", "bad", "good"]),
        ],
    )
    def test_wrong_shapes_and_texts(self, metric, y_true, y_pred):
        with pytest.raises(ValueError, match=r"y|sample|dim|string"):
            metric(y_true, y_pred)

    @pytest.mark.parametrize("multioutput", ["variance_weighted", None, [0.5, 0.5], np.ones(2)])
    def test_unknown_multioutput(self, metric, multioutput):
        with pytest.raises(ValueError, match="uniform_average"):
            metric(TRUE, PRED, multioutput=multioutput)

    def test_multioutput(self, metric):
        y_true, y_pred = np.c_[TRUE, TRUE], np.c_[PRED, PRED[::-1]]
        raw = metric(y_true, y_pred, multioutput="raw_values")
        assert isinstance(raw, np.ndarray)
        assert_array_equal(raw, [metric(TRUE, PRED), metric(TRUE, PRED[::-1])])
        assert raw[0] != raw[1]
        assert_allclose(metric(y_true, y_pred), raw.mean())

    @pytest.mark.parametrize("dtype", [int, np.float32, object])
    def test_dtypes(self, metric, dtype):
        assert metric(np.array(TRUE, dtype), np.array(PRED, dtype)) == metric(TRUE, PRED)
        series = pd.Series(TRUE, index=list("dcba")), pd.Series(PRED)
        assert metric(*series) == metric(TRUE, PRED)


def test_one_constant_output_of_two():
    with pytest.warns(UndefinedMetricWarning, match="constant y_pred"):
        raw = kendall_tau(np.c_[TRUE, TRUE], np.c_[PRED, np.ones(4)], multioutput="raw_values")
    assert_allclose(raw, [2 / 3, 0])


class TestRegressionReport:
    def test_values(self):
        report = regression_report(TRUE, PRED, k=1)
        assert len(report) == 7
        assert all(type(value) is float for value in report.values())
        assert report["kendall_tau"] == kendall_tau(TRUE, PRED)
        assert report["spearman_rho"] == spearman_rho(TRUE, PRED)
        assert report["pearson_r"] == pearson_r(TRUE, PRED)
        assert report["mean_absolute_error"] == pytest.approx((2 + 9 + 1 + 1) / 4)
        assert report["root_mean_squared_error"] == pytest.approx(np.sqrt((4 + 81 + 1 + 1) / 4))
        assert report["precision_at_k"] == 1
        assert report["regret_at_k"] == 0

    def test_constant_prediction(self):
        with pytest.warns(UndefinedMetricWarning, match="constant y_pred") as caught:
            report = regression_report(TRUE, np.full(4, 80.0), k=2)
        assert len(caught) == 3
        assert report["kendall_tau"] == report["spearman_rho"] == report["pearson_r"] == 0
        assert report["precision_at_k"] == 0.5
