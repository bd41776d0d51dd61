"""Runs jobs off the main thread and brings what comes of them back to it."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from ad_desktop.errors import Cancelled
from ad_desktop.jobs.job import Job, Publish
from ad_desktop.jobs.lane import Lane
from ad_desktop.task import Task

_POLL_MS = 80


class LaneName(Enum):
    """Where a job runs: DETECTOR one at a time (it owns the network), FILES a few at once, VIEWER ahead of both."""

    DETECTOR = "detector"
    FILES = "files"
    VIEWER = "viewer"


class _Message(NamedTuple):
    job: Job
    kind: str  # partial, succeeded, failed, cancelled
    value: Any


class JobRunner(QObject):
    """Starts jobs and delivers their signals on the thread it was made on.

    ``jobs_changed`` tells when a job that is not quiet starts or ends; ``polled`` follows each look at the progress.
    """

    jobs_changed = Signal()
    polled = Signal()
    _woken = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lanes = {
            LaneName.DETECTOR: Lane("detector", 1),
            LaneName.FILES: Lane("files", 2),
            LaneName.VIEWER: Lane("viewer", 2),
        }
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._active: list[Job] = []
        self._closed = False
        self._woken.connect(self._drain, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def active(self) -> tuple[Job, ...]:
        """Jobs that are queued or running and not quiet, oldest first."""
        return tuple(job for job in self._active if not job.quiet)

    def submit(
        self,
        title: str,
        work: Callable[[Task], Any],
        lane: LaneName = LaneName.DETECTOR,
        quiet: bool = False,
    ) -> Job:
        """Run ``work(task)`` in a lane; its return value comes with ``succeeded``."""
        return self._start(Job(title, quiet, self), lambda job: work(job.task), lane)

    def stream(
        self,
        title: str,
        work: Callable[[Task, Publish], Any],
        lane: LaneName = LaneName.DETECTOR,
        quiet: bool = False,
    ) -> Job:
        """Run ``work(task, publish)``: as ``submit``, and what is published comes with ``partials``."""

        def call(job: Job) -> Any:
            return work(job.task, lambda value: self._messages.put(_Message(job, "partial", value)))

        return self._start(Job(title, quiet, self), call, lane)

    def cancel_all(self) -> None:
        """Ask every job to stop."""
        for job in self._active:
            job.cancel()

    def shutdown(self, timeout: float = 5.0) -> bool:
        """Cancel all, wait for the threads and deliver the last outcomes; whether all threads ended in time."""
        self._closed = True
        self.cancel_all()
        deadline = time.monotonic() + timeout
        for lane in self._lanes.values():
            lane.close()
        ended = [lane.join(deadline) for lane in self._lanes.values()]
        self._drain()
        self._timer.stop()
        return all(ended)

    def _start(self, job: Job, call: Callable[[Job], Any], lane: LaneName) -> Job:
        self._active.append(job)
        if self._closed:
            job.cancel()
            self._messages.put(_Message(job, "cancelled", None))
            self._woken.emit()
        else:
            self._timer.start()
            self._lanes[lane].put(partial(self._run, job, call))
        if not job.quiet:
            self.jobs_changed.emit()
        return job

    def _run(self, job: Job, call: Callable[[Job], Any]) -> None:
        try:
            job.task.check()
            message = _Message(job, "succeeded", call(job))
        except Cancelled:
            message = _Message(job, "cancelled", None)
        except Exception as error:  # RuntimeError (CUDA out of memory) and whatever else: the user must hear of it
            message = _Message(job, "failed", error)
        self._messages.put(message)
        self._woken.emit()

    def _poll(self) -> None:
        self._drain()
        for job in self._active:
            job.progressed.emit(job.task.progress)
        self.polled.emit()

    def _drain(self) -> None:
        partials: dict[Job, list[Any]] = {}
        ended: list[_Message] = []
        while True:
            try:
                message = self._messages.get_nowait()
            except queue.Empty:
                break
            if message.kind == "partial":
                partials.setdefault(message.job, []).append(message.value)
            else:
                ended.append(message)
        for job, values in partials.items():
            job.partials.emit(values)
        for message in ended:
            self._deliver(message)

    def _deliver(self, message: _Message) -> None:
        job = message.job
        self._active.remove(job)
        job.done = True
        try:
            if message.kind == "succeeded":
                job.succeeded.emit(message.value)
            elif message.kind == "failed":
                job.failed.emit(message.value)
            else:
                job.cancelled.emit()
        finally:
            job.finished.emit()
            if not self._active:
                self._timer.stop()
            if not job.quiet:
                self.jobs_changed.emit()
            job.deleteLater()
