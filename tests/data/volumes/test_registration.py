"""Scans laid over each other: known turns, shifts and stretches are found again, and what cannot be laid is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ad_desktop.data.volumes.registration import coarse, register, shifted
from ad_desktop.data.volumes.volume import Volume, make_affine

HALF_AXES = np.array([60.0, 75.0, 55.0])
BLOBS = ((-25, -30, 10, 16), (20, 25, -15, 20), (10, -40, 20, 12), (-20, 30, 25, 14))
"""Where darker spots lie (LPS in mm), and their radii: no turn and no mirror leaves them as they are."""


def turn(degrees: float, axis: int = 0) -> np.ndarray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    others = [other for other in range(3) if other != axis]
    found = np.eye(3)
    found[np.ix_(others, others)] = [[cos, -sin], [sin, cos]]
    return found


def phantom(moved: np.ndarray | None = None, directions: np.ndarray | None = None) -> tuple[Volume, np.ndarray]:
    """A body with spots in it, and its mask; ``moved`` (4, 4) takes LPS of the plain one to LPS of this one."""
    affine = make_affine((4.0, 3.5, 5.0), (0, 0, 0), directions)
    shape = (44, 60, 52)
    centre = affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
    affine[:3, 3] = -centre if moved is None else moved[:3, 3] - centre
    z, y, x = np.indices(shape)
    at = np.stack([x, y, z, np.ones(shape)], axis=-1) @ affine.T
    plain = at[..., :3] if moved is None else (at @ np.linalg.inv(moved).T)[..., :3]
    # Narrower in front, and flat below: no turn leaves it as it is.
    wide = plain[..., 0] / (1 + np.clip(plain[..., 1], None, 0) / 160)
    stretched = np.stack([wide, plain[..., 1], plain[..., 2]], axis=-1) / HALF_AXES
    inside = ((stretched**2).sum(axis=-1) < 1) & (plain[..., 2] > -30 + 0.2 * plain[..., 1])
    values = np.full(shape, 100.0)
    for *middle, radius in BLOBS:
        values[np.linalg.norm(plain - middle, axis=-1) < radius] = 40
    return Volume(np.where(inside, ndimage.gaussian_filter(values, 0.7), 0).astype(np.float32), affine), inside


MOVED = np.eye(4)
MOVED[:3, :3] = turn(14) @ turn(-6, 2) @ np.diag([1.05, 0.94, 1.0])
MOVED[:3, 3] = (12, -30, 7)
FIXED = coarse(*phantom())


def farthest(found: np.ndarray, wanted: np.ndarray) -> float:
    """How far the two take points of the body apart, in mm."""
    points = np.array([(a, b, c, 1) for a in (-45, 0, 45) for b in (-50, 0, 50) for c in (-40, 0, 40)], float)
    return float(np.linalg.norm(points @ (found - wanted).T, axis=1).max())


@pytest.mark.parametrize("directions", [None, np.diag([-1.0, 1.0, -1.0]), turn(25, 1)[:, [2, 0, 1]]])
def test_what_a_scan_was_moved_by_is_found_again_on_any_axes(directions: np.ndarray | None) -> None:
    moving = coarse(*phantom(MOVED, directions))
    assert farthest(shifted(FIXED.place, moving.place), MOVED) > 10
    assert farthest(register(FIXED, moving), MOVED) < 2.5


def test_the_same_scans_give_the_same_numbers() -> None:
    first, second = (register(FIXED, coarse(*phantom(MOVED))) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_what_is_tiny_or_all_the_same_cannot_be_laid() -> None:
    volume, inside = phantom()
    tiny = np.zeros_like(inside)
    tiny[20:23, 30:33, 25:28] = True
    with pytest.raises(ValueError, match="less than 28 mm"):
        coarse(volume, tiny)
    with pytest.raises(ValueError, match="equal"):
        coarse(volume.with_array(np.ones_like(volume.array)), inside)
