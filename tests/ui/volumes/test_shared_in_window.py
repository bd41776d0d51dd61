"""Real scans in the window and through ``convert``: each voxel lies where SimpleITK sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ad_desktop.cli.main import main
from ad_desktop.data.samples import Label, VolumeSample
from ad_desktop.data.volumes.opening import find_volumes
from ad_desktop.ui.items import Item

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

SCANS = [
    "dicom/ct_CRLM-CT-1004/image", "dicom/pet_fdg_STS_001_wholebody/image", "dicom/petct_crop_STS_001/PET/dicom/image",
    "dicom/petct_crop_STS_002/MR_T1/dicom/image", "dicom/petct_crop_STS_002/CT/nifti/image",
    "pyradiomics_cases/breast1_image.nii.gz", "ms_lesions_mni/patient07/T1.nii.gz", "viewer_volumes/CT_AVM.nii.gz",
    "viewer_volumes/Iguana.nii.gz", "viewer_volumes/fmri_pitch.nii.gz", "viewer_volumes/CT_pitch.nii.gz",
    "viewer_volumes/pcasl.nii.gz",
]  # fmt: skip


def theirs(sample: VolumeSample) -> sitk.Image | None:
    """The scan as SimpleITK reads it; None where it refuses axes that are not orthogonal."""
    if sample.series:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(sample.path), sample.series))
        return reader.Execute()
    try:
        image = sitk.ReadImage(str(sample.path))
    except RuntimeError:
        return None
    return image if sample.part is None else image[:, :, :, sample.part]


def sampled(image: sitk.Image) -> list[tuple[int, ...]]:
    """Corners and bright voxels, which a mirrored or turned scan has elsewhere."""
    values = sitk.GetArrayViewFromImage(image)
    size = image.GetSize()
    bright = np.argwhere(values >= np.percentile(values, 99))
    chosen = bright[np.random.default_rng(0).integers(0, len(bright), 20), ::-1]
    return [(0, 0, 0), (size[0] - 1, 0, 0), (0, size[1] - 1, 0), (0, 0, size[2] - 1), *map(tuple, chosen.tolist())]


@pytest.mark.parametrize("name", SCANS)
def test_each_voxel_lies_where_simpleitk_sees_it(qtbot, window, shared: Path, tmp_path: Path, name: str):
    info = find_volumes([shared / "data" / name]).series[0]
    image = theirs(info.sample)
    window.session.add([Item.of(info.sample, Label.TO_CHECK)])
    window.session.set_current(next(iter(window.session.items.values())))
    scene = window.scan_viewer.scene
    qtbot.waitUntil(lambda: scene.volume is not None, timeout=60_000)
    out = tmp_path / "out.nii.gz"
    series = ["--series", info.sample.series or "1"]
    assert main(["convert", str(info.sample.path), "--out", str(out), *series]) == 0
    if image is None:
        with pytest.raises(RuntimeError, match="orthonormal"):
            sitk.ReadImage(str(out))
        return
    written = sitk.ReadImage(str(out))
    # SimpleITK knows one slope for a whole PET series: its values are compared elsewhere.
    same_values = "wholebody" not in name
    for place in sampled(image):
        point = image.TransformIndexToPhysicalPoint(place)
        x, y, z = (round(float(at)) for at in scene.volume.index(np.array(point)))
        np.testing.assert_allclose(scene.volume.position((x, y, z)), point, atol=0.05)
        again = written.TransformPhysicalPointToIndex(point)
        np.testing.assert_allclose(written.TransformIndexToPhysicalPoint(again), point, atol=0.05)
        if same_values:
            assert scene.volume.array[z, y, x] == pytest.approx(image[place], rel=1e-4, abs=1e-3)
        assert written[again] == pytest.approx(float(scene.volume.array[z, y, x]), rel=1e-4, abs=1e-3)
