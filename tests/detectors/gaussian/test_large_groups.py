"""Groups that are read block by block, against the same groups held whole."""

from __future__ import annotations

import numpy as np
import pytest

from ad_desktop.detectors.gaussian import pyramid as module
from ad_desktop.detectors.gaussian.layout import Layout, LevelShape
from ad_desktop.detectors.gaussian.pyramid import LocalPyramid
from ad_desktop.detectors.rows import RowStore
from ad_desktop.task import Task

LAYOUT = Layout([LevelShape(3, 16), LevelShape(5, 8)])


@pytest.mark.parametrize("block", [1, 4, 5])
def test_a_group_read_in_blocks_gives_the_distances_of_one_held_whole(block: int, monkeypatch) -> None:
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(24, LAYOUT.row)) + rng.normal(size=LAYOUT.row)).astype(np.float16)
    pyramid, store = LocalPyramid(LAYOUT), RowStore((LAYOUT.row,), "<f2")
    store.extend(rows)
    for row in rows:
        pyramid.add(row)
    pyramid.factorise()
    groups = [int(number) for number in rng.permutation(np.repeat([0, 1, 2], [11, 9, 4]))]
    whole = pyramid.held_out(store, groups, Task())
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "WHOLE", block)
    for found, expected in zip(pyramid.held_out(store, groups, Task()), whole, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-6)
