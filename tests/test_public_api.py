"""What can be imported, what importing it costs, and which way imports point."""

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import emprox

PACKAGE = Path(emprox.__file__).parent
FILES = {
    path.relative_to(PACKAGE.parent).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))
}

# Imports point to the left. "emprox" is the package's own __init__, which collects the names.
LAYERS = (
    "utils",
    "spaces",
    "networks",
    "properties",
    "encodings",
    "proximity",
    "lstm",
    "_anchors",
    "_pipeline",
    "_regressor",
    "predictors",
    "metrics",
    "datasets",
    "model_selection",
    "inspection",
    "search",
    "emprox",
    "cli",
    "__main__",
)
# Layers that may import less than all that lies to their left.
ONLY_FROM = {"datasets": {"spaces", "utils"}}
WITHOUT_TORCH = {"spaces", "properties", "encodings", "metrics", "datasets", "model_selection"}

OPTIONAL = {"matplotlib", "networkx", "pooch", "xgboost"}
TORCH = {"skorch", "torch"}

# Neither is public: utils serves the other modules, and cli is the command.
NOT_API = {"emprox.utils", "emprox.cli"}


def module_of(file):
    """Return the dotted name of the module in a file, as "emprox/spaces/_base.py"."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


PUBLIC_MODULES = sorted(
    module
    for module in map(module_of, FILES)
    if "._" not in module and not any(f"{module}.".startswith(f"{name}.") for name in NOT_API)
)


def isort_key(name):
    """Sort as ruff's RUF022 does: CONSTANTS, Classes, functions; numbers by their value."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


class TestAll:
    def test_something_was_collected(self):
        assert {"emprox", "emprox.metrics"} <= set(PUBLIC_MODULES)
        assert "kendall_tau" in importlib.import_module("emprox.metrics").__all__

    @pytest.mark.parametrize("module", PUBLIC_MODULES)
    def test_names(self, module):
        module = importlib.import_module(module)
        names = getattr(module, "__all__", None)
        assert names, f"{module.__name__} has no __all__"
        assert len(names) == len(set(names)), f"{module.__name__}.__all__ has duplicates"
        assert list(names) == sorted(names, key=isort_key)
        missing = [name for name in names if not hasattr(module, name)]
        assert not missing, f"in {module.__name__}.__all__ but not in the module: {missing}"
        hidden = sorted(set(names) - set(dir(module)))
        assert not hidden, f"dir({module.__name__}) does not list {hidden}"

    def test_unknown_name(self):
        with pytest.raises(AttributeError, match="no_such_name"):
            emprox.no_such_name  # noqa: B018

    def test_order(self):
        names = ["NAO", "Architecture", "SearchSpace", "load_1shot1", "load_101", "make"]
        assert names != sorted(names)
        assert sorted(sorted(names), key=isort_key) == names


IMPORT = """
import json, sys, time

class NotInstalled:
    def find_spec(name, *args):
        if name in {without}:
            raise ModuleNotFoundError(f"{{name}} counts as not installed", name=name)

sys.meta_path.insert(0, NotInstalled)
before, start = set(sys.modules), time.perf_counter()
import {modules}
seconds = time.perf_counter() - start
print(json.dumps([sorted(set(sys.modules) - before), seconds]))
"""


def run_import(*modules, without=()):
    """Import modules in a fresh interpreter; return the packages loaded, and the seconds.

    The packages in ``without`` are as good as not installed: importing one is an error, whose
    traceback names the culprit.
    """
    code = IMPORT.format(modules=", ".join(modules), without=list(without))
    path = os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    loaded, seconds = json.loads(result.stdout)
    return {name.partition(".")[0] for name in loaded}, seconds


