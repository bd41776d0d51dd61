"""One piece of background work, as the main thread sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from ad_desktop.task import Task

Publish = Callable[[Any], None]
"""Called by the worker, from its own thread, with each partial result."""


class Job(QObject):
    """Ends in exactly one of ``succeeded``, ``failed`` or ``cancelled``, and then always ``finished``.

    All signals come on the main thread, none of them before the call that started the job returned.
    ``partials`` carries a list: all partial results since the last one. ``quiet`` jobs are not
    shown to the user.
    """

    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    finished = Signal()
    partials = Signal(list)
    progressed = Signal(object)

    def __init__(self, title: str, quiet: bool = False, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self.quiet = quiet
        self.task = Task()
        self.done = False

    def cancel(self) -> None:
        """Ask the work to stop; ``cancelled`` follows unless it was too late."""
        self.task.cancel()
