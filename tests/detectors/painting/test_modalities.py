"""Several modalities of a scan, each on voxels of its own."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from heads import SHAPE, head
from scans import SHAPE as ALIGNED
from scans import aligned

from ad_desktop.data.volumes.placement import place
from ad_desktop.data.volumes.volume import HU, Volume, make_affine
from ad_desktop.detectors.nets.inpainting.training import Schedule, Trainer
from ad_desktop.detectors.nets.inpainting.unet import make_net
from ad_desktop.detectors.painting.batches import Recipe, Scan, joined, make_batch
from ad_desktop.detectors.painting.grid import common_grid
from ad_desktop.detectors.painting.intensity import Scaling
from ad_desktop.detectors.painting.laying import lay
from ad_desktop.detectors.painting.model import PaintModel, Plan
from ad_desktop.detectors.painting.painter import Painter
from ad_desktop.detectors.painting.stages import Stage
from ad_desktop.errors import UserError
from ad_desktop.task import Task

RECIPE = Recipe(modalities=2)
PLAN = Plan(Schedule(3, batch=2, validate=3), 4.0, widths=(8, 8, 8), stage=Stage("z", refinement=None))
FINE = (28, 60, 50)


def both(seed: int, lesion: bool = False, angle: float = 0.0) -> tuple[Volume, np.ndarray]:
    """A head, and beside it what a CT of it would show, on finer voxels that are turned against its own."""
    volume, mask = head(seed, angle)
    turn = np.array([[np.cos(0.3), 0, np.sin(0.3)], [0, 1, 0], [-np.sin(0.3), 0, np.cos(0.3)]])
    affine = make_affine((2.2, 1.8, 3.4), (0, 0, 0), turn)
    middle = volume.position((np.array(SHAPE[::-1]) - 1) / 2)
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(FINE[::-1]) - 1) / 2)
    z, y, x = np.indices(FINE)
    index = volume.index(np.stack([x, y, z], axis=-1) @ affine[:3, :3].T + affine[:3, 3])
    radius = np.linalg.norm(2 * index / (np.array(SHAPE[::-1]) - 1) - 1, axis=-1)
    values = np.where(radius < 0.85, np.where(radius < 0.45, 300, 40), -1000)
    values = values + np.random.default_rng(seed + 1000).normal(0, 10, FINE)
    if lesion:
        values[np.linalg.norm((index - (22, 12, 8.5)) * (3.0, 2.5, 6.0), axis=-1) < 9] += 500
    return replace(volume, partners=(Volume(values.astype(np.float32), affine, HU, "CT"),)), mask


def stacked(count: int) -> list[Scan]:
    first, second = aligned(count), aligned(count, 50)
    # Of one patient, so inside one mask.
    second = [Scan(np.where(a.mask, b.image, 0), a.mask, b.mean, b.spread) for a, b in zip(first, second, strict=True)]
    return joined([first, second])


@pytest.fixture(scope="module")
def model() -> PaintModel:
    return PaintModel.fit([both(i) for i in range(8)], PLAN, Task())


@pytest.mark.parametrize("angle", [0.0, 0.2])
def test_a_lesion_that_only_the_partner_shows_is_found(model: PaintModel, angle: float) -> None:
    (volume, mask), (spoilt, _) = both(100, angle=angle), both(100, lesion=True, angle=angle)
    assert np.array_equal(volume.array, spoilt.array)
    found = model.examine(spoilt, mask, Task()).on(mask, volume.affine)
    peak = np.array(np.unravel_index(found.score.argmax(), SHAPE))
    assert np.abs((peak - (8.5, 12, 22)) * volume.spacing).max() < 10
    assert found.score.max() > 2 * model.examine(volume, mask, Task()).found.score.max()
    assert "of MR each scan's own" in model.describe()
    assert "of CT -1000 and 800 HU" in model.describe()


def test_it_survives_its_state(model: PaintModel) -> None:
    twin = PaintModel.from_state(model.tensors(), json.loads(json.dumps(model.meta())), PLAN)
    volume, mask = both(101)
    found, expected = twin.examine(volume, mask, Task()), model.examine(volume, mask, Task())
    assert all(np.array_equal(a, b) for a, b in zip(found.found, expected.found, strict=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: replace(v, partners=()), "0 scans come with it, and 1 with the normal scans"),
        (lambda v: replace(v, partners=(replace(v.partners[0], modality="PT"),)), "of its PT: it is PT"),
        (lambda v: replace(v, partners=(replace(v.partners[0], unit=""),)), "no unit"),
        (lambda v: replace(v, partners=(v.partners[0].with_array(np.full(FINE, np.nan)),)), "of its CT: .*NaN"),
        (lambda v: replace(v, partners=(replace(v.partners[0], affine=np.eye(4)),)), "shows nothing"),
    ],
)
def test_a_partner_that_does_not_fit_is_refused(model: PaintModel, change: object, message: str) -> None:
    volume, mask = both(100)
    volume = replace(volume, affine=volume.affine + np.array([[0, 0, 0, 500]] * 3 + [[0, 0, 0, 0]])) if (
        message == "shows nothing"
    ) else volume  # fmt: skip
    with pytest.raises(UserError, match=message):
        model.examine(change(volume), mask, Task())  # type: ignore[operator]


def test_a_partner_lies_where_simpleitk_puts_it() -> None:
    volume, mask = both(3)
    grid = common_grid([place(mask, volume.affine)], 2.0, "centre")
    images, inside = lay(volume, mask, grid, [Scaling.for_unit(""), Scaling.for_unit(HU)], volume)
    partner, affine = volume.partners[0], grid.affine(place(mask, volume.affine))
    image = sitk.GetImageFromArray((np.clip(partner.array, -1000, 9e9) + 1000) / 1800)
    image.SetSpacing(partner.spacing[::-1])
    image.SetOrigin(partner.affine[:3, 3])
    image.SetDirection((partner.affine[:3, :3] / partner.spacing[::-1]).ravel())
    wanted = sitk.Image(grid.shape[::-1], sitk.sitkFloat32)
    wanted.SetSpacing(np.diag(affine)[:3])
    wanted.SetOrigin(affine[:3, 3])
    theirs = sitk.GetArrayFromImage(sitk.Resample(image, wanted, sitk.Transform(), sitk.sitkLinear, 0.0))
    # Well inside, where neither mask nor border has a part.
    deep = inside & (images[1] > 0.4)
    assert deep.sum() > 1000
    assert np.median(np.abs(images[1] - theirs)[deep]) < 0.01


def test_a_hole_hides_every_modality() -> None:
    scan = stacked(2)[0]
    holes = np.zeros(ALIGNED, bool)
    holes[:, 8:20, 10:22] = True
    changed = [replace(one, image=np.where(holes, one.image + 5, one.image)) for one in scan.modalities]
    [other] = joined([[one] for one in (replace(changed[0], beside=()), changed[1])])
    painter = Painter(make_net(RECIPE.inputs, (8, 8, 8), 1, 2), RECIPE, 2.0)
    torch.manual_seed(0)
    torch.nn.init.normal_(painter.net.image.weight)
    for channel in (0, 1):
        before, after = (painter.paint(one.seen_as(channel), holes) for one in (scan, other))
        assert np.array_equal(before.image, after.image)
        seen = [painter.repaired(one.seen_as(channel)).image for one in (scan, other)]
        assert np.abs(seen[0] - seen[1]).max() > 0
    # Each modality's picture is its own, and told by the others.
    assert not np.array_equal(painter.paint(scan, holes).image, painter.paint(scan.seen_as(1), holes).image)


def test_the_order_of_modalities_stays() -> None:
    scan = stacked(2)[0]
    again = scan.seen_as(1).seen_as(0)
    assert [one.image is other.image for one, other in zip(scan.modalities, again.modalities, strict=True)] == [
        True, True,
    ]  # fmt: skip
    assert scan.seen_as(1).image is scan.beside[0].image


def test_both_are_learned() -> None:
    scans = stacked(3)
    batch = make_batch(scans, RECIPE, 2.0, 6, np.random.default_rng(0))
    assert batch.inputs.shape[1] == RECIPE.inputs == 3 + 6 + 3 + 3
    assert batch.truth.shape[1] == batch.base.shape[1] == 2
    trainer = Trainer(make_net(RECIPE.inputs, (8, 8, 8), 0, 2), RECIPE, Schedule(60, 4, validate=20), 2.0)
    losses: list[float] = []
    trainer.fit(scans[:1], scans[:1], Task(), lambda _, loss: losses.append(loss))
    assert losses[-1] < 0.9 * losses[0]
