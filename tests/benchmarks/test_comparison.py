"""The protocol of the benchmarks, against values worked out otherwise."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def benchmarks_importable():
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def protocol():
    return importlib.import_module("_protocol")


class Constant(RegressorMixin, BaseEstimator):
    """Predicts the same order for all, shifted."""

    def __init__(self, shift):
        self.shift = shift

    def fit(self, X, y):
        self.n_known_ = len(X)
        return self

    def predict(self, X):
        return np.array([float(text) for text in X]) + self.shift


@pytest.fixture
def problem(protocol):
    numbers = np.arange(30.0)
    X = numbers.astype(str)
    return protocol.Problem("numbers", "none", X, numbers, n_known=10, n_candidates=15)


def test_draws_are_those_that_the_protocol_says(protocol, problem):
    known, candidates = problem.draw(3)
    drawn = np.random.default_rng(3).choice(30, 25, replace=False)
    np.testing.assert_array_equal(np.concatenate([known, candidates]), drawn)
    few = protocol.Problem("few", "none", problem.X, problem.y, 10, 15, n_used=4)
    np.testing.assert_array_equal(few.draw(3)[0], known[:4])
    np.testing.assert_array_equal(few.draw(3)[1], candidates)
    rest = protocol.Problem("rest", "none", problem.X, problem.y, 10, None)
    assert sorted(np.concatenate(rest.draw(3)).tolist()) == list(range(30))


def test_leads_are_paired_and_signed(protocol, problem):
    methods = {
        "near": lambda space, seed: Constant(0.5),
        "far": lambda space, seed: Constant(1.0 + seed),
    }
    trials = protocol.run(problem, methods, range(3), {"far": 2})
    far = trials[trials["predictor"] == "far"]
    assert far["mean_absolute_error"].tolist() == pytest.approx([1.0, 2.0])
    # Ahead by .5 and 1.5, in the two trials that both ran in.
    ahead = protocol.ahead(trials, "near", "far", "mean_absolute_error")
    assert ahead == pytest.approx((1.0, 0.5))
    assert protocol.ahead(trials, "far", "near", "mean_absolute_error") == pytest.approx((-1, 0.5))
    assert protocol.ahead(trials, "near", "far", "kendall_tau") == pytest.approx((0.0, 0.0))
    assert protocol.difference(1.0, 0.5) == "+1.0000 ± 0.5000 (+2.0)"
    assert protocol.spread([0.1, 0.3]) == "0.200 ± 0.141"
