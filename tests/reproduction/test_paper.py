import pytest

from emprox.reproduction._paper import DARTS, TABLE1, TABLE2, Published
from emprox.reproduction._table1 import Table1

COLUMNS = {
    "mean_absolute_error": 2,
    "root_mean_squared_error": 2,
    "pearson_r": 3,
    "spearman_rho": 3,
    "kendall_tau": 3,
}
# Table 1 of the paper, rounded by hand: errors in percent, then correlations.
ROWS = {
    "emprox-k10": (4.40, 10.72, 0.477, 0.730, 0.545),
    "emprox-k60": (4.53, 10.80, 0.504, 0.733, 0.547),
    "nao": (4.73, 10.94, 0.451, 0.713, 0.528),
    "seminas": (4.03, 10.12, 0.531, 0.768, 0.582),
    "xgb": (5.40, 12.30, 0.401, 0.647, 0.472),
    "bananas": (7.30, 12.28, 0.379, 0.417, 0.291),
    "mlp": (6.86, 11.36, 0.442, 0.530, 0.376),
}
FIT_SECONDS = (6.45, 7.23, 54.2, 152, 31.7, 507, 472)
QUERY_MILLISECONDS = (0.9, 3.2, 2.6, 1.2, 0.4, 0.2, 0.1)


def test_table1():
    assert list(TABLE1) == list(ROWS)
    for name, row in ROWS.items():
        published = [round(TABLE1[name][key].mean, decimals) for key, decimals in COLUMNS.items()]
        assert tuple(published) == row


def test_times_of_table1():
    for row, fit, query in zip(TABLE1.values(), FIT_SECONDS, QUERY_MILLISECONDS, strict=True):
        assert row["fit_seconds"].mean == pytest.approx(fit, rel=0.004)
        assert row["query_milliseconds"].mean == query
    bounds = [name for name, row in TABLE1.items() if row["query_milliseconds"].is_bound]
    assert bounds == ["mlp"]


def test_spreads_are_positive():
    for row in (*TABLE1.values(), *TABLE2.values(), *DARTS.values()):
        assert all(number.std > 0 for number in row.values())


def test_table2_and_darts():
    assert TABLE2["emprox-k60"]["spearman_rho"] == Published(0.7772, 0.0490)
    assert TABLE2["seminas"]["spearman_rho"] == Published(0.7990, 0.0428)
    assert DARTS["emprox-k10"]["root_mean_squared_error"] == Published(0.6652, 0.0694)
    assert DARTS["emprox-k10"]["fit_seconds"] == Published(146.1185, 6.9496)


def test_format():
    assert Published(4.4027, 1.0269).format(2) == "4.40 ± 1.03"
    assert Published(0.1, 0.1, is_bound=True).format(1) == "< 0.1 ± < 0.1"


def test_the_claims_state_numbers_of_the_table():
    nao, emprox, seminas, xgb = (TABLE1[name] for name in ("nao", "emprox-k10", "seminas", "xgb"))
    ratios = [
        f"{row['fit_seconds'].mean / emprox['fit_seconds'].mean:.1f}" for row in (nao, seminas, xgb)
    ]
    texts = [claim.paper for claim in Table1.claims]
    assert [texts[1], texts[2], texts[5][:9]] == [f"{ratio} times" for ratio in ratios]
    taus = [f"{row['kendall_tau'].mean:.3f}" for row in (emprox, nao, seminas, xgb)]
    assert texts[0] == f"{taus[0]} against {taus[1]}"
    assert texts[3] == f"{taus[2]} against {taus[0]}"
    assert texts[4] == f"{taus[0]} against {taus[3]}"
