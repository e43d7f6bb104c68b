"""EmProx on graph neural networks: NAS-Bench-Graph, against neighbours in one-hot decisions.

The package nas-bench-graph has to be installed. For each data set and trial, the known and the
predicted architectures are those of ``numpy.random.default_rng(trial).choice(n, n_known +
n_candidates, replace=False)``: the first 121 are known, the other 1,000 are predicted. The target
is the test performance in percent (accuracy; on proteins the area under the ROC curve). Trials 0
to 19 are reported; the token sequence of the space was chosen on trials 100 to 115 of cora,
citeseer, computers, arxiv and proteins, so the other four data sets had no part in it.

The benchmark's own description of an architecture is canonical, so all rows of the table see
canonical forms. kNN on one-hot operations sees the operations of the four nodes; on one-hot
decisions it also sees which node each of them reads. Both weigh ten neighbours by their inverse
distance, as EmProx does. How well anything can do is limited by noise: Kendall's tau between
validation and test performance is .55 on cora and .35 on proteins.

Run: OMP_NUM_THREADS=1 python benchmarks/nasbench_graph.py [--dataset cora ...] [--trials 20]
"""

from __future__ import annotations

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from emprox import make_emprox_pipeline
from emprox.datasets import load_nasbench_graph
from emprox.metrics import regression_report
from emprox.spaces import NASBenchGraphSpace

N_KNOWN, N_CANDIDATES = 121, 1000
DATASETS = (
    *("cora", "citeseer", "pubmed", "cs", "physics"),
    *("photo", "computers", "arxiv", "proteins"),
)
SPACE = NASBenchGraphSpace()


def one_hot_neighbors(columns):
    """Return kNN-10 on some of the decisions, one-hot."""
    return make_pipeline(
        FunctionTransformer(lambda X: SPACE.encode(X)[:, columns]),
        OneHotEncoder(categories=[range(SPACE.n_choices[i]) for i in columns], sparse_output=False),
        KNeighborsRegressor(10, weights="distance"),
    )


ROWS = {
    "EmProx, default": lambda seed: make_emprox_pipeline(SPACE, random_state=seed),
    "kNN, one-hot operations": lambda seed: one_hot_neighbors([3, 4, 5, 6]),
    "kNN, one-hot decisions": lambda seed: one_hot_neighbors(list(range(7))),
}


def summary(values):
    """Write mean and standard deviation."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


@click.command()
@click.option("--dataset", "datasets", multiple=True, default=DATASETS, help="May be repeated.")
@click.option("--target", default="test_performance", show_default=True)
@click.option("--trials", default=20, show_default=True, help="Number of trials.")
@click.option("--first-trial", default=0, show_default=True, help="Seed of the first trial.")
def main(datasets: tuple[str, ...], target: str, trials: int, first_trial: int) -> None:
    """Measure all rows and print a table."""
    torch.set_num_threads(1)
    table = Table(title=f"{N_KNOWN} known, {N_CANDIDATES} predicted, {trials} trials: mean ± s.d.")
    for heading in ("data set", "method"):
        table.add_column(heading)
    for heading in ("Kendall", "Kendall, EmProx ahead by", "MAE", "MAE, EmProx ahead by"):
        table.add_column(heading, justify="right")
    for dataset in datasets:
        X, y = load_nasbench_graph(dataset, target=target, return_X_y=True)
        reports: dict[str, list[dict[str, float]]] = {name: [] for name in ROWS}
        for trial in range(first_trial, first_trial + trials):
            rng = np.random.default_rng(trial)
            drawn = rng.choice(len(X), N_KNOWN + N_CANDIDATES, replace=False)
            known, candidates = drawn[:N_KNOWN], drawn[N_KNOWN:]
            for name, make_model in ROWS.items():
                model = make_model(trial).fit(X[known], y[known])
                reports[name].append(regression_report(y[candidates], model.predict(X[candidates])))
        kendall, mae = (
            {name: np.array([report[key] for report in row]) for name, row in reports.items()}
            for key in ("kendall_tau", "mean_absolute_error")
        )
        for name in ROWS:
            ahead = ["", ""]
            if name != "EmProx, default":
                ahead = [
                    summary(kendall["EmProx, default"] - kendall[name]),
                    summary(mae[name] - mae["EmProx, default"]),
                ]
            table.add_row(
                dataset, name, summary(kendall[name]), ahead[0], summary(mae[name]), ahead[1]
            )
        table.add_section()
    console = Console(width=130)
    console.print(table)
    console.print("“Ahead by” is the paired difference over the trials; positive is for EmProx.")


if __name__ == "__main__":
    main()
