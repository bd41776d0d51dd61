"""The anomaly map of a scan: float32 NIfTI with the scan's affine."""

from __future__ import annotations

from pathlib import Path

from ad_desktop.export.nifti import write_nifti
from ad_desktop.export.registry import VolumeExporter
from ad_desktop.export.volume_record import VolumeRecord


def _write(record: VolumeRecord, path: Path) -> None:
    write_nifti(record.anomaly_map, record.volume, path, f"anomaly map, {record.model}; research use only")


EXPORTER = VolumeExporter("map", "Anomaly maps (NIfTI)", "anomaly_map.nii.gz", _write)
