"""Colour tables of the overlay: codes to colours with opacity, by mode and threshold."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Mode(StrEnum):
    """How the anomaly map is painted over the picture."""

    HEAT = "Heat map"
    ABOVE = "Above threshold"
    OFF = "Off"


def colour_table(colours: NDArray[np.uint8], mode: Mode, opacity: float, threshold_code: int) -> list[int]:
    """256 ``0xAARRGGBB`` values for the 256 codes of an overlay.

    ``colours`` is (256, 3) uint8, ``opacity`` 0–1. A heat map fades in from below the threshold, so
    that what is normal leaves the picture bare; ABOVE paints nothing up to the threshold.
    """
    codes = np.arange(256, dtype=np.float64)
    if mode is Mode.OFF:
        share = np.zeros(256)
    elif mode is Mode.ABOVE:
        share = (codes >= threshold_code).astype(np.float64)
    else:
        ramp = np.clip((codes / max(threshold_code, 1) - 0.25) / 0.75, 0, 1)
        share = ramp * ramp * (3 - 2 * ramp)
    alpha = np.rint(255 * opacity * share).astype(np.uint32)
    red, green, blue = (colours[:, channel].astype(np.uint32) for channel in range(3))
    table: list[int] = ((alpha << 24) | (red << 16) | (green << 8) | blue).tolist()
    return table
