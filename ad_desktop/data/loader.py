"""Read-ahead: samples are decoded by threads while the caller computes, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from ad_desktop.errors import InputError
from ad_desktop.task import Task

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(
    items: Iterable[Item],
    load: Callable[[Item], Result],
    *,
    workers: int,
    ahead: int,
    task: Task | None = None,
) -> Iterator[tuple[Item, Result | InputError]]:
    """Yield each item with what ``load`` makes of it, in order, ``load`` running in ``workers`` threads.

    No more than ``ahead`` results are being made or waiting at any time. An ``InputError`` is
    yielded in place of the result; any other exception is raised. When the task was cancelled,
    ``Cancelled`` is raised once the loads that are running have ended. When the iterator is closed or
    fails, what has not started is dropped, what runs is waited for, and no thread is left.
    """
    if workers < 1 or ahead < 1:
        raise ValueError("workers and ahead must be at least 1")
    source = iter(items)
    pending: deque[tuple[Item, Future[Result | InputError]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="prefetch")
    try:
        while True:
            if task is not None:
                task.check()
            for item in islice(source, ahead - len(pending)):
                pending.append((item, pool.submit(_attempt, load, item)))
            if not pending:
                return
            yield _next(pending)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _attempt(load: Callable[[Item], Result], item: Item) -> Result | InputError:
    try:
        return load(item)
    except InputError as error:
        # A fresh one: the traceback would keep the bytes of the file alive.
        return type(error)(error.path, error.reason)


def _next(pending: deque[tuple[Item, Future[Result | InputError]]]) -> tuple[Item, Result | InputError]:
    """Wait for the oldest item; the only reference to its result goes to the caller."""
    item, future = pending.popleft()
    return item, future.result()


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of up to ``size`` items, in order."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
