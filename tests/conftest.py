"""Fixtures that more than one part of the test suite needs."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# On a busy machine single examples take long, which is no failure.
settings.register_profile("emprox", deadline=None)
settings.load_profile("emprox")


@pytest.fixture(scope="session")
def nasbench201_data_home():
    """Folder with the real ``robustness_targets.csv``; without it the test is skipped.

    It is the folder ``nasbench201`` in the one that the environment variable EMPROX_TEST_DATA
    names, by default ``shared/data`` beside the repository.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EMPROX_TEST_DATA") or default) / "nasbench201"
    file = folder / "robustness_targets.csv"
    if not file.is_file():
        pytest.skip(f"{file} is missing; EMPROX_TEST_DATA can say where it is")
    return folder
