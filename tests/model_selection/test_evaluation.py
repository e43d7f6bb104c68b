import itertools
import math
import os
import pickle
import re
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from emprox.model_selection import Comparison, Evaluation

METRICS = [
    "mean_absolute_error",
    "root_mean_squared_error",
    "pearson_r",
    "spearman_rho",
    "kendall_tau",
    "precision_at_10",
    "fit_seconds",
    "query_milliseconds",
]
COLUMNS = ["predictor", "train_size", "trial", *METRICS, "error"]
LOWER_IS_BETTER = {METRICS[0], METRICS[1], METRICS[6], METRICS[7]}


def row(predictor="a", train_size=121, trial=0, error="", **values):
    numbers = dict.fromkeys(METRICS, math.nan if error else 0.5) | values
    return (
        {"predictor": predictor, "train_size": train_size, "trial": trial}
        | numbers
        | {"error": error}
    )


def make(metric="kendall_tau", train_size=121, **values):
    """Return an evaluation with these values of one metric by predictor, None for a failure."""
    return Evaluation(
        row(name, train_size, trial, error="no" if value is None else "")
        | ({} if value is None else {metric: value})
        for name, series in values.items()
        for trial, value in enumerate(series)
    )


class TestValues:
    def test_names(self):
        evaluation = Evaluation([row("b", 50), row("b", 9), row("a", 50), row("a", 9)])
        assert evaluation.predictors == ["b", "a"]
        assert evaluation.train_sizes == [9, 50]
        assert repr(evaluation) == (
            "<Evaluation: 2 predictors, train sizes 9 and 50, 1 trials, 0 failures>"
        )

    def test_values(self):
        evaluation = make(a=[0.1, None, 0.4], b=[1, 2, 3])
        assert evaluation.values("kendall_tau", "a") == {0: 0.1, 2: 0.4}
        assert evaluation.values("kendall_tau", "a", 121) == {0: 0.1, 2: 0.4}
        assert evaluation.mean("kendall_tau", "a") == pytest.approx(0.25)
        assert evaluation.std("kendall_tau", "b") == 1
        assert evaluation.failures == [evaluation.rows[1]]

    def test_too_few(self):
        evaluation = make(a=[0.1], b=[None])
        assert math.isnan(evaluation.std("kendall_tau", "a"))
        assert evaluation.values("kendall_tau", "b") == {}
        assert math.isnan(evaluation.mean("kendall_tau", "b"))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("kendal_tau", "a", 9), "no metric 'kendal_tau'.*Did you mean 'kendall_tau'?"),
            (("kendall_tau", "c", 9), "no predictor 'c', only 'a'"),
            (("kendall_tau", "a", 10), r"train_size has to be one of \[9, 50\], got 10"),
            (("kendall_tau", "a"), r"train_size has to be one of \[9, 50\], got None"),
        ],
    )
    def test_unknown(self, arguments, message):
        evaluation = Evaluation([row("a", 50), row("a", 9)])
        with pytest.raises(ValueError, match=message):
            evaluation.values(*arguments)

    def test_rows_are_checked(self):
        with pytest.raises(ValueError, match="row 1 of the evaluation lacks kendall_tau, error"):
            Evaluation(
                [row(), {k: v for k, v in row().items() if k not in ("kendall_tau", "error")}]
            )
        with pytest.raises(ValueError, match="two rows of 'a' for train size 121 in trial 0"):
            Evaluation([row(), row()])

    def test_pickle(self):
        evaluation = make(a=[0.1, 0.2])
        assert pickle.loads(pickle.dumps(evaluation)).rows == evaluation.rows


class TestSummary:
    def test_by_predictor_and_train_size(self):
        rows = make(a=[1, 3], b=[2, None]).rows + make(train_size=9, a=[5]).rows
        summary = Evaluation(rows).summary(["kendall_tau"])
        assert [list(entry.values())[:4] for entry in summary] == [
            ["a", 9, 1, 0],
            ["a", 121, 2, 0],
            ["b", 121, 1, 1],
        ]
        assert [entry["kendall_tau_mean"] for entry in summary] == [5, 2, 2]
        assert summary[1]["kendall_tau_std"] == pytest.approx(math.sqrt(2))
        assert len(Evaluation(rows).summary(["kendall_tau"], train_size=121)) == 2

    def test_all_metrics(self):
        (entry,) = make(a=[1]).summary()
        assert [name for name in entry if name.endswith("_mean")] == [f"{m}_mean" for m in METRICS]

    @pytest.mark.parametrize("metrics", ["kendall_tau", [], ["tau"]])
    def test_metrics_are_checked(self, metrics):
        with pytest.raises(ValueError, match="metric"):
            make(a=[1]).summary(metrics)


