import re
import sys
from pathlib import Path

import pytest
from sklearn.model_selection import train_test_split

from emprox import make_emprox_pipeline
from emprox.datasets import load_imagenet_networks, load_nasbench201
from emprox.metrics import regression_report

SMALL = ("demo", "--n-known", 30)
BEST = re.compile(r"^(\|\S+\|) +([\d.]+) +([\d.]+) +(\d+)$", flags=re.MULTILINE)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def check_networks(of_networks):
    """Check what is said of real networks, which are predicted from those of other families."""
    counts = re.match(r"(\d+) networks of timm .* (\d+) others", of_networks)
    assert sum(map(int, counts.groups())) == 421
    (tau,) = re.findall(r"^kendall tau +([\d.]+)$", of_networks, flags=re.MULTILINE)
    assert float(tau) > 0.6
    data = load_imagenet_networks()
    top1 = {
        f"{model} at {size}": accuracy
        for model, size, accuracy in zip(data.model, data.image_size, data.target, strict=True)
    }
    rows = re.findall(r"^(\S+in1k\S* at \d+) +([\d.]+) +([\d.]+) +\d+$", of_networks, re.MULTILINE)
    assert len(rows) == 10
    for name, predicted, true in rows:
        assert true == f"{top1[name]:.2f}"
        assert abs(float(predicted) - top1[name]) < 5


def test_numbers_are_those_of_the_python_api(run):
    result = run(*SMALL, "--random-state", 3)
    assert (result.exit_code, result.stderr) == (0, "")
    of_networks, _, of_cells = result.stdout.partition("30 cells of NAS-Bench-201")
    check_networks(of_networks)
    assert "not the official ones" in of_cells
    X, y = load_nasbench201(return_X_y=True)
    X_known, X_new, y_known, y_new = train_test_split(
        X, y, train_size=30, test_size=1000, random_state=3
    )
    model = make_emprox_pipeline("nasbench201", chance_level=10, random_state=3)
    report = regression_report(y_new, model.fit(X_known, y_known).predict(X_new), k=10)
    for name, value in report.items():
        (line,) = (
            x
            for x in of_cells.splitlines()
            if x.startswith(name.removesuffix("_k").replace("_", " "))
        )
        assert line.split()[-1] == f"{value:.3f}"
    rows = BEST.findall(of_cells)
    assert len({cell for cell, *_ in rows}) == len(rows) == 10
    predicted = [float(row[1]) for row in rows]
    assert predicted == sorted(predicted, reverse=True)
    table = dict(zip(X_new, y_new, strict=True))
    for cell, _, true, place in rows:
        assert true == f"{table[cell]:.2f}"
        assert place == f"{1 + (y_new > table[cell]).sum()}"


def test_pictures(run):
    result = run(*SMALL, "--output", "a/b")
    assert (result.exit_code, result.stderr) == (0, "")
    names = "networks-predicted-against-true.png", "predicted-against-true.png", "embedding.png"
    paths = [Path("a/b") / name for name in names]
    assert result.stdout.endswith("\nPictures:\n" + "".join(f"  {path}\n" for path in paths))
    assert sorted(Path("a/b").iterdir()) == sorted(paths)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_without_matplotlib(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run(*SMALL)
    assert result.exit_code == 0
    assert "emprox[plot]" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not any(Path().iterdir())


def test_wrong_use(run):
    Path("file").touch()
    result = run(*SMALL, "--output", "file/folder")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "file" in result.stderr
    assert result.stderr.count("\n") == 1
    assert run("demo", "--n-known", 9).exit_code == 2
