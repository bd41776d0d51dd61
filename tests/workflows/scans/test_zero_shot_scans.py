"""Scans with a model that was fitted on nothing: each settles by itself how it is looked at."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from phantoms import SHAPE, ball, lesion_mask, save_nifti, save_scan
from pictures import save, textured
from safetensors.torch import save_file
from tiny_clip import tiny_clip

from ad_desktop.data.samples import Sample, VolumeSample
from ad_desktop.data.volumes.stack import planes
from ad_desktop.data.volumes.volume import HU
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.scoring.volume_scores import volume_score
from ad_desktop.task import Task
from ad_desktop.workflows.evaluate import evaluate
from ad_desktop.workflows.export import Exporter
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import FittedModel, Result
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.scans.opening import scan_opener
from ad_desktop.workflows.scans.record import scan_facts
from ad_desktop.workflows.scans.settings import SliceSettings
from ad_desktop.workflows.scans.settle import settle, settle_alone
from ad_desktop.workflows.scans.slicer import Slicer
from ad_desktop.workflows.store import load_model, save_model

SETTINGS = SliceSettings(axis="sagittal", slices="40%:60%", unit=HU)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> FittedModel:
    weights = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(tiny_clip(layers=2), weights)
    params = {"weights": str(weights), "image_size": 32, "score": "mean"}
    return fit([], FitOptions("anomalyclip", params, device="cpu", slices=SETTINGS), Task()).model


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """A scan, a picture, a file that is no scan, and another scan."""
    folder = tmp_path_factory.mktemp("in")
    (folder / "broken.nii.gz").write_bytes(b"no scan")
    return [
        VolumeSample(save_scan(folder / "a.nii.gz", 1)), Sample(save(folder / "b.png", textured(3, 64))),
        VolumeSample(folder / "broken.nii.gz"), VolumeSample(save_scan(folder / "c.nii.gz", 2, lesion=True)),
    ]  # fmt: skip


def _scan(result: Result) -> VolumePrediction:
    assert isinstance(result.prediction, VolumePrediction)
    return result.prediction


def test_scans_and_pictures_in_the_order_given(model: FittedModel, samples: list[Sample]) -> None:
    found = list(predict(model, samples, Task()))
    assert [result.sample for result in found] == samples
    assert [result.error is None for result in found] == [True, True, False, True]
    # What one says does not depend on what came before.
    [alone] = predict(model, samples[3:], Task())
    assert _scan(alone).anomaly_score == _scan(found[3]).anomaly_score
    one = _scan(found[0])
    assert one.axis == "sagittal"
    assert one.anomaly_map.shape == SHAPE
    assert 0 < len(one.scored) < SHAPE[2] / 2
    assert one.anomaly_score == volume_score(one.slice_scores, SETTINGS.top_share)
    assert 0 < one.anomaly_map.max() < 1
    assert not model.judge(one.anomaly_score).percentile


def test_each_slice_is_a_picture_of_its_own(model: FittedModel, samples: list[Sample]) -> None:
    sample = samples[0]
    assert isinstance(sample, VolumeSample)
    volume = scan_opener(HU)(sample, Task())
    view = settle_alone(sample, volume, SETTINGS)
    assert view == settle([sample], SETTINGS, scan_opener(HU), Task())
    [result] = predict(model, [sample], Task())
    detector = model.detector
    cut = list(Slicer(volume, sample, view).samples())
    # The same black and white for all of them, so that a slice with nothing bright in it stays dark.
    low, high = view.settled.low, view.settled.high
    prepared = [detector.prepare(one) for one in cut]
    for one, item in zip(cut, prepared, strict=True):
        assert one.picture is not None
        grey = (np.clip(one.picture.pixels, low, high) - low) / (high - low) * 255
        assert abs(float(item.pixels.mean()) - float(grey.mean())) < 1
    scores = [one.anomaly_score for one in detector.predict(prepared)]
    np.testing.assert_allclose(_scan(result).slice_scores[list(_scan(result).scored)], scores, atol=1e-6)


def test_a_step_thins_what_is_looked_at(model: FittedModel, samples: list[Sample]) -> None:
    [full] = predict(model, samples[:1], Task())
    every, stepped = _scan(full), replace(model, slices=replace(SETTINGS, step=2))
    [found] = predict(stepped, samples[:1], Task())
    thin = _scan(found)
    assert thin.scored == every.scored[::2]
    np.testing.assert_allclose(
        thin.slice_scores[list(thin.scored)], every.slice_scores[list(thin.scored)], atol=1e-6
    )  # fmt: skip
    assert np.isfinite(thin.slice_scores).sum() == len(thin.scored)
    # Each slice between them shows the map of its neighbour: regions stay connected, and nothing is left out.
    np.testing.assert_array_equal(thin.looked_at, every.looked_at)
    seen, drawn = (planes(each, thin.affine, "sagittal") for each in (thin.looked_at, thin.anomaly_map))
    own, beside = thin.between[0] - 1, thin.between[0]
    both = seen[own] & seen[beside]
    first, second = drawn[own][both], drawn[beside][both]
    np.testing.assert_array_equal(first, second)
    assert first.max() > 0


def test_measured_on_scans_with_known_lesions(model: FittedModel, tmp_path: Path) -> None:
    save_scan(tmp_path / "test" / "good" / "a.nii.gz", 1)
    save_scan(tmp_path / "test" / "lesion" / "b.nii.gz", 2, lesion=True)
    save_nifti(lesion_mask(), tmp_path / "ground_truth" / "lesion" / "b_mask.nii.gz")
    found = evaluate(model, tmp_path, Task())
    assert not found.errors
    figures = found.as_dict()
    assert (figures["n_normal"], figures["n_anomalous"]) == (1, 1)
    assert found.voxels is not None
    # The threshold of the map is the default one.
    assert found.map_threshold == 0.5


def test_saved_and_exported(model: FittedModel, samples: list[Sample], tmp_path: Path) -> None:
    save_model(model, tmp_path / "z.adm")
    loaded = load_model(tmp_path / "z.adm", "cpu")
    assert loaded.zero_shot_slices == SETTINGS
    [result] = predict(loaded, samples[3:], Task(), keep_volumes=True)
    [expected] = predict(model, samples[3:], Task())
    assert _scan(result).anomaly_score == _scan(expected).anomaly_score
    told = scan_facts(loaded, result)["slice_scores"]
    assert told["threshold"] == loaded.threshold.value == 0.5
    exporter = Exporter(loaded, samples[3:], tmp_path / "out", ("map", "json"))
    assert exporter.add(result) is None
    exporter.finish()
    written = json.loads((tmp_path / "out" / "c" / "regions.json").read_text(encoding="utf-8"))
    assert written["percentile"] is None
    assert written["slice_threshold"] == 0.5
    assert len(written["slice_scores"]) == ball(0).shape[2]
