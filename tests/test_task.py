"""Progress of a piece of work: time left, and what is shown of something that learns."""

from __future__ import annotations

import numpy as np
import pytest

from ad_desktop import task as module
from ad_desktop.task import Learning, Task


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_time_left_is_the_rate_of_the_phase(clock: list[float]) -> None:
    task = Task()
    task.report("Reading", 0, 100)
    assert task.progress.seconds_left is None
    clock[0] += 10
    task.report("Reading", 20, 100)
    assert task.progress.seconds_left == pytest.approx(40)


def test_what_was_done_before_the_phase_went_on_took_none_of_its_time(clock: list[float]) -> None:
    task = Task()
    task.report("Learning", 800, 1000)
    assert task.progress.seconds_left is None
    clock[0] += 10
    task.report("Learning", 805, 1000)
    assert task.progress.seconds_left is None
    task.report("Learning", 820, 1000)
    assert task.progress.seconds_left == pytest.approx(90)


def test_what_is_learned_is_shown_until_the_phase_ends() -> None:
    task = Task()
    task.report("Learning", 0, 2)
    shown = Learning({"training": [(1, 0.5)]}, {"original": np.zeros((1, 2, 2), np.uint8)})
    task.show(shown)
    assert task.progress.learning is shown
    assert (task.progress.done, task.progress.total) == (0, 2)
    task.report("Learning", 1, 2)
    assert task.progress.learning is shown
    task.report("Scoring", 0, 2)
    assert task.progress.learning is None
