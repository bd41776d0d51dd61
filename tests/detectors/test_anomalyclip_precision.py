"""Half precision for AnomalyCLIP, on the CPU: close to float32, or not used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fitting import fit, normal_pictures, predict, scores_of, small, spoilt_pictures
from safetensors.torch import save_file
from tiny_clip import tiny_clip

from ad_desktop.detectors.anomalyclip import AnomalyCLIP
from ad_desktop.detectors.base import Detector
from ad_desktop.detectors.nets import torch_engine
from ad_desktop.detectors.nets.torch_engine import MIXED_TOLERANCE
from ad_desktop.task import Task


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    save_file(tiny_clip(layers=2), tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


def _loaded(weights: Path, *, mixed: bool) -> tuple[Detector, Task]:
    detector = small(AnomalyCLIP, weights=str(weights), memory=False, score="mean", mixed_precision=mixed)
    task = Task()
    detector.load(task)
    return detector, task


def test_scores_and_maps_stay_close(weights: Path, tmp_path: Path) -> None:
    samples = [*normal_pictures(tmp_path, 3), *spoilt_pictures(tmp_path, 3)]
    (exact, _), (half, task) = (_loaded(weights, mixed=mixed) for mixed in (False, True))
    for detector in (exact, half):
        fit(detector, samples[:2])
    assert exact.describe()["precision"] == "float32"
    assert half.describe()["precision"] == "bfloat16"
    assert not any("Mixed precision is off" in note for note in task.notes)
    wanted, found = predict(exact, samples), predict(half, samples)
    assert scores_of(found).tolist() != scores_of(wanted).tolist()
    np.testing.assert_allclose(scores_of(found), scores_of(wanted), atol=2 * MIXED_TOLERANCE, rtol=0)
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine.grid, theirs.grid, atol=2 * MIXED_TOLERANCE, rtol=0)


def test_where_it_changes_too_much_float32_is_used(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = normal_pictures(tmp_path, 2)
    exact, _ = _loaded(weights, mixed=False)
    monkeypatch.setattr(torch_engine, "MIXED_TOLERANCE", 1e-9)
    half, task = _loaded(weights, mixed=True)
    assert any("Mixed precision is off" in note for note in task.notes)
    assert half.describe()["precision"] == "float32"
    for detector in (exact, half):
        fit(detector, samples)
    assert scores_of(predict(half, samples)).tolist() == scores_of(predict(exact, samples)).tolist()
