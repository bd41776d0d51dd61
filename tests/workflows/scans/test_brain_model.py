"""The model of healthy brains that comes with the program, on the scan that comes with it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from ad_desktop.data.samples import VolumeSample
from ad_desktop.detectors.painting.prediction import PaintedPrediction
from ad_desktop.resources import resource
from ad_desktop.task import Task
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import load_model

MODELS = Path(resource("models"))
PACKAGING = Path(__file__).parents[3] / "packaging"


def test_it_is_small_and_says_where_it_is_from() -> None:
    path = MODELS / "brain-t1.adm"
    assert path.stat().st_size < 10_000_000
    model = load_model(path, "cpu")
    assert "IXI" in model.provenance["data"]
    assert "CC BY-SA 3.0" in model.provenance["licence"]
    assert len(model.normal_keys) == 60
    # Where the scans lay is nobody's business.
    assert not any("/work/" in key or "/home/" in key for key in model.normal_keys)


def test_it_paints_over_the_lesion_of_the_scan_beside_it() -> None:
    model = load_model(MODELS / "brain-t1.adm", "cpu")
    [result] = predict(model, [VolumeSample(MODELS / "brain.nii.gz")], Task(), keep_volumes=True)
    assert isinstance(result.prediction, PaintedPrediction)
    assert result.volume is not None
    lesion = np.asarray(nibabel.load(MODELS / "brain-lesion.nii.gz").dataobj).T > 0
    found = result.prediction.anomaly_map > model.map_threshold
    assert 2 * (found & lesion).sum() / (found.sum() + lesion.sum()) > 0.5
    # Brighter by 450 before, and not by half as much once it is painted over.
    assert result.prediction.residual[lesion].mean() > 225


def test_the_scan_is_what_its_script_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(PACKAGING), *sys.path])
    written = importlib.import_module("make_brain_sample").make(MODELS / "brain-t1.adm", tmp_path)
    for path in written:
        made, kept = (np.asarray(nibabel.load(folder / path.name).dataobj) for folder in (tmp_path, MODELS))
        assert np.array_equal(made, kept)
