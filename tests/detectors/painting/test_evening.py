"""What differs between scanners is taken away, and nothing of the scan is lost."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from heads import SHAPE, head
from scans import aligned
from test_model import PLAN

from ad_desktop.data.volumes.evening import evened, usual_quantiles
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.autopaint import AutoPaint
from ad_desktop.detectors.painting.by_hand import painted_over
from ad_desktop.detectors.painting.model import PaintModel
from ad_desktop.detectors.painting.params import AutoPaintParams
from ad_desktop.task import Task

SPACING = 4.0
SCANS = aligned(8)
MASK, MEAN = SCANS[0].mask, SCANS[0].mean
USUAL = usual_quantiles([scan.image for scan in SCANS[1:]], [scan.mask for scan in SCANS[1:]])


def as_from_another_scanner(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Darker, with more contrast, and brighter at one side than at the other."""
    slope = np.linspace(0.75, 1.25, image.shape[1])[None, :, None]
    return np.where(mask, 0.8 * np.abs(image) ** 1.4 * slope, 0).astype(np.float32)


def test_another_scanner_is_evened_out_and_can_be_put_back() -> None:
    scan = SCANS[0]
    other = as_from_another_scanner(scan.image, MASK)
    found = evened(other, MASK, MEAN, USUAL, SPACING)
    before, after = (np.abs(image - scan.image)[MASK].mean() for image in (other, found.image))
    assert after < 0.35 * before
    np.testing.assert_allclose(found.undo(found.image)[MASK], other[MASK], atol=0.01)
    assert not found.image[~MASK].any()


def test_what_is_hidden_has_no_part_in_it() -> None:
    image = SCANS[0].image
    hidden = np.zeros(MASK.shape, bool)
    hidden[2:5, 8:18, 8:18] = True
    spoilt = np.where(hidden, np.float32(1.5), image)
    one, other = (evened(each, MASK, MEAN, USUAL, SPACING, hidden) for each in (image, spoilt))
    np.testing.assert_array_equal(one.image[~hidden], other.image[~hidden])
    np.testing.assert_array_equal(one.undo(MEAN), other.undo(MEAN))
    assert not np.array_equal(evened(spoilt, MASK, MEAN, USUAL, SPACING).image[~hidden], other.image[~hidden])


@pytest.fixture(scope="module")
def model() -> PaintModel:
    return PaintModel.fit([head(i) for i in range(8)], replace(PLAN, even=True), Task())


def test_a_model_says_of_a_scan_from_another_scanner_what_it_says_of_it_else(model: PaintModel) -> None:
    twin = PaintModel.from_state(model.tensors(), json.loads(json.dumps(model.meta())), PLAN)
    plain = PaintModel.fit([head(i) for i in range(8)], PLAN, Task())
    volume, mask = head(100)
    block = np.zeros(SHAPE, bool)
    block[8:10, 10:15, 20:25] = True
    lesion = np.where(block, volume.array + 250, volume.array)
    here = volume.with_array(np.where(mask, lesion, 0))
    there = volume.with_array(500 * as_from_another_scanner(here.array / 500, mask))

    def score(of: PaintModel, scan: Volume) -> np.ndarray:
        return of.examine(scan, mask, Task()).on(mask, scan.affine).score

    np.testing.assert_array_equal(score(twin, there), score(model, there))
    apart = {name: np.corrcoef(score(of, here)[mask], score(of, there)[mask])[0, 1]
             for name, of in (("even", model), ("plain", plain))}  # fmt: skip
    assert apart["even"] > max(0.8, apart["plain"] + 0.1)
    residuals = []
    for of in (model, plain):
        found = of.examine(here, mask, Task())
        residuals.append((found.on(mask, here.affine).difference * found.contrast)[block].mean())
    # In the scan's own unit, however it was made even.
    assert residuals[0] == pytest.approx(residuals[1], rel=0.3)
    assert "how that changes slowly" in model.describe()
    assert [AutoPaint(AutoPaintParams(even=even), "cpu")._plan().even for even in (False, True)] == [False, True]
    assert "slowly" not in plain.describe()


def test_a_region_painted_by_hand_knows_nothing_of_what_it_hides(model: PaintModel) -> None:
    volume, mask = head(100)
    region = np.zeros(SHAPE, bool)
    region[6:9, 14:22, 14:22] = True
    # What is looked at of it only, so that the scan's own percentiles stay.
    inside = region & mask
    other = volume.array.copy()
    other[inside] = np.sort(volume.array[inside])
    painted = [
        (scan.array - painted_over(model, scan, mask, region, Task()))[inside]
        for scan in (volume, volume.with_array(other))
    ]
    np.testing.assert_allclose(painted[0], painted[1], atol=0.5)
    assert np.abs(volume.array - other)[inside].mean() > 10
