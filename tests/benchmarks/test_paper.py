"""The paper's experiments: its numbers, its claims, and small runs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.base import clone

from benchmarks.paper import figure5, grid_search
from benchmarks.paper.__main__ import EXPERIMENTS, main
from benchmarks.paper.data import Data, load_cifar10, load_cifar100
from benchmarks.paper.experiment import Claim, report
from benchmarks.paper.numbers import DARTS, TABLE1, TABLE2, TITLES, mean, spread
from emprox.datasets import load_nasbench201
from emprox.model_selection import ArchitectureShuffleSplit, evaluate_predictors

# Table 1 of the paper, rounded by hand: errors in percent, then correlations, and the fit time.
ROWS = {
    "emprox-k10": (4.40, 10.72, 0.477, 0.730, 0.545, 6.45, 0.9),
    "emprox-k60": (4.53, 10.80, 0.504, 0.733, 0.547, 7.23, 3.2),
    "nao": (4.73, 10.94, 0.451, 0.713, 0.528, 54.17, 2.6),
    "seminas": (4.03, 10.12, 0.531, 0.768, 0.582, 152.23, 1.2),
    "xgb": (5.40, 12.30, 0.401, 0.647, 0.472, 31.65, 0.4),
    "bananas": (7.30, 12.28, 0.379, 0.417, 0.291, 507.39, 0.2),
    "mlp": (6.86, 11.36, 0.442, 0.530, 0.376, 471.75, 0.1),
}


class TestNumbers:
    def test_table1(self):
        assert list(TABLE1.index) == list(ROWS)
        for name, row in ROWS.items():
            found = [round(mean(TABLE1, name, key), n) for key, (_, n) in TITLES.items()]
            assert found == list(row)

    def test_table2_and_darts(self):
        assert mean(TABLE2, "emprox-k60", "spearman_rho") == 0.7772
        assert spread(TABLE2, "seminas", "spearman_rho") == 0.0428
        assert mean(DARTS, "emprox-k10", "root_mean_squared_error") == 0.6652
        assert spread(DARTS, "emprox-k10", "fit_time") == 6.9496
        assert np.isnan(mean(TABLE2, "seminas", "kendall_tau"))
        assert np.isnan(mean(TABLE2, "gcn", "kendall_tau"))

    def test_claims_state_numbers_of_the_table(self):
        taus, times = (
            {name: mean(TABLE1, name, column) for name in TABLE1.index}
            for column in ("kendall_tau", "fit_time")
        )
        for claim in EXPERIMENTS["table1"].claims:
            if claim.times:
                assert f"{times[claim.reference] / times[claim.predictor]:.1f}" in claim.text
            else:
                pair = f"{taus[claim.predictor]:.3f} against {taus[claim.reference]:.3f}"
                assert pair in claim.text


def trials_of(score, **values):
    rows = [
        {"predictor": name, "split": split, "train_size": 121, score: value}
        for name, column in values.items()
        for split, value in enumerate(column)
    ]
    return pd.DataFrame(rows)


class TestClaims:
    @pytest.mark.parametrize(
        ("differences", "as_good", "better"),
        [
            # Clearly ahead, ahead within noise, behind within noise, clearly behind.
            ([0.10, 0.11, 0.12], "holds", "holds"),
            ([0.20, -0.15, 0.01], "holds", "undecided"),
            ([-0.20, 0.15, -0.01], "undecided", "undecided"),
            ([-0.10, -0.11, -0.12], "does not hold", "does not hold"),
            # One trial says nothing about noise.
            ([0.3], "holds", "undecided"),
            ([-0.3], "undecided", "undecided"),
        ],
    )
    def test_as_good_and_better(self, differences, as_good, better):
        base = np.linspace(0.3, 0.6, len(differences))
        trials = trials_of("kendall_tau", a=base + differences, b=base)
        assert Claim("a", "b", "kendall_tau", "").test(trials)["here"] == as_good
        assert Claim("a", "b", "kendall_tau", "", strictly=True).test(trials)["here"] == better

    @pytest.mark.parametrize(("times", "verdict"), [(3, "holds"), (4, "does not hold")])
    def test_faster(self, times, verdict):
        # 2, 3.5 and 6 times.
        trials = trials_of("fit_time", a=[1.0, 2.0, 1.0], b=[2.0, 7.0, 6.0])
        found = Claim("a", "b", "fit_time", "", times=times).test(trials)
        assert (found["here"], found["measured"][:3]) == (verdict, "3.5")


class TestData:
    @pytest.mark.parametrize(
        ("load", "target"),
        [(load_cifar10, "baseline_accuracy"), (load_cifar100, "analog_accuracy")],
    )
    def test_stand_in(self, monkeypatch, load, target):
        def fail(*args, download_if_missing=True, **options):
            raise OSError("no network") if download_if_missing else FileNotFoundError

        monkeypatch.setattr("benchmarks.paper.data.fetch_nasbench201", fail)
        data = load(None)
        assert "NOT the paper's data" in data.source
        assert "no network" in data.remarks[-1]
        np.testing.assert_array_equal(data.y, load_nasbench201(target=target, return_X_y=True)[1])

    def test_nothing_stands_in_for_a_damaged_file(self, tmp_path):
        (tmp_path / "robustness_targets.csv").write_text("net,val_accs\n")
        with pytest.raises(SystemExit, match="not the published file"):
            load_cifar10(tmp_path)


@pytest.fixture
def data():
    X, y = load_nasbench201(return_X_y=True)
    return Data(X[:300], y[:300], "nasbench201", 10, "some cells", ("Fewer.",))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_all_predictors_can_be_made(data, name):
    experiment = EXPERIMENTS[name]
    for predictor in experiment.predictors.values():
        clone(predictor.make(data))
    assert set(experiment.on_demand) <= set(experiment.predictors)


def test_numbers_are_those_of_evaluate_predictors(data, tmp_path):
    table1 = EXPERIMENTS["table1"]
    names = ["emprox-best", "graf-forest"]
    experiment = replace(table1, n_unseen=60)
    trials = experiment.run(data, names=names, n_trials=2)
    expected = evaluate_predictors(
        {name: table1.predictors[name].make(data) for name in names},
        data.X,
        data.y,
        cv=ArchitectureShuffleSplit(2, test_size=60, random_state=0),
    )
    scores = [name for name in TITLES if not name.endswith("_time")]
    pd.testing.assert_frame_equal(trials[scores], expected[scores])
    tables = report(trials, experiment, tmp_path)
    tau = expected.loc[expected["predictor"] == "emprox-best", "kendall_tau"]
    assert (
        tables["numbers"].loc[("emprox-best", "here"), "Kendall"]
        == f"{tau.mean():.3f} ± {tau.std():.3f}"
    )
    assert len(tables["claims"]) == 6
    assert {path.name for path in tmp_path.iterdir()} == {"kendall-tau.png", "fit-time.png"}


def test_grid_search(tmp_path):
    rng = np.random.default_rng(0)
    trials = pd.DataFrame(
        [
            {"predictor": name, "split": split, "train_size": 121}
            | {score: 0.5 + 0.01 * rng.random() for score in TITLES}
            for name in grid_search.GRID_SEARCH.predictors
            for split in range(3)
        ]
    )
    best = trials["predictor"] == "h64-k20"
    trials.loc[best, "kendall_tau"] = 0.9
    trials.loc[best, "mean_absolute_error"] = 0.1
    table = grid_search.report(trials, grid_search.GRID_SEARCH, tmp_path)["best"]
    table = table.set_index("score")
    assert table.loc[["Kendall", "MAE (%)"], "best here"].tolist() == ["h64-k20"] * 2
    assert table.loc[["Kendall", "MAE (%)"], "best in the paper"].tolist() == ["h32-k60", "h32-k10"]
    assert table.loc["Kendall", "better by"].startswith("0.39")
    assert (tmp_path / "grid.png").is_file()


def test_neighbors_of_figure5():
    y = np.array([0.0, 1.0, 10.0, 11.0])
    assert figure5.random_difference(y) == pytest.approx((1 + 10 + 11 + 9 + 10 + 1) / 6)
    rng = np.random.default_rng(0)
    y = rng.random(200)
    assert figure5.neighbor_difference(y[:, np.newaxis], y) < 0.05
    assert figure5.neighbor_difference(rng.random((200, 1)), y) > 0.2


@pytest.mark.parametrize("name", ["table1", "figure5"])
def test_command(data, monkeypatch, tmp_path, name):
    monkeypatch.setattr(
        "benchmarks.paper.__main__.EXPERIMENTS",
        {name: replace(EXPERIMENTS[name], load=lambda _: data, n_unseen=50)},
    )
    arguments = [name, "--predictors", "emprox-best", "--trials", "2", "--output", str(tmp_path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "some cells" in result.stdout
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert trials["error"].isna().all()
    assert {"trials.sqlite", "numbers.csv"} < {path.name for path in tmp_path.iterdir()}
    times = trials["fit_time"]
    CliRunner().invoke(main, arguments, catch_exceptions=False)
    pd.testing.assert_series_equal(pd.read_csv(tmp_path / "trials.csv")["fit_time"], times)


def test_unknown_predictor():
    result = CliRunner().invoke(main, ["table1", "--predictors", "gpt"])
    assert result.exit_code == 2
    assert "gpt" in result.output
