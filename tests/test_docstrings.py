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
PUBLIC_MODULES = [name for name in MODULES if "._" not in name]


def is_ours(obj):
    return (getattr(obj, "__module__", None) or "").partition(".")[0] == "emprox"


def function_of(member):
    """Return the function behind a property, a class method or a plain method."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, cached_property):
        return member.func
    return getattr(member, "__func__", member)


def public_objects():
    """Return public classes and functions as {import path: object}, each under one path."""
    objects = {}
    for module in map(importlib.import_module, PUBLIC_MODULES):
        for name in getattr(module, "__all__", ()):
            obj = getattr(module, name)
            if (inspect.isclass(obj) or inspect.isroutine(obj)) and is_ours(obj):
                objects.setdefault(id(obj), (f"{module.__name__}.{name}", obj))
    return dict(objects.values())


def public_methods(classes):
    """Return methods and properties that emprox itself defines as {import path: function}."""
    methods = {}
    for path, cls in classes.items():
        for name in (name for name in dir(cls) if not name.startswith("_")):
            # Not getattr: descriptors that scikit-learn adds, like set_fit_request, are not ours.
            function = function_of(inspect.getattr_static(cls, name))
            if inspect.isroutine(function) and is_ours(function):
                methods.setdefault(id(function), (f"{path}.{name}", function))
    return dict(methods.values())


OBJECTS = public_objects()
CLASSES = {path: obj for path, obj in OBJECTS.items() if inspect.isclass(obj)}
METHODS = public_methods(CLASSES)
DOCUMENTED = OBJECTS | METHODS


def inherits_docstring(path):
    """Return whether a method has no docstring of its own, but one from a base of emprox."""
    if path not in METHODS or METHODS[path].__doc__:
        return False
    cls, _, name = path.rpartition(".")
    bases = CLASSES[cls].__mro__[1:]
    return any(is_ours(base) and getattr(vars(base).get(name), "__doc__", None) for base in bases)


def documented(obj):
    return numpydoc.docscrape.NumpyDocString(inspect.getdoc(obj) or "")


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
        text = repr(ast.literal_eval(match[1]))
    except (ValueError, SyntaxError):
        text = match[1]
    if text != repr(default):
        return f"documents {match[0]}, but it is {default!r}"
    return None


def test_something_was_collected():
    assert "emprox.metrics.kendall_tau" in OBJECTS
    assert {"emprox", "emprox.metrics", "emprox.metrics._ranking"} <= set(MODULES)


@pytest.mark.parametrize("path", [path for path in DOCUMENTED if not inherits_docstring(path)])
def test_numpydoc(path):
    ignored = IGNORED_IN_METHODS if path in METHODS else IGNORED
    errors = [
        f"{code}: {message}"
        for code, message in numpydoc.validate.validate(path)["errors"]
        if code not in ignored
    ]
    assert not errors, "\n".join([path, *errors])


@pytest.mark.parametrize("path", DOCUMENTED)
def test_parameters_and_defaults(path):
    obj = DOCUMENTED[path]
    doc = documented(obj)
    types = {
        name.strip(): parameter.type
        for section in ("Parameters", "Other Parameters")
        for parameter in doc[section]
        for name in parameter.name.replace("*", "").split(",")
    }
    errors = []
    for name, parameter in inspect.signature(obj).parameters.items():
        if name in ("self", "cls"):
            continue
        error = (
            wrong_default(types[name], parameter.default) if name in types else "is not documented"
        )
        if error:
            errors.append(f"{name} {error}")
    assert not errors, "\n".join([path, *errors])


@pytest.mark.parametrize("path", DOCUMENTED)
def test_arrays_have_shapes(path):
    doc = documented(DOCUMENTED[path])
    errors = [
        f"{section}: {item.name} : {item.type}"
        for section in ("Parameters", "Other Parameters", "Attributes", "Returns", "Yields")
        for item in doc[section]
        if re.search("array-like|ndarray|sparse matrix", item.type) and "shape" not in item.type
    ]
    assert not errors, "\n".join([f"{path} documents arrays without their shape", *errors])


@pytest.mark.parametrize("path", OBJECTS)
def test_example_is_code(path):
    assert any(line.startswith(">>>") for line in documented(OBJECTS[path])["Examples"]), path


@pytest.mark.parametrize("module", MODULES)
def test_doctests(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for examples that write files
    result = doctest.testmod(
        importlib.import_module(module),
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert result.failed == 0, f"{result.failed} of {result.attempted} examples of {module} fail"


@pytest.mark.parametrize(
    ("documented_type", "default", "error"),
    [
        ("int, default=10", 10, None),
        ("float, default=1e-3", 0.001, None),
        ("{'a', 'b'}, default='a'", "a", None),
        ('{"a", "b"}, default="a"', "a", None),
        ("Ignored", None, None),
        ("int", inspect.Parameter.empty, None),
        ("int", 10, "does not document default=10"),
        ("int, optional", None, "does not document default=None"),
        ("int, default=10", 5, "documents default=10, but it is 5"),
        ("bool, default=1", True, "documents default=1, but it is True"),
        ("int, default=10", inspect.Parameter.empty, "has no default, but documents default=10"),
    ],
)
def test_wrong_defaults_are_found(documented_type, default, error):
    assert wrong_default(documented_type, default) == error
