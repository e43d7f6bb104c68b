import pickle
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emprox.inspection import BudgetCurveDisplay
from emprox.model_selection import ArchitectureShuffleSplit, evaluate_predictors

SIZES = [20, 50, 100, 121, 1000]


def make_rows(predictors=("EmProx", "NAO"), sizes=SIZES, n_trials=4, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        {
            "predictor": predictor,
            "split": split,
            "train_size": size,
            "fit_time": rng.uniform(0.1, 10),
            "mean_absolute_error": rng.uniform(1, 3),
            "kendall_tau": rng.uniform(0.5, 0.9),
            "error": None,
        }
        for predictor in predictors
        for size in sizes
        for split in range(n_trials)
    ]
    return pd.DataFrame(rows)


def legend(display):
    return [text.get_text() for text in display.legend_.get_texts()]


def values(rows, predictor, size, metric="kendall_tau"):
    return rows.loc[(rows["predictor"] == predictor) & (rows["train_size"] == size), metric]


def test_lines_are_means_over_trials(plt):
    rows = make_rows()
    display = BudgetCurveDisplay.from_evaluation(rows)
    assert list(display.lines_) == display.predictors == ["EmProx", "NAO"]
    for name, line in display.lines_.items():
        assert_array_equal(line.get_xdata(), SIZES)
        assert_allclose(line.get_ydata(), [np.mean(values(rows, name, size)) for size in SIZES])
    assert display.ax_.get_ylabel() == "Kendall τ"
    assert display.ax_.get_xlabel() == "number of known architectures"
    assert display.ax_.get_xscale() == "log"
    assert_array_equal(display.ax_.get_xticks(), SIZES)
    assert display.figure_ is display.ax_.figure is plt.gcf()


@pytest.mark.parametrize(
    ("band", "divisor"), [("standard error", np.sqrt(4)), ("standard deviation", 1), (None, None)]
)
def test_bands(band, divisor):
    rows = make_rows()
    display = BudgetCurveDisplay.from_evaluation(rows, band=band)
    if band is None:
        assert display.bands_ == {}
        assert display.legend_.get_title().get_text() == "mean of 4 trials"
        return
    expected = [np.std(values(rows, "NAO", size), ddof=1) / divisor for size in SIZES]
    assert_allclose(display.deviations[1], expected)
    (path,) = display.bands_["NAO"].get_paths()
    heights = [np.ptp(path.vertices[path.vertices[:, 0] == size, 1]) for size in SIZES]
    assert_allclose(heights, 2 * np.array(expected))
    assert display.legend_.get_title().get_text() == f"mean ± {band},\n4 trials"


def test_csv_file(tmp_path):
    rows = make_rows()
    rows.to_csv(tmp_path / "trials.csv")
    expected = BudgetCurveDisplay.from_evaluation(rows).means
    for given in (pd.read_csv(tmp_path / "trials.csv"), rows.drop(columns=["error"])):
        assert_allclose(BudgetCurveDisplay.from_evaluation(given).means, expected)


def test_real_evaluation():
    from sklearn.dummy import DummyRegressor
    from sklearn.linear_model import LinearRegression

    X = np.random.default_rng(0).normal(size=(60, 3))
    trials = evaluate_predictors(
        {"linear": LinearRegression(), "mean": DummyRegressor()},
        X,
        X.sum(axis=1),
        cv=ArchitectureShuffleSplit(3, train_sizes=(10, 20), test_size=30, random_state=0),
        scoring="mean_absolute_error",
    )
    display = BudgetCurveDisplay.from_evaluation(trials, "mean_absolute_error")
    for number, name in enumerate(["linear", "mean"]):
        expected = [values(trials, name, n, "mean_absolute_error").mean() for n in (10, 20)]
        assert_allclose(display.means[number], expected)


@pytest.mark.parametrize(
    ("metric", "label", "scale"),
    [
        ("mean_absolute_error", "mean absolute error (percentage points)", "linear"),
        ("fit_time", "time to fit (s)", "log"),
        ("my_metric", "my metric", "linear"),
    ],
)
def test_labels_have_units(metric, label, scale):
    rows = make_rows()
    ax = BudgetCurveDisplay.from_evaluation(rows.assign(my_metric=rows["kendall_tau"]), metric).ax_
    assert ax.get_ylabel() == label
    assert ax.get_yscale() == scale


class TestMissing:
    def test_failed_trials_are_left_out_and_counted(self):
        rows = make_rows()
        rows.loc[:2, "kendall_tau"] = np.nan
        display = BudgetCurveDisplay.from_evaluation(rows)
        assert display.means[0, 0] == rows.loc[3, "kendall_tau"]
        assert np.isnan(display.deviations[0, 0])
        assert_array_equal(display.n_trials[0], [1, 4, 4, 4, 4])
        assert "EmProx\n(3 of 20 trials missing)" in legend(display)
        assert display.legend_.get_title().get_text().endswith("1 to 4 trials")

    def test_predictor_without_a_value(self):
        rows = make_rows(("EmProx", "broken"))
        rows.loc[rows["predictor"] == "broken", "kendall_tau"] = np.nan
        display = BudgetCurveDisplay.from_evaluation(rows)
        assert list(display.lines_) == ["EmProx"]
        assert legend(display) == ["EmProx", "broken\n(20 of 20 trials missing)"]

    def test_size_without_rows(self):
        rows = make_rows().query("not (predictor == 'NAO' and train_size == 1000)")
        display = BudgetCurveDisplay.from_evaluation(rows)
        assert_array_equal(display.lines_["NAO"].get_xdata(), SIZES[:-1])
        assert np.isnan(display.means[1, -1])

    def test_one_trial_has_no_band(self):
        display = BudgetCurveDisplay.from_evaluation(make_rows(n_trials=1))
        assert display.bands_ == {}
        assert display.legend_.get_title().get_text() == "1 trial"


