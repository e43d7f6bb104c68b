"""The results file of evaluate_predictors: nothing is lost, and nothing is done twice."""

import errno
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_regression
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import emprox
from emprox.model_selection import Evaluation, _journal, evaluate_predictors
from emprox.spaces import get_space

X, Y = make_regression(80, 4, noise=20, random_state=0)
SMALL = {"train_sizes": (10, 20), "n_trials": 3, "test_size": 30}

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs signals and limits of POSIX")


class Counter(Ridge):
    """Remembers its fits in a list that clones share."""

    fits: ClassVar[list] = []

    def __init__(self, alpha=1.0, random_state=None):
        super().__init__(alpha=alpha)
        self.random_state = random_state

    def fit(self, X, y):
        self.fits.append((self.alpha, len(y), self.random_state))
        return super().fit(X, y)


@pytest.fixture
def fits(monkeypatch):
    monkeypatch.setattr(Counter, "fits", [])
    return Counter.fits


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.jsonl"


def run(path, models=None, **options):
    models = {"ridge": Counter()} if models is None else models
    return evaluate_predictors(models, X, Y, **(SMALL | options), results_file=path)


def row_lines(path):
    records = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    return [record for record in records if "predictor" in record]


class TestResuming:
    def test_every_row_is_there(self, path):
        evaluation = run(path)
        assert Evaluation.from_file(path).rows == evaluation.rows
        assert Evaluation.from_file(str(path)).rows == evaluation.rows
        assert len(row_lines(path)) == 6

    def test_nothing_is_done_twice(self, path, fits):
        first = run(path)
        content = path.read_bytes()
        fits.clear()
        assert run(path).rows == first.rows
        assert fits == []
        assert path.read_bytes() == content

    def test_rows_are_written_as_they_are_finished(self, path):
        seen = []

        def look(inputs):
            seen.append(len(row_lines(path)))
            return inputs

        model = make_pipeline(FunctionTransformer(look), LinearRegression())
        run(path, {"a": model})
        assert seen == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]  # in fit and in predict

    def test_more_trials(self, path, fits):
        run(path, n_trials=2)
        fits.clear()
        evaluation = run(path, n_trials=4)
        assert fits == [(1.0, 10, 2), (1.0, 20, 2), (1.0, 10, 3), (1.0, 20, 3)]
        assert len(evaluation.rows) == 8

    def test_other_trials(self, path, fits):
        run(path, n_trials=2, first_trial=5)
        evaluation = run(path, n_trials=1, first_trial=0)
        assert [row["trial"] for row in evaluation.rows] == [0, 0]
        assert len(Evaluation.from_file(path).rows) == 6

    def test_another_estimator(self, path, fits):
        first = run(path)
        fits.clear()
        evaluation = run(path, {"strong": Counter(50.0)})
        assert [fit[0] for fit in fits] == [50.0] * 6
        assert evaluation.predictors == ["strong"]
        everything = Evaluation.from_file(path)
        assert everything.rows == first.rows + evaluation.rows

    def test_another_train_size_below_the_largest(self, path, fits):
        run(path)
        fits.clear()
        evaluation = run(path, train_sizes=(5, 20))
        assert {fit[1] for fit in fits} == {5}
        assert evaluation.train_sizes == [5, 20]

    def test_numpy_integers(self, path, fits):
        run(path)
        options = {"train_sizes": np.array([20, 10]), "n_trials": np.int64(4)}
        run(path, **options, test_size=np.int64(30), first_trial=np.int64(0))
        assert len(fits) == len(row_lines(path)) == 8

    def test_failures_are_tried_again(self, path):
        class Moody(Ridge):
            broken = True

            def fit(self, X, y):
                if self.broken and len(y) == 10:
                    raise MemoryError("not now")
                return super().fit(X, y)

        with pytest.warns(FitFailedWarning, match="'a' failed in 3 of 6 tasks.*MemoryError"):
            broken = run(path, {"a": Moody()})
        assert len(Evaluation.from_file(path).failures) == 3
        Moody.broken = False
        evaluation = run(path, {"a": Moody()})
        assert evaluation.failures == Evaluation.from_file(path).failures == []
        assert evaluation.rows[3:] == broken.rows[3:]
        assert len(row_lines(path)) == 9

    def test_infinite_and_undefined_numbers(self, path):
        first = run(path, {"ridge": Ridge()}, test_size=9)
        np.testing.assert_equal(Evaluation.from_file(path).rows, first.rows)
        for line in path.read_text().splitlines():
            json.loads(line, parse_constant=pytest.fail)  # strict JSON

    def test_keyboard_interrupt(self, path, fits, monkeypatch):
        def fit(self, X, y):
            if len(fits) == 3:
                raise KeyboardInterrupt
            return original(self, X, y)

        original = Counter.fit
        monkeypatch.setattr(Counter, "fit", fit)
        with pytest.raises(KeyboardInterrupt):
            run(path)
        assert len(Evaluation.from_file(path).rows) == 3
        monkeypatch.setattr(Counter, "fit", original)
        assert len(run(path).rows) == 6
        assert sorted(fits) == sorted((1.0, size, t) for size in (10, 20) for t in range(3))


