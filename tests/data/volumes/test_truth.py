"""Masks of scans on the scans' own voxels, against SimpleITK."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ad_desktop.data.volumes.truth import load_truth
from ad_desktop.data.volumes.volume import Volume, make_affine
from ad_desktop.errors import InputError
from ad_desktop.task import Task

OBLIQUE = np.array([[0.8, -0.6, 0], [0.6 * 0.6, 0.8 * 0.6, -0.8], [0.6 * 0.8, 0.8 * 0.8, 0.6]])
SCAN = Volume(np.zeros((12, 14, 16), np.int16), make_affine((1.3, 1.1, 2.3), (-9.1, 4.2, 30), OBLIQUE))


def write(path: Path, labels: np.ndarray, spacing: tuple[float, ...], origin: object, directions: np.ndarray) -> Path:
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing(spacing)
    image.SetOrigin([float(value) for value in np.asarray(origin)])
    image.SetDirection(directions.ravel())
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.nrrd", "mask.mha"])
def test_a_label_map_on_the_same_voxels(name: str, tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 4, SCAN.shape).astype(np.uint8)
    path = write(tmp_path / name, labels, (1.3, 1.1, 2.3), (-9.1, 4.2, 30), OBLIQUE)
    task = Task()
    assert np.array_equal(load_truth(path, SCAN, task), labels > 0)
    assert task.notes == ()


@pytest.mark.parametrize("directions", [np.eye(3), np.diag([-1.0, -1, 1]), OBLIQUE[:, [1, 2, 0]]])
def test_a_label_map_on_other_voxels_is_brought_over(directions: np.ndarray, tmp_path: Path) -> None:
    shape = np.array((9, 19, 13))
    z, y, x = np.indices(shape)
    labels = (((z - 4) / 4) ** 2 + ((y - 9) / 8) ** 2 + ((x - 6) / 5) ** 2 < 1).astype(np.uint8)
    spacing = np.array((1.7, 0.9, 2.1))
    middle = SCAN.position((8, 7, 6))
    origin = middle - directions @ (spacing * (6, 9, 4)) + 0.123
    path = write(tmp_path / "mask.nrrd", labels, tuple(spacing.tolist()), origin, directions)
    grid = sitk.Image([16, 14, 12], sitk.sitkUInt8)
    grid.SetSpacing((1.3, 1.1, 2.3))
    grid.SetOrigin((-9.1, 4.2, 30))
    grid.SetDirection(OBLIQUE.ravel())
    theirs = sitk.Resample(sitk.ReadImage(str(path)), grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    task = Task()
    mine = load_truth(path, SCAN, task)
    assert np.array_equal(mine, sitk.GetArrayFromImage(theirs) > 0)
    assert mine.sum() > 50
    assert "nearest neighbour" in task.notes[0]


def test_a_mask_of_another_place_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.nrrd", np.ones((3, 3, 3), np.uint8), (1, 1, 1), (500, 0, 0), np.eye(3))
    with pytest.raises(InputError, match="another scan"):
        load_truth(path, SCAN, Task())


def test_contours_are_read_through_rtstruct(shared: Path) -> None:
    from ad_desktop.data.volumes.contours import rtstruct_masks
    from ad_desktop.data.volumes.opening import find_volumes, load_volume

    folder = shared / "data" / "dicom" / "petct_crop_STS_001" / "PET" / "dicom"
    volume = load_volume(find_volumes([folder / "image"]).series[0].sample)
    [path] = (folder / "mask").iterdir()
    named = rtstruct_masks(path, volume)
    assert np.array_equal(load_truth(path, volume, Task()), np.any(list(named.values()), axis=0))
    assert any(mask.any() for mask in named.values())
