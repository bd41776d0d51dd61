"""RTSTRUCT and SEG files, as far as telling which series they were drawn on needs them (in the child process)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = frozenset({"RTSTRUCT", "SEG"})
OURS = "AD Desktop"
"""The manufacturer of what this program writes: findings, not truth."""
_TAGS = (
    "Modality", "Manufacturer", "FrameOfReferenceUID", "ReferencedSeriesSequence", "ReferencedFrameOfReferenceSequence",
    "StructureSetROISequence",
)  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """A file of outlines; ``series`` are the UIDs of those it names, ``frames`` of the frames of reference."""

    path: str
    series: tuple[str, ...]
    frames: tuple[str, ...]

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Drawing:
        """The drawing that ``dataclasses.asdict`` and JSON made lists of."""
        return cls(told["path"], tuple(told["series"]), tuple(told["frames"]))


def read_drawing(path: Path) -> Drawing | None:
    """What an RTSTRUCT or SEG refers to; None for other files, damaged ones, and what this program wrote."""
    import pydicom

    try:
        data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
        if data.get("Modality") not in KINDS or str(data.get("Manufacturer", "")).strip() == OURS:
            return None
        return Drawing(str(path), tuple(dict.fromkeys(_series(data))), tuple(dict.fromkeys(_frames(data))))
    except Exception:
        # Whatever is wrong with it: its scan opens all the same.
        return None


def _series(data: Any) -> Iterator[str]:
    for item in data.get("ReferencedSeriesSequence") or ():
        yield str(item.get("SeriesInstanceUID", ""))
    for frame in data.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for item in study.get("RTReferencedSeriesSequence") or ():
                yield str(item.get("SeriesInstanceUID", ""))


def _frames(data: Any) -> Iterator[str]:
    yield str(data.get("FrameOfReferenceUID") or "")
    for frame in data.get("ReferencedFrameOfReferenceSequence") or ():
        yield str(frame.get("FrameOfReferenceUID") or "")
    for roi in data.get("StructureSetROISequence") or ():
        yield str(roi.get("ReferencedFrameOfReferenceUID") or "")
