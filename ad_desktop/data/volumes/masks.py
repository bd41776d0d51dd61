"""Where in a scan the body is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.volume import HU, SUV, Array, Volume

Mask = NDArray[np.bool_]

COARSE_MM = 3.0
"""Masks are found on voxels of about this size: a body has no finer outline, and it takes a hundredth of the time."""
TISSUE_HU = -500.0
UPTAKE_SUV = 0.15
STRIPPED = (0.3, 0.8)
"""Set to 0 outside beforehand: at least this share of all voxels is 0, and this share of the others is body."""
BRAIN_MM = 2.0
"""Voxels that a brain is found on: its furrows are finer, but not its outline."""
CORE_MM, GROWN_MM, CLOSED_MM = 5.0, 6.5, 6.0
"""What is this far inside of tissue hangs together as the brain, and not with skin and eyes (4 mm do not do for some
heads); how far the brain reaches beyond it; and furrows that belong to it."""
FAT = 1.15
"""Times the 98th percentile of the head: brighter is fat."""
FAT_OF_BRAIN, FAT_SHARE = 1.7, 0.05
"""Times the median of what was taken for the inside of a brain: brighter is fat, too, and where it is more than this
share of it, more was taken than the brain (contrast medium, thick slices)."""
SAFE_MM, REGAINED_MM = 7.0, 4.5
"""Then only what is this far inside of tissue hangs together as the brain, and what lies this close to it."""
_BINS = 256


def body_mask(volume: Volume) -> Mask:
    """Where the body is, bool (z, y, x); true everywhere where none stands out.

    CT: above −500 HU, opened so that the table comes off. PET in SUV: above 0.15. Others: above Otsu's threshold.
    Of that the largest connected piece, its holes filled slice by slice. Where others were set to 0 outside
    beforehand (as a skull is stripped), all that is not 0.
    """
    from scipy import ndimage

    steps = _steps(volume, COARSE_MM)
    coarse = volume.array[:: steps[0], :: steps[1], :: steps[2]]
    inside = np.asarray(coarse > _level(volume, coarse))
    if volume.unit == HU and min(inside.shape) > 2:
        inside = ndimage.binary_opening(inside, iterations=1)
    body = _largest(inside)
    if body is None:
        return np.ones(volume.shape, bool)
    for piece in body:
        ndimage.binary_fill_holes(piece, output=piece)
    full = _full(body, steps, volume)
    kept = _kept(volume, full)
    return np.asarray(full if kept is None else kept, bool)


def brain_mask(volume: Volume) -> Mask:
    """Where the brain is in MR of a head whose fat is bright and whose skull is dark (T1), bool (z, y, x).

    The largest piece of what lies 5 mm inside of tissue (7 mm, without fat, where that takes in fat), grown again, its
    furrows closed. Where the skull was stripped, all that is not 0. ``ValueError`` for values in HU or SUV, and where
    there is no such piece.
    """
    from scipy import ndimage

    if volume.unit in (HU, SUV):
        raise ValueError(f"it is in {volume.unit}: brains are found in MR only")
    kept = _kept(volume, body_mask(volume))
    if kept is not None:
        return kept
    steps = _steps(volume, BRAIN_MM)
    values = volume.array[:: steps[0], :: steps[1], :: steps[2]]
    # Room for the brain to grow and be closed in.
    values = np.pad(np.nan_to_num(np.asarray(values, np.float32)), 8)
    sampling = [step * spacing for step, spacing in zip(steps, volume.spacing, strict=True)]
    level = otsu(volume.array)
    tissue = values > level
    if tissue.any():
        tissue &= values < FAT * np.percentile(values[tissue], 98)
    core = _largest(_deeper(tissue, CORE_MM, sampling))
    if core is None:
        raise ValueError("no brain stands out in it")
    fat = values > FAT_OF_BRAIN * np.median(values[core])
    if np.count_nonzero(fat & core) > FAT_SHARE * np.count_nonzero(core):
        tissue &= ~fat
        safe = _largest(_deeper(tissue, SAFE_MM, sampling))
        core = core if safe is None else _deeper(tissue, CORE_MM, sampling) & _wider(safe, REGAINED_MM, sampling)
    else:
        fat[:] = False
    brain = _wider(core, GROWN_MM, sampling) & (values > level / 2) & ~fat
    brain |= _deeper(_wider(brain, CLOSED_MM, sampling), CLOSED_MM, sampling)
    for piece in brain:
        ndimage.binary_fill_holes(piece, output=piece)
    return np.asarray(_full(brain[8:-8, 8:-8, 8:-8], steps, volume), bool)


def _largest(mask: Mask) -> Mask | None:
    """The largest connected piece; None where there is none."""
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    if not count:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == int(sizes.argmax()))


def _deeper(mask: Mask, depth_mm: float, sampling: list[float]) -> Mask:
    """Erosion by a ball."""
    from scipy import ndimage

    return np.asarray(ndimage.distance_transform_edt(mask, sampling) > depth_mm)


def _wider(mask: Mask, depth_mm: float, sampling: list[float]) -> Mask:
    """Dilation by a ball."""
    return ~_deeper(~mask, depth_mm, sampling)


def _steps(volume: Volume, coarse_mm: float) -> list[int]:
    return [max(1, round(coarse_mm / spacing)) for spacing in volume.spacing]


def _full(mask: Mask, steps: list[int], volume: Volume) -> Mask:
    """A mask of every so many voxels on all of them."""
    for axis, (step, length) in enumerate(zip(steps, volume.shape, strict=True)):
        # The voxel that was looked at stands for those around it.
        nearest = np.minimum((np.arange(length) + step // 2) // step, mask.shape[axis] - 1)
        mask = mask.take(nearest, axis=axis)
    return mask


def describe_body(unit: str) -> str:
    """How ``body_mask`` finds the body in scans of a unit, in words."""
    if unit == HU:
        level = f"above {TISSUE_HU:g} HU, opened so that the table comes off"
    elif unit == SUV:
        level = f"above SUV {UPTAKE_SUV:g}"
    else:
        level = "above Otsu's threshold (or, where everything else was set to 0 beforehand, what is not 0)"
    return f"the body: {level}; of that the largest piece, its holes filled slice by slice"


def _kept(volume: Volume, body: Mask) -> Mask | None:
    """What is not 0, of a scan that was set to 0 outside it; None for other scans."""
    if volume.unit in (HU, SUV):
        return None
    kept = np.asarray(volume.array != 0)
    count = np.count_nonzero(kept)
    stripped = 0 < count <= (1 - STRIPPED[0]) * kept.size and np.count_nonzero(body) >= STRIPPED[1] * count
    return kept if stripped else None


def _level(volume: Volume, values: Array) -> float:
    if volume.unit == HU:
        return TISSUE_HU
    if volume.unit == SUV:
        return UPTAKE_SUV
    return otsu(values)


def otsu(values: Array) -> float:
    """The threshold that splits values into two classes of least spread (Otsu 1979), from a histogram of 256 bins."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size or finite.min() == finite.max():
        return -np.inf
    # The few brightest voxels would squeeze everything else into a handful of bins.
    counts, edges = np.histogram(finite, _BINS, (finite.min(), np.percentile(finite, 99.9) + 1e-12))
    middle = (edges[:-1] + edges[1:]) / 2
    below, sums = np.cumsum(counts), np.cumsum(counts * middle)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][int(np.nanargmax(between[:-1]))])
