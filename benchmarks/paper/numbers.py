"""The numbers that the paper reports, mean ± standard deviation over trials, by predictor.

Accuracies in percent, fit times in seconds, and the time of a query in milliseconds.
"""

from __future__ import annotations

import pandas as pd

# How a column of an evaluation is called in tables, with its decimals.
TITLES = {
    "mean_absolute_error": ("MAE (%)", 2),
    "root_mean_squared_error": ("RMSE (%)", 2),
    "pearson_r": ("Pearson", 3),
    "spearman_rho": ("Spearman", 3),
    "kendall_tau": ("Kendall", 3),
    "fit_time": ("fit (s)", 2),
    "query_time": ("query (ms)", 3),
}


def _table(text: str) -> pd.DataFrame:
    """Read lines of a predictor and what stands in the columns, "-" where there is nothing."""
    rows = [line.split() for line in text.strip().splitlines()]
    table = pd.DataFrame([row[1:] for row in rows], [row[0] for row in rows], list(TITLES))
    return table.replace("-", None)


# Table 1: NAS-Bench-201, CIFAR-10, 121 known and 100 predicted cells, 20 trials. The query time of
# the MLP is a bound: the paper has "< 0.1 ± < 0.1".
TABLE1 = _table("""
emprox-k10 4.4027±1.0269 10.7163±2.9690 .4771±.1497 .7304±.0645 .5453±.0537 6.4498±.9846    .9±.8
emprox-k60 4.5264±.9625  10.7953±3.1221 .5044±.0963 .7332±.0865 .5468±.0718 7.2310±1.0598   3.2±.4
nao        4.7336±1.0260 10.9394±2.8279 .4512±.1335 .7131±.0657 .5279±.0608 54.1674±.3493   2.6±.2
seminas    4.0283±.8023  10.1222±2.2704 .5307±.1604 .7677±.0568 .5822±.0564 152.2268±42.5809 1.2±.7
xgb        5.3989±1.3110 12.2955±3.5906 .4008±.2224 .6466±.0597 .4719±.0476 31.6526±3.9272  .4±.1
bananas    7.3007±1.1988 12.2760±2.0153 .3793±.1937 .4169±.0959 .2910±.0653 507.3936±13.87  .2±.1
mlp        6.8584±1.6152 11.3592±2.2580 .4417±.1142 .5298±.0996 .3759±.0777 471.7508±6.2376 .1±.1
""")

# Table 2: NAS-Bench-201, CIFAR-100, otherwise as table 1. The text of the paper that this was
# written from has lost the other cells of the table. It gives the query time in seconds.
TABLE2 = _table("""
emprox-k60 - - - .7772±.0490 - - 4.0±1.0
seminas    - - - .7990±.0428 - - 10.0±4.0
""")

# Section 5, in the text: the DARTS space, 20 trials. It does not say which k.
DARTS = _table("""
emprox-k10 - .6652±.0694 .4537±.0822 - - 146.1185±6.9496 -
""")


def mean(table: pd.DataFrame, predictor: str, column: str) -> float:
    """Return a published mean, NaN if there is none."""
    text = table[column].get(predictor)
    return float(text.partition("±")[0]) if isinstance(text, str) else float("nan")


def spread(table: pd.DataFrame, predictor: str, column: str) -> float:
    """Return a published standard deviation, NaN if there is none."""
    text = table[column].get(predictor)
    return float(text.partition("±")[2]) if isinstance(text, str) else float("nan")


# Section 5, in the text: the best size of the embedding, and k for errors and for correlations.
GRID_EMBEDDING_DIM = 32
GRID_N_NEIGHBORS = {"mean_absolute_error": 10, "root_mean_squared_error": 10}
GRID_N_NEIGHBORS |= {"pearson_r": 60, "spearman_rho": 60, "kendall_tau": 60}
