import subprocess
import sys
import threading

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_regression
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits

from emprox import EmProxRegressor
from emprox.datasets import load_nasbench201
from emprox.model_selection import evaluate_predictors, isomorphism_groups

KEYS = [
    "predictor",
    "train_size",
    "trial",
    "mean_absolute_error",
    "root_mean_squared_error",
    "pearson_r",
    "spearman_rho",
    "kendall_tau",
    "precision_at_10",
    "fit_seconds",
    "query_milliseconds",
    "error",
]
TIMES = {"fit_seconds", "query_milliseconds"}
SMALL = {"train_sizes": (10, 20), "n_trials": 3, "test_size": 30}


@pytest.fixture(scope="module")
def data():
    X, y = make_regression(80, 4, noise=20, random_state=0)
    return X, y


@pytest.fixture(scope="module")
def cells():
    return load_nasbench201(return_X_y=True)


class Recorder(RegressorMixin, BaseEstimator):
    """Predicts zeros, and remembers what it was given in a list that clones share."""

    def __init__(self, log=None, random_state=None, action=None):
        self.log = log
        self.random_state = random_state
        self.action = action

    # The list has to stay the same, which a deep copy is not.
    def __sklearn_clone__(self):
        return Recorder(self.log, self.random_state, self.action)

    def fit(self, X, y):
        entry = {"seed": self.random_state, "X": X, "y": y}
        if self.action is not None:
            entry["seen"] = self.action(self.random_state)
        self.log.append(entry)
        self.fitted_ = True
        return self

    def predict(self, X):
        self.log[-1]["asked"] = X
        return np.zeros(len(X))


def without_times(evaluation):
    return [
        {name: item for name, item in row.items() if name not in TIMES} for row in evaluation.rows
    ]


