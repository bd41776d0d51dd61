"""Tiles from fit to model file, score, update and export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import save, textured

from ad_desktop.data.samples import Sample
from ad_desktop.data.tiles import Tiling
from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import THEORY, FittedModel, Result
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import load_model, read_metadata, save_model
from ad_desktop.workflows.update import update

SIZE = (300, 400)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(10):
        save(folder / "normal" / f"{seed}.png", textured(seed, SIZE))
    spoilt = textured(500, SIZE)
    save(folder / "clean.png", spoilt)
    spoilt[200:206, 300:306] = 250
    save(folder / "spot.png", spoilt)
    return folder


def fitted(folder: Path, tiling: Tiling) -> FittedModel:
    samples = [Sample(path) for path in sorted((folder / "normal").iterdir())]
    options = FitOptions(params={"image_size": 64, "levels": "3,4"}, groups="none", tiling=tiling)
    return fit(samples, options, Task()).model


@pytest.fixture(scope="module")
def model(folder: Path) -> FittedModel:
    return fitted(folder, Tiling(100, 25))


def results(model: FittedModel, folder: Path) -> list[Result]:
    return list(predict(model, [Sample(folder / "clean.png"), Sample(folder / "spot.png")], Task()))


def test_a_small_spot_is_found_with_tiles_only(model: FittedModel, folder: Path) -> None:
    clean, spot = (found.prediction for found in results(model, folder))
    assert clean is not None
    assert spot is not None
    assert spot.anomaly_score > model.threshold.value >= clean.anomaly_score
    row, column = np.unravel_index(spot.anomaly_map.argmax(), SIZE)
    assert abs(row - 203) < 8
    assert abs(column - 303) < 8
    plain = fitted(folder, Tiling())
    missed = results(plain, folder)[1].prediction
    assert missed is not None
    assert missed.anomaly_score <= plain.threshold.value


def test_a_model_file_keeps_the_tiles(model: FittedModel, folder: Path, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model.adm")
    again = load_model(tmp_path / "model.adm")
    assert again.tiling == model.tiling == Tiling(100, 25)
    assert read_metadata(tmp_path / "model.adm")["normal_set"]["count"] == 10
    for one, other in zip(results(again, folder), results(model, folder), strict=True):
        assert one.prediction is not None
        assert other.prediction is not None
        assert one.prediction.anomaly_score == other.prediction.anomaly_score
        np.testing.assert_array_equal(one.prediction.anomaly_map, other.prediction.anomaly_map)


def test_pictures_join_and_leave_as_pictures(folder: Path) -> None:
    model = fitted(folder, Tiling(100, 25))
    sample = Sample(folder / "clean.png")
    before = model.calibration.scores
    more = update(model, [sample], [], Task()).model
    assert more.detector.normal_set.keys[-1] == sample.key
    assert len(more.calibration.scores) == 11
    back = update(more, [], [sample.key], Task()).model
    np.testing.assert_allclose(back.calibration.scores, before, rtol=1e-6, atol=1e-6)


def test_a_bad_picture_does_not_stop_the_others(model: FittedModel, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    samples = [Sample(tmp_path / "bad.png"), Sample(folder / "spot.png")]
    bad, spot = predict(model, samples, Task())
    assert bad.error
    assert spot.prediction is not None


def test_no_theory_holds_for_the_highest_of_several_tiles(folder: Path) -> None:
    options = FitOptions(params={"image_size": 64, "score": "global"}, threshold_rule=THEORY, tiling=Tiling(100))
    with pytest.raises(UserError):
        fit([Sample(folder / "clean.png")], options, Task())
