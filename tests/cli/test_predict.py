import csv
import io
import os
import subprocess
from pathlib import Path

import pytest

from emprox import EmProxRegressor
from emprox.spaces import get_space

PREDICT = ("predict", "--space", "nasbench201", "--known", "known.csv")
CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"


def expected(cells, **parameters):
    """What the Python API predicts for the candidates of the fixture ``files``."""
    X, y = cells
    parameters = {"space": "nasbench201", "random_state": 0, **parameters}
    model = EmProxRegressor(**parameters).fit(X[:30], y[:30])
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
        # The last candidate is known: it gets the mean of the known ones with its canonical form.
        key = get_space("nasbench201").isomorphism_key
        X, y = (values[:30] for values in cells)
        same = [key(cell) == key(X[0]) for cell in X]
        assert mean[-1] == pytest.approx(y[same].mean(), abs=1e-9)
        assert std[0] > 0
        assert names() == ["candidates.csv", "known.csv", "new.csv"]

    def test_parameters(self, run, files, cells):
        options = ("--n-neighbors", 3, "--random-state", 7)
        result = run(*PREDICT, "--candidates", "candidates.csv", *options)
        check_predictions(result.stdout, *expected(cells, n_neighbors=3, random_state=7))

    @pytest.mark.parametrize("recipe", ["lstm", "paper"])
    def test_recipe(self, run, files, cells, recipe):
        result = run(*PREDICT, "--candidates", "candidates.csv", "--recipe", recipe)
        check_predictions(result.stdout, *expected(cells, recipe=recipe))

    def test_chance_level(self, run, files, cells):
        result = run(*PREDICT, "--candidates", "candidates.csv", "--chance-level", 10)
        with_anchor = expected(cells, chance_level=10)
        check_predictions(result.stdout, *with_anchor)
        assert (with_anchor[0] != expected(cells)[0]).any()

    @pytest.mark.parametrize("piped", ["known", "candidates"])
    def test_standard_input_and_output(self, run, files, cells, piped):
        sources = {"known": "known.csv", "candidates": "candidates.csv"}
        data = Path(sources[piped]).read_bytes()
        sources[piped] = "-"
        options = [f"--{name}={source}" for name, source in sources.items()]
        result = run("predict", "--space=nasbench201", *options, input=data)
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
            *("predict", "--space", "nasbench201", "--known", "nets.csv", "--candidates", "-"),
            *columns,
            input="\ufeff" + "\n".join(candidates),
        )
        header, rows = read(result.stdout)
        assert header == ["net", "predicted_accuracy", "predicted_std"]
        assert [float(row[1]) for row in rows] == expected(cells)[0].tolist()


BROKEN = {  # what is in the file, and the message; {file} is its name
    "empty": ("", "{file}: the file is empty; a header with the names of the columns is needed"),
    "blank": (
        "\n\n",
        "{file}: the file is empty; a header with the names of the columns is needed",
    ),
    "only a header": ("architecture,accuracy\n", "{file}, line 1: no rows below the header"),
    "duplicate column": (
        f"\naccuracy,architecture,accuracy\n1,{CELL},2\n",
        "{file}, line 2, column 'accuracy': this column is there twice",
    ),
    "missing column": (
        f"architectures,accuracy\n{CELL},1\n",
        "{file}, line 1: no column 'architecture'; there are 'architectures', 'accuracy'."
        " Did you mean 'architectures'? Choose one with --architecture-column.",
    ),
    "too many fields": (
        f"architecture,accuracy\n{CELL},1\n(4, 0, 3, 1, 1, 2),1\n",
        "{file}, line 3: 7 field(s), but the header has 2"
        ' (a field with a comma in it has to be in quotes: "a,b")',
    ),
    "too few fields": (
        f"architecture,accuracy\n{CELL}\n",
        "{file}, line 2: 1 field(s), but the header has 2"
        ' (a field with a comma in it has to be in quotes: "a,b")',
    ),
    "open quote": (
        f'architecture,accuracy\n{CELL},1\n"{CELL},1\n{CELL},1\n',
        "{file}, line 3: not well-formed CSV: unexpected end of data",
    ),
    "not UTF-8": (
        f"architecture,accuracy\n{CELL},1\ncaf\xe9,1\n".encode("latin-1"),
        "{file}, line 3: not in UTF-8; save the file in that encoding",
    ),
    "malformed architecture": (
        f'architecture,accuracy\n"{CELL}\n",1\n|none~0|,1\n',
        "{file}, line 4, column 'architecture': '|none~0|' has 1 nodes",
    ),
    "unknown operation": (
        f"architecture,accuracy\n{CELL},1\n{CELL.replace('3x3', '5x5')},1\n",
        "{file}, line 3, column 'architecture': unknown operation 'nor_conv_5x5'",
    ),
}
BROKEN_ACCURACIES = {
    "": "is empty",
    " ": "is empty",
    "nan": "'nan' is not a finite number",
    "-inf": "'-inf' is not a finite number",
    "1e999": "'1e999' is not a finite number",
    "91%": "'91%' is not a finite number",
    '"91,5"': "'91,5' is not a finite number",
    "9_1": "'9_1' is not a finite number",
}