class TestRows:
    def test_one_row_for_each_predictor_train_size_and_trial(self, data):
        models = {"ridge": Ridge(), "linear": LinearRegression()}
        rows = evaluate_predictors(models, *data, **SMALL, first_trial=7).rows
        assert [(row["predictor"], row["train_size"], row["trial"]) for row in rows] == [
            (name, size, trial)
            for name in ("ridge", "linear")
            for size in (10, 20)
            for trial in (7, 8, 9)
        ]
        assert all(list(row) == KEYS for row in rows)

    def test_values_computed_otherwise(self, data):
        X, y = data
        (row,) = evaluate_predictors(
            {"linear": LinearRegression()},
            X,
            y,
            train_sizes=(20,),
            n_trials=1,
            first_trial=5,
            test_size=30,
        ).rows
        drawn = np.random.default_rng(5).choice(80, 50, replace=False)
        known, others = drawn[:20], drawn[20:]
        inputs = np.column_stack([np.ones(80), X])
        weights = np.linalg.lstsq(inputs[known], y[known], rcond=None)[0]
        true, predicted = y[others], inputs[others] @ weights
        top = set(np.argsort(true)[-10:]) & set(np.argsort(predicted)[-10:])
        expected = {
            "mean_absolute_error": np.abs(true - predicted).mean(),
            "root_mean_squared_error": np.sqrt(((true - predicted) ** 2).mean()),
            "pearson_r": np.corrcoef(true, predicted)[0, 1],
            "spearman_rho": stats.spearmanr(true, predicted)[0],
            "kendall_tau": stats.kendalltau(true, predicted)[0],
            "precision_at_10": len(top) / 10,
        }
        assert {name: row[name] for name in expected} == pytest.approx(expected)
        assert row["error"] == ""
        assert all(type(row[name]) is float for name in {*expected, *TIMES})

    def test_draws(self, data):
        X, y = data
        log = []
        evaluate_predictors({"a": Recorder(log)}, X, y, **SMALL)
        assert len(log) == 6
        for entry in log:
            drawn = np.random.default_rng(entry["seed"]).choice(80, 50, replace=False)
            n_known = len(entry["y"])
            np.testing.assert_array_equal(entry["X"], X[drawn[:n_known]])
            np.testing.assert_array_equal(entry["y"], y[drawn[:n_known]])
            np.testing.assert_array_equal(entry["asked"], X[drawn[20:]])
        assert sorted(len(entry["y"]) for entry in log) == [10] * 3 + [20] * 3

    def test_predictors_take_turns_in_each_trial(self, data):
        log = []
        models = {"a": Recorder(log), "b": Recorder(log)}
        evaluate_predictors(models, *data, train_sizes=(5,), n_trials=3, test_size=30)
        assert [entry["seed"] for entry in log] == [0, 0, 1, 1, 2, 2]

    def test_all_the_rest(self, data):
        log = []
        evaluate_predictors(
            {"a": Recorder(log)}, *data, train_sizes=(20,), n_trials=1, test_size=None
        )
        (entry,) = log
        rows = np.vstack([entry["X"], entry["asked"]])
        np.testing.assert_array_equal(np.sort(rows[:, 0]), np.sort(data[0][:, 0]))
        assert len(entry["asked"]) == 60

    def test_nested_seeds(self, data):
        log = []
        model = make_pipeline(StandardScaler(), Recorder(log, random_state=99))
        evaluate_predictors({"a": model}, *data, train_sizes=(5,), n_trials=2, test_size=30)
        assert [entry["seed"] for entry in log] == [0, 1]
        assert model[-1].random_state == 99
        assert not hasattr(model[0], "mean_")

    def test_times(self, data):
        def wait(X):
            end = threading.Event()
            end.wait(0.05)
            return X

        # Waits in fit and in predict.
        model = make_pipeline(FunctionTransformer(wait), LinearRegression())
        (row,) = evaluate_predictors(
            {"a": model}, *data, train_sizes=(20,), n_trials=1, test_size=50
        ).rows
        assert 0.05 <= row["fit_seconds"] < 1
        assert 1000 <= row["query_milliseconds"] < 20_000  # 50 ms for 50 of 1,000

    def test_few_predictions_have_no_precision(self, data):
        (row,) = evaluate_predictors(
            {"a": Ridge()}, *data, train_sizes=(20,), n_trials=1, test_size=9
        ).rows
        assert np.isnan(row["precision_at_10"])
        assert np.isfinite(row["kendall_tau"])
        assert row["error"] == ""

    def test_constant_predictions_are_no_failure(self, data):
        evaluation = evaluate_predictors({"mean": DummyRegressor()}, *data, **SMALL)
        assert evaluation.failures == []
        assert set(evaluation.values("kendall_tau", "mean", 10).values()) == {0.0}

    def test_architectures_as_texts(self, cells):
        X, y = cells
        model = EmProxRegressor(space="nasbench201", chance_level=10)
        evaluation = evaluate_predictors({"emprox": model}, X, y, n_trials=1, test_size=200)
        assert evaluation.mean("kendall_tau", "emprox") > 0.8

    @pytest.mark.parametrize(
        "convert",
        [
            list,
            lambda X: np.asarray(X, dtype=str),
            lambda X: pd.Series(X, index=np.arange(len(X))[::-1]),
            lambda X: pd.DataFrame({"architecture": X}),
        ],
        ids=["list", "text array", "Series", "DataFrame"],
    )
    def test_forms_of_architectures(self, cells, convert):
        X, y = cells[0][:300], cells[1][:300]
        options = {"train_sizes": (30,), "n_trials": 2, "test_size": 50}
        models = {"emprox": EmProxRegressor(space="nasbench201")}
        expected = evaluate_predictors(models, X, y, **options)
        target = pd.DataFrame({"accuracy": y}, index=np.arange(300)[::-1])
        found = evaluate_predictors(models, convert(X), target, **options)
        assert found.failures == []
        assert without_times(found) == without_times(expected)

    def test_data_frame_of_features(self, data):
        X, y = data
        frame = pd.DataFrame(X, columns=list("abcd"))
        expected = evaluate_predictors({"a": Ridge()}, X, y, **SMALL)
        found = evaluate_predictors({"a": Ridge()}, frame, pd.Series(y), **SMALL)
        for row, other in zip(without_times(found), without_times(expected), strict=True):
            assert row == pytest.approx(other)


