"""Collects reference cycles on the main thread, in pieces too short to be felt."""

from __future__ import annotations

import gc
import sys

from pyqtgraph.util.garbage_collector import GarbageCollector
from PySide6.QtCore import QObject

from ad_desktop.jobs import JobRunner

_SECONDS = 1.0
_MANY_MODULES = 20


class Garbage(QObject):
    """Once a second and on the thread it was made on, in place of the interpreter's own collections.

    Objects of Qt that are part of a reference cycle must not be destroyed by whichever thread collects garbage.
    """

    def __init__(self, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._modules = 0
        self._collector = GarbageCollector(interval=_SECONDS)
        runner.jobs_changed.connect(self._set_aside)
        self._set_aside()

    def _set_aside(self) -> None:
        """Leave modules and classes out of later collections when a job has loaded many more of them.

        They live as long as the program, and to go through them all takes a tenth of a second each time. What
        garbage is among them stays: to look for it here would take as long.
        """
        if not self._runner.active and len(sys.modules) >= self._modules + _MANY_MODULES:
            gc.freeze()
            self._modules = len(sys.modules)

    def release(self) -> None:
        """Give collection back to the interpreter."""
        self._runner.jobs_changed.disconnect(self._set_aside)
        self._collector.timer.stop()
        gc.unfreeze()
        gc.enable()
