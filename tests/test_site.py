"""The built site: every link leads somewhere, and everything public can be found.

Only where the environment variable EMPROX_SITE names the folder with the pages::

    python -m sphinx -W --keep-going -b html docs docs/_build/html
    EMPROX_SITE=docs/_build/html pytest tests/test_site.py
"""

import importlib
import json
import os
import pkgutil
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import emprox

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))
# What a browser loads with the page, as opposed to links that a person may follow.
LOADED = {("img", "src"), ("script", "src"), ("source", "src"), ("video", "src"), ("iframe", "src")}


class Page(HTMLParser):
    """What a page refers to, and what can be referred to in it."""

    def __init__(self, html):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []
        self.classes = set()
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


def broken_links(site):
    """List links, pictures, scripts and styles of a site that lead nowhere."""
    site, broken = site.resolve(), []
    for path in sorted(site.rglob("*.html")):
        if path.relative_to(site).parts[0] == "_static":
            continue
        page = read_page(path)
        for link in dict.fromkeys([*page.links, *page.loaded]):
            if is_external(link):
                continue
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            if not target.is_file() or not target.is_relative_to(site):
                broken.append(f"{path.relative_to(site)}: {link} does not exist")
            elif (
                parts.fragment
                and target.suffix == ".html"
                and unquote(parts.fragment) not in read_page(target).anchors
            ):
                broken.append(f"{path.relative_to(site)}: {link} has no such anchor")
    return broken


def loaded_from_the_network(site):
    """List what pages load from elsewhere, which does not work without a connection."""
    return [
        f"{path.relative_to(site)}: {address}"
        for path in sorted(site.rglob("*.html"))
        for address in read_page(path).loaded
        if is_external(address) and not address.startswith("data:")
    ]


@pytest.fixture(scope="module")
def site():
    folder = os.environ.get("EMPROX_SITE")
    if not folder:
        pytest.skip("EMPROX_SITE does not say where the built site is")
    if not (Path(folder) / "index.html").is_file():
        pytest.fail(f"EMPROX_SITE is {folder}, where no site is")
    return Path(folder).resolve()


@pytest.fixture(scope="module")
def pages(site):
    return {
        path.relative_to(site).as_posix(): read_page(path)
        for path in sorted(site.rglob("*.html"))
        if path.relative_to(site).parts[0] != "_static"
    }


class TestChecks:
    """That the checks find what they look for."""

    def write(self, folder, **files):
        for name, text in files.items():
            (folder / f"{name}.html").write_text(text, encoding="utf-8")
        return folder

    def test_links_that_are_right(self, tmp_path):
        (tmp_path / "a picture.png").touch()
        page = """
            <a href="other.html#there">x</a> <a href="#here" id="here">x</a> <a href="./">x</a>
            <a href="https://example.org/no.html">x</a> <a href="mailto:a@example.org">x</a>
            <img src="a%20picture.png"> <a name="old" href="">x</a>
        """
        site = self.write(tmp_path, index=page, other='<p id="there"></p>')
        assert broken_links(site) == []
        assert loaded_from_the_network(site) == []

    @pytest.mark.parametrize(
        ("page", "error"),
        [
            ('<a href="no.html">x</a>', "no.html does not exist"),
            ('<a href="#nowhere">x</a>', "#nowhere has no such anchor"),
            ('<a href="other.html#nowhere">x</a>', "other.html#nowhere has no such anchor"),
            ('<img src="no.png">', "no.png does not exist"),
            ('<img srcset="no.png, no2.png 2x">', "no2.png does not exist"),
            ('<script src="no.js"></script>', "no.js does not exist"),
            ('<link rel="stylesheet" href="no.css">', "no.css does not exist"),
            ('<a href="../outside.html">x</a>', "../outside.html does not exist"),
        ],
    )
    def test_links_that_are_broken(self, page, error, tmp_path):
        (tmp_path / "outside.html").touch()
        site = tmp_path / "site"
        site.mkdir()
        self.write(site, index=page, other="")
        assert f"index.html: {error}" in broken_links(site)

    @pytest.mark.parametrize(
        "tag",
        [
            '<script src="https://example.org/a.js"></script>',
            '<img src="//example.org/a.png">',
            '<link rel="stylesheet" href="https://example.org/a.css">',
        ],
    )
    def test_network(self, tag, tmp_path):
        assert len(loaded_from_the_network(self.write(tmp_path, index=tag))) == 1


def test_links(site):
    broken = broken_links(site)
    assert not broken, "\n".join(broken)


def test_nothing_comes_from_the_network(site):
    loaded = loaded_from_the_network(site)
    assert not loaded, "\n".join(loaded)


def test_no_errors_in_pages(pages):
    wrong = [
        name for name, page in pages.items() if {"system-message", "problematic"} & page.classes
    ]
    assert not wrong


def test_every_public_name_has_an_entry(pages):
    modules = [emprox] + [
        importlib.import_module(f"emprox.{module.name}")
        for module in pkgutil.iter_modules(emprox.__path__)
        if not module.name.startswith("_") and module.name not in ("cli", "utils")
    ]
    anchors = set().union(*(page.anchors for page in pages.values()))
    names = [
        (f"{module.__name__}.{name}", getattr(module, name))
        for module in modules
        for name in getattr(module, "__all__", ())
        if not isinstance(getattr(module, name), type(importlib))
    ]
    assert len(names) > 50
    entries = {id(value) for name, value in names if name in anchors}
    missing = [name for name, value in names if id(value) not in entries]
    assert not missing


def test_methods_have_entries(pages):
    anchors = pages["api/generated/emprox.EmProxRegressor.html"].anchors
    assert {"emprox.EmProxRegressor.fit", "emprox.EmProxRegressor.predict_interval"} <= anchors
    # Inherited from scikit-learn, which documents it.
    assert "emprox.EmProxRegressor.set_fit_request" not in anchors


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_has_page_picture_script_and_notebook(example, site, pages):
    page = pages[f"auto_examples/{example.stem}.html"]
    pictures = [source for source in page.loaded if "_images/sphx_glr" in source]
    assert pictures
    downloads = {Path(link).name for link in page.links if "_downloads" in link}
    assert {f"{example.stem}.py", f"{example.stem}.ipynb"} <= downloads
    thumbnails = [
        source for source in pages["auto_examples/index.html"].loaded if "thumb" in source
    ]
    assert any(example.stem in source for source in thumbnails)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_notebook_is_code(example, site):
    (file,) = (site / "_downloads").rglob(f"{example.stem}.ipynb")
    notebook = json.loads(file.read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 1
    for cell in cells:
        compile(re.sub(r"^%.*$", "", cell, flags=re.MULTILINE), example.stem, "exec")


def test_search_index_knows_names_and_words(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert "EmProxRegressor" in index
    assert "neighbour" in index
