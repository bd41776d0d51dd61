"""The window's composition root: application, settings, runner, session, window."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs

import ad_desktop.ui  # noqa: F401 - before pyqtgraph, which it makes load faster

# isort: split
import pyqtgraph
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from ad_desktop.detectors.registry import detectors
from ad_desktop.jobs import JobRunner
from ad_desktop.resources import resource
from ad_desktop.ui.crash.journal import Journal
from ad_desktop.ui.crash.unexpected import Unexpected
from ad_desktop.ui.crash.watch import CrashWatch
from ad_desktop.ui.flows.samples import Bundled
from ad_desktop.ui.garbage import Garbage
from ad_desktop.ui.main_window import MainWindow
from ad_desktop.ui.session import Session
from ad_desktop.ui.style import StyleSheet
from ad_desktop.ui.theme import Appearance, Theme

ORGANISATION = "AD Desktop"
APPLICATION = "ad-desktop"

_LOG = logging.getLogger("ad_desktop")
SWITCH_SECONDS = 0.0002
"""Python threads hand the interpreter over at least this often: with the usual 5 ms, painting stutters beside a fit."""


def run(paths: Sequence[str] = (), sample: bool = False) -> int:
    """Open the window on ``paths`` (pictures, folders, a model) or on the bundled sample; the exit code."""
    sys.setswitchinterval(SWITCH_SECONDS)
    log_file = start_log()
    app = make_application()
    runner = JobRunner()
    # Before the window is made: its many objects would otherwise set off collections.
    garbage = Garbage(runner)
    window = make_window(app, runner, log_file)
    unexpected = Unexpected(window.close_now, app)
    unexpected.raised.connect(lambda error: window.problems.error("Unexpected", error))
    journal = Journal(Path(platformdirs.user_state_dir(APPLICATION, appauthor=False)) / "windows")
    watch = CrashWatch(window, runner, journal, log_file)
    _end_on_interrupt(window)
    window.show()
    QTimer.singleShot(0, watch, watch.tell_last)
    if sample:
        QTimer.singleShot(0, window, window.open_sample)
    elif paths:
        QTimer.singleShot(0, window, lambda: window.open_paths([Path(path) for path in paths]))
    try:
        return app.exec()
    finally:
        runner.shutdown()
        garbage.release()
        unexpected.release()
        journal.close()
        logging.shutdown()


def make_application() -> QApplication:
    """The application object, named and set up for dense screens and row-major arrays."""
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    app = QApplication(sys.argv[:1])
    app.setOrganizationName(ORGANISATION)
    app.setApplicationName(APPLICATION)
    app.setApplicationDisplayName("AD Desktop")
    app.setDesktopFileName(APPLICATION)
    app.setWindowIcon(QIcon(str(resource("icons", "ad-desktop.svg"))))
    pyqtgraph.setConfigOptions(imageAxisOrder="row-major", antialias=True)
    return app


def make_window(app: QApplication, runner: JobRunner, log_file: Path) -> MainWindow:
    """The window with all it needs, not yet shown."""
    settings = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, ORGANISATION, APPLICATION)
    theme = Theme(app)
    appearance = str(settings.value("appearance", Appearance.SYSTEM.value))
    if appearance in list(Appearance):
        theme.set_appearance(Appearance(appearance))
    bundled = Bundled(
        resource("sample"), resource("scans", "brain-two-lesions.nii.gz"),
        resource("scans", "brain-two-lesions_mask.nii.gz"), resource("models", "brain-t1.adm"),
    )  # fmt: skip
    sheet = StyleSheet(app, theme)
    window = MainWindow(runner, Session(), theme, settings, detectors(), bundled, log_file, app.windowIcon())
    # Not before: each part would be styled again with each place that it is put into.
    sheet.apply()
    return window


def start_log() -> Path:
    """Write warnings and errors to a file that does not grow without bound; its path."""
    folder = Path(platformdirs.user_log_dir(APPLICATION, appauthor=False))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ad-desktop.log"
    handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    return path


def _end_on_interrupt(window: MainWindow) -> None:
    """Let Ctrl+C and a polite kill close the window."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close_now())
