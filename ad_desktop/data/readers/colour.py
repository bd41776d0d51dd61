"""From what a file stores to what the application works on: grey or RGB; uint8, uint16 or float32."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ad_desktop.data.readers.base import Array, UnreadableError

_BLOCK = 1 << 20  # values composited at a time, to keep temporary arrays small


def over_black(pixels: Array, opacity: Array) -> Array:
    """Composite colours (H×W or H×W×C) over black by their opacity (H×W): colour × opacity.

    Black, because editors leave black under full transparency: the result equals the stored colours
    there, and no colour hidden under transparency reaches a detector. Unsigned integers are scaled
    by their type's largest value and rounded, floats take an opacity of 0 to 1.
    """
    if pixels.dtype.kind != "u":
        weight = np.clip(opacity, 0, 1).astype(np.float32)
        return np.asarray(pixels * (weight if pixels.ndim == 2 else weight[..., None]), dtype=np.float32)
    top = int(np.iinfo(pixels.dtype).max)
    if bool((opacity == top).all()):
        return pixels
    result = np.empty(pixels.shape, pixels.dtype)
    rows = max(1, _BLOCK // max(1, pixels[:1].size))
    for start in range(0, len(pixels), rows):
        part = slice(start, start + rows)
        weight = opacity[part].astype(np.uint32)
        weight = weight if pixels.ndim == 2 else weight[..., None]
        result[part] = (pixels[part] * weight + top // 2) // top
    return result


def flatten_alpha(pixels: Array) -> Array:
    """Turn H×W×{1,2,3,4} (grey or RGB, opacity last) into H×W or H×W×3."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    if pixels.shape[2] == 1:
        return pixels[..., 0]
    colour = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
    return over_black(colour, pixels[..., -1])


def plain_dtype(pixels: Array) -> Array:
    """Keep uint8 and uint16, turn booleans into 0 and 255, and all other numbers into float32."""
    kind, size = pixels.dtype.kind, pixels.dtype.itemsize
    if kind == "b":
        return pixels.astype(np.uint8) * np.uint8(255)
    if kind == "u" and size <= 2:
        return pixels.astype(np.uint8 if size == 1 else np.uint16, copy=False)
    if kind not in "uif":
        raise UnreadableError(f"pixels of type {pixels.dtype} cannot be used: save it with whole or decimal numbers")
    with np.errstate(all="ignore"):
        return pixels.astype(np.float32, copy=False)


def from_pillow(image: Image.Image) -> Array:
    """Decode a Pillow picture of any mode into grey or RGB pixels.

    CMYK and other colour spaces are converted by Pillow's plain formulas, without colour profiles.
    """
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        pixels = np.asarray(image)
        return plain_dtype(pixels.astype(pixels.dtype.newbyteorder("="), copy=False))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return flatten_alpha(np.asarray(image.convert("RGBA")))
    if image.mode == "1":
        image = image.convert("L")
    return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
