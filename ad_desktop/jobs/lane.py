"""Threads that take work from one queue."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

Work = Callable[[], None]


class Lane:
    """``size`` threads that run what is put in, in order. They start with the first piece of work.

    ``behind`` is by how much they, and the threads they start, are nicer (0 to 19) than the thread that paints.

    Threads are daemons: a call into a library that cannot be interrupted must not keep the
    program from ending once ``close`` waited long enough for it.
    """

    def __init__(self, name: str, size: int, behind: int = 0) -> None:
        self._name = name
        self._size = size
        self._behind = behind
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def put(self, work: Work) -> None:
        """Queue a piece of work; it must not raise."""
        while len(self._threads) < self._size:
            thread = threading.Thread(target=self._run, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._queue.put(work)

    def close(self) -> None:
        """Let the threads end after the work that is queued."""
        for _ in self._threads:
            self._queue.put(None)

    def join(self, deadline: float) -> bool:
        """Wait for the threads until ``deadline`` (``time.monotonic``); whether all have ended."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        if self._behind and sys.platform == "linux":
            # There, unlike what POSIX says, each thread has a niceness of its own. Without it a painter that gets the
            # interpreter waits once more for a processor, for milliseconds each time.
            with suppress(OSError):
                thread = threading.get_native_id()
                nice = os.getpriority(os.PRIO_PROCESS, thread) + self._behind
                os.setpriority(os.PRIO_PROCESS, thread, min(nice, 19))
        while (work := self._queue.get()) is not None:
            work()
