"""Whole scans through a volumetric method: fit, thresholds, model file, and what is exported."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from heads import SHAPE, head

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.volume import Volume, flipped_lps_ras
from ad_desktop.detectors.painting.prediction import PaintedPrediction
from ad_desktop.errors import InputError, UserError
from ad_desktop.task import Task
from ad_desktop.workflows.export import Exporter
from ad_desktop.workflows.fit import FitOptions, FitOutcome
from ad_desktop.workflows.model import Result
from ad_desktop.workflows.scans.fit import fit_scans
from ad_desktop.workflows.scans.predict import predict_scans
from ad_desktop.workflows.scans.settings import SliceSettings
from ad_desktop.workflows.store import load_model, save_model

PARAMS = {"stage": "z", "spacing": 5.0, "voxel_fpr": 0.01}


def opener(sample: VolumeSample, task: Task) -> Volume:
    """Heads with nothing around them, as if stripped; the number is in the name."""
    name = sample.path.name.partition(".")[0]
    if name == "broken":
        raise InputError(sample.path, "it is broken")
    volume, mask = head(int(name[-3:]))
    array = np.where(mask, np.maximum(volume.array, 1), 0)
    if "lesion" in name:
        array[7:11, 10:16, 20:27] += 300
    if "empty" in name:
        array = np.zeros_like(array)
    return volume.with_array(array.astype(np.float32))


def scans(*names: str) -> list[VolumeSample]:
    return [VolumeSample(Path(f"/scans/{name}.nii.gz")) for name in names]


@pytest.fixture(scope="module")
def outcome() -> FitOutcome:
    names = [*(f"normal{number:03}" for number in range(20)), "broken", "empty021"]
    return fit_scans(
        scans(*names), FitOptions(detector="autopaint", params=PARAMS), SliceSettings(), opener, Task()
    )  # fmt: skip


def test_thresholds_come_from_scans_that_were_kept_apart(outcome: FitOutcome) -> None:
    model = outcome.model
    assert [Path(failure.path).name for failure in outcome.failures] == ["broken.nii.gz", "empty021.nii.gz"]
    assert len(model.normal_keys) == 20
    assert model.normal_keys[0] == "/scans/normal000.nii.gz"
    assert len(model.calibration.scores) == 4
    held_out = scans(*(f"normal{number:03}" for number in (4, 9, 14, 19)))
    found = [result.prediction for result, _ in predict_scans(model, held_out, opener, Task())]
    assert model.calibration.scores.tolist() == [prediction.anomaly_score for prediction in found]
    maps = np.concatenate([prediction.anomaly_map[prediction.looked_at] for prediction in found])
    assert (maps > model.map_threshold).mean() == pytest.approx(0.01, abs=0.001)


def test_nothing_is_said_of_slices_that_are_not_cut(outcome: FitOutcome) -> None:
    assert not [note for note in outcome.notes if "Slices were cut" in note]
    words = outcome.model.scans.to_json()["words"]
    assert words.startswith("What is looked at is the body: above Otsu's threshold")
    assert words in outcome.notes


def test_new_healthy_scans_keep_the_promise(outcome: FitOutcome) -> None:
    new = scans(*(f"new{number:03}" for number in range(200, 208)))
    found = [result.prediction for result, _ in predict_scans(outcome.model, new, opener, Task())]
    maps = np.concatenate([prediction.anomaly_map[prediction.looked_at] for prediction in found])
    assert 0.003 < (maps > outcome.model.map_threshold).mean() < 0.03


def test_a_lesion_is_found_saved_and_exported(outcome: FitOutcome, tmp_path: Path) -> None:
    path = tmp_path / "model.adm"
    save_model(outcome.model, path)
    model = load_model(path, "cpu")
    assert model.map_threshold == outcome.model.map_threshold
    samples = scans("lesion300", "new301", "broken", "empty302")
    found = predict_scans(model, samples, opener, Task())
    results = [Result(said.sample, said.prediction, said.error, volume) for said, volume in found]
    assert [result.error is None for result in results] == [True, True, False, False]
    spoilt, healthy = (result.prediction for result in results[:2])
    assert isinstance(spoilt, PaintedPrediction)
    assert spoilt.anomaly_score > model.threshold.value > 0
    assert spoilt.anomaly_score > healthy.anomaly_score
    exporter = Exporter(model, samples, tmp_path, ["map", "mask", "csv"])
    assert exporter.add(results[0]) is None
    volume = results[0].volume
    files = {name: nibabel.load(tmp_path / "lesion300" / f"{name}.nii.gz") for name in
             ("anomaly_map", "residual", "pseudo_healthy", "pred_mask")}  # fmt: skip
    for image in files.values():
        np.testing.assert_allclose(image.affine, flipped_lps_ras(volume.affine), atol=1e-4)
    arrays = {name: np.asarray(image.dataobj).T for name, image in files.items()}
    np.testing.assert_allclose(arrays["pseudo_healthy"] + arrays["residual"], volume.array, atol=1e-3)
    block = np.zeros(SHAPE, bool)
    block[7:11, 10:16, 20:27] = True
    assert (arrays["pred_mask"] > 0)[block].mean() > 0.5
    assert arrays["residual"][block].mean() > 150
    # The painted scan is what it was before the lesion, but for grain and interpolation.
    truth = opener(scans("new300")[0], Task()).array
    assert np.abs(arrays["pseudo_healthy"] - truth)[block].mean() < 150


def test_too_few_scans_are_said_so() -> None:
    with pytest.raises(UserError, match=r"at least three normal scans.*broken"):
        fit_scans(
            scans("normal001", "normal002", "broken"), FitOptions(detector="autopaint", params=PARAMS),
            SliceSettings(), opener, Task(),
        )  # fmt: skip
