import csv
import io
import os
import subprocess
from pathlib import Path

import pytest

from emprox import EmProxRegressor
from emprox.datasets import load_nasbench201
from emprox.search import rank_architectures
from emprox.spaces import get_space

RANK = ("rank", "--space=nasbench201", "--known=known.csv", "--chance-level=10")
FILE = (*RANK, "--candidates", "candidates.csv")
SPACE = get_space("nasbench201")
DONE = "Ranked {} architectures from 30 known ones, and wrote the best {}.\n"


@pytest.fixture
def files(files):
    """30 known cells and 300 candidates, among them the known ones; with notes to keep."""
    X, _ = load_nasbench201(return_X_y=True)
    with Path("candidates.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "architecture", "note"))
        writer.writerows((index, cell, f'n"{index},\nü') for index, cell in enumerate(X[:300]))
    return files


def learn(**parameters):
    X, y = load_nasbench201(return_X_y=True)
    parameters = {"chance_level": 10, "random_state": 0, **parameters}
    return EmProxRegressor("nasbench201", **parameters).fit(X[:30], y[:30])


def read(text):
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    return header, rows


def check(text, model, ranking):
    """Check that an output has the candidates' rows that are the best, and three columns more."""
    _, given = read(Path("candidates.csv").read_text("utf-8"))
    header, rows = read(text)
    assert header == ["id", "architecture", "note", "score", "predicted_accuracy", "predicted_std"]
    assert [row[:3] for row in rows] == [given[index] for index in ranking.indices]
    mean, std = model.predict(ranking.architectures, return_std=True)
    for column, expected in zip((3, 4, 5), (ranking.scores, mean, std), strict=True):
        assert [float(row[column]) for row in rows] == pytest.approx(expected.tolist(), rel=1e-9)


class TestRanking:
    def test_file(self, run, files):
        result = run(*FILE, "--output", "best.csv", "--top", 7)
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == DONE.format(300, 7)
        X, _ = load_nasbench201(return_X_y=True)
        model = learn()
        ranking = rank_architectures(model, X[:300], top=7, exclude=X[:30])
        check(Path("best.csv").read_text("utf-8"), model, ranking)
        assert not set(ranking.indices) & set(range(30))

    @pytest.mark.parametrize(
        "parameters",
        [
            {"n_neighbors": 3, "random_state": 7},
            {"recipe": "lstm"},
        ],
    )
    def test_parameters(self, run, files, parameters):
        X, _ = load_nasbench201(return_X_y=True)
        model = learn(**parameters)
        ranking = rank_architectures(model, X[:300], top=20, exclude=X[:30])
        options = [
            text
            for name, value in parameters.items()
            for text in (f"--{name.replace('_', '-')}", value)
        ]
        check(run(*FILE, "--top", 20, *options).stdout, model, ranking)

    def test_sample(self, run, files):
        model, known = learn(), load_nasbench201(return_X_y=True)[0][:30]
        ranking = rank_architectures(
            model, n_architectures=500, random_state=0, top=9, exclude=known
        )
        result = run(*RANK, "--sample", 500, "--top", 9)
        assert result.stderr == DONE.format(500, 9)
        header, rows = read(result.stdout)
        assert header == ["architecture", "score", "predicted_accuracy", "predicted_std"]
        assert [row[0] for row in rows] == ranking.architectures.tolist()
        scores = [float(row[1]) for row in rows]
        assert scores == pytest.approx(ranking.scores.tolist(), rel=1e-9)
        assert scores == sorted(scores, reverse=True)
        other = run(*RANK, "--sample", 500, "--top", 9, "--random-state", 1).stdout
        assert read(other)[1][0][0] != rows[0][0]

    def test_pipe(self, start, run, files):
        """What cannot be read twice, in and out."""
        process = start(
            *(*RANK, "--candidates", "-", "--n-jobs", 2),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        output, error = process.communicate(Path("candidates.csv").read_bytes())
        expected = DONE.format(300, 100).replace("\n", os.linesep)
        assert (process.returncode, error.decode()) == (0, expected)
        same = read(run(*FILE).stdout)[1]
        assert [row[:3] for row in read(output.decode())[1]] == [row[:3] for row in same]


class TestErrors:
    def test_skip_broken(self, run, files):
        with Path("candidates.csv").open("a") as file:
            file.write("300,no cell,\n301,|none~0|,\n")
        result = run(*FILE, "--skip-broken")
        warning, done = result.stderr.splitlines()
        assert warning.startswith("Warning: 2 of 302 candidates are no architectures of the space")
        assert f"{done}\n" == DONE.format(302, 100)
        Path("candidates.csv").write_text("architecture\nx\n")
        result = run(*FILE, "--skip-broken")
        assert read(result.stdout)[1] == []
        assert result.exit_code == 0

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ([], "Give either --candidates or --sample."),
            (["--sample", 5, "--candidates", "candidates.csv"], "Give either --candidates or --s"),
            (["--known", "-", "--candidates", "-"], "Only one of --known and --candidates"),
        ],
    )
    def test_usage(self, run, files, options, message):
        result = run(*RANK, *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
