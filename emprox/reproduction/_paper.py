"""The numbers that the paper reports, to stand beside those measured here."""

from __future__ import annotations

from dataclasses import dataclass

CITATION = (
    "Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding"
    " Proximity Score. 2022."
)


# How many architectures are known in all of its experiments.
PAPER_TRAIN_SIZE = 121


@dataclass(frozen=True)
class Published:
    """A published number, the mean over trials.

    Parameters
    ----------
    mean : float
        The mean, or a bound above it.
    std : float
        The standard deviation, or a bound above it.
    is_bound : bool, default=False
        Whether the numbers are bounds: the paper has "< 0.1 ± < 0.1".
    """

    mean: float
    std: float
    is_bound: bool = False

    def format(self, decimals: int) -> str:
        """Write both numbers."""
        below = "< " if self.is_bound else ""
        return f"{below}{self.mean:.{decimals}f} ± {below}{self.std:.{decimals}f}"


# By predictor and by metric, as in the columns of an evaluation. Accuracies in percent, fit times
# in seconds; "query_milliseconds" is as the paper gives it.
PublishedRow = dict[str, Published]


def _row(
    mae: Published,
    rmse: Published,
    pearson: Published,
    spearman: Published,
    kendall: Published,
    fit: Published,
    query: Published,
) -> PublishedRow:
    return {
        "mean_absolute_error": mae,
        "root_mean_squared_error": rmse,
        "pearson_r": pearson,
        "spearman_rho": spearman,
        "kendall_tau": kendall,
        "fit_seconds": fit,
        "query_milliseconds": query,
    }


# Table 1: NAS-Bench-201, CIFAR-10, 121 known and 100 predicted cells, 20 trials.
TABLE1: dict[str, PublishedRow] = {
    "emprox-k10": _row(
        Published(4.4027, 1.0269),
        Published(10.7163, 2.9690),
        Published(0.4771, 0.1497),
        Published(0.7304, 0.0645),
        Published(0.5453, 0.0537),
        Published(6.4498, 0.9846),
        Published(0.9, 0.8),
    ),
    "emprox-k60": _row(
        Published(4.5264, 0.9625),
        Published(10.7953, 3.1221),
        Published(0.5044, 0.0963),
        Published(0.7332, 0.0865),
        Published(0.5468, 0.0718),
        Published(7.2310, 1.0598),
        Published(3.2, 0.4),
    ),
    "nao": _row(
        Published(4.7336, 1.0260),
        Published(10.9394, 2.8279),
        Published(0.4512, 0.1335),
        Published(0.7131, 0.0657),
        Published(0.5279, 0.0608),
        Published(54.1674, 0.3493),
        Published(2.6, 0.2),
    ),
    "seminas": _row(
        Published(4.0283, 0.8023),
        Published(10.1222, 2.2704),
        Published(0.5307, 0.1604),
        Published(0.7677, 0.0568),
        Published(0.5822, 0.0564),
        Published(152.2268, 42.5809),
        Published(1.2, 0.7),
    ),
    "xgb": _row(
        Published(5.3989, 1.3110),
        Published(12.2955, 3.5906),
        Published(0.4008, 0.2224),
        Published(0.6466, 0.0597),
        Published(0.4719, 0.0476),
        Published(31.6526, 3.9272),
        Published(0.4, 0.1),
    ),
    "bananas": _row(
        Published(7.3007, 1.1988),
        Published(12.2760, 2.0153),
        Published(0.3793, 0.1937),
        Published(0.4169, 0.0959),
        Published(0.2910, 0.0653),
        Published(507.3936, 13.87),
        Published(0.2, 0.1),
    ),
    "mlp": _row(
        Published(6.8584, 1.6152),
        Published(11.3592, 2.2580),
        Published(0.4417, 0.1142),
        Published(0.5298, 0.0996),
        Published(0.3759, 0.0777),
        Published(471.7508, 6.2376),
        Published(0.1, 0.1, is_bound=True),
    ),
}

# Table 2: NAS-Bench-201, CIFAR-100, otherwise as Table 1. The text of the paper that this was
# written from has lost the other cells of the table. It gives the query time in seconds.
TABLE2: dict[str, PublishedRow] = {
    "emprox-k60": {
        "spearman_rho": Published(0.7772, 0.0490),
        "query_milliseconds": Published(4.0, 1.0),
    },
    "seminas": {
        "spearman_rho": Published(0.7990, 0.0428),
        "query_milliseconds": Published(10.0, 4.0),
    },
}

# Section 5, in the text: the DARTS space, 20 trials. It does not say which k.
DARTS: dict[str, PublishedRow] = {
    "emprox-k10": {
        "root_mean_squared_error": Published(0.6652, 0.0694),
        "pearson_r": Published(0.4537, 0.0822),
        "fit_seconds": Published(146.1185, 6.9496),
    }
}

# Section 5, in the text: what the grid search found.
GRID_SEARCH_EMBEDDING_DIM = 32
GRID_SEARCH_N_NEIGHBORS_ERRORS = 10
GRID_SEARCH_N_NEIGHBORS_CORRELATIONS = 60
