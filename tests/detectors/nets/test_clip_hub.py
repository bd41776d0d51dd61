"""CLIP weights from a hub: a local server that answers as the Hugging Face hub does serves a small random one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from safetensors.torch import save_file
from tiny_clip import tiny_clip

from ad_desktop.detectors.nets.clip import hub
from ad_desktop.detectors.nets.clip.network import ClipFile
from ad_desktop.errors import Cancelled, WeightsError
from ad_desktop.task import Task

MODEL = "ViT-B-32"


class Hub:
    """What is served (None: nothing), and what was asked for."""

    def __init__(self, data: bytes) -> None:
        self.data: bytes | None = data
        self.asked: list[str] = []


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    save_file(tiny_clip(layers=2), tmp_path / "tiny.safetensors")
    found = Hub((tmp_path / "tiny.safetensors").read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            found.asked.append(f"{self.command} {self.path}")
            if found.data is None or self.path != f"/{hub.MODELS[MODEL]}/resolve/main/{hub.FILE}":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(found.data).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            # What the real one offers as well: a transfer that could not be cancelled.
            self.send_header("X-Xet-Hash", "0" * 64)
            self.send_header("X-Xet-Refresh-Route", f"{address}/xet")
            self.send_header("Content-Length", str(len(found.data)))
            self.end_headers()
            if body:
                self.wfile.write(found.data)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    from huggingface_hub import constants

    for name in ("HF_HUB_OFFLINE", "AD_DESKTOP_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


class Watched(Task):
    """Keeps what is reported, and is cancelled once so many bytes have come."""

    def __init__(self, most: float = float("inf")) -> None:
        super().__init__()
        self.most = most
        self.seen: list[tuple[int, int]] = []

    def report(self, message: str, done: int = 0, total: int = 0, losses: tuple[float, ...] = ()) -> None:
        super().report(message, done, total, losses)
        if message.startswith("Downloading"):
            self.seen.append((done, total))
            if done >= self.most:
                self.cancel()


def test_with_consent_they_are_fetched_once(served: Hub, tmp_path: Path) -> None:
    assert served.data is not None
    task = Watched()
    path, sha256 = hub.find_clip(MODEL, "", True, task)
    assert path.read_bytes() == served.data
    assert sha256 == hashlib.sha256(served.data).hexdigest()
    assert path.is_relative_to(tmp_path / "cache")
    assert task.seen[-1] == (len(served.data), len(served.data))
    assert ClipFile(path).shape.layers == 2
    assert not any("xet" in asked for asked in served.asked)
    served.asked.clear()
    assert hub.find_clip(MODEL, "", False, Task()) == (path, sha256)
    assert served.asked == []


def test_without_consent_nobody_is_asked(served: Hub) -> None:
    with pytest.raises(WeightsError, match="download=true"):
        hub.find_clip(MODEL, "", False, Task())
    assert served.asked == []


def test_cancelled_midway_there_are_no_weights(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 16)
    with pytest.raises(Cancelled):
        hub.find_clip(MODEL, "", True, Watched(1))
    with pytest.raises(WeightsError, match="are not on this machine"):
        hub.find_clip(MODEL, "", False, Task())
    # Asked again, it is whole.
    path, _ = hub.find_clip(MODEL, "", True, Task())
    assert path.read_bytes() == served.data


def test_what_the_hub_does_not_have(served: Hub) -> None:
    served.data = None
    with pytest.raises(WeightsError, match=r"were not downloaded: .*weights=FILE"):
        hub.find_clip(MODEL, "", True, Task())
