"""Keeps the open library on disk while the window runs, so that a crash does not lose the labels."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.ui.crash.library import tell, write
from ad_desktop.ui.session import Session

_LOG = logging.getLogger(__name__)
_AFTER_MS = 1500
"""How long after the first change it is written: many changes in a row are one file."""


class Autosave(QObject):
    """Writes the library to ``path`` a moment after it changes; ``model`` tells the file of the model in use."""

    def __init__(
        self, session: Session, runner: JobRunner, path: Path, model: Callable[[], Path | None], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._runner = runner
        self._path = path
        self._model = model
        self._job: Job | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AFTER_MS)
        self._timer.timeout.connect(self.write)
        for signal in (
            session.items_changed, session.labels_changed, session.model_changed, session.threshold_changed,
            session.roi_changed, session.min_region_changed,
        ):  # fmt: skip
            signal.connect(self._soon)

    def write(self) -> None:
        """Write now, in the background; one at a time."""
        if self._job is not None:
            self._soon()
            return
        told, path = tell(self._session, self._model()), self._path
        self._job = self._runner.submit(
            "Keeping the library", lambda task: write(path, told), LaneName.FILES, quiet=True
        )
        self._job.failed.connect(lambda error: _LOG.warning("The library is not kept: %s", error))
        self._job.finished.connect(self._take_end)

    def _soon(self, *_: object) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _take_end(self) -> None:
        self._job = None
