"""An evaluation that takes a while, for tests that end it: run in processes of its own."""

import os
import time
from pathlib import Path

from sklearn.datasets import make_regression
from sklearn.linear_model import Ridge

from emprox.model_selection import evaluate_predictors


class Slow(Ridge):
    """Waits for SECONDS, and writes a line into the file FITS for each fit that it begins."""

    def __init__(self, alpha=1.0, random_state=None):
        super().__init__(alpha=alpha)
        self.random_state = random_state

    def fit(self, X, y):
        # One write of a short line is never torn apart.
        with Path(os.environ["FITS"]).open("ab", buffering=0) as log:
            log.write(f"{self.alpha} {len(y)} {self.random_state}\n".encode())
        time.sleep(float(os.environ["SECONDS"]))
        return super().fit(X, y)


def run(results_file, n_jobs):
    X, y = make_regression(80, 4, noise=20, random_state=0)
    return evaluate_predictors(
        {"weak": Slow(1.0), "strong": Slow(9.0)},
        X,
        y,
        train_sizes=(10, 20),
        n_trials=5,
        test_size=30,
        n_jobs=n_jobs,
        results_file=results_file,
    )
