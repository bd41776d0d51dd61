"""Exceptions that nobody caught, on any thread, and what Qt complains of: logged, and told on the main thread."""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QMessageLogContext, QObject, QTimer, QtMsgType, Signal, qInstallMessageHandler

_LOG = logging.getLogger("ad_desktop")
_LOOK_MS = 250
_LEVELS = {QtMsgType.QtDebugMsg: logging.DEBUG, QtMsgType.QtInfoMsg: logging.INFO}


class Unexpected(QObject):
    """Takes over Python's hooks; ``raised`` carries each exception, on the main thread.

    ``stop`` is called where it was Ctrl+C. Its timer also lets Python see signals: it does so only while it runs.
    """

    raised = Signal(object)

    def __init__(self, stop: Callable[[], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stop = stop
        # No worker touches Qt, not even to emit a signal: the main thread looks.
        self._waiting: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        self._timer.start(_LOOK_MS)
        sys.excepthook = self._take
        threading.excepthook = self._take_from_thread
        sys.unraisablehook = _log_unraisable
        qInstallMessageHandler(_log_qt)

    def release(self) -> None:
        """Give the hooks back."""
        self._timer.stop()
        sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__
        sys.unraisablehook = sys.__unraisablehook__
        qInstallMessageHandler(None)

    def _take(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._stop()
            return
        _LOG.critical("Unexpected", exc_info=(kind, error, trace))
        if sys.stderr is not None:
            sys.__excepthook__(kind, error, trace)
        self._waiting.put(error)

    def _take_from_thread(self, told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None and told.exc_type is not SystemExit:
            self._take(told.exc_type, told.exc_value, told.exc_traceback)

    def _look(self) -> None:
        while not self._waiting.empty():
            self.raised.emit(self._waiting.get())


def _log_unraisable(told: sys.UnraisableHookArgs) -> None:
    _LOG.error("Unraisable in %r", told.object, exc_info=told.exc_value)
    if sys.stderr is not None:
        sys.__unraisablehook__(told)


def _log_qt(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    level = _LEVELS.get(kind, logging.WARNING)
    _LOG.log(level, "Qt: %s", text)
    if level >= logging.WARNING and sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