class TestGroups:
    def test_no_known_group_is_predicted(self, data):
        X, y = data
        groups = np.arange(80) % 40  # pairs
        rows = {tuple(row): position for position, row in enumerate(X)}
        log = []
        evaluate_predictors(
            {"a": Recorder(log)}, X, y, train_sizes=(5, 15), n_trials=4, test_size=40, groups=groups
        )
        for entry in log:
            known, asked = ([rows[tuple(row)] for row in entry[key]] for key in ("X", "asked"))
            assert len(set(known)) == len(known)
            assert len(set(asked)) == 40
            assert not set(groups[known]) & set(groups[asked])
        # The same for all sizes.
        by_seed = {}
        for entry in log:
            by_seed.setdefault(entry["seed"], []).append(entry["asked"])
        for small, large in by_seed.values():
            np.testing.assert_array_equal(small, large)

    def test_isomorphic_cells(self, cells):
        X, y = cells[0][:400], cells[1][:400]
        groups = isomorphism_groups(X, "nasbench201")
        group_of = dict(zip(X, groups, strict=True))
        log = []
        evaluate_predictors(
            {"a": Recorder(log)},
            X,
            y,
            train_sizes=(121,),
            n_trials=2,
            test_size=None,
            groups=groups.tolist(),
        )
        for entry in log:
            known, asked = ({group_of[cell] for cell in entry[key]} for key in ("X", "asked"))
            assert not known & asked
            assert known | asked == set(groups)

    def test_too_few_are_left(self, data):
        groups = np.arange(80) % 4
        with pytest.raises(ValueError, match=r"in trial 0 only \d+ architectures are in no group"):
            evaluate_predictors(
                {"a": Ridge()}, *data, train_sizes=(3,), n_trials=1, test_size=60, groups=groups
            )

    def test_wrong_shape(self, data):
        with pytest.raises(ValueError, match=r"one group for each of the 80 .* shape \(3,\)"):
            evaluate_predictors({"a": Ridge()}, *data, **SMALL, groups=[1, 2, 3])


MODELS = {
    "trees": ExtraTreesRegressor(5),
    "knn": make_pipeline(StandardScaler(), KNeighborsRegressor(3)),
}


@pytest.fixture(scope="module")
def expected(data):
    return without_times(evaluate_predictors(MODELS, *data, **SMALL))


class TestJobs:
    def test_seeded(self, data, expected):
        assert without_times(evaluate_predictors(MODELS, *data, **SMALL)) == expected

    def test_two_jobs(self, data, expected):
        found = evaluate_predictors(MODELS, *data, **SMALL, n_jobs=2)
        assert without_times(found) == expected

    # Multiprocessing returns all results at the end, as ray does.
    @pytest.mark.parametrize("backend", ["threading", "multiprocessing"])
    def test_active_backend(self, data, expected, backend, recwarn):
        with joblib.parallel_config(backend, n_jobs=2):
            found = evaluate_predictors(MODELS, *data, **SMALL)
        recwarn.clear()  # of forks beside threads
        assert without_times(found) == expected

    def test_threads_are_really_used(self, data):
        barrier = threading.Barrier(2, timeout=20)
        log = []
        model = Recorder(log, action=lambda seed: barrier.wait() >= 0)
        with joblib.parallel_config("threading", n_jobs=2):
            evaluation = evaluate_predictors(
                {"a": model}, *data, train_sizes=(5,), n_trials=2, test_size=30
            )
        assert evaluation.failures == []

    def test_nobody_asks_for_no_jobs(self, data):
        with pytest.raises(ValueError, match="n_jobs == 0"):
            evaluate_predictors({"a": Ridge()}, *data, **SMALL, n_jobs=0)


class TestThreads:
    @staticmethod
    def n_threads(seed=None):
        return torch.get_num_threads(), [library["num_threads"] for library in threadpool_info()]

    @pytest.fixture
    def two_threads(self):
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        with threadpool_limits(2):
            yield self.n_threads()
        torch.set_num_threads(before)

    def test_limited_and_restored(self, data, two_threads):
        n_torch, n_libraries = two_threads
        assert n_torch == 2
        assert 2 in n_libraries
        log = []
        model = Recorder(log, action=self.n_threads)
        evaluate_predictors({"a": model}, *data, train_sizes=(5,), n_trials=1, test_size=30)
        assert log[0]["seen"] == (1, [1] * len(n_libraries))
        assert self.n_threads() == two_threads

    def test_restored_after_a_failure(self, data, two_threads):
        def fail(seed):
            raise RuntimeError

        with pytest.warns(FitFailedWarning):
            evaluate_predictors({"a": Recorder([], action=fail)}, *data, **SMALL)
        assert self.n_threads() == two_threads

    def test_overlapping_tasks(self, data, two_threads):
        first_is_done = threading.Event()
        barrier = threading.Barrier(2, timeout=20)
        log = []

        def look(seed):
            barrier.wait()
            if seed == 1:  # outlives the other task
                assert first_is_done.wait(20)
            return torch.get_num_threads(), [
                library["num_threads"]
                for library in threadpool_info()
                if library["user_api"] == "blas"
            ]

        class Signalling(Recorder):
            def __sklearn_clone__(self):
                return Signalling(self.log, self.random_state, self.action)

            def predict(self, X):
                if self.random_state == 0:
                    threading.Timer(0.2, first_is_done.set).start()
                return np.zeros(len(X))

        model = Signalling(log, action=look)
        with joblib.parallel_config("threading", n_jobs=2):
            evaluation = evaluate_predictors(
                {"a": model}, *data, train_sizes=(5,), n_trials=2, test_size=30
            )
        assert evaluation.failures == []
        for entry in log:
            n_torch, n_blas = entry["seen"]
            assert n_torch == 1
            assert set(n_blas) == {1}
        assert self.n_threads() == two_threads

    def test_torch_is_not_imported(self):
        code = """
import sys
import numpy as np
from sklearn.linear_model import LinearRegression
from emprox.model_selection import evaluate_predictors
X = np.random.default_rng(0).normal(size=(40, 2))
models = {"a": LinearRegression()}
evaluate_predictors(models, X, X[:, 0], train_sizes=(5,), n_trials=1, test_size=9)
assert "torch" not in sys.modules
"""
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr


