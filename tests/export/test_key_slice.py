"""The picture of a scan's most abnormal slice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ad_desktop.data.volumes.volume import HU, SUV, Volume, make_affine
from ad_desktop.export.volume_record import VolumeRecord
from ad_desktop.export.write import export_volume
from ad_desktop.scoring.volume_regions import find_volume_regions

SHAPE = (10, 40, 60)  # z, y, x at 4, 2 and 1 mm
SPOT = (6, slice(5, 15), slice(40, 50))


def record(axis: str, scores: np.ndarray, unit: str = HU, directions: np.ndarray | None = None) -> VolumeRecord:
    volume = Volume(np.full(SHAPE, 50, np.float32), make_affine((1, 2, 4), (0, 0, 0), directions), unit)
    anomaly_map = np.zeros(SHAPE, np.float32)
    anomaly_map[SPOT] = 10
    labels, regions = find_volume_regions(anomaly_map, 4.0, volume)
    return VolumeRecord("scan", volume, anomaly_map, labels, regions, 3, 2, 4.0, True, slice_scores=scores, axis=axis)


def picture(told: VolumeRecord, folder: Path) -> np.ndarray:
    assert [path.name for path in export_volume(told, folder, ("overlay",))] == ["key_slice.png"]
    with Image.open(folder / "key_slice.png") as image:
        assert image.mode == "RGB"
        return np.asarray(image).astype(int)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("turned", [False, True])
def test_it_shows_the_highest_slice_with_the_front_on_top(known: bool, turned: bool, tmp_path: Path) -> None:
    scores = np.full(10, np.nan)
    directions = np.diag([-1.0, -1.0, 1.0]) if turned else None
    if known:
        scores[[2, 6]] = 1.0, 3.0
    shown = picture(record("axial", scores, directions=directions), tmp_path)
    # 40 rows of 2 mm and 60 columns of 1 mm.
    assert shown.shape[:2] == (512, 384)
    coloured = np.ptp(shown, axis=2) > 20
    rows, columns = np.nonzero(coloured)
    middle = np.array([rows.mean() / 512, columns.mean() / 384])
    expected = np.array([10 / 40, 45 / 60])
    assert middle == pytest.approx(1 - expected if turned else expected, abs=0.02)
    far = shown[256, 192]
    assert np.ptp(far) == 0
    assert abs(far[0] - 128) <= 1


def test_a_slice_without_anomaly_stays_grey_and_other_axes_keep_their_proportions(tmp_path: Path) -> None:
    scores = np.zeros(40)
    scores[30] = 1
    shown = picture(record("coronal", scores), tmp_path / "coronal")
    assert shown.shape[:2] == (round(40 * 512 / 60), 512)
    assert np.ptp(shown, axis=2).max() == 0
    dark = picture(record("sagittal", np.arange(60.0), SUV), tmp_path / "sagittal")
    assert dark.shape[:2] == (256, 512)
    assert dark.max() == 0