class TestImportCost:
    def test_emprox_loads_nothing_heavy(self):
        loaded, seconds = run_import("emprox")
        assert "emprox" in loaded
        heavy = loaded & (OPTIONAL | TORCH | {"click", "rich", "scipy", "sklearn", "tqdm"})
        assert not heavy, f"import emprox took {seconds:.2f} s and loads {sorted(heavy)}"

    # scikit-learn loads pandas where it is installed, so what is loaded says nothing about these.
    def test_light_subpackages_do_without_torch(self):
        light = [name for name in PUBLIC_MODULES if layer_of(name) in WITHOUT_TORCH]
        assert light
        run_import(*light, without=OPTIONAL | TORCH)

    def test_all_modules_do_without_what_is_optional(self):
        modules = [module_of(file) for file in FILES if not file.endswith("/__main__.py")]
        assert modules
        # Raises AssertionError with what was imported if one of them needs more.
        run_import(*modules, without=OPTIONAL)

    def test_a_missing_package_is_noticed(self):
        with pytest.raises(AssertionError, match="sklearn counts as not installed"):
            run_import("emprox.metrics", without={"sklearn"})


def imports(source, module, *, is_package):
    """Yield the line and the absolute dotted name of everything that a module imports."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            for alias in node.names:
                yield node.lineno, ".".join(filter(None, [*base, node.module, alias.name]))


def layer_of(name):
    """Return the layer of a dotted name; what is not in a layer comes from the package itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LAYERS else "emprox"


def is_private(part):
    return part.startswith("_") and not part.endswith("__")


def import_errors(source, file):
    """List what is wrong with the imports of a file, as "emprox/spaces/_base.py"."""
    module = module_of(file)
    layer = layer_of(module)
    if layer == "emprox" and module != "emprox":
        return [f"{file}: has no place in LAYERS, the order in which modules may import others"]
    to_the_left = set(LAYERS[: LAYERS.index(layer)])
    allowed = ONLY_FROM.get(layer, to_the_left) | {layer}

    errors = []
    for line, name in imports(source, module, is_package=file.endswith("/__init__.py")):
        root, *rest = name.split(".")
        reason = None
        if root == "emprox" and name != "emprox.__version__" and layer_of(name) not in allowed:
            reason = f"{layer} may import from {', '.join(sorted(allowed))} only"
        elif root == "sklearn" and layer != "utils" and any(map(is_private, rest)):
            reason = "only emprox/utils may import private names of scikit-learn"
        elif root in TORCH and layer in WITHOUT_TORCH:
            reason = f"{layer} does without torch"
        if reason:
            errors.append(f"{file}:{line}: imports {name}: {reason}")
    return errors


class TestImportsPointLeft:
    def test_something_was_collected(self):
        assert {"emprox/__init__.py", "emprox/metrics/_ranking.py"} <= set(FILES)

    @pytest.mark.parametrize("file", FILES)
    def test_imports(self, file):
        errors = import_errors(FILES[file].read_text(encoding="utf-8"), file)
        assert not errors, "\n".join(errors)

    @pytest.mark.parametrize(
        ("file", "source"),
        [
            ("emprox/__main__.py", "from .cli import main"),
            ("emprox/cli.py", "from emprox import __version__, make_emprox_pipeline"),
            ("emprox/datasets/_nasbench201.py", "from ..spaces import get_space"),
            ("emprox/metrics/_ranking.py", "from sklearn.utils import check_array"),
            ("emprox/spaces/__init__.py", "from ._base import SearchSpace"),
            ("emprox/spaces/_base.py", "import numpy as np\nfrom emprox import __version__"),
            ("emprox/spaces/_base.py", "from sklearn import __version__"),
            ("emprox/utils/_validation.py", "from sklearn.utils._tags import Tags"),
        ],
    )
    def test_allowed(self, file, source):
        assert import_errors(source, file) == []

    @pytest.mark.parametrize(
        ("file", "source", "name"),
        [
            ("emprox/__init__.py", "from . import cli", "emprox.cli"),
            ("emprox/datasets/_load.py", "from ..metrics import kendall_tau", "emprox.metrics.ken"),
            ("emprox/spaces/_base.py", "def f():\n    import torch.nn", "torch.nn"),
            ("emprox/utils/_checks.py", "import emprox.spaces._base", "emprox.spaces._base"),
        ],
    )
    def test_not_allowed(self, file, source, name):
        line = len(source.splitlines())
        (error,) = import_errors(source, file)
        assert error.startswith(f"{file}:{line}: imports {name}")

    def test_module_without_a_layer(self):
        (error,) = import_errors("", "emprox/_new.py")
        assert error.startswith("emprox/_new.py: has no place in LAYERS")
