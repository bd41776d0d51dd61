"""Which of the series in a folder the RTSTRUCT and SEG files beside them were drawn on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ad_desktop.data.volumes.dicom.drawings import Drawing

if TYPE_CHECKING:
    from ad_desktop.data.volumes.opening import SeriesInfo


def with_outlines(series: Sequence[SeriesInfo], drawings: Sequence[Drawing]) -> list[SeriesInfo]:
    """The series, each with the files that were drawn on it.

    That is the series a file names, or, where it is not there (a crop has a UID of its own), the only one of its frame
    of reference that lies nearest to it in the folders. A series in several parts gets none: nothing says which part
    was drawn on.
    """
    owned: dict[str, list[Path]] = {}
    for drawing in drawings:
        owner = _owner(drawing, series)
        if owner is not None and owner.sample.part is None:
            owned.setdefault(owner.sample.key, []).append(Path(drawing.path))
    return [replace(info, outlines=tuple(owned.get(info.sample.key, ()))) for info in series]


def _owner(drawing: Drawing, series: Sequence[SeriesInfo]) -> SeriesInfo | None:
    named = [info for info in series if info.sample.series and info.sample.series in drawing.series]
    if named:
        return named[0] if len(named) == 1 else None
    near = [info for info in series if info.frame_of_reference and info.frame_of_reference in drawing.frames]
    shared = [_shared(drawing.path, info.sample.path) for info in near]
    nearest = [info for info, depth in zip(near, shared, strict=True) if depth == max(shared)]
    return nearest[0] if len(nearest) == 1 else None


def _shared(drawing: str, scan: Path) -> int:
    """How many folders two paths have in common."""
    return len(Path(os.path.commonpath([Path(drawing).absolute(), scan.absolute()])).parts)
