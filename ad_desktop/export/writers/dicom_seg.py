"""The regions of a scan as a DICOM Segmentation that refers to the source series, one segment for each region.

Coded after SNOMED CT: category morphologically abnormal structure, type lesion. Beyond 200 regions there is
one segment for all of them: viewers list segments one by one.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ad_desktop import __version__
from ad_desktop.errors import InputError
from ad_desktop.export.dicom_source import source_of
from ad_desktop.export.registry import VolumeExporter
from ad_desktop.export.volume_record import VolumeRecord

MOST_SEGMENTS = 200


def segmentation(record: VolumeRecord) -> Any:
    """The dataset; without any region it has one empty segment. ``InputError`` where there is nothing to refer to."""
    import highdicom
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentationTypeValues, SegmentDescription
    from pydicom.sr.codedict import codes
    from pydicom.uid import ExplicitVRLittleEndian

    if record.map_threshold is None:
        raise InputError(record.path, "there are no regions, because the model has no threshold for its maps")
    source = source_of(record.volume)
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=record.model or "AD Desktop", family=codes.DCM.ArtificialIntelligence, version=__version__,
        source="AD Desktop",
    )  # fmt: skip
    count = len(record.regions)
    together = count > MOST_SEGMENTS or not count
    names = ["Anomaly"] if together else [f"Anomaly {region.label}" for region in record.regions]
    described = [
        SegmentDescription(
            segment_number=number, segment_label=name,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion, algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
        )
        for number, name in enumerate(names, 1)
    ]  # fmt: skip
    labels = record.labels[source.slices]
    pixels = (labels > 0).astype(np.uint8) if together else labels.astype(np.uint16)
    with warnings.catch_warnings():
        # highdicom warns of an empty segmentation and of names in the source that are not quite to the standard.
        warnings.simplefilter("ignore")
        return highdicom.seg.Segmentation(
            source_images=source.images, pixel_array=pixels, segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=described, series_instance_uid=highdicom.UID(), series_number=900,
            sop_instance_uid=highdicom.UID(), instance_number=1, manufacturer="AD Desktop",
            manufacturer_model_name=record.model or "AD Desktop", software_versions=__version__,
            device_serial_number="0", content_description="Anomalies, research use only", content_label="ANOMALIES",
            series_description=f"Anomalies ({record.model}), research use only"[:64],
            transfer_syntax_uid=ExplicitVRLittleEndian, omit_empty_frames=bool(count),
        )  # fmt: skip


def _write(record: VolumeRecord, path: Path) -> None:
    segmentation(record).save_as(path)


EXPORTER = VolumeExporter("dicom-seg", "Regions (DICOM SEG)", "pred_mask.seg.dcm", _write)
