import errno
import os
import re
import sys
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest

from emprox import make_emprox_pipeline
from emprox.cli._demo import _break
from emprox.datasets import load_nasbench201
from emprox.metrics import regression_report

TERMINAL = {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "80", "TERM": "xterm"}
SMALL = ("demo", "--n-known", 40, "--n-candidates", 60)
CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|"
BEST = re.compile(r"^(\|\S+\|) +([\d.]+) +([\d.]+) +(\d+) +([\d,]+)$", flags=re.MULTILINE)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def table():
    X, y = load_nasbench201(return_X_y=True)
    return dict(zip(X, y, strict=True))


def values(output):
    """Read the table of metrics: for each a list with the numbers of the recipes."""
    rows = re.findall(r"^(\S.*?)((?: {2,}[\d.,-]+){1,2})  \S", output, flags=re.MULTILINE)
    return {name: numbers.split() for name, numbers in rows}


class TestTables:
    def test_metrics_are_those_of_the_python_api(self, run):
        result = run(*SMALL, "--no-plots", "--n-neighbors", 7, "--random-state", 3)
        assert (result.exit_code, result.stderr) == (0, "")
        X, y = load_nasbench201(return_X_y=True)
        order = np.random.default_rng(3).permutation(len(X))
        known, candidates = order[:40], order[40:100]
        reports = []
        for recipe, chance_level in (("best", 10), ("paper", None)):
            model = make_emprox_pipeline(
                "nasbench201", recipe, n_neighbors=7, chance_level=chance_level, random_state=3
            )
            predicted = model.fit(X[known], y[known]).predict(X[candidates])
            reports.append(regression_report(y[candidates], predicted))
        printed = values(result.stdout)
        assert list(printed)[: len(reports[0])] == [
            *("Kendall tau", "Spearman rho", "Pearson r"),
            *("Mean absolute error", "Root mean squared error", "Precision at 10", "Regret at 10"),
        ]
        for texts, *numbers in zip(printed.values(), *(r.values() for r in reports), strict=False):
            assert texts == [f"{number:.3f}" for number in numbers]
        assert len(printed["Fit"]) == 2
        assert all(float(seconds) >= 0 for seconds in printed["Fit"])
        total, each = (printed[f"Query, {of} cells"] for of in ("all 60", "per 1,000"))
        for milliseconds, scaled in zip(total, each, strict=True):
            assert float(scaled) == pytest.approx(float(milliseconds) * 1000 / 60, abs=1000 / 60)

    def test_best_cells(self, run, table):
        output = run(*SMALL, "--no-plots").stdout
        rows = BEST.findall(output)
        assert len({cell for cell, *_ in rows}) == len(rows) == 10
        predicted = [float(row[1]) for row in rows]
        assert predicted == sorted(predicted, reverse=True)
        accuracies = np.array(list(table.values()))
        for cell, _, true, rank, rank_of_all in rows:
            assert true == f"{table[cell]:.2f}"
            assert rank_of_all == f"{1 + (accuracies > table[cell]).sum():,}"
            assert 1 <= int(rank) <= 60
        by_rank = sorted((int(row[3]), -table[row[0]]) for row in rows)
        assert by_rank == sorted(by_rank, key=lambda pair: pair[1])

    def test_says_which_data(self, run):
        output = run(*SMALL, "--no-plots").stdout
        assert output.startswith("40 cells of NAS-Bench-201 with known accuracy, 60 others to ")
        assert "AnalogNAS-Bench, its digital baseline" in output
        assert "not the official ones" in output

    def test_same_seed_same_result(self, run):
        first, same, other = (
            BEST.findall(run(*SMALL, "--no-plots", "--random-state", seed).stdout)
            for seed in (0, 0, 1)
        )
        assert first == same != other

    def test_terminal_of_80_columns(self, run, table):
        output = run(*SMALL, "--no-plots", env=TERMINAL).stdout
        lines = output.splitlines()
        assert max(map(len, lines)) <= 80
        first = next(index for index, line in enumerate(lines) if line.startswith("|"))
        joined = "".join(line.split()[0] for line in lines[first:])
        assert sum(cell in joined for cell in table) == 10
        assert all(line[0] in "|+" for line in lines[first:])

    def test_ten_candidates(self, run):
        result = run("demo", "--n-known", 10, "--n-candidates", 10)
        assert (result.exit_code, result.stderr) == (0, "")
        assert sorted(int(row[3]) for row in BEST.findall(result.stdout))[0] == 1
        assert values(result.stdout)["Precision at 10"] == ["1.000", "1.000"]

    def test_paper(self, run):
        result = run(*SMALL, "--no-plots", "--recipe", "paper")
        assert result.exit_code == 0
        assert all(len(numbers) == 1 for numbers in values(result.stdout).values())
        assert BEST.findall(result.stdout) != BEST.findall(run(*SMALL, "--no-plots").stdout)

    @pytest.mark.parametrize("width", [None, 100, 48, 33, 17])
    def test_break(self, width):
        lines = _break(CELL, width).split("\n")
        assert "".join(lines) == CELL
        assert width is None or max(map(len, lines)) <= width
        assert all(line.endswith("|") for line in lines)
        # Between nodes as long as they fit.
        assert width in (33, 17) or all(line.startswith(("|", "+")) for line in lines)
        assert (len(lines) == 1) == (width in (None, 100))


class TestPictures:
    @pytest.mark.parametrize("options", [[], ["--output", "a/b"], ["--recipe", "lstm"]])
    def test_are_drawn(self, run, options):
        result = run(*SMALL, *options)
        assert (result.exit_code, result.stderr) == (0, "")
        folder = Path("a/b" if "a/b" in options else "emprox-demo")
        paths = [folder / "predicted-against-true.png", folder / "embedding.png"]
        assert result.stdout.endswith("\nPictures:\n" + "".join(f"  {path}\n" for path in paths))
        assert sorted(folder.iterdir()) == sorted(paths)
        for path in paths:
            data = path.read_bytes()
            assert data.startswith(b"\x89PNG")
            assert len(data) > 10_000

    def test_no_plots(self, run):
        result = run(*SMALL, "--no-plots")
        assert "Pictures" not in result.stdout
        assert not any(Path().iterdir())

    def test_without_matplotlib(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        result = run(*SMALL)
        assert result.exit_code == 0
        assert 'pip install "emprox[plot]"' in result.stderr
        assert result.stderr.count("\n") == 1
        assert len(BEST.findall(result.stdout)) == 10
        assert not any(Path().iterdir())

    def test_full_disk(self, run, monkeypatch):
        def write_half(figure, path, **kwargs):
            path.write_bytes(b"\x89PNG")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(matplotlib.figure.Figure, "savefig", write_half)
        result = run(*SMALL)
        assert result.exit_code == 1
        path = Path("emprox-demo", "predicted-against-true.png")
        assert result.stderr == f"Error: {path} cannot be written: No space left on device\n"
        assert not any(Path("emprox-demo").iterdir())

    def test_folder_that_cannot_be_made(self, run):
        Path("file").touch()
        result = run(*SMALL, "--output", "file/folder")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "cannot be written: Not a directory" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--n-known", 9], "9 is not in the range"),
        (["--n-neighbors", 41], "--n-neighbors 41 is more than --n-known 40."),
        (["--n-known", 15_600], "15,660 cells together, but there are only 15,625."),
        (["--n-candidates", 9], "9 is not in the range"),
        (["--recipe", "best!"], "'best!' is not one of"),
    ],
)
def test_usage(run, options, message):
    result = run(*SMALL, "--no-plots", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert isinstance(result.exception, SystemExit)