class FailsSometimes(LinearRegression):
    def __init__(self, seeds=(), random_state=None):
        super().__init__()
        self.seeds = seeds
        self.random_state = random_state

    def fit(self, X, y):
        if self.random_state in self.seeds:
            raise ArithmeticError(f"seed {self.random_state} is bad")
        return super().fit(X, y)


class TestFailures:
    def test_reported_and_the_others_go_on(self, data):
        models = {"good": LinearRegression(), "bad": FailsSometimes((1,))}
        message = (
            r"'bad' failed in 2 of 6 tasks, first in trial 1 with 10 known architectures:"
            r" ArithmeticError: seed 1 is bad"
        )
        with pytest.warns(FitFailedWarning, match=message) as caught:
            evaluation = evaluate_predictors(models, *data, **SMALL)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert len(evaluation.rows) == 12
        assert [(row["train_size"], row["trial"]) for row in evaluation.failures] == [
            (10, 1),
            (20, 1),
        ]
        for row in evaluation.failures:
            assert row["error"] == "ArithmeticError: seed 1 is bad"
            numbers = [row[name] for name in KEYS[3:-1]]
            assert np.isnan(numbers).all()
        assert evaluation.values("kendall_tau", "bad", 10) == {
            trial: tau
            for trial, tau in evaluation.values("kendall_tau", "good", 10).items()
            if trial != 1
        }

    def test_a_long_text_is_told_in_a_line(self, data):
        def fail(seed):
            raise RuntimeError("why\n" + 100 * "trace of the stack\n")

        with pytest.warns(FitFailedWarning) as caught:
            evaluation = evaluate_predictors({"a": Recorder([], action=fail)}, *data, **SMALL)
        message = str(caught[0].message)
        assert "known architectures: RuntimeError: why trace of the stack trace of" in message
        assert "\n" not in message
        assert len(message) < 500
        assert evaluation.failures[0]["error"].count("\n") == 101

    @pytest.mark.parametrize(
        ("predictions", "error"),
        [(np.full(30, np.nan), "NaN"), (np.zeros(7), "inconsistent numbers"), (None, "")],
    )
    def test_useless_predictions(self, data, predictions, error):
        class Useless(LinearRegression):
            def predict(self, X):
                return predictions

        with pytest.warns(FitFailedWarning):
            evaluation = evaluate_predictors({"a": Useless()}, *data, **SMALL)
        assert len(evaluation.failures) == 6
        assert error in evaluation.failures[0]["error"]

    def test_in_other_processes(self, data):
        with pytest.warns(FitFailedWarning, match="n_neighbors <= n_samples_fit"):
            evaluation = evaluate_predictors(
                {"knn": KNeighborsRegressor(15)}, *data, **SMALL, n_jobs=2
            )
        assert {row["train_size"] for row in evaluation.failures} == {10}

    def test_keyboard_interrupt_is_not_a_failure(self, data):
        def interrupt(seed):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            evaluate_predictors({"a": Recorder([], action=interrupt)}, *data, **SMALL)


class TestProgress:
    def test_silent(self, data, capsys):
        evaluate_predictors({"a": Ridge()}, *data, **SMALL)
        assert capsys.readouterr() == ("", "")

    def test_bar(self, data, capsys):
        evaluate_predictors({"a": Ridge()}, *data, **SMALL, verbose=1)
        out, err = capsys.readouterr()
        assert out == ""
        assert "Evaluating" in err
        assert "6/6" in err


