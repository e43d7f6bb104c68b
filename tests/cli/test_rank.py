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

RANK = ("rank", "--space", "nasbench201", "--known", "known.csv")
FILE = (*RANK, "--candidates", "candidates.csv")
SPACE = get_space("nasbench201")
CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"
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
    model = EmProxRegressor(**{"space": "nasbench201", "random_state": 0, **parameters})
    return model.fit(X[:30], y[:30])


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

    def test_include_known(self, run, files):
        X, _ = load_nasbench201(return_X_y=True)
        model = learn()
        ranking = rank_architectures(model, X[:300], top=300)
        result = run(*FILE, "--include-known", "--top", 300)
        check(result.stdout, model, ranking)
        assert set(ranking.indices) & set(range(30))
        assert result.stderr == DONE.format(300, len(ranking.indices))

    @pytest.mark.parametrize(
        "parameters",
        [
            {"n_neighbors": 3, "random_state": 7},
            {"chance_level": 10.0},
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

    @pytest.mark.parametrize("piped", ["known", "candidates"])
    def test_standard_input(self, run, files, piped):
        sources = {"known": "known.csv", "candidates": "candidates.csv"}
        data = Path(sources[piped]).read_bytes()
        sources[piped] = "-"
        options = [f"--{name}={source}" for name, source in sources.items()]
        result = run("rank", "--space=nasbench201", *options, input=data)
        assert result.stdout == run(*FILE).stdout

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

    def test_columns_and_forms_of_other_programs(self, run, files):
        """A BOM, Windows line ends, empty lines, other names, cells as tuples."""
        header, rows = read(Path("candidates.csv").read_text("utf-8"))
        assert header[1] == "architecture"
        tuples = [tuple(row) for row in SPACE.encode([row[1] for row in rows]).tolist()]
        lines = ["net", *(f'"{cell}"' for cell in tuples)]
        lines[5:5] = ["", ""]
        known = Path("known.csv").read_text().replace("architecture", "net", 1)
        Path("known.csv").write_text(known)
        data = "\ufeff" + "\r\n".join(lines)
        result = run(*RANK, "--candidates", "-", "--architecture-column", "net", input=data)
        known = Path("known.csv").read_text().replace("net", "architecture", 1)
        Path("known.csv").write_text(known)
        expected = [row[1] for row in read(run(*FILE).stdout)[1]]
        found = [row[0] for row in read(result.stdout)[1]]
        assert SPACE.encode(found).tolist() == SPACE.encode(expected).tolist()


BROKEN = {  # what is in the file of candidates, and the message after its name
    "empty": ("", ": the file is empty; a header with the names of the columns is needed"),
    "only a header": ("architecture\n", ", line 1: no rows below the header"),
    "duplicate column": ("id,id\n1,2\n", ", line 1, column 'id': this column is there twice"),
    "missing column": (
        f"architectures\n{CELL}\n",
        ", line 1: no column 'architecture'; there are 'architectures'. Did you mean"
        " 'architectures'? Choose one with --architecture-column.",
    ),
    "too many fields": (
        f"architecture\n{CELL}\n(4, 0, 3, 1, 1, 2)\n",
        ", line 3: 6 field(s), but the header has 1 (a field with a comma in it has to be in"
        ' quotes: "a,b")',
    ),
    "open quote": (
        f'architecture\n{CELL}\n"{CELL}\n{CELL}\n',
        ", line 3: not well-formed CSV: unexpected end of data",
    ),
    "not UTF-8": (
        f"architecture\n{CELL}\ncaf\xe9\n".encode("latin-1"),
        ", line 3: not in UTF-8; save the file in that encoding",
    ),
    "malformed architecture": (
        f'note,architecture\n"a\nb",{CELL}\n"a\nb",|none~0|\n',
        ", line 4, column 'architecture': '|none~0|' has 1 nodes",
    ),
    "column of the output": (
        f"architecture,score\n{CELL},1\n",
        ", line 1, column 'score': the output gets a column of this name",
    ),
}


class TestErrors:
    @pytest.mark.parametrize("broken", BROKEN)
    def test_broken_candidates(self, run, files, broken):
        content, message = BROKEN[broken]
        Path("candidates.csv").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
        result = run(*FILE, "--output", "best.csv")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"Error: candidates.csv{message}")
        assert result.stderr.count("\n") == 1
        assert not Path("best.csv").exists()

    def test_broken_known(self, run, files):
        Path("known.csv").write_text(f"architecture,accuracy\n{CELL},1\nx,1\n")
        result = run(*FILE)
        assert result.stderr.startswith("Error: known.csv, line 3, column 'architecture': 'x' has")

    @pytest.mark.filterwarnings("always")
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

    def test_missing_file(self, run, files):
        result = run(*RANK, "--candidates", "none.csv")
        assert result.stderr == "Error: none.csv: cannot be read: No such file or directory\n"

    def test_folder(self, run, files):
        result = run(*RANK, "--candidates", ".")
        assert result.stderr == "Error: .: cannot be read: Is a directory\n"

    @pytest.mark.parametrize("output", ["known.csv", "candidates.csv"])
    def test_output_is_an_input(self, run, files, output):
        result = run(*FILE, "--output", output)
        assert result.stderr == f"Error: {output} is an input too; write to another file\n"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ([], "Give either --candidates or --sample."),
            (["--sample", 5, "--candidates", "candidates.csv"], "Give either --candidates or --s"),
            (["--known", "-", "--candidates", "-"], "Only one of --known and --candidates"),
            (["--sample", 0], "0 is not in the range x>=1"),
            (["--sample", 5, "--top", 0], "0 is not in the range x>=1"),
            (["--sample", 5, "--n-jobs", 0], "0 is not in the range x>=1"),
            (["--sample", 5, "--recipe", "?"], "'?' is not one of 'best', 'lstm', 'paper'"),
            (["--sample", 5, "--chance-level", "inf"], "inf is not a finite number"),
        ],
    )
    def test_usage(self, run, files, options, message):
        result = run(*RANK, *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
