"""A region of interest from fit to export: what lies outside changes nothing, and is marked nowhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import save, textured
from PIL import Image

from ad_desktop.data.roi import Purpose, RegionOfInterest, Shape, ShapeKind
from ad_desktop.data.samples import Sample
from ad_desktop.task import Task
from ad_desktop.workflows.export import export_results
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import FittedModel, Result
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import load_model, save_model

SIZE = (96, 128)
LEFT = RegionOfInterest((Shape(ShapeKind.RECTANGLE, ((0.0, 0.0), (0.5, 1.0))),))


def spoilt(side: str) -> NDArray[np.uint8]:
    pixels = textured(500, SIZE)
    columns = slice(20, 44) if side == "left" else slice(90, 114)
    pixels[30:54, columns] = 250
    return pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(12):
        save(folder / "normal" / f"{seed}.png", textured(seed, SIZE))
    save(folder / "clean.png", textured(500, SIZE))
    save(folder / "left.png", spoilt("left"))
    save(folder / "right.png", spoilt("right"))
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> FittedModel:
    return fitted(folder, LEFT)


def fitted(folder: Path, roi: RegionOfInterest, **options: int) -> FittedModel:
    samples = [Sample(path) for path in sorted((folder / "normal").iterdir())]
    chosen = FitOptions(params={"image_size": 64, "levels": "4,5"}, roi=roi, **options)  # type: ignore[arg-type]
    return fit(samples, chosen, Task()).model


def results(model: FittedModel, folder: Path, *names: str) -> list[Result]:
    return list(predict(model, [Sample(folder / f"{name}.png") for name in names], Task()))


def scores(model: FittedModel, folder: Path, *names: str) -> list[float]:
    return [found.prediction.anomaly_score for found in results(model, folder, *names) if found.prediction]


def test_what_lies_outside_changes_nothing(model: FittedModel, folder: Path) -> None:
    clean, left, right = scores(model, folder, "clean", "left", "right")
    assert right == clean
    assert left > clean + 3


def test_the_map_is_zero_outside(model: FittedModel, folder: Path) -> None:
    [found] = results(model, folder, "left")
    assert found.prediction is not None
    anomaly_map = found.prediction.anomaly_map
    assert anomaly_map.shape == SIZE
    assert not anomaly_map[:, 64:].any()
    assert anomaly_map[30:54, 20:44].max() == anomaly_map.max() > 0


def test_without_a_region_the_same_spot_is_found(folder: Path) -> None:
    everywhere = fitted(folder, RegionOfInterest())
    clean, right = scores(everywhere, folder, "clean", "right")
    assert right > clean + 3


def test_an_ignored_shape_hides_what_it_covers(folder: Path) -> None:
    hidden = Shape(ShapeKind.RECTANGLE, ((0.6, 0.2), (1.0, 0.7)), Purpose.IGNORE)
    clean, left, right = scores(fitted(folder, RegionOfInterest((hidden,))), folder, "clean", "left", "right")
    assert right == clean
    assert left > clean + 3


def test_a_region_for_one_folder_leaves_other_folders_alone(folder: Path, tmp_path: Path) -> None:
    shape = Shape(ShapeKind.RECTANGLE, ((0.0, 0.0), (0.5, 1.0)), folder=str(tmp_path))
    found = fitted(folder, RegionOfInterest((shape,)))
    for name in ("clean", "right"):
        save(tmp_path / f"{name}.png", np.asarray(Image.open(folder / f"{name}.png")))
    limited, whole = scores(found, tmp_path, "clean", "right"), scores(found, folder, "clean", "right")
    assert limited[0] == limited[1]
    assert whole[1] > whole[0] + 3


def test_a_model_file_keeps_the_region(model: FittedModel, folder: Path, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model.adm")
    again = load_model(tmp_path / "model.adm")
    assert again.roi == LEFT
    assert scores(again, folder, "left", "right") == scores(model, folder, "left", "right")


def test_scoring_again_from_features_keeps_the_region(model: FittedModel, folder: Path) -> None:
    [before] = results(model, folder, "left")
    assert before.prediction is not None
    again = model.detector.rescore([before.prediction.features])
    assert again is not None
    assert again[0].anomaly_score == before.prediction.anomaly_score
    np.testing.assert_array_equal(again[0].anomaly_map, before.prediction.anomaly_map)


def test_a_picture_that_the_region_misses_is_an_error_of_its_own(folder: Path) -> None:
    wide = fitted(folder, RegionOfInterest(border=10))
    save(folder / "tiny.png", textured(3, (16, 16)))
    [found] = results(wide, folder, "tiny")
    assert found.error is not None
    assert "region of interest" in found.error


def test_small_regions_are_not_marked(folder: Path, tmp_path: Path) -> None:
    for least, marked in ((0, True), (SIZE[0] * SIZE[1], False)):
        model = fitted(folder, RegionOfInterest(), min_region=least)
        out = tmp_path / str(least)
        export_results(model, results(model, folder, "left"), out, ["mask"], Task())
        [mask] = out.rglob("*.png")
        assert bool(np.asarray(Image.open(mask)).any()) is marked


def test_the_nearest_normal_sample_of_a_copy_is_its_original(folder: Path) -> None:
    model = fitted(folder, RegionOfInterest())
    save(folder / "copy.png", textured(7, SIZE))
    [found] = results(model, folder, "copy")
    assert found.prediction is not None
    near = model.detector.nearest(found.prediction.features, 3)
    assert Path(near[0].key).name == "7.png"
    assert near[0].distance == pytest.approx(0, abs=1e-3)
    assert [n.distance for n in near] == sorted(n.distance for n in near)
