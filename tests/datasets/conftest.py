"""Fakes of published files, and where the real ones are."""

import hashlib
import os
from pathlib import Path

import pytest

from emprox.datasets import _download


@pytest.fixture
def data_home(tmp_path, monkeypatch):
    """Return an empty folder that is the data home."""
    home = tmp_path / "data_home"
    home.mkdir()
    monkeypatch.setenv("EMPROX_DATA_HOME", str(home))
    return home


@pytest.fixture
def publish(data_home, monkeypatch):
    """Return a function that makes its content the published one of a file."""

    def publish(filename, content, *, url=None, max_bytes=10**8, download=False):
        content = content.encode() if isinstance(content, str) else content
        file = _download.PUBLISHED_FILES[filename]._replace(
            sha256=hashlib.sha256(content).hexdigest(), max_bytes=max_bytes
        )
        file = file if url is None else file._replace(url=url)
        monkeypatch.setitem(_download.PUBLISHED_FILES, filename, file)
        if not download:
            (data_home / filename).write_bytes(content)

    return publish


@pytest.fixture(scope="session")
def real_data():
    """Return a function that finds a real file; without it the test is skipped.

    Its folder is in the one that the environment variable EMPROX_TEST_DATA names, by default
    ``shared/data`` beside the repository.
    """
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    root = Path(os.environ.get("EMPROX_TEST_DATA") or default)

    def find(folder, filename):
        file = root / folder / filename
        if not file.is_file():
            pytest.skip(f"{file} is missing; EMPROX_TEST_DATA can say where it is")
        return file

    return find


class Call:
    """Pickled, it is a call of the function; unpickled carelessly, the function runs."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture(scope="session")
def call():
    """Return what makes an object whose pickle calls a function."""
    return Call
