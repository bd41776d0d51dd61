"""The slice of a scan with the highest score under its anomaly map, as a DICOM Secondary Capture of its study."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from ad_desktop import __version__
from ad_desktop.export.dicom_source import source_of
from ad_desktop.export.registry import VolumeExporter
from ad_desktop.export.volume_record import VolumeRecord
from ad_desktop.export.writers.key_slice import key_slice

DIRECTIONS = {"axial": ("L", "P"), "coronal": ("L", "F"), "sagittal": ("P", "F")}
"""Where the rows and the columns of a picture go to."""


def secondary_capture(record: VolumeRecord) -> Any:
    """The dataset, 8-bit RGB; ``InputError`` where there is no series whose study it could belong to."""
    import highdicom
    from highdicom.sc import SCImage
    from pydicom.uid import ExplicitVRLittleEndian

    source = source_of(record.volume)
    index, picture = key_slice(record)
    verdict = "above" if record.pred_label else "not above"
    with warnings.catch_warnings():
        # highdicom warns of names in the source that are not quite to the standard.
        warnings.simplefilter("ignore")
        image = SCImage.from_ref_dataset(
            ref_dataset=source.images[0], pixel_array=picture, photometric_interpretation="RGB", bits_allocated=8,
            coordinate_system="PATIENT", patient_orientation=DIRECTIONS[record.axis],
            series_instance_uid=highdicom.UID(), series_number=901, sop_instance_uid=highdicom.UID(),
            instance_number=1, manufacturer="AD Desktop", transfer_syntax_uid=ExplicitVRLittleEndian,
        )  # fmt: skip
    image.ManufacturerModelName, image.SoftwareVersions = record.model or "AD Desktop", __version__
    image.SeriesDescription = f"Anomaly map ({record.model}), research use only"[:64]
    image.DerivationDescription = (
        f"{record.axis} slice {index + 1} under the anomaly map of {record.model or 'AD Desktop'}; anomaly score "
        f"{record.anomaly_score:.4g}, {verdict} the threshold {record.threshold:.4g}. Research use only."
    )
    return image


def _write(record: VolumeRecord, path: Path) -> None:
    secondary_capture(record).save_as(path)


EXPORTER = VolumeExporter("dicom-sc", "Key slices (DICOM Secondary Capture)", "key_slice.sc.dcm", _write)