class TestBadInput:
    @pytest.mark.parametrize(
        ("estimators", "error", "message"),
        [
            ({}, ValueError, "estimators is empty"),
            ([("a", Ridge())], TypeError, "mapping of names to estimators.*got list"),
            (Ridge(), TypeError, "mapping of names to estimators.*got Ridge"),
            ({1: Ridge()}, TypeError, "have to be strings, got 1"),
            ({" ": Ridge()}, ValueError, "empty name"),
            ({"a": Ridge}, TypeError, r"'a' is a class; give an instance: Ridge\(...\)"),
            ({"a": StandardScaler()}, TypeError, "'a', .*has no predict: it has to be a regressor"),
            ({"a": object()}, TypeError, "has no fit and no predict and no get_params"),
        ],
    )
    def test_estimators(self, data, estimators, error, message):
        with pytest.raises(error, match=message):
            evaluate_predictors(estimators, *data, **SMALL)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            (
                {"test_size": 61},
                ValueError,
                r"train_sizes, 20, and 61 architectures to predict are 81, but there are only 80"
                r" architectures: lower test_size to at most 60, or the train_sizes",
            ),
            (
                {"train_sizes": (79,), "test_size": None},
                ValueError,
                r"79, and at least 2 architectures to predict are 81, but there are only 80"
                r" architectures: lower the train_sizes",
            ),
            ({"test_size": 1}, ValueError, "test_size has to be at least 2, got 1"),
            ({"test_size": 0.5}, TypeError, "test_size has to be a whole number, got 0.5"),
            ({"n_trials": 0}, ValueError, "n_trials has to be at least 1, got 0"),
            ({"n_trials": True}, TypeError, "n_trials has to be a whole number, got True"),
            ({"first_trial": -1}, ValueError, "first_trial has to be at least 0, got -1"),
            ({"train_sizes": ()}, ValueError, "train_sizes is empty"),
            (
                {"train_sizes": 20},
                TypeError,
                r"sequence of whole numbers, such as \(121,\), got 20",
            ),
            ({"train_sizes": "20"}, TypeError, "sequence of whole numbers"),
            ({"train_sizes": (0,)}, ValueError, "each of train_sizes has to be at least 1, got 0"),
            ({"train_sizes": (5.0,)}, TypeError, "each of train_sizes has to be a whole number"),
            ({"train_sizes": (5, 5)}, ValueError, r"train_sizes has duplicates: \[5, 5\]"),
        ],
    )
    def test_options(self, data, options, error, message):
        with pytest.raises(error, match=message):
            evaluate_predictors({"a": Ridge()}, *data, **(SMALL | options))

    def test_the_last_seed(self, data):
        options = {"train_sizes": (10,), "test_size": 30, "first_trial": 2**32 - 1}
        model = {"a": ExtraTreesRegressor(1)}
        assert evaluate_predictors(model, *data, **options, n_trials=1).failures == []
        with pytest.raises(ValueError, match=r"last trial would be 4294967296, .* lower first"):
            evaluate_predictors(model, *data, **options, n_trials=2)

    def test_numpy_integers_are_welcome(self, data):
        sizes = np.array([20, 10])
        evaluation = evaluate_predictors(
            {"a": Ridge()}, *data, train_sizes=sizes, n_trials=np.int64(1), test_size=np.int64(30)
        )
        assert [row["train_size"] for row in evaluation.rows] == [10, 20]

    @pytest.mark.parametrize(
        ("make_y", "message"),
        [
            (lambda y: y[:-1], "X has 80 architectures, but y has 79 accuracies"),
            (lambda y: np.where(y > 0, np.nan, y), "y is NaN or infinite for .* leave these"),
            (lambda y: np.append(y[:-1], np.inf), "for 1 of 80 .* first at position 79"),
            (lambda y: np.column_stack([y, y]), r"one accuracy for each.*shape \(80, 2\)"),
            (lambda y: ["good"] * 80, "y has to hold numbers"),
            (lambda y: [None] * 80, "y is NaN or infinite for 80 of 80"),
        ],
    )
    def test_targets(self, data, make_y, message):
        X, y = data
        with pytest.raises(ValueError, match=message):
            evaluate_predictors({"a": Ridge()}, X, make_y(y), **SMALL)

    @pytest.mark.parametrize("X", [None, 7, {"a": 1}])
    def test_no_architectures(self, data, X):
        with pytest.raises(TypeError, match="X has to be a list, array, Series or DataFrame"):
            evaluate_predictors({"a": Ridge()}, X, data[1], **SMALL)
