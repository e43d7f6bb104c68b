import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from emprox.datasets._nasbench_nlp import read_nasbench_nlp
from emprox.spaces._nasbench_nlp._space import NASBenchNLPSpace

RECIPE = json.dumps(
    {
        "f": {"op": "linear", "input": ["x", "h_prev_0"]},
        "h_new_0": {"op": "activation_tanh", "input": ["f"]},
    }
)
LOG = {
    "recepie": RECIPE,
    "status": "OK",
    "num_params": 15_066_078,
    "wall_times": [100.5, 100.25, 99.25],
    "train_losses": [6.0, 5.5, 5.0],
    "val_losses": [6.25, 5.25, 5.75],
    "test_losses": [6.5, 5.125, 5.25],
}
FAILED = {**LOG, "status": "loss is nan!", "val_losses": [float("nan")]}


@pytest.fixture
def logs(tmp_path):
    """Return a function that packs logs into an archive."""

    def pack(*contents, name="logs.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            for number, content in enumerate(contents):
                text = content if isinstance(content, str) else json.dumps(content)
                file.writestr(f"log_stats_model_{number}.json", text)
        return tmp_path / name

    return pack


def test_bunch(logs):
    path = logs(LOG, FAILED)
    bunch = read_nasbench_nlp(path)
    assert bunch.data.tolist() == [RECIPE]
    assert bunch.data.dtype == object
    assert bunch.target.tolist() == [5.25]
    assert bunch.target_names == ["validation_loss"]
    assert bunch.space == "nasbench_nlp"
    assert bunch.failed == [RECIPE]
    assert bunch.filename == str(path)
    assert "Lower is\nbetter" in bunch.DESCR


def test_all_targets(logs):
    names = ["test_loss", "training_loss", "last_validation_loss", "n_parameters", "seconds"]
    X, y = read_nasbench_nlp(str(logs(LOG)), target=names, return_X_y=True)
    assert X.tolist() == [RECIPE]
    assert y.tolist() == [[5.125, 5.5, 5.75, 15_066_078, 300.0]]
    with pytest.raises(ValueError, match="Did you mean 'test_loss'"):
        read_nasbench_nlp(logs(LOG), target="testloss")


def test_a_folder_is_as_good_as_the_archive(logs, tmp_path):
    path = logs(LOG, {**LOG, "val_losses": [4.0, 4.5, 5.0]}, FAILED)
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "unpacked")
    assert read_nasbench_nlp(tmp_path / "unpacked").target.tolist() == [5.25, 4.0]
    assert read_nasbench_nlp(path).target.tolist() == [5.25, 4.0]


def test_as_frame(logs):
    pytest.importorskip("pandas")
    bunch = read_nasbench_nlp(logs(LOG), as_frame=True)
    assert list(bunch.frame.columns) == ["architecture", "validation_loss"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "log_stats_model_1.json: not JSON"),
        ([1], "not a training log: TypeError"),
        ({"status": "OK"}, "not a training log: KeyError\\('recepie'\\)"),
        ({**LOG, "recepie": 3}, "has to be a text, got int"),
        ({**LOG, "val_losses": [1.0, 2.0]}, "differ in number"),
        ({**LOG, "val_losses": [], "train_losses": [], "test_losses": []}, "are missing"),
        ({**LOG, "val_losses": [1.0, float("nan"), 2.0]}, "finite number, got nan"),
        ({**LOG, "num_params": "many"}, "finite number, got 'many'"),
    ],
)
def test_malformed_log(logs, content, message):
    with pytest.raises(ValueError, match=message):
        read_nasbench_nlp(logs(LOG, content))


def test_what_is_no_archive_of_logs(logs, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_nasbench_nlp(tmp_path / "nothing.zip")
    with pytest.raises(ValueError, match="holds no training log"):
        read_nasbench_nlp(logs())
    path = logs(LOG)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="not a complete zip archive"):
        read_nasbench_nlp(path)


@pytest.fixture(scope="module")
def bunch():
    """Return all targets of the real logs."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    file = Path(os.environ.get("EMPROX_TEST_DATA") or default) / "nasbench_nlp" / "logs.zip"
    if not file.is_file():
        pytest.skip(f"{file} is missing; EMPROX_TEST_DATA can say where it is")
    return read_nasbench_nlp(file, target=["validation_loss", "test_loss", "n_parameters"])


class TestRealLogs:
    def test_known_values(self, bunch):
        assert bunch.target.shape == (341, 3)
        assert len(bunch.failed) == 4
        # The first log, read by eye.
        assert json.loads(bunch.data[0]) == json.loads(RECIPE)
        assert bunch.target[0].tolist() == [5.225870469037225, 5.137329225845042, 15066078]

    def test_every_recipe_is_a_cell_of_the_space(self, bunch):
        space = NASBenchNLPSpace()
        decisions = space.encode([*bunch.data, *bunch.failed])
        assert ((decisions[:, :88:4] > 0).sum(axis=1)).max() == 15
        canonical = space.canonicalize(decisions)
        np.testing.assert_array_equal(space.canonicalize(space.relabel(decisions, 0)), canonical)
        for sequence in space.sequences:
            tokens = space.tokenize(canonical, sequence)
            np.testing.assert_array_equal(space.detokenize(tokens, sequence), canonical)

    def test_what_the_description_says(self, bunch):
        space = NASBenchNLPSpace()
        keys = np.array([space.isomorphism_key(cell).hex() for cell in bunch.data])
        assert len(set(bunch.data)) == 289
        assert len(set(keys)) == 258
        losses = bunch.target[:, 0]
        within = [losses[keys == key].std(ddof=1) for key in set(keys) if (keys == key).sum() > 1]
        assert len(within) == 53
        assert round(float(np.mean(within)), 3) == 0.015
        assert round(float(np.median(within)), 3) == 0.006
        assert round(float(losses.std()), 2) == 0.6
