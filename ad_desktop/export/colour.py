"""Colour maps, and how an anomaly map is laid over a picture; the window and the export share them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

# 33 evenly spaced colours of each published map; between them straight lines are within 3/255 of it.
# inferno, magma, viridis: N. J. Smith and S. van der Walt, 2015 (CC0). turbo: A. Mikhailov, Google, 2019 (Apache-2.0).
_POINTS = {
    "inferno": """
        000004 040312 0b0724 150b37 210c4a 2f0a5b 3d0965 4a0c6b 57106e 64156e 71196e 7d1e6d 8a226a 972766 a32c61 b0315b
        bc3754 c63d4d d04545 da4e3c e35933 eb6429 f1711f f67e14 f98c0a fb9b06 fcaa0f fbba1f f9c932 f5d949 f2e865 f3f586
        fcffa4""",
    "magma": """
        000004 030312 0a0822 130d34 1d1147 29115a 36106b 440f76 51127c 5d177f 6a1c81 762181 832681 902a81 9c2e7f aa337d
        b73779 c23b75 cf4070 db476a e55064 ee5b5e f4695c f9785d fb8761 fd9668 fea571 feb47b fec287 fed194 fde0a1 fceeb0
        fcfdbf""",
    "turbo": """
        30123b 392a73 4040a2 4456c7 466be3 4680f6 4294ff 37a8fa 28bceb 1ccdd8 18ddc2 1fe9af 32f298 4ef97d 6dfe62 8bff4b
        a4fc3c b7f735 cbed34 dde037 ecd13a f7c13a fdae35 fe992c fb8122 f56918 ec530f e14109 d23105 c12302 ac1701 950d01
        7a0403""",
    "viridis": """
        440154 470d60 48186a 482374 472d7b 453781 424086 3e4989 3b528b 375b8d 33638d 2f6b8e 2c728e 297a8e 26828e 23898e
        21918c 1f978b 1f9f88 21a685 27ad81 31b57b 3dbc74 4cc26c 5cc863 6ece58 81d34d 95d840 aadc32 c0df25 d5e21a eae51a
        fde725""",
    "grey": "000000 ffffff",
}

COLOUR_MAPS = tuple(_POINTS)


@cache
def lut(name: str) -> NDArray[np.uint8]:
    """The colour map ``name`` (one of ``COLOUR_MAPS``) as (256, 3) uint8 RGB, read-only.

    ``ValueError`` for an unknown name.
    """
    if name not in _POINTS:
        raise ValueError(f"unknown colour map {name!r}; known: {', '.join(COLOUR_MAPS)}")
    points = np.array([list(bytes.fromhex(colour)) for colour in _POINTS[name].split()], float)
    at = np.round(np.linspace(0, 255, len(points)))
    colours = np.stack([np.interp(np.arange(256), at, channel) for channel in points.T], axis=1)
    table: NDArray[np.uint8] = np.round(colours).astype(np.uint8)
    table.setflags(write=False)
    return table


def overlay_lut(name: str, opacity: float, knee: float = 255.0) -> NDArray[np.uint8]:
    """The colour map with its opacity, (256, 4) uint8 RGBA.

    The opacity rises from 0 at index 0 in a straight line to ``opacity`` (0–1) at index ``knee`` (where
    the threshold lies) and stays there, so the picture shows through where it is normal.
    """
    alpha = np.clip(np.arange(256) / max(knee, 1.0), 0, 1) * np.clip(opacity, 0, 1)
    return np.concatenate([lut(name), np.round(255 * alpha).astype(np.uint8)[:, None]], axis=1)


def index_of(value: float, low: float, high: float) -> float:
    """Where ``value`` lies on a colour map that spans ``low`` to ``high``, 0–255."""
    return float(np.clip(255 * (value - low) / (high - low), 0, 255))


def to_index(anomaly_map: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """Colour map indices of an anomaly map: ``low`` and less 0, ``high`` and more 255; NaN 0. ``high`` > ``low``."""
    if not high > low:
        raise ValueError(f"range {low} to {high}: the end must be above the start")
    scale = 255 / (high - low)
    index = np.empty(anomaly_map.shape, np.uint8)
    for band in _bands(len(index)):
        scaled = (anomaly_map[band] - low) * scale
        # fmax takes the number where the other is NaN.
        np.fmin(np.fmax(scaled, 0, out=scaled), 255, out=scaled)
        index[band] = np.rint(scaled, out=scaled)
    return index


def blend(pixels: NDArray[np.uint8], index: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay colours over a picture: ``pixels`` uint8 H×W or H×W×3, ``index`` uint8 H×W into ``table`` (256, 4) RGBA.

    Returns uint8 H×W×3, within 1 of the exact mix.
    """
    from PIL import Image

    indices = Image.fromarray(index)
    alpha = indices.point(table[:, 3].tolist())
    # Drawing the indices as a palette picture is a look-up at C speed.
    indices.putpalette(table[:, :3].tobytes())
    picture = Image.composite(indices.convert("RGB"), Image.fromarray(pixels).convert("RGB"), alpha)
    return np.array(picture)


def draw_outline(picture: NDArray[np.uint8], mask: NDArray[np.bool_], width: int) -> None:
    """Draw the outline of ``mask`` (H×W) into ``picture`` (uint8 H×W×3) in place.

    ``width`` pixels of white inside the edge and as many of black outside, so it shows on any picture.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return
    top, left = max(rows[0] - width, 0), max(columns[0] - width, 0)
    window = (slice(top, rows[-1] + width + 1), slice(left, columns[-1] + width + 1))
    inside = mask[window]
    edge = _grown(inside, width) & _grown(~inside, width)
    at = np.nonzero(edge)
    picture[window][at] = np.where(inside[at], np.uint8(255), np.uint8(0))[:, None]


def _grown(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """The mask grown by ``width`` pixels in all eight directions."""
    rows = mask.copy()
    for shift in range(1, width + 1):
        rows[shift:] |= mask[:-shift]
        rows[:-shift] |= mask[shift:]
    grown = rows.copy()
    for shift in range(1, width + 1):
        grown[:, shift:] |= rows[:, :-shift]
        grown[:, :-shift] |= rows[:, shift:]
    return grown


def _bands(height: int) -> list[slice]:
    """Row bands small enough to stay in the cache between steps."""
    return [slice(start, start + 64) for start in range(0, height, 64)]
