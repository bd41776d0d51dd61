"""Slices collected ahead are the array's own, whatever its layout, and the memory for them is bounded."""

from __future__ import annotations

import numpy as np
import pytest

from ad_desktop.data.volumes import cuts as module
from ad_desktop.data.volumes.cuts import Cuts
from ad_desktop.data.volumes.planes import Plane


def layouts() -> dict[str, np.ndarray]:
    values = np.random.default_rng(0).integers(-1000, 1000, (40, 300, 260)).astype(np.int16)
    return {
        "as stored": values,
        "flipped": values[::-1, :, ::-1],
        "sagittal": values.transpose(2, 0, 1),
        "coronal, flipped": values.transpose(1, 0, 2)[:, ::-1],
    }


@pytest.mark.parametrize("layout", layouts())
def test_fetched_slices_are_the_arrays_own(layout, monkeypatch):
    monkeypatch.setattr(module, "_SMALL", 1000)
    array = layouts()[layout]
    cuts = Cuts(array)
    scattered = [plane for plane in Plane if cuts.scattered(plane)]
    assert len(scattered) == 1
    for plane in Plane:
        for index in (0, 31, array.shape[plane.axis] - 1):
            for number in cuts.missing(plane, index):
                cuts.fetch(plane, number)
            found = cuts.get(plane, index)
            assert np.array_equal(found, plane.cut(array, index))
            assert found.flags.c_contiguous or plane not in scattered
            assert cuts.missing(plane, index) == []


def test_the_block_ahead_is_fetched_before_it_is_reached(monkeypatch):
    monkeypatch.setattr(module, "_SMALL", 0)
    cuts = Cuts(np.zeros((4, 5, 200), np.float32))
    assert cuts.missing(Plane.SAGITTAL, 40) == [1, 0]
    assert cuts.missing(Plane.SAGITTAL, 60) == [1, 2]
    assert cuts.missing(Plane.SAGITTAL, 0) == [0]
    assert cuts.missing(Plane.SAGITTAL, 199) == [6, 5]
    assert cuts.missing(Plane.AXIAL, 2) == []


def test_blocks_that_are_not_used_make_room(monkeypatch):
    monkeypatch.setattr(module, "_SMALL", 0)
    monkeypatch.setattr(module, "_MEMORY", 3 * 32 * 20 * 4)
    array = np.random.default_rng(0).random((4, 5, 320), np.float32)
    cuts = Cuts(array)
    for number in range(10):
        cuts.fetch(Plane.SAGITTAL, number)
    assert sum(block.nbytes for block in cuts._blocks.values()) <= 3 * 32 * 20 * 4
    assert np.array_equal(cuts.get(Plane.SAGITTAL, 3), array[:, :, 3])
    assert np.array_equal(cuts.get(Plane.SAGITTAL, 319), array[:, :, 319])


def test_small_scans_need_no_copies():
    assert not any(Cuts(np.zeros((60, 70, 80))).scattered(plane) for plane in Plane)
