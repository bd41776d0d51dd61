"""The regions of a scan above the map's threshold: int16 NIfTI label map with the scan's affine."""

from __future__ import annotations

from pathlib import Path

from ad_desktop.errors import InputError
from ad_desktop.export.nifti import write_nifti
from ad_desktop.export.registry import VolumeExporter
from ad_desktop.export.volume_record import VolumeRecord


def _write(record: VolumeRecord, path: Path) -> None:
    if record.map_threshold is None:
        raise InputError(record.path, "there is no mask, because the model has no threshold for its anomaly maps")
    write_nifti(record.labels, record.volume, path, f"regions, {record.model}; research use only")


EXPORTER = VolumeExporter("mask", "Region labels (NIfTI)", "pred_mask.nii.gz", _write)
