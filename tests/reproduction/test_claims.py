import numpy as np
import pytest

from emprox.reproduction import get_experiment
from emprox.reproduction._claims import AsGood, Faster, Verdict, claims_table
from emprox.reproduction._numbers import SPEARMAN

AS_GOOD = AsGood("a is as good as b", "0.5 against 0.4", "a", "b")
BETTER = AsGood("a is better than b", "0.5 against 0.4", "a", "b", strictly=True)
FASTER = Faster("a is 3 times faster than b", "8 times", "a", "b", 3)


@pytest.mark.parametrize(
    ("differences", "as_good", "better"),
    [
        # Clearly ahead, ahead within noise, behind within noise, clearly behind.
        ([0.10, 0.11, 0.12], Verdict.HOLDS, Verdict.HOLDS),
        ([0.20, -0.15, 0.01], Verdict.HOLDS, Verdict.UNDECIDED),
        ([-0.20, 0.15, -0.01], Verdict.UNDECIDED, Verdict.UNDECIDED),
        ([-0.10, -0.11, -0.12], Verdict.FAILS, Verdict.FAILS),
        ([0.0, 0.0, 0.0], Verdict.HOLDS, Verdict.UNDECIDED),
        # One trial says nothing about noise.
        ([0.3], Verdict.HOLDS, Verdict.UNDECIDED),
        ([-0.3], Verdict.UNDECIDED, Verdict.UNDECIDED),
    ],
)
def test_as_good_and_better(make_evaluation, differences, as_good, better):
    base = np.linspace(0.3, 0.6, len(differences))
    evaluation = make_evaluation(
        {"a": {"kendall_tau": list(base + differences)}, "b": {"kendall_tau": list(base)}}
    )
    assert AS_GOOD.test(evaluation, 121).verdict is as_good
    assert BETTER.test(evaluation, 121).verdict is better


def test_difference_is_written(make_evaluation):
    evaluation = make_evaluation(
        {"a": {"kendall_tau": [0.5, 0.7]}, "b": {"kendall_tau": [0.4, 0.3]}}
    )
    # Differences of 0.1 and 0.4: mean 0.25, standard error 0.3 / 2.
    expected = "difference +0.250 ± 0.150, within 2 standard errors of 0"
    assert AS_GOOD.test(evaluation, 121).here == expected
    one = make_evaluation({"a": {"kendall_tau": [0.5]}, "b": {"kendall_tau": [0.4]}})
    assert AS_GOOD.test(one, 121).here == "difference +0.100, one trial"


def test_another_metric(make_evaluation):
    evaluation = make_evaluation(
        {
            "a": {"kendall_tau": [0.1, 0.1], "spearman_rho": [0.8, 0.9]},
            "b": {"kendall_tau": [0.9, 0.9], "spearman_rho": [0.1, 0.2]},
        }
    )
    claim = AsGood("a", "b", "a", "b", metric=SPEARMAN)
    assert claim.test(evaluation, 121).verdict is Verdict.HOLDS
    assert AS_GOOD.test(evaluation, 121).verdict is Verdict.FAILS


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict", "here"),
    [
        ([1, 2, 1], [3, 6, 30], Verdict.HOLDS, "3.00 times (median)"),
        ([1, 2, 1], [2.9, 5.8, 30], Verdict.FAILS, "2.90 times (median)"),
        # One trial that was disturbed decides nothing.
        ([1, 1, 100], [8, 8, 8], Verdict.HOLDS, "8.00 times (median)"),
    ],
)
def test_faster(make_evaluation, ours, theirs, verdict, here):
    evaluation = make_evaluation({"a": {"fit_seconds": ours}, "b": {"fit_seconds": theirs}})
    finding = FASTER.test(evaluation, 121)
    assert (finding.verdict, finding.here) == (verdict, here)


@pytest.mark.parametrize("claim", [AS_GOOD, BETTER, FASTER])
@pytest.mark.parametrize(
    "values",
    [
        {"a": {"kendall_tau": [0.5]}},
        {"b": {"kendall_tau": [0.5]}},
        {"a": {"kendall_tau": [0.5]}, "b": {"kendall_tau": ["ValueError: no"]}},
        # They never succeeded in the same trial.
        {"a": {"kendall_tau": [0.5, "ValueError"]}, "b": {"kendall_tau": ["ValueError", 0.4]}},
    ],
)
def test_not_tested(make_evaluation, claim, values):
    finding = claim.test(make_evaluation(values), 121)
    assert finding.verdict is Verdict.NOT_TESTED
    assert finding.here == "needs both predictors"


def test_failed_trials_are_left_out(make_evaluation):
    evaluation = make_evaluation(
        {
            "a": {"kendall_tau": [0.5, "OSError: gone", 0.52], "fit_seconds": [1, 1, 1]},
            "b": {"kendall_tau": [0.4, 0.9, 0.41], "fit_seconds": [4, 1, 4]},
        }
    )
    assert AS_GOOD.test(evaluation, 121).verdict is Verdict.HOLDS
    assert FASTER.test(evaluation, 121).here == "4.00 times (median)"


class TestTable1:
    def table(self, make_evaluation, **changes):
        values = {
            "emprox-k10": {"kendall_tau": [0.54, 0.55, 0.56], "fit_seconds": [3, 3, 3]},
            "nao": {"kendall_tau": [0.52, 0.53, 0.54], "fit_seconds": [9, 12, 12]},
            "seminas": {"kendall_tau": [0.58, 0.59, 0.60], "fit_seconds": [60, 60, 60]},
            "xgb": {"kendall_tau": [0.47, 0.48, 0.49], "fit_seconds": [0.1, 0.1, 0.1]},
        }
        for name, metrics in changes.items():
            values[name.replace("_", "-")] |= metrics
        claims = get_experiment("table1").claims
        return [row[1] for row in claims_table(claims, make_evaluation(values), 121).rows]

    def test_as_in_the_paper(self, make_evaluation):
        # But for XGB's fit time, which has no search of hyperparameters here.
        assert self.table(make_evaluation) == ["holds"] * 5 + ["does not hold"]

    def test_the_other_way_round(self, make_evaluation):
        verdicts = self.table(
            make_evaluation,
            emprox_k10={"kendall_tau": [0.44, 0.45, 0.46], "fit_seconds": [5, 5, 5]},
            seminas={"kendall_tau": [0.34, 0.35, 0.36]},
        )
        assert verdicts == ["does not hold"] * 6
