"""The program's side of the reading process: requests, time limits, and what happens when it dies."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from ad_desktop.data.volumes.readers.base import Array
from ad_desktop.program import READ_VOLUMES, helper_command, helper_environment
from ad_desktop.task import Task

PATIENCE_SECONDS = 60.0
"""How long a reader may show no sign of progress."""
_POLL_SECONDS = 0.1
_PIPE_BYTES = 1 << 20

Message = dict[str, Any]


class ReaderDied(Exception):  # noqa: N818 - an outcome that callers name in their own words
    """The process ended in the middle of a request, or was ended for standing still; says how."""


class Worker:
    """One reading process; one request at a time."""

    def __init__(self) -> None:
        one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        self.fresh = True
        self.ready = True
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            helper_command(READ_VOLUMES), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**helper_environment(), **one, "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )  # fmt: skip
        if sys.platform == "linux":
            import fcntl

            with contextlib.suppress(OSError):
                fcntl.fcntl(self._process.stdout or 0, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def alive(self) -> bool:
        """Whether it can take a request."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def close(self) -> None:
        """End the process and wait for it."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()

    def ask(self, request: Message, task: Task | None, patience: float) -> Iterator[Message]:
        """The messages that answer ``request``, an array under ``array``; ``ReaderDied``, ``Cancelled``."""
        self.ready = False
        messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        thread = threading.Thread(target=self._exchange, args=(request, messages), daemon=True, name="read volumes")
        thread.start()
        ended = False
        try:
            last = time.monotonic()
            while True:
                if task is not None:
                    task.check()
                try:
                    message = messages.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    if time.monotonic() - last > patience:
                        raise ReaderDied(f"its reader stood still for {patience:.0f} s and was stopped") from None
                    continue
                last = time.monotonic()
                if message is None:
                    raise ReaderDied("its reader crashed")
                ended = message["is"] in ("done", "error")
                if ended:  # before the message is passed on: who gets it may not come back
                    self.fresh, self.ready = False, True
                yield message
                if ended:
                    return
        finally:
            if not ended:
                self._process.kill()  # which ends the exchange
            thread.join()
            if not ended:
                self.close()

    def _exchange(self, request: Message, messages: queue.SimpleQueue[Message | None]) -> None:
        """Send the request and pass on its answers; None when the process is gone."""
        try:
            sink, source = self._process.stdin, self._process.stdout
            if sink is None or source is None:
                raise EOFError
            sink.write(json.dumps(request).encode() + b"\n")
            sink.flush()
            while True:
                line = source.readline()
                if not line.endswith(b"\n"):
                    break
                message: Message = json.loads(line)
                if message["is"] == "array":
                    message["array"] = _received(source, message)
                messages.put(message)
                if message["is"] in ("done", "error"):
                    return
        except (OSError, ValueError, MemoryError, EOFError):
            pass  # it died, and says nothing more
        messages.put(None)


def _received(source: Any, message: Message) -> Array:
    array: Array = np.empty(message["shape"], message["dtype"])
    view, at = array.reshape(-1).view(np.uint8).data, 0
    while at < len(view):
        got = source.readinto(view[at : at + _PIPE_BYTES])
        if not got:
            raise EOFError
        at += got
    return array


class Pool:
    """A few reading processes, started when needed and kept for the next request; safe from any thread."""

    def __init__(self, most: int) -> None:
        self._free = threading.Semaphore(most)
        self._idle: list[Worker] = []
        self._lock = threading.Lock()

    def ask(
        self, request: Message, task: Task | None = None, patience: float = PATIENCE_SECONDS, memory: int = 2 << 30
    ) -> Iterator[Message]:
        """The messages that answer a request, but for those of its start; ``memory`` caps what it may take on top."""
        while not self._free.acquire(timeout=_POLL_SECONDS):
            if task is not None:
                task.check()
        try:
            yield from self._ask({**request, "memory": memory}, task, patience)
        finally:
            self._free.release()

    def _ask(self, request: Message, task: Task | None, patience: float) -> Iterator[Message]:
        while True:
            worker, started = self._take(), False
            used = not worker.fresh
            try:
                for message in worker.ask(request, task, patience):
                    if message["is"] == "started":
                        started = True
                    else:
                        yield message
                return
            except ReaderDied:
                if started or not used:
                    raise
                # It had ended while idle, and never saw this request: the next one does.
            finally:
                # Also where the caller stops listening, as it does after an error.
                if worker.ready and worker.alive:
                    with self._lock:
                        self._idle.append(worker)
                else:
                    worker.close()

    def _take(self) -> Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                worker.close()
        return Worker()

    def close(self) -> None:
        """End the idle processes."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()


@cache
def reading_pool() -> Pool:
    """The program's pool."""
    import atexit

    pool = Pool(max(1, min(4, os.cpu_count() or 1)))
    atexit.register(pool.close)
    return pool
