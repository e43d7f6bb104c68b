"""The built site: every link leads somewhere, and everything public can be found.

Only where the environment variable EMPROX_SITE names the folder with the pages::

    python -m sphinx -W --keep-going -b html docs docs/_build/html
    EMPROX_SITE=docs/_build/html pytest tests/test_site.py
"""

import json
import os
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))
# What a browser loads with the page, as opposed to links that a person may follow.
LOADED = {("img", "src"), ("script", "src"), ("source", "src"), ("video", "src"), ("iframe", "src")}


class Page(HTMLParser):
    """What a page refers to, and what can be referred to in it."""

    def __init__(self, html):
        super().__init__()
        self.anchors, self.links, self.loaded, self.classes = set(), [], [], set()
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = {name: value or "" for name, value in attributes}
        self.classes |= set(attributes.get("class", "").split())
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        for name, value in attributes.items():
            is_style = tag == "link" and "stylesheet" in attributes.get("rel", "")
            if (tag, name) in LOADED or (is_style and name == "href"):
                self.loaded.append(value)
            elif name == "srcset":
                self.loaded += [part.split()[0] for part in value.split(",")]
            elif name == "href":
                self.links.append(value)


def is_external(link):
    return bool(urlsplit(link).scheme or urlsplit(link).netloc)


@cache
def read_page(path):
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def site():
    folder = os.environ.get("EMPROX_SITE")
    if not folder:
        pytest.skip("EMPROX_SITE does not say where the built site is")
    assert (Path(folder) / "index.html").is_file(), "there is no site in EMPROX_SITE"
    return Path(folder).resolve()


@pytest.fixture(scope="module")
def pages(site):
    paths = (path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts)
    return {path.relative_to(site).as_posix(): read_page(path) for path in paths}


def is_broken(site, page, link):
    """Say whether a link, picture, script or style leads nowhere."""
    parts, path = urlsplit(link), site / page
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file() or not target.is_relative_to(site):
        return True
    has_anchors = bool(parts.fragment) and target.suffix == ".html"
    return has_anchors and unquote(parts.fragment) not in read_page(target).anchors


def test_links(site, pages):
    broken = [
        f"{name}: {link}"
        for name, page in pages.items()
        for link in dict.fromkeys([*page.links, *page.loaded])
        if not is_external(link) and is_broken(site, name, link)
    ]
    assert not broken, "\n".join(broken)


def test_nothing_comes_from_the_network(pages):
    loaded = {address for page in pages.values() for address in page.loaded}
    assert not [a for a in loaded if is_external(a) and not a.startswith("data:")]


def test_no_errors_in_pages(pages):
    bad = {"system-message", "problematic"}
    assert not [name for name, page in pages.items() if bad & page.classes]


def test_methods_have_entries(pages):
    anchors = pages["api/generated/emprox.EmProxRegressor.html"].anchors
    assert {"emprox.EmProxRegressor.fit", "emprox.EmProxRegressor.predict_interval"} <= anchors
    # Inherited from scikit-learn, which documents it.
    assert "emprox.EmProxRegressor.set_fit_request" not in anchors


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_has_page_picture_script_and_notebook(example, site, pages):
    page = pages[f"auto_examples/{example.stem}.html"]
    assert [source for source in page.loaded if "_images/sphx_glr" in source]
    downloads = {Path(link).name for link in page.links if "_downloads" in link}
    assert {f"{example.stem}.py", f"{example.stem}.ipynb"} <= downloads
    text = (site / "auto_examples" / f"{example.stem}.html").read_text(encoding="utf-8")
    assert not re.findall(r"\w*Warning: .*", text)
    (file,) = (site / "_downloads").rglob(f"{example.stem}.ipynb")
    notebook = json.loads(file.read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        compile(re.sub(r"^%.*$", "", cell, flags=re.MULTILINE), example.stem, "exec")
