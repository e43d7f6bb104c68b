"""The pages of the documentation: their code runs, and what they say of the package is so."""

import doctest
import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from emprox import spaces
from emprox.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# What a build of the site leaves behind.
WRITTEN_BY_SPHINX = {"_build", "auto_examples", "generated", "backreferences"}

PAGES = {
    path.relative_to(DOCS).as_posix(): path
    for path in sorted(DOCS.rglob("*.rst"))
    if not set(path.relative_to(DOCS).parts) & WRITTEN_BY_SPHINX
}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
WITH_EXAMPLES = [name for name, text in TEXTS.items() if re.search("^ *>>> ", text, flags=re.M)]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
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


@pytest.mark.parametrize("name", [*PAGES, "README.md", "CONTRIBUTING.md"])
def test_files_exist(name):
    text = TEXTS.get(name) or (ROOT / name).read_text(encoding="utf-8")
    files = re.findall(
        r"\b((?:benchmarks|docs|emprox|examples|tests|tools)/[\w/]+(?:\.\w+)+)", text
    )
    assert not [file for file in files if "_build" not in file and not (ROOT / file).is_file()]


COMMAND = r"^ +(?:\$ )?(emprox [a-z]+.*(?:\\\n.*)*)$"
COMMANDS = [
    (name, command)
    for name, text in TEXTS.items()
    for command in re.findall(COMMAND, text, flags=re.MULTILINE)
]


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


def test_reference_lists_what_is_public_once():
    documented = [
        name
        for page, text in TEXTS.items()
        if page.startswith("api/")
        for name in documented_names(text)
    ]
    assert len(documented) == len(set(documented))
    modules = ["emprox"]
    for path in sorted((ROOT / "emprox").glob("[a-z]*/__init__.py")):
        if path.parent.name not in ("cli", "utils"):
            modules.append(f"emprox.{path.parent.name}")
    public = {}
    for module in sorted(modules, reverse=True):
        imported = importlib.import_module(module)
        for name in imported.__all__:
            value = getattr(imported, name)
            if not isinstance(value, type(importlib)):
                public[f"{module}.{name}"] = value
    assert set(documented) <= set(public)
    for name, value in public.items():
        # One object under two names has one page; small numbers are the same object everywhere.
        same = [
            n for n, other in public.items() if n == name or (other is value and callable(value))
        ]
        assert set(same) & set(documented), f"{name} is missing in docs/api"


def test_spaces_page_lists_the_registered_spaces():
    # Examples and other tests register spaces as well.
    ours = {
        name
        for name in spaces.list_spaces()
        if type(spaces.get_space(name)).__module__.startswith("emprox.")
    }
    assert not [name for name in ours if f"``{name}``" not in TEXTS["spaces/index.rst"]]
