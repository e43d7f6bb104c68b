"""The pages of the documentation: their code runs, and what they say of the package is so."""

import ast
import doctest
import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from emprox.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# What a build of the site leaves behind.
WRITTEN_BY_SPHINX = ("_build", "auto_examples", "generated", "backreferences")


def is_page(path):
    return not set(path.relative_to(DOCS).parts) & set(WRITTEN_BY_SPHINX)


def name_of(path):
    return path.relative_to(DOCS).as_posix()


PAGES = {name_of(path): path for path in sorted(DOCS.rglob("*.rst")) if is_page(path)}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
WITH_EXAMPLES = [name for name, text in TEXTS.items() if re.search("^ *>>> ", text, flags=re.M)]


@pytest.fixture
def space_registry():
    """Forget the spaces that a page registers."""
    from emprox.spaces import _registry

    before = dict(_registry._SPACES)
    yield
    _registry._SPACES.clear()
    _registry._SPACES.update(before)


def test_there_are_pages_with_examples():
    assert {"index.rst", "quickstart.rst", "user_guide/neighbors.rst"} <= set(WITH_EXAMPLES)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
@pytest.mark.usefixtures("space_registry")
def test_examples_of_page(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    results = doctest.testfile(
        str(PAGES[name]),
        module_relative=False,
        encoding="utf-8",
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert results.attempted
    assert not results.failed


@pytest.mark.parametrize("name", PAGES)
def test_no_python_that_is_not_run(name):
    assert not re.findall(r"code-block:: (?:python|pycon)", TEXTS[name]), "write it after >>>"
    assert "+SKIP" not in TEXTS[name]


def commands(text):
    """List the commands of emprox in a page, each on a line of its own in a block."""
    return re.findall(r"^ +(?:\$ )?(emprox [a-z]+.*(?:\\\n.*)*)$", text, flags=re.MULTILINE)


COMMANDS = [(name, command) for name, text in TEXTS.items() for command in commands(text)]


def test_there_are_commands():
    assert any("emprox rank" in command for _, command in COMMANDS)


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_command_is_understood(name, command, tmp_path, monkeypatch):
    """Everything but running it: the command and its options exist and their values fit."""
    monkeypatch.chdir(tmp_path)
    for file in ("known.csv", "candidates.csv"):
        (tmp_path / file).write_text("architecture,accuracy\n", encoding="utf-8")
    _, *arguments = shlex.split(command.replace("\\\n", " "))
    context = click.Context(main)
    subcommand = main.get_command(context, arguments[0])
    assert subcommand is not None
    subcommand.make_context(arguments[0], arguments[1:], parent=context)


@pytest.mark.parametrize("name", PAGES)
def test_files_exist(name):
    files = re.findall(
        r"\b((?:benchmarks|docs|emprox|examples|tests|tools)/[\w/]+\.\w+)", TEXTS[name]
    )
    written = [file for file in files if "_build" not in file]
    missing = [file for file in written if not (ROOT / file).is_file()]
    assert not missing


# Public modules and names, as tests/test_public_api.py counts them.
NOT_API = {"emprox.cli", "emprox.utils"}


def public_names():
    """Return public names as {dotted name: object}, without modules."""
    modules = ["emprox"]
    for path in sorted((ROOT / "emprox").iterdir()):
        module = f"emprox.{path.stem}"
        if not path.name.startswith("_") and (path / "__init__.py").is_file():
            modules.append(module)
    names = {}
    for module in sorted(set(modules) - NOT_API):
        imported = importlib.import_module(module)
        # tests/test_public_api.py sees to it that there is an __all__.
        for name in getattr(imported, "__all__", ()):
            value = getattr(imported, name)
            if not isinstance(value, type(importlib)):
                names[f"{module}.{name}"] = value
    return names


def documented_names(text):
    """List what a page of the reference documents, as dotted names."""
    names, module, in_summary = [], "", False
    for line in text.splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.match(r"\.\. (?:data|function):: (\w+)", line):
            names.append(f"{module}.{match[1]}")
        if line and not line.startswith(" "):
            in_summary = line.startswith(".. autosummary::")
        elif in_summary and (match := re.match(r"   (\w+)$", line)):
            names.append(f"{module}.{match[1]}")
    return names


PUBLIC_NAMES = public_names()
DOCUMENTED_NAMES = [
    name
    for page, text in TEXTS.items()
    if page.startswith("api/")
    for name in documented_names(text)
]


class TestReference:
    def test_something_was_collected(self):
        assert {"emprox.EmProxRegressor", "emprox.spaces.WIRE"} <= set(PUBLIC_NAMES)
        assert {"emprox.EmProxRegressor", "emprox.spaces.WIRE"} <= set(DOCUMENTED_NAMES)

    @pytest.mark.parametrize("name", PUBLIC_NAMES)
    def test_every_public_name_is_listed(self, name):
        value = PUBLIC_NAMES[name]
        # One object under two names has one page; small numbers are the same object everywhere.
        aliases = [
            other
            for other, its_value in PUBLIC_NAMES.items()
            if other == name or (its_value is value and callable(value))
        ]
        assert set(aliases) & set(DOCUMENTED_NAMES), (
            f"add {name} to docs/api/{name.split('.')[-2]}.rst"
        )

    def test_nothing_else_is_listed(self):
        assert not set(DOCUMENTED_NAMES) - set(PUBLIC_NAMES)

    def test_nothing_is_listed_twice(self):
        assert len(DOCUMENTED_NAMES) == len(set(DOCUMENTED_NAMES))

    def test_page_is_read(self):
        page = (
            ".. currentmodule:: a.b\n\n.. autosummary::\n   :toctree: generated\n\n   One\n   two\n"
            "\nText\n\n   three\n\n.. data:: FOUR\n\n   A number.\n"
        )
        assert documented_names(page) == ["a.b.One", "a.b.two", "a.b.FOUR"]


def test_layers_are_those_of_the_code():
    source = (ROOT / "tests" / "test_public_api.py").read_text(encoding="utf-8")
    layers = ast.literal_eval(re.search(r"^LAYERS = (\(.*?^\))", source, flags=re.M | re.S)[1])
    diagram = TEXTS["developer/architecture.rst"].split(".. code-block:: text")[1]
    rows = re.findall(r"^    ([a-z_]+(?:, [a-z_]+)*)  +\S", diagram, flags=re.MULTILINE)
    drawn = [layer for row in rows for layer in row.split(", ")]
    assert drawn == list(reversed(layers))


def rows_with_deviations(text):
    """Return the rows of simple tables that hold a mean and its deviation, as cells."""
    lines = [line for line in text.splitlines() if " ± " in line]
    return [re.split(r"  +", line.strip()) for line in lines]


def test_comparison_repeats_what_the_benchmarks_say():
    compared = rows_with_deviations(TEXTS["comparison.rst"])
    assert len(compared) > 3
    measured = {row[0]: row[1:] for row in rows_with_deviations(TEXTS["benchmarks.rst"])}
    for method, *cells in compared:
        assert cells == measured[method][: len(cells)], method
