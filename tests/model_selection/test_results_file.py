"""The results file of evaluate_predictors: nothing is lost, done twice, or taken for another.

Times of two fits are never equal, so that a row with the times of before was read from the file.
"""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_regression
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from emprox import EmProxRegressor
from emprox.datasets import make_architectures
from emprox.model_selection import ArchitectureShuffleSplit, evaluate_predictors
from emprox.spaces import DAGSpace, get_space, register_space

X, Y = make_regression(80, 4, noise=20, random_state=0)
SMALL = ArchitectureShuffleSplit(3, train_sizes=(10, 20), test_size=30, random_state=0)

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs signals and limits of POSIX")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trials.sqlite"


def run(path, model=None, *, name="ridge", X=X, y=Y, cv=SMALL, **options):
    model = Ridge() if model is None else model
    return evaluate_predictors({name: model}, X, y, cv=cv, results=path, **options)


def n_read(before, after):
    return int(after["fit_time"].isin(before["fit_time"]).sum())


class TestResuming:
    def test_nothing_is_done_twice(self, path):
        path.touch()  # an empty file is as good as none
        first = run(path, n_jobs=2)
        pd.testing.assert_frame_equal(run(str(path)), first)

    def test_more_draws_sizes_and_predictors(self, path):
        first = run(path)
        more = ArchitectureShuffleSplit(5, train_sizes=(5, 10, 20), test_size=30, random_state=0)
        second = run(path, cv=more)
        assert n_read(first, second) == 6
        assert second["fit_time"].nunique() == 15
        assert n_read(second, run(path, cv=more, name="other name")) == 15
        assert n_read(second, run(path, Ridge(2), cv=more)) == 0
        assert n_read(second, run(path, cv=more)) == 15

    def test_failures_are_tried_again(self, path, monkeypatch):
        monkeypatch.setenv("BROKEN", "1")

        class Moody(Ridge):
            def fit(self, X, y):
                if os.environ["BROKEN"] == "1" and len(y) == 10:
                    raise MemoryError("not now")
                return super().fit(X, y)

        with pytest.warns(FitFailedWarning):
            first = run(path, Moody())
        monkeypatch.setenv("BROKEN", "0")
        second = run(path, Moody())
        assert n_read(first[first["train_size"] == 20], second) == 3
        assert second["error"].isna().all()


def after(function, **options):
    return make_pipeline(FunctionTransformer(function, kw_args=options), Ridge())


def scaled(factor):
    return after(lambda inputs: inputs * factor)


class Stateful:
    """A parameter whose text says nothing of what it holds."""

    def __init__(self, power):
        self.power = power

    def __call__(self, inputs):
        return inputs**self.power

    def __repr__(self):
        return "<Stateful>"


class Squared(Stateful):
    def __call__(self, inputs):
        return inputs**2


def shifted(by_two):
    """Return an instance of one of two classes that have the same name, but other code."""
    if by_two:

        class Model(Ridge):
            def predict(self, X):
                return super().predict(X) + 2
    else:

        class Model(Ridge):
            def predict(self, X):
                return super().predict(X) + 1

    return Model()


def plus(inputs, other):
    return inputs + other


GLOBAL = 1.0


def with_global(inputs):
    return inputs * GLOBAL


class TestTellingApart:
    """Nothing is read from the file that depends on something else."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (Ridge(), Ridge(2.0)),
            (Ridge(), LinearRegression()),
            (scaled(1), scaled(2)),
            (after(lambda inputs: inputs + 1), after(lambda inputs: inputs - 1)),
            (after(lambda inputs, by=1: inputs * by), after(lambda inputs, by=2: inputs * by)),
            (after(Stateful(1)), after(Stateful(2))),
            (after(Stateful(1)), after(Squared(1))),
            (after(plus, other=np.zeros(4)), after(plus, other=np.ones(4))),
            (shifted(False), shifted(True)),
            (FrozenEstimator(Ridge().fit(X, Y)), FrozenEstimator(Ridge().fit(X, -Y))),
        ],
    )
    def test_predictors(self, path, one, other):
        first = run(path, one)
        assert n_read(first, run(path, other)) == 0
        assert n_read(first, run(path, one)) == 6

    def test_globals_of_functions(self, path, monkeypatch):
        first = run(path, after(with_global))
        monkeypatch.setattr(sys.modules[__name__], "GLOBAL", 2.0)
        assert n_read(first, run(path, after(with_global))) == 0

    @pytest.mark.parametrize(
        "change",
        [
            {"X": X + 1e-9},
            {"y": np.nextafter(Y, np.inf)},
            {"cv": SMALL.__class__(3, train_sizes=(10, 20), test_size=30, random_state=9)},
            {"random_state": 1},
            {"scoring": {"kendall_tau": "pearson_r"}},
            {"scoring": {"kendall_tau": make_scorer(mean_absolute_error)}},
        ],
    )
    def test_data_splits_seeds_and_scores(self, path, change):
        model = ExtraTreesRegressor(3)
        first = run(path, model)
        assert n_read(first, run(path, model, **change)) == 0

    @pytest.mark.parametrize("module", ["sklearn", "emprox.model_selection._evaluate"])
    def test_versions(self, path, monkeypatch, module):
        first = run(path)
        monkeypatch.setattr(sys.modules[module], "__version__", "99")
        assert n_read(first, run(path)) == 0

    @pytest.fixture
    def register(self):
        original = get_space("dag")
        yield lambda space: register_space(space, overwrite=True).name
        register_space(original, overwrite=True)

    @pytest.mark.parametrize("by_name", [False, True])
    def test_spaces_that_print_the_same(self, path, register, by_name):
        spaces = [DAGSpace(operations, max_nodes=5) for operations in (["a", "b"], ["a", "b", "c"])]
        assert repr(spaces[0]) == repr(spaces[1])
        X, y = make_architectures(spaces[0], 90, random_state=0, return_X_y=True)
        cv = ArchitectureShuffleSplit(2, train_sizes=20, test_size=30, random_state=0)
        first, second = (
            run(path, EmProxRegressor(space=register(s) if by_name else s), X=X, y=y, cv=cv)
            for s in spaces
        )
        assert n_read(first, second) == 0


LOCK = threading.Lock()


def with_lock(inputs):
    with LOCK:
        return inputs


def test_what_cannot_be_told(path):
    assert run(None, after(with_lock))["error"].isna().all()
    with pytest.raises(TypeError, match="results=None"):
        run(path, after(with_lock))


SLOW = """
import sys, time
from emprox import EmProxRegressor, make_emprox_pipeline
from emprox.datasets import load_nasbench201
from emprox.model_selection import ArchitectureShuffleSplit, evaluate_predictors
from emprox.spaces import get_space

