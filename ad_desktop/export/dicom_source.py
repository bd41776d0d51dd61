"""The DICOM files of a scan, in the order of its slices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.errors import InputError

TOLERANCE = 0.05
"""How far, in voxels, a file's position may be from the slice it is taken for."""


def source_slices(volume: Volume) -> list[Any]:
    """The headers (pydicom datasets) of the files that the slices of ``volume`` came from, for each z one.

    ``InputError`` where the scan did not come from single-frame DICOM files of which each is one slice of the array.
    """
    sample = volume.source
    if sample is None or not sample.path.is_dir():
        path = "the scan" if sample is None else sample.path
        raise InputError(path, "it is no DICOM series, which a DICOM result has to refer to: export NIfTI instead")
    found: dict[int, Any] = {}
    for header in _headers(sample):
        x, y, z = volume.index(np.asarray(header.ImagePositionPatient, float))
        number = round(z)
        if max(abs(x), abs(y), abs(z - number)) > TOLERANCE or (header.Rows, header.Columns) != volume.shape[1:]:
            continue
        found[number] = header
    if set(found) != set(range(volume.shape[0])):
        raise InputError(
            sample.path,
            f"it has {volume.shape[0]} slices, but {len(found)} files lie where they should: a DICOM result needs each "
            "slice to be a file of the series; export NIfTI instead",
        )
    return [found[number] for number in range(volume.shape[0])]


def _headers(sample: VolumeSample) -> list[Any]:
    import pydicom
    from pydicom.errors import InvalidDicomError

    headers = []
    for path in sorted(Path(sample.path).rglob("*")):
        if not path.is_file():
            continue
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except (InvalidDicomError, OSError):
            continue
        series = str(header.get("SeriesInstanceUID", ""))
        if "ImagePositionPatient" in header and "Rows" in header and sample.series in ("", series):
            headers.append(header)
    return headers
