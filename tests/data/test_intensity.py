"""Resizing for the network and mapping for the screen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pictures import textured
from PIL import Image

from ad_desktop.data.images import resize_square, to_display, value_range_of
from ad_desktop.data.intensity import scale_to_255
from ad_desktop.errors import InputError, UserError

RNG = np.random.default_rng(0)


def antialiased(plane: np.ndarray, side: int) -> np.ndarray:
    """Bilinear resizing with a triangle as wide as the reduction, written out as two matrix products."""

    def weights(length: int) -> np.ndarray:
        scale = length / side
        support = max(scale, 1.0)
        centres = (np.arange(side) + 0.5) * scale
        distance = np.abs(np.arange(length)[None] + 0.5 - centres[:, None]) / support
        triangle = np.clip(1 - distance, 0, None)
        return triangle / triangle.sum(axis=1, keepdims=True)

    return weights(plane.shape[0]) @ plane.astype(np.float64) @ weights(plane.shape[1]).T


@pytest.mark.parametrize("shape", [(64, 64), (50, 70), (20, 90), (10, 10), (100, 30)])
def test_8_bit_equals_the_formula(shape: tuple[int, int]) -> None:
    grey = RNG.integers(0, 256, shape, dtype=np.uint8)
    small = resize_square(grey, 32, None)
    assert small.shape == (32, 32, 3)
    assert small.dtype == np.uint8
    assert small.flags.writeable
    assert small.flags.c_contiguous
    assert np.abs(small[..., 0] - antialiased(grey, 32)).max() <= 1.01
    assert (small == small[..., :1]).all()


def test_large_reductions_stay_close_to_the_formula() -> None:
    grey = textured(0, (1500, 2000))
    assert np.abs(resize_square(grey, 64, None)[..., 0] - antialiased(grey, 64)).max() < 3


def test_colour_channels_are_independent() -> None:
    colour = RNG.integers(0, 256, (70, 50, 3), dtype=np.uint8)
    small = resize_square(colour, 32, None)
    for channel in range(3):
        alone = resize_square(np.ascontiguousarray(colour[..., channel]), 32, None)[..., 0]
        np.testing.assert_array_equal(small[..., channel], alone)


def test_8_bit_takes_no_notice_of_a_range() -> None:
    grey = RNG.integers(0, 256, (40, 40), dtype=np.uint8)
    np.testing.assert_array_equal(resize_square(grey, 16, (10, 20)), resize_square(grey, 16, None))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_pictures_are_mapped_and_not_quantised(dtype: type, channels: int) -> None:
    deep = RNG.integers(1000, 2000, (50, 60, channels)).astype(dtype).squeeze()
    small = resize_square(deep, 24, (1000, 2000))
    assert small.shape == (24, 24, 3)
    assert small.dtype == np.float32
    planes = deep[..., None] if channels == 1 else deep
    for channel in range(3):
        wanted = antialiased((planes[..., channel % channels] - 1000.0) * 255 / 1000, 24)
        np.testing.assert_allclose(small[..., channel], wanted, atol=1e-3)


def test_steps_finer_than_8_bits_survive() -> None:
    ramp = np.tile(np.linspace(30_000, 30_200, 64).round().astype(np.uint16), (64, 1))
    small = resize_square(ramp, 64, (0, 65535))
    assert len(np.unique(small)) > 60


def test_equal_pictures_of_either_depth_are_equal_to_a_step() -> None:
    grey = textured(1, (200, 150))
    deep = resize_square(grey.astype(np.uint16) * 257, 32, (0, 65535))
    assert np.abs(deep - resize_square(grey, 32, None).astype(np.float32)).max() < 1.5


def test_values_outside_the_range_are_clipped_before_resizing() -> None:
    spot = np.full((64, 64), 100, np.uint16)
    spot[10, 10] = 65535
    clipped = spot.clip(0, 200)
    np.testing.assert_array_equal(resize_square(spot, 16, (0, 200)), resize_square(clipped, 16, (0, 200)))


def test_read_only_and_strided_pixels_are_fine() -> None:
    pixels = textured(0, (40, 40), 3)[::2, ::2]
    pixels.flags.writeable = False
    assert resize_square(pixels, 8, None).shape == (8, 8, 3)
    assert resize_square(pixels.astype(np.uint16)[::2, ::2], 8, (0, 255)).shape == (8, 8, 3)


def test_a_deep_picture_needs_a_range() -> None:
    with pytest.raises(InputError, match=r"^part\.tif: it holds 16-bit values"):
        resize_square(np.zeros((4, 4), np.uint16), 8, None, "part.tif")
    with pytest.raises(InputError, match="floating-point values"):
        resize_square(np.zeros((4, 4), np.float32), 8, None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    pixels = np.zeros((4, 4, 3), np.float32)
    pixels[1, 2, 0] = value
    with pytest.raises(InputError, match="1 of 48 values are not numbers"):
        resize_square(pixels, 8, (0, 1))


@pytest.mark.parametrize("limits", [(5, 5), (6, 5), (0, np.inf), (np.nan, 1)])
def test_an_empty_range_is_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(UserError, match="is empty"):
        scale_to_255(np.zeros((2, 2), np.uint16), limits)


FLOATS = st.floats(-(2.0**127), 2.0**127, width=32)


@settings(max_examples=200, deadline=None)
@given(pixels=hnp.arrays(np.float32, (3, 4), elements=FLOATS), first=FLOATS, second=FLOATS)
def test_scaling_equals_exact_arithmetic(pixels: np.ndarray, first: float, second: float) -> None:
    low, high = min(first, second), max(first, second)
    if not low < high:
        high = low + max(1.0, abs(low) * 0.01)
    scaled = scale_to_255(pixels, (low, high))
    wanted = np.clip((pixels.astype(np.longdouble) - low) / (np.longdouble(high) - low) * 255, 0, 255)
    np.testing.assert_allclose(scaled, wanted.astype(np.float64), atol=1e-2)
    assert scaled.dtype == np.float32


@settings(max_examples=60, deadline=None)
@given(pixels=hnp.arrays(np.uint16, (5, 6)), low=st.integers(0, 65534), width=st.integers(1, 65535))
def test_scaling_of_16_bit_values(pixels: np.ndarray, low: int, width: int) -> None:
    wanted = np.clip((pixels.astype(float) - low) / width, 0, 1) * 255
    np.testing.assert_allclose(scale_to_255(pixels, (low, low + width)), wanted, atol=1e-4)


def test_display_of_8_bit_is_the_same_array() -> None:
    pixels = textured(0, 8)
    assert to_display(pixels, (3, 4)) is pixels


def test_display_maps_the_range_and_shows_nan_black() -> None:
    pixels = np.array([[-1, 0, 0.5, 1, 7, np.nan, np.inf, -np.inf]], np.float32)
    assert to_display(pixels, (0, 1)).tolist() == [[0, 0, 128, 255, 255, 0, 255, 0]]
    assert to_display(pixels, (0, 1)).dtype == np.uint8
    assert to_display(np.array([[0, 100, 200]], np.uint16), (0, 200)).tolist() == [[0, 128, 255]]
    assert to_display(np.zeros((2, 3, 3), np.uint16), (0, 1)).shape == (2, 3, 3)


def test_display_without_a_range_uses_the_pictures_own() -> None:
    pixels = np.linspace(300, 900, 10_000, dtype=np.float32).reshape(100, 100)
    shown = to_display(pixels, None)
    assert (shown.min(), shown.max()) == (0, 255)
    assert abs(float(shown.mean()) - 127.5) < 1


def test_own_range_is_robust() -> None:
    assert value_range_of(textured(0, 9)) == (0.0, 255.0)
    pixels = RNG.normal(500, 10, (1000, 3000)).astype(np.float32)
    pixels[0, :50], pixels[1, :50], pixels[2, :10] = 1e9, -1e9, np.nan
    low, high = value_range_of(pixels)
    assert low == pytest.approx(500 - 31, abs=4)
    assert high == pytest.approx(500 + 31, abs=4)


@pytest.mark.parametrize(("pixels", "wanted"), [
    (np.full((3, 3), 7, np.uint16), (7.0, 8.0)),
    (np.full((3, 3), 1e6, np.float32), (1e6, 1.001e6)),
    (np.full((3, 3), np.nan, np.float32), (0.0, 1.0)),
])  # fmt: skip
def test_own_range_is_never_empty(pixels: np.ndarray, wanted: tuple[float, float]) -> None:
    assert value_range_of(pixels) == pytest.approx(wanted)
    assert to_display(pixels, None).max() == 0


def test_pillow_is_not_asked_to_enlarge_its_own_way() -> None:
    grey = np.array([[0, 200], [100, 50]], np.uint8)
    reference = Image.fromarray(grey).resize((8, 8), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(resize_square(grey, 8, None)[..., 0], np.asarray(reference))
