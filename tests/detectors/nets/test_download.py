from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ad_desktop.detectors.nets.download import download
from ad_desktop.errors import Cancelled, WeightsError
from ad_desktop.task import Task

CONTENT = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if self.path == "/short" else CONTENT)

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *args: object) -> None:
        """A client that hangs up is what some tests are about."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_file_arrives_whole_with_progress(address: str, tmp_path: Path) -> None:
    task = Task()
    download(f"{address}/net.pth", tmp_path / "new" / "net.pth", DIGEST[:8], task)
    assert (tmp_path / "new" / "net.pth").read_bytes() == CONTENT
    assert task.progress.message == "Downloading net.pth"
    assert task.progress.done == task.progress.total == len(CONTENT)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["net.pth"]


@pytest.mark.parametrize(
    ("path", "prefix", "message"),
    [
        ("/missing", DIGEST[:8], "404"),
        ("/short", DIGEST[:8], "broke off|IncompleteRead"),
        ("/net.pth", "00000000", "does not have the SHA-256 that begins with 00000000"),
    ],
)
def test_nothing_is_left_of_a_download_that_failed(
    address: str, tmp_path: Path, path: str, prefix: str, message: str
) -> None:
    with pytest.raises(WeightsError, match=message):
        download(address + path, tmp_path / "net.pth", prefix, Task())
    assert list(tmp_path.iterdir()) == []


class CancelledHalfway(Task):
    def report(self, message: str, done: int = 0, total: int = 0) -> None:
        if done > total // 2:
            self.cancel()
        super().report(message, done, total)


def test_cancel_stops_it_and_leaves_nothing(address: str, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        download(f"{address}/net.pth", tmp_path / "net.pth", DIGEST[:8], CancelledHalfway())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(address: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WeightsError):
        download(f"{address}/net.pth", tmp_path / "file" / "net.pth", DIGEST[:8], Task())


def test_only_web_addresses_are_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(CONTENT)
    with pytest.raises(WeightsError, match="not a web address"):
        download((tmp_path / "secret").as_uri(), tmp_path / "copy", DIGEST[:8], Task())