names = {"one", "two", "three"}

def wait(model, X, y):
    time.sleep(0.05)
    return float(len(names | {"a", "b"}))

if __name__ == "__main__":
    space = get_space("nasbench201")
    models = {"a": make_emprox_pipeline("nasbench201"), "b": EmProxRegressor(space=space)}
    cv = ArchitectureShuffleSplit(10, train_sizes=20, test_size=30, random_state=0)
    X, y = load_nasbench201(return_X_y=True)
    evaluate_predictors(models, X, y, cv=cv, scoring={"wait": wait}, results=sys.argv[1])
"""


def start(tmp_path, path, hash_seed):
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.Popen([sys.executable, str(script), str(path)], env=environment)


def stored(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM trials ORDER BY key").fetchall()


def test_killed_and_found_again_by_another_process(tmp_path, path):
    process = start(tmp_path, path, "0")
    n_stored = 0
    while process.poll() is None and not n_stored:
        time.sleep(0.02)
        with suppress(sqlite3.Error):  # not made yet
            n_stored = len(stored(path))
    process.kill()
    process.wait()
    before = stored(path)
    assert 0 < len(before) < 20
    assert start(tmp_path, path, "1").wait(timeout=100) == 0
    after = stored(path)
    assert len(after) == 20
    assert set(before) <= set(after)


def test_two_at_once(tmp_path, path):
    processes = [start(tmp_path, path, "random") for _ in range(2)]
    assert [process.wait(timeout=100) for process in processes] == [0, 0]
    assert len(stored(path)) == 20


class TestOtherFiles:
    @pytest.mark.parametrize("kind", ["text", "database"])
    def test_something_else(self, path, kind):
        if kind == "text":
            path.write_text("predictor,kendall_tau\n" * 500)
        else:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("CREATE TABLE trials (key TEXT)")
        content = path.read_bytes()
        with pytest.raises(ValueError, match=r"trials\.sqlite.*another"):
            run(path)
        assert path.read_bytes() == content

    def test_changed_numbers(self, path):
        run(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE trials SET result = replace(result, '0.', '0.9')")
        with pytest.raises(ValueError, match=r"trials\.sqlite.*damaged"):
            run(path)

    def test_no_other_numbers_from_damaged_files(self, path):
        expected = run(path)
        content = path.read_bytes()
        rng = np.random.default_rng(0)
        scores = list(expected)[5:-1]
        n_refused = 0
        for _ in range(60):
            damaged = bytearray(content)
            position = rng.integers(len(content))
            if rng.random() < 0.5:
                damaged[position] ^= 1 << int(rng.integers(8))
            else:
                del damaged[position:]
            path.write_bytes(damaged)
            try:
                found = run(path)
            except (ValueError, OSError) as error:
                assert "trials.sqlite" in str(error)  # noqa: PT017
                n_refused += 1
            else:
                np.testing.assert_array_equal(found[scores], expected[scores])
        assert n_refused > 10

    def test_folder_and_missing_folder(self, tmp_path):
        for path in (tmp_path, tmp_path / "no" / "trials.sqlite"):
            with pytest.raises(OSError, match=path.name):
                run(path)

    @posix_only
    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
    def test_read_only(self, path):
        first = run(path)
        path.chmod(0o400)
        assert n_read(first, run(path)) == 6
        with pytest.raises(OSError, match=r"trials\.sqlite"):
            run(path, Ridge(2))

    @posix_only
    def test_full_disk(self, path):
        first = run(path)
        code = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({path.stat().st_size}, -1))
from test_results_file import *
run({str(path)!r}, cv=ArchitectureShuffleSplit(200, train_sizes=10, test_size=30, random_state=0))
"""
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "OSError" in result.stderr
        assert "trials.sqlite" in result.stderr
        assert n_read(first, run(path)) == 6
