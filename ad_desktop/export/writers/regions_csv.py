"""Regions of a scan as CSV for spreadsheets: one line each, positions LPS in mm (x to the left, y back, z up)."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from ad_desktop.data.volumes.region import VolumeRegion
from ad_desktop.export.registry import VolumeExporter
from ad_desktop.export.volume_record import VolumeRecord

_COLUMNS = (
    "label", "volume_ml", "voxels", "centroid_x_mm", "centroid_y_mm", "centroid_z_mm", "peak_x_mm", "peak_y_mm",
    "peak_z_mm", "peak", "mean", "value_mean", "value_max", "unit",
)  # fmt: skip


def _write(record: VolumeRecord, path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(_COLUMNS)
        writer.writerows(_line(region) for region in record.regions)


def _line(region: VolumeRegion) -> list[Any]:
    return [
        region.label, region.volume_ml, region.voxels, *region.centroid, *region.peak_position, region.peak,
        region.mean, region.value_mean, region.value_max, region.unit,
    ]  # fmt: skip


EXPORTER = VolumeExporter("csv", "Regions (CSV)", "regions.csv", _write)
