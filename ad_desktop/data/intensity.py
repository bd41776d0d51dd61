"""From pixels of any type to what a network or a screen takes: resizing and the range from black to white."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ad_desktop.data.readers.base import Array
from ad_desktop.errors import InputError, UserError

ValueRange = tuple[float, float]

RANGE_PERCENTILES = (0.1, 99.9)
"""The values taken for black and white where no range is given: single hot or dead pixels do not count."""
_RANGE_VALUES = 1 << 20
_GAP = 2.0


def resize_square(
    pixels: Array, side: int, value_range: ValueRange | None, path: Path | str = "picture", *, bicubic: bool = False
) -> Array:
    """Squash a picture to ``side`` × ``side`` × 3 with antialiased bilinear interpolation, or ``bicubic``.

    uint8 gives uint8, whatever the range. Other types are mapped linearly, ``value_range`` to
    0..255, clipped, and resized as float32 without ever being cut to 8 bits. Grey is resized once
    and repeated. ``InputError`` for NaN or infinite pixels, or where a range is needed and there is none.
    """
    if pixels.dtype == np.uint8:
        small = _resize(pixels, side, bicubic)
    else:
        if value_range is None:
            raise InputError(
                path,
                f"it holds {_kind(pixels)} values, and no value range says which of them are black and white: "
                "set the value range, or convert it to 8 bits like the other pictures",
            )
        require_finite(pixels, path)
        scaled = scale_to_255(pixels, value_range)
        planes = [scaled] if scaled.ndim == 2 else [scaled[..., channel] for channel in range(3)]
        resized = [np.clip(_resize(np.ascontiguousarray(plane), side, bicubic), 0, 255) for plane in planes]
        small = resized[0] if len(resized) == 1 else np.stack(resized, axis=-1)
    return np.repeat(small[..., None], 3, axis=2) if small.ndim == 2 else small


def to_display(pixels: Array, value_range: ValueRange | None) -> Array:
    """Pixels as uint8, H×W or H×W×3, for the screen; uint8 is passed through.

    ``value_range`` is shown from black to white (None: the picture's own range); NaN is black.
    """
    if pixels.dtype == np.uint8:
        return pixels
    scaled = scale_to_255(pixels, value_range or value_range_of(pixels))
    return np.asarray(np.rint(np.nan_to_num(scaled, copy=False)).astype(np.uint8))


def scale_to_255(pixels: Array, value_range: ValueRange) -> Array:
    """Map ``value_range`` linearly to 0..255 and clip; float32 of the same shape, NaN kept."""
    low, high = value_range
    if not low < high or not np.isfinite(high - low):
        raise UserError(f"The value range {low:g} to {high:g} is empty: its end must be above its start.")
    # float32 holds every ordinary range; the far ends of its exponents need float64.
    work = np.float32 if 1e-30 < high - low < 1e30 else np.float64
    scaled = pixels.astype(work)
    np.subtract(scaled, work(low), out=scaled)
    with np.errstate(over="ignore"):
        np.multiply(scaled, work(255 / (high - low)), out=scaled)
    return np.asarray(np.clip(scaled, 0, 255, out=scaled).astype(np.float32, copy=False))


def value_range_of(pixels: Array) -> ValueRange:
    """The range from black to white of one picture.

    (0, 255) for uint8, else the 0.1 and 99.9 percentiles of its finite values (of at most about a
    million of them, evenly spaced).
    """
    if pixels.dtype == np.uint8:
        return 0.0, 255.0
    values = pixels.reshape(-1)[:: -(-pixels.size // _RANGE_VALUES)]
    values = values[np.isfinite(values)].astype(np.float64)
    if not values.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, RANGE_PERCENTILES))
    return (low, high) if high > low else (low, low + max(1.0, abs(low) * 1e-3))


def require_finite(pixels: Array, path: Path | str) -> None:
    """Raise ``InputError`` if a float picture has pixels that are no finite numbers."""
    if pixels.dtype.kind != "f":
        return
    bad = pixels.size - int(np.count_nonzero(np.isfinite(pixels)))
    if bad:
        raise InputError(
            path,
            f"{bad} of {pixels.size} values are not numbers (NaN) or are infinite in 32-bit floats: "
            "fill these pixels before opening it",
        )


def _resize(pixels: Array, side: int, bicubic: bool) -> Array:
    from PIL import Image

    # np.array: Pillow's own memory is read-only, and torch warns about such arrays.
    image = Image.fromarray(pixels)
    if bicubic:
        return np.array(image.resize((side, side), Image.Resampling.BICUBIC))
    return np.array(image.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=_GAP))


def _kind(pixels: Array) -> str:
    return "16-bit" if pixels.dtype == np.uint16 else "floating-point"
