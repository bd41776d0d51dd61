"""Normal scans cut into parts, across the body, for methods that learn slices from anywhere in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.base import NormalScan

Mask = NDArray[np.bool_]

PART_MM = 30.0
"""About how thick a part is: thin enough for one scan to give enough of them, and thick against a slice."""
FEWEST = 2
"""Slices of a part."""


@dataclass(frozen=True)
class ScanPart(VolumeSample):
    """Slices ``first`` to ``last`` (0-based, inclusive) of a scan, across the body."""

    first: int = 0
    last: int = 0

    @property
    def key(self) -> str:
        """The scan's key with ``#FIRST:LAST``, counted from 1."""
        return f"{super().key}#{self.first + 1}:{self.last + 1}"


def parts_of(sample: VolumeSample, volume: Volume, examined: Mask, left_out: Mask | None) -> Iterator[NormalScan]:
    """A scan in parts of about 30 mm that show nothing of ``left_out`` (z, y, x), each where it is ``examined``."""
    axis = 2 - int(np.argmax(np.abs(volume.affine[2, :3])))
    others = tuple(other for other in range(3) if other != axis)
    shown = examined if left_out is None else examined & ~left_out.any(axis=others, keepdims=True)
    free = np.asarray(shown.any(axis=others))
    for run in _runs(free):
        thick = volume.spacing[axis]
        count = max(1, round(len(run) * thick / PART_MM))
        for part in np.array_split(run, min(count, max(1, len(run) // FEWEST))):
            if len(part) < FEWEST:
                continue
            first, last = int(part[0]), int(part[-1])
            cut = [slice(None)] * 3
            cut[axis] = slice(first, last + 1)
            place = tuple(cut)
            affine = volume.affine.copy()
            affine[:3, 3] += affine[:3, 2 - axis] * first
            told = ScanPart(sample.path, sample.page, sample.series, sample.part, first=first, last=last)
            thin = Volume(volume.array[place], affine, volume.unit, volume.modality, partners=volume.partners)
            yield NormalScan(told, thin, examined[place])


def _runs(free: Mask) -> list[NDArray[np.intp]]:
    """Where consecutive slices are free."""
    index = np.flatnonzero(free)
    return [run for run in np.split(index, np.flatnonzero(np.diff(index) > 1) + 1) if len(run)]
