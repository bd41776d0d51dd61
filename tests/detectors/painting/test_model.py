from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from heads import SHAPE, head

from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.nets.inpainting.training import Schedule
from ad_desktop.detectors.painting.batches import Recipe
from ad_desktop.detectors.painting.model import PaintModel, Plan
from ad_desktop.detectors.painting.refine import Refinement
from ad_desktop.detectors.painting.stages import Stage
from ad_desktop.errors import ModelFileError, UserError
from ad_desktop.task import Progress, Task

PLAN = Plan(
    Schedule(4, batch=2, validate=2), 4.0, widths=(8, 8, 8), stage=Stage("z", (16.0,), Refinement(0.03, rounds=1))
)


@pytest.fixture(scope="module")
def model() -> PaintModel:
    return PaintModel.fit([head(i) for i in range(8)], PLAN, Task())


@pytest.mark.parametrize("angle", [0.0, 0.2])
def test_a_lesion_is_found_where_it_is_on_the_scan_s_own_voxels(model: PaintModel, angle: float) -> None:
    volume, mask = head(100, angle)
    block = np.zeros(SHAPE, bool)
    block[8:10, 10:15, 20:25] = True
    spoilt = volume.with_array(np.where(block, volume.array + 250, volume.array))
    found = model.examine(spoilt, mask, Task()).on(mask, volume.affine)
    assert found.score.shape == SHAPE
    assert not found.score[~mask].any()
    peak = np.array(np.unravel_index(found.score.argmax(), SHAPE))
    assert np.abs((peak - (8.5, 12, 22)) * volume.spacing).max() < 10
    assert found.signed[block].mean() > 1


def test_a_model_survives_its_state(model: PaintModel) -> None:
    meta = json.loads(json.dumps(model.meta(), allow_nan=False))
    tensors = {**model.tensors(), "sigma.inpaint": np.full((1, 1, 1), 0.25, np.float16)}
    twin = PaintModel.from_state(tensors, meta, PLAN)
    volume, mask = head(100)
    found, expected = twin.examine(volume, mask, Task()), model.examine(volume, mask, Task())
    assert all(np.array_equal(a, b) for a, b in zip(found.found, expected.found, strict=True))
    assert np.array_equal(found.affine, expected.affine)
    # What is the same everywhere is kept as one number.
    assert twin.sigma["inpaint"].shape == model.mean.shape
    assert {name: value.shape for name, value in twin.tensors().items()} == {n: v.shape for n, v in tensors.items()}
    spoilt = {**model.tensors(), "mean": np.zeros((2, 2, 2), np.float32)}
    with pytest.raises(ModelFileError, match="do not fit"):
        PaintModel.from_state(spoilt, meta, PLAN)


def test_a_scan_of_another_kind_is_told_from_one_with_a_lesion(model: PaintModel) -> None:
    twin = PaintModel.from_state(model.tensors(), json.loads(json.dumps(model.meta())), PLAN)
    volume, mask = head(100)
    block = np.zeros(SHAPE, bool)
    block[7:10, 10:16, 20:26] = True
    ill = volume.with_array(np.where(block, volume.array + 250, volume.array))
    # As T2 is to T1.
    other = volume.with_array(np.where(mask, 600 - volume.array, volume.array))
    for one in (model, twin):
        assert [one.examine(v, mask, Task()).remark for v in (volume, ill)] == ["", ""]
        assert "unlike the normal scans" in one.examine(other, mask, Task()).remark
    told = json.loads(json.dumps(model.meta()))
    del told["likeness"]
    assert PaintModel.from_state(model.tensors(), told, PLAN).examine(other, mask, Task()).remark == ""
    told["likeness"] = [[0.9], [0.9]]
    with pytest.raises(ModelFileError, match="do not fit"):
        PaintModel.from_state(model.tensors(), told, PLAN)


def test_two_fits_are_identical(model: PaintModel) -> None:
    again = PaintModel.fit([head(i) for i in range(8)], PLAN, Task()).tensors()
    assert all(np.array_equal(value, again[name]) for name, value in model.tensors().items())


