"""What of an anomaly map lies above the threshold: its regions, and their outline."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ad_desktop.scoring.regions import Region
from ad_desktop.ui.viewer.pictures import Overlay

MOST_REGIONS = 500
"""How many regions are listed; a map with more has its threshold in its noise."""


@dataclass(frozen=True)
class Findings:
    """Regions of an ``overlay`` above ``level``, in pixels of the picture, highest peak first.

    ``total`` counts those beyond ``MOST_REGIONS``, too. ``outline`` is (2k, 2) x, y of line segments;
    ``anchors`` are places x, y on top of each region, for its number. ``codes`` are the overlay's with
    0 where a region was too small to count (None: none was).
    """

    overlay: Overlay
    level: float
    min_region: int
    regions: tuple[Region, ...]
    total: int
    outline: NDArray[np.float32]
    anchors: tuple[tuple[float, float], ...]
    codes: NDArray[np.uint8] | None


def find(overlay: Overlay, level: float, min_region: int = 0) -> Findings:
    """Regions of at least ``min_region`` picture pixels.

    An overlay is smaller than a large picture; areas are then exact to one cell of the overlay.
    """
    from ad_desktop.export.record import without_small
    from ad_desktop.scoring.regions import find_regions

    values = overlay.values
    height, width = overlay.size
    rows, columns = values.shape
    cell = (height / rows) * (width / columns)
    smallest = math.ceil(min_region / cell - 1e-9)
    found = find_regions(values, level, smallest)
    listed = found[:MOST_REGIONS]
    regions = tuple(_scaled(region, height / rows, width / columns) for region in listed)
    tops = [_top(values, level, region) for region in listed]
    anchors = tuple((x * width / columns, y * height / rows) for x, y in tops)
    codes = None
    if smallest > 1:
        above = np.asarray(values > level)
        small = above & ~without_small(above, smallest)
        if small.any():
            values = np.where(small, np.float32(level), values)
            codes = np.where(small, np.uint8(0), overlay.codes)
    outline = overlay.outline(values, level)
    return Findings(overlay, level, min_region, regions, len(found), outline, anchors, codes)


def _top(values: NDArray[np.float32], level: float, region: Region) -> tuple[float, float]:
    """The middle of a region's topmost row, x, y."""
    top, left, _, right = region.bbox
    columns = np.flatnonzero(values[top, left:right] > level)
    return left + float(columns[len(columns) // 2]) + 0.5, float(top)


def _scaled(region: Region, tall: float, wide: float) -> Region:
    """The region in picture pixels, each cell of the map ``tall`` × ``wide`` of them."""
    if tall == wide == 1:
        return region
    top, left, bottom, right = region.bbox
    y, x = region.peak_yx
    return replace(
        region,
        area=round(region.area * tall * wide),
        peak_yx=(int((y + 0.5) * tall), int((x + 0.5) * wide)),
        bbox=(int(top * tall), int(left * wide), math.ceil(bottom * tall), math.ceil(right * wide)),
    )
