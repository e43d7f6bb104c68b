"""The data home, and files that are downloaded once; NAS-Bench-Macro stands for all of them."""

import hashlib
import http.server
import json
import socket
import sys
import threading
import time

import pytest

from emprox import datasets
from emprox.datasets import clear_data_home, fetch_nasbench_macro, get_data_home

FILENAME = "nas-bench-macro_cifar10.json"
RECORD = {"test_acc": [92.5, 93.0, 93.25], "mean_acc": 92.75, "std": 0.3, "params": 1, "flops": 2}
CONTENT = json.dumps({"21020211": RECORD, "padding": [0] * 30_000}).encode()
FETCHERS = [getattr(datasets, name) for name in datasets.__all__ if name.startswith("fetch_")]


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT, half of it, something else, more and more, drop by drop, or an error."""

    def do_GET(self):
        self.server.requests += 1
        if self.path == "/missing":
            self.send_error(404)
            return
        body = {"/other": b"<html>log in first</html>", "/half": CONTENT[: len(CONTENT) // 2]}
        endless = self.path in ("/endless", "/drops")
        self.send_response(200)
        if not endless:
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(body.get(self.path, CONTENT))
        while endless and not self.server.closing:
            try:
                self.wfile.write(b"." if self.path == "/drops" else CONTENT)
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.02 if self.path == "/drops" else 0)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    pytest.importorskip("pooch")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.closing = 0, False
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing = True
        server.shutdown()
        thread.join()


class TestDataHome:
    def test_argument_comes_before_the_environment(self, tmp_path, monkeypatch):
        monkeypatch.setenv("EMPROX_DATA_HOME", str(tmp_path / "environment"))
        assert get_data_home() == tmp_path / "environment"
        assert get_data_home(tmp_path / "argument") == tmp_path / "argument"
        assert not (tmp_path / "argument").exists()

    def test_default_is_the_cache_of_the_user(self, monkeypatch):
        pooch = pytest.importorskip("pooch")
        monkeypatch.delenv("EMPROX_DATA_HOME", raising=False)
        assert get_data_home() == pooch.os_cache("emprox")

    def test_default_without_pooch(self, monkeypatch):
        monkeypatch.delenv("EMPROX_DATA_HOME", raising=False)
        monkeypatch.setitem(sys.modules, "pooch", None)
        with pytest.raises(ImportError, match="EMPROX_DATA_HOME"):
            get_data_home()

    def test_clear_deletes_published_files_only(self, data_home):
        (data_home / FILENAME).touch()
        (data_home / "robustness_targets.csv").touch()
        (data_home / "thesis.tex").touch()
        clear_data_home()
        assert [path.name for path in data_home.iterdir()] == ["thesis.tex"]
        (data_home / "thesis.tex").unlink()
        clear_data_home()
        assert not data_home.exists()
        clear_data_home()  # and again, with nothing there


class TestDownload:
    def fetch(self, publish, url, **parameters):
        publish(FILENAME, CONTENT, url=url, download=True)
        # The padding is no record, which the loader says after the download has been verified.
        with pytest.raises(TypeError):
            fetch_nasbench_macro(**parameters)

    def test_once_and_silently(self, server, publish, data_home, capfd):
        data_home.rmdir()
        for _ in range(2):
            self.fetch(publish, server.url)
        assert server.requests == 1
        assert [path.name for path in data_home.iterdir()] == [FILENAME]
        assert (data_home / FILENAME).read_bytes() == CONTENT
        assert capfd.readouterr() == ("", "")

    def test_progress_bar_when_asked(self, server, publish, capfd):
        self.fetch(publish, server.url, verbose=True)
        assert "100%" in capfd.readouterr().err

    @pytest.mark.parametrize("page", ["other", "half", "missing", "endless"])
    def test_bad_download_leaves_nothing(self, server, publish, data_home, page):
        url = f"{server.url}/{page}"
        publish(FILENAME, CONTENT, url=url, download=True, max_bytes=10**6)
        with pytest.raises(OSError, match=f"could not download {FILENAME}") as caught:
            fetch_nasbench_macro()
        for part in (url, str(data_home / FILENAME), hashlib.sha256(CONTENT).hexdigest()):
            assert part in str(caught.value)
        assert list(data_home.iterdir()) == []

    def test_drop_by_drop(self, server, publish, data_home, monkeypatch):
        clock = iter(range(0, 10**9, 10_000))
        monkeypatch.setattr("emprox.datasets._download.monotonic", lambda: next(clock))
        publish(FILENAME, CONTENT, url=f"{server.url}/drops", download=True)
        with pytest.raises(OSError, match="slow"):
            fetch_nasbench_macro()
        assert list(data_home.iterdir()) == []

    def test_no_network(self, publish, data_home, monkeypatch):
        pytest.importorskip("pooch")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/table.csv"
        # Nobody listens at that port any more: the connection is refused.
        publish(FILENAME, CONTENT, url=url, download=True)
        with pytest.raises(OSError, match="could not download") as caught:
            fetch_nasbench_macro()
        assert str(data_home / FILENAME) in str(caught.value)

    def test_folder_that_cannot_be_made(self, server, publish, data_home):
        publish(FILENAME, CONTENT, url=server.url, download=True)
        (data_home / "file").touch()
        with pytest.raises(OSError, match="EMPROX_DATA_HOME can name another"):
            fetch_nasbench_macro(data_home=data_home / "file" / "home")

    def test_without_pooch(self, publish, data_home, monkeypatch):
        monkeypatch.setitem(sys.modules, "pooch", None)
        publish(FILENAME, CONTENT, download=True)
        with pytest.raises(ImportError, match=r"emprox\[data\]"):
            fetch_nasbench_macro()
        publish(FILENAME, json.dumps({"21020211": RECORD}))
        assert fetch_nasbench_macro().target.tolist() == [92.75]


@pytest.mark.parametrize("fetch", FETCHERS, ids=lambda fetch: fetch.__name__)
class TestEveryFetcher:
    def test_missing_file(self, fetch, data_home):
        with pytest.raises(FileNotFoundError, match="download_if_missing=False") as caught:
            fetch(download_if_missing=False)
        for part in ("https://", str(data_home), "sha256"):
            assert part in str(caught.value)
        assert list(data_home.iterdir()) == []

    def test_wrong_file_is_never_touched(self, fetch, data_home):
        with pytest.raises(FileNotFoundError) as caught:
            fetch(download_if_missing=False)
        file = data_home / str(caught.value).split(" is missing")[0].rpartition("/")[2]
        file.write_text("<html>log in first</html>")
        with pytest.raises(OSError, match="Delete it") as caught:
            fetch()
        assert hashlib.sha256(file.read_bytes()).hexdigest() in str(caught.value)
        assert file.read_text() == "<html>log in first</html>"
