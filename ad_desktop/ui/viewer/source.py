"""Fetches pictures and maps for the viewer in the background, its neighbours ahead of time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal

from ad_desktop.detectors.base import Prediction
from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.task import Task
from ad_desktop.ui.items import Item
from ad_desktop.ui.viewer.pictures import Overlay, Scale, Shown, make_overlay, make_shown

_MEMORY = 400 * 2**20
_LEAST_KEPT = 4
_OVERLAYS_KEPT = 12


class PictureSource(QObject):
    """Answers come by signal with the key they belong to; orders that nobody waits for are dropped."""

    picture_ready = Signal(object)
    picture_failed = Signal(str, object)
    overlay_ready = Signal(object)
    contour_ready = Signal(str, object)

    def __init__(self, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._pictures: OrderedDict[str, Shown] = OrderedDict()
        self._overlays: OrderedDict[str, tuple[Prediction, Scale, Overlay]] = OrderedDict()
        self._jobs: dict[tuple[str, str], Job] = {}

    def request(self, item: Item, neighbours: Sequence[Item] = ()) -> None:
        """Bring a picture, then its neighbours; what is on the way for others is dropped."""
        wanted = {item.key} | {other.key for other in neighbours}
        for (kind, key), job in list(self._jobs.items()):
            if kind == "picture" and key not in wanted:
                job.cancel()
        if item.key in self._pictures:
            self._pictures.move_to_end(item.key)
            self.picture_ready.emit(self._pictures[item.key])
        else:
            self._load(item)
        for other in neighbours:
            if other.key not in self._pictures and not other.error:
                self._load(other)

    def request_overlay(self, item: Item, scale: Scale) -> None:
        """Bring the map of an item's prediction in a scale."""
        prediction = item.prediction
        if prediction is None:
            return
        known = self._overlays.get(item.key)
        if known is not None and known[0] is prediction and known[1] == scale:
            self._overlays.move_to_end(item.key)
            self.overlay_ready.emit(known[2])
            return

        def keep(overlay: Overlay) -> None:
            self._overlays[item.key] = (prediction, scale, overlay)
            while len(self._overlays) > _OVERLAYS_KEPT:
                self._overlays.popitem(last=False)
            self.overlay_ready.emit(overlay)

        self._replace("overlay", item.key, lambda task: make_overlay(item.key, prediction, scale), keep)

    def request_contour(self, overlay: Overlay, level: float) -> None:
        """Bring the outline of what lies above a level."""
        answer = partial(self.contour_ready.emit, overlay.key)
        self._replace("contour", overlay.key, lambda task: overlay.contour(level), answer)

    def forget(self, key: str) -> None:
        """Read a picture again when it is asked for next."""
        self._pictures.pop(key, None)

    def _load(self, item: Item) -> None:
        place = ("picture", item.key)
        if place in self._jobs and not self._jobs[place].task.cancelled:
            return
        sample, mask = item.sample, item.mask
        job = self._start(place, lambda task: make_shown(sample, mask))
        job.succeeded.connect(self._keep)
        job.failed.connect(lambda error, key=item.key: self.picture_failed.emit(key, error))

    def _keep(self, shown: Shown) -> None:
        self._pictures[shown.key] = shown
        self._pictures.move_to_end(shown.key)
        total = sum(kept.nbytes for kept in self._pictures.values())
        while total > _MEMORY and len(self._pictures) > _LEAST_KEPT:
            _, dropped = self._pictures.popitem(last=False)
            total -= dropped.nbytes
        self.picture_ready.emit(shown)

    def _replace(self, kind: str, key: str, work: Callable[[Task], Any], answer: Callable[[Any], None]) -> None:
        """Start work that makes earlier work of its kind pointless."""
        for (other, _), job in list(self._jobs.items()):
            if other == kind:
                job.cancel()
        job = self._start((kind, key), work)

        def deliver(value: Any) -> None:
            if not job.task.cancelled:
                answer(value)

        job.succeeded.connect(deliver)

    def _start(self, place: tuple[str, str], work: Callable[[Task], Any]) -> Job:
        job = self._runner.submit("Viewer", work, LaneName.VIEWER, quiet=True)
        self._jobs[place] = job
        job.finished.connect(lambda: self._end(place, job))
        return job

    def _end(self, place: tuple[str, str], job: Job) -> None:
        if self._jobs.get(place) is job:
            del self._jobs[place]
