"""Colour tables of the overlay: codes to colours with opacity, by mode and threshold."""

from __future__ import annotations

from enum import StrEnum

import numpy as np


class Mode(StrEnum):
    """How the anomaly map is painted over the picture."""

    HEAT = "Heat map"
    ABOVE = "Above threshold"
    OFF = "Off"


def colour_table(colour_map: str, mode: Mode, opacity: float, threshold_code: int) -> list[int]:
    """256 ``0xAARRGGBB`` values for the 256 codes of an overlay.

    ``opacity`` is 0–1. A heat map fades in up to the threshold, as in exported pictures, so that
    what is normal leaves the picture bare; ABOVE paints nothing up to the threshold.
    """
    from ad_desktop.export.colour import overlay_lut

    colours = overlay_lut(colour_map, opacity, threshold_code).astype(np.uint32)
    # Squared, the veil over what is normal is thinner than in exported pictures: a screen is looked at longer.
    colours[:, 3] = np.rint(colours[:, 3].astype(float) ** 2 / max(float(colours[:, 3].max()), 1.0))
    if mode is Mode.OFF:
        colours[:, 3] = 0
    elif mode is Mode.ABOVE:
        colours[:, 3] = np.where(np.arange(256) >= threshold_code, round(255 * opacity), 0)
    red, green, blue, alpha = colours.T
    table: list[int] = ((alpha << 24) | (red << 16) | (green << 8) | blue).tolist()
    return table
