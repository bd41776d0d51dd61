"""What is kept of a picture, against plain averages of the network's maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ad_desktop.detectors.gaussian.layout import Layout, LevelShape, averaging, resample, single

SIDES = [(16, 16), (32, 16), (24, 16), (23, 16), (17, 16), (75, 16), (8, 8), (16, 4), (7, 4), (5, 4), (3, 1), (2, 2)]


def area_mean(maps: np.ndarray, side: int) -> np.ndarray:
    """Average (…, S, S) down to (…, side, side): every cell is cut into side × side pieces, which share out evenly."""
    source = maps.shape[-1]
    pieces = maps.astype(np.float64).repeat(side, axis=-1).repeat(side, axis=-2)
    return pieces.reshape(*maps.shape[:-2], side, source, side, source).mean(axis=(-3, -1))


def network_maps(n: int, *shapes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(1, 2, (n, channels, side, side)).astype(np.float32) for channels, side in shapes]


@pytest.mark.parametrize(("source", "target"), SIDES)
def test_averaging_shares_every_cell_out_by_area(source: int, target: int) -> None:
    matrix = averaging(source, target)
    assert matrix.shape == (target, source)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(matrix.sum(axis=0), target / source, rtol=1e-5)
    row = np.random.default_rng(0).normal(size=source).astype(np.float32)
    expected = row.astype(np.float64).repeat(target).reshape(target, source).mean(axis=1)
    np.testing.assert_allclose(matrix @ row, expected, atol=1e-6)


@pytest.mark.parametrize(("source", "target"), SIDES)
def test_maps_are_averaged_by_area(source: int, target: int) -> None:
    [maps] = network_maps(2, (5, source))
    found = resample(maps, target)
    assert found.shape == (2, 5, target**2)
    np.testing.assert_allclose(found.reshape(2, 5, target, target), area_mean(maps, target), atol=2e-6)
    if source % target == 0:
        pooled = torch.nn.functional.avg_pool2d(torch.from_numpy(maps), source // target)
        np.testing.assert_allclose(found.reshape(pooled.shape), pooled.numpy(), atol=2e-6)


@pytest.mark.parametrize(
    "shapes",
    [
        [(40, 32), (80, 16), (112, 16), (192, 8)],
        [(3, 24), (5, 23), (7, 7), (2, 4)],
        [(6, 9)],
        [(4, 3), (5, 2)],
        [(2, 1)],
    ],
)
def test_a_row_gives_back_every_level_and_the_coarse_grid(shapes: list[tuple[int, int]]) -> None:
    maps = network_maps(3, *shapes)
    layout = Layout.of_maps(maps)
    assert layout.levels == tuple(LevelShape(channels, min(side, 16)) for channels, side in shapes)
    kept = layout.features(maps)
    rows = np.stack([features.local for features in kept])
    assert rows.dtype == np.float16
    assert rows.shape == (3, layout.row)

    fine = layout.fine(rows)
    coarse = []
    for cells, level, (channels, side) in zip(fine, maps, shapes, strict=True):
        assert cells.shape == (3, min(side, 16) ** 2, channels)
        expected = area_mean(level, min(side, 16))
        grid = cells.reshape(3, min(side, 16), min(side, 16), channels).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(grid, expected, rtol=1e-3, atol=1e-5)  # float16
        coarse.append(area_mean(grid, layout.coarse).reshape(3, channels, -1).transpose(0, 2, 1))
    assert layout.coarse == min(4, *(side for _, side in shapes), 4)
    np.testing.assert_allclose(layout.all_coarse(fine), np.concatenate(coarse, axis=2), atol=1e-5)

    pooled = np.concatenate([level.mean(axis=(2, 3), dtype=np.float64) for level in maps], axis=1)
    assert layout.pooled == pooled.shape[1]
    assert kept[0].pooled.dtype == np.float32
    np.testing.assert_allclose(np.stack([features.pooled for features in kept]), pooled, atol=2e-6)


def test_a_picture_gives_the_same_alone_and_in_a_batch() -> None:
    maps = network_maps(7, (40, 32), (80, 16), (20, 23), (192, 8))
    layout = Layout.of_maps(maps)
    together = layout.features(maps)
    rows = np.stack([features.local for features in together])
    coarse = layout.all_coarse(layout.fine(rows))
    for index in range(7):
        [alone] = layout.features([level[index : index + 1] for level in maps])
        assert np.array_equal(alone.local, together[index].local)
        assert np.array_equal(alone.pooled, together[index].pooled)
        own = layout.all_coarse(layout.fine(rows[index : index + 1]))
        assert np.array_equal(own[0], coarse[index])


def test_every_half_is_the_same_number_in_single_precision() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)]
    assert np.array_equal(single(finite).view(np.int32), finite.astype(np.float32).view(np.int32))
    assert np.array_equal(single(halves), halves.astype(np.float32), equal_nan=True)


def test_values_beyond_half_precision_are_clipped() -> None:
    maps = [np.array([[[[1e6, -1e6], [65000.0, 0.25]]]], np.float32)]
    layout = Layout.of_maps(maps)
    assert layout.features(maps)[0].local.tolist() == [65504.0, -65504.0, 64992.0, 0.25]
