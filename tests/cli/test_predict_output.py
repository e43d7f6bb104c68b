"""Where ``emprox predict`` writes, and what is left behind when it cannot."""

import errno
import os
import signal
import stat
from pathlib import Path

import pytest

from emprox import EmProxRegressor

PREDICT = ("predict", "--space=nasbench201", "--known=known.csv", "--chance-level=10")
needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


class TestOutput:
    @pytest.fixture
    def predict_to(self, run, files):
        return lambda output: run(*PREDICT, "--candidates", "candidates.csv", "--output", output)

    @pytest.mark.parametrize("output", ["known.csv", "./candidates.csv", "link.csv"])
    def test_is_no_input(self, predict_to, output):
        Path("link.csv").symlink_to("known.csv")
        before = {path: path.read_bytes() for path in Path().iterdir()}
        result = predict_to(output)
        assert result.exit_code == 1
        assert f"{output} is an input too" in result.stderr
        assert {path: path.read_bytes() for path in Path().iterdir()} == before

    def test_is_no_input_in_a_pipe(self, start, files):
        with Path("candidates.csv").open("rb") as candidates:
            process = start(
                *PREDICT, "--candidates", "-", "--output", "candidates.csv", stdin=candidates
            )
            _, error = process.communicate()
        assert b"candidates.csv is an input too" in error
        assert process.returncode == 1

    @pytest.mark.parametrize("output", [".", "none/new.csv"])
    def test_folders(self, predict_to, output):
        result = predict_to(output)
        assert (result.exit_code, result.stdout) == (1, "")
        assert output in result.stderr
        assert "folder" in result.stderr

    @pytest.mark.parametrize("existing", [True, False])
    def test_full_disk(self, predict_to, monkeypatch, existing):
        if existing:
            Path("new.csv").write_text("old")

        def write_half(path, data):
            with path.open("wb") as file:
                file.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "write_bytes", write_half)
        before = names()
        result = predict_to("new.csv")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == "Error: new.csv: No space left on device\n"
        assert names() == before
        assert not existing or Path("new.csv").read_text() == "old"

    @needs_dev_full
    def test_full_device(self, predict_to):
        result = predict_to("/dev/full")
        assert result.stderr == "Error: /dev/full: No space left on device\n"
        assert Path("/dev/full").is_char_device()  # and not replaced by a file

    @pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
    def test_permissions(self, predict_to):
        Path("plain.csv").touch()
        Path("private.csv").touch(0o600)
        for name in ("plain.csv", "private.csv", "new.csv"):
            assert predict_to(name).exit_code == 0
        modes = [
            stat.S_IMODE(Path(name).stat().st_mode)
            for name in ("plain.csv", "private.csv", "new.csv")
        ]
        assert modes == [modes[2], 0o600, modes[2]]
        assert modes[2] & stat.S_IRUSR

    def test_link_stays_a_link(self, predict_to):
        Path("folder").mkdir()
        Path("link.csv").symlink_to(Path("folder", "new.csv"))
        assert predict_to("link.csv").exit_code == 0
        assert Path("link.csv").is_symlink()
        assert names("folder") == ["new.csv"]
        assert Path("folder", "new.csv").read_text("utf-8").startswith("id,architecture,note,pred")


class TestInterrupted:
    def test_while_learning(self, run, files, monkeypatch):
        def interrupt(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr(EmProxRegressor, "fit", interrupt)
        Path("new.csv").write_text("old")
        result = run(*PREDICT, "--candidates", "candidates.csv", "--output", "new.csv")
        assert (result.exit_code, result.stdout) == (130, "")
        assert result.stderr == "\nInterrupted.\n"
        assert names() == ["candidates.csv", "known.csv", "new.csv"]
        assert Path("new.csv").read_text() == "old"

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_by_a_signal(self, start, files):
        os.mkfifo("pipe")
        # A process inherits it if SIGINT is ignored, as it is in what a shell runs in background.
        inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            process = start(*PREDICT, "--candidates", "pipe", "--output", "new.csv")
        finally:
            signal.signal(signal.SIGINT, inherited)
        # Opening waits until the command has opened the other end, and it then waits for data.
        with Path("pipe").open("wb"):
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=30)
        assert (process.returncode, error) == (130, b"\nInterrupted.\n")
        assert names() == ["candidates.csv", "known.csv", "pipe"]
