"""The program dies of a signal during a job: the saved model is whole, and the next start offers the library."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")

# The program with the toy detector, driven by its own timers: as `ad-desktop FOLDER`, offscreen. What it is to do comes
# as the first argument; it tells what it sees on standard output.
_PROGRAM = """
import signal, sys, threading
from pathlib import Path
act, model = sys.argv[1], Path(sys.argv[2])
sys.path.insert(0, sys.argv[3])
from toy_detector import ToyDetector
from ad_desktop.detectors import registry
registry.detectors = lambda: {"toy": ToyDetector}
import ad_desktop.app as app
app.detectors = registry.detectors
from PySide6.QtCore import QTimer
from ad_desktop.data import atomic
from ad_desktop.data.samples import Label
from ad_desktop.ui.crash import autosave
from ad_desktop.ui.crash.dialogs import EndedDialog
autosave._AFTER_MS = 50
make = app.make_window

def die(*_):
    signal.pthread_kill(threading.get_ident(), signal.SIGSEGV)  # this thread, as a fault of its own would

def made(*arguments):
    window = make(*arguments)
    once = set()

    def first(name):
        return not (name in once or once.add(name))

    def step():
        session, idle = window.session, not window._runner.active
        if act == "look":
            for dialog in window.findChildren(EndedDialog):
                if first("reopen"):
                    print(dialog.text.text(), dialog.report.toPlainText(), sep="\\n", flush=True)
                    dialog.reopen.click()
            if "reopen" in once and idle and session.model is not None and first("tell"):
                labels = [item.label for item in session.items.values()]
                print(len(labels), labels.count(Label.ANOMALOUS), session.model.detector.name, flush=True)
                window.close_now()
        elif idle and len(session.items) == 19 and first("fit"):
            window.fit()
        elif idle and session.model is not None and first("save"):
            window.fitting.save(model)
        elif idle and model.exists() and "save" in once and first("label"):
            window.edits.label([item for item in session.items.values() if item.name == "s1.png"], Label.ANOMALOUS)
        elif "label" in once and first("wait"):
            QTimer.singleShot(1000, window, crash)

    def crash():
        if act == "fit":
            ToyDetector.fit = die
            window.fit()
        else:  # in the middle of writing over the saved model: bytes are there, but it is not yet in its place
            atomic._flush = die
            session = window.session
            session.set_fpr(0.25)
            window.fitting.save(model)

    timer = QTimer(window)
    timer.timeout.connect(step)
    timer.start(20)
    return window

app.make_window = made
sys.exit(app.run(sys.argv[4:]))
"""


@pytest.fixture
def run(tmp_path: Path):
    folders = {name: str(tmp_path / name.lower()) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")}
    environment = {**os.environ, **folders, "HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}

    def start(act: str, model: Path, *paths: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", _PROGRAM, act, str(model), str(Path(__file__).parent), *map(str, paths)]
        return subprocess.run(
            command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip

    return start


@pytest.mark.parametrize("act", ["fit", "save"])
def test_a_crash_during_a_job_loses_neither_labels_nor_the_saved_model(run, act, pictures, tmp_path):
    from ad_desktop.workflows.store import read_metadata

    model = tmp_path / "parts.adm"
    died = run(act, model, pictures)
    assert died.returncode == -signal.SIGSEGV, died.stderr
    assert read_metadata(model)["threshold"]["fpr"] == 0.05
    # One that was being written just then is not one yet.
    kept = [path for path in (tmp_path / "xdg_state_home").rglob("*.library") if not path.name.startswith(".")]
    assert len(kept) == 1

    next_start = run("look", model)
    assert next_start.returncode == 0, next_start.stderr
    told = next_start.stdout
    assert "The last session ended unexpectedly. 19 pictures and scans were open" in told
    assert "Fatal Python error: Segmentation fault" in told
    assert str(tmp_path) not in told
    assert told.splitlines()[-1] == "19 1 toy"  # opening a model verifies the hash of its whole content
    assert not list((tmp_path / "xdg_state_home").rglob("*.crash"))
    assert not list((tmp_path / "xdg_state_home").rglob("*.library"))
