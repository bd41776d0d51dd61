"""Reads scans for the viewer in the background and keeps the last ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, Signal

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.opening import suggest_unit
from ad_desktop.data.volumes.reorient import Reorientation
from ad_desktop.data.volumes.volume import UNKNOWN_UNIT, Volume
from ad_desktop.data.volumes.windows import Window, automatic_window, sample_values
from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.task import Task

Load = Callable[[VolumeSample, Task], Volume]
"""Reads a scan; ``InputError`` if it cannot be read."""

_MEMORY = 1 << 30
"""How much the scans that are kept may take together; the newest stays in any case."""


@dataclass(frozen=True, eq=False)
class OpenScan:
    """A scan ready to be looked at.

    ``volume`` is on patient axes, ``turn`` how it got there from the file's; ``automatic`` is its own window.
    ``unit_open``: its file does not say what its values are, and it is no mask; ``suggested`` is what they look like.
    """

    key: str
    volume: Volume
    turn: Reorientation
    automatic: Window
    unit_open: bool = False
    suggested: str = UNKNOWN_UNIT


class ScanSource(QObject):
    """Answers come by signal with the scan's key. One scan is read at a time for each purpose, the last one asked for.

    ``progressed`` carries the progress of what is being read.
    """

    ready = Signal(object)
    failed = Signal(str, object)
    cancelled = Signal(str)
    progressed = Signal(object)

    def __init__(self, runner: JobRunner, load: Load, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._load = load
        self._kept: OrderedDict[str, OpenScan] = OrderedDict()
        self._job: Job | None = None
        self._wanted = ""

    def busy_with(self, key: str) -> bool:
        """Whether this scan is being read, and still wanted."""
        return self._job is not None and self._wanted == key and not self._job.task.cancelled

    def request(self, sample: VolumeSample) -> None:
        """Bring a scan; one that is being read and not wanted any more is dropped."""
        key = sample.key
        if self._job is not None and self._wanted != key:
            self._job.cancel()
        if key in self._kept:
            self._kept.move_to_end(key)
            self._wanted = key
            self.ready.emit(self._kept[key])
            return
        if self.busy_with(key):
            return
        self._wanted = key
        load = self._load
        job = self._runner.submit(f"Opening {sample.name}", lambda task: open_scan(sample, load, task), LaneName.VIEWER)
        self._job = job
        job.succeeded.connect(self._keep)
        job.failed.connect(lambda error: self.failed.emit(key, error))
        job.cancelled.connect(lambda: self.cancelled.emit(key))
        job.progressed.connect(self.progressed)
        job.finished.connect(lambda: self._end(job))

    def cancel(self) -> None:
        """Stop reading."""
        if self._job is not None:
            self._job.cancel()

    def forget(self, key: str) -> None:
        """Read a scan again when it is asked for next."""
        self._kept.pop(key, None)

    def _keep(self, scan: OpenScan) -> None:
        self._kept[scan.key] = scan
        self._kept.move_to_end(scan.key)
        total = sum(kept.volume.array.nbytes for kept in self._kept.values())
        while total > _MEMORY and len(self._kept) > 1:
            total -= self._kept.popitem(last=False)[1].volume.array.nbytes
        self.ready.emit(scan)

    def _end(self, job: Job) -> None:
        if self._job is job:
            self._job = None


def open_scan(sample: VolumeSample, load: Load, task: Task) -> OpenScan:
    """Read a scan and make it ready; runs off the main thread."""
    volume = load(sample, task)
    task.check()
    turn = Reorientation.to_patient(volume.affine)
    unit_open = not volume.unit and not volume.modality and not _is_mask(volume)
    suggested = suggest_unit(volume) if unit_open else volume.unit
    return OpenScan(sample.key, turn.turn(volume), turn, automatic_window(volume.array), unit_open, suggested)


def _is_mask(volume: Volume) -> bool:
    return len(np.unique(sample_values(volume.array))) <= 2
