import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning

from emprox.datasets import load_nasbench201
from emprox.model_selection import Evaluation
from emprox.model_selection._trial import draw_trial
from emprox.reproduction import get_experiment, list_experiments
from emprox.reproduction._experiment import Predictor, Run
from emprox.reproduction._figure5 import embed, neighbor_difference, random_difference
from emprox.reproduction._grid_search import EMBEDDING_DIMS, N_NEIGHBORS, point_name

FAST = ("emprox-best", "emprox-kriging")
TINY = {"n_trials": 2, "train_sizes": [40], "test_size": 50}
PNG = b"\x89PNG\r\n\x1a\n"


class Broken:
    """Fails in every fit but for the constructor's sake is an estimator."""

    def get_params(self, deep=True):
        return {}

    def set_params(self, **params):
        return self

    def fit(self, X, y):
        raise RuntimeError("out of | order")

    def predict(self, X):
        raise AssertionError


@pytest.fixture
def offline(monkeypatch):
    """Make downloads fail as without a network, and count them."""
    pooch = pytest.importorskip("pooch")
    tried = []

    class Downloader:
        def __init__(self, **kwargs):
            pass

        def __call__(self, url, output_file, pooch):
            tried.append(url)
            raise OSError("no network")

    monkeypatch.setattr(pooch, "HTTPDownloader", Downloader)
    return tried


class TestData:
    @pytest.mark.parametrize("name", ["table1", "grid-search", "figure5"])
    def test_stand_in_for_cifar10(self, name, tmp_path, offline):
        data = get_experiment(name).load(tmp_path, download=False)
        X, y = load_nasbench201(return_X_y=True)
        np.testing.assert_array_equal(data.X, X)
        np.testing.assert_array_equal(data.y, y)
        assert (data.is_stand_in, data.chance_level, offline) == (True, 10, [])
        text = " ".join(block.to_markdown() for block in data.notice())
        assert text.startswith("Data: These are not the paper's data. CIFAR-10 accuracies of all")
        assert "AnalogNAS-Bench" in text
        assert "Why not the official ones: " in text
        assert "robustness_targets.csv is missing" in text

    def test_stand_in_for_cifar100(self, tmp_path, offline):
        data = get_experiment("table2").load(tmp_path)
        assert len(offline) == 1
        np.testing.assert_array_equal(
            data.y, load_nasbench201(target="analog_accuracy", return_X_y=True)[1]
        )
        text = " ".join(block.to_markdown() for block in data.notice())
        assert "Not CIFAR-100 at all" in text
        assert "Why not the official ones: could not download nats\\_bench" in text or (
            "could not download nats_bench.csv: no network" in text
        )

    def test_official(self, nasbench201_data_home, offline):
        data = get_experiment("table1").load(nasbench201_data_home)
        assert (data.is_stand_in, len(data.X), offline) == (False, 15625, [])
        assert data.y.max() == pytest.approx(91.57, abs=0.01)
        assert data.notice()[0].text.startswith("Data: the official CIFAR-10 validation accuracies")

    def test_broken_file_is_an_error(self, tmp_path, offline):
        (tmp_path / "robustness_targets.csv").write_text("net,val_accs\n")
        with pytest.raises(OSError, match="is not the published file"):
            get_experiment("table1").load(tmp_path)
        assert offline == []

    @pytest.mark.parametrize("download", [True, False])
    def test_nothing_stands_in_for_darts(self, tmp_path, offline, download):
        with pytest.raises(OSError, match=r"save it as\s+\S*9x_all\.zip") as raised:
            get_experiment("darts").load(tmp_path, download=download)
        assert "nothing could stand in" in str(raised.value) or download
        assert len(offline) == download


