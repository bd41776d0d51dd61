"""Large pictures through AnomalyCLIP by tiles, without any normal picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from pictures import save, textured, with_defect
from PIL import Image
from safetensors.torch import save_file
from tiny_clip import tiny_clip

from ad_desktop.data.samples import Sample
from ad_desktop.data.tiles import Tiling, cut
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import load_model, save_model

TILING = Tiling(64, 16)
SIZE = (100, 150)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[FittedModel, FittedModel]:
    """The same model on tiles and on whole pictures."""
    weights = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(tiny_clip(layers=2), weights)
    params = {"weights": str(weights), "image_size": 64, "score": "map-max"}
    tiled, whole = (
        fit([], FitOptions("anomalyclip", params, device="cpu", tiling=tiling), Task()).model
        for tiling in (TILING, Tiling())
    )
    return tiled, whole


def _scores(model: FittedModel, paths: list[Path]) -> list[float]:
    found = list(predict(model, [Sample(path) for path in paths], Task()))
    return [result.prediction.anomaly_score for result in found if result.prediction is not None]


def test_a_picture_scores_as_its_highest_tile(models: tuple[FittedModel, FittedModel], tmp_path: Path) -> None:
    tiled, whole = models
    pixels = with_defect(textured(7, SIZE), 3)[0]
    path = save(tmp_path / "large.png", pixels)
    tiles = cut(SIZE, TILING, None)
    assert len(tiles) > 2
    crops = [pixels[t.top : t.top + t.height, t.left : t.left + t.width] for t in tiles]
    alone = _scores(whole, [save(tmp_path / f"{i}.png", crop) for i, crop in enumerate(crops)])
    assert _scores(tiled, [path]) == [pytest.approx(max(alone), abs=1e-6)]
    [result] = predict(tiled, [Sample(path)], Task())
    assert result.prediction is not None
    assert result.prediction.anomaly_map.shape == SIZE
    # Neither blending nor the size of a tile lets a map leave [0, 1].
    assert 0 <= result.prediction.anomaly_map.min() <= result.prediction.anomaly_map.max() <= 1
    assert not tiled.calibrated
    save_model(tiled, tmp_path / "tiled.adm")
    assert _scores(load_model(tmp_path / "tiled.adm", "cpu"), [path]) == _scores(tiled, [path])


def test_tiles_of_deep_pictures_share_black_and_white(models: tuple[FittedModel, FittedModel], tmp_path: Path) -> None:
    tiled, _ = models
    # The left half is dark, the right half bright: a tile that was stretched by itself would look like any other.
    grey = textured(7, SIZE).astype(np.float64) / 4
    grey[:, SIZE[1] // 2 :] += 150
    deep = np.round(grey * 64).astype(np.uint16)
    low, high = np.percentile(deep, (0.1, 99.9))
    shown = np.clip((deep - low) / (high - low), 0, 1) * 255
    tifffile.imwrite(tmp_path / "deep.tif", deep)
    Image.fromarray(np.round(shown).astype(np.uint8)).save(tmp_path / "shown.png")
    found, expected = _scores(tiled, [tmp_path / "deep.tif", tmp_path / "shown.png"])
    assert found == pytest.approx(expected, abs=2e-3)
