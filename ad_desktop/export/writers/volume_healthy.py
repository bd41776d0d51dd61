"""A scan with healthy appearance painted over what does not belong: float32 NIfTI with the scan's affine."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ad_desktop.export.nifti import write_nifti
from ad_desktop.export.registry import VolumeExporter
from ad_desktop.export.volume_record import VolumeRecord


def _write(record: VolumeRecord, path: Path) -> None:
    assert record.residual is not None  # noqa: S101 - meant for these only
    healthy = np.asarray(record.volume.array, np.float32) - record.residual
    write_nifti(healthy, record.volume, path, f"pseudo-healthy scan, {record.model}; research use only")


EXPORTER = VolumeExporter(
    "map", "Pseudo-healthy scans (NIfTI)", "pseudo_healthy.nii.gz", _write, lambda record: record.residual is not None
)
