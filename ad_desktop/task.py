"""Progress and cancellation of one piece of work, shared by the window and the command line."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ad_desktop.errors import Cancelled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Learning:
    """What is seen of something while it learns.

    ``curves`` holds, by name, pairs of step and loss; ``pictures``, by name and in the order they are shown in, grey
    uint8 (k, H, W) of the same k things.
    """

    curves: Mapping[str, Sequence[tuple[int, float]]]
    pictures: Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Progress:
    """Where a task stands: ``done`` of ``total`` steps (``total`` 0: unknown) of the phase ``message``.

    ``losses`` are those of the epochs so far, where the phase learns something; ``learning`` is what the phase shows
    of it.
    """

    message: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    losses: tuple[float, ...] = ()
    learning: Learning | None = None


class Task:
    """A cancellable piece of work that reports how far it is.

    The worker calls ``report`` and ``check``; whoever watches reads ``progress`` (a snapshot,
    safe from any thread) and calls ``cancel``. Nothing is pushed: watchers poll.
    """

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._progress = Progress()
        self._phase_started = time.monotonic()
        self._first = 0
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

        The time left is the phase's own rate so far, given once a twentieth of it is done, counted from where the phase
        was first reported to be.
        """
        self.check()
        now = time.monotonic()
        same = message == self._progress.message
        if not same:
            self._phase_started, self._first = now, done
        left = None
        here, all_ = done - self._first, total - self._first
        if 0 < here <= all_ and here * 20 >= all_:
            left = (now - self._phase_started) / here * (all_ - here)
        self._progress = Progress(message, done, total, left, losses, self._progress.learning if same else None)

    def show(self, learning: Learning) -> None:
        """Let what is learned in this phase be seen."""
        self._progress = replace(self._progress, learning=learning)
