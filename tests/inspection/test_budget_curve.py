import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor

from emprox.inspection import BudgetCurveDisplay
from emprox.model_selection import ArchitectureShuffleSplit, evaluate_predictors

SIZES = [20, 50, 100, 121, 1000]


def make_trials(predictors=("EmProx", "NAO"), sizes=SIZES, n_splits=4):
    index = pd.MultiIndex.from_product([predictors, sizes, range(n_splits)])
    trials = index.to_frame(index=False, name=["predictor", "train_size", "split"])
    rng = np.random.default_rng(0)
    for name in ("mean_absolute_error", "kendall_tau", "fit_time"):
        trials[name] = rng.uniform(0.5, 0.9, size=len(trials))
    return trials.assign(error=pd.NA)


def legend(display):
    return [text.get_text() for text in display.legend_.get_texts()]


def test_lines_are_means_over_splits(plt):
    trials = make_trials()
    display = BudgetCurveDisplay.from_evaluation(trials)
    assert list(display.lines_) == ["EmProx", "NAO"]
    for name, line in display.lines_.items():
        assert_array_equal(line.get_xdata(), SIZES)
        rows = trials[trials["predictor"] == name]
        means = [rows[rows["train_size"] == size]["kendall_tau"].mean() for size in SIZES]
        assert_allclose(line.get_ydata(), means)
    assert display.ax_.get_ylabel() == "Kendall τ"
    assert display.ax_.get_xlabel() == "number of known architectures"
    assert display.ax_.get_xscale() == "log"
    assert_array_equal(display.ax_.get_xticks(), SIZES)
    assert display.figure_ is display.ax_.figure is plt.gcf()


@pytest.mark.parametrize(
    ("band", "divisor"), [("standard error", 2), ("standard deviation", 1), (None, None)]
)
def test_bands(band, divisor):
    trials = make_trials()
    display = BudgetCurveDisplay.from_evaluation(trials, band=band)
    title = display.legend_.get_title().get_text()
    assert "4 splits" in title
    if band is None:
        assert display.bands_ == {}
        return
    assert band in title
    values = trials["kendall_tau"].to_numpy().reshape(2, len(SIZES), 4)[1]
    expected = values.std(axis=1, ddof=1) / divisor
    (path,) = display.bands_["NAO"].get_paths()
    heights = [np.ptp(path.vertices[path.vertices[:, 0] == size, 1]) for size in SIZES]
    assert_allclose(heights, 2 * expected)


def test_real_evaluation():
    X = np.random.default_rng(0).normal(size=(60, 3))
    predictors = {"linear": LinearRegression(), "neighbours": KNeighborsRegressor()}
    cv = ArchitectureShuffleSplit(3, train_sizes=(10, 20), test_size=30, random_state=0)
    trials = evaluate_predictors(predictors, X, X.sum(axis=1), cv=cv)
    for metric in ("mean_absolute_error", "fit_time"):
        display = BudgetCurveDisplay.from_evaluation(trials, metric)
        means = trials.groupby(["predictor", "train_size"])[metric].mean()
        for name, line in display.lines_.items():
            assert_allclose(line.get_ydata(), means[name])
    assert display.ax_.get_ylabel() == "time to fit (s)"
    assert display.ax_.get_yscale() == "log"


def test_failed_splits_are_left_out_and_counted():
    trials = make_trials()[:-4]  # no rows of the last size
    trials.loc[:2, "kendall_tau"] = np.nan
    display = BudgetCurveDisplay.from_evaluation(trials)
    first = display.summary.loc[("EmProx", 20)]
    assert first["mean"] == trials["kendall_tau"][3]
    assert np.isnan(first["spread"])
    assert (first["n_splits"], first["n_missing"]) == (1, 3)
    assert "EmProx\n(3 of 20 missing)" in legend(display)
    assert_array_equal(display.lines_["NAO"].get_xdata(), SIZES[:-1])
    assert "1 to 4 splits" in display.legend_.get_title().get_text()


def test_points_of_one_size_stand_beside_each_other():
    names = [f"predictor {number}" for number in range(10)]
    display = BudgetCurveDisplay.from_evaluation(make_trials(names, sizes=[121], n_splits=2))
    x = [line.get_xdata().item() for line in display.lines_.values()]
    looks = {(line.get_color(), line.get_marker()) for line in display.lines_.values()}
    assert len(looks) == 10
    assert len(set(x)) == 10
    assert np.exp(np.mean(np.log(x))) == pytest.approx(121)
    assert set(display.bands_) == set(names)
    low, high = display.ax_.get_xlim()
    assert low < min(x)
    assert max(x) < high
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["121"]


class TestStyle:
    def test_legend_is_in_the_order_of_the_lines(self):
        trials = make_trials(("low", "high", "middle"))
        ends = trials["predictor"].map({"low": 0.1, "high": 0.9, "middle": 0.5})
        trials["kendall_tau"] = ends.where(trials["train_size"] == 1000, 0.3)
        display = BudgetCurveDisplay.from_evaluation(trials)
        assert legend(display) == ["high", "middle", "low"]

    def test_nothing_overlaps_or_is_cut(self):
        names = ["a very long name of a predictor that goes on and on, with $ettings$", "_b"]
        sizes = [100, 101, 110, 121, 1000]
        display = BudgetCurveDisplay.from_evaluation(make_trials(names, sizes=sizes))
        display.figure_.canvas.draw()
        labels = [text for text in display.ax_.get_xticklabels() if text.get_text()]
        assert labels[-1].get_text() == "1,000"
        for left, right in pairwise(text.get_window_extent() for text in labels):
            assert left.x1 < right.x0
        box = display.legend_.get_window_extent()
        assert box.x1 <= display.figure_.bbox.width
        assert box.x0 >= display.ax_.get_window_extent().x1
        assert len(legend(display)) == 2

    def test_plots_again_and_pickles(self, plt):
        display = BudgetCurveDisplay.from_evaluation(make_trials(("c", "a")))
        assert list(display.lines_) == ["c", "a"]
        _, ax = plt.subplots()
        assert display.plot(ax) is display
        assert display.ax_ is ax
        again = pickle.loads(pickle.dumps(display))
        assert_array_equal(again.summary["mean"], display.summary["mean"])


@pytest.mark.parametrize(
    ("trials", "options"),
    [
        (make_trials(), {"metric": "kendal_tau"}),
        (make_trials(), {"band": "range"}),
        (make_trials().drop(columns="train_size"), {}),
        (make_trials().assign(kendall_tau=np.nan), {}),
    ],
)
def test_bad_input(plt, trials, options):
    with pytest.raises(ValueError, match=r"unknown|no split"):
        BudgetCurveDisplay.from_evaluation(trials, **options)
    with pytest.raises(ValueError, match="column"):
        BudgetCurveDisplay.from_evaluation("results.csv")
    assert not plt.get_fignums()
