"""Which kinds of export are offered for what."""

from __future__ import annotations

from ad_desktop.workflows.export import export_kinds

TABLES = {"csv": "Table (CSV)", "json": "Table (JSON)", "jsonl": "Table (JSON lines)"}
PICTURES = {"map": "Anomaly maps (32-bit TIFF)", "mask": "Masks (PNG)", "overlay": "Overlay pictures (PNG)"}
SCANS = {"map": "Anomaly maps (NIfTI)", "mask": "Region labels (NIfTI)", "overlay": "Key slices (PNG)"}
DICOM = {"dicom-sc": "Key slices (DICOM Secondary Capture)", "dicom-seg": "Regions (DICOM SEG)"}


def test_pictures_are_offered_no_dicom() -> None:
    assert export_kinds(scans=False) == PICTURES | TABLES


def test_scans_are_offered_theirs() -> None:
    assert export_kinds(pictures=False) == SCANS | DICOM | TABLES


def test_both_together() -> None:
    assert export_kinds() == PICTURES | DICOM | TABLES
