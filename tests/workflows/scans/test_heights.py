"""Slices compared with normal ones of the same height in the body."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.volume import HU, Volume, make_affine
from ad_desktop.detectors.banded.contrast import contrast, slice_peaks
from ad_desktop.detectors.banded.detector import BandedDetector
from ad_desktop.detectors.banded.standard import PRIOR, BandStandard
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, FitOutcome
from ad_desktop.workflows.scans.fit import fit_scans
from ad_desktop.workflows.scans.predict import predict_scans
from ad_desktop.workflows.scans.settings import ScanView, SliceSettings
from ad_desktop.workflows.scans.settle import settle
from ad_desktop.workflows.scans.slicer import Slicer
from ad_desktop.workflows.scans.update import update_scans
from ad_desktop.workflows.store import load_model, save_model

PARAMS = {"image_size": 64}
LESION_AT = 40
"""Height of the lesion in mm above the lowest slice of a whole body."""


def body(seed: int, first: int = 0, last: int = 40, lesion: bool = False) -> Volume:
    """Slices ``first`` to ``last`` (3 mm apart) of a cone, dark and smooth below, bright and striped above.

    The lesion is a patch of what is normal further up.
    """
    z, y, x = np.indices((40, 32, 32))
    random = np.random.default_rng(seed)
    inside = np.hypot(y - 15.5, x - 15.5) < 14 - z / 6 + random.uniform(-0.3, 0.3)
    upper = 120 + 40 * np.sin(x * 1.5)
    tissue = np.where(z > 24, upper, 20.0) + random.normal(0, 2, z.shape)
    array = np.where(inside & (z > 1) & (z < 38), tissue, -1000).astype(np.float32)
    if lesion:
        patch = np.sqrt(((z - LESION_AT / 3) * 3) ** 2 + ((y - 17) * 3) ** 2 + ((x - 13) * 3) ** 2) < 9
        array[patch] = upper[patch]
    return Volume(np.ascontiguousarray(array[first:last]), make_affine((3, 3, 3), (0, 0, 3 * first)), HU, "CT")


def opener(sample: VolumeSample, task: Task) -> Volume:
    kind, seed = sample.path.name.split("-")
    if kind == "cut":
        return body(int(seed), 12, 36)
    return body(int(seed), lesion=kind == "lesion")


def scans(kind: str, *seeds: int) -> list[VolumeSample]:
    return [VolumeSample(Path(f"/scans/{kind}-{seed}")) for seed in seeds]


NORMAL = scans("whole", *range(7))


@pytest.fixture(scope="module")
def outcome() -> FitOutcome:
    return fit_scans(NORMAL, FitOptions(params=PARAMS), SliceSettings(bands="18"), opener, Task())


def bands_of(volume: Volume, view: ScanView) -> dict[int, int | None]:
    """The band of each slice by its height in mm."""
    slicer = Slicer(volume, scans("whole", 0)[0], view)
    return {
        round(float(volume.affine[2, 3]) + 3 * index): sample.band
        for index, sample in zip(slicer.body.indices, slicer.samples(), strict=True)
    }


def test_a_part_of_the_body_is_laid_where_it_belongs() -> None:
    view = settle([*NORMAL, *scans("cut", 50)], SliceSettings(bands="18"), opener, Task())
    assert view.heights is not None
    assert view.heights.count == 6
    whole, part = bands_of(body(60), view), bands_of(body(61, 10, 34), view)
    assert set(whole.values()) == set(range(6))
    assert sorted(whole) == list(whole)
    assert len(part) == 24
    # Steps of 2 mm are not told apart.
    assert all(abs(float(band or 0) - float(whole[height] or 0)) <= 1 for height, band in part.items())
    assert np.mean([whole[height] == band for height, band in part.items()]) > 0.8
    assert ScanView.from_json(view.to_json()) == view


def test_heights_that_few_normal_scans_show_are_passed_over() -> None:
    view = settle([*NORMAL[:2], *scans("cut", 50, 51, 52)], SliceSettings(), opener, Task())
    whole = bands_of(body(60), view)
    assert 36 - 4 <= min(whole) <= 36 + 4
    assert 105 - 4 <= max(whole) <= 105 + 4


def test_what_is_normal_elsewhere_is_found(outcome: FitOutcome) -> None:
    assert isinstance(outcome.model.detector, BandedDetector)
    assert any("18" in note and "same height" in note for note in outcome.notes)
    assert any("stands out from its surroundings" in note for note in outcome.notes)
    found = {}
    for result, _ in predict_scans(outcome.model, [*scans("lesion", 101), *scans("whole", 102)], opener, Task()):
        assert isinstance(result.prediction, VolumePrediction)
        found[result.sample.path.name] = result.prediction
    ill, well = found["lesion-101"], found["whole-102"]
    assert abs(3 * int(np.nanargmax(ill.slice_scores)) - LESION_AT) <= 9
    assert outcome.model.judge(ill.anomaly_score).pred_label
    assert not outcome.model.judge(well.anomaly_score).pred_label


def test_slices_are_scored_by_what_stands_out_in_their_scan(outcome: FitOutcome) -> None:
    model = outcome.model
    detector = model.detector
    assert isinstance(detector, BandedDetector)
    [(result, volume)] = predict_scans(model, scans("lesion", 101), opener, Task())
    found = result.prediction
    assert isinstance(found, VolumePrediction)
    assert volume is not None
    slicer = Slicer(volume, result.sample, model.scans)
    bands = np.array([sample.band for sample in slicer.samples()])
    maps = [prediction.grid for prediction in detector.predict([detector.prepare(each) for each in slicer.samples()])]
    plain = contrast(np.stack(maps), 3 / model.scans.settled.field_mm)
    # Where more stands out all over the scan than in normal ones, in units of that.
    damping = min(1, detector.spread_ / float(np.subtract(*np.percentile(plain, (90, 10)))))
    np.testing.assert_allclose(found.grid, plain * damping, atol=1e-4)
    expected = detector.standard_.apply(slice_peaks(found.grid), bands)
    np.testing.assert_allclose(found.slice_scores[list(found.scored)], expected)
    # What all slices share adds nothing.
    np.testing.assert_allclose(contrast(np.stack(maps) + 1, 0.03), contrast(np.stack(maps), 0.03), atol=1e-4)
    held_out = model.calibration.slices.scores
    assert held_out.mean() == pytest.approx(0, abs=0.3)
    assert 0.5 < held_out.std() < 2


def test_models_that_score_each_slice_by_itself_still_open(outcome: FitOutcome, tmp_path: Path) -> None:
    state = outcome.model.detector.state()
    state.meta.pop("gaps")
    state.meta.pop("contrast")
    older = BandedDetector(type(outcome.model.detector.inner[0])(outcome.model.detector.params), 6)
    older.load(Task())
    older.restore(state)
    [(result, _)] = predict_scans(replace(outcome.model, detector=older), scans("whole", 101), opener, Task())
    assert isinstance(result.prediction, VolumePrediction)
    assert not older.contrast_


def test_scores_are_standardised_in_each_band() -> None:
    random = np.random.default_rng(0)
    bands, groups = random.integers(0, 3, 90), random.integers(0, 5, 90)
    scores = random.normal(np.array([0.0, 5.0, -2.0])[bands], np.array([1.0, 2.0, 1.0])[bands])
    found = BandStandard.held_out(scores, bands, groups.tolist(), 4)
    out = groups == 2
    kept, theirs = scores[~out], bands[~out]
    pooled = np.mean([np.var(kept[theirs == band]) * np.sum(theirs == band) for band in range(3)]) * 3 / len(kept)
    for band in range(3):
        own = kept[theirs == band]
        variance = (own.var() * len(own) + PRIOR * pooled) / (len(own) + PRIOR)
        mine = out & (bands == band)
        np.testing.assert_allclose(found[mine], (scores[mine] - own.mean()) / np.sqrt(variance))
    whole = BandStandard.fit(scores, bands, 4)
    assert whole.mean[3] == pytest.approx(scores.mean())


@pytest.mark.parametrize("bands", ["18", "none"])
def test_an_update_is_a_refit(bands: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, options = SliceSettings(bands=bands, step=2), FitOptions(params=PARAMS)
    fitted = fit_scans(NORMAL[:5], options, settings, opener, Task()).model
    save_model(fitted, tmp_path / "before.adm")
    model = load_model(tmp_path / "before.adm")
    updated = update_scans(model, NORMAL[4:6], [NORMAL[1].key], opener, Task()).model
    wanted = [NORMAL[0], *NORMAL[2:4], *NORMAL[4:6]]
    assert updated.normal_keys == tuple(sample.key for sample in wanted)
    # How scans are looked at stays that of the fit.
    monkeypatch.setattr("ad_desktop.workflows.scans.fit.settle", lambda *_: fitted.scans)
    refit = fit_scans(wanted, options, settings, opener, Task()).model
    assert isinstance(refit.detector, BandedDetector) is (bands != "none")
    np.testing.assert_allclose(updated.calibration.scores, refit.calibration.scores, rtol=1e-4, atol=1e-4)
    [(one, _)], [(other, _)] = (
        list(predict_scans(each, scans("lesion", 101), opener, Task())) for each in (updated, refit)
    )
    assert one.prediction is not None
    assert other.prediction is not None
    assert one.prediction.anomaly_score == pytest.approx(other.prediction.anomaly_score, rel=1e-4)


def test_an_update_that_cannot_be_changes_nothing(outcome: FitOutcome) -> None:
    model = outcome.model
    before = model.detector.normal_set
    with pytest.raises(UserError, match="not among the normal scans"):
        update_scans(model, [], [scans("whole", 77)[0].key], opener, Task())
    with pytest.raises(UserError, match="two normal scans have to remain"):
        update_scans(model, [], [sample.key for sample in NORMAL[1:]], opener, Task())
    with pytest.raises(UserError, match="no scan can be added"):
        update_scans(model, [], [], opener, Task())
    assert model.detector.normal_set == before


@pytest.mark.parametrize("text", ["tall", "-3", "0", "inf"])
def test_bands_that_cannot_be(text: str) -> None:
    with pytest.raises(UserError, match="a height in mm"):
        settle(NORMAL[:2], SliceSettings(bands=text), opener, Task())
