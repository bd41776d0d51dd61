"""Scans laid over the normal ones before they are cut, and what is found carried back to their own voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.placement import place
from ad_desktop.data.volumes.volume import HU, Volume, make_affine
from ad_desktop.detectors.aligned_prediction import AlignedPrediction, carried_back
from ad_desktop.detectors.volume_prediction import SquareFrame, VolumePrediction
from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, FitOutcome
from ad_desktop.workflows.model import Result
from ad_desktop.workflows.scans import reference as laying
from ad_desktop.workflows.scans.fit import fit_scans
from ad_desktop.workflows.scans.predict import predict_scans
from ad_desktop.workflows.scans.settings import ScanView, SliceSettings
from ad_desktop.workflows.scans.slicer import Slicer
from ad_desktop.workflows.store import load_model, read_metadata, save_model

AXES = np.array([60.0, 75.0, 55.0])
SPOTS = ((-25, -30, 10, 16), (20, 25, -12, 20), (10, -40, 20, 12), (-20, 30, 25, 14))
LESION = np.array([22.0, -5.0, 22.0])
PARAMS = {"image_size": 64}
SETTINGS = SliceSettings(mask="brain", align="auto", bands="24")


def turned(degrees: float, axis: int) -> np.ndarray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    others = [other for other in range(3) if other != axis]
    found = np.eye(4)
    found[np.ix_(others, others)] = [[cos, -sin], [sin, cos]]
    return found


def head(
    seed: int, lesion: bool = False, tilt: float = 0.0, directions: np.ndarray | None = None, bias: float = 0.0
) -> Volume:
    """A stripped head of no unit, narrower in front and flat below, ``tilt`` degrees nodded; ``bias`` as of a coil."""
    random = np.random.default_rng(seed)
    moved = turned(tilt + random.uniform(-2, 2), 0) @ turned(random.uniform(-2, 2), 2)
    moved[:3, 3] = random.uniform(-20, 20, 3)
    affine = make_affine((4.0, 4.0, 4.0), (0, 0, 0), directions)
    shape = (48, 52, 44) if directions is None else (50, 50, 50)
    affine[:3, 3] = moved[:3, 3] - affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
    z, y, x = np.indices(shape)
    at = np.stack([x, y, z, np.ones(shape)], axis=-1) @ affine.T
    plain = (at @ np.linalg.inv(moved).T)[..., :3]
    wide = plain[..., 0] / (1 + np.clip(plain[..., 1], None, 0) / 160)
    stretched = np.stack([wide, plain[..., 1], plain[..., 2]], axis=-1) / AXES
    inside = ((stretched**2).sum(axis=-1) < 1) & (plain[..., 2] > -30 + 0.2 * plain[..., 1])
    values = 100 + random.normal(0, 4, shape)
    for *middle, radius in SPOTS:
        values[np.linalg.norm(plain - middle, axis=-1) < radius] -= 45
    if lesion:
        values[np.linalg.norm(plain - LESION, axis=-1) < 10] = 170
    values = ndimage.gaussian_filter(values, 0.6) * (1 + bias * plain[..., 1] / 75)
    return Volume(np.where(inside, values, 0).astype(np.float32), affine)


FLIPPED = turned(20, 1)[:3, :3] @ np.diag([-1.0, 1.0, -1.0])
KINDS = {
    "normal": {}, "lesion": {"lesion": True}, "tilted": {"lesion": True, "tilt": 16.0},
    "flipped": {"lesion": True, "directions": FLIPPED}, "shaded": {"bias": 0.3, "tilt": 8.0},
}  # fmt: skip


def opener(sample: VolumeSample, task: Task) -> Volume:
    kind, seed = sample.path.name.split("-")
    if kind == "part":
        volume = head(int(seed))
        z, y, x = np.indices(volume.shape)
        ball = (z - 24) ** 2 + (y - 26) ** 2 + (x - 22) ** 2 < 36
        return volume.with_array(np.where(ball, volume.array, 0))
    if kind == "nan":
        volume = head(int(seed))
        return volume.with_array(np.where(volume.array > 105, np.nan, volume.array))
    if kind == "tiny":
        return Volume(np.ones((3, 3, 3), np.float32), np.eye(4))
    if kind == "ct":
        return Volume(head(int(seed)).array, head(int(seed)).affine, HU, "CT")
    return head(int(seed), **KINDS[kind])


def scans(kind: str, *seeds: int) -> list[VolumeSample]:
    return [VolumeSample(Path(f"/scans/{kind}-{seed}")) for seed in seeds]


@pytest.fixture(scope="module")
def outcome() -> FitOutcome:
    return fit_scans(scans("normal", *range(6)), FitOptions(params=PARAMS), SETTINGS, opener, Task())


def look(outcome: FitOutcome, *samples: VolumeSample) -> list[tuple[Result, Volume | None]]:
    return list(predict_scans(outcome.model, samples, opener, Task()))


def found(outcome: FitOutcome, kind: str, seed: int) -> tuple[AlignedPrediction, Volume]:
    ((result, volume),) = look(outcome, *scans(kind, seed))
    assert isinstance(result.prediction, AlignedPrediction)
    assert volume is not None
    return result.prediction, volume


def test_brains_are_aligned_by_themselves_and_others_only_when_asked(outcome: FitOutcome) -> None:
    view = outcome.model.scans
    assert view is not None
    assert view.reference is not None
    assert any("laid over the mean" in words for words in view.describe())
    assert any("as even as these" in note for note in outcome.notes)
    for settings in (SliceSettings(mask="brain", align="none"), SliceSettings()):
        plain = fit_scans(scans("normal", 0, 1, 2), FitOptions(params=PARAMS), settings, opener, Task()).model.scans
        assert plain is not None
        assert plain.reference is None


def test_what_is_cut_shows_the_same_place_of_every_head(outcome: FitOutcome) -> None:
    view, places = outcome.model.scans, []
    assert view is not None
    for kind, seed in (("lesion", 20), ("tilted", 21), ("flipped", 22), ("tilted", 23)):
        (sample,) = scans(kind, seed)
        volume = opener(sample, Task())
        laid = Slicer(volume, sample, view).laid
        assert laid is not None
        healthy = head(seed, **{**KINDS[kind], "lesion": False})
        lesion = place(np.abs(volume.array - healthy.array) > 30, volume.affine).centre
        z, y, x = np.unravel_index(int(ndimage.gaussian_filter(laid.volume.array, 1.0).argmax()), laid.volume.shape)
        assert np.linalg.norm((laid.to_scan @ [x, y, z, 1])[:3] - lesion) < 6
        places.append(laid.volume.position((x, y, z)))
    assert np.linalg.norm(places - np.mean(places, axis=0), axis=1).max() < 8


def test_a_nodded_and_shaded_head_is_as_normal_as_others(outcome: FitOutcome) -> None:
    limit = outcome.model.slice_threshold
    assert limit is not None
    prediction, _ = found(outcome, "shaded", 30)
    seen = prediction.slice_scores[np.isfinite(prediction.slice_scores)]
    assert (seen > limit.value).mean() < 0.2
    assert prediction.remark == ""


@pytest.mark.parametrize("directions", [None, FLIPPED])
def test_the_map_is_carried_to_where_simpleitk_carries_it(directions: np.ndarray | None) -> None:
    random = np.random.default_rng(3)
    smooth = ndimage.gaussian_filter(random.normal(size=(20, 24, 24)), 2).astype(np.float32)
    grid = make_affine((4.0, 4.0, 5.0), (-40, -50, -60))
    to_grid = turned(9, 0) @ np.diag([1.1, 0.95, 1.0, 1.0])
    to_grid[:3, 3] = (5, -8, 12)
    scan = head(1, directions=directions)
    laid = VolumePrediction(
        1.0, smooth, (24, 24), scored=tuple(range(20)), shape=(20, 24, 24), affine=grid,
        frame=SquareFrame((0, 0, 24, 24), 24), slice_scores=np.zeros(20),
    )  # fmt: skip
    own = carried_back(laid, to_grid @ grid, scan, None, "").anomaly_map
    source, target = sitk.GetImageFromArray(smooth), sitk.GetImageFromArray(np.asarray(scan.array))
    for image, affine in ((source, grid), (target, scan.affine)):
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        image.SetSpacing(spacing.tolist())
        image.SetOrigin(affine[:3, 3].tolist())
        image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    back, transform = np.linalg.inv(to_grid), sitk.AffineTransform(3)
    transform.SetMatrix(back[:3, :3].ravel().tolist())
    transform.SetTranslation(back[:3, 3].tolist())
    theirs = sitk.GetArrayFromImage(sitk.Resample(source, target, transform, sitk.sitkLinear, 0.0))
    inside = sitk.GetArrayFromImage(sitk.Resample(sitk.Image(source) * 0 + 1, target, transform, sitk.sitkLinear, 0.0))
    whole = ndimage.binary_erosion(inside > 0.999, iterations=2)
    assert np.count_nonzero(whole) > 1000
    np.testing.assert_allclose(own[whole], theirs[whole], atol=2e-3 * np.abs(smooth).max())


def test_a_saved_model_lays_and_scores_as_before(outcome: FitOutcome, tmp_path: Path) -> None:
    save_model(outcome.model, tmp_path / "heads.adm")
    opened = load_model(tmp_path / "heads.adm")
    assert opened.scans is not None
    assert outcome.model.scans is not None
    assert opened.scans.describe() == outcome.model.scans.describe()
    assert read_metadata(tmp_path / "heads.adm")["scans"]["settings"]["align"] == "auto"
    samples = scans("tilted", 40)
    (before, _), (after, _) = (next(predict_scans(m, samples, opener, Task())) for m in (outcome.model, opened))
    assert isinstance(before.prediction, AlignedPrediction)
    assert isinstance(after.prediction, AlignedPrediction)
    assert after.prediction.anomaly_score == before.prediction.anomaly_score
    np.testing.assert_array_equal(after.prediction.slice_scores, before.prediction.slice_scores)
    np.testing.assert_array_equal(after.prediction.anomaly_map, before.prediction.anomaly_map)


def test_models_of_before_cut_scans_as_they_lie(outcome: FitOutcome) -> None:
    assert outcome.model.scans is not None
    told = outcome.model.scans.to_json()
    settings = {name: value for name, value in told["settings"].items() if name not in ("align", "even")}
    before = ScanView.from_json({"settings": settings, "settled": told["settled"], "heights": None})
    assert before.settings.align == "none"
    assert before.reference is None


def test_the_model_dock_tells_that_scans_are_aligned(outcome: FitOutcome) -> None:
    from ad_desktop.ui.model.summary import model_facts

    assert ("Scans", "laid over the normal ones and made as even") in model_facts(outcome.model)


def test_what_cannot_be_laid_is_named_and_others_go_on(outcome: FitOutcome) -> None:
    results = [result for result, _ in look(outcome, *(scans(k, 50)[0] for k in ("part", "nan", "tiny", "normal")))]
    part, nan, tiny, normal = (result.error or "" for result in results)
    assert "in common with the normal scans" in part
    assert "no finite numbers" in nan
    assert tiny
    assert not normal


def test_where_the_search_fails_the_scan_is_shifted_and_has_a_remark(
    outcome: FitOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("no step leads on")

    monkeypatch.setattr(laying, "register", fails)
    prediction, _ = found(outcome, "normal", 60)
    assert "no step leads on" in prediction.remark
    assert np.isfinite(prediction.slice_scores).any()


def test_chosen_slices_are_those_of_the_scan(outcome: FitOutcome) -> None:
    settings = SliceSettings(mask="brain", align="auto", bands="24", slices="20:30")
    model = fit_scans(scans("normal", *range(4)), FitOptions(params=PARAMS), settings, opener, Task())
    prediction, _ = found(model, "normal", 70)
    scored = np.flatnonzero(np.isfinite(prediction.slice_scores))
    assert scored.min() >= 18
    assert scored.max() <= 30


def test_without_a_mask_scans_cannot_be_aligned() -> None:
    settings = SliceSettings(mask="none", align="affine")
    with pytest.raises(UserError, match="another mask"):
        fit_scans(scans("normal", 0, 1, 2), FitOptions(params=PARAMS), settings, opener, Task())
