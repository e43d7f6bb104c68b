"""The examples run, without a warning."""

import runpy
from pathlib import Path

import matplotlib as mpl
import pytest

# What an example needs that is not among the requirements of the tests.
PACKAGES = {"plot_09_surrogate_of_a_library": "skopt"}
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))


def test_there_are_examples():
    assert EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
# Showing a picture does nothing without a screen, which matplotlib says.
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_example(example, capsys):
    if example.stem in PACKAGES:
        pytest.importorskip(PACKAGES[example.stem])
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    runpy.run_path(str(example))
    assert plt.get_fignums(), "the example draws no picture"
    plt.close("all")
    assert capsys.readouterr().err == ""
