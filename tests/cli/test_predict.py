import csv
import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from emprox import EmProxRegressor
from emprox.spaces import get_space

PREDICT = ("predict", "--space=nasbench201", "--known=known.csv", "--chance-level=10")
CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"


def expected(cells, **parameters):
    """What the Python API predicts for the candidates of the fixture ``files``."""
    X, y = cells
    parameters = {"chance_level": 10, "random_state": 0, **parameters}
    model = EmProxRegressor("nasbench201", **parameters).fit(X[:30], y[:30])
    return model.predict([*X[30:39], X[0]], return_std=True)


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def read(text):
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    return header, rows


def check_predictions(text, mean, std):
    """Check that an output is the candidates file with two columns more."""
    candidates, candidate_rows = read(Path("candidates.csv").read_text("utf-8"))
    header, rows = read(text)
    assert header == [*candidates, "predicted_accuracy", "predicted_std"]
    assert [row[:-2] for row in rows] == candidate_rows
    assert [float(row[-2]) for row in rows] == mean.tolist()
    assert [float(row[-1]) for row in rows] == std.tolist()


class TestPredictions:
    def test_file(self, run, files, cells):
        result = run(*PREDICT, "--candidates", "candidates.csv", "--output", "new.csv")
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == "Predicted 10 architectures from 30 known ones.\n"
        mean, std = expected(cells)
        check_predictions(Path("new.csv").read_text("utf-8"), mean, std)
        assert names() == ["candidates.csv", "known.csv", "new.csv"]

    def test_parameters(self, run, files, cells):
        options = ("--n-neighbors", 3, "--random-state", 7)
        result = run(*PREDICT, "--candidates", "candidates.csv", *options)
        check_predictions(result.stdout, *expected(cells, n_neighbors=3, random_state=7))

    @pytest.mark.parametrize("recipe", ["lstm", "paper"])
    def test_recipe(self, run, files, cells, recipe):
        result = run(*PREDICT, "--candidates", "candidates.csv", "--recipe", recipe)
        check_predictions(result.stdout, *expected(cells, recipe=recipe))

    def test_without_the_chance_level(self, run, files, cells):
        Path("known.csv").write_text(f"architecture,accuracy\n{cells[0][0]},{cells[1][0]}\n")
        result = run(*PREDICT[:-1], "--candidates", "candidates.csv")
        warning, done = result.stderr.splitlines()
        assert warning.startswith("Warning: ")
        assert "--chance-level" in warning
        assert done == "Predicted 10 architectures from 1 known ones."

    @pytest.mark.parametrize("n_known", [1, 5])
    def test_few_known(self, run, files, cells, n_known):
        X, y = cells
        Path("known.csv").write_text(
            "\n".join(["architecture,accuracy", *map("{},{}".format, X[:n_known], y[:n_known])])
        )
        result = run(*PREDICT, "--candidates", "candidates.csv")
        model = EmProxRegressor("nasbench201", chance_level=10, random_state=0)
        model.fit(X[:n_known], y[:n_known])
        assert result.exit_code == 0
        check_predictions(result.stdout, *model.predict([*X[30:39], X[0]], return_std=True))

    @pytest.mark.parametrize("piped", ["known", "candidates"])
    def test_standard_input_and_output(self, run, files, cells, piped):
        sources = {"known": "known.csv", "candidates": "candidates.csv"}
        data = Path(sources[piped]).read_bytes()
        sources[piped] = "-"
        options = [f"--{name}={source}" for name, source in sources.items()]
        result = run("predict", "--space=nasbench201", "--chance-level=10", *options, input=data)
        check_predictions(result.stdout, *expected(cells))
        assert result.stderr == "Predicted 10 architectures from 30 known ones.\n"

    def test_pipe(self, start, files, cells):
        with Path("candidates.csv").open("rb") as candidates:
            process = start(*PREDICT, "--candidates", "-", stdin=candidates, stdout=subprocess.PIPE)
            output, error = process.communicate()
        assert (process.returncode, error) == (
            0,
            b"Predicted 10 architectures from 30 known ones." + os.linesep.encode(),
        )
        check_predictions(output.decode(), *expected(cells))

    def test_columns_and_forms_of_other_programs(self, run, files, cells):
        """A BOM, Windows line ends, empty lines, other names, cells as tuples."""
        space = get_space("nasbench201")
        X, y = cells
        tuples = [tuple(row) for row in space.encode(list(X)).tolist()]
        lines = [f'{accuracy}, "{cell}"' for cell, accuracy in zip(tuples, y, strict=True)]
        assert lines[0].count(",") == 6
        lines = [line.replace(", ", ",", 1) for line in lines]
        known = "\r\n".join(["val_accs,net", *lines[:15], "", *lines[15:30], "", ""])
        Path("nets.csv").write_bytes(b"\xef\xbb\xbf" + known.encode())
        candidates = ["net", *(f'"{cell}"' for cell in [*tuples[30:39], tuples[0]])]
        columns = ("--architecture-column", "net", "--accuracy-column", "val_accs")
        result = run(
            *("predict", "--space=nasbench201", "--known=nets.csv", "--candidates=-"),
            *("--chance-level=10", *columns),
            input="\ufeff" + "\n".join(candidates),
        )
        header, rows = read(result.stdout)
        assert header == ["net", "predicted_accuracy", "predicted_std"]
        assert [float(row[1]) for row in rows] == expected(cells)[0].tolist()


