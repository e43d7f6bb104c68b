"""PyTorch networks of the user's own in the commands that read files."""

import csv
import io
from itertools import count
from pathlib import Path

import pytest

from emprox import EmProxRegressor
from emprox.search import rank_architectures
from emprox.spaces import NetworkSpace

BUILD = """
from torch import nn

print("a word of the user's")

def build(name):
    if name == "missing":
        raise KeyError("there is none")
    if name == "number":
        return 3
    widths = [4, *map(int, name.split("-")), 2]
    return nn.Sequential(*(nn.Linear(n, m) for n, m in zip(widths, widths[1:])))

class Namespace:
    build = staticmethod(build)

value = 3
layer = nn.Linear(3, 4)
"""
KNOWN = ["3", "5", "9", "17", "3-3", "5-5", "9-9", "17-17", "3-9", "9-3"]
CANDIDATES = ["4", "7-7", "3-17", "30", "3"]
numbers = count()


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Write a module of the user's under a name of its own, and the files; return its function."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"models_of_mine_{next(numbers)}"
    Path(f"{name}.py").write_text(BUILD)
    rows = [f"{net},{70 + 3 * place}" for place, net in enumerate(KNOWN)]
    Path("known.csv").write_text("\n".join(["architecture,accuracy", *rows]))
    write_candidates(*CANDIDATES)
    return f"{name}:build"


def write_candidates(*names):
    rows = [f"{place},{name}" for place, name in enumerate(names)]
    Path("candidates.csv").write_text("\n".join(["id,architecture", *rows]))


def arguments(command, build, *more):
    files = ("--known", "known.csv", "--candidates", "candidates.csv", "--input-shape", "1,4")
    return (command, "--networks", build, *files, *more)


def learn(names):
    """Return the model that the command fits, and networks by name."""
    space, namespace = NetworkSpace((1, 4)), {}
    exec(BUILD, namespace)
    y = [70 + 3 * place for place in range(len(KNOWN))]
    model = EmProxRegressor(space, random_state=0).fit([*map(namespace["build"], KNOWN)], y)
    return model, [*map(namespace["build"], names)]


def read(text):
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    return header, rows


