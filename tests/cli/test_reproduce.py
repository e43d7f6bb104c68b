import csv
import errno
import json
import os
import signal
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from emprox.cli._reproduce import EXPERIMENTS
from emprox.model_selection import Evaluation
from emprox.reproduction import get_experiment, list_experiments

OFFLINE = ("--no-download", "--data-home", "no-data-here")
FAST = ("--predictors", "emprox-best,emprox-kriging")
SMALL = ("--trials", 2, "--train-size", 40, "--test-size", 50)
TABLE1 = ("reproduce", "table1", *OFFLINE, *FAST, *SMALL)
FOLDER = Path("emprox-reproduction", "table1")
FILES = ("report.html", "report.md", "results.csv", "trials.jsonl")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMPROX_DATA_HOME", raising=False)


def read_rows(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def finished(path):
    """Return the lines of a results file that hold a row."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [line for line in lines if b'"predictor"' in line]


class TestOutput:
    def test_says_first_which_data(self, run):
        result = run(*TABLE1, "--no-plots")
        assert (result.exit_code, result.stderr) == (0, "")
        head = result.stdout[: result.stdout.index("Do the paper's claims hold?")]
        text = " ".join(head.split())
        assert text.startswith(get_experiment("table1").title)
        assert "Data: These are not the paper's data. CIFAR-10 accuracies of all" in text
        assert "Why not the official ones:" in text
        # Only what is to be copied is longer than a line.
        long = [line.split() for line in head.splitlines() if len(line) > 80]
        assert [len(words) for words in long] == [1]
        assert long[0][0].startswith("https://")
        for name in ("report.md", "report.html"):
            report = (FOLDER / name).read_text(encoding="utf-8")
            assert report.index("Data: These are not") < report.index("claims hold?")

    def test_files(self, run):
        result = run(*TABLE1)
        assert (result.exit_code, result.stderr) == (0, "")
        pictures = ("fit-time.png", "kendall-tau.png")
        assert sorted(path.name for path in FOLDER.iterdir()) == sorted((*FILES, *pictures))
        for name in pictures:
            assert (FOLDER / name).read_bytes().startswith(b"\x89PNG")
        paths = [FOLDER / name for name in ("report.html", "report.md", "results.csv")]
        assert result.stdout.endswith("\nMore in:\n" + "".join(f"  {path}\n" for path in paths))

        rows = read_rows(FOLDER / "results.csv")
        assert [(row["predictor"], row["train_size"], row["trial"]) for row in rows] == [
            (name, "40", trial) for name in ("emprox-best", "emprox-kriging") for trial in "01"
        ]
        kept = Evaluation.from_file(FOLDER / "trials.jsonl")
        taus = [float(row["kendall_tau"]) for row in rows]
        assert taus == [row["kendall_tau"] for row in kept.rows]
        assert all(0.5 < tau < 1 for tau in taus)

        # Two trials: the mean and half of the difference times the square root of two.
        spread = f"{(taus[0] + taus[1]) / 2:.3f} ± {abs(taus[0] - taus[1]) / 2**0.5:.3f}"
        texts = [result.stdout] + [
            (FOLDER / name).read_text(encoding="utf-8") for name in ("report.md", "report.html")
        ]
        assert all(spread in text for text in texts)
        parser = HTMLParser()
        parser.feed(texts[2])
        parser.close()
        assert texts[2].startswith("<!DOCTYPE html>")
        assert texts[2].count("data:image/png;base64,") == 2
        assert "http" not in texts[2].replace("https://raw.githubusercontent.com", "")

    def test_no_plots(self, run):
        run(*TABLE1, "--no-plots", "--output", "a/b")
        assert sorted(path.name for path in Path("a/b").iterdir()) == sorted(FILES)
        assert "<img" not in Path("a/b/report.html").read_text(encoding="utf-8")

    def test_without_matplotlib(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        result = run(*TABLE1)
        assert result.exit_code == 0
        assert 'pip install "emprox[plot]"' in result.stderr
        assert sorted(path.name for path in FOLDER.iterdir()) == sorted(FILES)

    def test_terminal_of_80_columns(self, run):
        terminal = {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "80", "TERM": "xterm"}
        output = run(*TABLE1, "--no-plots", env=terminal).stdout
        table = output[output.index("Do the paper's claims hold?") :]
        assert max(map(len, table.splitlines())) <= 80

    def test_official_data(self, run, nasbench201_data_home):
        options = ("--data-home", nasbench201_data_home, *FAST, *SMALL, "--no-plots")
        result = run("reproduce", "table1", *options)
        assert result.exit_code == 0
        assert "Data: the official CIFAR-10 validation accuracies" in result.stdout

    @pytest.mark.parametrize(
        ("experiment", "options"),
        [
            ("table2", ("--predictors", "emprox-best", "--train-sizes", "20,40")),
            ("grid-search", ("--predictors", "h16-k5", "--train-size", "10", "--trials", 1)),
            ("figure5", ("--predictors", "emprox-best", "--train-size", "20")),
        ],
    )
    def test_other_experiments(self, run, experiment, options):
        small = ("--trials", 2, "--test-size", 50, "--no-plots")
        result = run("reproduce", experiment, *OFFLINE, *small, *options)
        assert (result.exit_code, result.stderr) == (0, "")
        folder = Path("emprox-reproduction") / experiment
        assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
        title = get_experiment(experiment).title
        assert result.stdout.startswith(title)
        assert (folder / "report.md").read_text(encoding="utf-8").startswith(f"# {title}\n")


class TestResume:
    ARGUMENTS = (
        *("reproduce", "table1", *OFFLINE, "--predictors", "emprox-best,emprox-k10"),
        *("--trials", 3, "--train-size", 60, "--test-size", 50, "--no-plots"),
    )

    def test_killed(self, run, start):
        """SIGKILL at a moment of its own choosing; the same command does what is missing."""
        process = start(*self.ARGUMENTS)
        file = FOLDER / "trials.jsonl"
        deadline = time.monotonic() + 120
        while len(finished(file)) < 2:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        before = finished(file)
        assert 2 <= len(before) < 6
        assert [path.name for path in FOLDER.iterdir()] == ["trials.jsonl"]

        result = run(*self.ARGUMENTS)
        assert (result.exit_code, result.stderr) == (0, "")
        after = finished(file)
        assert after[: len(before)] == before
        tasks = [(row["predictor"], row["trial"]) for row in map(json.loads, after)]
        assert len(tasks) == len(set(tasks)) == 6
        rows = read_rows(FOLDER / "results.csv")
        times = {(row["predictor"], int(row["trial"])): float(row["fit_seconds"]) for row in rows}
        assert {task: time for task, time in times.items() if task in tasks[: len(before)]} == {
            (row["predictor"], row["trial"]): row["fit_seconds"] for row in map(json.loads, before)
        }

    def test_finished(self, run):
        """The second time nothing is measured again."""
        first = run(*TABLE1, "--no-plots").stdout
        content = (FOLDER / "trials.jsonl").read_bytes()
        assert run(*TABLE1, "--no-plots").stdout == first
        assert (FOLDER / "trials.jsonl").read_bytes() == content

    def test_other_settings_in_the_same_folder(self, run):
        run(*TABLE1, "--no-plots")
        result = run(*TABLE1, "--no-plots", "--test-size", 60)
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
        assert (
            f"{FOLDER / 'trials.jsonl'} holds results of other data: test_size was 50"
            in result.stderr
        )
        assert result.stderr.endswith("choose another folder with --output\n")


class TestErrors:
    def test_full_disk_while_trials_are_written(self, run, monkeypatch):
        run(*TABLE1, "--no-plots")
        before = {path: path.read_bytes() for path in FOLDER.iterdir()}

        def full(descriptor):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        result = run(*TABLE1, "--no-plots", "--trials", 3)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {FOLDER / 'trials.jsonl'}: writing results failed")
        assert "No space left on device" in result.stderr
        assert result.stderr.count("\n") == 1
        assert {path: path.read_bytes() for path in FOLDER.iterdir()} == before

    @pytest.mark.parametrize("name", ["kendall-tau.png", "report.md", "report.html"])
    def test_full_disk_while_reports_are_written(self, run, monkeypatch, name):
        write = Path.write_bytes

        def write_half(path, data):
            if path.name != name:
                return write(path, data)
            write(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "write_bytes", write_half)
        result = run(*TABLE1)
        assert result.exit_code == 1
        expected = f"Error: {FOLDER / name} cannot be written: No space left on device\n"
        assert result.stderr == expected
        left = {path.name for path in FOLDER.iterdir()}
        assert name not in left
        assert not [path for path in left if path.startswith(".")]

    def test_folder_that_cannot_be_made(self, run):
        Path("file").touch()
        result = run(*TABLE1, "--no-plots", "--output", "file/folder")
        assert result.exit_code == 1
        assert result.stderr == "Error: file/folder cannot be written: Not a directory\n"

    def test_in_use(self, run, start):
        arguments = (*TestResume.ARGUMENTS[:-1], "--no-plots")
        process = start(*arguments)
        deadline = time.monotonic() + 120
        while not finished(FOLDER / "trials.jsonl"):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        result = run(*arguments)
        assert result.exit_code == 1
        assert "is in use by another evaluation" in result.stderr
        assert result.stderr.count("\n") == 1

    def test_darts_without_its_file(self, run):
        result = run("reproduce", "darts", *OFFLINE)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "9x_all.zip is missing" in result.stderr
        assert "save it as" in result.stderr
        assert "nothing could stand in" in result.stderr
        assert not any(Path().iterdir())

    def test_broken_file(self, run):
        Path("data").mkdir()
        Path("data", "robustness_targets.csv").write_text("net\n")
        result = run("reproduce", "table1", "--data-home", "data", *FAST)
        assert result.exit_code == 1
        assert "is not the published file robustness_targets.csv" in result.stderr
        assert not Path("emprox-reproduction").exists()

    def test_too_many_architectures(self, run):
        result = run(*TABLE1, "--no-plots", "--test-size", 15_600)
        assert result.exit_code == 1
        assert "15,640, but there are only 15,625" in result.stderr

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["table3"], "'table3' is not one of 'table1', 'table2', 'darts'"),
            ([], "Missing argument"),
            (
                ["table1", "--predictors", "nao,gpt"],
                "table1 has no predictor 'gpt'; there are emprox",
            ),
            (["table1", "--predictors", "nao,,xgb"], "has an empty part"),
            (["table1", "--train-sizes", "20,many"], "'many' is not a whole number above 0"),
            (["table1", "--train-size", "0"], "'0' is not a whole number above 0"),
            (["table1", "--trials", 0], "0 is not in the range"),
            (["table1", "--test-size", 9], "9 is not in the range"),
            (["table1", "--first-trial", -1], "-1 is not in the range"),
            (["table1", "--n-jobs", 0], "0 is not in the range"),
        ],
    )
    def test_usage(self, run, arguments, message):
        result = run("reproduce", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in " ".join(result.stderr.split())
        assert not any(Path().iterdir())


def test_names_are_those_of_the_package():
    assert list(EXPERIMENTS) == list_experiments()


def test_help_names_the_defaults(run):
    text = "".join(run("reproduce", "--help").stdout.split())
    assert "[default:20;10forgrid-search,1forfigure5]" in text
    defaults = {name: get_experiment(name) for name in EXPERIMENTS}
    trials = {name: experiment.n_trials for name, experiment in defaults.items()}
    assert trials == {"table1": 20, "table2": 20, "darts": 20, "grid-search": 10, "figure5": 1}
    firsts = {name for name, experiment in defaults.items() if experiment.first_trial}
    assert firsts == {"grid-search"}
    assert defaults["grid-search"].first_trial == 100
    assert "[default:0;100forgrid-search]" in text
    sizes = {name: experiment.test_size for name, experiment in defaults.items()}
    assert sizes == dict.fromkeys(EXPERIMENTS, 1000) | {"darts": 78}
    assert "[default:1000;78fordarts]" in text
