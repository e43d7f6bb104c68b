import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_regression
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import KFold, ShuffleSplit, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emprox import EmProxRegressor
from emprox.datasets import load_nasbench201
from emprox.metrics import kendall_tau_scorer, regret_at_k
from emprox.model_selection import (
    ArchitectureShuffleSplit,
    compare_predictors,
    evaluate_predictors,
)

SCORES = [
    "kendall_tau",
    "spearman_rho",
    "pearson_r",
    "mean_absolute_error",
    "root_mean_squared_error",
]
COLUMNS = ["predictor", "split", "train_size", "fit_time", "score_time", *SCORES, "error"]
SMALL = ArchitectureShuffleSplit(3, train_sizes=(10, 20), test_size=30, random_state=0)
MODELS = {
    "trees": ExtraTreesRegressor(5),
    "knn": make_pipeline(StandardScaler(), KNeighborsRegressor(3)),
}


@pytest.fixture(scope="module")
def data():
    return make_regression(80, 4, noise=20, random_state=0)


@pytest.fixture(scope="module")
def expected(data):
    return without_times(evaluate_predictors(MODELS, *data, cv=SMALL))


def without_times(trials):
    return trials.drop(columns=["fit_time", "score_time"])


class Recorder(RegressorMixin, BaseEstimator):
    """Predicts zeros, and remembers what it was given in a list that clones share."""

    def __init__(self, log=None, random_state=None):
        self.log = log
        self.random_state = random_state

    # The list has to stay the same, which a deep copy is not.
    def __sklearn_clone__(self):
        return Recorder(self.log, self.random_state)

    def fit(self, X, y):
        self.log.append({"seed": self.random_state, "X": X, "y": y})
        self.fitted_ = True
        return self

    def predict(self, X):
        self.log[-1]["asked"] = X
        return np.arange(len(X))


class Moody(LinearRegression):
    """Fails for some seeds."""

    def __init__(self, seeds=(), random_state=None):
        super().__init__()
        self.seeds = seeds
        self.random_state = random_state

    def fit(self, X, y):
        if self.random_state in self.seeds:
            raise ArithmeticError(f"seed {self.random_state} is bad")
        return super().fit(X, y)


