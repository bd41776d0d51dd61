from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.masks import body_mask, brain_mask
from ad_desktop.data.volumes.opening import load_volume
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


@pytest.mark.parametrize("turned", [False, True])
def test_a_brain_is_found_in_a_head(shared: Path, turned: bool) -> None:
    folder = shared / "data" / "ixi_t1_2mm" / "validation"
    scores = []
    for path in sorted((folder / "t1").glob("*.nii.gz"))[:2]:
        volume = load_volume(VolumeSample(path))
        truth = load_volume(VolumeSample(folder / "labels" / path.name)).array > 0
        array = volume.array
        if turned:
            # Every second slice from front to back, the first axis last: other voxels, other order.
            array, truth = array[:, ::2].transpose(1, 2, 0), truth[:, ::2].transpose(1, 2, 0)
            affine = volume.affine.copy()
            affine[:, :3] = volume.affine[:, :3][:, [2, 0, 1]] * [1, 1, 2]
            volume = Volume(array, affine, modality="MR")
        found = brain_mask(volume)
        scores.append(2 * np.count_nonzero(found & truth) / (np.count_nonzero(found) + np.count_nonzero(truth)))
    assert min(scores) > 0.92
    # The whole head is far from it.
    assert 2 * np.count_nonzero(body_mask(volume) & truth) < 0.75 * (body_mask(volume).sum() + truth.sum())


@pytest.mark.parametrize("name", ["brain1", "brain2"])
def test_a_brain_with_contrast_medium_is_found_with_its_tumour_and_without_fat(shared: Path, name: str) -> None:
    """Heads in slices of 6.5 mm, whose fat is three times as bright as the brain."""
    folder = shared / "data" / "pyradiomics_cases"
    volume = load_volume(VolumeSample(folder / f"{name}_image.nii.gz"))
    tumour = load_volume(VolumeSample(folder / f"{name}_label.nii.gz")).array > 0
    found = brain_mask(volume)
    assert np.count_nonzero(found & tumour) > 0.9 * np.count_nonzero(tumour)
    # Brains have 1,000 to 1,700 ml; the field ends within the face, some of which stays.
    assert 1300 < np.count_nonzero(found) * volume.voxel_ml < 2200
    typical = np.median(volume.array[found])
    bright = np.asarray(volume.array > 2.5 * typical)
    assert np.count_nonzero(bright & found) < 0.05 * np.count_nonzero(bright)


def test_a_brain_is_not_looked_for_where_none_can_be() -> None:
    values = np.where(ball(13), 40.0, -1000.0).astype(np.float32)
    with pytest.raises(ValueError, match="MR only"):
        brain_mask(Volume(values, np.diag([1.0, 1, 1, 1]), HU))
    with pytest.raises(ValueError, match="no brain"):
        brain_mask(Volume(np.zeros((20, 20, 20), np.float32), np.diag([1.0, 1, 1, 1])))
    stripped = np.where(ball(13), 500.0, 0.0).astype(np.float32)
    assert np.array_equal(brain_mask(Volume(stripped, np.diag([1.0, 1, 1, 1]))), ball(13))
