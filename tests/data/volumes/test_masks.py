from __future__ import annotations

import numpy as np

from ad_desktop.data.volumes.masks import body_mask
from ad_desktop.data.volumes.volume import HU, Volume


def ball(radius: float) -> np.ndarray:
    z, y, x = np.indices((30, 40, 44)) - np.array([15, 20, 22]).reshape(3, 1, 1, 1)
    return np.asarray(z**2 + y**2 + x**2 < radius**2)


def test_a_scan_that_was_set_to_0_outside_keeps_all_that_is_not() -> None:
    whole, dark = ball(13), ball(13) & ~ball(12.5)
    grain = np.random.default_rng(0).normal(0, 5, whole.shape)
    values = np.where(dark, 60.0, np.where(whole, 500.0, 0.0)) + whole * grain
    volume = Volume(values.astype(np.float32), np.diag([1.0, 1, 1, 1]))
    # Its dark rim is far below Otsu's threshold.
    assert np.array_equal(body_mask(volume), whole)
    # In HU, 0 is water.
    assert not np.array_equal(body_mask(Volume(volume.array, volume.affine, HU)), whole)


def test_a_scan_with_empty_margins_does_not() -> None:
    body, field = ball(9), ball(14)
    noise = np.abs(np.random.default_rng(0).normal(0, 5, body.shape)) + 1
    volume = Volume(np.where(body, 500 + noise, np.where(field, noise, 0)).astype(np.float32), np.diag([1.0, 1, 1, 1]))
    found = body_mask(volume)
    assert np.count_nonzero(found) < 0.5 * np.count_nonzero(field)
    assert np.count_nonzero(found & body) > 0.8 * np.count_nonzero(body)