class TestCompare:
    @given(st.integers(0, 2**32 - 1), st.sampled_from(METRICS))
    def test_paired_tests_of_scipy(self, seed, metric):
        rng = np.random.default_rng(seed)
        values = dict(zip("abc", rng.normal(size=(3, 6)), strict=True))
        sign = -1 if metric in LOWER_IS_BETTER else 1
        found = make(metric, **values).compare("b", metric)
        assert [comparison.predictor for comparison in found] == ["a", "c"]
        for comparison in found:
            differences = sign * (values[comparison.predictor] - values["b"])
            test = stats.ttest_rel(values[comparison.predictor], values["b"])
            assert comparison.mean_difference == pytest.approx(differences.mean())
            assert comparison.standard_error == pytest.approx(stats.sem(differences))
            assert comparison.p_value == pytest.approx(test.pvalue)
            assert comparison.wilcoxon_p_value == pytest.approx(stats.wilcoxon(differences).pvalue)
            assert comparison.n_trials == 6
            assert (comparison.reference, comparison.metric) == ("b", metric)
            assert comparison.train_size == 121

    @given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4))
    def test_holm(self, seeds):
        values = {
            f"m{i}": np.random.default_rng([seed, i]).normal(1, 1, 5)
            for i, seed in enumerate(seeds)
        }
        found = make(reference=np.zeros(5), **values).compare("reference")
        p_values = [comparison.p_value for comparison in found]
        for comparison in found:
            # The closed test: every set of hypotheses with this one is rejected by Bonferroni.
            sets = [
                chosen
                for n in range(1, len(found) + 1)
                for chosen in itertools.combinations(p_values, n)
                if comparison.p_value in chosen
            ]
            expected = max(min(1, len(chosen) * min(chosen)) for chosen in sets)
            assert comparison.adjusted_p_value == pytest.approx(expected)

    def test_only_common_trials_count(self):
        (comparison,) = make(a=[0.3, None, 0.5], b=[0.1, 0.9, None]).compare("b")
        assert comparison.n_trials == 1
        assert comparison.mean_difference == pytest.approx(0.2)
        for name in ("standard_error", "p_value", "adjusted_p_value", "wilcoxon_p_value"):
            assert math.isnan(getattr(comparison, name))

    def test_nothing_in_common(self):
        found = make(a=[None, 1, 2], b=[1, None, None], c=[3, 4, 6], d=[4, 6, 9]).compare("c")
        assert [comparison.n_trials for comparison in found] == [2, 1, 3]
        a, b, d = found
        assert math.isnan(b.adjusted_p_value)
        # What cannot be tested does not count.
        assert d.adjusted_p_value == pytest.approx(min(2 * min(d.p_value, a.p_value), 1))

    def test_no_difference_at_all(self):
        same, better = make(a=[1, 2, 3], b=[1, 2, 3], c=[2, 3, 4]).compare("a")
        assert (same.mean_difference, same.p_value, same.wilcoxon_p_value) == (0, 1, 1)
        assert (better.mean_difference, better.p_value, better.standard_error) == (1, 0, 0)

    def test_undefined_metric(self):
        (comparison,) = make(a=[math.nan, math.nan], b=[math.nan, math.nan]).compare("b")
        assert math.isnan(comparison.p_value)
        assert math.isnan(comparison.wilcoxon_p_value)

    def test_frozen(self):
        (comparison,) = make(a=[1, 2], b=[1, 3]).compare("b")
        assert isinstance(comparison, Comparison)
        with pytest.raises(AttributeError):
            comparison.p_value = 0

    def test_reference_is_checked(self):
        with pytest.raises(ValueError, match="no predictor 'z', only 'a', 'b'"):
            make(a=[1, 2], b=[1, 3]).compare("z")