class TestRegistry:
    def test_all(self):
        for name in list_experiments():
            experiment = get_experiment(name)
            assert experiment.name == name
            assert experiment.title
            assert set(experiment.choose(None)) <= set(experiment.predictors())
            assert experiment.choose(None)

    def test_unknown(self):
        with pytest.raises(ValueError, match="there is no experiment 'table3', only 'table1', "):
            get_experiment("table3")

    def test_the_seven_rows_of_the_paper_come_first(self):
        names = list(get_experiment("table1").choose(None))
        assert names[:7] == ["emprox-k10", "emprox-k60", "nao", "seminas", "xgb", "bananas", "mlp"]
        assert names[7:] == ["bananas-canonical", "gcn", "graf-forest", "graf-xgb", *FAST]

    def test_darts_leaves_out_what_takes_hours(self):
        experiment = get_experiment("darts")
        assert not {"nao", "seminas"} & set(experiment.choose(None))
        assert list(experiment.choose(["seminas", "emprox-k10"])) == ["emprox-k10", "seminas"]

    def test_choose(self):
        experiment = get_experiment("table1")
        with pytest.raises(ValueError, match="table1 has no predictor 'gpt'; there are emprox-k10"):
            experiment.choose(["emprox-k10", "gpt"])
        with pytest.raises(ValueError, match="no predictor is named"):
            experiment.choose([])

    def test_published_method_is_the_recipe(self, data):
        model = get_experiment("table1").predictors()["emprox-k60"].make(data)
        assert model["knn"].n_neighbors == 60
        assert model["tokenizer"].canonicalize is False
        assert model["embedder"].max_epochs == 50

    @pytest.mark.parametrize("name", list_experiments())
    def test_all_can_be_made(self, data, name):
        for predictor, row in get_experiment(name).predictors().items():
            first, second = clone(row.make(data)), row.make(data)
            assert repr(first) == repr(second), predictor
            seeds = [key for key in first.get_params() if key.endswith("random_state")]
            assert seeds, f"{predictor} cannot be seeded"

    def test_rivals_of_the_paper_see_cells_as_written(self, data):
        rows = get_experiment("table1").predictors()
        for name in ("emprox-k10", "emprox-k60", "nao", "seminas", "xgb", "bananas", "mlp"):
            parameters = rows[name].make(data).get_params()
            forms = {key: value for key, value in parameters.items() if "canonicalize" in key}
            assert list(forms.values()) == [False], name

    def test_fast_rivals_run(self, data):
        names = ["xgb", "mlp", "graf-forest", "graf-xgb"]
        run = get_experiment("table1").run(data, predictors=names, **TINY | {"n_trials": 1})
        assert not run.evaluation.failures
        assert all(row["kendall_tau"] > 0 for row in run.evaluation.rows)

    def test_other_trees_are_named(self, monkeypatch):
        monkeypatch.setattr("emprox.reproduction._rows.find_spec", lambda name: None)
        for name in ("xgb", "graf-xgb"):
            remark = get_experiment("table1").predictors()[name].remark
            assert "xgboost is not installed, so these are scikit-learn's trees" in remark

    def test_kriging_knows_the_chance_level(self, data):
        model = get_experiment("table1").predictors()["emprox-kriging"].make(data)
        assert (model.weights, model.chance_level) == ("kriging", 10)


class TestRun:
    def test_settings(self, data, tmp_path):
        run = get_experiment("table1").run(
            data,
            predictors=FAST,
            n_trials=2,
            first_trial=7,
            train_sizes=[40, 20, 40],
            test_size=30,
            results_file=tmp_path / "trials.jsonl",
        )
        assert (run.trials, run.train_sizes, run.test_size) == (range(7, 9), (20, 40), 30)
        found = {(row["predictor"], row["train_size"], row["trial"]) for row in run.evaluation.rows}
        assert found == {
            (name, size, trial) for name in FAST for size in (20, 40) for trial in (7, 8)
        }
        assert not run.evaluation.failures
        kept = Evaluation.from_file(tmp_path / "trials.jsonl")
        assert len(kept.rows) == len(run.evaluation.rows) == 8

    def test_too_few_architectures(self, data):
        with pytest.raises(ValueError, match=r"121 known and 1,000 predicted .* 1,121, but .* 300"):
            get_experiment("table1").run(data, predictors=FAST)

    @pytest.mark.parametrize(
        ("changes", "options"),
        [
            ({}, ""),
            ({"trials": range(3)}, " --trials 3"),
            ({"trials": range(4, 24)}, " --first-trial 4"),
            ({"train_sizes": (20, 40), "test_size": 9}, " --train-sizes 20,40 --test-size 9"),
            ({"n_jobs": 2}, " --n-jobs 2"),
            ({"predictors": ["emprox-best", "nao"]}, " --predictors nao,emprox-best"),
        ],
    )
    def test_command(self, data, changes, options):
        experiment = get_experiment("table1")
        chosen = experiment.choose(changes.pop("predictors", None))
        settings = {"trials": range(20), "train_sizes": (121,), "test_size": 1000, "n_jobs": 1}
        run = Run(data, chosen, evaluation=None, **(settings | changes))
        assert experiment.command(run) == f"emprox reproduce table1{options}"


