import json
import zipfile

import numpy as np
import pytest

from emprox.datasets import fetch_nasbench301
from emprox.spaces import get_space

COMPACT = (
    "(((0, 5), (1, 3), (1, 5), (2, 0), (1, 5), (2, 1), (0, 5), (4, 4)),"
    " ((0, 4), (1, 0), (0, 5), (2, 5), (0, 2), (3, 1), (2, 3), (4, 1)))"
)
GENOTYPE = (
    "Genotype(normal=[('dil_conv_3x3', 0), ('sep_conv_3x3', 1), ('dil_conv_3x3', 1),"
    " ('max_pool_3x3', 2), ('dil_conv_3x3', 1), ('avg_pool_3x3', 2), ('dil_conv_3x3', 0),"
    " ('sep_conv_5x5', 4)], normal_concat=range(2, 6), reduce=[('sep_conv_5x5', 0),"
    " ('max_pool_3x3', 1), ('dil_conv_3x3', 0), ('dil_conv_3x3', 2), ('skip_connect', 0),"
    " ('avg_pool_3x3', 3), ('sep_conv_3x3', 2), ('avg_pool_3x3', 4)], reduce_concat=range(2, 6))"
)
ROWS = [
    {"idx": "0", "arch": COMPACT, "flops": {"score": 166.1}, "val_accuracy": 97.25},
    {"idx": "1", "arch": COMPACT.replace("(0, 5)", "(0, 6)"), "val_accuracy": 97.5},
]


@pytest.fixture
def put(publish, tmp_path):
    """Return a function that publishes an archive."""

    def put(**members):
        with zipfile.ZipFile(tmp_path / "made.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for name, rows in members.items():
                file.writestr(f"flops/benchmark--nasbench301--{name}--0.json", json.dumps(rows))
        publish("9x_all.zip", (tmp_path / "made.zip").read_bytes())

    return put


def test_data_sets_are_joined_by_network(put):
    other = [{**row, "val_accuracy": row["val_accuracy"] / 2} for row in reversed(ROWS)]
    put(svhn=ROWS, ninapro=other)
    bunch = fetch_nasbench301()
    assert bunch.data[0] == GENOTYPE
    assert bunch.target.tolist() == [97.25, 97.5]
    assert bunch.space == "darts"
    X, y = fetch_nasbench301(["svhn", "ninapro"], return_X_y=True)
    assert X[0] == GENOTYPE
    assert y.tolist() == [[97.25, 48.625], [97.5, 48.75]]
    with pytest.raises(ValueError, match="Did you mean 'svhn'"):
        fetch_nasbench301("svnh")


@pytest.fixture(scope="module")
def bunch(real_data):
    """Return the real accuracies of all three data sets."""
    folder = real_data("darts", "9x_all.zip").parent
    return fetch_nasbench301(["svhn", "ninapro", "scifar100"], data_home=folder)


class TestRealFile:
    def test_known_values_in_the_order_of_the_file(self, bunch):
        assert bunch.data.shape == (199,)
        assert bunch.target.shape == (199, 3)
        assert bunch.data[0] == GENOTYPE
        assert bunch.target[0, 0] == 97.26874345757145
        assert bunch.target_names == ["svhn_accuracy", "ninapro_accuracy", "scifar100_accuracy"]

    def test_what_the_description_says(self, bunch):
        space = get_space("darts")
        canonical = space.canonicalize(space.encode(bunch.data))
        assert len(np.unique(canonical, axis=0)) == 199
        for name, column in zip(bunch.target_names, bunch.target.T, strict=True):
            (line,) = [line for line in bunch.DESCR.splitlines() if line.startswith(name)]
            written = [float(word) for word in line.split()[1:4]]
            assert written == [round(v, 2) for v in (column.min(), np.median(column), column.max())]
        assert bunch.target.std(axis=0).round(2).tolist() == [0.13, 0.67, 1.81]
        for column, n_images in zip(bunch.target.T, (26_032, 659, 10_000), strict=True):
            counts = column / 100 * n_images
            assert np.abs(counts - np.rint(counts)).max() < 2e-3
        correlations = np.corrcoef(bunch.target.T)[np.triu_indices(3, 1)]
        assert np.abs(correlations).max() < 0.125
