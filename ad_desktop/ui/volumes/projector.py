"""Slabs projected in the background, the newest order first."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.projection import slab, slab_range
from ad_desktop.data.volumes.volume import Array, Volume
from ad_desktop.jobs import Job, JobRunner, LaneName

_AT_ONCE = 200_000
"""How many voxels are projected on the main thread: about 2 ms."""

_Order = tuple[Volume, int, float]


class Projector(QObject):
    """``get`` gives a slab's projection, or the last one that is ready while another is made; then ``ready`` comes."""

    ready = Signal(object)

    def __init__(self, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._made: dict[Plane, tuple[_Order, Array]] = {}
        self._wanted: dict[Plane, _Order] = {}
        self._jobs: dict[Plane, Job] = {}

    def get(self, volume: Volume, plane: Plane, index: int, thickness: float) -> Array | None:
        """The projection if it is there or quickly made, else the last one of the same volume, else None."""
        order = (volume, index, thickness)
        first, last = slab_range(volume, plane, index, thickness)
        rows, columns = plane.shape(volume)
        if (last - first) * rows * columns <= _AT_ONCE:
            return slab(volume, plane, index, thickness)
        made = self._made.get(plane)
        if made is not None and _same(made[0], order):
            return made[1]
        self._wanted[plane] = order
        self._start(plane)
        return made[1] if made is not None and made[0][0] is volume else None

    def forget(self) -> None:
        """Let go of all volumes."""
        self._made.clear()
        self._wanted.clear()

    def _start(self, plane: Plane) -> None:
        if plane in self._jobs or plane not in self._wanted:
            return
        order = self._wanted.pop(plane)
        volume, index, thickness = order
        job = self._runner.submit(
            "Projection", lambda task: slab(volume, plane, index, thickness), LaneName.VIEWER, quiet=True
        )
        self._jobs[plane] = job
        job.succeeded.connect(lambda found: self._keep(plane, order, found))
        job.finished.connect(lambda: self._end(plane))

    def _keep(self, plane: Plane, order: _Order, found: Array) -> None:
        self._made[plane] = (order, found)
        self.ready.emit(plane)

    def _end(self, plane: Plane) -> None:
        self._jobs.pop(plane, None)
        self._start(plane)


def _same(one: _Order, other: _Order) -> bool:
    return one[0] is other[0] and one[1:] == other[1:]