class TestTables:
    def test_a_name_of_two_lines_stays_in_its_row(self):
        assert "\n| two lines | " in make(**{"two\nlines": [0.5, 0.6]}).to_markdown()

    def test_markdown(self):
        evaluation = make(weak=[0.5, 0.6], **{"str|ong": [0.8, 0.9]})
        assert evaluation.to_markdown(["kendall_tau"]).splitlines() == [
            "| Predictor | Kendall |",
            "| --- | --- |",
            "| weak | 0.550 ± 0.071 |",
            "| str\\|ong | **0.850 ± 0.071** |",
        ]

    @pytest.mark.parametrize(
        ("metric", "values", "expected"),
        [
            ("mean_absolute_error", (12.345, 1.2345), ("12.35", "**1.23**")),
            ("mean_absolute_error", (0.012345, 0.0012345), ("0.0123", "**0.0012**")),
            ("fit_seconds", (152.4, 0.0012345), ("152", "**0.00123**")),
            ("precision_at_10", (0.0, 0.0), ("**0.00**", "**0.00**")),
        ],
    )
    def test_digits(self, metric, values, expected):
        table = make(metric, a=values[:1], b=values[1:]).to_markdown([metric])
        assert tuple(re.findall(r"\| [ab] \| (.*) \|", table)) == expected

    def test_all_metrics(self):
        table = make(a=[0.5, 0.6]).to_markdown()
        assert table.splitlines()[0] == (
            "| Predictor | MAE | RMSE | Pearson | Spearman | Kendall | Precision at 10 | Fit (s) |"
            " Query of 1,000 (ms) |"
        )
        assert "**" not in table  # nothing to be better than

    def test_train_sizes_and_failures(self):
        rows = make(a=[0.1, None], b=[0.2, 0.4]).rows + make(train_size=9, a=[0.4], b=[0.1]).rows
        evaluation = Evaluation(rows)
        assert evaluation.to_markdown(["kendall_tau"]).splitlines() == [
            "| Predictor | Known | Trials | Kendall |",
            "| --- | --- | --- | --- |",
            "| a | 9 | 1 | **0.400** |",
            "| b | 9 | 1 | 0.100 |",
            "| a | 121 | 1 | 0.100 |",
            "| b | 121 | 2 | **0.300 ± 0.141** |",
            "",
            "1 of 2 trials of a with 121 known architectures failed and are left out.",
        ]
        assert "Known" not in evaluation.to_markdown(train_size=9)

    def test_nothing_succeeded(self):
        table = make(a=[None], b=[1]).to_markdown(["kendall_tau"], reference="b")
        assert "| a | 0 |  | " in table

    def test_reference(self):
        evaluation = make(a=[0.5, 0.6, 0.9], b=[0.4, 0.4, 0.5])
        table = evaluation.to_markdown(["kendall_tau", "fit_seconds"], reference="b")
        (comparison,) = evaluation.compare("b")
        head, _, first, second = table.splitlines()
        assert head.endswith("| Kendall better than b by |")
        assert first.endswith(f"| +0.233 ± 0.088 (p = {comparison.adjusted_p_value:.2g}) |")
        assert second.endswith("|  |")
        with pytest.raises(ValueError, match="no predictor 'c'"):
            evaluation.to_markdown(reference="c")

    def test_html(self):
        html = make(**{"a<b>": [0.5, 0.6], "c": [0.1, None]})._repr_html_()
        assert "<td>a&lt;b&gt;</td>" in html
        assert "<td><b>0.550 ± 0.071</b></td>" in html
        assert html.count("<tr>") == html.count("</tr>") == 3
        assert "<p>1 of 2 trials of c" in html

    def test_empty(self):
        assert Evaluation([]).to_markdown(["kendall_tau"]).startswith("| Predictor | Kendall |")


class TestFiles:
    def test_frame(self):
        evaluation = make(a=[0.5, None])
        frame = evaluation.to_frame()
        assert list(frame.columns) == COLUMNS
        np.testing.assert_equal(frame.to_dict("records"), evaluation.rows)

    def test_frame_without_pandas(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match=r"emprox\[data\]"):
            make(a=[0.5]).to_frame()

    def test_csv(self, tmp_path):
        evaluation = make(**{"a, b": [0.125, None]})
        path = tmp_path / "results.csv"
        path.write_text("older")
        path.chmod(0o640)
        evaluation.to_csv(path)
        frame = pd.read_csv(path)
        frame["error"] = frame["error"].fillna("")
        np.testing.assert_equal(frame.to_dict("records"), evaluation.rows)
        assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]
        assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o640

    def test_csv_is_never_half_written(self, tmp_path):
        path = tmp_path / "results.csv"
        path.write_text("older")
        evaluation = make(a=[0.5, 0.6])
        evaluation.rows[1] = {}  # raises in the middle
        with pytest.raises(KeyError):
            evaluation.to_csv(str(path))
        assert path.read_text() == "older"
        assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]
