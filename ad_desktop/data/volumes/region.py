"""A connected region of a scan, as tables list it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class VolumeRegion:
    """One 26-connected region of voxels above the threshold.

    ``label`` counts from 1 in order of falling peak and is the region's number in the label map. ``centroid`` and
    ``peak_position`` are LPS in mm; ``peak_index`` is the voxel (z, y, x) of the first of the highest map values.
    ``peak`` and ``mean`` are of the map, ``value_mean`` and ``value_max`` of the scan, in ``unit``.
    """

    label: int
    voxels: int
    volume_ml: float
    centroid: tuple[float, float, float]
    peak_position: tuple[float, float, float]
    peak_index: tuple[int, int, int]
    peak: float
    mean: float
    value_mean: float
    value_max: float
    unit: str

    def json_object(self) -> dict[str, Any]:
        """The region as a JSON object."""
        return asdict(self)
