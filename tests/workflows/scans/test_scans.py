"""Scans through a detector, slice by slice, and back onto their own voxels."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.saving import save_nifti
from ad_desktop.data.volumes.stack import planes
from ad_desktop.data.volumes.volume import HU, Volume, make_affine
from ad_desktop.detectors.banded.detector import BandedDetector
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.errors import Cancelled, InputError, UserError
from ad_desktop.scoring.thresholds import conformal_threshold
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, FitOutcome
from ad_desktop.workflows.scans.fit import fit_scans
from ad_desktop.workflows.scans.predict import predict_scans
from ad_desktop.workflows.scans.settings import ScanView, SliceSettings
from ad_desktop.workflows.store import load_model, read_metadata, save_model

SPACING = (2.0, 2.5, 3.0)  # x, y, z
DIRECTIONS = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)  # a sagittal scan, its rows towards the feet
LESION = np.array([20.0, 14.0, -8.0])


def phantom(seed: int, lesion: bool = False, directions: np.ndarray | None = None, grain: float = 1.0) -> Volume:
    """An ellipsoid of soft tissue with ``grain`` in air, 76 × 84 × 72 mm; a lesion is a bright ball of 9 mm radius."""
    shape = (36, 40, 44)
    affine = make_affine(SPACING, (0, 0, 0), directions)
    centre = affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
    affine[:3, 3] = -centre
    z, y, x = np.indices(shape)
    at = np.stack([x, y, z], axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    random = np.random.default_rng(seed)
    inside = ((at / [38, 42, 36]) ** 2).sum(axis=-1) < 1
    tissue = 40 + 15 * np.sin(at[..., 0] / 6) + random.normal(0, grain, shape)
    array = np.where(inside, tissue, -1000).astype(np.float32)
    if lesion:
        array[np.linalg.norm(at - LESION, axis=-1) < 9] = 160
    return Volume(array, affine, HU, "CT")


def opener(sample: VolumeSample, task: Task) -> Volume:
    task.check()
    name = sample.path.name.partition(".")[0]
    if name == "broken":
        raise InputError(sample.path, "it is broken")
    return phantom(int(name[-3:]), "lesion" in name, DIRECTIONS if "turned" in name else None)


def scans(*names: str) -> list[VolumeSample]:
    return [VolumeSample(Path(f"/scans/{name}.nii.gz")) for name in names]


NORMAL = scans(*(f"normal{number:03}" for number in range(9)), "broken")
PARAMS = {"image_size": 64}


@pytest.fixture(scope="module")
def outcome() -> FitOutcome:
    return fit_scans(NORMAL, FitOptions(params=PARAMS), SliceSettings(), opener, Task())


def test_a_fit_settles_how_scans_are_seen(outcome: FitOutcome) -> None:
    model = outcome.model
    assert model.scans is not None
    settled = model.scans.settled
    assert (settled.unit, settled.modality, settled.scaled) == (HU, "CT", False)
    assert -20 < settled.low < 30 < 60 < settled.high < 90
    assert 85 < settled.field_mm < 105
    assert any("black at" in note and "HU" in note for note in outcome.notes)
    assert [failure.reason for failure in outcome.failures] == ["it is broken"]
    assert model.detector.describe()["preprocessing"]["value_range"] == (settled.low, settled.high)


def test_whole_scans_are_left_out(outcome: FitOutcome) -> None:
    model, calibration = outcome.model, outcome.model.calibration
    assert model.normal_keys == tuple(sample.key for sample in NORMAL[:-1])
    assert len(calibration.scores) == len(set(calibration.groups)) == 9
    assert calibration.slices is not None
    keys = model.detector.normal_set.keys
    assert len(calibration.slices.scores) == len(keys) == len(calibration.slices.volumes)
    assert [model.normal_keys[volume] for volume in calibration.slices.volumes] == [k.rpartition("#")[0] for k in keys]
    assert keys[0].startswith(f"{NORMAL[0].key}#axial:")
    assert model.threshold == conformal_threshold(calibration.scores, range(9), 0.05)
    assert model.threshold.rule == "extrapolated"
    assert model.slice_threshold is not None
    assert model.slice_threshold.groups == 9
    assert calibration.rule == "every scan by itself"
    assert any("It takes 39 normal scans" in note and "there are 9" in note for note in outcome.notes)


def test_only_copies_belong_together_by_themselves() -> None:
    def copied(sample: VolumeSample, task: Task) -> Volume:
        return opener(scans("normal002")[0], task) if sample.path.name == "normal006.nii.gz" else opener(sample, task)

    options, settings = FitOptions(params=PARAMS), SliceSettings(step=4)
    calibration = fit_scans(NORMAL[:-1], options, settings, copied, Task()).model.calibration
    assert calibration.groups == (0, 1, 2, 3, 4, 5, 2, 6, 7)
    assert "1 exact cop" in calibration.rule
    options = FitOptions(params=PARAMS, groups="regex:normal00([0-4])")
    calibration = fit_scans(NORMAL[:-1], options, settings, opener, Task()).model.calibration
    assert calibration.groups == tuple(range(9))
    options = FitOptions(params=PARAMS, groups="folder")
    outcome = fit_scans(NORMAL[:4], options, settings, opener, Task())
    assert any("every scan was left out by itself" in note for note in outcome.notes)


@pytest.mark.parametrize("name", ["lesion100", "normal101", "turned_lesion102"])
def test_a_lesion_stands_out_where_it_is(name: str, outcome: FitOutcome) -> None:
    model, [sample] = outcome.model, scans(name)
    [(result, volume)] = predict_scans(model, [sample], opener, Task())
    found = result.prediction
    assert isinstance(found, VolumePrediction)
    assert volume is not None
    anomaly_map = found.anomaly_map
    assert (anomaly_map.shape, anomaly_map.dtype) == (volume.shape, np.float32)
    # The body's outline is found on voxels of 3 mm.
    near = ndimage.binary_dilation(volume.array > -500, iterations=2)
    assert not anomaly_map[~near].any()
    assert model.judge(found.anomaly_score).pred_label is ("lesion" in name)
    if "lesion" in name:
        z, y, x = np.unravel_index(int(anomaly_map.argmax()), anomaly_map.shape)
        assert np.linalg.norm(volume.position((x, y, z)) - LESION) < 12
        heights = volume.position(np.stack(np.indices(volume.shape)[::-1], axis=-1))[..., 2]
        at = planes(heights, volume.affine, "axial")[int(np.nanargmax(found.slice_scores))]
        assert abs(at.mean() - LESION[2]) < 10
        threshold = model.map_threshold
        assert threshold is not None
        assert anomaly_map.max() > threshold


def test_grain_of_another_scanner_is_taken_for_lesions_less_and_a_lesion_in_it_is_still_found(
    outcome: FitOutcome, tmp_path: Path
) -> None:
    def grainy(sample: VolumeSample, task: Task) -> Volume:
        return phantom(int(sample.path.name[-10:-7]), "lesion" in sample.path.name, grain=4.0)

    save_model(outcome.model, tmp_path / "m.adm")
    model = load_model(tmp_path / "m.adm")
    usual = model.detector
    assert isinstance(usual, BandedDetector)
    limit = model.slice_threshold
    assert limit is not None

    def shares() -> list[NDArray[np.bool_]]:
        results = predict_scans(model, scans("normal130", "lesion131"), grainy, Task())
        found = [result.prediction for result, _ in results]
        return [np.nan_to_num(each.slice_scores) > limit.value for each in found if isinstance(each, VolumePrediction)]

    healthy, ill = shares()
    heights = [phantom(0).position((0, 0, z))[2] for z in range(len(ill))]
    near = np.abs(np.array(heights) - LESION[2]) < 6
    usual.spread_ = np.inf
    before, _ = shares()
    assert healthy.mean() < 0.5 * before.mean()
    assert ill[near].mean() > 0.7
    assert ill[~near].mean() < 0.3


def test_the_model_file_keeps_how_scans_are_seen(outcome: FitOutcome, tmp_path: Path) -> None:
    save_model(outcome.model, tmp_path / "scans.adm")
    again = load_model(tmp_path / "scans.adm")
    assert again.scans == outcome.model.scans
    assert (again.threshold, again.slice_threshold) == (outcome.model.threshold, outcome.model.slice_threshold)
    one, other = (next(predict_scans(m, scans("lesion100"), opener, Task()))[0] for m in (outcome.model, again))
    assert one.prediction is not None
    assert other.prediction is not None
    assert one.prediction.anomaly_score == pytest.approx(other.prediction.anomaly_score, rel=1e-6)


def test_bad_scans_are_told_and_the_others_go_on(outcome: FitOutcome) -> None:
    results = [result for result, _ in predict_scans(outcome.model, scans("broken", "normal101"), opener, Task())]
    assert [result.error for result in results] == ["it is broken", None]

    def other_unit(sample: VolumeSample, task: Task) -> Volume:
        return phantom(1).with_array(phantom(1).array, "SUVbw")

    [(result, _)] = predict_scans(outcome.model, scans("normal101"), other_unit, Task())
    assert "SUVbw" in str(result.error)


def test_a_cancelled_check_ends(outcome: FitOutcome) -> None:
    task = Task()
    running = predict_scans(outcome.model, scans("normal101", "normal102"), opener, task)
    next(running)
    task.cancel()
    with pytest.raises(Cancelled):
        next(running)


@pytest.mark.parametrize("axis", ["coronal", "sagittal"])
def test_other_axes_and_ranges(axis: str) -> None:
    settings = SliceSettings(axis=axis, slices="30%:70%", step=2, window="soft-tissue")
    found = fit_scans(NORMAL[:4], FitOptions(params=PARAMS), settings, opener, Task())
    assert found.model.scans is not None
    assert (found.model.scans.settled.low, found.model.scans.settled.high) == (-125, 225)
    assert any("One of every 2 slices" in note for note in found.notes)
    [(result, volume)] = predict_scans(found.model, scans("lesion100"), opener, Task())
    prediction = result.prediction
    assert isinstance(prediction, VolumePrediction)
    assert volume is not None
    assert 10 < np.isfinite(prediction.slice_scores).sum() < 24
    z, y, x = np.unravel_index(int(prediction.anomaly_map.argmax()), volume.shape)
    assert np.linalg.norm(volume.position((x, y, z)) - LESION) < 14


def test_masks_of_ones_own(tmp_path: Path) -> None:
    volume = phantom(100, lesion=True)
    inside = np.zeros(volume.shape, np.uint8)
    inside[10:26, 8:32, 8:36] = 1
    masks = tmp_path / "masks"
    masks.mkdir()
    for name in ("normal000", "normal001_mask", "normal002", "lesion100"):
        save_nifti(Volume(inside, volume.affine), masks / f"{name}.nii.gz")
    options, settings = FitOptions(params=PARAMS), SliceSettings(step=2, mask=str(masks))
    found = fit_scans(NORMAL[:4], options, settings, opener, Task())
    assert [failure.path for failure in found.failures] == [str(NORMAL[3].path)]
    assert "no mask of its name" in found.failures[0].reason
    [(result, _)] = predict_scans(found.model, scans("lesion100"), opener, Task())
    prediction = result.prediction
    assert isinstance(prediction, VolumePrediction)
    assert prediction.anomaly_map[inside > 0].any()
    assert not prediction.anomaly_map[inside == 0].any()
    assert np.array_equal(prediction.looked_at, inside > 0)
    [(result, _)] = predict_scans(found.model, scans("normal101"), opener, Task())
    assert "no mask of its name" in str(result.error)
    with pytest.raises(UserError, match="no such file"):
        fit_scans(NORMAL[:3], options, SliceSettings(mask=str(tmp_path / "gone")), opener, Task())
    # A model and its masks may move together, and do not tell where they were.
    home, moved = tmp_path / "home of somebody", tmp_path / "elsewhere"
    home.mkdir()
    masks.rename(home / "masks")
    assert found.model.scans is not None
    view = replace(found.model.scans, settings=replace(settings, mask=str(home / "masks")))
    save_model(replace(found.model, scans=view), home / "m.adm")
    assert read_metadata(home / "m.adm")["scans"]["settings"]["mask"] == "masks"
    assert "somebody" not in json.dumps(read_metadata(home / "m.adm")["scans"])
    home.rename(moved)
    opened = load_model(moved / "m.adm")
    assert opened.scans is not None
    assert opened.scans.settings.mask == str(moved / "masks")
    [(result, _)] = predict_scans(opened, scans("lesion100"), opener, Task())
    assert result.error is None


def test_options_that_cannot_be(tmp_path: Path) -> None:
    def attempt(said: str, make: Callable[[], object]) -> None:
        with pytest.raises(UserError, match=said):
            make()

    def fitted(settings: SliceSettings, options: FitOptions) -> Callable[[], object]:
        return lambda: fit_scans(NORMAL[:3], options, settings, opener, Task())

    attempt("LOW,HIGH", fitted(SliceSettings(window="magic"), FitOptions(params=PARAMS)))
    attempt("FIRST:LAST", fitted(SliceSettings(slices="nine"), FitOptions(params=PARAMS)))
    attempt("leaves none", fitted(SliceSettings(slices="900:950"), FitOptions(params=PARAMS)))
    attempt("held-out", fitted(SliceSettings(), FitOptions(params=PARAMS, threshold_rule="chi2")))
    attempt(
        "two normal scans", lambda: fit_scans(NORMAL[:1], FitOptions(params=PARAMS), SliceSettings(), opener, Task())
    )
    assert ScanView.from_json(ScanView().to_json()) == ScanView()
