"""Connected regions of a scan's anomaly map above a threshold, with their place in the patient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.region import VolumeRegion
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.scoring.marking import Marking

MOST = np.iinfo(np.int16).max
"""How many regions a label map of 16 bits can hold; the weakest are left out."""


def find_volume_regions(
    anomaly_map: NDArray[np.float32], threshold: float, volume: Volume, marking: Marking | None = None
) -> tuple[NDArray[np.int16], list[VolumeRegion]]:
    """The label map (z, y, x) and the regions where ``anomaly_map`` > ``threshold``, highest peak first.

    Both leave out what ``marking`` does. NaN voxels belong to no region.
    """
    found, count = (marking or Marking()).regions(anomaly_map, threshold, volume)
    labels = np.zeros(anomaly_map.shape, np.int16)
    if not count:
        return labels, []
    where = np.flatnonzero(found)
    owner = found.ravel()[where] - 1
    values = anomaly_map.ravel()[where].astype(np.float64)
    own = volume.array.ravel()[where].astype(np.float64)
    voxels = np.bincount(owner, minlength=count)
    z, y, x = np.unravel_index(where, anomaly_map.shape)
    middle = np.stack([np.bincount(owner, axis, minlength=count) / voxels for axis in (x, y, z)], axis=1)
    peak, top = (_highest(owner, each, count) for each in (values, own))
    at_peak = np.flatnonzero(values == peak[owner])
    first = at_peak[np.unique(owner[at_peak], return_index=True)[1]]
    means = [np.bincount(owner, each, minlength=count) / voxels for each in (values, own)]
    kept = np.argsort(-peak, kind="stable").tolist()[:MOST]
    number = np.zeros(count, np.int16)
    number[kept] = np.arange(1, len(kept) + 1)
    labels.ravel()[where] = number[owner]
    regions = []
    for i in kept:
        index = (int(z[first[i]]), int(y[first[i]]), int(x[first[i]]))
        regions.append(
            VolumeRegion(
                int(number[i]), int(voxels[i]), float(voxels[i] * volume.voxel_ml), _position(volume, middle[i]),
                _position(volume, index[::-1]), index, float(peak[i]), float(means[0][i]), float(means[1][i]),
                float(top[i]), volume.unit,
            )
        )  # fmt: skip
    return labels, regions


def _highest(owner: NDArray[np.intp], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    highest = np.full(count, -np.inf)
    np.maximum.at(highest, owner, values)
    return highest


def _position(volume: Volume, index: Any) -> tuple[float, float, float]:
    x, y, z = volume.position(index)
    return float(x), float(y), float(z)
