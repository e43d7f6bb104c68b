"""The examples run without a warning."""

import re
import runpy
from pathlib import Path

import matplotlib as mpl
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))
# These take more than ten seconds, or need packages that the tests do not: only the build of the
# site runs them.
RUN_BY_THE_SITE = (
    "plot_07_budget_curves",
    "plot_08_semi_supervised",
    "plot_09_surrogate_of_a_library",
)


def test_examples_are_numbered_and_need_no_download():
    numbers = [re.fullmatch(r"plot_(\d\d)_[a-z0-9_]+", path.stem)[1] for path in EXAMPLES]
    assert numbers == [f"{number:02}" for number in range(1, len(EXAMPLES) + 1)]
    assert set(RUN_BY_THE_SITE) <= {path.stem for path in EXAMPLES}
    for path in EXAMPLES:
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"\b(?:fetch|read)_(?:nas|nats|trans)\w+", text)


@pytest.mark.parametrize(
    "example",
    [path for path in EXAMPLES if path.stem not in RUN_BY_THE_SITE],
    ids=lambda path: path.stem,
)
# Showing a picture does nothing without a screen, which matplotlib says.
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_example(example, capsys):
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    runpy.run_path(str(example))
    assert plt.get_fignums(), "the example draws no picture"
    plt.close("all")
    assert capsys.readouterr().err == ""
