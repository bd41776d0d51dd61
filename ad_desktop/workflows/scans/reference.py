"""What the normal scans show at each place of a head, and any scan laid over it before slices are cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.evening import evened, usual_quantiles
from ad_desktop.data.volumes.placement import place
from ad_desktop.data.volumes.registration import Coarse, coarse, register, shifted
from ad_desktop.data.volumes.resampling import resample
from ad_desktop.data.volumes.volume import Affine, Array, Volume
from ad_desktop.errors import InputError

Mask = NDArray[np.bool_]
FloatArray = NDArray[np.float32]

MARGIN_MM = 6.0
"""Around the mask of the scan that the grid is made for: other heads reach a little further."""
LEAST_OVERLAP, DOUBTED = 0.6, 0.85
"""Of a scan's mask with that of the normal scans (Dice): below the first it shows something else; heads have 0.93 and
more."""
HALF = 0.5
LEAST_SHARE = 0.05
"""Slices with less of the body than this share of the fullest one do not show it."""
LOWEST, HIGHEST = -0.2, 1.6
"""Scaled values are cut here, so that no implant drowns the rest."""


@dataclass(frozen=True, eq=False)
class Laid:
    """A scan on the grid of the normal scans, and where of it is looked at (z, y, x).

    ``to_scan`` takes voxel indices (x, y, z, 1) of the grid to LPS of the scan as it was; ``remark`` says what a user
    should know of how it came to lie there.
    """

    volume: Volume
    mask: Mask
    to_scan: Affine
    remark: str


@dataclass(frozen=True, eq=False)
class Reference:
    """The mean of normal scans that were laid over one of them, (z, y, x), NaN where none of them has anything.

    ``affine`` takes its voxel indices (x, y, z, 1) to LPS of that scan. ``usual`` are the quantiles that scans are
    brought to when they are made even; none where they are not.
    """

    mean: FloatArray
    affine: Affine
    usual: FloatArray

    @cached_property
    def inside(self) -> Mask:
        """Where any normal scan has something, (z, y, x): parts of a face lie beyond."""
        return np.asarray(np.isfinite(self.mean))

    @property
    def even(self) -> bool:
        """Whether scans are made as even as the normal ones."""
        return len(self.usual) > 0

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance in mm between voxels along (z, y, x)."""
        return Volume(self.mean, self.affine).spacing

    @cached_property
    def _coarse(self) -> Coarse:
        return coarse(Volume(np.nan_to_num(self.mean), self.affine), self.inside)

    def lay(self, volume: Volume, mask: Mask, path: Path) -> Laid:
        """A scan on this grid, as even as the normal scans; ``InputError`` where it does not show the same.

        Where no good transform is found, it is shifted and stretched along the patient's axes, and has a remark.
        """
        volume, whole, to_scan, failed = self.placed(volume, mask, path)
        overlap = 2 * np.count_nonzero(whole & self.inside) / (np.count_nonzero(whole) + np.count_nonzero(self.inside))
        if overlap < LEAST_OVERLAP:
            raise InputError(
                path, f"what is looked at has {overlap:.0%} in common with the normal scans when laid over them: it "
                "shows something else, or its mask is wrong (choose align=none for scans of different parts)",
            )  # fmt: skip
        remark = ""
        if failed or overlap < DOUBTED:
            remark = f"It could be laid over the normal scans with {overlap:.0%} in common only"
            remark += f" ({failed}): what is marked may come from that." if failed else "."
        seen = whole & self.inside
        if self.even:
            mean = np.nan_to_num(self.mean)
            even = evened(scaled(volume.array, seen), seen, mean, self.usual, self.spacing)
            volume = volume.with_array(even.image)
        return Laid(volume, seen, to_scan, remark)

    def placed(self, volume: Volume, mask: Mask, path: Path) -> tuple[Volume, Mask, Affine, str]:
        """A scan and its whole mask on this grid, the grid's affine to the scan, and what failed on the way there."""
        if not np.isfinite(volume.array).all():
            raise InputError(path, "it has values that are no finite numbers: fill them")
        try:
            own = coarse(volume, mask)
        except ValueError as error:
            raise InputError(path, f"it cannot be laid over the normal scans: {error}") from error
        failed = ""
        try:
            found = register(self._coarse, own)
        except ValueError as error:
            found, failed = shifted(self._coarse.place, own.place), str(error)
        to_scan = found @ self.affine
        z, y, x = self.mean.shape
        whole = resample(mask.astype(np.float32), volume.affine, to_scan, (z, y, x)) > HALF
        values = resample(volume.array, volume.affine, to_scan, (z, y, x))
        return Volume(values, self.affine, volume.unit, volume.modality), whole, to_scan, failed

    def describe(self) -> str:
        """In words, for notes and ``info``."""
        even = " and made as even as these" if self.even else ""
        return (
            f"Scans are laid over the mean of the normal ones (turned, shifted, stretched){even}. What lies where none "
            "of these has anything is passed over."
        )

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What a model file keeps as arrays."""
        return {"mean": self.mean.astype(np.float16), "usual": self.usual}

    @classmethod
    def from_state(cls, affine: Sequence[Sequence[float]], tensors: Mapping[str, NDArray[Any]]) -> Reference:
        """What was kept."""
        mean, usual = (np.asarray(tensors[name], np.float32) for name in ("mean", "usual"))
        if mean.ndim != 3 or usual.ndim != 1 or not np.isfinite(mean).any():
            raise ValueError("what normal scans are laid over")
        return cls(mean, np.asarray(affine, np.float64).reshape(4, 4), usual)


@dataclass(frozen=True, eq=False)
class Normal:
    """A normal scan, its body (z, y, x), and what of that is in the slices to look at."""

    sample: VolumeSample
    volume: Volume
    body: Mask
    chosen: Mask


def make_reference(
    scans: Iterable[Normal], first: Normal, spacing: Sequence[float], axis: int, even: bool
) -> tuple[Reference, tuple[int, int]]:
    """The mean of normal scans and their bodies laid over the ``first``, on ``spacing`` (z, y, x) in mm.

    Beside it, the first and the last slice along array ``axis`` that half of them show. Scans that do not come to lie
    there have no part in either.
    """
    one = Reference(*_on_grid(first.volume, first.body, spacing), np.empty(0, np.float32))
    total, count = np.zeros(one.mean.shape, np.float32), np.zeros(one.mean.shape, np.int32)
    images, masks, shown = [], [], np.zeros(one.mean.shape[axis], int)
    for scan in scans:
        try:
            laid, whole, to_scan, failed = one.placed(scan.volume, scan.body, scan.sample.path)
        except InputError:
            continue
        if failed:
            continue
        images.append(scaled(laid.array, whole))
        masks.append(whole)
        total += np.where(whole, images[-1], 0)
        count += whole
        seen = whole & (resample(scan.chosen, scan.volume.affine, to_scan, laid.shape, nearest=True) > 0)
        areas = np.count_nonzero(seen, axis=tuple(other for other in range(3) if other != axis))
        shown += areas > LEAST_SHARE * areas.max()
    if not masks:
        raise InputError(first.sample.path, "none of the normal scans comes to lie on it: choose align=none")
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    usual = usual_quantiles(images, masks) if even else np.empty(0, np.float32)
    shared = np.flatnonzero(shown >= max(1.0, len(masks) / 2))
    # As a model file keeps it, so that scores are the same before and after.
    mean = mean.astype(np.float16).astype(np.float32)
    return Reference(mean, one.affine, usual), (int(shared[0]), int(shared[-1]))


def scaled(values: Array, mask: Mask) -> FloatArray:
    """Values with the 1st and 99th percentile inside a mask at 0 and 1, cut a little beyond."""
    low, high = np.percentile(values[mask], (1, 99))
    return np.asarray(np.clip((values - low) / ((high - low) or 1), LOWEST, HIGHEST), np.float32)


def _on_grid(volume: Volume, mask: Mask, spacing: Sequence[float]) -> tuple[FloatArray, Affine]:
    """The scaled scan, NaN outside its mask, on a grid along the patient's axes around it."""
    where, step = place(mask, volume.affine), np.asarray(spacing, np.float64)[::-1]
    count = np.ceil(2 * (where.reach + MARGIN_MM) / step).astype(int) + 1
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = where.centre - step * (count - 1) / 2
    x, y, z = (int(length) for length in count)
    inside = resample(mask.astype(np.float32), volume.affine, affine, (z, y, x)) > HALF
    values = scaled(resample(volume.array, volume.affine, affine, (z, y, x)), inside)
    return np.where(inside, values, np.nan).astype(np.float32), affine