class TestOneSize:
    def test_points_stand_beside_each_other(self):
        names = [f"predictor {number}" for number in range(10)]
        display = BudgetCurveDisplay.from_evaluation(make_rows(names, sizes=[121]))
        x = [line.get_xdata().item() for line in display.lines_.values()]
        assert len(set(x)) == 10
        assert np.exp(np.mean(np.log(x))) == pytest.approx(121)
        assert set(display.bands_) == set(names)
        low, high = display.ax_.get_xlim()
        assert low < min(x)
        assert max(x) < high
        assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["121"]

    def test_single_predictor(self):
        display = BudgetCurveDisplay.from_evaluation(make_rows(["EmProx"], sizes=[121]))
        assert display.lines_["EmProx"].get_xdata().item() == 121


class TestStyle:
    def test_predictors_are_told_apart(self):
        names = [f"predictor {number}" for number in range(20)]
        lines = BudgetCurveDisplay.from_evaluation(make_rows(names, n_trials=1)).lines_.values()
        looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}
        assert len(looks) == 20
        # Also without colours.
        assert len({line.get_marker() for line in list(lines)[:10]}) == 10

    def test_legend_is_in_the_order_of_the_lines(self):
        rows = make_rows(("low", "high", "middle"), n_trials=1)
        ends = {"low": 0.1, "high": 0.9, "middle": 0.5}
        last = rows["train_size"] == SIZES[-1]
        rows.loc[last, "kendall_tau"] = rows.loc[last, "predictor"].map(ends)
        display = BudgetCurveDisplay.from_evaluation(rows)
        assert legend(display) == ["high", "middle", "low"]

    def test_tick_labels_do_not_overlap(self):
        display = BudgetCurveDisplay.from_evaluation(make_rows(sizes=[100, 101, 110, 121, 1000]))
        figure = display.figure_
        figure.canvas.draw()
        labels = [text for text in display.ax_.get_xticklabels() if text.get_text()]
        assert labels[-1].get_text() == "1,000"
        assert len(labels) < 5
        boxes = [text.get_window_extent() for text in labels]
        for left, right in pairwise(boxes):
            assert left.x1 < right.x0

    def test_legend_is_not_cut(self):
        names = ["a very long name of a predictor that goes on and on, with $ettings$", "_b"]
        display = BudgetCurveDisplay.from_evaluation(make_rows(names))
        figure = display.figure_
        figure.canvas.draw()
        box = display.legend_.get_window_extent()
        assert box.x1 <= figure.bbox.width
        assert box.y1 <= figure.bbox.height
        assert box.x0 >= display.ax_.get_window_extent().x1
        assert set(display.lines_) == set(names)
        assert len(legend(display)) == 2

    def test_line_kwargs(self):
        display = BudgetCurveDisplay.from_evaluation(make_rows(), line_kwargs={"linewidth": 5})
        assert display.lines_["NAO"].get_linewidth() == 5

    def test_predictors_can_be_chosen(self):
        display = BudgetCurveDisplay.from_evaluation(
            make_rows(("a", "b", "c")), predictors=["c", "a"]
        )
        assert list(display.lines_) == ["c", "a"]

    def test_plots_again(self, plt):
        display = BudgetCurveDisplay.from_evaluation(make_rows())
        first = display.ax_
        _, ax = plt.subplots()
        assert display.plot(ax) is display
        assert display.ax_ is ax is not first

    def test_pickle(self):
        display = BudgetCurveDisplay.from_evaluation(make_rows())
        assert_array_equal(pickle.loads(pickle.dumps(display)).means, display.means)


ROWS = make_rows()


@pytest.mark.parametrize(
    ("trials", "options", "word"),
    [
        (ROWS, {"metric": "kendal_tau"}, "did you mean 'kendall_tau'"),
        (ROWS, {"metric": "error"}, "unknown metric"),
        (ROWS, {"predictors": ["EmPorx"]}, "did you mean 'EmProx'"),
        (ROWS, {"predictors": "NAO"}, "list of names"),
        (ROWS, {"predictors": []}, "list of names"),
        (ROWS, {"band": "range"}, "unknown band"),
        (ROWS[:0], {}, "no rows"),
        (ROWS.drop(columns=["train_size"]), {}, "train_size"),
        (ROWS.assign(kendall_tau=np.nan), {}, "no trial"),
    ],
)
def test_bad_input(plt, trials, options, word):
    with pytest.raises(ValueError, match=word):
        BudgetCurveDisplay.from_evaluation(trials, **options)
    assert not plt.get_fignums()


@pytest.mark.parametrize("trials", ["results.csv", None, [{"predictor": "a"}]])
def test_no_data_frame(trials):
    with pytest.raises(TypeError, match="data frame"):
        BudgetCurveDisplay.from_evaluation(trials)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'BudgetCurveDisplay needs .*"emprox\[plot\]"'):
        BudgetCurveDisplay.from_evaluation(None)