OPEN = {  # for each open space: the known file, candidates, and how Python reads the latter
    "sequence": (
        ["kernel,act,accuracy", "3,relu,80", "5,gelu,85", "7,relu,90", "7,,88"],
        ["id,act,kernel", "a,gelu,7", "b,,5", "c,relu,3"],
        [{"kernel": 7, "act": "gelu"}, {"kernel": 5, "act": None}, {"kernel": 3, "act": "relu"}],
    ),
    "dag": (
        [
            "architecture,accuracy",
            *(
                f'"{{""operations"": [""in"", ""{name}""], ""edges"": [[0, 1]]}}",{accuracy}'
                for name, accuracy in [("conv", 80), ("pool", 70), ("linear", 60)]
            ),
        ],
        ["architecture", '"{""operations"": [""in"", ""pool""], ""edges"": [[0, 1]]}"'],
        [{"operations": ["in", "pool"], "edges": [[0, 1]]}],
    ),
}


@pytest.mark.parametrize("space", OPEN)
class TestOpenSpaces:
    @pytest.fixture(autouse=True)
    def write(self, space, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name, lines in zip(("known.csv", "candidates.csv"), OPEN[space], strict=False):
            Path(name).write_text("\n".join(lines))

    def test_predict(self, run, space):
        result = run(
            *("predict", "--space", space, "--known", "known.csv"),
            *("--candidates", "candidates.csv"),
        )
        assert (result.exit_code, result.exception) == (0, None)
        X = [json.loads(row[0]) for row in read(Path("known.csv").read_text())[1][:3]]
        y = [float(row[-1]) for row in read(Path("known.csv").read_text())[1]]
        if space == "sequence":
            X = [{"kernel": 3, "act": "relu"}, {"kernel": 5, "act": "gelu"}]
            X += [{"kernel": 7, "act": "relu"}, {"kernel": 7, "act": None}]
        model = EmProxRegressor(space, random_state=0).fit(X, y)
        predicted = [float(row[-2]) for row in read(result.stdout)[1]]
        assert predicted == model.predict(OPEN[space][2]).tolist()

    def test_rank(self, run, space):
        result = run("rank", "--space", space, "--known", "known.csv", "--sample", 50, "--top", 3)
        assert (result.exit_code, result.exception) == (0, None)
        assert 1 <= len(read(result.stdout)[1]) <= 3

    def test_what_was_not_learned(self, run, space):
        text = Path("candidates.csv").read_text().replace("gelu", "mish").replace("pool", "mish")
        result = run(
            *("predict", "--space", space, "--known", "known.csv", "--candidates", "-"),
            input=text,
        )
        if result.exit_code:
            assert result.stderr.startswith("Error: standard input, line 2")
            assert "mish" in result.stderr
            assert result.stderr.count("\n") == 1
        assert not isinstance(result.exception, Exception)

    def test_other_columns(self, run, space):
        result = run(
            *("predict", "--space", space, "--known", "known.csv", "--candidates", "-"),
            input="something\nelse\n",
        )
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("Error: standard input, line 1: no column ")


BROKEN = {  # what is in the file, where and what is wrong with it
    "empty": ("", ": ", "empty"),
    "blank": ("\n\n", ": ", "empty"),
    "only a header": ("architecture,accuracy\n", ", line 1: ", "no rows"),
    "no header": (f"{CELL},1\n{CELL},1\n", ", line 1: ", "no column"),
    "duplicate column": (
        f"\naccuracy,architecture,accuracy\n1,{CELL},2\n",
        *(", line 2, column 'accuracy': ", "twice"),
    ),
    "missing column": (
        f"architectures,accuracy\n{CELL},1\n",
        *(", line 1: ", "Did you mean 'architectures'? Choose one with --architecture-column."),
    ),
    "too many fields": (
        f"architecture,accuracy\n{CELL},1\n(4, 0, 3, 1, 1, 2),1\n",
        *(", line 3: 7 ", "quotes"),
    ),
    "too few fields": (f"architecture,accuracy\n{CELL}\n", ", line 2: 1 ", "quotes"),
    "open quote": (
        f'architecture,accuracy\n{CELL},1\n"{CELL},1\n{CELL},1\n',
        *(", line 3: ", "CSV"),
    ),
    "Latin-1": (
        f"architecture,accuracy\n{CELL},1\ncaf\xe9,1\n".encode("latin-1"),
        *(", line 3: ", "UTF-8"),
    ),
    "UTF-16": (f"architecture,accuracy\n{CELL},1\n".encode("utf-16"), ", line 1: ", "UTF-8"),
    "malformed architecture": (
        f'architecture,accuracy\n"{CELL}\n",1\n|none~0|,1\n',
        *(", line 4, column 'architecture': ", "none~0"),
    ),
    "unknown operation": (
        f"architecture,accuracy\n{CELL},1\n{CELL.replace('3x3', '5x5')},1\n",
        *(", line 3, column 'architecture': ", "nor_conv_5x5"),
    ),
}


class TestErrors:
    def check(self, result, place, word=""):
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"Error: {place}")
        assert word in result.stderr
        assert result.stderr.count("\n") == 1
        assert isinstance(result.exception, SystemExit)
        assert names() == ["candidates.csv", "known.csv"]

    @pytest.mark.parametrize("broken", BROKEN)
    @pytest.mark.parametrize("name", ["known.csv", "candidates.csv"])
    @pytest.mark.parametrize("command", ["predict", "rank"])
    def test_broken_file(self, run, files, broken, name, command):
        content, place, word = BROKEN[broken]
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
        result = run(command, *PREDICT[1:], "--candidates=candidates.csv", "--output=new.csv")
        self.check(result, f"{name}{place}", word)

    @pytest.mark.parametrize(
        "text", ["", " ", "nan", "-inf", "1e999", "91%", '"91,5"', "9_1", "1" * 400]
    )
    def test_broken_accuracy(self, run, files, text):
        with Path("known.csv").open("a") as file:
            file.write(f"\n{CELL},{text}\n{CELL},1\n")
        result = run(*PREDICT, "--candidates", "candidates.csv")
        self.check(result, "known.csv, line 33, column 'accuracy': ", "finite number")

    @pytest.mark.parametrize("command", ["predict", "rank"])
    def test_predicted_already(self, run, files, command):
        data = f"architecture,predicted_std\n{CELL},1\n"
        result = run(command, *PREDICT[1:], "--candidates", "-", input=data)
        self.check(result, "standard input, line 1, column 'predicted_std': ")

    def test_fewer_known_than_neighbors(self, run, files):
        result = run(*PREDICT, "--candidates", "candidates.csv", "--n-neighbors", "32")
        self.check(result, "known.csv: ", "32")

    def test_missing_file_or_folder(self, run, files):
        self.check(run(*PREDICT, "--candidates", "none.csv"), "none.csv: ", "No such file")
        self.check(run(*PREDICT, "--candidates", "."), ".: ", "directory")

    @pytest.mark.parametrize(
        ("options", "word"),
        [
            (["--space", "nasbench20"], "nasbench201"),
            (["--known", "-", "--candidates", "-"], "standard input"),
            (["--n-neighbors", "0"], "0"),
            (["--recipe", "lsmt"], "'lstm'"),
            (["--chance-level", "ten"], "ten"),
            (["--random-state", "-1"], "-1"),
        ],
    )
    def test_usage(self, run, files, options, word):
        result = run(*PREDICT, "--candidates", "candidates.csv", *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert word in result.stderr

    def test_chance_level_that_is_no_number(self, run, files):
        result = run(*PREDICT, "--candidates", "candidates.csv", "--chance-level", "nan")
        self.check(result, "known.csv: ", "nan")
