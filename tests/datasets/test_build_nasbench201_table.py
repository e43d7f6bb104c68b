import gzip
import importlib.util
import pickle
import sys
import types
from pathlib import Path

import pytest

from emprox.datasets import load_nasbench201

TOOL = Path(__file__).parents[2] / "tools" / "build_nasbench201_table.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("build_nasbench201_table", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def source(monkeypatch):
    """Return the two classes of the package analog-nasbench, as far as they are pickled."""
    module = types.ModuleType("analognasbench.data")
    for name in ("Architecture", "DriftMeasurement"):
        setattr(module, name, type(name, (types.SimpleNamespace,), {"__module__": module.__name__}))
    monkeypatch.setitem(sys.modules, "analognasbench", types.ModuleType("analognasbench"))
    monkeypatch.setitem(sys.modules, "analognasbench.data", module)
    return module


def pickled_table(source, tool, **changes):
    """Pickle two cells; the accuracies of the first are 50.0004, 51, … and the drifts 60.1, …."""
    table = {}
    for cell, offset in [((4, 0, 3, 1, 4, 3), 0), ((0, 0, 0, 0, 0, 1), 10)]:
        values = {name: offset + 50.0004 + i for i, name in enumerate(tool.ACCURACIES)}
        for i, name in enumerate(tool.DRIFTS):
            values[name] = source.DriftMeasurement(value=offset + 60.1 + i, uncertainty=0.25)
        table[cell] = source.Architecture(architecture=cell, **(values | changes))
    return pickle.dumps(table)


def test_table_of_two_cells(tool, source):
    table = tool.format_table(tool.read_rows(pickled_table(source, tool)))
    header, *rows = gzip.decompress(table).decode().splitlines()
    assert header.split(",") == tool.HEADER
    assert load_nasbench201(target=tool.HEADER[1:]).target.shape == (15625, 21)
    assert sorted(rows)[1] == (
        "403143,50.0004,51.0004,52.0004,53.0004,54.0004,60.1,0.25,61.1,0.25,62.1,0.25,63.1,0.25,"
        "64.1,0.25,65.1,0.25,66.1,0.25,67.1,0.25"
    )
    assert sorted(rows)[0].startswith("000001,60.0004,61.0004,")
