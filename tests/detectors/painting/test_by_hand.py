"""Regions drawn by hand: hidden whole, painted, and nothing else touched."""

from __future__ import annotations

import numpy as np
import pytest
from heads import SHAPE, head

from ad_desktop.data.volumes.volume import HU, Volume
from ad_desktop.detectors.nets.inpainting.training import Schedule
from ad_desktop.detectors.painting.by_hand import painted_over
from ad_desktop.detectors.painting.model import PaintModel, Plan
from ad_desktop.detectors.painting.stages import Stage
from ad_desktop.errors import UserError
from ad_desktop.task import Task

REGION = np.zeros(SHAPE, bool)
REGION[6:10, 12:22, 10:20] = True


def scan(number: int, angle: float = 0.0) -> tuple[Volume, np.ndarray]:
    volume, mask = head(number, angle)
    return Volume(volume.array, volume.affine, HU, "CT"), mask


@pytest.fixture(scope="module")
def model() -> PaintModel:
    plan = Plan(Schedule(4, batch=2, validate=2), 3.0, widths=(8, 8, 8), stage=Stage("denoise", refinement=None))
    return PaintModel.fit([scan(number) for number in range(8)], plan, Task())


@pytest.mark.parametrize("angle", [0.0, 0.2])
def test_a_lesion_that_is_drawn_over_is_replaced_and_all_else_is_kept(model: PaintModel, angle: float) -> None:
    volume, mask = scan(100, angle)
    spoilt = volume.with_array(np.where(REGION, volume.array + 400, volume.array).astype(np.float32))
    residual = painted_over(model, spoilt, mask, REGION, Task())
    assert residual.dtype == np.float32
    assert not residual[~(REGION & mask)].any()
    healthy = spoilt.array - residual
    inside = REGION & mask
    assert np.abs(healthy - volume.array)[inside].mean() < 0.25 * np.abs(spoilt.array - volume.array)[inside].mean()


def test_what_is_painted_does_not_depend_on_what_it_hides(model: PaintModel) -> None:
    volume, mask = scan(101)
    noise = np.random.default_rng(0).normal(200, 300, SHAPE)
    # Voxels at the very edge have a part in their neighbours, which the grid's voxels lie between.
    inner = np.zeros(SHAPE, bool)
    inner[7:9, 14:20, 12:18] = True
    other = volume.with_array(np.where(inner, noise, volume.array).astype(np.float32))
    healthy = [one.array - painted_over(model, one, mask, REGION, Task()) for one in (volume, other)]
    np.testing.assert_allclose(healthy[0][inner], healthy[1][inner], atol=1e-2)
    assert np.abs(other.array - volume.array)[inner].mean() > 100


def test_a_region_outside_the_body_is_refused(model: PaintModel) -> None:
    volume, mask = scan(102)
    corner = np.zeros(SHAPE, bool)
    corner[:2, :3, :3] = True
    with pytest.raises(UserError, match="draw it on the body"):
        painted_over(model, volume, mask, corner, Task())