VALUES = {
    "emprox-k10": {
        "kendall_tau": [0.5, 0.6],
        "mean_absolute_error": [4.0, 5.0],
        "fit_seconds": [2.0, 4.0],
        "query_milliseconds": [400.0, 500.0],
    },
    "nao": {
        "kendall_tau": [0.4, 0.7],
        "mean_absolute_error": [4.5, 5.1],
        "fit_seconds": [8.0, 20.0],
        "query_milliseconds": [100.0, 100.0],
    },
    "emprox-best": {"kendall_tau": [0.8, 0.9], "fit_seconds": [0.01, 0.02]},
}


class TestComparisonReport:
    def report(self, data, make_evaluation, values, plots=False, **settings):
        experiment = get_experiment("table1")
        evaluation = make_evaluation(values)
        n_trials = len(evaluation.rows) // len(values)
        defaults = {"train_sizes": (121,), "test_size": 50, "n_jobs": 1}
        run = Run(
            data,
            experiment.choose(list(values)),
            range(n_trials),
            evaluation=evaluation,
            **{**defaults, **settings},
        )
        return experiment.report(run, plots=plots)

    def test_numbers_in_html(self, data, make_evaluation, read_page):
        page = read_page(self.report(data, make_evaluation, VALUES).to_html())
        claims, short, full, compared = page.tables
        assert [row[1] for row in claims[1:4]] == ["holds", "holds", "not tested"]
        # Ratios 4 and 5: their median is 4.5.
        assert claims[2][2:] == ["4.50 times (median)", "8.4 times"]
        assert short[1] == [
            *("EmProx, k = 10", "0.550 ± 0.071", "0.545 ± 0.054", "4.50 ± 0.71", "4.40 ± 1.03"),
            *("3.00 ± 1.41", "6.45 ± 0.98"),
        ]
        assert short[3][:3] == ["emprox, recipe “best”", "0.850 ± 0.071", "-"]
        assert full[0] == [
            *("method", "", "MAE (%)", "RMSE (%)", "Pearson", "Spearman", "Kendall"),
            *("precision at 10", "fit (s)", "query (ms)"),
        ]
        assert [row[1] for row in full[1:]] == ["here", "paper", "here", "paper", "here"]
        # 1,000 architectures in 400 and 500 ms are 0.45 ms for one; the paper's are for one.
        assert [row[-1] for row in full[1:4]] == ["0.450 ± 0.071", "0.9 ± 0.8", "0.100 ± 0.000"]
        # Kendall: -0.1 and +0.1; MAE of NAO is higher by 0.5 and 0.1, so it is behind by 0.3.
        assert compared[1][:4] == ["NAO", "4.50", "8.40", "+0.000 ± 0.100"]
        assert compared[1][5] == "-0.30 ± 0.20"
        assert compared[2][:3] == ["emprox, recipe “best”", "0.005", "-"]

    def test_data_come_first(self, data, make_evaluation):
        report = self.report(data, make_evaluation, VALUES)
        for text in (report.to_markdown(), report.to_html()):
            assert text.index("some cells.") < text.index("Fewer.") < text.index("claims hold?")

    def test_without_the_reference(self, data, make_evaluation):
        values = {name: VALUES[name] for name in ("nao", "emprox-best")}
        text = self.report(data, make_evaluation, values).to_markdown()
        assert "Left out, because emprox-k10 was not among the predictors of this run" in text

    def test_failures(self, data, make_evaluation):
        values = VALUES | {"gcn": {"kendall_tau": ["MemoryError: too large"] * 2}}
        report = self.report(data, make_evaluation, values, plots=True)
        assert report.sections[0].heading == "Trials that failed"
        text = report.to_markdown()
        assert "- GCN, 121 known: 2 of 2 trials: MemoryError: too large" in text
        assert re.search(r"^\| GCN( \| -){6} \|$", text, re.MULTILINE)

    def test_a_stack_trace_stays_in_its_line(self, data, make_evaluation):
        values = VALUES | {"gcn": {"kendall_tau": ["Error: here\nStack trace:\n- a"] * 2}}
        text = self.report(data, make_evaluation, values).to_markdown()
        assert "2 of 2 trials: Error: here Stack trace: - a\n" in text

    def test_everything_failed(self, data, make_evaluation):
        values = {"gcn": {"kendall_tau": ["MemoryError: too large"] * 2}}
        report = self.report(data, make_evaluation, values, plots=True)
        assert report.pictures == []
        assert "2 of 2 trials" in report.to_markdown()

    def test_paper_is_not_set_beside_another_size(self, data, make_evaluation):
        evaluation_values = {"emprox-k10": VALUES["emprox-k10"]}
        report = self.report(
            data, lambda values: make_evaluation(values, 40), evaluation_values, train_sizes=(40,)
        )
        assert "0.545 ± 0.054" not in report.to_markdown()

    def test_pictures(self, data, make_evaluation):
        report = self.report(data, make_evaluation, VALUES, plots=True)
        names = [picture.filename for picture in report.pictures]
        assert names == ["kendall-tau.png", "fit-time.png"]
        for picture in report.pictures:
            assert picture.png.startswith(PNG)
            assert len(picture.png) > 10_000
        again = self.report(data, make_evaluation, VALUES, plots=True)
        assert [p.png for p in again.pictures] == [p.png for p in report.pictures]

    def test_several_sizes(self, data, make_evaluation):
        rows = [
            row
            for size, shift in ((20, -0.1), (121, 0.0))
            for row in make_evaluation(
                {
                    name: metrics | {"kendall_tau": [tau + shift for tau in metrics["kendall_tau"]]}
                    for name, metrics in VALUES.items()
                },
                size,
            ).rows
        ]
        experiment = get_experiment("table1")
        chosen = experiment.choose(list(VALUES))
        run = Run(data, chosen, range(2), (20, 121), 50, 1, Evaluation(rows))
        report = experiment.report(run)
        headings = [section.heading for section in report.sections]
        assert headings[:3] == [
            "Do the paper's claims hold? (121 known)",
            "In short (20 known)",
            "All metrics (20 known)",
        ]
        names = [picture.filename for picture in report.pictures]
        assert names == [
            *("kendall-tau-20.png", "fit-time-20.png", "kendall-tau-121.png", "fit-time-121.png"),
            "known-architectures.png",
        ]
        text = report.to_markdown()
        # The paper has numbers for 121 known cells only.
        assert "| EmProx, k = 10 | 0.450 ± 0.071 | 4.50 ± 0.71 | 3.00 ± 1.41 |\n" in text
        assert "| EmProx, k = 10 | 0.550 ± 0.071 | 0.545 ± 0.054 | 4.50 ± 0.71 |" in text

    def test_one_trial(self, data, make_evaluation):
        values = {
            name: {metric: column[:1] for metric, column in metrics.items()}
            for name, metrics in VALUES.items()
        }
        report = self.report(data, make_evaluation, values, plots=True)
        assert "| EmProx, k = 10 | 0.500 | 0.545 ± 0.054 | 4.00 |" in report.to_markdown()
        assert len(report.pictures) == 2

    def test_says_how_it_was_measured(self, data, make_evaluation):
        text = self.report(data, make_evaluation, VALUES, n_jobs=2).to_markdown()
        assert "121 known and 50 predicted architectures, trials 0 to 1" in text
        assert "2 trials ran side by side" in text
        assert "scikit-learn 1." in text
        assert "    emprox reproduce table1 --trials 2 --test-size 50" in text

    def test_every_row_of_the_paper_says_why_it_differs(self):
        for name, row in get_experiment("table1").predictors().items():
            assert row.remark or name.startswith("emprox-k")


