"""The examples in the documentation run and print what they say."""

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [path for path in sorted(DOCS.rglob("*.rst")) if ">>>" in path.read_text(encoding="utf-8")]


def test_there_are_pages_with_examples():
    assert DOCS / "quickstart.rst" in PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_page(page):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    results = doctest.testfile(str(page), module_relative=False, optionflags=flags)
    assert results.attempted
    assert not results.failed
