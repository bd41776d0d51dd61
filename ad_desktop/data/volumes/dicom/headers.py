"""Headers of DICOM files, read without their pixels (in the child process)."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ad_desktop.data.readers.base import UnreadableError
from ad_desktop.data.volumes.dicom.frames import Frame

_TIMES = (
    "TemporalPositionIdentifier", "TemporalPositionIndex", "AcquisitionNumber", "TriggerTime", "DiffusionBValue",
    "DiffusionGradientOrientation", "EchoTime", "EchoNumbers", "InversionTime", "FrameReferenceTime",
    "ImageIndex", "ContentTime", "AcquisitionTime",
)  # fmt: skip
_PET = (
    "Units", "CorrectedImage", "DecayCorrection", "SUVType", "PatientWeight", "SeriesDate", "SeriesTime",
    "AcquisitionDate", "AcquisitionTime", "RadiopharmaceuticalInformationSequence",
)  # fmt: skip
_PLAIN = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientName", "PatientID", "Modality",
    "SeriesDescription", "StudyDescription", "StudyDate", "FrameOfReferenceUID", "Rows", "Columns", "BitsAllocated",
    "SamplesPerPixel", "PhotometricInterpretation", "ImageType", "InstanceNumber", "PixelSpacing",
    "ImagerPixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept",
    "SliceThickness", "SpacingBetweenSlices", "PixelPaddingValue", "NumberOfFrames", "PerFrameFunctionalGroupsSequence",
    "SharedFunctionalGroupsSequence",
)  # fmt: skip
_PHILIPS = {"philips_suv": 0x70531000, "philips_activity": 0x70531009}
_GE_SCAN_TIME = 0x0009100D
_NOT_SCANS = frozenset({"SEG", "RTSTRUCT", "RTPLAN", "RTRECORD", "RTDOSE", "SR", "PR", "KO", "REG", "PLAN", "DOC"})
_IMPLICIT, _RAW = (
    "1.2.840.10008.1.2",
    frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"}),
)


def looks_like_dicom(path: Path) -> bool:
    """Whether the file carries DICOM's mark, or starts like a data set without one."""
    try:
        with path.open("rb") as stream:
            head = stream.read(132)
    except OSError:
        return False
    return head[128:132] == b"DICM" or (head[:2] in (b"\x08\0", b"\x02\0") and head[3:4] == b"\0" and len(head) > 8)


