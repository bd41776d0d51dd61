"""Fits on scans ask for room on the disk before most of the scans are read."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ad_desktop.data.samples import SliceSample
from ad_desktop.detectors.base import Prepared
from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.scans.room import with_room

PIXELS = np.zeros((250, 100, 3), np.float32)
"""One channel takes 100,000 bytes."""


def slices(scans: int, each: int = 10) -> list[Prepared]:
    return [
        Prepared(SliceSample(Path(f"/s/{scan}.nii#axial:{at + 1}")), PIXELS, (10, 10), "0")
        for scan in range(scans)
        for at in range(each)
    ]


def free(monkeypatch: pytest.MonkeyPatch, count: float) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=count))


def test_a_full_disk_is_told_after_the_first_scan(monkeypatch):
    free(monkeypatch, 2.9e6)
    seen = []
    with pytest.raises(UserError, match=r"3 scans take about 0\.0 GB in .*TMPDIR"):
        seen += list(with_room(iter(slices(3)), 3, Task()))
    free(monkeypatch, 3.1e6)
    task = Task()
    assert len(list(with_room(iter(slices(3)), 3, task))) == 30
    assert not task.notes


def test_much_room_is_noted(monkeypatch):
    free(monkeypatch, 5e9)
    task = Task()
    list(with_room(iter(slices(2)), 1500, task))
    (note,) = task.notes
    assert "1.5 GB" in note
