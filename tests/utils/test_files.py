import os
import re
import stat
from pathlib import Path

import pytest

from emprox.utils._files import is_device, replacing


def write(path, text):
    with replacing(path) as temporary:
        temporary.write_text(text)


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "results.csv"
    write(path, "first")
    path.chmod(0o640)
    write(path, "second")
    assert path.read_text() == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_half_written(tmp_path):
    path = tmp_path / "results.csv"
    write(path, "whole")
    # A lone surrogate cannot be encoded; what comes before it is in the file by then.
    with pytest.raises(UnicodeEncodeError):
        write(path, "half" * 10_000 + "\ud800")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_text("old")
    link.symlink_to(path)
    write(link, "new")
    assert link.is_symlink()
    assert path.read_text() == "new"


def test_errors_name_the_file(tmp_path):
    for path in (tmp_path / "missing" / "file", tmp_path):
        with pytest.raises(OSError, match=re.escape(f"'{path}'")):
            write(path, "text")
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(pipe, "text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_what_counts_as_a_device(tmp_path):
    (tmp_path / "file").write_text("")
    assert not is_device(tmp_path)
    assert not is_device(tmp_path / "file")
    assert not is_device(tmp_path / "missing")
    assert is_device(Path(os.devnull))