class TestSameData:
    @pytest.fixture(autouse=True)
    def finished(self, path):
        run(path)

    def check(self, path, message, X=X, y=Y, **options):
        before = path.read_bytes()
        with pytest.raises(ValueError, match=message):
            evaluate_predictors({"ridge": Counter()}, X, y, **(SMALL | options), results_file=path)
        assert path.read_bytes() == before

    def test_accuracies(self, path):
        self.check(path, "results of other data: y differs.*choose another", y=np.append(Y[1:], 1))

    def test_architectures(self, path):
        self.check(path, "results of other data: X differs", X=X + 1e-9)

    def test_number(self, path):
        message = "number of architectures was 80 and is 79, X differs, y differs"
        self.check(path, message, X=X[1:], y=Y[1:])

    def test_test_size(self, path):
        self.check(path, "test_size was 30 and is None", test_size=None)

    def test_largest_train_size(self, path):
        self.check(path, "largest train size was 20 and is 40", train_sizes=(10, 40))

    def test_groups(self, path):
        self.check(path, "groups differs", groups=np.arange(80))

    def test_a_copy_will_do(self, path, fits):
        evaluate_predictors(
            {"ridge": Counter()}, X.copy(order="F"), list(Y), **SMALL, results_file=path
        )
        assert fits == []


class TestFingerprint:
    @pytest.mark.parametrize(
        "convert",
        [tuple, np.array, lambda texts: np.array(texts, dtype=object), pd.Series],
        ids=["tuple", "text array", "array", "Series"],
    )
    def test_containers_of_texts(self, convert):
        texts = ["a", "bc", "dé"]
        assert _journal.fingerprint(convert(texts)) == _journal.fingerprint(texts)

    @pytest.mark.parametrize(
        "different",
        [
            (["ab", "c"], ["a", "bc"], ["abc"], "abc", ["abc", ""]),
            ([1, 2], [12], [1.0, 2.0], ["1", "2"], [[1], 2]),
            (np.zeros((2, 3)), np.zeros((3, 2)), np.zeros(6), np.zeros(6, np.int64)),
            (None, [], [None], {"a": 1}, {"a": 2}, ["a", 1]),
            (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]}), pd.DataFrame({"a": [2.0]})),
        ],
    )
    def test_differs(self, different):
        assert len({_journal.fingerprint(value) for value in different}) == len(different)

    def test_architecture_objects(self):
        space = get_space("nasbench201")
        one, same, other = (space.decode([row]) for row in ([0] * 6, [0] * 6, [1] * 6))
        assert _journal.fingerprint(one) == _journal.fingerprint(same)
        assert _journal.fingerprint(one) != _journal.fingerprint(other)

    def test_another_process(self):
        value = [{"a": {"x", "y", "z"}, "b": None}, "x", 1.5]
        code = f"from emprox.model_selection._journal import *; print(fingerprint({value!r}))"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert result.stdout.strip() == _journal.fingerprint(value), result.stderr


class TestSameEstimators:
    @pytest.mark.parametrize(
        ("before", "after", "message"),
        [
            (Ridge(1.0), Ridge(2.0), r"alpha was 1.0 and is 2.0"),
            (Ridge(), LinearRegression(), "class was .*Ridge and is .*LinearRegression"),
            (
                make_pipeline(StandardScaler(), Ridge()),
                make_pipeline(StandardScaler(with_mean=False), Ridge()),
                "steps was .*with_mean=True.* and is .*with_mean=False",
            ),
            (
                make_pipeline(FunctionTransformer(np.abs), Ridge()),
                make_pipeline(FunctionTransformer(np.sin), Ridge()),
                "steps was",
            ),
            (
                KNeighborsRegressor(metric_params={"w": np.arange(4.0)}),
                KNeighborsRegressor(metric_params={"w": np.arange(1.0, 5.0)}),
                r"metric_params was \{'w': numpy.ndarray",
            ),
        ],
    )
    def test_changed(self, path, before, after, message):
        run(path, {"other": Ridge(), "model": before})
        content = path.read_bytes()
        expected = f"the estimator 'model' is not the one.*{message}.*give it another name, or"
        with pytest.raises(ValueError, match=expected):
            run(path, {"other": Ridge(), "model": after})
        assert path.read_bytes() == content
        assert len(run(path, {"other": Ridge(), "new": after}).rows) == 12

    def test_what_does_not_bear_on_predictions(self, path):
        first = run(path, {"trees": ExtraTreesRegressor(5)})
        model = ExtraTreesRegressor(np.int64(5), random_state=3, n_jobs=1, verbose=0)
        assert run(path, {"trees": model}).rows == first.rows


