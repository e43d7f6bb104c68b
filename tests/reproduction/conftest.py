from html.parser import HTMLParser

import numpy as np
import pytest

from emprox.model_selection import Evaluation
from emprox.reproduction._experiment import Data

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Reads a page, and fails if its elements are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.tables = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


METRICS = {
    "mean_absolute_error": 1.0,
    "root_mean_squared_error": 2.0,
    "pearson_r": 0.5,
    "spearman_rho": 0.6,
    "kendall_tau": 0.4,
    "precision_at_10": 0.3,
    "fit_seconds": 1.0,
    "query_milliseconds": 5.0,
}


@pytest.fixture
def make_evaluation():
    """Make an evaluation of made-up values: for each predictor a list for each metric, by trial.

    A trial whose value is a text failed with that error.
    """

    def make(values, train_size=121):
        rows = []
        for predictor, metrics in values.items():
            n_trials = len(next(iter(metrics.values())))
            for trial in range(n_trials):
                row = {"predictor": predictor, "train_size": train_size, "trial": trial}
                given = {name: column[trial] for name, column in metrics.items()}
                errors = [value for value in given.values() if isinstance(value, str)]
                if errors:
                    row |= dict.fromkeys(METRICS, np.nan) | {"error": errors[0]}
                else:
                    row |= METRICS | given | {"error": ""}
                rows.append(row)
        return Evaluation(rows)

    return make


@pytest.fixture
def data():
    """300 cells of NAS-Bench-201 whose accuracies count as the paper's."""
    from emprox.datasets import load_nasbench201

    X, y = load_nasbench201(return_X_y=True)
    return Data("some cells", X[:300], y[:300], "nasbench201", 10, "some cells.", ["Fewer."])


@pytest.fixture
def read_page():
    return Page