class TestRows:
    def test_one_row_for_each_predictor_and_split(self, data):
        trials = evaluate_predictors(MODELS, *data, cv=SMALL)
        assert list(trials) == COLUMNS
        keys = trials[["predictor", "split", "train_size"]].to_numpy().tolist()
        assert keys == [
            [name, draw, size] for name in MODELS for draw in range(3) for size in (10, 20)
        ]
        assert trials["error"].isna().all()
        assert (trials[["fit_time", "score_time"]] > 0).all(axis=None)

    def test_values_computed_otherwise(self, data):
        X, y = data
        (train, test) = next(ShuffleSplit(1, random_state=0, test_size=30).split(X))
        trials = evaluate_predictors({"a": LinearRegression()}, X, y, cv=[(train, test)])
        inputs = np.column_stack([np.ones(80), X])
        weights = np.linalg.lstsq(inputs[train], y[train], rcond=None)[0]
        true, predicted = y[test], inputs[test] @ weights
        found = trials.loc[0, SCORES].astype(float)
        np.testing.assert_allclose(
            found,
            [
                stats.kendalltau(true, predicted)[0],
                stats.spearmanr(true, predicted)[0],
                np.corrcoef(true, predicted)[0, 1],
                np.abs(true - predicted).mean(),
                np.sqrt(((true - predicted) ** 2).mean()),
            ],
        )

    def test_the_papers_protocol_by_default(self):
        X, y = load_nasbench201(return_X_y=True)
        log = []
        evaluate_predictors({"a": Recorder(log)}, X, y, random_state=7)
        assert [entry["seed"] for entry in log] == list(range(7, 27))
        for entry in log:
            drawn = np.random.default_rng(entry["seed"]).choice(len(X), 1121, replace=False)
            np.testing.assert_array_equal(entry["X"], X[drawn[:121]])
            np.testing.assert_array_equal(entry["y"], y[drawn[:121]])
            np.testing.assert_array_equal(entry["asked"], X[drawn[121:]])

    def test_predictors_take_turns_and_are_left_as_they_are(self, data):
        first, second = [], []
        models = {
            "a": make_pipeline(StandardScaler(), Recorder(first, random_state=99)),
            "b": Recorder(second, random_state=1),
        }
        evaluate_predictors(models, *data, cv=KFold(3), random_state=5)
        assert [entry["seed"] for entry in first + second] == [5, 6, 7] * 2
        evaluate_predictors(models, *data, cv=KFold(3), random_state=None)
        assert [entry["seed"] for entry in first[3:] + second[3:]] == [99] * 3 + [1] * 3
        assert models["a"][-1].random_state == 99
        assert not hasattr(models["a"][0], "mean_")

    @pytest.mark.parametrize("cv", [3, KFold(3), list(KFold(3).split(np.zeros(80)))])
    def test_scikit_learns_splits(self, data, cv):
        trials = evaluate_predictors({"a": Ridge()}, *data, cv=cv)
        expected = cross_validate(Ridge(), *data, cv=cv, scoring=kendall_tau_scorer)["test_score"]
        np.testing.assert_allclose(trials["kendall_tau"], expected)
        assert trials["split"].tolist() == [0, 1, 2]
        assert trials["train_size"].tolist() == [53, 53, 54]

    def test_groups(self, data):
        X, y = data
        groups = np.arange(80) % 40  # pairs
        rows = {tuple(row): position for position, row in enumerate(X)}
        log = []
        evaluate_predictors({"a": Recorder(log)}, X, y, groups=groups, cv=SMALL)
        for entry in log:
            known, asked = ([rows[tuple(row)] for row in entry[key]] for key in ("X", "asked"))
            assert not set(groups[known]) & set(groups[asked])

    def test_scoring(self, data):
        scikit_learns = {
            "r2": "r2",
            "regret": make_scorer(regret_at_k, k=2, greater_is_better=False),
            "coefficient": lambda model, X, y: model.coef_[0],
        }
        scoring = {
            "tau": "kendall_tau",
            "mae": "mean_absolute_error",
            "neg_mae": "neg_mean_absolute_error",
            **scikit_learns,
        }
        trials = evaluate_predictors({"a": Ridge()}, *data, cv=3, scoring=scoring)
        expected = cross_validate(Ridge(), *data, cv=3, scoring=scikit_learns)
        for name in scikit_learns:
            np.testing.assert_allclose(trials[name], expected[f"test_{name}"])
        np.testing.assert_allclose(trials["mae"], -trials["neg_mae"])
        assert list(trials)[5:-1] == list(scoring)
        one = evaluate_predictors({"a": Ridge()}, *data, cv=3, scoring="kendall_tau")
        np.testing.assert_array_equal(one["kendall_tau"], trials["tau"])

    def test_forms_of_architectures(self):
        X, y = (part[:300] for part in load_nasbench201(return_X_y=True))
        models = {"emprox": EmProxRegressor(space="nasbench201")}
        cv = ArchitectureShuffleSplit(2, train_sizes=30, test_size=50, random_state=0)
        expected = evaluate_predictors(models, X, y, cv=cv)
        index = np.arange(300)[::-1]
        series, frame = pd.Series(X, index), pd.DataFrame({"architecture": X})
        for form in (X.tolist(), np.asarray(X, dtype=str), series, frame):
            found = evaluate_predictors(models, form, pd.Series(y, index), cv=cv)
            pd.testing.assert_frame_equal(without_times(found), without_times(expected))

    # numpy 1.24 says so of NaN that is written as text.
    @pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
    def test_csv_file(self, data, expected, tmp_path):
        with pytest.warns(FitFailedWarning):
            trials = evaluate_predictors({**MODELS, "bad": Moody((1,))}, *data, cv=SMALL)
        trials.to_csv(tmp_path / "trials.csv", index=False)
        found = pd.read_csv(tmp_path / "trials.csv")
        for table in (found, trials):
            table["error"] = table["error"].fillna("")
        pd.testing.assert_frame_equal(found, trials)


class TestJobs:
    @pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
    def test_active_backend(self, data, expected, backend, recwarn):
        with joblib.parallel_config(backend, n_jobs=2):
            found = evaluate_predictors(MODELS, *data, cv=SMALL)
        recwarn.clear()  # of forks beside threads
        pd.testing.assert_frame_equal(without_times(found), expected)


