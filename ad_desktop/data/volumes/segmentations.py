"""Segments of a DICOM SEG as a mask on a scan's voxels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.volume import Volume
from ad_desktop.errors import InputError

LEAST_FRACTION = 0.5
"""From this value on, a voxel of a fractional segment counts."""


def segmentation_volume(path: Path, frame_of_reference: str) -> Volume:
    """Where any segment is, as 0 and 1 on the segmentation's own voxels, which may be fewer than the scan's.

    ``InputError`` for a file that is no SEG, lies in another frame of reference, or whose frames are no stack.
    """
    import highdicom

    try:
        told = highdicom.seg.segread(path)
        marked, affine = _union(told)
    except OSError as error:
        raise InputError(path, f"it cannot be read: {error}") from error
    except Exception as error:
        # Whatever highdicom, pydicom and their decoders find wrong with a damaged file.
        raise InputError(path, f"it is no DICOM SEG that can be read: {error}") from error
    own = str(told.get("FrameOfReferenceUID", ""))
    if own and frame_of_reference and own != frame_of_reference:
        raise InputError(path, "it was made in another frame of reference than that of the scan")
    # highdicom counts (slice, row, column), and lies in LPS as we do.
    return Volume(marked, affine[:, [2, 1, 0, 3]])


def _union(told: Any) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Voxels in any segment, and highdicom's affine of them."""
    if str(told.SegmentationType) != "FRACTIONAL":
        # As one label map: overlaps do not matter for their union.
        found = told.get_volume(combine_segments=True, skip_overlap_checks=True)
        return (np.asarray(found.array) > 0).astype(np.uint8), np.asarray(found.affine, np.float64)
    found, marked = None, None
    for number in told.segment_numbers:
        found = told.get_volume(segment_numbers=[number])
        one = np.asarray(found.array)[..., 0] >= LEAST_FRACTION
        marked = one if marked is None else marked | one
    if found is None or marked is None:
        raise ValueError("it has no segments")
    return marked.astype(np.uint8), np.asarray(found.affine, np.float64)
