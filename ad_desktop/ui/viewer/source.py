"""Fetches pictures and maps for the viewer in the background, its neighbours ahead of time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from ad_desktop.detectors.base import Prediction
from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.task import Task
from ad_desktop.ui.items import Item
from ad_desktop.ui.viewer.findings import Findings, find
from ad_desktop.ui.viewer.pictures import Overlay, Scale, Shown, make_overlay, make_shown

_MEMORY = 448 * 2**20
"""How much decoded pictures may take together; the current one and the next stay in any case."""
_OVERLAYS_KEPT = 12


class PictureSource(QObject):
    """Answers come by signal with the key they belong to; orders that nobody waits for are dropped."""

    picture_ready = Signal(object)
    picture_failed = Signal(str, object)
    overlay_ready = Signal(object)
    findings_ready = Signal(object)

    def __init__(self, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._current = ""
        self._pictures: OrderedDict[str, Shown] = OrderedDict()
        self._overlays: OrderedDict[str, tuple[Prediction, Scale, Overlay]] = OrderedDict()
        self._jobs: dict[tuple[str, str], Job] = {}
        self._orders: dict[str, tuple[Prediction, Scale]] = {}

    def request(self, item: Item, neighbours: Sequence[Item] = ()) -> None:
        """Bring a picture; work that nobody waits for any more, for it or its neighbours, is dropped."""
        self._current = item.key
        self._drop({item.key} | {other.key for other in neighbours})
        if item.key in self._pictures:
            self._pictures.move_to_end(item.key)
            self.picture_ready.emit(self._pictures[item.key])
        else:
            self._load(item)

    def prepare(self, items: Sequence[Item], scale: Scale | None) -> None:
        """Fetch pictures ahead, the first of them first, as far as there is room, and their maps."""
        ahead = [item for item in items if not item.error][: self._room()]
        self._drop({self._current} | {item.key for item in ahead})
        for item in reversed(ahead):
            if item.key in self._pictures:
                self._pictures.move_to_end(item.key)
        for item in ahead:
            if item.key not in self._pictures:
                self._load(item)
        if scale is None:
            return
        for item in ahead:
            if self._known_overlay(item, scale) is None:
                self._make_overlay(item, scale)

    def _drop(self, wanted: set[str]) -> None:
        for (kind, key), job in list(self._jobs.items()):
            if kind in ("picture", "overlay") and key not in wanted:
                job.cancel()

    def _room(self) -> int:
        """How many pictures beside the current one fit, going by the largest of those at hand."""
        largest = max((shown.nbytes for shown in self._pictures.values()), default=0)
        return len(self._pictures) + 8 if not largest else max(1, _MEMORY // largest - 1)

    def request_overlay(self, item: Item, scale: Scale) -> None:
        """Bring the map of an item's prediction in a scale."""
        overlay = self._known_overlay(item, scale)
        if overlay is not None:
            self._overlays.move_to_end(item.key)
            self.overlay_ready.emit(overlay)
        else:
            self._make_overlay(item, scale)

    def request_findings(self, overlay: Overlay, level: float, min_region: int) -> None:
        """Bring the regions above a level and their outline; earlier orders are dropped."""
        for (kind, _), job in list(self._jobs.items()):
            if kind == "findings":
                job.cancel()
        job = self._start(("findings", overlay.key), lambda task: find(overlay, level, min_region))

        def tell(found: Findings) -> None:
            if not job.task.cancelled:
                self.findings_ready.emit(found)

        job.succeeded.connect(tell)

    def _known_overlay(self, item: Item, scale: Scale) -> Overlay | None:
        known = self._overlays.get(item.key)
        if known is None or known[0] is not item.prediction or known[1] != scale:
            return None
        return known[2]

    def _make_overlay(self, item: Item, scale: Scale) -> None:
        prediction, key = item.prediction, item.key
        place = ("overlay", key)
        under_way = self._jobs.get(place)
        if prediction is None:
            return
        if under_way is not None and not under_way.task.cancelled:
            ordered, in_scale = self._orders[key]
            if ordered is prediction and in_scale == scale:
                return
        self._orders[key] = (prediction, scale)

        def keep(overlay: Overlay) -> None:
            if self._jobs.get(place) is not job:
                return  # a newer prediction or scale is on its way
            self._overlays[key] = (prediction, scale, overlay)
            self._overlays.move_to_end(key)
            while len(self._overlays) > _OVERLAYS_KEPT:
                self._overlays.popitem(last=False)
            self.overlay_ready.emit(overlay)

        job = self._start(place, lambda task: make_overlay(key, prediction, scale))
        job.succeeded.connect(keep)

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
        if shown.key != self._current and self._current in self._pictures:
            self._pictures.move_to_end(self._current)
        total = sum(kept.nbytes for kept in self._pictures.values())
        for key in [key for key in self._pictures if key not in (self._current, shown.key)]:
            if total <= _MEMORY:
                break
            total -= self._pictures.pop(key).nbytes
        self.picture_ready.emit(shown)

    def _start(self, place: tuple[str, str], work: Callable[[Task], Any]) -> Job:
        job = self._runner.submit("Viewer", work, LaneName.VIEWER, quiet=True)
        self._jobs[place] = job
        job.finished.connect(lambda: self._end(place, job))
        return job

    def _end(self, place: tuple[str, str], job: Job) -> None:
        if self._jobs.get(place) is job:
            del self._jobs[place]
            if place[0] == "overlay":
                self._orders.pop(place[1], None)
