import json
import zipfile

import numpy as np
import pytest

from emprox.datasets import read_nasbench_nlp
from emprox.spaces import get_space

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

    def pack(*contents):
        with zipfile.ZipFile(tmp_path / "logs.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for number, content in enumerate(contents):
                text = json.dumps(content) if isinstance(content, (dict, list)) else content
                file.writestr(f"log_stats_model_{number}.json", text)
        return tmp_path / "logs.zip"

    return pack


def test_all_targets(logs):
    path = logs(LOG, FAILED)
    bunch = read_nasbench_nlp(path)
    assert bunch.data.tolist() == bunch.failed == [RECIPE]
    assert bunch.target.tolist() == [5.25]
    assert bunch.filename == str(path)
    assert "Lower is\nbetter" in bunch.DESCR
    names = ["test_loss", "training_loss", "last_validation_loss", "n_parameters", "seconds"]
    assert read_nasbench_nlp(str(path), target=names).target.tolist() == [
        [5.125, 5.5, 5.75, 15_066_078, 300.0]
    ]


def test_a_folder_is_as_good_as_the_archive(logs, tmp_path):
    path = logs(LOG, {**LOG, "val_losses": [4.0, 4.5, 5.0]}, FAILED)
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "unpacked")
    assert read_nasbench_nlp(tmp_path / "unpacked").target.tolist() == [5.25, 4.0]
    assert read_nasbench_nlp(path).target.tolist() == [5.25, 4.0]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "JSON"),
        ("[" * 100_000, "JSON"),
        ('{"status": "OK", "status": "OK"}', "twice"),
        ([1], "TypeError"),
        ({"status": "OK"}, "recepie"),
        ({**LOG, "recepie": 3}, "int"),
        ({**LOG, "val_losses": [1.0, 2.0]}, "differ in number"),
        ({**LOG, "val_losses": [], "train_losses": [], "test_losses": []}, "missing"),
        ({**LOG, "val_losses": [1.0, float("nan"), 2.0]}, "finite"),
        ({**LOG, "num_params": 10**400}, "finite"),
        ({**LOG, "num_params": "many"}, "str"),
    ],
)
def test_malformed_log(logs, content, word):
    path = logs(LOG, content)
    with pytest.raises(ValueError, match=word) as caught:
        read_nasbench_nlp(path)
    assert f"{path}, member log_stats_model_1.json" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_what_is_no_archive_of_logs(logs, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_nasbench_nlp(tmp_path / "nothing.zip")
    with pytest.raises(ValueError, match="no training log"):
        read_nasbench_nlp(logs())


def message_of(path):
    """Return what reading a file is refused with, if it is."""
    try:
        read_nasbench_nlp(path)
    except ValueError as error:
        return str(error)


def test_every_damage_names_the_file(logs):
    path = logs(LOG)
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), 7)]
    damaged += [whole[:n] + bytes([whole[n] ^ 0xFF]) + whole[n + 1 :] for n in range(len(whole))]
    for content in damaged:
        path.write_bytes(content)
        # Some bytes are not needed, such as those of the time.
        assert str(path) in (message_of(path) or str(path))


def test_archive_that_unpacks_to_much_more(logs):
    path = logs(*[b" " * 30_000_000] * 4)
    assert path.stat().st_size < 200_000
    with pytest.raises(ValueError, match="50,000,000"):
        read_nasbench_nlp(path)


@pytest.fixture(scope="module")
def bunch(real_data):
    """Return the real losses."""
    path = real_data("nasbench_nlp", "logs.zip")
    return read_nasbench_nlp(path, target=["validation_loss", "test_loss", "n_parameters"])


class TestRealLogs:
    def test_what_the_description_says(self, bunch):
        space = get_space("nasbench_nlp")
        canonical = space.canonicalize(space.encode(bunch.data))
        _, networks = np.unique(canonical, axis=0, return_inverse=True)
        networks = networks.ravel()
        assert len(set(bunch.data)) == 289
        assert networks.max() + 1 == 258
        losses = bunch.target[:, 0]
        groups = [losses[networks == number] for number in range(258)]
        within = [group.std(ddof=1) for group in groups if len(group) > 1]
        assert len(within) == 53
        assert round(float(np.mean(within)), 3) == 0.015
        assert round(float(np.median(within)), 3) == 0.006
        assert round(float(losses.std()), 2) == 0.6