class TestGridSearch:
    def run(self, data, make_evaluation, best, names=None):
        experiment = get_experiment("grid-search")
        chosen = experiment.choose(names)
        values = {
            name: {
                "mean_absolute_error": [4.0 + index / 100, 5.0 + index / 50],
                "kendall_tau": [0.5 - index / 100, 0.6 - index / 50],
            }
            for index, name in enumerate(chosen)
        }
        values |= {name: metrics for name, metrics in best.items() if name in chosen}
        evaluation = make_evaluation(values)
        return experiment, Run(data, chosen, range(100, 102), (121,), 50, 1, evaluation)

    def test_grid(self):
        names = list(get_experiment("grid-search").predictors())
        assert names == [point_name(dim, k) for dim in EMBEDDING_DIMS for k in N_NEIGHBORS]
        assert {"h32-k10", "h32-k60", "h128-k10"} <= set(names)

    def test_points_are_what_they_say(self, data):
        model = get_experiment("grid-search").predictors()["h64-k20"].make(data)
        assert (model["embedder"].embedding_dim, model["knn"].n_neighbors) == (64, 20)
        assert clone(model).get_params()["tokenizer__canonicalize"] is False

    def test_best(self, data, make_evaluation):
        best = {"h64-k20": {"mean_absolute_error": [3.0, 3.0], "kendall_tau": [0.1, 0.1]}}
        experiment, run = self.run(data, make_evaluation, best)
        table = experiment.best_table(run, 121)
        rows = {row[0]: row[1:] for row in table.rows}
        assert rows["MAE (%)"][:2] == ["EmProx, size 64, k = 20", "3.00 ± 0.00"]
        assert rows["MAE (%)"][2] == "EmProx, size 32, k = 10"
        # h32-k10 is number 5 of the made-up values: 4.05 and 5.10, which are 1.05 and 2.10 more.
        assert rows["MAE (%)"][3:] == ["4.57 ± 0.74", "+1.57 ± 0.52"]
        assert rows["Kendall"][0] == "EmProx, size 16, k = 5"
        assert rows["Kendall"][2] == "EmProx, size 32, k = 60"

    def test_the_papers_choice_is_best(self, data, make_evaluation):
        best = {"h32-k10": {"mean_absolute_error": [3.0, 3.0], "kendall_tau": [0.1, 0.1]}}
        experiment, run = self.run(data, make_evaluation, best)
        rows = {row[0]: row for row in experiment.best_table(run, 121).rows}
        assert rows["MAE (%)"][-1] == "the same"

    def test_a_point_that_failed_is_not_best(self, data, make_evaluation):
        best = {"h64-k20": {"mean_absolute_error": [0.0, "ValueError: no"]}}
        experiment, run = self.run(data, make_evaluation, best)
        assert experiment.best_table(run, 121).rows[0][1] == "EmProx, size 16, k = 5"

    @pytest.mark.parametrize("names", [None, ["h32-k10"], ["h16-k5", "h128-k60"]])
    def test_report(self, data, make_evaluation, names, read_page):
        experiment, run = self.run(data, make_evaluation, {}, names)
        report = experiment.report(run)
        page = read_page(report.to_html())
        # What is best, and a grid for each of five metrics and the fit time.
        assert len(page.tables) == 7
        dims = {16, 32, 64, 128} if names is None else {int(n[1:].split("-")[0]) for n in names}
        assert [row[0] for row in page.tables[1][1:]] == [str(dim) for dim in sorted(dims)]
        (picture,) = report.pictures
        assert picture.png.startswith(PNG)


