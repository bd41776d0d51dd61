"""A real RTSTRUCT as the known outline of a real series in the window, against the published mask."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtWidgets import QApplication
from viewing import World

from ad_desktop.data.volumes.opening import load_volume
from ad_desktop.data.volumes.planes import Plane
from ad_desktop.task import Task
from ad_desktop.ui.flows.importing import find
from ad_desktop.ui.volumes.outline import outline
from ad_desktop.ui.volumes.scene import LineLayer

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


class Disk(World):
    """Scans come from files."""

    def load(self, sample, task):
        return load_volume(sample, task)


@pytest.fixture
def world(qtbot, theme, settings):
    made = Disk(qtbot, theme, settings)
    yield made
    assert made.runner.shutdown(5)


def laid_out(kind: Path, folder: Path) -> Path:
    """A data set of one scan with its RTSTRUCT, as ``evaluate`` takes it."""
    shutil.copytree(kind / "dicom" / "image", folder / "data" / "test" / "mass" / "case")
    (folder / "data" / "ground_truth" / "mass").mkdir(parents=True)
    shutil.copy(kind / "dicom" / "mask" / "RS.dcm", folder / "data" / "ground_truth" / "mass" / "case.dcm")
    return folder / "data"


@pytest.mark.parametrize("modality", ["PET", "CT", "MR_T1"])
def test_the_known_outline_runs_around_the_published_mask(world, shared, tmp_path, modality):
    kind = shared / "data" / "dicom" / "petct_crop_STS_001" / modality
    [item] = find([laid_out(kind, tmp_path)], None, Task()).items
    assert item.mask is not None
    assert item.mask.suffix == ".dcm"
    world.session.add([item])
    world.session.set_current(item)
    scene = world.viewer.scene
    world.qtbot.waitUntil(lambda: len(scene.layers) == 1, timeout=60_000)
    (known,) = scene.layers
    assert isinstance(known, LineLayer)
    drawn = known.sampler.volume
    published = sitk.ReadImage(str(kind / "nifti" / "mask" / "mask.nii.gz"))
    spots = np.argwhere(drawn.array > 0)
    places = drawn.position(spots[:, ::-1])
    inside = [published[published.TransformPhysicalPointToIndex(place.tolist())] > 0 for place in places]
    marked = int((sitk.GetArrayViewFromImage(published) > 0).sum())
    dice = 2 * sum(inside) / (len(spots) + marked)
    assert dice > 0.9
    x, y, z = np.rint(drawn.index(places.mean(axis=0))).astype(int).tolist()
    scene.look_at((x, y, z))
    QApplication.processEvents()
    for plane in Plane:
        points = outline(known.sampler.cut(plane, scene.slice_of(plane)), known.level)
        rows, columns = np.nonzero(plane.cut(drawn.array, scene.slice_of(plane)))
        assert points.min(axis=0) == pytest.approx((columns.min() - 0.5, rows.min() - 0.5), abs=0.01)
        assert points.max(axis=0) == pytest.approx((columns.max() + 0.5, rows.max() + 0.5), abs=0.01)


def test_one_that_lies_beside_its_series_is_offered(shared):
    kind = shared / "data" / "dicom" / "petct_crop_STS_001" / "CT" / "dicom"
    found = find([kind], None, Task())
    [item] = found.items
    assert item.mask == kind / "mask" / "RS.dcm"
    assert [note for note in found.notes if "RS.dcm was drawn on" in note]
