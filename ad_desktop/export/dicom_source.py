"""The DICOM files of a scan, in the order of its slices."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ad_desktop.data.samples import Sample, VolumeSample
from ad_desktop.data.volumes.candidates import has_mark
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.errors import InputError

TOLERANCE = 0.05
"""How far, in voxels, a file's position may be from the slice it is taken for."""


NO_SERIES = "it is no DICOM series, which a DICOM result has to refer to: export NIfTI instead"


class Source(NamedTuple):
    """Where a scan came from: ``images`` are its headers (pydicom datasets), one per file.

    ``slices`` holds, for each frame of all images in order, the slice (z) of the scan that it is.
    """

    images: list[Any]
    slices: list[int]


def is_dicom(sample: Sample) -> bool:
    """Whether a scan came from a DICOM series or a multi-frame DICOM file."""
    return isinstance(sample, VolumeSample) and (sample.path.is_dir() or has_mark(sample.path))


def source_of(volume: Volume) -> Source:
    """The files that the slices of ``volume`` came from; each is a frame of its own, or of one multi-frame file.

    ``InputError`` where the scan did not come from DICOM files of which each frame is one slice of the array.
    """
    sample = volume.source
    if sample is None or not is_dicom(sample):
        raise InputError("the scan" if sample is None else sample.path, NO_SERIES)
    if not sample.path.is_dir():
        return _of_frames(volume, sample)
    found: dict[int, Any] = {}
    for header in _headers(sample):
        number = _slice_at(volume, header.ImagePositionPatient)
        if number is not None and (header.Rows, header.Columns) == volume.shape[1:]:
            found[number] = header
    if set(found) != set(range(volume.shape[0])):
        raise InputError(
            sample.path,
            f"it has {volume.shape[0]} slices, but {len(found)} files lie where they should: a DICOM result needs each "
            "slice to be a file of the series; export NIfTI instead",
        )
    return Source([found[number] for number in range(volume.shape[0])], list(range(volume.shape[0])))


def _of_frames(volume: Volume, sample: VolumeSample) -> Source:
    """One file whose frame, or whose functional groups, say where each frame lies."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        header = pydicom.dcmread(sample.path, stop_before_pixels=True)
        if "NumberOfFrames" in header:
            groups = header.PerFrameFunctionalGroupsSequence
            places = [group.PlanePositionSequence[0].ImagePositionPatient for group in groups]
        else:
            places = [header.ImagePositionPatient]
    except (InvalidDicomError, OSError, AttributeError, IndexError) as error:
        raise InputError(
            sample.path, f"its frames do not say where they lie ({error}): export NIfTI instead"
        ) from error
    slices = [_slice_at(volume, place) for place in places]
    known = [number for number in slices if number is not None]
    if sorted(known) != list(range(volume.shape[0])) or len(known) != len(slices):
        raise InputError(
            sample.path, "a DICOM result needs each frame of a multi-frame file to say where it lies, and to be one "
            "slice of the scan: export NIfTI instead",
        )  # fmt: skip
    return Source([header], known)


def _slice_at(volume: Volume, position: Any) -> int | None:
    """The slice whose first voxel lies at an LPS position; None where there is none."""
    x, y, z = volume.index(np.asarray(position, float))
    number = round(float(z))
    return None if max(abs(x), abs(y), abs(z - number)) > TOLERANCE else number


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
