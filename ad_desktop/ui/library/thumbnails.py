"""Small pictures for the rows that are on the screen, made in the background and kept while memory allows."""

from __future__ import annotations

import threading
from collections import OrderedDict

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPixmap

from ad_desktop.data.images import load, to_display
from ad_desktop.data.samples import Sample, VolumeSample
from ad_desktop.errors import InputError
from ad_desktop.jobs import Job, JobRunner, LaneName, Publish
from ad_desktop.task import Task
from ad_desktop.ui.viewer.pictures import to_qimage
from ad_desktop.ui.volumes.source import ScanReader
from ad_desktop.ui.volumes.thumbnail import middle_slice

EDGE = 72
"""Longest side of a thumbnail in device pixels: twice what a row shows, for dense screens."""

_KEPT = 2000
_WANTED = 120


class Thumbnails(QObject):
    """``get`` gives what is there and orders what is missing; ``ready`` tells when some have come.

    The last ones asked for are made first, and old orders are forgotten: they have been scrolled by.
    """

    ready = Signal(list)

    def __init__(self, runner: JobRunner, reader: ScanReader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._reader = reader
        self._kept: OrderedDict[str, QPixmap | None] = OrderedDict()
        self._wanted: OrderedDict[str, Sample] = OrderedDict()
        self._lock = threading.Lock()
        self._job: Job | None = None

    def get(self, key: str, sample: Sample) -> QPixmap | None:
        """The thumbnail, or None while there is none (or if the file cannot be read)."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        with self._lock:
            self._wanted[key] = sample
            self._wanted.move_to_end(key)
            while len(self._wanted) > _WANTED:
                self._wanted.popitem(last=False)
        if self._job is None:
            self._start()
        return None

    def failed(self, key: str) -> bool:
        """Whether there can be no thumbnail, as the file cannot be read."""
        return key in self._kept and self._kept[key] is None

    def _start(self) -> None:
        job = self._runner.stream("Thumbnails", self._work, LaneName.FILES, quiet=True)
        job.partials.connect(self._take)
        job.finished.connect(self._finish)
        self._job = job

    def _work(self, task: Task, publish: Publish) -> None:
        while True:
            task.check()
            with self._lock:
                if not self._wanted:
                    return
                key, sample = self._wanted.popitem(last=True)
            publish((key, _thumbnail(sample, self._reader, task)))

    def _take(self, made: list[tuple[str, QImage | None]]) -> None:
        for key, image in made:
            self._kept[key] = None if image is None else QPixmap.fromImage(image)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        self.ready.emit([key for key, _ in made])

    def _finish(self) -> None:
        self._job = None


def _thumbnail(sample: Sample, reader: ScanReader, task: Task) -> QImage | None:
    try:
        if isinstance(sample, VolumeSample):
            image = to_qimage(middle_slice(reader.open(sample, task).volume))
        else:
            image = to_qimage(to_display(load(sample, at_least=EDGE, finite=False).pixels, None))
    except InputError:
        return None  # the row shows no picture; the reason comes when the file is used
    return image.scaled(
        QSize(EDGE, EDGE), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
