import hashlib
import http.server
import re
import socket
import subprocess
import sys
import threading

import pytest

from emprox.datasets import _base, clear_data_home, get_data_home
from emprox.datasets._base import (
    PublishedFile,
    choose_targets,
    fetch_file,
    percentage,
    read_table,
)

CONTENT = b"net,val_accs\n" + b"x" * 100_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT, the half of it, something else, or an error."""

    def do_GET(self):
        self.server.requests += 1
        if self.path == "/missing.csv":
            self.send_error(404)
            return
        body = b"<html>log in first</html>" if self.path == "/other.csv" else CONTENT
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/truncated.csv" else body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = 0
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class TestDataHome:
    def test_argument_comes_before_the_environment(self, tmp_path, monkeypatch):
        monkeypatch.setenv("EMPROX_DATA_HOME", str(tmp_path / "environment"))
        assert get_data_home() == tmp_path / "environment"
        assert get_data_home(tmp_path / "argument") == tmp_path / "argument"
        assert get_data_home(str(tmp_path / "text")) == tmp_path / "text"

    def test_home_is_expanded(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        assert get_data_home("~/data") == tmp_path / "data"

    @pytest.mark.parametrize("cache", ["", "elsewhere"])
    def test_default_is_what_pooch_says(self, cache, tmp_path, monkeypatch):
        pooch = pytest.importorskip("pooch")
        monkeypatch.delenv("EMPROX_DATA_HOME", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / cache) if cache else "")
        assert get_data_home() == pooch.os_cache("emprox")

    def test_nothing_is_made(self, tmp_path):
        assert not get_data_home(tmp_path / "new").exists()


class TestClearDataHome:
    @pytest.fixture(autouse=True)
    def published(self, monkeypatch):
        monkeypatch.setattr(_base, "_published_files", [PublishedFile("a.csv", "", "")])

    def test_deletes_published_files_only(self, tmp_path):
        (tmp_path / "a.csv").touch()
        (tmp_path / "thesis.tex").touch()
        clear_data_home(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

    def test_deletes_an_empty_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("EMPROX_DATA_HOME", str(tmp_path / "home"))
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "a.csv").touch()
        clear_data_home()
        assert not (tmp_path / "home").exists()
        clear_data_home()  # and again, with nothing there


def test_loaders_have_published_their_files():
    assert {"robustness_targets.csv", "nats_bench.csv"} <= {
        file.filename for file in _base._published_files
    }


class TestFetchFile:
    @pytest.fixture(autouse=True)
    def needs_pooch(self):
        pytest.importorskip("pooch")

    def test_downloads_once(self, server, tmp_path, capfd):
        file = PublishedFile("table.csv", f"{server.url}/table.csv", SHA256)
        home = tmp_path / "new" / "home"
        assert fetch_file(file, data_home=home) == home / "table.csv"
        assert fetch_file(file, data_home=home, download_if_missing=False) == home / "table.csv"
        assert server.requests == 1
        assert [path.name for path in home.iterdir()] == ["table.csv"]
        assert (home / "table.csv").read_bytes() == CONTENT
        assert capfd.readouterr() == ("", "")

    def test_progress_bar_when_asked(self, server, tmp_path, capfd):
        file = PublishedFile("table.csv", f"{server.url}/table.csv", SHA256)
        fetch_file(file, data_home=tmp_path, verbose=True)
        assert "100%" in capfd.readouterr().err

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("other.csv", "expected sha256 {expected}, found {found}. It was downloaded from"),
            ("truncated.csv", "could not download truncated.csv: "),
            ("missing.csv", "could not download missing.csv: 404 "),
        ],
    )
    def test_bad_download_leaves_nothing(self, server, tmp_path, name, message):
        file = PublishedFile(name, f"{server.url}/{name}", SHA256)
        found = hashlib.sha256(b"<html>log in first</html>").hexdigest()
        expected = re.escape(message.format(expected=SHA256, found=found))
        with pytest.raises(OSError, match=expected) as caught:
            fetch_file(file, data_home=tmp_path)
        assert file.url in str(caught.value)
        assert list(tmp_path.iterdir()) == []

    def test_no_network(self, tmp_path, monkeypatch):
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/table.csv"
        # Nobody listens at that port any more: the connection is refused
        with pytest.raises(OSError, match=r"could not download table\.csv") as caught:
            fetch_file(PublishedFile("table.csv", url, SHA256), data_home=tmp_path)
        for help_ in (url, str(tmp_path / "table.csv"), SHA256):
            assert help_ in str(caught.value)
        assert list(tmp_path.iterdir()) == []


class TestFetchFileWithoutDownload:
    FILE = PublishedFile("table.csv", "http://example.org/table.csv", SHA256)

    def test_copy_put_there_by_hand(self, tmp_path):
        (tmp_path / "table.csv").write_bytes(CONTENT)
        assert fetch_file(self.FILE, data_home=tmp_path) == tmp_path / "table.csv"

    def test_copy_with_the_wrong_content(self, tmp_path):
        path = tmp_path / "table.csv"
        path.write_bytes(CONTENT[:-1])
        with pytest.raises(OSError, match="is not the published file") as caught:
            fetch_file(self.FILE, data_home=tmp_path)
        found = hashlib.sha256(CONTENT[:-1]).hexdigest()
        for help_ in (str(path), f"expected sha256 {SHA256}", f"found {found}", "Delete it"):
            assert help_ in str(caught.value)
        assert path.read_bytes() == CONTENT[:-1], "a user's file is never touched"

    def test_download_not_wanted(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="download_if_missing=False") as caught:
            fetch_file(self.FILE, data_home=tmp_path / "new", download_if_missing=False)
        for help_ in (self.FILE.url, str(tmp_path / "new" / "table.csv"), SHA256):
            assert help_ in str(caught.value)
        assert list(tmp_path.iterdir()) == []

    def test_without_pooch(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pooch", None)
        with pytest.raises(ImportError, match=r'table\.csv needs pooch.*"emprox\[data\]"'):
            fetch_file(self.FILE, data_home=tmp_path)
        (tmp_path / "table.csv").write_bytes(CONTENT)
        assert fetch_file(self.FILE, data_home=tmp_path).exists()


class TestReadTable:
    def test_reads_the_columns_asked_for(self):
        lines = ['a,b,"c, d"\n', '1,2,"3, 4"\n', "5,6,7\n"]
        columns = read_table(lines, "t.csv", {"c, d": str, "a": int})
        assert columns == {"c, d": ["3, 4", "7"], "a": [1, 5]}

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            ([], r"t\.csv, line 1: no column 'a' among nothing"),
            (["b,c\n", "1,2\n"], r"t\.csv, line 1: no column 'a' among b, c"),
            (["a,b\n"], r"t\.csv holds no row"),
            (["a,b\n", "1,2\n", "3\n"], r"t\.csv, line 3: 1 fields, but 2 columns"),
            (["a,b\n", "1,2,3\n"], r"t\.csv, line 2: 3 fields, but 2 columns"),
            (["a,b\n", "\n"], r"t\.csv, line 2: 0 fields, but 2 columns"),
            (["a,b\n", "x,2\n"], r"t\.csv, line 2, column a: could not convert .* 'x'"),
            (["a,b\n", '1,"two\n', 'lines"\n', "nan,2\n"], r"t\.csv, line 4, column a: .* nan"),
        ],
    )
    def test_error_names_file_and_line(self, lines, message):
        with pytest.raises(ValueError, match=message):
            read_table(lines, "t.csv", {"a": percentage})


def test_percentage():
    assert [percentage(text) for text in ("0", "84.99", "100")] == [0, 84.99, 100]
    for text in ("nan", "inf", "-0.1", "100.1"):
        with pytest.raises(ValueError, match=f"between 0 and 100, got {text}"):
            percentage(text)


class TestChooseTargets:
    ALLOWED = ("accuracy", "latency")

    def test_name_or_names(self):
        assert choose_targets("latency", self.ALLOWED) == ["latency"]
        assert choose_targets(("latency", "accuracy"), self.ALLOWED) == ["latency", "accuracy"]

    def test_unknown_name_lists_the_known_ones(self):
        with pytest.raises(ValueError, match="unknown target") as caught:
            choose_targets(["accuracy", "acuracy"], self.ALLOWED)
        assert str(caught.value) == (
            "unknown target 'acuracy'. Did you mean 'accuracy'? Allowed are: 'accuracy', 'latency'"
        )
        with pytest.raises(ValueError, match=r"unknown target 7\. Allowed are: 'accuracy'"):
            choose_targets([7], self.ALLOWED)

    @pytest.mark.parametrize("target", [[], ["accuracy", "accuracy"]])
    def test_none_or_the_same_twice(self, target):
        with pytest.raises(ValueError, match="a list of different names"):
            choose_targets(target, self.ALLOWED)


def test_arrays_need_neither_pandas_nor_pooch_nor_sklearn():
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['pandas', 'pooch', 'sklearn', 'torch']))\n"
        "from emprox.datasets import load_nasbench201\n"
        "X, y = load_nasbench201(return_X_y=True)\n"
        "assert len(X) == len(y) == 15625\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