def read_frames(path: Path) -> list[Frame]:
    """The images that a file holds; none if it is DICOM without images that make a scan. ``UnreadableError``."""
    import pydicom
    from pydicom import config
    from pydicom.errors import InvalidDicomError

    config.settings.reading_validation_mode = config.IGNORE  # values are checked here
    try:
        data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_tags(), force=looks_like_dicom(path))
        syntax = str(getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", _IMPLICIT))
        # A plain dict is asked far faster than a data set, and most of the fifty elements are missing in most files.
        return list(_frames({element.keyword or int(element.tag): element.value for element in data}, syntax, path))
    except (UnreadableError, OSError):
        raise
    except InvalidDicomError as error:
        raise UnreadableError("it is no DICOM file, or its start is damaged") from error
    except RecursionError as error:
        raise UnreadableError("the DICOM file is damaged: it is nested too deeply") from error
    except Exception as error:
        raise UnreadableError(
            f"the DICOM file is damaged: {str(error).strip()[:120] or type(error).__name__}"
        ) from error


@cache
def _tags() -> list[Any]:
    """What is read of a file."""
    from pydicom.tag import Tag

    return [Tag(tag) for tag in (*_PLAIN, *_TIMES, *_PET, *_PHILIPS.values(), _GE_SCAN_TIME)]


def _frames(data: dict[Any, Any], syntax: str, path: Path) -> Iterator[Frame]:
    rows, columns = _integer(data, "Rows"), _integer(data, "Columns")
    modality = _text(data, "Modality")
    if modality in _NOT_SCANS or _text(data, "SOPClassUID") == "1.2.840.10008.1.3.10":
        return
    if "Rows" not in data and "Columns" not in data:
        if "SOPClassUID" not in data and "Modality" not in data:
            raise UnreadableError("the DICOM file is incomplete: it ends inside its header; copy it again")
        return
    if rows < 1 or columns < 1:
        raise UnreadableError(f"the DICOM file is damaged: it promises images of {columns} × {rows} pixels")
    count = max(1, _integer(data, "NumberOfFrames", 1))
    shared = _first(data, "SharedFunctionalGroupsSequence")
    groups = data.get("PerFrameFunctionalGroupsSequence") or []
    multi = "NumberOfFrames" in data and (count > 1 or len(groups) > 0)
    each = max(1, _integer(data, "BitsAllocated", 16) // 8)
    samples = max(1, _integer(data, "SamplesPerPixel", 1))
    _check_length(syntax, path, rows * columns * each * samples * count)
    if multi and groups and len(groups) < count:
        raise UnreadableError(f"the DICOM file is damaged: it promises {count} frames and describes {len(groups)}")
    common: dict[str, Any] = {
        "path": str(path), "uid": _text(data, "SOPInstanceUID"), "series": _text(data, "SeriesInstanceUID"),
        "study": _text(data, "StudyDescription") or _text(data, "StudyInstanceUID"),
        "patient": _text(data, "PatientName") or _text(data, "PatientID"), "modality": modality,
        "description": _text(data, "SeriesDescription"), "date": _text(data, "SeriesDate") or _text(data, "StudyDate"),
        "frame_of_reference": _text(data, "FrameOfReferenceUID"), "rows": rows, "columns": columns,
        "bytes_each": each, "samples": samples, "photometric": _text(data, "PhotometricInterpretation"),
        "padding": _number(data.get("PixelPaddingValue")), "pet": _pet(data) if modality == "PT" else {},
    }  # fmt: skip
    for index in range(count):
        places = [groups[index] if index < len(groups) else None, shared]
        yield Frame(
            **common, index=index if multi else None, **_own(data, places, index if multi and not groups else None)
        )


def _own(data: dict[Any, Any], places: list[Any], stacked: int | None) -> dict[str, Any]:
    """What differs between the frames of a file: from the frame's groups, the shared ones, or the file itself."""

    def find(sequence: str, name: str) -> Any:
        for place in places:
            item = _first(place, sequence) if place is not None else None
            if item is not None and name in item:
                return item.get(name)
        return data.get(name)

    position = _numbers(find("PlanePositionSequence", "ImagePositionPatient"), 3)
    spacing = _numbers(find("PixelMeasuresSequence", "PixelSpacing"), 2) or _numbers(data.get("ImagerPixelSpacing"), 2)
    scale = {name: find("PixelValueTransformationSequence", name) for name in ("RescaleSlope", "RescaleIntercept")}
    slope, intercept = (_number(value) for value in scale.values())
    times = {name: _plain(data.get(name)) for name in _TIMES if data.get(name) not in (None, "")}
    for sequence, name in (
        ("FrameContentSequence", "TemporalPositionIndex"), ("MRDiffusionSequence", "DiffusionBValue"),
        ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"), ("MREchoSequence", "EffectiveEchoTime"),
        ("FrameContentSequence", "StackID"),
    ):  # fmt: skip
        value = find(sequence, name)
        if value not in (None, ""):
            times[name] = _plain(value)
    kind = find("MRImageFrameTypeSequence", "FrameType") or find("CTImageFrameTypeSequence", "FrameType")
    kind = kind or data.get("ImageType")
    return {
        "position": position if stacked is None else None,
        "orientation": _numbers(find("PlaneOrientationSequence", "ImageOrientationPatient"), 6),
        "spacing": spacing if spacing is not None and min(spacing) > 0 else None,
        "slope": slope or 1.0,
        "intercept": intercept or 0.0,
        "doubt": _doubt(slope, intercept, scale),
        "thickness": _number(find("PixelMeasuresSequence", "SliceThickness")),
        "distance": _number(find("PixelMeasuresSequence", "SpacingBetweenSlices")),
        "image_type": tuple(str(word) for word in kind) if kind is not None and not isinstance(kind, str) else (),
        "instance": _integer(data, "InstanceNumber") if stacked is None else stacked,
        "times": times,
    }


def _doubt(slope: float | None, intercept: float | None, told: dict[str, Any]) -> str:
    """A slope or an intercept that cannot be meant."""
    words = []
    if slope == 0 or (slope is None and told["RescaleSlope"] not in (None, "")):
        words.append(f"its slope (0028,1053) is {told['RescaleSlope']}, 1 is used")
    if intercept is None and told["RescaleIntercept"] not in (None, ""):
        words.append(f"its intercept (0028,1052) is {told['RescaleIntercept']}, 0 is used")
    return " and ".join(words)


def _pet(data: dict[Any, Any]) -> dict[str, Any]:
    told = {name: _plain(data.get(name)) for name in _PET[:-1] if data.get(name) not in (None, "")}
    tracer = _first(data, "RadiopharmaceuticalInformationSequence")
    for name in (
        "RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime", "RadionuclideTotalDose",
        "RadionuclideHalfLife",
    ):  # fmt: skip
        if tracer is not None and tracer.get(name) not in (None, ""):
            told[name] = _plain(tracer.get(name))
    for name, tag in _PHILIPS.items():
        if tag in data:
            told[name] = _number(_unpacked(data[tag]))
    if _GE_SCAN_TIME in data:
        told["ge_scan_time"] = str(_unpacked(data[_GE_SCAN_TIME]))
    return told


def _unpacked(value: Any) -> Any:
    """A private value that came as bytes, as text."""
    return value.decode("latin-1").strip("\0 ") if isinstance(value, bytes) else value


def _check_length(syntax: str, path: Path, promised: int) -> None:
    """Uncompressed pixels have to fit into the file."""
    size = os.stat(path).st_size  # noqa: PTH116 - once for each of ten thousand files
    if syntax in _RAW and not syntax.endswith(".99") and promised > size:
        raise UnreadableError(
            f"the DICOM file is incomplete: it needs {promised:,} bytes of pixels, and has {size:,}; copy it again"
        )


def _first(data: Any, name: str) -> Any:
    items = data.get(name) if data is not None else None
    return items[0] if items else None


def _text(data: Any, name: str) -> str:
    value = data.get(name)
    return "" if value is None else str(value).strip()


def _integer(data: Any, name: str, otherwise: int = 0) -> int:
    value = _number(data.get(name))
    return otherwise if value is None else int(value)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _numbers(value: Any, count: int) -> Any:
    """So many finite numbers, or None."""
    try:
        found = tuple(_number(item) for item in value)
    except TypeError:
        return None
    return found if len(found) == count and None not in found else None


def _plain(value: Any) -> Any:
    """A text, a number, or a list of them."""
    if isinstance(value, str | int):
        return value
    if not isinstance(value, bytes) and hasattr(value, "__iter__"):
        return [_plain(item) for item in value]
    number = _number(value)
    return str(value) if number is None else number
