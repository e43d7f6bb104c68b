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
ROOT = PACKAGE.parent
FILES = {path.relative_to(ROOT).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}

# The rooms of the code as the documentation draws them, from the top floor down.
DIAGRAM = (ROOT / "docs" / "developer" / "architecture.rst").read_text(encoding="utf-8")
DIAGRAM = DIAGRAM.split(".. code-block:: text")[1]
ROWS = re.findall(r"^    ([a-z_]+(?:, [a-z_]+)*)  +\S", DIAGRAM, flags=re.MULTILINE)
ROOMS = [room for row in ROWS for room in row.split(", ")][::-1]

OPTIONAL = {"matplotlib", "networkx", "pooch", "xgboost"}
TORCH = {"skorch", "torch"}
# The only rooms that may import torch.
WITH_TORCH = {"lstm", "networks", "predictors"}
# Neither is public: utils serves the other modules, and cli is the command.
NOT_API = ("emprox.utils", "emprox.cli")


def module_of(file):
    """Return the dotted name of the module in a file, as "emprox/spaces/_base.py"."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


PUBLIC_MODULES = sorted(
    module
    for module in map(module_of, FILES)
    if "._" not in module and not module.startswith(NOT_API)
)


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_names_are_there_and_listed(module):
    module = importlib.import_module(module)
    names = module.__all__
    assert len(names) == len(set(names))
    assert not [name for name in names if not hasattr(module, name)]
    assert set(names) <= set(dir(module))


def test_unknown_name():
    with pytest.raises(AttributeError, match="no_such_name"):
        emprox.no_such_name  # noqa: B018


IMPORT = """
import json, sys, time

class NotInstalled:
    def find_spec(name, *args):
        if name in {without}:
            raise ModuleNotFoundError(f"{{name}} counts as not installed", name=name)

sys.meta_path.insert(0, NotInstalled)
before = set(sys.modules)
import {modules}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def run_import(*modules, without=()):
    """Import modules in a fresh interpreter without some packages; return what was loaded."""
    code = IMPORT.format(modules=", ".join(modules), without=list(without))
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return {name.partition(".")[0] for name in json.loads(result.stdout)}


def test_emprox_loads_nothing_heavy():
    heavy = OPTIONAL | TORCH | {"click", "numpy", "pandas", "rich", "scipy", "sklearn"}
    assert not run_import("emprox") & heavy


def test_most_modules_do_without_torch():
    light = [name for name in PUBLIC_MODULES if room_of(name) not in WITH_TORCH]
    assert run_import(*light, without=OPTIONAL | TORCH).isdisjoint(OPTIONAL | TORCH)


def test_all_modules_do_without_what_is_optional():
    modules = [module_of(file) for file in FILES if not file.endswith("/__main__.py")]
    assert run_import(*modules, without=OPTIONAL).isdisjoint(OPTIONAL)


def imports(source, module, is_package):
    """Yield the absolute dotted name of everything that a module imports."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            for alias in node.names:
                yield ".".join(filter(None, [*base, node.module, alias.name]))


def room_of(name):
    """Return the room of a dotted name; what has none comes from the package itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "emprox"


@pytest.mark.parametrize("file", FILES)
def test_imports_point_one_way(file):
    module = module_of(file)
    room = room_of(module)
    assert room != "emprox" or module == "emprox", "add the room to docs/developer/architecture.rst"
    below = set(ROOMS[: ROOMS.index(room) + 1])
    source = FILES[file].read_text(encoding="utf-8")
    for name in imports(source, module, file.endswith("/__init__.py")):
        root, *rest = name.split(".")
        if root == "emprox":
            assert room_of(name) in below, f"{room} imports {name}, which lies above it"
        if root == "sklearn" and room != "utils":
            private = [part for part in rest if re.match(r"_(?!_)", part)]
            assert not private, f"private names of scikit-learn belong into utils: {name}"
        if root in TORCH:
            assert room in WITH_TORCH, f"{room} does without torch"