class TestVersions:
    def test_others_are_told(self, path, monkeypatch, fits):
        run(path, n_trials=1)
        monkeypatch.setattr(_journal, "__version__", "99.0")
        message = r"other versions \(emprox was \S+ and is 99.0\): its rows come from both"
        with pytest.warns(UserWarning, match=message) as caught:
            run(path)
        assert caught[0].filename == __file__
        assert len(fits) == 6
        run(path)  # told once


class TestDamage:
    @pytest.mark.parametrize("n_bytes", [1, 25, 100])
    def test_half_a_line_is_dropped(self, path, fits, n_bytes):
        first = run(path)
        content = path.read_bytes()
        last = content.rstrip(b"\n").rfind(b"\n") + 1
        path.write_bytes(content[: last + n_bytes])
        assert Evaluation.from_file(path).rows == first.rows[:-1]
        fits.clear()
        evaluation = run(path)
        assert fits == [(1.0, 20, 2)]
        assert len(evaluation.rows) == len(row_lines(path)) == 6

    @pytest.mark.parametrize("n_bytes", [0, 1, 30])
    def test_half_a_header_is_dropped(self, path, n_bytes):
        run(path)
        path.write_bytes(path.read_bytes()[:n_bytes])
        assert Evaluation.from_file(path).rows == []
        assert len(run(path).rows) == len(row_lines(path)) == 6

    @pytest.mark.parametrize(
        "content", [b"architecture,accuracy\n", b"x", b'{"emprox_results": 2, "data": {}}\n']
    )
    def test_another_file(self, path, content):
        path.write_bytes(content)
        for read in (run, Evaluation.from_file):
            with pytest.raises(ValueError, match=r"is not a results file.*choose another"):
                read(path)
        assert path.read_bytes() == content

    @pytest.mark.parametrize("line", [b"\0\0\0", b"{}", b"[]", b'{"predictor": "a"}'])
    def test_a_damaged_line(self, path, line):
        run(path)
        lines = path.read_bytes().split(b"\n")
        lines[4] = line
        content = b"\n".join(lines)
        path.write_bytes(content)
        for read in (run, Evaluation.from_file):
            with pytest.raises(ValueError, match=r"results.jsonl, line 5 is damaged: delete"):
                read(path)
        assert path.read_bytes() == content
        del lines[4]
        path.write_bytes(b"\n".join(lines))
        assert len(run(path).rows) == 6

    def test_no_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            run(tmp_path / "nowhere" / "results.jsonl")
        with pytest.raises(FileNotFoundError):
            Evaluation.from_file(tmp_path / "nowhere.jsonl")

    def test_a_folder(self, tmp_path):
        with pytest.raises(OSError, match=re.escape(str(tmp_path))):
            run(tmp_path)

    @posix_only
    def test_a_device(self):
        with pytest.raises(ValueError, match="/dev/null is not a file"):
            run("/dev/null")


class TestTwoAtOnce:
    def test_locked(self, path):
        errors = []

        def try_too(inputs):
            with pytest.raises(BlockingIOError, match="in use by another evaluation: wait") as info:
                run(path)
            errors.append(info.value)
            return inputs

        models = {"a": make_pipeline(FunctionTransformer(try_too), LinearRegression())}
        evaluation = run(path, models)
        assert evaluation.failures == []
        assert len(errors) == 12
        assert len(row_lines(path)) == 6
        run(path, models | {"b": Ridge()})

    def test_no_lock_to_be_had(self, path, monkeypatch):
        fcntl = pytest.importorskip("fcntl")

        def refuse(*arguments):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", refuse)
        with pytest.raises(OSError, match=r"No locks available.*on a local disk.*results.jsonl"):
            run(path)


