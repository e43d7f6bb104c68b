import gzip
import hashlib
import importlib.metadata
import importlib.util
import pickle
import sys
import types
import zipfile
from pathlib import Path

import pytest

import emprox
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


def test_same_input_gives_the_same_bytes(tool, source, tmp_path, monkeypatch, capsys):
    pickled = pickled_table(source, tool)
    monkeypatch.setattr(tool, "SHA256", hashlib.sha256(pickled).hexdigest())
    data, wheel = tmp_path / "data.anb", tmp_path / "package.whl"
    data.write_bytes(pickled)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("analognasbench/data.anb", pickled)
    outputs = [tmp_path / "first.csv.gz", tmp_path / "second.csv.gz"]
    for path, output in zip([data, wheel], outputs, strict=True):
        tool.main([str(path), str(output)])
        assert "2 cells" in capsys.readouterr().out
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_wrong_input_is_refused_unread(tool, tmp_path):
    path, output = tmp_path / "data.anb", tmp_path / "table.csv.gz"
    path.write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(SystemExit, match=f"expected a data.anb of sha256 {tool.SHA256}.*{found}"):
        tool.main([str(path), str(output)])
    assert not output.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ptq_accuracy": float("nan")}, "not percentages"),
        ({"ptq_accuracy": 100.5}, "not percentages"),
        ({"ptq_accuracy": "10 %"}, "not percentages"),
        ({"architecture": (0, 0, 0, 0, 0, 0)}, "not a NAS-Bench-201 cell"),
    ],
)
def test_unexpected_content(tool, source, changes, message):
    pickled = pickle.dumps(
        {
            cell: source.Architecture(**(vars(record) | changes))
            for cell, record in pickle.loads(pickled_table(source, tool)).items()
        }
    )
    with pytest.raises(ValueError, match=message):
        tool.read_rows(pickled)


def test_no_other_class_is_allowed(tool):
    with pytest.raises(pickle.UnpicklingError, match=r"it asks for types\.SimpleNamespace"):
        tool.read_rows(pickle.dumps({(0,) * 6: types.SimpleNamespace()}))


def test_numbers_keep_their_precision(tool):
    numbers = (10.0, 59.22560000000001, 91.80559, 0.25, 100.0, 0.0)
    texts = ["10", "59.2256", "91.80559", "0.25", "100", "0"]
    assert list(map(tool.format_number, numbers)) == texts
    with pytest.raises(ValueError, match="more than 5 decimals"):
        tool.format_number(1 / 3)


def test_bundled_table_is_what_the_tool_makes(tool):
    try:
        package = importlib.metadata.distribution("analog-nasbench")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("analog-nasbench is not installed, so that its data cannot be converted again")
    pickled = tool.read_source(Path(package.locate_file("analognasbench/data.anb")))
    assert hashlib.sha256(pickled).hexdigest() == tool.SHA256
    bundled = Path(emprox.__file__).parent / "datasets" / "data" / "nasbench201_analog.csv.gz"
    # Not the compressed bytes, which another zlib makes differently
    table = tool.format_table(tool.read_rows(pickled))
    assert gzip.decompress(table) == gzip.decompress(bundled.read_bytes())
    assert bundled.stat().st_size < 1_000_000
