"""Tiles against explicit computation: a detector fitted and asked by hand on pictures cropped by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitting import assert_identical, calibrate, fit, predict, update
from numpy.typing import NDArray
from pictures import save, textured

from ad_desktop.data.roi import RegionOfInterest, Shape, ShapeKind
from ad_desktop.data.samples import Sample
from ad_desktop.data.tiles import Tiling, blending, cut
from ad_desktop.detectors.base import Detector, HeldOut
from ad_desktop.detectors.gaussian_ad import GaussianAD
from ad_desktop.detectors.params import make_params
from ad_desktop.detectors.tiled import detector as tiled
from ad_desktop.detectors.tiled import prediction
from ad_desktop.detectors.tiled.detector import TiledDetector, make_detector
from ad_desktop.errors import InputError, UserError

SIZE, TILING = (150, 200), Tiling(80, 20)
PARAMS = make_params(GaussianAD.Params, {"image_size": 64, "levels": "4,5"})


def make(roi: RegionOfInterest | None = None, tiling: Tiling = TILING) -> Detector:
    return make_detector(GaussianAD, PARAMS, "cpu", roi or RegionOfInterest(), tiling)


@pytest.fixture(scope="module")
def pixels() -> list[NDArray[Any]]:
    return [textured(seed, SIZE) for seed in range(8)]


@pytest.fixture(scope="module")
def normal(pixels: list[NDArray[Any]], tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("normal")
    return [Sample(save(folder / f"{index}.png", array)) for index, array in enumerate(pixels)]


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> tuple[NDArray[Any], Sample]:
    array = textured(99, SIZE)
    array[100:110, 150:160] = 250
    return array, Sample(save(tmp_path_factory.mktemp("spoilt") / "spoilt.png", array))


@pytest.fixture(scope="module")
def fitted(normal: list[Sample]) -> tuple[Detector, HeldOut]:
    detector = make()
    return detector, fit(detector, normal)


@pytest.fixture(scope="module")
def by_hand(pixels: list[NDArray[Any]], tmp_path_factory: pytest.TempPathFactory) -> tuple[GaussianAD, HeldOut]:
    """The method without tiles on crops in files of their own, those of one picture in one group."""
    folder, crops, groups = tmp_path_factory.mktemp("crops"), [], []
    for index, array in enumerate(pixels):
        cropped = crops_of(array, folder, str(index))
        crops += cropped
        groups += [index] * len(cropped)
    detector = GaussianAD(PARAMS, "cpu")
    return detector, fit(detector, crops, groups)


def crops_of(array: NDArray[Any], folder: Path, name: str) -> list[Sample]:
    tiles = cut(SIZE, TILING)
    crops = [array[t.top : t.top + t.height, t.left : t.left + t.width] for t in tiles]
    return [Sample(save(folder / f"{name}_{index}.png", crop)) for index, crop in enumerate(crops)]


def test_held_out_scores_are_the_highest_of_each_picture(
    fitted: tuple[Detector, HeldOut], by_hand: tuple[GaussianAD, HeldOut]
) -> None:
    count = len(cut(SIZE, TILING))
    np.testing.assert_allclose(fitted[1].scores, by_hand[1].scores.reshape(-1, count).max(axis=1), rtol=1e-6)
    assert by_hand[1].map_peaks is not None
    np.testing.assert_allclose(fitted[1].map_peaks, by_hand[1].map_peaks.reshape(-1, count).max(axis=1), rtol=1e-6)


def test_the_map_is_the_blended_maps_of_the_crops(
    fitted: tuple[Detector, HeldOut], by_hand: tuple[GaussianAD, HeldOut],
    spoilt: tuple[NDArray[Any], Sample], tmp_path: Path,
) -> None:  # fmt: skip
    [found] = predict(fitted[0], [spoilt[1]])
    tiles, said = cut(SIZE, TILING), predict(by_hand[0], crops_of(spoilt[0], tmp_path, "spoilt"))
    expected, total = np.zeros(SIZE), np.zeros(SIZE)
    tops, lefts = sorted({t.top for t in tiles}), sorted({t.left for t in tiles})
    down = blending([(top, top + 80) for top in tops], SIZE[0])
    across = blending([(left, left + 80) for left in lefts], SIZE[1])
    for tile, one in zip(tiles, said, strict=True):
        weight = np.outer(down[tops.index(tile.top)], across[lefts.index(tile.left)])
        whole = np.zeros(SIZE)
        whole[tile.top : tile.top + 80, tile.left : tile.left + 80] = one.anomaly_map
        expected += weight * whole
        total += weight
    np.testing.assert_allclose(total, 1, atol=1e-6)
    np.testing.assert_allclose(found.anomaly_map, expected, rtol=1e-4, atol=1e-5)
    highest = max(said, key=lambda one: one.anomaly_score)
    assert found.anomaly_score == pytest.approx(highest.anomaly_score, rel=1e-6)
    assert found.parts == pytest.approx(highest.parts)
    assert np.unravel_index(found.anomaly_map.argmax(), SIZE) == pytest.approx((105, 155), abs=8)


def test_from_outside_there_are_pictures_only(
    fitted: tuple[Detector, HeldOut], normal: list[Sample], spoilt: tuple[NDArray[Any], Sample]
) -> None:
    detector = fitted[0]
    assert detector.normal_set.keys == tuple(sample.key for sample in normal)
    assert detector.normal_set.sizes == (SIZE,) * len(normal)
    assert len(set(detector.normal_set.sha256)) == len(normal)
    vectors = detector.embeddings()
    assert vectors is not None
    assert len(vectors) == len(normal)
    [found] = predict(detector, [spoilt[1]])
    near = detector.nearest(found.features, 5)
    assert len({one.key for one in near}) == 5
    assert {one.key for one in near} <= {sample.key for sample in normal}
    [own] = predict(detector, normal[3:4])
    assert detector.nearest(own.features, 1)[0].key == normal[3].key
    assert (detector.name, detector.title) == (GaussianAD.name, GaussianAD.title)


def test_an_update_equals_a_refit(normal: list[Sample], spoilt: tuple[NDArray[Any], Sample]) -> None:
    changed, anew = make(), make()
    fit(changed, normal[:6])
    found = update(changed, normal[6:], normal[:1])
    expected = fit(anew, normal[1:])
    assert changed.normal_set.keys == anew.normal_set.keys
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5, atol=1e-5)
    [one], [other] = predict(changed, [spoilt[1]]), predict(anew, [spoilt[1]])
    np.testing.assert_allclose(one.anomaly_map, other.anomaly_map, rtol=1e-4, atol=1e-4)


def test_an_update_that_fails_changes_nothing(normal: list[Sample]) -> None:
    detector = make()
    fit(detector, normal[:4])
    before = detector.normal_set
    for add, remove in ((normal[:1], []), ([], ["nobody"]), ([], [s.key for s in normal[:3]])):
        with pytest.raises(UserError):
            detector.update([detector.prepare(sample) for sample in add], remove, tiled.Task())
    assert detector.normal_set == before


def test_rescoring_gives_the_same_and_large_pictures_ask_for_their_pixels(
    fitted: tuple[Detector, HeldOut], spoilt: tuple[NDArray[Any], Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = predict(fitted[0], [spoilt[1]])
    again = fitted[0].rescore([one.features for one in found])
    assert again is not None
    assert_identical(again, found)  # type: ignore[arg-type]
    monkeypatch.setattr(prediction, "MOST_KEPT", 3)
    [large] = predict(fitted[0], [spoilt[1]])
    assert fitted[0].rescore([large.features, found[0].features])[0] is None  # type: ignore[index]
    assert len(fitted[0].nearest(large.features, 2)) == 2


def test_state_and_back(fitted: tuple[Detector, HeldOut], spoilt: tuple[NDArray[Any], Sample]) -> None:
    twin = make()
    twin.restore(fitted[0].state())
    assert twin.normal_set == fitted[0].normal_set
    assert_identical(predict(twin, [spoilt[1]]), predict(fitted[0], [spoilt[1]]))
    np.testing.assert_allclose(calibrate(twin).scores, fitted[1].scores)


def test_small_pictures_go_through_whole(fitted: tuple[Detector, HeldOut], tmp_path: Path) -> None:
    sample = Sample(save(tmp_path / "small.png", textured(7, (80, 60))))
    inner = fitted[0].inner  # type: ignore[attr-defined]
    assert_identical(predict(fitted[0], [sample]), predict(inner, [sample]))


def test_what_lies_outside_the_region_is_not_seen(
    normal: list[Sample], spoilt: tuple[NDArray[Any], Sample], tmp_path: Path
) -> None:
    left = RegionOfInterest((Shape(ShapeKind.RECTANGLE, ((0.0, 0.0), (0.6, 1.0))),), border=4)
    detector = make(left)
    fit(detector, normal)
    clean = Sample(save(tmp_path / "clean.png", textured(99, SIZE)))
    one, other = predict(detector, [clean, spoilt[1]])
    assert one.anomaly_score == other.anomaly_score
    assert not other.anomaly_map[:, 120:].any()
    assert not other.anomaly_map[:4].any()
    # The seams' weights sum to one inside the region, where tiles outside of it were never made.
    weights = [t for t, _ in other.tiles]  # type: ignore[attr-defined]
    assert max(tile.left for tile in weights) + 80 <= 125
    array = spoilt[0].copy()
    array[60:72, 90:102] = 250
    [hit] = predict(detector, [Sample(save(tmp_path / "hit.png", array))])
    assert hit.anomaly_score > one.anomaly_score + 3
    nowhere = make(RegionOfInterest(border=75))
    with pytest.raises(InputError, match="region of interest"):
        nowhere.prepare(spoilt[1])


def test_few_tiles_are_alive_at_a_time(
    fitted: tuple[Detector, HeldOut], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = fitted[0]
    assert isinstance(detector, TiledDetector)
    sizes = []
    inner = type(detector.inner).predict
    monkeypatch.setattr(GaussianAD, "predict", lambda self, batch: sizes.append(len(batch)) or inner(self, batch))
    sample = Sample(save(tmp_path / "large.png", textured(1, (500, 700))))
    prepared = detector.prepare(sample)
    assert prepared.pixels.size == 0
    detector.predict([prepared])
    assert sum(sizes) == len(cut((500, 700), TILING))
    assert max(sizes) <= detector.inner.batch_size


def test_one_picture_is_too_few(normal: list[Sample]) -> None:
    with pytest.raises(UserError, match="two normal pictures"):
        fit(make(), normal[:1])


def test_without_a_size_there_are_no_tiles() -> None:
    assert type(make(tiling=Tiling())) is GaussianAD
