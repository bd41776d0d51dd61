"""Every job ends exactly once, on the main thread, and the runner outlives what goes wrong."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from PySide6.QtCore import QThread

from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.task import Task


@pytest.fixture
def runner(qapp) -> Iterator[JobRunner]:
    made = JobRunner()
    yield made
    assert made.shutdown(5)


def record(job: Job) -> list[tuple]:
    events: list[tuple] = []
    main = threading.get_ident()

    def note(kind, *values):
        assert threading.get_ident() == main
        assert QThread.currentThread() is job.thread()
        events.append((kind, *values))

    job.succeeded.connect(lambda value: note("succeeded", value))
    job.failed.connect(lambda error: note("failed", error))
    job.cancelled.connect(lambda: note("cancelled"))
    job.partials.connect(lambda values: note("partials", values))
    job.finished.connect(lambda: note("finished"))
    return events


def wait_for(qtbot, events: list[tuple]) -> None:
    qtbot.waitUntil(lambda: bool(events) and events[-1][0] == "finished", timeout=5000)
    qtbot.wait(120)


@pytest.mark.parametrize("lane", list(LaneName))
def test_success_comes_once_then_finished(qtbot, runner, lane):
    thread: list[int] = []

    def work(task: Task) -> int:
        thread.append(threading.get_ident())
        return 42

    events = record(runner.submit("Answer", work, lane))
    wait_for(qtbot, events)
    assert events == [("succeeded", 42), ("finished",)]
    assert thread[0] != threading.get_ident()
    assert runner.active == ()


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), ValueError("x"), MemoryError()])
def test_any_exception_is_a_failure(qtbot, runner, error):
    def work(task: Task) -> None:
        raise error

    events = record(runner.submit("Fails", work))
    wait_for(qtbot, events)
    assert events == [("failed", error), ("finished",)]


def test_cancel_before_start(qtbot, runner):
    release = threading.Event()
    ran: list[str] = []
    first = record(runner.submit("Blocks", lambda task: release.wait(5)))
    second_job = runner.submit("Waits", lambda task: ran.append("second"))
    second = record(second_job)
    second_job.cancel()
    release.set()
    wait_for(qtbot, second)
    assert first == [("succeeded", True), ("finished",)]
    assert second == [("cancelled",), ("finished",)]
    assert ran == []


def test_cancel_during(qtbot, runner):
    started = threading.Event()

    def work(task: Task) -> None:
        started.set()
        for step in range(10_000):
            task.report("Working", step, 10_000)
            time.sleep(0.002)

    job = runner.submit("Long", work)
    events = record(job)
    assert started.wait(5)
    job.cancel()
    wait_for(qtbot, events)
    assert events == [("cancelled",), ("finished",)]


def test_partials_come_in_batches_in_order_and_before_the_end(qtbot, runner):
    def work(task: Task, publish) -> str:
        for i in range(5000):
            publish(i)
        return "all"

    events = record(runner.stream("Streams", work))
    wait_for(qtbot, events)
    batches = [event[1] for event in events if event[0] == "partials"]
    assert [i for batch in batches for i in batch] == list(range(5000))
    assert len(batches) < 100
    assert [event[0] for event in events[-2:]] == ["succeeded", "finished"]


def test_progress_is_polled(qtbot, runner):
    seen = []

    def work(task: Task) -> None:
        for step in range(60):
            task.report("Reading", step, 60)
            time.sleep(0.01)

    job = runner.submit("Reads", work)
    job.progressed.connect(seen.append)
    wait_for(qtbot, record(job))
    assert any(progress.message == "Reading" and progress.done > 10 for progress in seen)
    assert len(seen) < 60


def test_a_callback_that_raises_does_not_break_the_runner(qtbot, runner):
    def boom(value: int) -> None:
        raise KeyError("in a callback")

    job = runner.submit("First", lambda task: 1)
    job.succeeded.connect(boom)
    events = record(job)
    with qtbot.capture_exceptions() as caught:
        wait_for(qtbot, events)
    assert [kind for kind, *_ in events] == ["succeeded", "finished"]
    assert len(caught) == 1
    after = record(runner.submit("Second", lambda task: 2))
    wait_for(qtbot, after)
    assert after == [("succeeded", 2), ("finished",)]


def test_a_callback_can_start_the_next_job(qtbot, runner):
    results: list[int] = []
    job = runner.submit("One", lambda task: 1)
    job.succeeded.connect(lambda value: runner.submit("Two", lambda task: value + 1).succeeded.connect(results.append))
    qtbot.waitUntil(lambda: results == [2], timeout=5000)


def test_the_detector_lane_runs_one_at_a_time(qtbot, runner):
    running, most = [0], [0]
    lock = threading.Lock()

    def work(task: Task) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1

    ended = [record(runner.submit(f"Job {i}", work)) for i in range(5)]
    qtbot.waitUntil(lambda: all(len(events) == 2 for events in ended), timeout=5000)
    assert most == [1]


def test_quiet_jobs_are_not_listed(qtbot, runner):
    changes: list[int] = []
    runner.jobs_changed.connect(lambda: changes.append(len(runner.active)))
    quiet = record(runner.submit("Thumbnails", lambda task: None, LaneName.FILES, quiet=True))
    wait_for(qtbot, quiet)
    assert changes == []
    wait_for(qtbot, record(runner.submit("Fit", lambda task: None)))
    assert changes == [1, 0]


def test_shutdown_ends_every_job_and_every_thread(qtbot):
    runner = JobRunner()
    before = set(threading.enumerate())

    def work(task: Task) -> None:
        while True:
            task.check()
            time.sleep(0.005)

    events = [record(runner.submit(f"Job {i}", work, lane)) for i, lane in enumerate(list(LaneName) * 3)]
    assert set(threading.enumerate()) - before
    assert runner.shutdown(5)
    assert all(recorded == [("cancelled",), ("finished",)] for recorded in events)
    assert set(threading.enumerate()) <= before
    late = record(runner.submit("Too late", lambda task: 1))
    wait_for(qtbot, late)
    assert late == [("cancelled",), ("finished",)]


def test_shutdown_does_not_wait_for_ever(qtbot):
    runner = JobRunner()
    release, running = threading.Event(), threading.Event()
    runner.submit("Deaf", lambda task: (running.set(), release.wait(20)))
    assert running.wait(5)
    started = time.monotonic()
    assert not runner.shutdown(0.2)
    assert time.monotonic() - started < 2
    release.set()
    assert runner.shutdown(5)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness of their own on Linux only")
def test_threads_that_compute_give_way_to_the_one_that_paints(qtbot, runner):
    def niceness(task: Task) -> tuple[int, int]:
        with ThreadPoolExecutor(1) as pool:
            inner = pool.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), inner

    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    found = {}
    for lane in LaneName:
        job = runner.submit("Asking", niceness, lane)
        job.succeeded.connect(lambda value, lane=lane: found.update({lane: value}))
    qtbot.waitUntil(lambda: len(found) == len(LaneName))
    behind = min(own + 10, 19)
    assert found[LaneName.DETECTOR] == found[LaneName.FILES] == (behind, behind)
    assert found[LaneName.VIEWER] == (own, own)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