class TestErrors:
    def check(self, result, message):
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"Error: {message}")
        assert result.stderr.count("\n") == 1
        assert isinstance(result.exception, SystemExit)
        assert names() == ["candidates.csv", "known.csv"]

    @pytest.mark.parametrize("broken", BROKEN)
    @pytest.mark.parametrize("name", ["known", "candidates"])
    def test_broken_file(self, run, files, broken, name):
        content, message = BROKEN[broken]
        content = content if isinstance(content, bytes) else content.encode()
        Path(f"{name}.csv").write_bytes(content)
        arguments = (*PREDICT, "--candidates", "candidates.csv")
        self.check(run(*arguments, "--output", "new.csv"), message.format(file=f"{name}.csv"))

    @pytest.mark.parametrize("text", BROKEN_ACCURACIES)
    def test_broken_accuracy(self, run, files, text):
        with Path("known.csv").open("a") as file:
            file.write(f"\n{CELL},{text}\n{CELL},1\n")
        message = f"known.csv, line 33, column 'accuracy': {BROKEN_ACCURACIES[text]}\n"
        self.check(run(*PREDICT, "--candidates", "candidates.csv"), message)

    def test_missing_accuracies(self, run, files):
        result = run(*PREDICT, "--candidates", "candidates.csv", "--accuracy-column", "accurcy")
        self.check(
            result,
            "known.csv, line 1: no column 'accurcy'; there are 'architecture', 'accuracy'."
            " Did you mean 'accuracy'? Choose one with --accuracy-column.\n",
        )

    def test_standard_input(self, run, files):
        result = run(*PREDICT, "--candidates", "-", input=b"architecture\nx\n")
        self.check(result, "standard input, line 2, column 'architecture': 'x' has 1 nodes")

    def test_predicted_already(self, run, files):
        data = f"architecture,predicted_std\n{CELL},1\n"
        result = run(*PREDICT, "--candidates", "-", input=data)
        self.check(
            result,
            "standard input, line 1, column 'predicted_std': the output gets a column of this"
            " name\n",
        )

    def test_fewer_known_than_neighbors(self, run, files):
        result = run(*PREDICT, "--candidates", "candidates.csv", "--n-neighbors", "31")
        self.check(
            result,
            "known.csv: 30 known architecture(s) are too few for --n-neighbors 31; add some, or"
            " lower --n-neighbors\n",
        )

    def test_missing_file(self, run, files):
        result = run(*PREDICT, "--candidates", "none.csv")
        self.check(result, "none.csv: cannot be read: No such file or directory\n")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--space", "nasbench20"], "did you mean 'nasbench201'?"),
            (["--known", "-", "--candidates", "-"], "Only one of --known and --candidates"),
            (["--n-neighbors", "0"], "0 is not in the range x>=1"),
            (["--n-neighbors", "2.5"], "'2.5' is not a valid integer"),
            (["--recipe", "lsmt"], "'lsmt' is not one of 'best', 'lstm', 'paper'"),
            (["--chance-level", "nan"], "nan is not a finite number"),
            (["--random-state", "-1"], "-1 is not in the range"),
        ],
    )
    def test_usage(self, run, files, options, message):
        result = run(*PREDICT, "--candidates", "candidates.csv", *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