class TestFigure5:
    def test_draws_are_those_of_the_evaluation(self, data):
        """What the picture shows is what was evaluated."""
        experiment = get_experiment("figure5")
        run = experiment.run(
            data, predictors=["emprox-best"], first_trial=3, train_sizes=[40], test_size=50
        )
        known, unseen = draw_trial(len(data.X), 40, 50, 3)
        model = run.predictors["emprox-best"].make(data).set_params(metric__random_state=3)
        predicted = model.fit(data.X[known], data.y[known]).predict(data.X[unseen])
        error = np.abs(predicted - data.y[unseen]).mean()
        (value,) = run.evaluation.values("mean_absolute_error", "emprox-best", 40).values()
        assert value == pytest.approx(error, rel=1e-12)
        embedding = embed(run.predictors["emprox-best"], data, known, unseen, 3)
        np.testing.assert_array_equal(embedding, model[:-1].transform(data.X[unseen]))

    def test_differences(self):
        y = np.array([1.0, 2.0, 4.0])
        # Pairs differ by 1, 3 and 2.
        assert random_difference(y) == pytest.approx(2)
        # Fewer than ten others: all are neighbours.
        assert neighbor_difference(np.arange(6.0).reshape(3, 2), y) == pytest.approx(2)
        rng = np.random.default_rng(0)
        y = rng.normal(size=300)
        sorted_by_accuracy = np.column_stack([y, np.zeros(300)])
        shuffled = rng.normal(size=(300, 2))
        assert neighbor_difference(sorted_by_accuracy, y) < 0.2
        assert neighbor_difference(shuffled, y) == pytest.approx(random_difference(y), rel=0.1)

    def test_report(self, data, read_page):
        experiment = get_experiment("figure5")
        run = experiment.run(data, train_sizes=[20], test_size=60)
        report = experiment.report(run)
        (table,) = read_page(report.to_html()).tables
        assert [row[0] for row in table[1:]] == ["EmProx, k = 10", "emprox, recipe “best”"]
        assert all(float(row[1]) > 0 for row in table[1:])
        (picture,) = report.pictures
        assert picture.filename == "embedding.png"
        assert picture.png.startswith(PNG)
        assert experiment.report(run, plots=False).pictures == []
        assert "emprox reproduce figure5 --train-sizes 20 --test-size 60" in report.to_markdown()


