"""A scan less its healthy appearance: float32 NIfTI with the scan's affine, in the scan's unit."""

from __future__ import annotations

from pathlib import Path

from ad_desktop.export.nifti import write_nifti
from ad_desktop.export.registry import VolumeExporter
from ad_desktop.export.volume_record import VolumeRecord


def _write(record: VolumeRecord, path: Path) -> None:
    assert record.residual is not None  # noqa: S101 - meant for these only
    write_nifti(
        record.residual, record.volume, path, f"scan less healthy appearance, {record.model}; research use only"
    )


EXPORTER = VolumeExporter(
    "map", "Residuals (NIfTI)", "residual.nii.gz", _write, lambda record: record.residual is not None
)
