"""Asks the detector for the normal pictures that are most like the current one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QObject, QTimer, Signal

from ad_desktop.data.samples import Sample
from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.task import Task
from ad_desktop.ui.items import Item
from ad_desktop.ui.problems import ProblemList
from ad_desktop.ui.session import Session

COUNT = 6
_PAUSE_MS = 120
"""Pictures that are only leafed through are not asked about."""


class Near(NamedTuple):
    """A normal picture, and how far its features are from the current one's."""

    sample: Sample
    distance: float


class NeighbourFlow(QObject):
    """``found`` carries the key of the picture asked about and the list of ``Near``; stale answers are dropped."""

    found = Signal(str, list)

    def __init__(
        self, runner: JobRunner, session: Session, problems: ProblemList, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._session = session
        self._problems = problems
        self._item: Item | None = None
        self._job: Job | None = None
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._soon.timeout.connect(self._start)

    def ask(self, item: Item) -> None:
        """Ask about an item, and no longer about those before."""
        self.stop()
        self._item = item
        self._soon.start()

    def stop(self) -> None:
        """Ask no more."""
        self._soon.stop()
        self._item = None
        if self._job is not None:
            self._job.cancel()

    def _start(self) -> None:
        item, model = self._item, self._session.model
        if item is None or model is None or item.prediction is None or item.prediction.features is None:
            return
        features, key, detector = item.prediction.features, item.key, model.detector

        def work(task: Task) -> list[Near]:
            # One more, as a normal picture is its own nearest.
            found = detector.nearest(features, COUNT + 1)
            return [Near(sample_of(n.key), n.distance) for n in found if n.key != key][:COUNT]

        job = self._runner.submit("Nearest normal pictures", work, LaneName.DETECTOR, quiet=True)
        job.succeeded.connect(lambda found: self._take(job, item, found))
        job.failed.connect(lambda error: self._problems.error("Nearest normal pictures", error))
        self._job = job

    def _take(self, job: Job, item: Item, found: list[Near]) -> None:
        if self._job is job and self._item is item:
            self.found.emit(item.key, found)


def sample_of(key: str) -> Sample:
    """The sample that has this key; pages of a file have a number behind its name."""
    path, mark, page = key.rpartition("#")
    if mark and page.isdecimal() and not Path(key).exists():
        return Sample(Path(path), int(page) - 1)
    return Sample(Path(key))
