"""Read-ahead in order, in bounded memory, without a thread left behind."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from pictures import save, textured, write_bad_files

from ad_desktop.data.folders import scan
from ad_desktop.data.images import Picture, load
from ad_desktop.data.loader import prefetch
from ad_desktop.errors import Cancelled, InputError
from ad_desktop.task import Task


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    yield
    gc.collect()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")] == []


@pytest.mark.parametrize("workers", [1, 3, 8])
@pytest.mark.parametrize("ahead", [1, 2, 20])
@pytest.mark.parametrize("count", [0, 1, 50])
def test_order_is_kept_whatever_takes_longest(workers: int, ahead: int, count: int) -> None:
    def slow_at_first(item: int) -> int:
        time.sleep(0.005 if item % 5 == 0 else 0)
        return item * item

    answers = list(prefetch(range(count), slow_at_first, workers=workers, ahead=ahead))
    assert answers == [(item, item * item) for item in range(count)]


def test_input_errors_are_yielded_in_their_place() -> None:
    def load_even(item: int) -> int:
        if item % 2:
            raise InputError(f"{item}.png", "is odd")
        return item

    answers = list(prefetch(range(6), load_even, workers=2, ahead=4))
    assert [item for item, _ in answers] == list(range(6))
    for item, answer in answers:
        if item % 2:
            assert isinstance(answer, InputError)
            assert (answer.path, answer.reason) == (f"{item}.png", "is odd")
            assert answer.__traceback__ is answer.__context__ is answer.__cause__ is None
        else:
            assert answer == item


def test_other_exceptions_are_raised_in_their_place() -> None:
    def fail_at_three(item: int) -> int:
        return 1 // (item - 3)

    answers = prefetch(range(10), fail_at_three, workers=4, ahead=8)
    assert [next(answers)[0] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        next(answers)


def test_an_exception_of_the_items_is_raised() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("broken list")

    with pytest.raises(KeyError, match="broken list"):
        list(prefetch(items(), lambda item: item, workers=2, ahead=1))


@pytest.mark.parametrize(("workers", "ahead"), [(1, 1), (2, 3), (4, 4), (3, 10)])
def test_no_more_than_ahead_is_made_before_it_is_asked_for(workers: int, ahead: int) -> None:
    started: list[int] = []

    def note(item: int) -> int:
        started.append(item)
        return item

    most = 0
    for taken, _ in enumerate(prefetch(range(60), note, workers=workers, ahead=ahead), start=1):
        time.sleep(0.001)
        most = max(most, len(started) - taken)
    assert most <= ahead - 1  # the one just yielded is counted too
    assert most >= min(ahead, 2) - 1


def test_items_are_taken_only_as_needed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with closing(prefetch(items(), lambda item: item, workers=2, ahead=5)) as answers:
        for _ in range(3):
            next(answers)
        assert len(taken) <= 3 + 5


def test_results_are_let_go() -> None:
    alive: weakref.WeakSet[Picture] = weakref.WeakSet()
    most = 0

    def make(_: int) -> Picture:
        picture = Picture(np.zeros((10, 10), np.uint8), (10, 10))
        alive.add(picture)
        return picture

    for _, answer in prefetch(range(100), make, workers=2, ahead=4):
        assert isinstance(answer, Picture)
        most = max(most, len(alive))
        del answer
    assert most <= 4 + 1  # one that a worker is about to hand over
    assert len(alive) == 0


def test_work_overlaps_with_the_consumer() -> None:
    def wait(item: int) -> int:
        time.sleep(0.02)
        return item

    start = time.monotonic()
    for _ in prefetch(range(20), wait, workers=2, ahead=4):
        time.sleep(0.01)
    assert time.monotonic() - start < 0.9 * 20 * (0.02 + 0.01)


def test_breaking_off_drops_what_has_not_started() -> None:
    started = []
    release = threading.Event()

    def block(item: int) -> int:
        started.append(item)
        if item:
            release.wait(5)
        return item

    answers = prefetch(range(100), block, workers=2, ahead=50)
    assert next(answers) == (0, 0)
    threading.Timer(0.05, release.set).start()
    answers.close()  # type: ignore[attr-defined]
    assert len(started) <= 4


def test_a_forgotten_iterator_leaves_no_thread() -> None:
    next(prefetch(range(100), lambda item: item, workers=4, ahead=10))


def test_an_exception_of_the_consumer_leaves_no_thread() -> None:
    def consume() -> None:
        for item, _ in prefetch(range(100), lambda item: item, workers=4, ahead=10):
            if item == 3:
                raise RuntimeError("consumer")

    with pytest.raises(RuntimeError, match="consumer"):
        consume()


def test_cancelling_stops_while_a_load_is_running() -> None:
    task = Task()
    release = threading.Event()

    def block(item: int) -> int:
        release.wait(10)
        return item

    def cancel() -> None:
        task.cancel()
        time.sleep(0.2)
        release.set()

    threading.Timer(0.05, cancel).start()
    start = time.monotonic()
    with pytest.raises(Cancelled):
        list(prefetch(range(100), block, workers=2, ahead=10, task=task))
    assert time.monotonic() - start < 3


def test_a_cancelled_task_loads_nothing() -> None:
    task = Task()
    task.cancel()
    loaded: list[int] = []
    with pytest.raises(Cancelled):
        list(prefetch(range(5), loaded.append, workers=2, ahead=2, task=task))
    assert loaded == []


@pytest.mark.parametrize(("workers", "ahead"), [(0, 1), (1, 0)])
def test_wrong_numbers_are_refused(workers: int, ahead: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        list(prefetch([1], lambda item: item, workers=workers, ahead=ahead))


def test_pictures_and_bad_files_together(tmp_path: Path) -> None:
    write_bad_files(tmp_path)
    for number in range(20):
        save(tmp_path / f"good {number}.png", textured(number, 32))
    samples = scan([tmp_path]).samples
    answers = list(prefetch(samples, load, workers=4, ahead=8, task=Task()))
    assert [sample for sample, _ in answers] == samples
    failed = {sample.name for sample, answer in answers if isinstance(answer, InputError)}
    assert failed == {"bomb.png", "empty.png", "text.png", "truncated.jpg"}
    for sample, answer in answers:
        if isinstance(answer, Picture):
            np.testing.assert_array_equal(answer.pixels, textured(int(sample.path.stem.split()[1]), 32))
