"""Fetches the slices around those that are shown, where they lie scattered in memory."""

from __future__ import annotations

from PySide6.QtCore import QObject

from ad_desktop.data.volumes.cuts import Cuts
from ad_desktop.data.volumes.planes import Plane
from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.ui.volumes.scene import Scene


class SliceFetcher(QObject):
    """Follows the scene; one block at a time, the nearest first."""

    def __init__(self, scene: Scene, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._scene = scene
        self._runner = runner
        self._job: Job | None = None
        self._failed = False
        scene.replaced.connect(self._try_again)
        scene.changed.connect(self._start)
        scene.moved.connect(self._start)

    def _start(self) -> None:
        wanted = None if self._failed or self._job is not None else self._next()
        if wanted is None:
            return
        cuts, plane, number = wanted
        job = self._runner.submit("Slices", lambda task: cuts.fetch(plane, number), LaneName.VIEWER, quiet=True)
        self._job = job
        job.failed.connect(lambda _: self._give_up())
        job.finished.connect(self._end)

    def _next(self) -> tuple[Cuts, Plane, int] | None:
        for rank in (0, 1):
            for cuts in self._scene.cuts:
                for plane in Plane:
                    missing = cuts.missing(plane, self._scene.slice_of(plane))
                    if len(missing) > rank:
                        return cuts, plane, missing[rank]
        return None

    def _try_again(self) -> None:
        self._failed = False

    def _give_up(self) -> None:
        # There is no memory for it: slices are then collected one by one, as they are without this.
        self._failed = True

    def _end(self) -> None:
        self._job = None
        self._start()
