"""Results of scans written to folders, as the command line does it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.patches import Patch
from ad_desktop.data.volumes.volume import HU, Volume, make_affine
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.errors import UserError
from ad_desktop.export.nifti import write_nifti
from ad_desktop.task import Task
from ad_desktop.workflows.export import Exporter
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import FittedModel, Result
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.scans.record import scan_facts, scan_regions
from ad_desktop.workflows.scans.settings import SliceSettings


def write_scan(path: Path, seed: int, lesion: bool = False) -> VolumeSample:
    """A ball of soft tissue in air, on an axis-turned grid."""
    z, y, x = np.indices((20, 24, 24))
    inside = ((z - 10) / 8) ** 2 + ((y - 12) / 10) ** 2 + ((x - 12) / 10) ** 2 < 1
    values = 40 + 15 * np.sin(y) + np.random.default_rng(seed).normal(0, 2, inside.shape)
    array = np.where(inside, values, -1000).astype(np.float32)
    if lesion:
        array[8:11, 9:13, 13:17] = 90
    path.parent.mkdir(exist_ok=True)
    write_nifti(array, Volume(array, make_affine((4, 4, 5), (9, -30, 200), np.diag([-1, 1, -1]))), path, "phantom")
    return VolumeSample(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> FittedModel:
    """A model of eight scans from files without a unit."""
    folder = tmp_path_factory.mktemp("normal")
    samples = [write_scan(folder / f"{number}.nii.gz", number) for number in range(8)]
    return fit(samples, FitOptions(params={"image_size": 64}, slices=SliceSettings(unit=HU)), Task()).model


def test_a_folder_for_each_scan(model: FittedModel, tmp_path: Path) -> None:
    sample = write_scan(tmp_path / "in" / "case 1.nii.gz", 50, lesion=True)
    [result] = predict(model, [sample], Task(), keep_volumes=True)
    exporter = Exporter(model, [sample], tmp_path / "out", ("map", "mask", "json", "csv"))
    assert exporter.add(result) is None
    exporter.finish()
    assert (tmp_path / "out" / "results.csv").is_file()
    told = json.loads((tmp_path / "out" / "case 1" / "regions.json").read_text(encoding="utf-8"))
    assert result.prediction is not None
    assert told["anomaly_score"] == result.prediction.anomaly_score
    source = nibabel.load(sample.path)
    for name in ("anomaly_map", "pred_mask"):
        image = nibabel.load(tmp_path / "out" / "case 1" / f"{name}.nii.gz")
        assert np.allclose(image.affine, source.affine)
        assert image.shape == source.shape
    labels = np.asarray(image.dataobj)
    facts = scan_facts(model, result)
    assert labels.max() == len(told["regions"]) == facts["regions"]
    assert told["regions"]
    assert all(region["unit"] == "HU" for region in told["regions"])
    assert facts["slice_scores"]["above"] >= 1


def test_what_should_be_known_of_a_scan_goes_along_with_its_results(model: FittedModel, tmp_path: Path) -> None:
    sample = write_scan(tmp_path / "in" / "case.nii.gz", 50)
    [result] = predict(model, [sample], Task(), keep_volumes=True)
    assert scan_facts(model, result)["remark"] == ""
    prediction_of(result).remark = "it looks unlike the normal scans"
    exporter = Exporter(model, [sample], tmp_path / "out", ("json",))
    exporter.add(result)
    told = json.loads(next((tmp_path / "out").rglob("regions.json")).read_text(encoding="utf-8"))
    assert told["remark"] == scan_facts(model, result)["remark"] == "it looks unlike the normal scans"


@dataclass
class Painted(VolumePrediction):
    """A prediction with a healthy version that is 10 lower everywhere."""

    @property
    def residual(self) -> np.ndarray:
        return np.full(self.shape, 10, np.float32)


def test_what_was_painted_by_hand_is_in_the_exported_healthy_version(model: FittedModel, tmp_path: Path) -> None:
    sample = write_scan(tmp_path / "in" / "case.nii.gz", 50)
    [result] = predict(model, [sample], Task(), keep_volumes=True)
    painted = Painted(**vars(prediction_of(result)))
    first, last = (Patch(np.array(where), np.array(values, np.float32)) for where, values in (
        ([5, 6, 7], [1, 2, 3]), ([7, 8], [4, 5])
    ))  # fmt: skip
    exporter = Exporter(model, [sample], tmp_path / "out", ("map", "json"))
    exporter.add(replace(result, prediction=painted, patches=(first, last)))
    files = {name: next((tmp_path / "out").rglob(name)) for name in ("pseudo_healthy.nii.gz", "regions.json")}
    healthy = np.asarray(nibabel.load(files["pseudo_healthy.nii.gz"]).dataobj).T.ravel()
    assert result.volume is not None
    difference = result.volume.array.ravel() - healthy
    np.testing.assert_allclose(difference[:10], [10, 10, 10, 10, 10, 1, 2, 4, 5, 10], atol=1e-3)
    assert json.loads(files["regions.json"].read_text(encoding="utf-8"))["painted_by_hand"] == 2


def test_small_regions_are_left_out_everywhere(model: FittedModel, tmp_path: Path) -> None:
    sample = write_scan(tmp_path / "in" / "case.nii.gz", 50, lesion=True)
    [result] = predict(model, [sample], Task(), keep_volumes=True)
    regions = scan_regions(model, result, prediction_of(result))
    largest = max(region.volume_ml for region in regions)
    assert model.scans is not None
    for least, count in ((largest, 1), (1.01 * largest, 0)):
        view = replace(model.scans, settings=replace(model.scans.settings, min_ml=least))
        strict = replace(model, scans=view)
        assert strict.marking.min_ml == least
        assert len(scan_regions(strict, result, prediction_of(result))) == count
        folder = tmp_path / str(count)
        exporter = Exporter(strict, [sample], folder, ("mask", "json"))
        assert exporter.add(result) is None
        exporter.finish()
        labels = np.asarray(nibabel.load(next(folder.rglob("pred_mask.nii.gz"))).dataobj)
        told = json.loads(next(folder.rglob("regions.json")).read_text(encoding="utf-8"))
        assert len(np.unique(labels)) - 1 == len(told["regions"]) == count


def prediction_of(result: Result) -> VolumePrediction:
    assert isinstance(result.prediction, VolumePrediction)
    return result.prediction


def test_dicom_is_asked_of_a_nifti_scan(model: FittedModel, tmp_path: Path) -> None:
    sample = write_scan(tmp_path / "case.nii.gz", 51)
    exporter = Exporter(model, [sample], tmp_path / "out", ("dicom-seg",))
    [result] = predict(model, [sample], Task())
    assert "no DICOM series" in str(exporter.add(result))


def test_pictures_and_scans_do_not_mix(model: FittedModel, tmp_path: Path) -> None:
    from ad_desktop.data.samples import Sample

    scan, picture = write_scan(tmp_path / "case.nii.gz", 52), Sample(tmp_path / "picture.png")
    results = list(predict(model, [picture, scan], Task()))
    assert "fitted on scans" in str(results[0].error)
    assert results[1].prediction is not None
    with pytest.raises(UserError, match="cannot be learned together"):
        fit([picture, scan], FitOptions(), Task())