class TestResults:
    def test_predict(self, run, build):
        result = run(*arguments("predict", build))
        assert result.exit_code == 0, result.stderr
        header, rows = read(result.stdout)
        assert header == ["id", "architecture", "predicted_accuracy", "predicted_std"]
        assert [row[1] for row in rows] == CANDIDATES
        model, networks = learn(CANDIDATES)
        mean, std = model.predict(networks, return_std=True)
        assert [float(row[2]) for row in rows] == pytest.approx(mean.tolist())
        assert [float(row[3]) for row in rows] == pytest.approx(std.tolist())
        assert result.stderr.endswith("Predicted 5 architectures from 10 known ones.\n")
        # What the user's code prints is no result.
        assert "a word of the user's" in result.stderr

    def test_rank(self, run, build):
        result = run(*arguments("rank", build, "--top", 3))
        assert result.exit_code == 0, result.stderr
        header, rows = read(result.stdout)
        assert header[:3] == ["id", "architecture", "score"]
        model, networks = learn(CANDIDATES)
        ranking = rank_architectures(model, networks, top=3, exclude=model.X_)
        assert [row[1] for row in rows] == [CANDIDATES[place] for place in ranking.indices]
        assert [float(row[2]) for row in rows] == pytest.approx(ranking.scores.tolist())

    def test_other_entries_and_columns(self, run, build):
        Path("known.csv").write_text(
            Path("known.csv").read_text().replace("architecture,accuracy", "net,top1")
        )
        Path("candidates.csv").write_text("net\n4\n")
        options = ("--architecture-column", "net", "--accuracy-column", "top1")
        entry = build.replace(":", ":Namespace.")
        result = run(*arguments("predict", entry, *options))
        assert result.exit_code == 0, result.stderr
        assert read(result.stdout)[1][0][0] == "4"

    def test_captured_networks_in_the_files(self, run, build):
        """Without a function, the column holds their JSON forms."""
        model, networks = learn(KNOWN)
        for name, header in (
            ("known.csv", "architecture,accuracy"),
            ("candidates.csv", "architecture"),
        ):
            with Path(name).open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(header.split(","))
                for place, network in enumerate(model.space_.networks):
                    writer.writerow([network.to_json(), 70 + 3 * place][: header.count(",") + 1])
        result = run(
            *("predict", "--space", "network", "--known", "known.csv"),
            *("--candidates", "candidates.csv"),
        )
        assert result.exit_code == 0, result.stderr
        predicted = [float(row[1]) for row in read(result.stdout)[1]]
        assert predicted == pytest.approx(model.predict(networks).tolist())


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("missing", ["('missing') fails (line 8 of", "KeyError: 'there is none'"]),
            ("number", ["('number') returned 3"]),
            ("three", ["('three') fails", "ValueError"]),
        ],
    )
    @pytest.mark.parametrize("command", ["predict", "rank"])
    def test_broken_names(self, run, build, command, name, words):
        write_candidates("4", name)
        result = run(*arguments(command, build))
        assert (result.exit_code, result.stdout) == (1, "")
        assert "candidates.csv, line 3, column 'architecture': " in result.stderr
        for word in words:
            assert word in result.stderr
        assert isinstance(result.exception, SystemExit)

    def test_broken_known_names(self, run, build):
        with Path("known.csv").open("a") as file:
            file.write("\nmissing,80\n")
        result = run(*arguments("predict", build))
        assert "known.csv, line 12, column 'architecture': " in result.stderr

    def test_broken_names_can_be_skipped(self, run, build):
        write_candidates("missing", "4", "number", "7-7")
        result = run(*arguments("rank", build, "--skip-broken"))
        assert result.exit_code == 0, result.stderr
        assert sorted(row[1] for row in read(result.stdout)[1]) == ["4", "7-7"]
        assert "2 of 4 candidates" in result.stderr

    def test_wrong_or_missing_shape(self, run, build):
        result = run(*arguments("predict", build, "--input-shape", "1,5"))
        assert result.exit_code == 1
        assert "known.csv, line 2" in result.stderr
        assert "fails on inputs" in result.stderr
        without = [
            each for each in arguments("predict", build) if each not in ("--input-shape", "1,4")
        ]
        result = run(*without)
        assert result.exit_code == 1
        assert "--input-shape" in result.stderr

    @pytest.mark.parametrize(
        ("entry", "word"),
        [
            ("no_such_module_of_mine:build", "no module 'no_such_module_of_mine'"),
            ("{module}:bild", "did you mean build?"),
            ("{module}:value", "{module}:value is 3"),
            ("{module}:layer", "{module}:layer is Linear("),
        ],
    )
    def test_entries(self, run, build, entry, word):
        module = build.partition(":")[0]
        result = run(*arguments("predict", entry.format(module=module)))
        assert (result.exit_code, result.stdout) == (1, "")
        assert word.format(module=module) in " ".join(result.stderr.split())

    @pytest.mark.parametrize(
        ("options", "word"),
        [
            (["--networks=m:build", "--space=nasbench201"], "either --space or --networks"),
            (["--space=nasbench201", "--input-shape=1,4"], "goes with --networks"),
            (["--networks=m:build", "--input-shape=1,x"], "no shape"),
            (["--networks=m:build", "--input-shape=1,0"], "no shape"),
            ([], "'--space', or '--networks'"),
        ],
    )
    def test_options(self, run, build, options, word):
        result = run("predict", "--known=known.csv", "--candidates=candidates.csv", *options)
        assert result.exit_code == 2
        assert word in " ".join(result.stderr.split())

    def test_nothing_to_draw_from(self, run, build):
        files = ("--known=known.csv", "--input-shape=1,4")
        result = run("rank", "--networks", build, *files, "--sample=5")
        assert result.exit_code == 2
        assert "cannot be drawn" in result.stderr

    def test_a_folder_that_is_current(self, start, build):
        """As the command is called by people: the module is found without any path."""
        process = start(*arguments("predict", build), stdout=-1)
        output, error = process.communicate()
        assert process.returncode == 0, error
        assert output.decode().splitlines()[0].startswith("id,architecture,predicted")