class TestFullDisk:
    @posix_only
    def test_writing_fails_for_real(self, path):
        # The limit makes the system refuse what goes beyond it, in the middle of a line.
        code = f"""
import resource, sys
from sklearn.datasets import make_regression
from sklearn.linear_model import LinearRegression
from emprox.model_selection import evaluate_predictors
X, y = make_regression(80, 4, noise=20, random_state=0)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
evaluate_predictors(
    {{"linear": LinearRegression()}}, X, y, **{SMALL}, results_file={str(path)!r}
)
"""
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert result.returncode == 1
        last_line = result.stderr.strip().splitlines()[-1]
        assert re.search(
            r"OSError: .*writing results failed \(File too large\); the rows written before are"
            r" safe: make room, then the same call goes on from there: '.*results.jsonl'",
            last_line,
        )
        before = Evaluation.from_file(path).rows
        assert 0 < len(before) < 6
        evaluation = run(path, {"linear": LinearRegression()})
        assert len(evaluation.rows) == len(row_lines(path)) == 6
        assert all(row in evaluation.rows for row in before)

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_full(self, path, monkeypatch, n_jobs):
        n_written = 0

        def fsync(descriptor):
            nonlocal n_written
            n_written += 1
            if n_written > 6:  # header, versions, estimator and three rows
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", fsync)
        models = {"ridge": Ridge()}
        with pytest.raises(OSError, match=r"No space left on device.*make room") as caught:
            run(path, models, n_jobs=n_jobs)
        assert caught.value.errno == errno.ENOSPC
        assert path.read_bytes().endswith(b"\n")
        assert len(Evaluation.from_file(path).rows) == 3
        monkeypatch.undo()
        assert len(run(path, models).rows) == len(row_lines(path)) == 6


HERE = Path(__file__).parent
ALPHAS = {"weak": 1.0, "strong": 9.0}


@posix_only
class TestKilled:
    @pytest.fixture
    def start(self, path):
        """Start a slow run; whatever it leaves running is ended after the test."""
        processes = []

        def start(n_jobs, log):
            settings = {"FITS": str(log), "SECONDS": "0.1"}
            settings["PYTHONPATH"] = os.pathsep.join(
                [str(HERE), str(Path(emprox.__file__).parents[1])]
            )
            code = f"from slow_model import run; run({str(path)!r}, {n_jobs})"
            # Not a pipe, which workers that outlive the process would keep open.
            with path.with_name("errors").open("wb") as errors:
                process = subprocess.Popen(
                    [sys.executable, "-c", code],
                    env=os.environ | settings,
                    stderr=errors,
                    start_new_session=True,
                )
            processes.append(process)
            return process

        yield start
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @pytest.fixture
    def resume(self, path, monkeypatch):
        """Run the same in this process, which is spared the imports, and return its fits."""

        def resume(log):
            monkeypatch.setenv("FITS", str(log))
            monkeypatch.setenv("SECONDS", "0")
            monkeypatch.syspath_prepend(HERE)
            importlib.import_module("slow_model").run(path, 1)
            return log.read_text().splitlines()

        return resume

    @pytest.mark.parametrize(("n_jobs", "number"), [(1, "SIGKILL"), (2, "SIGKILL"), (2, "SIGINT")])
    def test_nothing_is_lost_or_done_twice(self, start, resume, path, n_jobs, number):
        process = start(n_jobs, path.with_name("fits before"))
        give_up = time.monotonic() + 60
        while not path.exists() or path.read_bytes().count(b'"predictor"') < 5:
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.01)
        if number == "SIGINT":
            os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches all processes
        else:
            process.kill()
        assert process.wait(60) != 0
        if number == "SIGINT":
            assert "KeyboardInterrupt" in path.with_name("errors").read_text()
        before = Evaluation.from_file(path).rows
        finished = {_journal.key_of(row) for row in before}
        assert 5 <= len(finished) < 20
        if n_jobs == 1:  # what was being done when the signal came is all that is done again
            started = path.with_name("fits before").read_text().splitlines()
            assert len(started) - len(finished) in (0, 1)

        everything = {
            (name, size, trial) for name in ALPHAS for size in (10, 20) for trial in range(5)
        }
        assert sorted(resume(path.with_name("fits after"))) == sorted(
            f"{ALPHAS[name]} {size} {trial}" for name, size, trial in everything - finished
        )
        assert len(row_lines(path)) == 20
        after = Evaluation.from_file(path).rows
        assert {_journal.key_of(row) for row in after} == everything
        assert all(row in after for row in before)
