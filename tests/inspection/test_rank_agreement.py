import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from emprox.inspection import RankAgreementDisplay

TRUE, PRED = [70, 80, 90, 94], [72, 71, 91, 93]


@pytest.fixture
def accuracies():
    """Accuracies as in a benchmark: most are good, one in twenty is at chance level."""
    rng = np.random.default_rng(0)
    true = rng.normal(90, 2, size=200)
    true[:10] = 10
    return true, true + rng.normal(0, 1, size=200)


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_shows_the_points(plt):
    display = RankAgreementDisplay.from_predictions(TRUE, PRED)
    assert_array_equal(display.scatter_.get_offsets(), np.transpose([TRUE, PRED]))
    # Of the six pairs one is in the wrong order.
    assert display.kendall_tau == pytest.approx(4 / 6)
    assert legend(display) == ["4 architectures, Kendall τ = 0.67", "exact prediction"]
    assert display.ax_.get_xlabel() == "true accuracy"
    assert display.ax_.get_ylabel() == "predicted accuracy"
    display = RankAgreementDisplay.from_predictions(TRUE, PRED, target_name="latency (ms)")
    assert display.ax_.get_xlabel() == "true latency (ms)"
    assert display.outside_ is None
    x, y = display.line_.get_data()
    assert_array_equal(x, y)
    assert display.ax_.get_xlim() == display.ax_.get_ylim() == tuple(x)
    assert display.figure_ is display.ax_.figure is plt.gcf()


def test_chance_level_does_not_squeeze_the_others(accuracies):
    true, pred = accuracies
    display = RankAgreementDisplay.from_predictions(true, pred)
    low, high = display.ax_.get_xlim()
    assert 80 < low < true[10:].min()
    assert high > true.max()
    assert len(display.scatter_.get_offsets()) + len(display.outside_.get_offsets()) == 200
    assert_array_equal(display.outside_.get_offsets()[:10], np.full((10, 2), low))
    (label,) = (text for text in legend(display) if "beyond" in text)
    assert label == f"{len(display.outside_.get_offsets())} of them beyond the edge"
    assert display.kendall_tau == pytest.approx(stats.kendalltau(true, pred).statistic)


def test_plots_again(plt, accuracies):
    display = RankAgreementDisplay.from_predictions(*accuracies)
    first = display.ax_
    _, ax = plt.subplots()
    assert display.plot(ax) is display
    assert display.ax_ is ax is not first


def test_from_estimator(plt):
    X = np.arange(4.0)[:, None]
    model = LinearRegression().fit(X, PRED)
    options = {"name": "linear", "ax": plt.subplots()[1]}
    for estimator in (model, make_pipeline(model), GridSearchCV(model, {}, cv=2).fit(X, PRED)):
        display = RankAgreementDisplay.from_estimator(estimator, X, pd.Series(TRUE), **options)
        assert display.ax_ is options["ax"]
        assert_allclose(display.y_pred, model.predict(X))
        assert_array_equal(display.y_true, TRUE)
        assert legend(display)[0].startswith("linear: 4 architectures, Kendall τ = 1.00")


@pytest.mark.parametrize(
    ("true", "pred", "message"),
    [
        ([1, 2, 3], [1, 2], "inconsistent"),
        ([1, np.nan], [1, 2], "NaN"),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]], "shape"),
    ],
)
def test_bad_input(true, pred, message):
    with pytest.raises(ValueError, match=message):
        RankAgreementDisplay.from_predictions(true, pred)
