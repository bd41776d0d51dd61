from __future__ import annotations

import numpy as np
import pytest
from scans import SHAPE

from ad_desktop.detectors.painting.corrupt import coarse_noise, corrupted
from ad_desktop.detectors.painting.holes import ellipse, grid_holes, grid_phases, random_holes


@pytest.mark.parametrize("hole", [1, 3, 8])
def test_the_phases_hide_every_pixel_once(hole: int) -> None:
    hidden = sum(grid_holes((37, 50), hole, hole, phase).astype(int) for phase in grid_phases(hole))
    assert (hidden == 1).all()


def test_random_holes_leave_something_to_see() -> None:
    rng = np.random.default_rng(0)
    shares = [random_holes((104, 80), 2.0, rng).mean() for _ in range(300)]
    assert 0.05 < np.mean(shares) < 0.5
    assert max(shares) < 0.9


def test_an_ellipse_has_its_size_in_millimetres() -> None:
    rng = np.random.default_rng(0)
    areas = [ellipse((400, 400), 0.5, np.random.default_rng(i), 10.0, 10.001).sum() * 0.25 for i in range(20)]
    # Those cut off by the border are smaller.
    assert max(areas) == pytest.approx(np.pi * 100, rel=0.02)
    assert ellipse((60, 60), 2.0, rng, 10, 20).dtype == bool


def test_coarse_noise_is_smooth_and_alike_in_all_slices() -> None:
    noise = np.stack([coarse_noise((3, 64, 48), 2.0, np.random.default_rng(i)) for i in range(30)])
    assert noise.shape == (30, 3, 64, 48)
    assert np.array_equal(noise[:, 0], noise[:, 2])
    assert 0.4 < noise.std() < 1.1
    assert np.abs(np.diff(noise, axis=-1)).mean() < 0.3 * noise.std()


def test_blots_change_what_they_cover_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    slices = rng.uniform(0, 1, (3, *SHAPE[1:])).astype(np.float32)
    other = rng.uniform(0, 1, slices.shape).astype(np.float32)
    for seed in range(20):
        found, where = corrupted(slices, other, 2.0, np.random.default_rng(seed))
        changed = (found != slices).any(axis=0)
        assert 0 < where.mean() < 0.3
        assert (changed | ~where)[where].mean() > 0.9
        assert np.abs(found - slices)[:, ~where].max() < 0.3
