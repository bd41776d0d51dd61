"""Runs jobs off the main thread and brings what comes of them back to it."""

from __future__ import annotations

import itertools
import queue
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from PySide6.QtCore import QObject, QTimer, Signal

from ad_desktop.errors import Cancelled
from ad_desktop.jobs.job import Job, Publish
from ad_desktop.jobs.lane import Lane
from ad_desktop.task import Task

# A worker never touches Qt, not even to emit a signal: Qt's locks and the interpreter's, taken in opposite order by two
# threads, would stop both. The main thread looks for messages instead, often enough that nobody notices.
_LOOK_MS = 15
_PROGRESS_MS = 80
_BEHIND = 10
_SPENT = 0.008
"""Seconds of one look after which what else ended waits for the next one, so that events come between."""


class LaneName(Enum):
    """Where a job runs: DETECTOR one at a time (it owns the network), FILES a few at once, VIEWER ahead of both."""

    DETECTOR = "detector"
    FILES = "files"
    VIEWER = "viewer"


class _Message(NamedTuple):
    job: int  # a number, not the object: the last reference to a QObject must not end in a worker
    kind: str  # partial, succeeded, failed, cancelled
    value: Any


_Work = Callable[[Task, Publish], Any]


class JobRunner(QObject):
    """Starts jobs and delivers their signals on the thread it was made on (the main thread).

    ``jobs_changed`` tells when a job that is not quiet starts or ends; ``polled`` follows each look at the progress.
    """

    jobs_changed = Signal()
    polled = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lanes = {
            LaneName.DETECTOR: Lane("detector", 1, _BEHIND),
            LaneName.FILES: Lane("files", 2, _BEHIND),
            LaneName.VIEWER: Lane("viewer", 2),
        }
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._active: dict[int, Job] = {}
        self._partials: dict[int, list[Any]] = {}
        self._ended: deque[_Message] = deque()
        self._numbers = itertools.count()
        self._closed = False
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._progress_due = 0.0

    @property
    def active(self) -> tuple[Job, ...]:
        """Jobs that are queued or running and not quiet, oldest first."""
        return tuple(job for job in self._active.values() if not job.quiet)

    def submit(
        self,
        title: str,
        work: Callable[[Task], Any],
        lane: LaneName = LaneName.DETECTOR,
        quiet: bool = False,
    ) -> Job:
        """Run ``work(task)`` in a lane; its return value comes with ``succeeded``."""
        return self._start(title, quiet, lane, lambda task, publish: work(task))

    def stream(
        self,
        title: str,
        work: Callable[[Task, Publish], Any],
        lane: LaneName = LaneName.DETECTOR,
        quiet: bool = False,
    ) -> Job:
        """Run ``work(task, publish)``: as ``submit``, and what is published comes with ``partials``."""
        return self._start(title, quiet, lane, work)

    def cancel_all(self) -> None:
        """Ask every job to stop."""
        for job in self._active.values():
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
        while self._ended:
            self._deliver(self._ended.popleft())
        self._timer.stop()
        return all(ended)

    def _start(self, title: str, quiet: bool, lane: LaneName, work: _Work) -> Job:
        job = Job(title, quiet, self)
        number = next(self._numbers)
        self._active[number] = job
        if self._closed:
            job.cancel()
            self._messages.put(_Message(number, "cancelled", None))
        else:
            self._lanes[lane].put(partial(_run, number, job.task, work, self._messages))
        if not self._timer.isActive():
            self._timer.start()
        if not quiet:
            self.jobs_changed.emit()
        return job

    def _look(self) -> None:
        started = time.monotonic()
        self._drain()
        while self._ended and time.monotonic() < started + _SPENT:
            self._deliver(self._ended.popleft())
        if started >= self._progress_due and time.monotonic() < started + _SPENT:
            self._progress_due = time.monotonic() + _PROGRESS_MS / 1000
            self._flush_partials()
            for job in list(self._active.values()):
                job.progressed.emit(job.task.progress)
            self.polled.emit()

    def _drain(self) -> None:
        while not self._messages.empty():
            message = self._messages.get()
            if message.kind == "partial":
                self._partials.setdefault(message.job, []).append(message.value)
            else:
                self._ended.append(message)

    def _flush_partials(self) -> None:
        partials, self._partials = self._partials, {}
        for number, values in partials.items():
            self._active[number].partials.emit(values)

    def _deliver(self, message: _Message) -> None:
        # What a job published comes before its end.
        self._flush_partials()
        job = self._active.pop(message.job)
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


def _run(number: int, task: Task, work: _Work, messages: queue.SimpleQueue[_Message]) -> None:
    """What a worker does."""
    try:
        task.check()
        message = _Message(
            number, "succeeded", work(task, lambda value: messages.put(_Message(number, "partial", value)))
        )
    except Cancelled:
        message = _Message(number, "cancelled", None)
    except Exception as error:  # RuntimeError (CUDA out of memory) and whatever else: the user must hear of it
        message = _Message(number, "failed", error)
    messages.put(message)
