"""Reads scans for the viewer in the background and keeps the last ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QObject, Signal

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.reorient import Reorientation
from ad_desktop.data.volumes.volume import UNKNOWN_UNIT, Volume
from ad_desktop.data.volumes.windows import Window, automatic_window, sample_values
from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.task import Task

Load = Callable[[VolumeSample, Task], Volume]
"""Reads a scan; ``InputError`` if it cannot be read."""

MEMORY = 1 << 30
"""How many bytes the scans that are kept may take together; the newest stays in any case."""
_WAIT_SECONDS = 0.05


@dataclass(frozen=True, eq=False)
class OpenScan:
    """A scan ready to be looked at.

    ``volume`` is on patient axes, ``turn`` how it got there from ``original``, on the file's own axes; both share their
    values. ``automatic`` is its own window.
    ``unit_open``: its file does not say what its values are, and it is no mask; ``suggested`` is what they look like.
    """

    key: str
    volume: Volume
    turn: Reorientation
    automatic: Window
    original: Volume
    unit_open: bool = False
    suggested: str = UNKNOWN_UNIT


def load_scan(sample: VolumeSample, task: Task) -> Volume:
    """Read a scan as its file has it; ``InputError`` if it cannot be read."""
    # With the first scan: all formats are known to it, and loading that keeps the window off the screen.
    from ad_desktop.data.volumes.opening import load_volume

    return load_volume(sample, task)


class ScanReader:
    """Reads scans for everything that shows them, each once; the last ones are kept. For any thread."""

    def __init__(self, load: Load, most: int = MEMORY) -> None:
        self._load = load
        self._most = most
        self._kept: OrderedDict[str, OpenScan] = OrderedDict()
        self._reading: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def kept(self, key: str) -> OpenScan | None:
        """A scan that need not be read again."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def open(self, sample: VolumeSample, task: Task) -> OpenScan:
        """A scan, read if it has to be; where it is being read already, wait for that."""
        key = sample.key
        while True:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key]
                other = self._reading.get(key)
                if other is None:
                    self._reading[key] = threading.Event()
                    break
            task.report(f"Reading {sample.name}")
            while not other.wait(_WAIT_SECONDS):
                task.check()
        try:
            scan = open_scan(sample, self._load, task)
            self._keep(scan)
            return scan
        finally:
            with self._lock:
                self._reading.pop(key).set()

    def _keep(self, scan: OpenScan) -> None:
        with self._lock:
            self._kept[scan.key] = scan
            total = sum(kept.volume.array.nbytes for kept in self._kept.values())
            while total > self._most and len(self._kept) > 1:
                total -= self._kept.popitem(last=False)[1].volume.array.nbytes


class ScanSource(QObject):
    """Answers come by signal with the scan's key. One scan is read at a time for each purpose, the last one asked for.

    ``progressed`` carries the progress of what is being read.
    """

    ready = Signal(object)
    failed = Signal(str, object)
    cancelled = Signal(str)
    progressed = Signal(object)

    def __init__(self, runner: JobRunner, reader: ScanReader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._reader = reader
        self._job: Job | None = None
        self._wanted = ""

    def busy_with(self, key: str) -> bool:
        """Whether this scan is being read, and still wanted."""
        return self._job is not None and self._wanted == key and not self._job.task.cancelled

    def request(self, sample: VolumeSample) -> None:
        """Bring a scan; one that is being read and not wanted any more is dropped."""
        key, reader = sample.key, self._reader
        if self._job is not None and self._wanted != key:
            self._job.cancel()
        kept = reader.kept(key)
        if kept is not None:
            self._wanted = key
            self.ready.emit(kept)
            return
        if self.busy_with(key):
            return
        self._wanted = key
        job = self._runner.submit(f"Opening {sample.name}", lambda task: reader.open(sample, task), LaneName.VIEWER)
        self._job = job
        job.succeeded.connect(self.ready)
        job.failed.connect(lambda error: self.failed.emit(key, error))
        job.cancelled.connect(lambda: self.cancelled.emit(key))
        job.progressed.connect(self.progressed)
        job.finished.connect(lambda: self._end(job))

    def cancel(self) -> None:
        """Stop reading."""
        if self._job is not None:
            self._job.cancel()

    def _end(self, job: Job) -> None:
        if self._job is job:
            self._job = None


def open_scan(sample: VolumeSample, load: Load, task: Task) -> OpenScan:
    """Read a scan and make it ready; runs off the main thread."""
    # What the user says of its unit is not read, and may change: ``FolderUnits`` puts it on.
    volume = load(replace(sample, unit=""), task)
    task.check()
    turn = Reorientation.to_patient(volume.affine)
    unit_open = not volume.unit and not volume.modality and not _is_mask(volume)
    from ad_desktop.data.volumes.opening import suggest_unit

    suggested = suggest_unit(volume) if unit_open else volume.unit
    return OpenScan(sample.key, turn.turn(volume), turn, automatic_window(volume.array), volume, unit_open, suggested)


def _is_mask(volume: Volume) -> bool:
    return len(np.unique(sample_values(volume.array))) <= 2
