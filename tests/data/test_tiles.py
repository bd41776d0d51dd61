"""Where tiles lie, how they are blended, and how a region and a spooled picture are cut to them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import save, textured

from ad_desktop.data.images import load
from ad_desktop.data.roi import Purpose, RegionOfInterest, Shape, ShapeKind
from ad_desktop.data.samples import Sample
from ad_desktop.data.spool import SpooledPicture, TileSample
from ad_desktop.data.tiles import Tile, Tiling, blending, cut, split_key
from ad_desktop.errors import UserError

tilings = st.integers(32, 90).flatmap(lambda size: st.builds(Tiling, st.just(size), st.integers(0, size // 2)))


def test_the_last_tile_is_shifted_inwards() -> None:
    tiles = cut((100, 250), Tiling(100, 20))
    assert [(tile.top, tile.left) for tile in tiles] == [(0, 0), (0, 80), (0, 150)]
    assert {tile.size for tile in tiles} == {(100, 100)}


def test_a_picture_no_larger_than_a_tile_stays_whole() -> None:
    assert cut((100, 100), Tiling(100)) == []
    assert cut((5000, 5000), Tiling()) == []


@given(st.tuples(st.integers(1, 400), st.integers(1, 400)), tilings)
def test_tiles_are_equal_cover_everything_and_overlap_as_told(size: tuple[int, int], tiling: Tiling) -> None:
    tiles = cut(size, tiling)
    if max(size) <= tiling.size:
        assert tiles == []
        return
    seen = np.zeros(size, int)
    for tile in tiles:
        assert tile.size == (min(tiling.size, size[0]), min(tiling.size, size[1]))
        assert tile.top >= 0 <= tile.left
        seen[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
    assert seen.min() >= 1
    lefts = sorted({tile.left for tile in tiles})
    assert all(b - a <= tiling.step for a, b in pairwise(lefts))


@given(st.integers(1, 400), tilings)
def test_weights_sum_to_one(length: int, tiling: Tiling) -> None:
    spans = [(tile.top, tile.top + tile.height) for tile in cut((length, 500), tiling) if tile.left == 0]
    weights = blending(spans, length)
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-6)
    assert weights.min() >= 0


def test_weights_change_smoothly_over_a_seam() -> None:
    weights = blending([(0, 100), (80, 180)], 180)
    assert weights[0, :80].min() == weights[1, 100:].min() == 1
    assert np.abs(np.diff(weights[0])).max() < 0.09


def test_what_lies_outside_the_wanted_box_is_not_cut() -> None:
    tiles = cut((400, 400), Tiling(100, 0), (50, 120, 250, 180))
    assert [(tile.top, tile.left) for tile in tiles] == [(50, 100), (150, 100)]


@pytest.mark.parametrize("values", [(20, None), (100, 51), (100, -1)])
def test_a_tiling_that_cannot_be_is_refused(values: tuple[int, int | None]) -> None:
    with pytest.raises(UserError):
        Tiling(*values)


def test_json_keeps_a_tiling_and_old_files_have_none() -> None:
    assert Tiling.from_json(Tiling(100, 10).to_json()) == Tiling(100, 10)
    assert Tiling.from_json(Tiling().to_json()) == Tiling.from_json(None) == Tiling()
    assert Tiling(100).overlap == 25


def test_a_key_says_which_tile_of_which_picture() -> None:
    tile = Tile(3, 40, 64, 32, (300, 400))
    assert split_key(tile.key("/a/b#c.tif#2")) == ("/a/b#c.tif#2", tile)
    assert split_key("/a/b#tile=of.png") == ("/a/b#tile=of.png", None)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_spooled_picture_gives_its_rectangles(tmp_path: Path, channels: int) -> None:
    pixels = textured(1, (150, 210), channels)
    sample = Sample(save(tmp_path / "a.png", pixels))
    source = SpooledPicture(load(sample, hashed=True))
    tile = Tile(30, 50, 70, 64, (150, 210))
    found = load(TileSample.of(sample.key, tile, source), hashed=True)
    np.testing.assert_array_equal(found.pixels, pixels[30:100, 50:114])
    assert found.size == (70, 64)
    assert found.sha256 != source.sha256


@pytest.mark.parametrize(
    "shape",
    [
        Shape(ShapeKind.RECTANGLE, ((0.13, 0.2), (0.71, 0.93))),
        Shape(ShapeKind.POLYGON, ((0.05, 0.11), (0.97, 0.32), (0.4, 0.95))),
        Shape(ShapeKind.BRUSH, ((0.1, 0.2), (0.6, 0.4), (0.5, 0.9)), radius=0.07),
        Shape(ShapeKind.BRUSH, ((0.5, 0.5),), Purpose.IGNORE, 0.21),
    ],
    ids=lambda shape: f"{shape.kind}, {shape.purpose}",
)
def test_a_tile_of_the_mask_is_a_piece_of_the_whole_mask(shape: Shape) -> None:
    region, size = RegionOfInterest((shape,), border=9), (211, 333)
    whole = region.mask(Path("a.png"), size)
    assert whole is not None
    for tile in cut(size, Tiling(64, 16)):
        piece = region.mask(Path("a.png"), size, tile)
        expected = whole[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
        np.testing.assert_array_equal(piece, expected)
    top, left, bottom, right = region.bounds(Path("a.png"), size)
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    assert top <= rows[0] <= rows[-1] < bottom
    assert left <= columns[0] <= columns[-1] < right
