"""A window of its own for each test, settings in a folder of its own, and nothing left behind afterwards."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from drawn import plain, save
from PySide6.QtCore import QCoreApplication, QEvent, QSettings, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication
from toy_detector import ToyDetector

from ad_desktop.detectors import registry
from ad_desktop.jobs import JobRunner
from ad_desktop.resources import resource
from ad_desktop.ui.flows.samples import Bundled
from ad_desktop.ui.main_window import MainWindow
from ad_desktop.ui.session import Session
from ad_desktop.ui.style import StyleSheet
from ad_desktop.ui.theme import Theme

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp: QApplication) -> Iterator[None]:
    """A test that leaves a thread, a running timer or a top-level widget behind fails."""
    threads = set(threading.enumerate())
    # As in the program: cycles that hold widgets are collected on the main thread, between tests.
    gc.disable()
    yield
    gc.collect(1)
    gc.enable()
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        qapp.processEvents()
    widgets = [w for w in qapp.topLevelWidgets() if w.parent() is None and w.isVisible()]
    left = [t.name for t in set(threading.enumerate()) - threads if t.name.startswith(("detector", "files", "viewer"))]
    timers = [t for w in qapp.topLevelWidgets() for t in w.findChildren(QTimer) if t.isActive()]
    assert not left, f"threads: {left}"
    assert not widgets, f"widgets: {widgets}"
    assert not timers, f"timers: {timers}"


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    made = Theme(qapp)
    StyleSheet(qapp, made).apply()
    yield made
    made.deleteLater()


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> dict[str, type[ToyDetector]]:
    """The registry knows the toy detector alone."""
    found = {"toy": ToyDetector}
    monkeypatch.setattr(registry, "detectors", lambda: found)
    return found


@pytest.fixture
def make_window(qtbot, qapp, theme, settings, toy, tmp_path: Path) -> Iterator[Callable[[], MainWindow]]:
    runners: list[JobRunner] = []
    windows: list[MainWindow] = []

    def make() -> MainWindow:
        runner = JobRunner()
        runners.append(runner)
        scan, mask = (resource("scans", f"brain-two-lesions{part}.nii.gz") for part in ("", "_mask"))
        bundled = Bundled(tmp_path / "pictures", scan, mask, resource("models", "brain-t1.adm"))
        window = MainWindow(runner, Session(), theme, settings, toy, bundled, tmp_path / "log" / "a.log", QIcon())
        windows.append(window)
        # pytest-qt closes it before this fixture ends, and nobody would answer a question then.
        qtbot.addWidget(window, before_close_func=MainWindow.close_now)
        window.resize(1200, 760)
        window.show()
        qtbot.waitExposed(window)
        return window

    yield make
    for window in windows:
        window.close_now()
    for runner in runners:
        assert runner.shutdown(5)
    for window in windows:
        window.deleteLater()


@pytest.fixture
def window(make_window) -> MainWindow:
    return make_window()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A data set: 12 normal pictures, 4 good and 3 bad ones to check, with masks."""
    root = tmp_path / "pictures"
    random = np.random.default_rng(3)
    for n in range(12):
        save(root / "train" / "good" / f"n{n:02}.png", plain(random))
    for n in range(4):
        save(root / "test" / "good" / f"g{n}.png", plain(random))
    for n in range(3):
        pixels, mask = plain(random), np.zeros((64, 80), np.uint8)
        pixels[20:32, 30 + n : 44 + n] = 250
        mask[20:32, 30 + n : 44 + n] = 255
        save(root / "test" / "spot" / f"s{n}.png", pixels)
        save(root / "ground_truth" / "spot" / f"s{n}_mask.png", mask)
    return root
