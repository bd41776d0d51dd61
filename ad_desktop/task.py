"""Progress and cancellation of one piece of work, shared by the window and the command line."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from ad_desktop.errors import Cancelled


@dataclass(frozen=True)
class Progress:
    """Where a task stands: ``done`` of ``total`` steps (``total`` 0: unknown) of the phase ``message``.

    ``losses`` are those of the epochs so far, where the phase learns something.
    """

    message: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    losses: tuple[float, ...] = ()


class Task:
    """A cancellable piece of work that reports how far it is.

    The worker calls ``report`` and ``check``; whoever watches reads ``progress`` (a snapshot,
    safe from any thread) and calls ``cancel``. Nothing is pushed: watchers poll.
    """

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._progress = Progress()
        self._phase_started = time.monotonic()
        self._notes: list[str] = []

    @property
    def progress(self) -> Progress:
        """The latest progress."""
        return self._progress

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about how the work was done, in order."""
        return tuple(self._notes)

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask the work to stop at its next check."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise ``Cancelled`` if somebody asked for it."""
        if self._cancelled.is_set():
            raise Cancelled

    def note(self, text: str) -> None:
        """Record something the user should know once the work is done."""
        if text not in self._notes:
            self._notes.append(text)

    def report(self, message: str, done: int = 0, total: int = 0, losses: tuple[float, ...] = ()) -> None:
        """Record progress and raise ``Cancelled`` if somebody asked for it.

        The time left is the phase's own rate so far, given once a twentieth of it is done.
        """
        self.check()
        now = time.monotonic()
        if message != self._progress.message:
            self._phase_started = now
        left = None
        if 0 < done <= total and done * 20 >= total:
            left = (now - self._phase_started) / done * (total - done)
        self._progress = Progress(message, done, total, left, losses)
