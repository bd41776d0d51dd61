"""Scans are read once for everything that shows them, and the memory for those that are kept is bounded."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.volume import Volume, make_affine
from ad_desktop.errors import Cancelled, InputError
from ad_desktop.task import Task
from ad_desktop.ui.volumes.source import ScanReader


class Disk:
    """Counts what is read; reading waits for ``gate``."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def load(self, sample: VolumeSample, task: Task) -> Volume:
        self.read.append(sample.path.name)
        while not self.gate.wait(0.01):
            task.check()
        if sample.path.name == "bad":
            raise InputError(sample.path, "it is damaged")
        return Volume(np.zeros((10, 10, 10), np.float32), make_affine((1, 1, 1)), "HU", "CT", sample)


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_a_scan_that_is_asked_for_twice_at_once_is_read_once(disk):
    reader = ScanReader(disk.load)
    disk.gate.clear()
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(reader.open(VolumeSample(Path("a")), Task()))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    while not disk.read:
        time.sleep(0.005)
    disk.gate.set()
    for thread in threads:
        thread.join(10)
    assert disk.read == ["a"]
    assert len(found) == 3
    assert found[0] is found[1] is found[2]
    assert reader.kept(VolumeSample(Path("a")).key) is found[0]


def test_who_waits_reads_by_himself_where_the_other_is_cancelled(disk):
    reader = ScanReader(disk.load)
    disk.gate.clear()
    first, errors, found = Task(), [], []

    def read(task: Task) -> None:
        try:
            found.append(reader.open(VolumeSample(Path("a")), task))
        except Cancelled as error:
            errors.append(error)

    one = threading.Thread(target=read, args=(first,))
    one.start()
    while not disk.read:
        time.sleep(0.005)
    other = threading.Thread(target=read, args=(Task(),))
    other.start()
    first.cancel()
    one.join(10)
    disk.gate.set()
    other.join(10)
    assert len(errors) == len(found) == 1
    assert disk.read == ["a", "a"]


def test_a_waiting_one_can_be_cancelled(disk):
    reader = ScanReader(disk.load)
    disk.gate.clear()
    one = threading.Thread(target=lambda: reader.open(VolumeSample(Path("a")), Task()))
    one.start()
    while not disk.read:
        time.sleep(0.005)
    task = Task()
    task.cancel()
    with pytest.raises(Cancelled):
        reader.open(VolumeSample(Path("a")), task)
    disk.gate.set()
    one.join(10)


def test_the_longest_unused_scans_make_room(disk):
    reader = ScanReader(disk.load, most=3 * 4000)
    for name in "abcadea":
        reader.open(VolumeSample(Path(name)), Task())
    assert disk.read == ["a", "b", "c", "d", "e"]
    assert [name for name in "abcde" if reader.kept(VolumeSample(Path(name)).key)] == ["a", "d", "e"]


def test_a_scan_that_cannot_be_read_is_tried_again(disk):
    reader = ScanReader(disk.load)
    for _ in range(2):
        with pytest.raises(InputError):
            reader.open(VolumeSample(Path("bad")), Task())
    assert disk.read == ["bad", "bad"]