class TestFailures:
    def test_reported_and_the_others_go_on(self, data, expected):
        with pytest.warns(FitFailedWarning, match="'bad' failed in 2 of 6"):
            trials = evaluate_predictors({**MODELS, "bad": Moody((1,))}, *data, cv=SMALL)
        failed = trials[trials["error"].notna()]
        assert failed[["predictor", "split"]].to_numpy().tolist() == [["bad", 1]] * 2
        assert failed["error"].tolist() == ["ArithmeticError: seed 1 is bad"] * 2
        assert failed[SCORES].isna().all(axis=None)
        others = trials[trials["predictor"] != "bad"]
        pd.testing.assert_frame_equal(others[SCORES], expected[SCORES])

    def test_in_scoring(self, data):
        with pytest.warns(FitFailedWarning, match="k == 10, must be"):
            trials = evaluate_predictors(
                {"a": Ridge()}, *data, cv=10, scoring="precision_at_k", error_score=-1
            )
        assert set(trials["precision_at_k"]) == {-1}

    def test_raised(self, data):
        with pytest.raises(ArithmeticError, match="seed 2"):
            evaluate_predictors({"a": Moody((2,))}, *data, cv=SMALL, error_score="raise")


@pytest.mark.parametrize(
    ("change", "error", "word"),
    [
        ({"predictors": {}}, ValueError, "mapping"),
        ({"predictors": [Ridge()]}, ValueError, "mapping"),
        ({"predictors": {"a": Ridge}}, TypeError, "class"),
        ({"X": np.zeros((79, 4))}, ValueError, "inconsistent"),
        ({"y": np.full(80, np.nan)}, ValueError, "y contains NaN"),
        ({"y": np.zeros((80, 2))}, ValueError, "1d"),
        ({"cv": None}, ValueError, "121"),
        ({"scoring": ["kendal_tau"]}, ValueError, "kendall_tau"),
        ({"scoring": {"error": "r2"}}, ValueError, "'error'"),
        ({"error_score": "rise"}, ValueError, "'raise'"),
        ({"n_jobs": 0}, ValueError, "n_jobs"),
    ],
)
def test_wrong_arguments(data, change, error, word):
    arguments = {"predictors": {"a": Ridge()}, "X": data[0], "y": data[1], "cv": 3} | change
    with pytest.raises(error, match=word):
        evaluate_predictors(**arguments)


class TestComparePredictors:
    @pytest.fixture
    def trials(self):
        taus = [0.8, 0.7, 0.9, 0.5, *[0.5, 0.5, 0.5, 0.6], *[0.5, np.nan, 0.6, 0.6]]
        small = pd.DataFrame({"predictor": list("aaaabbbbcccc"), "split": [0, 1, 2, 3] * 3})
        small = small.assign(train_size=20, kendall_tau=taus, mean_absolute_error=taus)
        small["fit_time"] = [1.0, 2.0, 3.0, 4.0, *[4.0] * 8]
        return pd.concat([small, small.assign(train_size=50)])

    def test_paired_differences_by_hand(self, trials):
        found = compare_predictors(trials, "b", ["kendall_tau", "fit_time"])
        assert found["score"].tolist() == ["kendall_tau"] * 4 + ["fit_time"] * 4
        assert found["train_size"].tolist() == [20, 20, 50, 50] * 2
        assert found["predictor"].tolist() == ["a", "c"] * 4
        # .3, .2, .4, -.1, and 0, .1, 0 without the trial that failed.
        first, second = found.iloc[0], found.iloc[1]
        assert first["mean_difference"] == pytest.approx(0.2)
        assert first["standard_error"] == pytest.approx((0.14 / 3 / 4) ** 0.5)
        assert (first["wins"], first["n_splits"]) == (3, 4)
        assert second["mean_difference"] == pytest.approx(0.1 / 3)
        assert second["n_splits"] == 3
        # Less time is better: 3, 2, 1, 0 seconds.
        assert found.loc[4, ["mean_difference", "wins"]].tolist() == [1.5, 3]

    def test_sign_of_errors(self, trials):
        tau = compare_predictors(trials, "b")["mean_difference"]
        error = compare_predictors(trials, "b", "mean_absolute_error")["mean_difference"]
        np.testing.assert_allclose(tau, -error)

    def test_folds_of_different_sizes(self, data):
        trials = evaluate_predictors(MODELS, *data, cv=3)
        (row,) = compare_predictors(trials, "knn").to_dict("records")
        assert (row["train_size"], row["n_splits"]) == (53, 3)

    @pytest.mark.parametrize(
        ("baseline", "scoring"), [("d", "kendall_tau"), ("b", "tau"), ("b", ["fit_time", "x"])]
    )
    def test_unknown_names(self, trials, baseline, scoring):
        with pytest.raises(ValueError, match="no"):
            compare_predictors(trials, baseline, scoring)