@pytest.mark.parametrize("name", ["figure5", "grid-search"])
def test_failures_of_every_experiment(data, name):
    experiment = get_experiment(name)
    predictor = next(iter(experiment.predictors()))
    too_few = {"n_trials": 1, "train_sizes": [4], "test_size": 50, "predictors": [predictor]}
    with pytest.warns(FitFailedWarning, match="failed in 1 of 1 tasks"):
        run = experiment.run(data, **too_few)
    report = experiment.report(run, plots=False)
    assert report.sections[0].heading == "Trials that failed"
    assert ", 4 known: 1 of 1 trials: ValueError: " in report.to_markdown()


def test_a_predictor_that_raises_is_reported(data, monkeypatch):
    experiment = get_experiment("table1")
    rows = {
        "emprox-best": experiment.predictors()["emprox-best"],
        "broken": Predictor("Broken", lambda data: Broken()),
    }
    monkeypatch.setattr(type(experiment), "predictors", lambda self: rows)
    with pytest.warns(FitFailedWarning, match="'broken' failed in 2 of 2 tasks"):
        run = experiment.run(data, **TINY)
    monkeypatch.setattr(type(experiment), "reference", "broken")
    text = experiment.report(run, plots=False).to_markdown()
    assert "- Broken, 40 known: 2 of 2 trials: RuntimeError: out of \\| order" in text
    assert "| emprox, recipe “best” | 0." in text
