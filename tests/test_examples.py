"""The examples run without a warning, and are written so that a gallery can be made of them."""

import ast
import os
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

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)


def test_examples_are_numbered():
    numbers = [re.fullmatch(r"plot_(\d\d)_[a-z0-9_]+", path.stem)[1] for path in EXAMPLES]
    assert numbers == [f"{number:02}" for number in range(1, len(EXAMPLES) + 1)]


def test_those_run_by_the_site_exist():
    assert set(RUN_BY_THE_SITE) <= {path.stem for path in EXAMPLES}


@each_example
def test_example_is_a_story(example):
    text = example.read_text(encoding="utf-8")
    title, line, blank, *introduction = ast.get_docstring(ast.parse(text)).splitlines()
    assert line == "=" * len(title)
    assert blank == ""
    assert introduction
    # Each part begins with what it is about. The first may be introduced by the docstring.
    parts = text.split("\n# %%\n")[1:]
    assert parts
    assert all(part.startswith("# ") for part in parts[1:])


@each_example
def test_example_needs_no_download(example):
    text = example.read_text(encoding="utf-8")
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


@each_example
def test_page_shows_no_warning(example):
    site = os.environ.get("EMPROX_SITE")
    if not site:
        pytest.skip("EMPROX_SITE does not say where the built site is")
    page = Path(site) / "auto_examples" / f"{example.stem}.html"
    shown = page.read_text(encoding="utf-8")
    assert f"sphx_glr_{example.stem}_001.png" in shown, "the build has not run the example"
    assert not re.findall(r"\w*Warning: .*", shown)
