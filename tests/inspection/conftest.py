import matplotlib as mpl
import pytest


@pytest.fixture(autouse=True)
def plt():
    """pyplot without windows; figures are closed after each test."""
    mpl.use("Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")
