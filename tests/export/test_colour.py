from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ad_desktop.export.colour import COLOUR_MAPS, blend, draw_outline, index_of, lut, overlay_lut, to_index


@pytest.mark.parametrize("name", ["inferno", "magma", "turbo", "viridis"])
def test_close_to_the_published_map(name: str) -> None:
    colormap = pytest.importorskip("pyqtgraph.colormap")
    published = colormap.get(name).getLookupTable(nPts=256)[:, :3].astype(int)
    assert np.abs(lut(name) - published).max() <= 3


def test_grey_is_grey() -> None:
    np.testing.assert_array_equal(lut("grey"), np.repeat(np.arange(256)[:, None], 3, axis=1))


@pytest.mark.parametrize("name", ["inferno", "magma", "viridis", "grey"])
def test_brightness_rises_with_the_value(name: str) -> None:
    linear = (lut(name) / 255.0) ** 2.2
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(ndimage.uniform_filter1d(luminance, 9)) > 0).all()


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_form_of_the_tables(name: str) -> None:
    assert lut(name).shape == (256, 3)
    assert lut(name).dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        lut(name)[0] = 0
    assert overlay_lut(name, 0.5).shape == (256, 4)


def test_an_unknown_map_is_named() -> None:
    with pytest.raises(ValueError, match=r"'jet'.*inferno"):
        lut("jet")


def test_opacity_rises_to_the_threshold_and_stays() -> None:
    alpha = overlay_lut("inferno", 0.6, knee=100)[:, 3]
    assert alpha[0] == 0
    assert alpha[50] == pytest.approx(0.3 * 255, abs=1)
    assert (alpha[100:] == 153).all()
    assert (overlay_lut("inferno", 1.0, knee=0)[1:, 3] == 255).all()


def test_indices() -> None:
    values = np.array([[-np.inf, -1, 0, 1, 2, 3, np.inf, np.nan]], np.float32)
    np.testing.assert_array_equal(to_index(values, 0, 2), [[0, 0, 0, 128, 255, 255, 255, 0]])
    assert index_of(1.0, 0, 2) == 127.5
    with pytest.raises(ValueError, match="above the start"):
        to_index(values, 2, 2)


@pytest.mark.parametrize("shape", [(130, 50), (130, 50, 3)])
def test_blend_is_the_exact_mix(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, shape, np.uint8)
    index = rng.integers(0, 256, shape[:2], np.uint8)
    table = overlay_lut("turbo", 0.7, 90)
    before = pixels.copy()
    found = blend(pixels, index, table)
    alpha = table[index][..., 3:] / 255
    below = pixels if pixels.ndim == 3 else pixels[..., None]
    assert found.shape == (130, 50, 3)
    assert np.abs(found - (alpha * table[index][..., :3] + (1 - alpha) * below)).max() <= 1
    np.testing.assert_array_equal(pixels, before)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 14), st.integers(1, 14))
def test_outline_equals_morphology(seed: int, width: int, height: int, breadth: int) -> None:
    mask = np.random.default_rng(seed).random((height, breadth)) < 0.3
    picture = np.full((height, breadth, 3), 7, np.uint8)
    draw_outline(picture, mask, width)
    square = np.ones((2 * width + 1,) * 2)
    white = mask & ndimage.binary_dilation(~mask, square)
    black = ~mask & ndimage.binary_dilation(mask, square)
    expected = np.where(white, 255, np.where(black, 0, 7))
    np.testing.assert_array_equal(picture, np.repeat(expected[..., None], 3, axis=2))
