import csv
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import emprox
from emprox.cli import main
from emprox.datasets import load_nasbench201


@pytest.fixture
def run():
    """Run the command in this process, with standard output and standard error apart."""
    # click before 8.2 mixes them unless told not to.
    options = (
        {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    )

    def run(*arguments, **kwargs):
        return CliRunner(**options).invoke(main, list(map(str, arguments)), **kwargs)

    return run


@pytest.fixture
def start():
    """Start the command in a process of its own."""
    processes = []
    path = os.pathsep.join(
        [str(Path(emprox.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    )

    def start(*arguments, **kwargs):
        process = subprocess.Popen(
            [sys.executable, "-m", "emprox", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": path},
            **{"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, **kwargs},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
            stream.close()


@pytest.fixture(scope="session")
def cells():
    """40 cells and their accuracies."""
    X, y = load_nasbench201(return_X_y=True)
    return X[:40], y[:40]


@pytest.fixture
def files(tmp_path, monkeypatch, cells):
    """A folder with 30 known cells and 10 candidates, of which the last equals a known one."""
    monkeypatch.chdir(tmp_path)
    X, y = cells
    notes = ["plain", "a,b", 'with "quotes"', "two\nlines", "", " ", "ü", "+", "|", "end"]
    rows = {
        "known.csv": [("architecture", "accuracy"), *zip(X[:30], y[:30], strict=True)],
        "candidates.csv": [
            ("id", "architecture", "note"),
            *zip(range(10), [*X[30:39], X[0]], notes, strict=True),
        ],
    }
    for name in rows:
        with Path(name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows[name])
    return tmp_path
