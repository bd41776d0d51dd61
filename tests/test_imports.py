"""Whoever cancels while a library is imported does not wait for it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from ad_desktop.errors import Cancelled
from ad_desktop.imports import imported
from ad_desktop.task import Task

SLOW = """
import slow_gate
slow_gate.begun.set()
if not slow_gate.open.wait(60):
    raise ImportError("nobody came")
"""

WATCHED = """
import importlib.abc, sys, threading, tempfile
from pathlib import Path
from ad_desktop.data.samples import VolumeSample
from ad_desktop.errors import Cancelled
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, fit

held, scans = sys.argv[1], [VolumeSample(Path(path)) for path in sys.argv[2:]]
task, ended = Task(), threading.Event()

class Gate(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == held:
            task.cancel()
            # Whoever waits for the import waits for the end of the job that waits for it.
            print("held", "ended first" if ended.wait(30) else "waited for", flush=True)
        return None

sys.meta_path.insert(0, Gate())
assert held not in sys.modules
with tempfile.TemporaryDirectory() as folder:
    params = {"steps": 1, "spacing": 6.0, "checkpoint": folder + "/kept.safetensors"}
    try:
        fit(scans, FitOptions(detector="autopaint", params=params), task)
        print("not cancelled")
    except Cancelled:
        print("cancelled", flush=True)
    ended.set()
for thread in threading.enumerate():
    if thread.name == "imports":
        thread.join()
"""


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A module ``slow`` that is imported only once the gate is open."""
    found = SimpleNamespace(begun=threading.Event(), open=threading.Event())
    (tmp_path / "slow.py").write_text(SLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "slow_gate", found)
    monkeypatch.delitem(sys.modules, "slow", raising=False)
    return found


def test_a_cancel_is_heard_while_a_module_is_imported(gate: SimpleNamespace) -> None:
    task, looks = Task(), 0

    class Watched(Task):
        def check(self) -> None:
            nonlocal looks
            looks += 1
            if gate.begun.is_set() and looks > 3:
                self.cancel()
            super().check()

    with pytest.raises(Cancelled):
        imported(["slow"], Watched())
    assert gate.begun.is_set()
    assert not gate.open.is_set()
    # The import goes on, and whoever asks next gets what comes of it.
    gate.open.set()
    imported(["slow"], task)
    assert sys.modules["slow"].slow_gate is gate


def test_what_is_there_is_not_imported_again(gate: SimpleNamespace) -> None:
    gate.open.set()
    imported(["slow"], Task())
    before = threading.active_count()
    gate.begun.clear()
    imported(["slow"], Task())
    assert threading.active_count() <= before
    assert not gate.begun.is_set()


def test_a_task_that_is_cancelled_imports_nothing(gate: SimpleNamespace) -> None:
    task = Task()
    task.cancel()
    with pytest.raises(Cancelled):
        imported(["slow"], task)
    assert not gate.begun.is_set()


def test_an_import_that_fails_says_why() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        imported(["no_such_library"], Task())


@pytest.mark.parametrize("name", ["torch", "torch._dynamo"])
def test_a_first_fit_ends_before_the_library_that_it_waits_for_is_there(name: str, tmp_path: Path) -> None:
    from heads import head
    from phantoms import save_nifti

    scans = []
    for seed in range(4):
        volume, _ = head(seed)
        scans.append(str(save_nifti(volume.array, tmp_path / f"{seed}.nii.gz", volume.affine)))
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, name, *scans], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stdout.split("\n")[:2] == ["cancelled", "held ended first"], done.stdout + done.stderr
