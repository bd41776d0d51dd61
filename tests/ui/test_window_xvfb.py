"""The program itself in a real window: started as a process, driven with keys, looked at as a picture."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from drawn import plain, save
from PIL import Image

pytestmark = pytest.mark.window

# The window of the program with the toy detector: the real one needs its network prepared first, which is tested
# elsewhere and takes its time on a busy machine. All else is what `ad-desktop` runs.
_PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from toy_detector import ToyDetector
from ad_desktop.detectors import registry
found = {"toy": ToyDetector}
registry.detectors = lambda: found
import ad_desktop.app as app
app.detectors = registry.detectors
slow = {"torch", "onnxruntime", "sklearn", "scipy", "pyqtgraph.widgets.PlotWidget", "ad_desktop.workflows.fit",
        "ad_desktop.workflows.info", "ad_desktop.workflows.export", "ad_desktop.data.volumes.opening"}
assert not slow & set(sys.modules), f"slow imports before the window: {slow & set(sys.modules)}"
sys.exit(app.run(sys.argv[2:]))
"""


@pytest.fixture
def display() -> Iterator[str]:
    """A fresh X display of its own."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1440x900x24", "-nolisten", "tcp"],
        pass_fds=[write], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as answer:
        name = ":" + answer.readline().strip()
    manager = None
    environment = {**os.environ, "DISPLAY": name}
    if shutil.which("openbox"):
        manager = subprocess.Popen(["openbox"], env=environment, stderr=subprocess.DEVNULL)
    yield name
    for process in (manager, server):
        if process is not None:
            process.terminate()
            process.wait(10)


@pytest.fixture
def environment(display: str, tmp_path: Path) -> dict[str, str]:
    """No settings, cache or log of the user is touched."""
    folders = {name: str(tmp_path / name.lower()) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")}
    kept = {k: v for k, v in os.environ.items() if k not in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    return {**kept, **folders, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "HOME": str(tmp_path)}


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def run(*paths: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _PROGRAM, str(Path(__file__).parent), *map(str, paths)]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def xdotool(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(["xdotool", *words], env=environment, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout


def wait_until(true: Callable[[], bool], seconds: float, what: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, f"the program ended: {process.communicate()}"
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)


def screen(environment: dict[str, str], path: Path) -> np.ndarray:
    """What is on the screen, H×W×3 uint8."""
    from PIL import ImageGrab

    image = ImageGrab.grab(xdisplay=environment["DISPLAY"])
    image.save(path)
    return np.asarray(image.convert("RGB"))


def test_from_folder_to_exported_results_by_keyboard(start, environment, pictures, tmp_path):
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed")
    target = tmp_path / "results"
    settings = Path(environment["XDG_CONFIG_HOME"]) / "AD Desktop" / "ad-desktop.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        f'[General]\nappearance=light\n[export]\nfolder={target}\nkinds="overlay,csv,json"\nopen=false\n'
    )
    process = start(pictures)
    found = ["search", "--onlyvisible", "--name"]
    wait_until(lambda: bool(xdotool(environment, *found, "AD Desktop").strip()), 60, "the window", process)
    window = xdotool(environment, *found, "AD Desktop").split()[-1]
    xdotool(environment, "windowfocus", "--sync", window)
    before = screen(environment, tmp_path / "before.png")
    assert len(np.unique(before.reshape(-1, 3), axis=0)) > 50

    def coloured() -> bool:
        """Whether red verdicts stand in the list on the left."""
        pixels = screen(environment, tmp_path / "after.png")[:, :500].astype(int)
        return int(((pixels[..., 0] - pixels[..., 2]) > 60).sum()) > 200

    def fit() -> bool:
        xdotool(environment, "key", "--window", window, "ctrl+Return")
        time.sleep(1)
        return coloured()

    wait_until(fit, 60, "verdicts in the list", process)
    xdotool(environment, "key", "Down", "Down", "1", "f")
    xdotool(environment, "key", "ctrl+e")
    wait_until(lambda: bool(xdotool(environment, *found, "Export results").strip()), 20, "the dialog", process)
    xdotool(environment, "key", "Return")
    wait_until(lambda: (target / "results.json").is_file(), 60, "exported results", process)
    assert (target / "results.csv").is_file()
    assert any((target / "overlays").rglob("*.png"))
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert output == ""


def test_closing_during_a_fit_ends_the_program(start, environment, tmp_path):
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed")
    random = np.random.default_rng(0)
    for n in range(300):
        save(tmp_path / "good" / f"{n}.png", plain(random).repeat(6, axis=0).repeat(6, axis=1))
    process = start(tmp_path / "good")
    found = ["search", "--onlyvisible", "--name"]
    wait_until(lambda: bool(xdotool(environment, *found, "AD Desktop").strip()), 60, "the window", process)
    window = xdotool(environment, *found, "AD Desktop").split()[-1]
    xdotool(environment, "windowfocus", "--sync", window)
    time.sleep(1.5)
    xdotool(environment, "key", "ctrl+Return")
    time.sleep(0.2)
    xdotool(environment, "key", "ctrl+q")
    _, errors = process.communicate(timeout=15)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


def test_the_screenshot_helper_sees_a_blank_screen_as_blank(environment, tmp_path):
    pixels = screen(environment, tmp_path / "blank.png")
    assert Image.fromarray(pixels).size == (1440, 900)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) <= 2
