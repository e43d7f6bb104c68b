"""Docstrings are complete, name the true defaults, and their examples run."""

import ast
import doctest
import importlib
import inspect
import re
from functools import cached_property
from pathlib import Path

import numpydoc.docscrape
import numpydoc.validate
import pytest

import emprox

IGNORED = {
    "GL01": "the summary stands on the line of the opening quotes; older numpydoc wants the next",
    "ES01": "one sentence may say it all",
    "SA01": "there is not always something to see",
    "RT02": "naming a returned value says what it is",
}
IGNORED_IN_METHODS = IGNORED | {"EX01": "the example of the class shows its methods at work"}

PACKAGE = Path(emprox.__file__).parent


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# Importing __main__ would run the command.
MODULES = sorted(module_name(path) for path in PACKAGE.rglob("*.py") if path.name != "__main__.py")
# The command and what serves the other modules are no API.
PUBLIC_MODULES = [
    name for name in MODULES if "._" not in name and name not in ("emprox.cli", "emprox.utils")
]


def is_ours(obj):
    return (getattr(obj, "__module__", None) or "").partition(".")[0] == "emprox"


def function_of(member):
    """Return the function behind a property, a class method or a plain method."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, cached_property):
        return member.func
    return getattr(member, "__func__", member)


def objects_of(module):
    """Return the public classes and functions that emprox defines as {import path: object}."""
    module = importlib.import_module(module)
    objects = {f"{module.__name__}.{name}": getattr(module, name) for name in module.__all__}
    return {path: obj for path, obj in objects.items() if is_ours(obj) and callable(obj)}


def methods_of(objects):
    """Return the documented methods and properties of classes as {import path: function}."""
    methods = {}
    for path, cls in objects.items():
        for name in vars(cls) if inspect.isclass(cls) else ():
            # Not getattr: descriptors that scikit-learn adds, like set_fit_request, are not ours.
            function = function_of(inspect.getattr_static(cls, name))
            inherited = any(hasattr(base, name) for base in cls.__mro__[1:])
            is_method = inspect.isroutine(function) and is_ours(function)
            if not name.startswith("_") and is_method and (function.__doc__ or not inherited):
                methods[f"{path}.{name}"] = function
    return methods


def wrong_default(documented_type, default):
    """Say what is wrong with "…, default=…" in the documented type of a parameter, if anything."""
    match = re.search(r"\bdefault\s*=\s*(.+)$", documented_type, flags=re.DOTALL)
    if default is inspect.Parameter.empty:
        return f"has no default, but documents {match[0]}" if match else None
    # scikit-learn's way to document "y", present only for consistency.
    if "ignored" in documented_type.lower():
        return None
    if match is None:
        return f"does not document default={default!r}"
    try:
        text = repr(eval(match[1], vars(emprox.spaces).copy()))
    except (NameError, SyntaxError):
        text = match[1]
    # What a dataclass makes anew each time.
    expected = "{}" if repr(default) == "<factory>" else repr(default)
    return None if text == expected else f"documents {match[0]}, but it is {default!r}"


def errors_in(path, obj, ignored):
    """List what is wrong with the docstring of one object."""
    found = numpydoc.validate.validate(path)["errors"]
    errors = [f"{path}: {message}" for code, message in found if code not in ignored]
    doc = numpydoc.docscrape.NumpyDocString(inspect.getdoc(obj) or "")
    types = {
        name.strip(): parameter.type
        for parameter in [*doc["Parameters"], *doc["Other Parameters"]]
        for name in parameter.name.replace("*", "").split(",")
    }
    for name, parameter in inspect.signature(obj).parameters.items():
        if name not in ("self", "cls"):
            error = wrong_default(types.get(name, ""), parameter.default)
            error = error if name in types else "is not documented"
            errors += [f"{path}: {name} {error}"] if error else []
    for section in ("Parameters", "Attributes", "Returns", "Yields"):
        for item in doc[section]:
            if re.search("array-like|ndarray|matrix of", item.type) and "shape" not in item.type:
                errors.append(f"{path}: {item.name} : {item.type} has no shape")
    return errors


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_public_docstrings(module):
    objects = objects_of(module)
    errors = [error for path, obj in objects.items() for error in errors_in(path, obj, IGNORED)]
    for path, function in methods_of(objects).items():
        errors += errors_in(path, function, IGNORED_IN_METHODS)
    assert not errors, "\n".join(errors)


@pytest.mark.parametrize("module", MODULES)
def test_private_docstrings_are_one_line(module):
    """What nobody reads from outside has a name that says it, and a line at most."""
    source = Path(importlib.import_module(module).__file__).read_text(encoding="utf-8")
    kinds = (ast.FunctionDef, ast.ClassDef)
    private = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, kinds) and re.match(r"_(?!_)", node.name)
    ]
    long = [node.name for node in private if "\n" in (ast.get_docstring(node) or "")]
    assert not long


@pytest.mark.parametrize("module", MODULES)
def test_doctests(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for examples that write files
    result = doctest.testmod(
        importlib.import_module(module),
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert result.failed == 0, f"{result.failed} of {result.attempted} examples of {module} fail"