def thick(seed: int, first: int, count: int, angle: float = 0.0) -> tuple[Volume, np.ndarray]:
    """Some slices of a head."""
    volume, mask = head(seed, angle)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 2] * first
    part = slice(first, first + count)
    return Volume(volume.array[part], affine, modality="MR"), mask[part]


@pytest.mark.parametrize("angle", [0.0, 0.2])
def test_parts_of_scans_do_where_nothing_is_aligned(angle: float) -> None:
    stage = Stage("denoise", refinement=None, divided=False)
    recipe = Recipe(prior=False, aligned=False, crop_mm=64.0)
    plan = Plan(Schedule(3, batch=2, validate=3), 4.0, "none", recipe, (8, 8, 8), stage, (0.0, 600.0))
    model = PaintModel.fit([thick(i, 1 + 3 * (i % 4), 3) for i in range(6)], plan, Task())
    twin = PaintModel.from_state(model.tensors(), json.loads(json.dumps(model.meta())), plan)
    volume, mask = head(100, angle)
    block = np.zeros(SHAPE, bool)
    block[8:10, 10:15, 20:25] = True
    spoilt = volume.with_array(np.where(block, volume.array + 250, volume.array))
    # A whole scan is larger than any part.
    said, again = (one.examine(spoilt, mask, Task()) for one in (model, twin))
    assert all(np.array_equal(a, b) for a, b in zip(said.found, again.found, strict=True))
    assert said.found.score.shape > model.grid.shape == (1, 1, 1)
    healthy, other = (model.examine(v, mask, Task()).on(mask, v.affine) for v in (volume, spoilt))
    changed = np.abs(other.signed - healthy.signed)
    middle = np.argwhere(changed > 0.5 * changed.max()).mean(axis=0)
    assert np.abs((middle - (8.5, 12, 22)) * volume.spacing).max() < 10
    assert "not laid on each other; 0 and 600" in model.describe()


def test_older_models_without_unit_and_window_are_read(model: PaintModel) -> None:
    told = json.loads(json.dumps(model.meta()))
    del told["unit"], told["recipe"]["aligned"]
    old = PaintModel.from_state(model.tensors(), told, PLAN)
    assert (old.unit, old.plan.recipe.aligned) == ("", True)
    told["scaling"] = {"kind": "window", "low": 0.0, "high": 12.0}
    assert PaintModel.from_state(model.tensors(), told, PLAN).unit == "SUVbw"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: replace(v, array=v.array[:1]), "one slice"),
        (lambda v: replace(v, array=np.where(v.array > 300, np.nan, v.array)), "NaN"),
        (lambda v: replace(v, array=np.zeros_like(v.array)), "equal"),
        (lambda v: replace(v, modality="CT"), "it is CT, the normal scans are MR"),
        (lambda v: replace(v, unit="HU"), "HU"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(model: PaintModel, change: object, message: str) -> None:
    volume, mask = head(100)
    changed = change(volume)  # type: ignore[operator]
    with pytest.raises(UserError, match=message):
        model.examine(changed, mask[: len(changed.array)], Task())


def test_too_few_and_empty_masks_are_refused() -> None:
    with pytest.raises(UserError, match="at least three"):
        PaintModel.fit([head(0), head(1)], PLAN, Task())


def test_it_is_told_how_far_a_scan_is(model: PaintModel) -> None:
    class Watched(Task):
        def report(self, message: str, done: int = 0, total: int = 0, losses: tuple[float, ...] = ()) -> None:
            super().report(message, done, total, losses)
            seen.append(self.progress)

    seen: list[Progress] = []
    task = Watched()
    task.report("Checking scans (1 of 1)")
    model.examine(*head(7), task)
    told = [(p.done, p.total) for p in seen[1:]]
    assert {p.message for p in seen} == {"Checking scans (1 of 1)"}
    assert told == sorted(told)
    assert len({total for _, total in told}) == 1
    assert told[0] == (0, told[0][1])
    # Every pass but the last round of refinement, which may not be needed, is there.
    assert told[-1][1] / 2 <= told[-1][0] <= told[-1][1]
    assert any(p.seconds_left is not None for p in seen)
