"""Connected regions of an anomaly map above a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Region:
    """One 8-connected region of pixels above the threshold.

    ``label`` counts from 1 in order of falling peak. ``area`` in pixels; ``peak`` and ``mean`` in the
    map's units; ``peak_yx`` the (row, column) of the first pixel with the peak value; ``bbox`` is
    (top, left, bottom, right), the last two exclusive.
    """

    label: int
    area: int
    peak: float
    peak_yx: tuple[int, int]
    bbox: tuple[int, int, int, int]
    mean: float


def find_regions(anomaly_map: NDArray[np.floating], threshold: float, min_area: int = 0) -> list[Region]:
    """The 8-connected regions where ``anomaly_map`` (H×W) > ``threshold``, highest peak first.

    Regions of fewer than ``min_area`` pixels are left out. NaN pixels belong to no region.
    """
    from scipy import ndimage

    labels, count = ndimage.label(anomaly_map > threshold, structure=np.ones((3, 3), bool))
    if count == 0:
        return []
    where = np.flatnonzero(labels)
    label_of = labels.ravel()[where] - 1
    values = anomaly_map.ravel()[where].astype(np.float64)
    area = np.bincount(label_of, minlength=count)
    mean = np.bincount(label_of, values, minlength=count) / area
    peak = np.full(count, -np.inf)
    np.maximum.at(peak, label_of, values)
    at_peak = np.flatnonzero(values == peak[label_of])
    first = at_peak[np.unique(label_of[at_peak], return_index=True)[1]]
    rows, columns = np.unravel_index(where[first], anomaly_map.shape)
    boxes = ndimage.find_objects(labels)
    kept = [i for i in np.argsort(-peak, kind="stable").tolist() if area[i] >= min_area]
    return [
        Region(
            label=number,
            area=int(area[i]),
            peak=float(peak[i]),
            peak_yx=(int(rows[i]), int(columns[i])),
            bbox=(boxes[i][0].start, boxes[i][1].start, boxes[i][0].stop, boxes[i][1].stop),
            mean=float(mean[i]),
        )
        for number, i in enumerate(kept, 1)
    ]
